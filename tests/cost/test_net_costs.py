"""Costs of nets, as the pair kernel takes them, against counts layer by layer (tests.reference)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import engine_names, load_engine
from zeroshot.cost.latency import energy_mj, latency_ms, policy_ms
from zeroshot.cost.nets import NetCosts, net_costs, platform
from zeroshot.net import OPS, NetSpec, layer_table, spec_array

from .. import reference
from ..strategies import examples, specs

BOARD = load_board("nucleo-l4r5zi")
engines = pytest.mark.parametrize("engine", [load_engine(name) for name in engine_names()], ids=engine_names())
RESNET8 = NetSpec.parse("r32-s16-b3w16x1-b3w32x1/2-b3w64x1/2")


def same(a: NetCosts, b: NetCosts) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in vars(a))


@engines
@examples(50)
@given(nets=st.lists(specs(), min_size=1, max_size=4), channels=st.integers(1, 3))
def test_every_column_is_that_of_a_naive_count(engine, nets, channels):
    table = layer_table(spec_array(nets), channels, 10)
    costs = net_costs(table, BOARD, engine)
    planner = {"in-place": reference.arena_in_place, "greedy": reference.arena_greedy}[engine.planner]
    for i, net in enumerate(nets):
        rows = reference.layer_rows(net, channels, 10)
        macs, weights, _ = reference.count_layers(rows)
        scaled = sum(row["out_channels"] for row in rows if row["op"] not in ("add", "avgpool"))
        assert costs.macs[i] == macs
        assert costs.flash[i] == weights + engine.flash_layer * len(rows) + engine.flash_channel * scaled
        taps = max([row["kernel_h"] * row["kernel_w"] * row["in_channels"] for row in rows if row["op"] == "conv"])
        tail = engine.ram_base + engine.ram_layer * len(rows) + engine.ram_channel * scaled
        assert costs.persistent[i] == tail + engine.ram_tap * taps
        assert costs.arena[i] == planner(rows)
        assert costs.holding[i] == planner(rows, keep_input=True)
        assert costs.input[i] == net.height * net.width * channels
        assert {op for bit, op in enumerate(OPS) if costs.ops[i] >> bit & 1} == {row["op"] for row in rows}
    # Their own oracles are in test_latency.py; here only that they are passed on.
    assert np.array_equal(costs.latency, latency_ms(table, BOARD, engine))
    assert np.array_equal(costs.energy, energy_mj(costs.latency, BOARD))


@engines
def test_columns_have_the_types_that_the_kernel_takes(engine):
    for nets in ([], [RESNET8]):
        costs = net_costs(layer_table(spec_array(nets), 3, 10), BOARD, engine)
        assert len(costs) == len(nets)
        for name, column in vars(costs).items():
            assert column.shape == (len(nets),), name
            assert column.dtype == (np.float64 if name in ("latency", "energy") else np.int64), name


def test_tail_of_a_published_arena():
    # ResNet8 under TFLM with CMSIS-NN on a Cortex-M4: 56,756 bytes, 49,152 of them activations. The rest is the tail
    # and the scratch of the largest convolution, 2 x 9 x 64 values of 16 bits (2,304 bytes).
    costs = net_costs(layer_table(spec_array([RESNET8]), 3, 10), BOARD, load_engine("tflm-cmsis-nn"))
    assert costs.arena[0] == 49_152
    assert costs.arena[0] + costs.persistent[0] == pytest.approx(56_756, rel=0.01)


def test_take_and_join_are_inverse():
    nets = [RESNET8, NetSpec.parse("r16-s8-d3w8x1-c3w8x1"), NetSpec.parse("r24-s8/2-m3e4w16x2")]
    costs = net_costs(layer_table(spec_array(nets), 3, 10), BOARD, load_engine("c99"))
    assert same(NetCosts.join([costs.take([0]), costs.take([1, 2])]), costs)
    swapped = costs.take(np.array([2, 0]))
    assert same(swapped, net_costs(layer_table(spec_array([nets[2], nets[0]]), 3, 10), BOARD, load_engine("c99")))
    assert len(costs.take(np.zeros(0, int))) == 0


@engines
def test_the_runtime_holds_each_kernel_once(engine):
    fixed = platform(BOARD, engine, 10)
    assert fixed.runtime.shape == (2 ** len(OPS),)
    assert fixed.runtime.dtype == np.int64
    for mask, size in enumerate(fixed.runtime):
        used = [op for bit, op in enumerate(OPS) if mask >> bit & 1]
        assert size == engine.flash_base + sum(engine.flash_kernel[op] for op in used)


@engines
def test_the_policy_is_that_of_the_board(engine):
    fixed = platform(BOARD, engine, 10)
    assert fixed.policy_latency == policy_ms(10, BOARD, engine)
    assert fixed.policy_energy == pytest.approx(fixed.policy_latency * BOARD.power_mw / 1000)
    assert (fixed.board, fixed.engine) == (BOARD, engine)
