"""The way from a net's widths to smaller ones: which width shrinks next, until a target is met."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, log

import numpy as np

from zeroshot.errors import InfeasibleError
from zeroshot.net import NET_FIELDS, STAGE_FIELDS, LayerTable, NetSpec, layer_table, spec_array, spec_of
from zeroshot.pruning._channels import Wiring, structure, table_of
from zeroshot.pruning.target import WRITTEN, Target
from zeroshot.types import FloatArray, Int32Array

_STEM, _HEAD, _STAGE_EXPANSION, _STAGE_WIDTH = 1, 4, 2, 3  # columns of a spec array, the last two of a stage


@dataclass(frozen=True)
class _Knob:
    """One number that can shrink, or several that a residual sum keeps equal.

    Attributes:
        columns: Of the spec array.
        values: What they may be, descending; the first is the source's.
    """

    columns: tuple[int, ...]
    values: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A net between the source and the smallest one.

    Attributes:
        state: For each knob the number of its value.
        spec: The net.
        costs: By name.
        worth: Sum over the groups of log(sum of the scores of the channels that it keeps).
    """

    state: tuple[int, ...]
    spec: NetSpec
    costs: dict[str, float]
    worth: float


def shrink(
    spec: NetSpec, wiring: Wiring, saliency: Sequence[FloatArray], target: Target, multiple: int, image: tuple[int, int]
) -> NetSpec:
    """Shrink one width after the other until the target is met.

    Each step takes the width whose shrinking loses the least importance for each part of the unmet costs that it
    saves. What a step loses is the sum over the groups that it narrows of log(sum of the scores of the channels
    kept before / after it): a share of what is left, so that a width that has lost much becomes dear. The last step
    often saves more than it must; widths then grow again while the target allows, the most worthy first.

    Args:
        spec: The net.
        wiring: Of it.
        saliency: For each group (channels,), not negative.
        target: Upper limits.
        multiple: Widths shrink to multiples of this, and not below it.
        image: Channels of an image, and number of classes.

    Raises:
        InfeasibleError: No width can shrink any more before the target is met.
    """
    space = _Space(spec, wiring, saliency, target, multiple, image)
    net = source = space.source()
    while unmet := target.unmet(net.costs):
        smaller = space.neighbours(net, +1)
        if not smaller:
            raise _infeasible(net, target, unmet)
        net = min(smaller, key=lambda each: _price(net, each, source, unmet))
    limited = [name for name, limit in target.limits().items() if isfinite(limit)]
    while larger := [each for each in space.neighbours(net, -1) if not target.unmet(each.costs)]:
        net = max(larger, key=lambda each: _price(each, net, source, limited))
    return net.spec


def _price(large: _Candidate, small: _Candidate, source: _Candidate, names: list[str]) -> tuple[float, float]:
    """Importance lost for each part of the source's costs that is saved; of equal prices the one that saves more."""
    saved = sum((large.costs[name] - small.costs[name]) / source.costs[name] for name in names)
    return ((large.worth - small.worth) / saved if saved > 0 else inf), -saved


def _infeasible(net: _Candidate, target: Target, unmet: list[str]) -> InfeasibleError:
    lines = [f"{WRITTEN[k](net.costs[k])} {k} where {WRITTEN[k](target.limits()[k])} were asked for" for k in unmet]
    return InfeasibleError(
        f"Pruning cannot meet the target. The smallest net that it reaches, {net.spec}, has {', '.join(lines)}.",
        "Raise the target, lower the multiple, or start from a net with fewer layers or a lower resolution.",
    )


class _Space:
    """All candidates: the nets between the source and the smallest one."""

    def __init__(
        self, spec: NetSpec, wiring: Wiring, saliency: Sequence[FloatArray], target: Target, multiple: int,
        image: tuple[int, int],
    ) -> None:  # fmt: skip
        self.spec, self.wiring, self.target, self.image = spec, wiring, target, image
        self.row = spec_array([spec])[0]
        self.knobs = _knobs(spec, self.row, multiple)
        self.kept = [_kept_sums(scores) for scores in saliency]
        self.table = table_of(spec, *image)
        self.structure = structure(self.table)

    def source(self) -> _Candidate:
        """The net that is pruned."""
        return self._candidate((0,) * len(self.knobs), self.spec, self.table)

    def at(self, state: tuple[int, ...]) -> _Candidate | None:
        """The candidate at a state; None where it would be of another structure than the source.

        Where a block's input and output become equally wide it would get, or lose, a residual sum that the source
        was not trained with; an expansion of 1 has no expanding convolution.
        """
        row = self.row.copy()
        for knob, number in zip(self.knobs, state, strict=True):
            row[list(knob.columns)] = knob.values[number]
        table = layer_table(row[None], *self.image)
        return self._candidate(state, spec_of(row), table) if np.array_equal(structure(table), self.structure) else None

    def _candidate(self, state: tuple[int, ...], spec: NetSpec, table: LayerTable) -> _Candidate:
        worth = sum(log(sums[n]) for sums, n in zip(self.kept, self.wiring.sizes(table), strict=True))
        return _Candidate(state, spec, self.target.costs(table), worth)

    def neighbours(self, net: _Candidate, direction: int) -> list[_Candidate]:
        """For each knob the nearest net with a smaller (+1) or larger (-1) value."""
        nearest = []
        for i, knob in enumerate(self.knobs):
            numbers = range(net.state[i] + direction, len(knob.values) if direction > 0 else -1, direction)
            nets = (self.at((*net.state[:i], number, *net.state[i + 1 :])) for number in numbers)
            nearest.append(next((each for each in nets if each is not None), None))
        return [each for each in nearest if each is not None]


def _knobs(spec: NetSpec, row: Int32Array, multiple: int) -> list[_Knob]:
    """Stem and stages (one knob where residual sums tie them), head, expansions, in this order."""
    start = [NET_FIELDS + STAGE_FIELDS * i for i in range(len(spec.stages))]
    runs = [[_STEM]]
    for stage, column in zip(spec.stages, (each + _STAGE_WIDTH for each in start), strict=True):
        tied = stage.block in "bm" and stage.stride == 1 and stage.width == row[runs[-1][-1]]
        runs = [*runs[:-1], [*runs[-1], column]] if tied else [*runs, [column]]
    widths = [*runs, [_HEAD]] if spec.head else runs
    knobs = [_Knob(tuple(run), _values(int(row[run[0]]), multiple)) for run in widths]
    expansions = [(column + _STAGE_EXPANSION, int(row[column + _STAGE_EXPANSION])) for column in start]
    return [*knobs, *(_Knob((column,), _values(value, 1)) for column, value in expansions)]


def _values(value: int, multiple: int) -> tuple[int, ...]:
    """The value, and all multiples below it."""
    return value, *range((value - 1) // multiple * multiple, 0, -multiple)


def _kept_sums(scores: FloatArray) -> FloatArray:
    """Sum of the n highest scores, for n from 0 to all; equal scores where nothing matters, or everything alike."""
    if not scores.sum() > 0:
        scores = np.ones(len(scores))
    return np.concatenate([[0.0], np.cumsum(np.sort(scores)[::-1])])
