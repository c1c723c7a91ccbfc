"""Small searches of the digits, and what they must expect of a net, in plain Python."""

import math
from importlib.metadata import EntryPoint
from types import SimpleNamespace

from scipy.stats import norm

from zeroshot.accuracy.features import features
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.scoring import plugins

from ..conftest import ANCHOR

ENGINE = "tflm-cmsis-nn"
# Candidates of all kinds, spread over latency, not only good ones.
DRAWN = {"nets": 40, "strategy": "random", "jobs": 1, "engine": ENGINE, "escalation": 1.0}
SMALL = DRAWN | {"shortlist": 3, "latency": "15ms", "batch": 8}
STATIC = DRAWN | {"shortlist": 0}


def expected(rows, nets, prior, scores=None):
    """Accuracies on digits from score rows, in plain Python: mean log rank, sizes matched to it, the line, ties shared.

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
    own = [sum(t.weight * (known[t.feature][i] - t.centre) / t.scale for t in prior.terms) for i in range(n)]
    level = prior.level
    images = math.log10(1438) - 4
    factor = max(0.2, level.factor + level.factor_images * images)
    # 30 epochs of 16 steps: 1,294 images in batches of 80.
    intercept = level.base + level.anchor * norm.ppf(ANCHOR) + level.images * images
    intercept += level.steps * (math.log10(480) - 4)
    of_layers = own
    for each in prior.evidence:
        values = [math.log(x) if each.logarithm else x for x in scores[each.proxy]]
        beyond = [x - each.slope * size for x, size in zip(values, of_layers, strict=True)]
        steps = [(x - sum(beyond) / n) / each.scale for x in beyond]
        own = [size + each.weight * min(max(step, -3), 3) for size, step in zip(own, steps, strict=True)]
    capacity = sorted(own)
    order = sorted(fused)
    out = []
    for x, size in zip(fused, own, strict=True):
        shared = [c for c, y in zip(capacity, order, strict=True) if y == x]
        believed = (1 - prior.trust) * size + prior.trust * sum(shared) / len(shared)
        mu = intercept + factor * believed
        out.append(min(max(norm.cdf(mu), 0.1), 0.999))
    return out


def with_proxy(monkeypatch, *proxies):
    """Install proxies the way a third party does: by an entry point that names a table."""
    monkeypatch.setattr(EntryPoint, "load", lambda self, load=EntryPoint.load: (
        SimpleNamespace(PROXIES=proxies) if self.name == "extra" else load(self)))  # fmt: skip
    builtin = tuple(plugins.entry_points(group=plugins.GROUP))
    extra = EntryPoint("extra", "somewhere", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: (*builtin, extra))
