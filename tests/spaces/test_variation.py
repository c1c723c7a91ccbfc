"""Mutants, children and canonical forms of the mcu space's nets against what is built of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

from zeroshot.build import LAYERS, build, layers
from zeroshot.errors import UsageError
from zeroshot.net import NetSpec, layer_table, spec_array, spec_of
from zeroshot.spaces import McuSpace
from zeroshot.spaces.canonical import canonical
from zeroshot.spaces.scaling import scaled

from ..strategies import examples, specs

FULL = McuSpace()
TIGHT = McuSpace(
    resolutions=(5, 8, 9), stem_widths=(4, 8), stem_strides=(1, 2), min_stages=1, max_stages=3,
    blocks=(("c", 1), ("m", 2)), kernels=(3,), widths=(4, 8), depths=(1, 2), strides=(1, 2), heads=(0, 6),
)  # fmt: skip
ONE = McuSpace(
    resolutions=(8,), stem_widths=(8,), stem_strides=(1,), min_stages=2, max_stages=2, blocks=(("c", 1),), kernels=(3,),
    widths=(8,), depths=(1,), strides=(1,), heads=(0,),
)  # fmt: skip
# One width, so that nets are often the same: by stages that may be merged, heads that are blocks, and shortcuts.
ALIKE = McuSpace(
    resolutions=(8,), stem_widths=(4,), stem_strides=(1,), min_stages=1, max_stages=2,
    blocks=(("c", 1), ("d", 1), ("m", 1), ("b", 1)), kernels=(1,), widths=(4,), depths=(1, 2), strides=(1, 2),
    heads=(0, 4),
)  # fmt: skip


def built(net: NetSpec) -> tuple:
    """Its layers, row for row but for the numbers of the blocks, and where there is a ReLU between them."""
    rows = layer_table(spec_array([net]), 3, 10).rows[:, :-1]
    parts = [part for part in build(net, 3, 10).modules() if isinstance(part, (*LAYERS, nn.ReLU))]
    return rows.tobytes(), tuple(type(part).__name__ for part in parts)


def key(net: NetSpec) -> bytes:
    return canonical(spec_array([net])).tobytes()


def test_canonical_forms_are_equal_exactly_where_the_built_nets_are():
    nets = ALIKE.enumerate()
    keys = canonical(ALIKE.array(nets))
    by_key: dict[bytes, set[tuple]] = {}
    by_build: dict[tuple, set[bytes]] = {}
    for net, row in zip(nets, keys, strict=True):
        made = built(net)
        by_key.setdefault(row.tobytes(), set()).add(made)
        by_build.setdefault(made, set()).add(row.tobytes())
    assert {len(found) for found in by_key.values()} == {1}
    assert {len(found) for found in by_build.values()} == {1}
    assert 100 < len(by_key) < len(nets)


def test_equal_canonical_forms_have_equal_rows_all_over_the_space():
    """Rows may be equal where forms are not: a separable block and a bottleneck without expansion or shortcut."""
    nets = TIGHT.decode(np.random.default_rng(0).integers(0, TIGHT.count(), 4000))
    rows: dict[bytes, set[bytes]] = {}
    for net, row in zip(nets, canonical(nets), strict=True):
        rows.setdefault(row.tobytes(), set()).add(layer_table(net[None], 3, 10).rows[:, :-1].tobytes())
    assert {len(found) for found in rows.values()} == {1}
    assert len(rows) < len(np.unique(nets, axis=0))


@examples(50)
@given(specs(), st.data())
def test_a_stage_may_be_split_at_any_of_its_blocks(net, data):
    which = data.draw(st.integers(0, len(net.stages) - 1))
    stage = net.stages[which]
    assume(stage.depth > 1)
    first = data.draw(st.integers(1, stage.depth - 1))
    parts = replace(stage, depth=first), replace(stage, depth=stage.depth - first, stride=1)
    split = replace(net, stages=(*net.stages[:which], *parts, *net.stages[which + 1 :]))
    assert key(split) == key(net)
    assert built(split) == built(net)


@examples(50)
@given(specs(), st.data())
def test_any_other_change_is_another_function(net, data):
    """A change of one field, unless the layers stay as they were."""
    which = data.draw(st.integers(0, len(net.stages) - 1))
    stage = net.stages[which]
    name, value = data.draw(st.sampled_from([
        ("kernel", stage.kernel + 2), ("width", stage.width + 1), ("depth", stage.depth + 1),
        ("stride", 3 - stage.stride),
    ]))  # fmt: skip
    stages = (*net.stages[:which], replace(stage, **{name: value}), *net.stages[which + 1 :])
    other = data.draw(st.sampled_from([replace(net, stages=stages), replace(net, head=net.head + 1)]))
    assert (key(other) == key(net)) == (built(other) == built(net))


def test_costs_alone_do_not_make_two_nets_one():
    separable, bottleneck = map(NetSpec.parse, ("r8-s4-d3w8x1", "r8-s4-m3e1w8x1"))
    one, other = (layer_table(spec_array([net]), 3, 10).rows for net in (separable, bottleneck))
    assert np.array_equal(one, other)
    assert key(separable) != key(bottleneck)
    assert len(layers(build(separable, 3, 10))) == len(layers(build(bottleneck, 3, 10)))


def test_of_no_nets_there_are_no_forms():
    assert len(canonical(FULL.array([]))) == 0


@pytest.mark.parametrize("space", [FULL, TIGHT, ALIKE], ids=["full", "tight", "alike"])
def test_children_are_inside_and_have_every_part_from_a_parent(space):
    rng = np.random.default_rng(1)
    a, b = space.sample(200, rng), space.sample(200, rng)
    before = a.copy(), b.copy()
    children = space.crossover(a, b, rng)
    mixed = 0
    for child, one, other in zip(map(spec_of, children), map(spec_of, a), map(spec_of, b), strict=True):
        assert child in space
        assert len(child.stages) in (len(one.stages), len(other.stages))
        for i, stage in enumerate(child.stages):
            assert stage in (*one.stages[i : i + 1], *other.stages[i : i + 1])
        for name in ("resolution", "stem_width", "stem_stride", "head"):
            assert getattr(child, name) in (getattr(one, name), getattr(other, name))
        mixed += child not in (one, other)
    assert mixed > 100
    assert np.array_equal(a, before[0])
    assert np.array_equal(b, before[1])
    assert np.array_equal(space.array([spec_of(row) for row in children]), children), "unused stages must be 0"


def test_crossover_depends_on_the_seed_alone():
    a, b = FULL.sample(50, np.random.default_rng(0)), FULL.sample(50, np.random.default_rng(1))
    first, again, other = (FULL.crossover(a, b, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert FULL.crossover(a[:0], b[:0], np.random.default_rng(0)).shape == (0, a.shape[1])
    assert np.array_equal(FULL.crossover(a, a, np.random.default_rng(0)), a)


def test_mutation_reaches_every_neighbour():
    """Of one net, all nets that differ in one field; the last stage may come and go."""
    net = TIGHT.array([NetSpec.parse("r8-s4-c3w4x1-c3w4x1/2")])
    mutants = {str(spec_of(row)) for row in TIGHT.mutate(np.repeat(net, 4000, axis=0), np.random.default_rng(0))}
    same_stages = {
        "r5-s4-c3w4x1-c3w4x1/2", "r9-s4-c3w4x1-c3w4x1/2", "r8-s8-c3w4x1-c3w4x1/2", "r8-s4/2-c3w4x1-c3w4x1/2",
        "r8-s4-c3w4x1-c3w4x1/2-h6", "r8-s4-m3e2w4x1-c3w4x1/2", "r8-s4-c3w8x1-c3w4x1/2", "r8-s4-c3w4x2-c3w4x1/2",
        "r8-s4-c3w4x1/2-c3w4x1/2", "r8-s4-c3w4x1-m3e2w4x1/2", "r8-s4-c3w4x1-c3w8x1/2", "r8-s4-c3w4x1-c3w4x2/2",
        "r8-s4-c3w4x1-c3w4x1",
    }  # fmt: skip
    assert {name for name in mutants if len(NetSpec.parse(name).stages) == 2} == same_stages
    assert "r8-s4-c3w4x1" in mutants
    longer = {name for name in mutants if len(NetSpec.parse(name).stages) == 3}
    assert {name.rsplit("-", 1)[0] for name in longer} == {"r8-s4-c3w4x1-c3w4x1/2"}
    assert len(longer) == 2 * 2 * 2 * 2


def test_a_space_of_one_net_has_no_mutants():
    with pytest.raises(UsageError, match="no mutants"):
        ONE.mutate(ONE.decode(np.zeros(1, np.int64)), np.random.default_rng(0))


TOWER = NetSpec.parse("r32-s32-d3w64x1-d3w128x2/2-d3w256x2/2-d3w512x2/2")  # MobileNetV1 at width 1


def test_scaled_nets_hold_the_family_that_people_make_by_hand():
    nets = scaled(McuSpace.for_images(32), [TOWER])
    names = {str(spec_of(row)) for row in nets}
    assert len(names) == len(nets) > 300
    assert {
        "r32-s8-d3w16x1-d3w32x2/2-d3w64x2/2-d3w128x2/2", "r32-s8/2-d3w16x1-d3w32x1/2-d3w64x1/2-d3w128x1/2",
        "r24-s8-d3w16x2-d3w32x4/2-d3w64x4/2-d3w128x4/2",
    } <= names  # fmt: skip


@pytest.mark.parametrize(
    "space",
    [*map(McuSpace.for_images, (32, 8, (32, 50))), McuSpace.for_signals((1, 64)), TIGHT],
    ids=["32", "8", "50", "signals", "tight"],
)
def test_scaled_nets_are_in_the_space_and_keep_blocks_and_strides(space):
    nets = [NetSpec.parse("r32-s16-c3w16x1-c5w32x2/2-h100"), NetSpec.parse("r16-s8/2-m3e6w16x3/2"), TOWER]
    found = [spec_of(row) for row in scaled(space, nets)]
    assert all(net in space for net in found)
    kinds = {tuple((stage.block, stage.stride) for stage in net.stages) for net in found}
    assert kinds <= {(("c", 1), ("c", 2)), (("m", 2),), (("d", 1), ("d", 2), ("d", 2), ("d", 2))}
    assert (("c", 1), ("c", 2)) in kinds
    assert {net.resolution for net in found} == set(space.resolutions)


def test_rounding_is_to_the_nearest_ratio():
    space = replace(
        ONE, stem_widths=(8, 32), min_stages=1, max_stages=1, blocks=(("m", 2), ("m", 6)), kernels=(3, 7),
        widths=(8, 16, 64), depths=(1, 4), heads=(0, 64),
    )  # fmt: skip
    found = {str(spec_of(row)) for row in scaled(space, [NetSpec.parse("r8-s20-m5e3w30x2-h50")])}
    assert "r8-s32-m7e2w16x1-h64" in found  # 20 to 32, 5 to 7, 3 to 2, 30 to 16, 2 to 1, 50 to 64
    assert {name for name in found if "h0" in name or "-h" not in name} == set()


def test_what_a_space_has_no_place_for_is_left_out():
    space = replace(ONE, widths=(8, 16), strides=(1, 2))
    others = ("r8-s8-d3w8x1-d3w8x1", "r8-s8-c3w8x1", "r8-s8/2-c3w8x1/2-c3w8x1/2", "r8-s8-c3w8x1-c3w8x1-c3w8x1")
    assert len(scaled(space, list(map(NetSpec.parse, others[:2] + others[3:])))) == 0
    assert {str(spec_of(row)) for row in scaled(space, [NetSpec.parse(others[2])])} == {
        "r8-s8-c3w8x1/2-c3w8x1/2", "r8-s8-c3w16x1/2-c3w16x1/2"}  # fmt: skip
    assert scaled(space, []).shape == (0, 17)
