"""Small searches of the digits, and what they must expect of a net, in plain Python."""

import math
from importlib.metadata import EntryPoint
from types import SimpleNamespace

from scipy.stats import norm

from zeroshot.accuracy.features import features
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.scoring import plugins

ENGINE = "tflm-cmsis-nn"
SMALL = {"nets": 40, "shortlist": 3, "latency": "15ms", "batch": 8, "jobs": 1, "engine": ENGINE, "escalation": 1.0}
STATIC = {"nets": 40, "shortlist": 0, "jobs": 1, "engine": ENGINE, "escalation": 1.0}


def expected(rows, nets, anchor, prior, scores=None):
    """Accuracies from score rows, in plain Python: mean log rank, sizes matched to it, the line, ties shared.

    `scores` holds each proxy's scores that are evidence on their own, net by net.
    """
    n = len(rows)
    fused = [0.0] * n
    for column in zip(*rows, strict=True):
        value = [-math.inf if math.isnan(x) else x for x in column]
        for i, x in enumerate(value):
            rank = sum(y < x for y in value) + (sum(y == x for y in value) + 1) / 2
            fused[i] += math.log(rank / n) / len(rows[0])
    fused = [round(x, 12) for x in fused]
    known = features(layer_table(spec_array([NetSpec.parse(net) for net in nets]), 1, 10))
    own = [
        sum(t.weight * min(max((known[t.feature][i] - t.centre) / t.scale, -3), 3) for t in prior.terms)
        for i in range(n)
    ]
    for each in prior.evidence:
        beyond = [x - each.slope * size for x, size in zip(scores[each.proxy], own, strict=True)]
        steps = [(x - sum(beyond) / n) / each.scale for x in beyond]
        own = [size + each.weight * min(max(step, -3), 3) for size, step in zip(own, steps, strict=True)]
    capacity = sorted(own)
    order = sorted(fused)
    shift = prior.task_slope * (norm.ppf(anchor) - norm.ppf(prior.reference))
    out = []
    for x, size in zip(fused, own, strict=True):
        shared = [c for c, y in zip(capacity, order, strict=True) if y == x]
        mu = prior.intercept + (1 - prior.trust) * size + prior.trust * sum(shared) / len(shared) + shift
        out.append(min(max(norm.cdf(mu), 0.1), 0.999))
    return out


def with_proxy(monkeypatch, *proxies):
    """Install proxies the way a third party does: by an entry point that names a table."""
    monkeypatch.setattr(EntryPoint, "load", lambda self, load=EntryPoint.load: (
        SimpleNamespace(PROXIES=proxies) if self.name == "extra" else load(self)))  # fmt: skip
    builtin = tuple(plugins.entry_points(group=plugins.GROUP))
    extra = EntryPoint("extra", "somewhere", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: (*builtin, extra))
