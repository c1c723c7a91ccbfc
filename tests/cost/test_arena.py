"""Arena plans against naive planners (reference.arena_bound, reference.greedy_plan) and published figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.cost.arena import ALIGNMENT, arena_bytes, lifetimes
from zeroshot.errors import UsageError
from zeroshot.net import NetSpec, layer_table, spec_array

from .. import reference
from ..strategies import examples, specs

RESNET8 = "r32-s16-b3w16x1-b3w32x1/2-b3w64x1/2"
MOBILENET = "r96-s8/2-d3w16x1-d3w32x2/2-d3w64x2/2-d3w128x6/2-d3w256x2/2"


def arena(net, planner, channels=3, classes=10):
    return int(arena_bytes(layer_table(spec_array([net]), channels, classes), planner)[0])


@examples(80)
@given(st.lists(specs(), min_size=1, max_size=3), st.integers(1, 4), st.integers(2, 11), st.booleans())
def test_all_planners_are_those_of_the_naive_ones(nets, channels, classes, keep):
    table = layer_table(spec_array(nets), channels, classes)
    rows = [reference.layer_rows(net, channels, classes) for net in nets]
    naive = {
        "bound": reference.arena_bound, "greedy": reference.arena_greedy, "in-place": reference.arena_in_place,
    }  # fmt: skip
    for planner, bytes_of in naive.items():
        found = arena_bytes(table, planner, keep_input=keep).tolist()
        assert found == [bytes_of(r, keep_input=keep) for r in rows], planner


@examples(50)
@given(specs(widths=(8, 12, 16)))
def test_the_greedy_plan_never_overlaps_tensors_alive_at_once(net):
    """The naive plan is the kernel's (same peak, above); here its offsets are looked at one by one."""
    plan = reference.greedy_plan(reference.layer_rows(net, 3, 10))
    peak = arena(net, "greedy")
    for i, (offset, size, first, last) in enumerate(plan):
        assert offset % ALIGNMENT == 0
        assert offset + size <= peak
        for other_offset, other_size, other_first, other_last in plan[:i]:
            if first <= other_last and other_first <= last:
                assert offset + size <= other_offset or other_offset + other_size <= offset


@examples(50)
@given(specs())
def test_tensors_live_from_their_layer_to_their_last_reader(net):
    found = lifetimes(layer_table(spec_array([net]), 3, 10))
    assert list(zip(*(column.tolist() for column in found), strict=True)) == reference.tensors(
        reference.layer_rows(net, 3, 10)
    )


@examples(50)
@given(specs())
def test_no_plan_is_below_the_bound_nor_the_bound_below_a_layer(net):
    bound, greedy = arena(net, "bound"), arena(net, "greedy")
    rows = reference.layer_rows(net, 3, 10)
    sizes = [size for size, *_ in reference.tensors(rows)]
    assert bound <= greedy
    # A layer's input and output are alive together; no more than all tensors can be.
    both = max(sizes[row["source"] + 1] + sizes[i + 1] for i, row in enumerate(rows))
    assert both <= bound <= sum(sizes)


@pytest.mark.parametrize(
    ("text", "classes", "bound", "greedy"),
    # Published activations of TFLM's greedy planner (its arena head) and the largest sum of live tensors.
    [(RESNET8, 10, 49_152, 49_152), (MOBILENET, 2, 55_296, 73_728)],
)
def test_published_arenas(text, classes, bound, greedy):
    net = NetSpec.parse(text)
    assert arena(net, "bound", classes=classes) == bound
    assert arena(net, "greedy", classes=classes) == greedy


def test_a_skipped_tensor_stays_alive():
    # 8 x 8 x 4 = 256 bytes a tensor: the skip makes three alive at the addition, a plain stack only two.
    assert arena(NetSpec.parse("r8-s4-b3w4x1"), "bound", channels=1) == 3 * 256
    assert arena(NetSpec.parse("r8-s4-c3w4x2"), "bound", channels=1) == 2 * 256


def test_offsets_are_aligned():
    # Tensors of 25 and 75 bytes (5 x 5): each takes a multiple of 16 in the plan, its own size in the bound.
    net = NetSpec.parse("r5-s3-c3w1x1")
    assert arena(net, "bound", channels=1, classes=2) == 100
    assert arena(net, "greedy", channels=1, classes=2) == 80 + 32


def test_large_tensors_do_not_overflow():
    assert arena(NetSpec.parse("r1000-s4096-c1w4096x1"), "bound") == 2 * 4096 * 1_000_000


def test_no_nets_and_unknown_planners():
    table = layer_table(spec_array([]), 3, 10)
    assert arena_bytes(table, "greedy").tolist() == []
    with pytest.raises(UsageError, match="Unknown planner 'best'"):
        arena_bytes(table, "best")


def test_a_net_needs_the_same_in_any_population():
    nets = [NetSpec.parse(text) for text in (MOBILENET, RESNET8, "r8-s4-b3w4x1")]
    together = arena_bytes(layer_table(spec_array(nets), 3, 10), "greedy")
    assert np.array_equal(together, [arena(net, "greedy") for net in nets])
