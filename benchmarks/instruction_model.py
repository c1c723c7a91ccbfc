"""The c99 engine's instruction model against emulated layers: prints Markdown; needs the extra `mcu`.

Random nets of the mcu space are quantised with random numbers, exported in pairs, built for a Cortex-M4 and emulated.
Nets with even numbers fit the coefficients of each operator class, the others test them; the engine that ships is then
compared with all. A net's layers end at -128, as after a ReLU whose zero point is there: other clamps cost three
instructions an output more.
"""

import sys
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls

from benchmarks.script import Arguments, exit_code, parser, show
from zeroshot.cost.arena import arena_bytes
from zeroshot.cost.boards import load_board
from zeroshot.cost.counts import macs
from zeroshot.cost.engines import CLASSES, load_engine
from zeroshot.cost.latency import FIRST_CONV_CHANNELS, layer_instructions
from zeroshot.cost.nets import net_costs
from zeroshot.firmware.answers import Images
from zeroshot.firmware.c_cascade import Cascade
from zeroshot.firmware.c_model import model_bytes
from zeroshot.firmware.device import Device
from zeroshot.firmware.pack import pack
from zeroshot.firmware.plan import plan_arena
from zeroshot.firmware.toolchain import find_toolchain
from zeroshot.int8.net import Int8Net
from zeroshot.int8.random import random_images, random_int8_net
from zeroshot.net import COLUMNS, OPS, LayerTable, NetSpec, layer_table, same_padding, spec_of
from zeroshot.runs.folder import processor
from zeroshot.spaces.mcu import McuSpace
from zeroshot.types import FloatArray

RESOLUTIONS = (8, 12, 16, 20, 24, 28, 32, 40, 48)
SMALLEST, LARGEST = 2e4, 4e6  # MACs of a net
# Terms of each class, in the order of the columns of `terms`.
TERMS = ("MAC", "output", "pixel", "tap", "value", "edge tap", "edge value", "row", "weight", "input")
USED = {
    "conv": (0, 1, 2, 3, 4, 5), "first_conv": (0, 1, 2, 3, 4, 5, 6), "pointwise": (0, 1, 2, 4), "linear": (0, 1, 2, 4),
    "depthwise": (0, 1, 7, 8, 9), "add": (0,), "avgpool": (0, 1),
}  # fmt: skip


@dataclass
class Emulated:
    """One net: its layers and what they cost."""

    net: Int8Net
    instructions: FloatArray


def drawn(rng: np.random.Generator) -> NetSpec:
    while True:
        space = McuSpace(resolutions=(int(rng.choice(RESOLUTIONS)),))
        values = space.sample(8, rng, stages=int(rng.integers(2, 5)))
        found = macs(layer_table(values, 3, 10))
        fitting = np.flatnonzero((found > SMALLEST) & (found < LARGEST))
        if len(fitting):
            return spec_of(values[fitting[0]])


def emulate(pairs: int, seed: int) -> list[Emulated]:
    rng, toolchain, out = np.random.default_rng(seed), find_toolchain(), []
    for i in range(pairs):
        channels, classes = int(rng.choice([1, 3, 3])), int(rng.choice([2, 10, 10, 100]))
        nets = []
        for _ in range(2):
            net = random_int8_net(drawn(rng), channels, classes, i)
            nets.append(replace(net, relu=np.zeros_like(net.relu)))
        little = random_images(nets[0], 1, 0)
        cascade = Cascade(nets[0], nets[1], (0,) * classes)
        images = Images(little, little if cascade.shares_input else random_images(nets[1], 1, 0))
        needs = Device(cascade, "cortex-m4", toolchain).needs(images)
        for net, counted in zip(nets, (needs.little, needs.big), strict=True):
            out.append(Emulated(net, np.array(counted, float)))
        print(f"pair {i + 1} of {pairs}", file=sys.stderr)
    return out


def kind_of(row: dict[str, int]) -> str:
    op = OPS[row["op"]]
    return "first_conv" if op == "conv" and row["in_channels"] < FIRST_CONV_CHANNELS else op


def terms(row: dict[str, int], block: int) -> list[float]:
    """What a kernel does for one layer, written plainly; see `zeroshot.cost.engines.Engine`."""
    op = OPS[row["op"]]
    pixels = row["out_height"] * row["out_width"]
    computed = -(-pixels // block) * block if op in ("conv", "pointwise", "linear") else pixels
    taps = pixels * row["kernel_h"] * row["kernel_w"]
    weights = row["kernel_h"] * row["kernel_w"] * row["in_channels"] // row["groups"] * row["out_channels"]
    work = {"add": pixels * row["out_channels"], "avgpool": taps * row["in_channels"]}.get(op, computed * weights)
    before, _ = same_padding(row["height"], row["kernel_h"], row["stride"])
    starts = [o * row["stride"] - before for o in range(row["out_height"])]
    inside = sum(s >= 0 and s + row["kernel_h"] <= row["height"] for s in starts) ** 2
    edge = (pixels - inside) * row["kernel_h"] * row["kernel_w"]
    return [
        work, computed * row["out_channels"], pixels, taps, taps * row["in_channels"], edge, edge * row["in_channels"],
        row["out_height"] * row["in_channels"], weights, row["height"] * row["width"] * row["in_channels"],
    ]  # fmt: skip


def rows_of(table: LayerTable) -> list[dict[str, int]]:
    return [dict(zip(COLUMNS, map(int, row), strict=True)) for row in table.rows]


def error(predicted: FloatArray, counted: FloatArray) -> tuple[str, str, str]:
    relative = predicted / counted - 1
    worst = relative[np.abs(relative).argmax()]
    return f"{np.abs(relative).mean():.2%}", f"{relative.mean():+.2%}", f"{worst:+.1%}"


def main(arguments: Arguments = None) -> None:
    options = parser("instruction_model", __doc__)
    options.add_argument("--pairs", type=int, default=24, help="pairs of random nets")
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args(arguments)
    engine = load_engine("c99")
    nets = emulate(given.pairs, given.seed)
    rows = [row for each in nets for row in rows_of(each.net.table)]
    counted = np.concatenate([each.instructions for each in nets])
    number = np.repeat(np.arange(len(nets)), [len(each.instructions) for each in nets])
    kinds = np.array([kind_of(row) for row in rows])
    design = np.array([terms(row, engine.block) for row in rows])
    shipped = np.concatenate([layer_instructions(each.net.table, engine) for each in nets])
    print(
        f"# Instructions of the generated C\n\n{len(rows)} layers of {len(nets)} random nets of the mcu space, seed "
        f"{given.seed}, {find_toolchain().name}, emulated Cortex-M4 with DSP instructions; run on {processor()}."
    )
    fitted, lines, coefficients = np.zeros(len(rows)), [], []
    for kind in CLASSES:
        mine, columns = kinds == kind, list(USED[kind])
        train = mine & (number % 2 == 0)
        constant = engine.layer_instructions
        scaled = design[np.ix_(train, columns)] / counted[train, None]
        found, _ = nnls(scaled, 1 - constant / counted[train])
        fitted[mine] = design[np.ix_(mine, columns)] @ found + constant
        test = mine & (number % 2 == 1)
        share = f"{counted[mine].sum() / counted.sum():.1%}"
        errors = (*error(fitted[test], counted[test]), *error(shipped[mine], counted[mine]))
        lines.append((kind, str(mine.sum()), share, *errors))
        each = ", ".join(f"{TERMS[c]} {f:.3g}" for c, f in zip(columns, found, strict=True))
        coefficients.append((kind, each))
    held = number % 2 == 1
    lines.append(("all", str(len(rows)), "100%", *error(fitted[held], counted[held]), *error(shipped, counted)))
    header = ("class", "layers", "share", "held out: MAPE", "bias", "worst", "shipped: MAPE", "bias", "worst")
    show("Layers", header, lines)
    show("Coefficients fitted here", ("class", "instructions for each"), coefficients)
    whole = np.array([each.instructions.sum() for each in nets])
    totals = [np.array([each[number == i].sum() for i in range(len(nets))]) for each in (fitted, shipped)]
    odd = np.arange(len(nets)) % 2 == 1
    table = [("held out", *error(totals[0][odd], whole[odd])), ("shipped engine, all nets", *error(totals[1], whole))]
    show("Whole nets", ("", "MAPE", "bias", "worst"), table)
    memory(nets)


def memory(nets: list[Emulated]) -> None:
    """Arena and model bytes that the cost model says, beside those of the plan and of the generated constants."""
    engine, board = load_engine("c99"), load_board("nucleo-f446re")
    tables = [each.net.table for each in nets]
    arena = np.array([int(arena_bytes(table, "in-place")[0]) for table in tables], float)
    planned = np.array([plan_arena((table,), shared_input=False).bytes for table in tables], float)
    flash = np.array([int(net_costs(table, board, engine).flash[0]) for table in tables], float)
    exported = np.array([model_bytes(pack(each.net)) for each in nets], float)
    rows = [("arena", *error(arena, planned)), ("flash of the model", *error(flash, exported))]
    show("Memory", ("", "MAPE", "bias", "worst"), rows)


if __name__ == "__main__":
    sys.exit(exit_code(main))
