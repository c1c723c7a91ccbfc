"""The latency model against plain Python, published totals and invariants."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeroshot.cost.boards import board_names, load_board
from zeroshot.cost.engines import engine_names, load_engine
from zeroshot.cost.latency import energy_mj, instructions, latency_ms, layer_instructions, layer_latency_ms, policy_ms
from zeroshot.errors import UsageError
from zeroshot.net import COLUMNS, OPS, LayerTable, NetSpec, layer_table, same_padding, spec_array

SMALL_RESNET = "r32-s8-b3w8x1-b3w16x1/2-b3w32x1/2"
RESNET8 = "r32-s16-b3w16x1-b3w32x1/2-b3w64x1/2"
MOBILENET = "r96-s8/2-d3w16x1-d3w32x2/2-d3w64x2/2-d3w128x6/2-d3w256x2/2"
ALL_BLOCKS = "r20-s8/2-c5w12x2-m3e4w12x2/2-d7w24x1-b3w24x2-m3e1w16x1-h64"

engines = st.sampled_from([load_engine(name) for name in engine_names()])
boards = st.sampled_from([load_board(name) for name in board_names()])
specs = st.sampled_from([SMALL_RESNET, RESNET8, MOBILENET, ALL_BLOCKS, "r8-s8-c1w8x1"])


def table_of(*texts, channels=3, classes=10):
    return layer_table(spec_array([NetSpec.parse(text) for text in texts]), channels, classes)


def naive_edge_pixels(v):
    """Output pixels whose kernel sees padding, by looking at every one."""
    before, _ = same_padding(v["height"], v["kernel_h"], v["stride"])
    starts = [(o * v["stride"] - before) for o in range(v["out_height"])]
    inside = sum(start >= 0 and start + v["kernel_h"] <= v["height"] for start in starts)
    return v["out_height"] * v["out_width"] - inside**2


def naive_layer(row, engine):
    """(operator class, instructions) of one row, said as plainly as possible."""
    v = dict(zip(COLUMNS, map(int, row), strict=True))
    pixels = v["out_height"] * v["out_width"]
    taps = pixels * v["kernel_h"] * v["kernel_w"]
    op = OPS[v["op"]]
    dense = op in ("conv", "pointwise", "linear")
    computed = -(-pixels // engine.block) * engine.block if dense else pixels
    outputs = computed * v["out_channels"]
    kind = "first_conv" if op == "conv" and v["in_channels"] < 4 else op
    weights = v["kernel_h"] * v["kernel_w"] * v["in_channels"] // v["groups"] * v["out_channels"]
    work = computed * weights
    if op == "add":
        work = outputs
    if op == "avgpool":
        work = taps * v["in_channels"]
    each_mac, each_output = engine.instructions[kind]
    total = each_mac * work + each_output * outputs + engine.layer_instructions
    pixel, tap, value, edge_tap, edge_value = engine.gather.get(kind, (0, 0, 0, 0, 0))
    total += pixel * pixels + tap * taps + value * taps * v["in_channels"]
    edge = naive_edge_pixels(v) * v["kernel_h"] * v["kernel_w"]
    total += edge_tap * edge + edge_value * edge * v["in_channels"]
    if op == "depthwise":
        row, weight, value = engine.depthwise
        total += row * v["out_height"] * v["in_channels"] + weight * weights
        total += value * v["height"] * v["width"] * v["in_channels"]
    return kind, total


@pytest.mark.parametrize("name", engine_names())
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_kernels_agree_with_plain_python(name, channels):
    engine, board = load_engine(name), load_board("nucleo-l4r5zi")
    table = table_of(RESNET8, MOBILENET, ALL_BLOCKS, channels=channels)
    rows = [naive_layer(row, engine) for row in table.rows]
    np.testing.assert_allclose(layer_instructions(table, engine), [total for _, total in rows], rtol=1e-12)
    starts = zip(table.ptr[:-1], table.ptr[1:], strict=True)
    nets = [rows[start:stop] for start, stop in starts]
    np.testing.assert_allclose(instructions(table, engine), [sum(t for _, t in net) for net in nets])
    per_ms = board.clock_mhz * 1000 / board.cycles_per_instruction[name]
    layers = [total * engine.stall[kind] / per_ms for kind, total in rows]
    np.testing.assert_allclose(layer_latency_ms(table, board, engine), layers)
    expected = [sum(total * engine.stall[kind] for kind, total in net) / per_ms for net in nets]
    np.testing.assert_allclose(latency_ms(table, board, engine), expected)


# Millions of instructions of the emulated Cortex-M4; the small ResNet was not used to fit tflm-cmsis-nn.
@pytest.mark.parametrize(
    ("spec", "classes", "engine", "millions"),
    [
        (SMALL_RESNET, 10, "tflm-cmsis-nn", 11.0), (SMALL_RESNET, 10, "c99", 5.17),
        (RESNET8, 10, "tflm-cmsis-nn", 29.9), (RESNET8, 10, "c99", 14.6),
        (MOBILENET, 2, "tflm-cmsis-nn", 24.2), (MOBILENET, 2, "c99", 13.27),
    ],
)  # fmt: skip
def test_emulated_instructions(spec, classes, engine, millions):
    total = instructions(table_of(spec, classes=classes), load_engine(engine))
    assert total[0] / 1e6 == pytest.approx(millions, rel=0.03)


# Measured by EdgeMark (TFLM + CMSIS-NN) and in MLPerf Tiny (microTVM + CMSIS-NN); the board states the error.
@pytest.mark.parametrize(
    ("spec", "classes", "measured"),
    [(RESNET8, 10, 407.7), (RESNET8, 10, 389.6), (MOBILENET, 2, 384.7), (MOBILENET, 2, 301.2)],
)
def test_measured_latency_on_l4r5zi(spec, classes, measured):
    board = load_board("nucleo-l4r5zi")
    ms = latency_ms(table_of(spec, classes=classes), board, load_engine("tflm-cmsis-nn"))
    assert ms[0] == pytest.approx(measured, rel=board.latency_error)


def test_energy_of_the_published_run():
    # MLPerf Tiny, NUCLEO-L4R5ZI, microTVM: 389.6 ms, 20,236 microjoules.
    assert energy_mj(389.6, load_board("nucleo-l4r5zi")) == pytest.approx(20.236, rel=0.01)


@settings(deadline=None)
@given(spec=specs, board=boards, engine=engines, factor=st.floats(1.01, 10))
def test_monotone_in_clock_and_energy_in_power(spec, board, engine, factor):
    table = table_of(spec)
    slow = latency_ms(table, board, engine)
    fast = latency_ms(table, replace(board, clock_mhz=board.clock_mhz * factor), engine)
    np.testing.assert_allclose(fast * factor, slow)
    hungry = replace(board, power_mw=board.power_mw * factor)
    np.testing.assert_allclose(energy_mj(slow, hungry), energy_mj(slow, board) * factor)


@settings(deadline=None)
@given(spec=specs, board=boards, engine=engines, data=st.data())
def test_additive_over_concatenated_layers(spec, board, engine, data):
    table = table_of(spec)
    cut = data.draw(st.integers(0, len(table.rows)))
    halves = LayerTable(table.rows, np.array([0, cut, len(table.rows)]))
    parts = latency_ms(halves, board, engine)
    np.testing.assert_allclose(parts.sum(), latency_ms(table, board, engine)[0])
    np.testing.assert_allclose(layer_instructions(table, engine)[:cut].sum(), instructions(halves, engine)[0])


@settings(deadline=None)
@given(chosen=st.lists(specs, min_size=1, max_size=5), board=boards, engine=engines)
def test_a_net_costs_the_same_in_any_population(chosen, board, engine):
    alone = [latency_ms(table_of(spec), board, engine)[0] for spec in chosen]
    np.testing.assert_array_equal(latency_ms(table_of(*chosen), board, engine), alone)


@settings(deadline=None)
@given(board=boards, engine=engines, width=st.sampled_from([8, 16, 32]), side=st.sampled_from([16, 24, 32]))
def test_larger_nets_take_longer(board, engine, width, side):
    def time_of(w, r):
        return latency_ms(table_of(f"r{r}-s8-m3e2w{w}x2-c3w{w}x1"), board, engine)[0]

    assert time_of(width, side) < time_of(width * 2, side)
    assert time_of(width, side) < time_of(width, side * 2)


def test_empty_population():
    empty = LayerTable(np.zeros((0, len(COLUMNS)), np.int32), np.zeros(1, np.int64))
    assert latency_ms(empty, load_board("esp32-s3"), load_engine("c99")).shape == (0,)


def test_large_layers_do_not_overflow():
    row = np.zeros((1, len(COLUMNS)), np.int32)
    sizes = {
        "height": 4096,
        "width": 4096,
        "out_height": 4096,
        "out_width": 4096,
        "kernel_h": 3,
        "kernel_w": 3,
    }
    for name, value in (sizes | {"in_channels": 512, "out_channels": 512, "groups": 1, "stride": 1}).items():
        row[0, COLUMNS.index(name)] = value
    engine = load_engine("c99")
    assert layer_instructions(LayerTable(row, np.array([0, 1])), engine)[0] > 0.86 * 4096**2 * 9 * 512**2


def test_policy_is_proportional_to_classes():
    board, engine = load_board("nucleo-f446re"), load_engine("tflm-cmsis-nn")
    assert policy_ms(100, board, engine) == pytest.approx(10 * policy_ms(10, board, engine))
    assert policy_ms(10, board, engine) == pytest.approx(10 * 8 * 1.67 / 180e3)
    with pytest.raises(UsageError, match="positive"):
        policy_ms(0, board, engine)


def test_board_without_the_engine_says_which_key():
    board = replace(load_board("esp32-s3"), cycles_per_instruction={"c99": 1.4})
    with pytest.raises(UsageError, match="no cycles an instruction for engine tflm-cmsis-nn") as error:
        latency_ms(table_of(RESNET8), board, load_engine("tflm-cmsis-nn"))
    assert "cycles_per_instruction.tflm-cmsis-nn" in error.value.hint
