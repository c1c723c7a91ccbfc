"""The memory map of a pair's shared arena: which bytes each tensor has, from which layer to which."""

from dataclasses import dataclass

from zeroshot.cost.arena import lifetimes, scratch_bytes
from zeroshot.firmware.plan import NetPlan, plan_arena
from zeroshot.net import LayerTable, NetSpec
from zeroshot.reporting.contents import Contents
from zeroshot.reporting.scales import Chart, chart
from zeroshot.runs import layout
from zeroshot.runs.rows import PredictedPair
from zeroshot.units import kib

KIB = 1024


@dataclass(frozen=True)
class Tensor:
    """A rectangle of the map, pixels; what it is, and what it shows when asked."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    text: str


@dataclass(frozen=True)
class Arena:
    """The map: axes, rectangles, the pixel where the big net begins, and a sentence."""

    chart: Chart
    tensors: list[Tensor]
    big: float
    note: str


def arena_of(found: Contents, pair: PredictedPair) -> Arena:
    """The arena of a pair as the generated C plans it; errors as `Contents.task`."""
    tables = found.table(pair.little), found.table(pair.big)
    shared = NetSpec.parse(pair.little).resolution == NetSpec.parse(pair.big).resolution
    plan = plan_arena(tables, shared_input=shared)
    steps = [len(table.rows) for table in tables]
    labels = "layers of the little net, then of the big net", "place in the arena, KiB"
    drawn = chart((0, sum(steps)), (0, plan.bytes / KIB), labels)
    little = _tensors(drawn, "little", tables[0], plan.nets[0], 0)
    tensors = [*little[1 if shared else 0 :], *_tensors(drawn, "big", tables[1], plan.nets[1], steps[0])]
    whose, row = ("little", "big")[plan.tightest[0]], plan.tightest[1] + 1
    engine = found.config.get("engine")
    other = "" if engine == "c99" else f" The run's SRAM figures are of {engine}, which plans otherwise."
    if found.config.get(layout.FRONT_END) is not None:
        other += " Firmware that starts from samples keeps its picture and more of the past."
    return Arena(drawn, tensors, drawn.x.at(steps[0]), (
        f"{kib(plan.bytes)} as the generated C plans it; layer {row} of the {whose} net needs most.{other}"
    ))  # fmt: skip


def _tensors(drawn: Chart, role: str, table: LayerTable, plan: NetPlan, start: int) -> list[Tensor]:
    """The input, the outputs and the scratch of a net whose first layer is this step; an input waits from step 0."""
    columns = (column.tolist() for column in lifetimes(table))
    found = []
    for t, (size, first, last) in enumerate(zip(*columns, strict=True)):
        place, steps = (plan.tensors[t], size), (start + first if t else 0, start + last)
        what = f"output of layer {t}" if t else "input"
        found.append(_tensor(drawn, place, steps, role if t else "input", f"{role} net, {what}"))
    for r, size in enumerate(scratch_bytes(table).tolist()):
        if size:
            place, steps = (plan.scratch[r], size), (start + r, start + r)
            found.append(_tensor(drawn, place, steps, "scratch", f"{role} net, scratch of layer {r + 1}"))
    return found


def _tensor(drawn: Chart, place: tuple[int, int], steps: tuple[int, int], kind: str, what: str) -> Tensor:
    left, right = drawn.x.at(steps[0]), drawn.x.at(steps[1] + 1)
    top, bottom = (drawn.y.at(end / KIB) for end in (place[0] + place[1], place[0]))
    text = f"{what}: {place[1]:,} bytes at {place[0]:,}"
    return Tensor(left, top, round(right - left, 1), round(max(bottom - top, 0.5), 1), kind, text)
