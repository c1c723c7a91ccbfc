"""The arena plan: no two tensors that are alive together overlap, checked step by step; as small as the bound."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.cost.arena import arena_bytes, in_place, scratch_bytes
from zeroshot.errors import UsageError
from zeroshot.firmware.plan import ALIGNMENT, plan_arena
from zeroshot.net import NetSpec, layer_table, spec_array

from .. import reference
from ..strategies import examples, specs

RESNET8 = "r32-s16-b3w16x1-b3w32x1/2-b3w64x1/2"
MOBILENET = "r96-s8/2-d3w16x1-d3w32x2/2-d3w64x2/2-d3w128x6/2-d3w256x2/2"
V2 = "r32-s16/2-m5e4w24x4-m3e6w48x4/2-m7e6w96x4-m3e6w96x4"


def table(text, channels=3, classes=10):
    return layer_table(spec_array([NetSpec.parse(text)]), channels, classes)


def alive(rows, shares, at, offsets, plan_scratch):
    """For each row (start, end, what) of every tensor and scratch alive in it; tensors of a row in place count once."""
    sizes = reference.tensors(rows)
    out = []
    for r, row in enumerate(rows):
        here = []
        for t, (size, first, last) in enumerate(sizes):
            replaced = shares[r] >= 0 and t == shares[r] + 1
            if first <= r <= last and not replaced:
                here.append((offsets[t], offsets[t] + size, f"tensor {t - 1}"))
            if replaced:  # it is read while its place is written, and nobody else may be there
                assert offsets[t] == offsets[r + 1]
                assert last == r
        scratch = reference.c99_scratch(row)
        if scratch:
            here.append((plan_scratch[r], plan_scratch[r] + scratch, "scratch"))
        out.append((at + r, here))
    return out


def check(nets, plan, shared, kept=0, between=0, apart=False):
    steps, at = {}, 0
    rows = [reference.layer_rows(net, 3, 10) for net in nets]
    total = sum(map(len, rows))
    for number, (net, its) in enumerate(zip(nets, rows, strict=True)):
        shares = in_place(layer_table(spec_array([net]), 3, 10)).tolist()
        for step, here in alive(its, shares, at, plan.nets[number].tensors, plan.nets[number].scratch):
            steps[step] = here
        at += len(its)
    if len(nets) == 2:  # the big net's input is there from the start until its first row
        size = nets[1].height * nets[1].width * 3
        start = plan.nets[1].tensors[0]
        assert not shared or start == plan.nets[0].tensors[0]
        for step in range(len(rows[0])):
            if not (shared and step == 0):
                steps[step].append((start, start + size, "kept input"))
    if kept:  # the input, and what lies behind it, outlive all; scratch has the rest to itself
        start = 0 if apart else plan.nets[0].tensors[0]
        place = (start, start + kept, "kept")
        inside = () if apart else ("tensor -1", "kept input")
        steps = {step: [place, *(each for each in here if each[2] not in inside)] for step, here in steps.items()}
        steps[total] = [place, (plan.between, plan.between + between, "scratch")] if between else [place]
    assert set(steps) == set(range(total + (kept > 0)))
    for here in steps.values():
        ordered = sorted(here)
        for (_, end, _), (start, _, _) in zip(ordered, ordered[1:], strict=False):
            assert end <= start, ordered
        assert ordered[0][0] >= 0
        assert ordered[-1][1] <= plan.bytes
        assert all(start % ALIGNMENT == 0 for start, _, _ in ordered)


@examples(30)
@given(specs(), specs(), st.booleans())
def test_nothing_overlaps_what_is_alive_with_it(little, big, shared):
    tables = tuple(layer_table(spec_array([net]), 3, 10) for net in (little, big))
    shared = shared and little.resolution == big.resolution
    plan = plan_arena(tables, shared_input=shared)
    assert plan.bytes >= plan.bound
    check((little, big), plan, shared)


@examples(20)
@given(specs(), specs(), st.integers(0, 2000), st.sampled_from([0, 128, 20_000]))
def test_a_streams_picture_outlives_all(little, big, behind, between):
    big = replace(big, resolution=little.resolution)
    tables = tuple(layer_table(spec_array([net]), 3, 10) for net in (little, big))
    kept = little.height * little.width * 3 + behind
    plan = plan_arena(tables, shared_input=True, kept=kept, between=between)
    assert plan.nets[0].tensors[0] == plan.nets[1].tensors[0] == 0
    assert plan.bytes >= max(plan.bound, kept + between)
    assert plan.tightest != (2, 0) or plan.bound < kept + between + 2 * ALIGNMENT
    check((little, big), plan, True, kept, between)


@examples(20)
@given(specs(), specs(), st.integers(1, 4000), st.sampled_from([0, 128, 20_000]))
def test_a_picture_that_no_net_reads_lies_apart(little, big, kept, between):
    big = replace(big, resolution=little.resolution)
    tables = tuple(layer_table(spec_array([net]), 3, 10) for net in (little, big))
    plan = plan_arena(tables, shared_input=True, kept=kept, apart=True, between=between)
    first, second = plan.nets
    assert first.tensors[0] == second.tensors[0] >= kept
    alone = plan_arena(tables, shared_input=True)
    assert plan.bound >= alone.bound + kept
    assert plan.bytes >= max(plan.bound, kept + between)
    check((little, big), plan, True, kept, between, apart=True)


@pytest.mark.parametrize("text", [RESNET8, MOBILENET, V2])
def test_one_net_takes_what_the_cost_model_says(text):
    plan = plan_arena((table(text),), shared_input=False)
    expected = int(arena_bytes(table(text), "in-place")[0])
    assert plan.bytes == plan.bound
    assert expected <= plan.bytes < 1.01 * expected
    check((NetSpec.parse(text),), plan, False)


def test_random_pairs_of_the_space_reach_the_bound():
    from zeroshot.spaces.mcu import McuSpace

    values = McuSpace(resolutions=(32,)).sample(40, np.random.default_rng(3))
    reached = 0
    for i in range(0, 40, 2):
        plan = plan_arena(tuple(layer_table(values[j : j + 1], 3, 10) for j in (i, i + 1)), shared_input=True)
        reached += plan.bytes == plan.bound
        assert plan.bytes <= 1.02 * plan.bound
    assert reached >= 19


@pytest.mark.parametrize("sides", [(32,), (16, 32)])
def test_a_pair_takes_what_the_cost_model_says(sides):
    """For pairs that read one image and for pairs that read two: exactly, but for alignment."""
    from zeroshot.cascade.rank_pairs import describe_pairs
    from zeroshot.cost.boards import load_board
    from zeroshot.cost.engines import load_engine
    from zeroshot.cost.nets import net_costs, platform
    from zeroshot.spaces.mcu import McuSpace

    values = McuSpace(resolutions=sides).sample(60, np.random.default_rng(5))
    board, engine = load_board("nucleo-l4r5zi"), load_engine("c99")
    costs = net_costs(layer_table(values, 3, 10), board, engine)
    little, big = np.arange(0, 60, 2), np.arange(1, 60, 2)
    pairs = describe_pairs(costs, costs, little, big, np.full(30, 0.2), np.zeros(30), platform(board, engine, 10))
    kept = 0
    for a, b, said in zip(little, big, pairs.sram, strict=True):
        shared = bool(costs.input[a] == costs.input[b])
        plan = plan_arena(tuple(layer_table(values[i : i + 1], 3, 10) for i in (a, b)), shared_input=shared)
        assert said <= plan.bound < 1.01 * said + 64
        kept += said > max(costs.arena[a], costs.arena[b])
    assert kept >= 3  # pairs in which the waiting image counts


def test_in_place_layers_halve_the_memory_of_an_inverted_bottleneck():
    bound, placed = (int(arena_bytes(table(V2), planner)[0]) for planner in ("bound", "in-place"))
    assert placed < 0.7 * bound
    assert scratch_bytes(table(V2)).max() < 0.1 * placed


def test_the_tightest_step_is_named():
    plan = plan_arena((table("r32-s8/2-c3w8x1"), table(RESNET8)), shared_input=True)
    alone = plan_arena((table(RESNET8),), shared_input=False)
    number, row = plan.tightest
    assert (number, table(RESNET8).column("out_channels")[row]) == (1, 16)
    assert (alone.tightest, alone.bound) == ((0, row), plan.bound)


def test_a_front_end_may_need_the_most():
    small = (table("r8-s4-c3w6x1"), table("r8-s4-c3w6x1"))
    plan = plan_arena(small, shared_input=True, kept=8 * 8 * 3 + 100, between=4096)
    assert (plan.tightest, plan.bytes) == ((2, 0), 296 + 4096)
    assert plan_arena(small, shared_input=True, kept=292, between=16).tightest[0] < 2


def test_one_or_two_nets():
    with pytest.raises(UsageError, match="one net or two, not 0"):
        plan_arena((), shared_input=False)
