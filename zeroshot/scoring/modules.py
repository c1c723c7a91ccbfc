"""Scores of any `torch.nn.Module`: static proxies on its traced layers, probed ones on its passes over the data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zeroshot import data as datasets
from zeroshot.data import Dataset
from zeroshot.errors import UsageError, ZeroshotError
from zeroshot.net import LayerTable
from zeroshot.options import takes_options
from zeroshot.probing.probe import Probe, Proxy, Score, evaluate
from zeroshot.resolution import Resolution, at_side
from zeroshot.scoring.options import ScoreOptions
from zeroshot.scoring.plugins import load_proxies, with_parts
from zeroshot.scoring.population import (
    Batches,
    NetScores,
    ProbeImages,
    joined,
    probe_images,
    score_aggregate,
    score_static,
)
from zeroshot.workers import torch_threads

if TYPE_CHECKING:
    from torch import nn

ALONE = "it ranks the nets of a population; score two or more together"


@dataclass(frozen=True)
class _Found:
    """What one net gives: its probed scores, and its layers or the reason why it has none."""

    scores: dict[str, Score]
    table: LayerTable | None
    untraced: str = ""


@takes_options(ScoreOptions, "data")
def score(module: "nn.Module", options: ScoreOptions) -> dict[str, Score]:
    """Score one net of your own: `score(net, "digits", proxies=["zico", "macs"])`.

    Probed proxies look at the weights that the module has. Nearly all were published for nets at their
    initialisation: on trained weights they measure something else, and nets can be compared only if they start
    alike. `fresh` starts a copy the way that searched nets start.

    Args:
        module: From images (batch, channels, height, width) float to logits (batch, classes), on the CPU. It is
            left bit for bit as it was, gradients, modes and flags too.
        options: What it is scored with, and on what.

    Returns:
        Name -> score, in the order asked. A score that is undefined for the net is NaN and its status says why;
        so is a static one if the net has operators that no LayerTable describes, and an aggregate always,
        because it ranks several nets: see `score_many`.

    Raises:
        UsageError: Unknown proxy, a value out of range, or a net that cannot be run on these images.
        DataError: The data cannot be used.

    >>> from torch import nn
    >>> net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    >>> score(net, "digits", proxies=["macs", "az_nas"])["macs"]
    Score(value=2672.0, status='ok')
    """
    (only,) = _score({"": module}, options)
    return dict(only.scores)


@takes_options(ScoreOptions, "data")
def score_many(modules: "Mapping[str, nn.Module] | Sequence[nn.Module]", options: ScoreOptions) -> list[NetScores]:
    """Score several nets on the same images, and as one population for aggregates.

    Scores of a net do not depend on the other nets, those of aggregates apart. A net on which a part of an
    aggregate is undefined ranks as the aggregate's protocol says; one whose layers cannot be traced does not
    take part in aggregates of static proxies.

    Args:
        modules: Nets by name, or nets, which are then called `net 1`, `net 2`, ...
        options: As for `score`.

    Returns:
        One entry a net, in the order given.

    Raises:
        UsageError: As `score`; the message names the net.
        DataError: The data cannot be used.
    """
    named = modules if isinstance(modules, Mapping) else {f"net {i}": net for i, net in enumerate(modules, 1)}
    return _score(named, options)


def scored_at(dataset: Dataset, side: int | None) -> Resolution:
    """The size that images of a data set are brought to: their own, or with this shorter side."""
    return dataset.resolution if side is None else at_side(dataset.resolution, side)


def _score(modules: "Mapping[str, nn.Module]", options: ScoreOptions) -> list[NetScores]:
    chosen = load_proxies(None if options.proxies == ("all",) else options.proxies)
    needed = with_parts(chosen)
    data, seed = options.data, options.seed
    dataset = data if isinstance(data, Dataset) else datasets.load(str(data), seed)
    dataset = dataset.squared() if options.square else dataset
    images = probe_images(dataset, scored_at(dataset, options.resolution), options.batch, options.batches, needed, seed)
    found: list[_Found] = []
    with torch_threads(1):
        for name, module in modules.items():
            try:
                found.append(_one(module, images, needed, dataset.classes, seed, options.fresh))
            except ZeroshotError as error:
                if not name:
                    raise
                raise type(error)(f"{name}: {error.message}", error.hint) from error
    columns = _with_static(found, needed)
    columns |= {proxy.name: _aggregate(proxy, found, columns) for proxy in chosen if proxy.parts}
    return [NetScores(name, {p.name: columns[p.name][i] for p in chosen}) for i, name in enumerate(modules)]


def _one(
    module: "nn.Module", images: ProbeImages, needed: Sequence[Proxy], classes: int, seed: int, fresh: bool
) -> _Found:  # fmt: skip
    from zeroshot.scoring._fresh_weights import check_runs, renewed

    check_runs(module, images.batches[0][0], classes if any(p.needs_labels for p in needed) else 0, seed)
    probed = [p for p in needed if p.cost != "static"]
    net = renewed(module, seed) if fresh and probed else module
    dtype = next(p.dtype for p in module.parameters() if p.is_floating_point())
    batches, readout = ([(x.to(dtype), y) for x, y in some] for some in (images.batches, images.readout))
    scores = evaluate(probed, Probe(net, batches, seed, readout)) if probed else {}
    if len(probed) == len(needed):
        return _Found(scores, None)
    try:
        return _Found(scores, _traced(module, images.batches))
    except UsageError as error:
        return _Found(scores, None, f"its layers cannot be traced: {error.message}")


def _traced(module: "nn.Module", images: Batches) -> LayerTable:
    import torch

    from zeroshot.tracing.trace import trace

    _, channels, height, width = images[0][0].shape
    with torch.random.fork_rng(devices=[]):
        return trace(module, (channels, height, width))


def _with_static(found: Sequence[_Found], needed: Sequence[Proxy]) -> dict[str, list[Score]]:
    """Proxy -> the score of each net; static proxies see all the nets that could be traced in one call."""
    columns = {p.name: [each.scores[p.name] for each in found] for p in needed if p.cost != "static"}
    static = [p for p in needed if p.cost == "static"]
    tables = [each.table for each in found if each.table is not None]
    values = iter(score_static(joined(tables), static)) if static and tables else iter(())
    rows = [next(values) if each.table is not None else None for each in found]
    for i, proxy in enumerate(static):
        columns[proxy.name] = [
            Score(math.nan, each.untraced) if row is None else _checked(row[i])
            for each, row in zip(found, rows, strict=True)
        ]
    return columns


def _aggregate(proxy: Proxy, found: Sequence[_Found], columns: Mapping[str, Sequence[Score]]) -> list[Score]:
    """One aggregate over the nets that can take part."""
    static = any(p.cost == "static" for p in load_proxies(proxy.parts))
    members = [i for i, each in enumerate(found) if each.table is not None or not static]
    if len(members) < 2:
        return [Score(math.nan, ALONE if i in members else each.untraced) for i, each in enumerate(found)]
    out = [Score(math.nan, each.untraced) for each in found]
    values = score_aggregate(proxy, {name: np.array([columns[name][i].value for i in members]) for name in proxy.parts})
    for i, value in zip(members, values, strict=True):
        out[i] = _checked(value, "it is undefined where its parts are")
    return out


def _checked(value: float, reason: str = "") -> Score:
    return Score(float(value)) if math.isfinite(value) else Score(math.nan, reason or f"the score is {value}")
