"""The cost model against measurements: prints Markdown tables; needs ZEROSHOT_DATA (folder with `mcu/`).

Every table names the engine that was measured. Fits used the rows marked "fit"; the other rows are a check.
"""

import csv
import gzip
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.script import Arguments, data_folder, exit_code, parser, show
from zeroshot.cost.boards import Board, load_board
from zeroshot.cost.engines import Engine, load_engine
from zeroshot.cost.latency import instructions, latency_ms
from zeroshot.net import COLUMNS, OPS, LayerTable, NetSpec, layer_table, spec_array

Row = dict[str, int]
SMALL_RESNET = "r32-s8-b3w8x1-b3w16x1/2-b3w32x1/2"
RESNET8 = "r32-s16-b3w16x1-b3w32x1/2-b3w64x1/2"
MOBILENET = "r96-s8/2-d3w16x1-d3w32x2/2-d3w64x2/2-d3w128x6/2-d3w256x2/2"
# Width 0.3 at 64 pixels with channels rounded to multiples of 8.
MOBILENET_V2 = "r64-s16/2-m3e1w8x1-m3e6w8x2/2-m3e6w16x3/2-m3e6w24x4/2-m3e6w32x3-m3e6w48x3/2-m3e6w96x1-h1280"

# Millions of instructions, emulated Cortex-M4; those of the generated C are printed by firmware.py.
EMULATED = {
    "small ResNet, 3.24 M": (SMALL_RESNET, 10, 11.0, 5.17),
    "ResNet8, 12.50 M": (RESNET8, 10, 29.9, 14.60),
    "MobileNetV1-0.25@96, 7.49 M": (MOBILENET, 2, 24.2, 13.27),
}

# Published times, ms, of image classification (ResNet8) and visual wake words (MobileNetV1-0.25). Predictions
# are scaled to the clock of the measurement.
PUBLISHED = (
    ("nucleo-l4r5zi", "L4R5, microTVM + CMSIS-NN, MLPerf Tiny", 120, 389.6, 301.2),
    ("nucleo-l4r5zi", "L4R5, TFLM + CMSIS-NN, EdgeMark (fit)", 120, 407.7, 384.7),
    ("nucleo-l4r5zi", "L4R5, ST v1.0, MLPerf Tiny", 120, 226.9, 230.5),
    ("nucleo-l4r5zi", "L4R5, ST v1.2, MLPerf Tiny", 120, 165.1, 88.9),
    ("stm32u575", "U575, ST v1.2, MLPerf Tiny", 160, 111.1, 59.3),
    ("stm32u575", "nRF5340 (M33), MLPerf Tiny", 128, 316.2, 232.0),
    ("nucleo-h743zi2", "H7A3, ST v1.2, MLPerf Tiny", 280, 40.8, 23.8),
    ("nucleo-h743zi2", "H747, ST 9.1, ST model zoo", 400, 28.67, 29.94),
    ("nucleo-f746zg", "F746, Plumerai, MLPerf Tiny", 216, 62.9, 34.1),
    ("raspberry-pi-pico", "G0B1 (M0+), MLPerf Tiny", 64, 1522.0, 1414.0),
)


def layer(op: str, size: tuple[int, int], channels: int, filters: int, kernel: tuple[int, int], stride: int) -> Row:
    """One layer with SAME padding as a row of a LayerTable, by column name."""
    height, width = size
    after = (1, 1) if op == "avgpool" else (-(-height // stride), -(-width // stride))
    groups = channels if op == "depthwise" else 1
    return {
        "op": OPS.index(op), "height": height, "width": width, "out_height": after[0], "out_width": after[1],
        "in_channels": channels, "out_channels": filters, "kernel_h": kernel[0], "kernel_w": kernel[1],
        "stride": stride, "groups": groups, "source": -1, "residual": -2, "cell": 0,
    }  # fmt: skip


def as_table(nets: Sequence[Sequence[Row]]) -> LayerTable:
    rows = np.array([[row[name] for name in COLUMNS] for net in nets for row in net], np.int32)
    return LayerTable(rows, np.cumsum([0, *map(len, nets)]))


def spec_table(spec: str, classes: int) -> LayerTable:
    return layer_table(spec_array([NetSpec.parse(spec)]), 3, classes)


def errors(predicted: npt.ArrayLike, measured: npt.ArrayLike) -> str:
    """Mean absolute and mean signed relative error, percent."""
    relative = np.asarray(predicted, float) / np.asarray(measured, float) - 1
    return f"MAPE {np.abs(relative).mean():.1%}, bias {relative.mean():+.1%}, n = {relative.size}"


def emulated() -> None:
    engines = [load_engine("tflm-cmsis-nn"), load_engine("c99")]
    rows = []
    for net, (spec, classes, *counted) in EMULATED.items():
        for engine, truth in zip(engines, counted, strict=True):
            model = instructions(spec_table(spec, classes), engine)[0] / 1e6
            rows.append((net, engine.name, f"{model:.1f}", f"{truth:.1f}", f"{model / truth - 1:+.1%}"))
    show("Instructions, millions, emulated Cortex-M4", ("net", "engine", "model", "counted", "error"), rows)


def published(engine: Engine) -> None:
    rows = []
    for name, label, clock, *truth in PUBLISHED:
        board = load_board(name)
        nets = (spec_table(RESNET8, 10), spec_table(MOBILENET, 2))
        model = [latency_ms(net, board, engine)[0] * board.clock_mhz / clock for net in nets]
        cells = [f"{m:.1f} / {t:.1f} ({m / t:.2f})" for m, t in zip(model, truth, strict=True)]
        rows.append((name, label, *cells, f"{board.latency_error:.0%}"))
    header = ("board file", "measured with", "ResNet8, ms", "MobileNetV1-0.25, ms", "stated error")
    show(f"{engine.name} predicted / measured (ratio); other engines are no oracle, only a scale", header, rows)


def operators(path: Path) -> Iterator[tuple[str, str, Row, float, float]]:
    """(device, operator class, layer, cycles, clock in MHz) of each usable record, CMSIS-NN kernels."""
    with gzip.open(path, "rt") as lines:
        for record in csv.DictReader(lines):
            if record["op"] not in ("conv2d", "add") or not record["op_cycles"]:
                continue
            shape = json.loads(record["input"])[0] if record["op"] == "add" else record["input"].split("x")
            _, height, width, channels = map(int, shape)
            if record["op"] == "add":
                kind, row = "add", layer("add", (height, width), channels, channels, (1, 1), 1)
            else:
                _, out_height, out_width, filters = map(int, record["output"].split("x"))
                kernel = tuple(map(int, record["kernel"].split("x")))
                pointwise = kernel == (1, 1) and record["strides"] == "1x1"
                op = "pointwise" if pointwise else "conv"
                kind = "first_conv" if op == "conv" and channels < 4 else op
                row = layer(op, (height, width), channels, filters, (kernel[0], kernel[1]), 1)
                row |= {"out_height": out_height, "out_width": out_width}
            yield record["device"], kind, row, float(record["op_cycles"]), float(record["clock_mhz"])


def per_operator(path: Path, engine: Engine) -> None:
    groups: dict[tuple[str, str, float], list[tuple[Row, float]]] = {}
    for device, kind, row, value, clock in operators(path):
        groups.setdefault((device, kind, clock), []).append((row, value))
    factors = {
        "NUCLEOF446RE": "nucleo-f446re",
        "NiclaSense": "arduino-nano-33-ble",
        "NICLA": "arduino-nano-33-ble",
    }
    rows = []
    for (device, kind, clock), records in sorted(groups.items()):
        counted = instructions(as_table([[row] for row, _ in records]), engine) * engine.stall[kind]
        cycles = np.array([measured for _, measured in records])
        held_out = np.random.default_rng(0).random(len(cycles)) < 0.5
        if held_out.all() or not held_out.any():
            continue
        own = np.median(cycles[~held_out] / counted[~held_out])
        shipped = "no board file"
        if device in factors:
            board = load_board(factors[device])
            shipped = errors(counted * board.cycles_per_instruction[engine.name], cycles)
        fitted = errors(own * counted[held_out], cycles[held_out])
        rows.append((device, f"{clock:.0f}", kind, f"{own:.2f}", fitted, shipped))
    header = (
        "device",
        "MHz",
        "class",
        "own CPI",
        "own CPI from one half, error on the other",
        "shipped board file",
    )
    show(f"Single operators (k x 1 kernels), {engine.name}, cycles", header, rows)


def refit(path: Path) -> None:
    """Fit the gather model's shape on half of a device's convolutions, test it on the other half."""
    rows = []
    for device in ("NUCLEOF446RE", "NiclaSense", "NUCLEO", "NUCLEO_old"):
        found = [(r, c) for d, kind, r, c, _ in operators(path) if d == device and kind == "conv"]
        columns = {name: np.array([float(row[name]) for row, _ in found]) for name in COLUMNS}
        cycles = np.array([c for _, c in found])
        pixels = columns["out_height"] * columns["out_width"]
        taps = pixels * columns["kernel_h"] * columns["kernel_w"]
        values = taps * columns["in_channels"]
        work, outputs = values * columns["out_channels"], pixels * columns["out_channels"]
        train = np.random.default_rng(0).random(len(cycles)) < 0.5
        for name, terms in (
            ("MAC, out", (work, outputs)),
            ("+ gather", (work, outputs, pixels, taps, values)),
        ):
            design = np.stack(terms, 1)
            scaled = design[train] / cycles[train, None]
            fit = np.linalg.lstsq(scaled, np.ones(train.sum()), rcond=None)[0]
            held = errors(design[~train] @ fit, cycles[~train])
            rows.append((device, name, ", ".join(f"{c:.2f}" for c in fit), held))
    show(
        "Convolutions: held-out error with and without the gather terms",
        ("device", "terms", "cycles", "error"),
        rows,
    )


def tinyengine(path: Path, engine: Engine) -> None:
    """One net of TinyEngine's table (STM32F746); layers approximated from the usual MobileNetV2 rules."""
    table = spec_table(MOBILENET_V2, 1000)
    model = latency_ms(table, load_board("nucleo-f746zg"), engine)[0]
    with path.open() as lines:
        found = [row for row in csv.DictReader(lines) if row["net_id"] == "mbv2-w0.3-r64"]
    rows = [(row["engine"], f"{model:.1f}", row["latency_ms"]) for row in found]
    show(
        f"mbv2-w0.3-r64 on an STM32F746, {engine.name} predicted",
        ("measured with", "model, ms", "measured, ms"),
        rows,
    )


def chain(size: int, channels: int, body: Sequence[tuple[int, int] | str], dense: Sequence[int]) -> list[Row]:
    """A net of 3x3 convolutions (filters, stride), "max" (2x2, not modelled), "mean", then dense layers."""
    net = []
    for item in body:
        if item == "max":
            size //= 2
        elif item == "mean":
            net.append(layer("avgpool", (size, size), channels, channels, (size, size), 1))
            size = 1
        elif not isinstance(item, str):
            net.append(layer("conv", (size, size), channels, item[0], (3, 3), item[1]))
            size, channels = -(-size // item[1]), item[0]
    widths = (size * size * channels, *dense)
    return net + [layer("linear", (1, 1), a, b, (1, 1), 1) for a, b in zip(widths, widths[1:], strict=False)]


def ds_cnn() -> list[Row]:
    net = [layer("conv", (49, 10), 1, 64, (10, 4), 2)]
    for _ in range(4):
        net.append(layer("depthwise", (25, 5), 64, 64, (3, 3), 1))
        net.append(layer("pointwise", (25, 5), 64, 64, (1, 1), 1))
    return [*net, layer("avgpool", (25, 5), 64, 64, (25, 5), 1), layer("linear", (1, 1), 64, 12, (1, 1), 1)]


def edgemark_nets() -> dict[str, LayerTable]:
    six: list[tuple[int, int] | str] = [(16, 1), (16, 1), "max", (32, 1), (32, 1), "max", (64, 1)]
    nets = {
        "CNN_1": chain(28, 1, [(4, 2), (6, 2), (8, 2), "mean"], [10]),
        "CNN_2": chain(28, 1, [(6, 2), (8, 2), (8, 2), (10, 2)], [10]),
        "CNN_3": chain(28, 1, [(4, 1), (8, 2), (12, 2), (16, 2), (20, 2)], [10]),
        "CNN_4": chain(28, 1, [(8, 1), (8, 2), (16, 1), (16, 2), (32, 1), "mean"], [64, 16, 10]),
        "CNN_5": chain(32, 3, [(16, 1), (16, 1), "max", (32, 2), (32, 1), "mean"], [64, 32, 10]),
        "CNN_6": chain(32, 3, [*six, "mean"], [100, 50, 10]),
        "CNN_7": chain(32, 3, [*six, (64, 1), "max", (128, 1), "mean"], [128, 64, 10]),
        "FC_7 (fit)": chain(1, 128, [], [64, 32, 16, 10]),
        "FC_9 (fit)": chain(1, 784, [], [60, 32, 16, 10]),
        "FC_10 (fit)": chain(1, 3072, [], [64, 32, 16, 10]),
        "TinyMLPerf_DS_CNN (fit)": ds_cnn(),
    }
    tables = {name: as_table([net]) for name, net in nets.items()}
    return tables | {
        "TinyMLPerf_ResNet (fit)": spec_table(RESNET8, 10),
        "TinyMLPerf_MBNet (fit)": spec_table(MOBILENET, 2),
    }


def whole_nets(path: Path, board: Board, engine: Engine) -> None:
    with path.open() as lines:
        wanted = [r for r in csv.DictReader(lines) if r["sheet"] == "TFLM + STM"]
    measured = {r["model"]: float(r["time_ms"]) for r in wanted if r["model_type"] == "q_full_int_only"}
    rows: list[tuple[str, ...]] = []
    pairs: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for name, table in edgemark_nets().items():
        truth, model = measured[name.split()[0]], float(latency_ms(table, board, engine)[0])
        pairs["fit" in name].append((model, truth))
        rows.append((name, f"{model:.2f}", f"{truth:.2f}", f"{model / truth - 1:+.1%}"))
    title = f"Whole nets, {board.title}, {engine.name}, EdgeMark (mean: reference code; max pooling left out)"
    show(title, ("net", "model, ms", "measured, ms", "error"), rows)
    for fit, label in ((False, "Nets not used in any fit"), (True, "Nets used in a fit")):
        print(f"\n{label}: {errors(*zip(*pairs[fit], strict=True))}.")


def main(arguments: Arguments = None) -> None:
    parser("cost_model", __doc__).parse_args(arguments)
    data, engine = data_folder("mcu") / "mcu", load_engine("tflm-cmsis-nn")
    print("# Cost model against measurements")
    emulated()
    published(engine)
    tinyengine(data / "tinyengine_readme_table.csv", engine)
    whole_nets(data / "edgemark_mcu_results.csv", load_board("nucleo-l4r5zi"), engine)
    per_operator(data / "micronas_tflm_op_latency.csv.gz", engine)
    refit(data / "micronas_tflm_op_latency.csv.gz")


if __name__ == "__main__":
    sys.exit(exit_code(main))
