"""The mcu space against brute-force enumeration (reference.enumerate_space) and chi-square."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from zeroshot.errors import UsageError
from zeroshot.net import NetSpec, layer_table, spec_of
from zeroshot.spaces import SPACES, McuSpace

from .. import reference
from ..strategies import examples

FULL = McuSpace()
# Few choices of every kind, so that every digit of a net's number matters; 8 px and 5 px meet the pixel limit.
SMALL = McuSpace(
    resolutions=(5, 8),
    stem_widths=(4, 8),
    stem_strides=(1, 2),
    min_stages=1,
    max_stages=2,
    blocks=(("c", 1), ("m", 2), ("b", 1)),
    kernels=(3,),
    widths=(4, 8),
    depths=(1,),
    strides=(1, 2),
    heads=(0, 6),
)
SINGLES = McuSpace(
    resolutions=(8,),
    stem_widths=(4, 8, 12),
    stem_strides=(2,),
    min_stages=1,
    max_stages=1,
    blocks=(("d", 1), ("m", 1)),
    kernels=(3, 5),
    widths=(8,),
    depths=(1, 2, 3),
    strides=(1, 2),
    heads=(0,),
)
DEEP = McuSpace(
    resolutions=(12,),
    stem_widths=(8,),
    stem_strides=(1, 2),
    min_stages=3,
    max_stages=3,
    blocks=(("c", 1),),
    kernels=(3,),
    widths=(8,),
    depths=(1, 2),
    strides=(1, 2),
    heads=(16,),
)
# A rectangle, a square and signals of both lies in one space, although no task has such a one.
SHAPES = replace(SMALL, resolutions=((5, 9), 8, (1, 9), (9, 2)), stem_widths=(4,), heads=(6,))
SPACES_TO_LIST = {"small": SMALL, "singles": SINGLES, "deep": DEEP, "shapes": SHAPES}

small_spaces = pytest.mark.parametrize("space", SPACES_TO_LIST.values(), ids=SPACES_TO_LIST.keys())


@small_spaces
def test_count_and_enumerate_are_those_of_brute_force(space):
    brute = reference.enumerate_space(space)
    listed = [str(net) for net in space.enumerate()]
    assert space.count() == len(brute) == len(listed)
    assert set(listed) == set(brute)
    assert len(set(listed)) == len(listed)


@small_spaces
def test_every_number_reads_back(space):
    numbers = np.arange(space.count())
    assert [space.encode(spec_of(row)) for row in space.decode(numbers)] == numbers.tolist()


def test_the_whole_space_is_large():
    assert FULL.count() > 10**9
    # By hand: 864 choices a stage; 5 stems x 4 heads; stride patterns that leave 2 pixels of 16, 24 or 32.
    patterns = {(16, 2): 8, (16, 3): 15, (16, 4): 26, (24, 2): 8, (24, 3): 16, (24, 4): 31}
    patterns |= {(32, stages): n for stages, n in ((2, 8), (3, 16), (4, 31))}
    assert FULL.count() == sum(n * 5 * 4 * 864**stages for (_, stages), n in patterns.items())


@examples(50)
@given(st.lists(st.integers(0, FULL.count() - 1), min_size=1, max_size=8))
def test_numbers_of_the_whole_space_read_back(numbers):
    nets = [spec_of(row) for row in FULL.decode(np.array(numbers))]
    assert [FULL.encode(net) for net in nets] == numbers
    assert all(net in FULL for net in nets)


@settings(deadline=None)
@given(st.lists(st.integers(0, FULL.count() - 1), min_size=2, max_size=8, unique=True))
def test_different_numbers_are_different_nets(numbers):
    assert len({spec_of(row) for row in FULL.decode(np.array(numbers))}) == len(numbers)


@pytest.mark.parametrize("number", [-1, FULL.count()])
def test_numbers_outside_are_refused(number):
    with pytest.raises(UsageError, match="run from 0"):
        FULL.decode(np.array([0, number]))


def test_too_many_nets_are_not_listed():
    with pytest.raises(UsageError, match="too many"):
        FULL.enumerate()


@pytest.mark.parametrize("space", [SMALL, SINGLES])
def test_samples_are_uniform(space):
    nets = {row.tobytes(): i for i, row in enumerate(space.array(space.enumerate()))}
    drawn = space.sample(40 * len(nets), np.random.default_rng(0))
    counts = np.bincount([nets[row.tobytes()] for row in drawn], minlength=len(nets))
    assert counts.all(), "the first and the last net as well"
    assert chisquare(counts).pvalue > 0.01


def test_samples_of_one_depth_are_uniform_over_its_nets():
    nets = [net for net in SMALL.enumerate() if len(net.stages) == 1]
    drawn = [spec_of(row) for row in SMALL.sample(60 * len(nets), np.random.default_rng(1), stages=1)]
    assert set(drawn) == set(nets)
    assert chisquare([drawn.count(net) for net in nets]).pvalue > 0.01


@pytest.mark.parametrize("stages", [None, 2, 3, 4])
def test_samples_depend_on_the_seed_alone(stages):
    first, again, other = (FULL.sample(50, np.random.default_rng(seed), stages) for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    if stages:
        assert set(first[:, 3]) == {stages}


def test_a_depth_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="no nets of 7 stages"):
        FULL.sample(1, np.random.default_rng(0), stages=7)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("r16-s8-c3w8x1", "1 stages"),
        ("r40-s8-c3w8x1-c3w8x1", "40 px"),
        ("r16-s9-c3w8x1-c3w8x1", "stem width 9"),
        ("r16-s8-c3w8x1-c3w8x1-h65", "head 65"),
        ("r16-s8-c3w8x1-c9w8x1", "kernel of stage 2"),
        ("r16-s8-c3w9x1-c3w8x1", "width of stage 1"),
        ("r16-s8-c3w8x5-c3w8x1", "depth of stage 1"),
        ("r16-s8-m3e5w8x1-c3w8x1", "block of stage 1"),
        ("r16-s8/2-c3w8x1/2-c3w8x1/2-c3w8x1/2", "strides"),
    ],
)
def test_nets_outside_are_refused_by_field(text, word):
    net = NetSpec.parse(text)
    assert net not in FULL
    with pytest.raises(UsageError, match=word):
        FULL.encode(net)


def test_nets_inside_are_inside():
    for text in ("r16-s8-c3w8x1-c3w8x1", "r32-s32/2-m7e6w128x4/2-d3w8x1/2-b5w96x2/2-c3w12x3-h256"):
        assert NetSpec.parse(text) in FULL


@pytest.mark.parametrize(
    "space",
    [FULL, SMALL, SINGLES, DEEP, SHAPES, McuSpace.for_images((20, 33)), McuSpace.for_signals((1, 128))],
    ids=["full", "small", "singles", "deep", "shapes", "rectangles", "signals"],
)
def test_mutants_stay_inside_and_differ(space):
    rng = np.random.default_rng(2)
    nets = space.sample(50, rng)
    before = nets.copy()
    for _ in range(4):
        mutants = space.mutate(nets, rng)
        assert mutants.shape == nets.shape
        for net, mutant in zip(nets, mutants, strict=True):
            assert spec_of(mutant) in space
            assert spec_of(mutant) != spec_of(net)
            assert np.array_equal(space.array([spec_of(mutant)])[0], mutant), "unused stages must be 0"
        nets = mutants
    assert not np.shares_memory(mutants, before)


def test_a_mutation_changes_one_field_or_the_number_of_stages():
    rng = np.random.default_rng(3)
    nets = FULL.sample(300, rng)
    kinds = set()
    for net, mutant in zip(map(spec_of, nets), map(spec_of, FULL.mutate(nets, rng)), strict=True):
        shared = min(len(net.stages), len(mutant.stages))
        changed = [
            name for name in ("resolution", "stem_width", "stem_stride", "head")
            if getattr(net, name) != getattr(mutant, name)
        ]  # fmt: skip
        for a, b in zip(net.stages[:shared], mutant.stages[:shared], strict=True):
            fields = {name for name in vars(a) if getattr(a, name) != getattr(b, name)}
            changed += ["block"] if fields & {"block", "expansion"} else []
            changed += sorted(fields - {"block", "expansion"})
        changed += ["stages"] if len(net.stages) != len(mutant.stages) else []
        assert len(changed) == 1
        kinds.update(changed)
    assert kinds == {"resolution", "stem_width", "stem_stride", "head", "stages", "block", "kernel", "width", "depth",
                     "stride"}  # fmt: skip


def test_mutation_depends_on_the_seed_alone_and_leaves_its_input():
    nets = FULL.sample(20, np.random.default_rng(0))
    before = nets.copy()
    first, again = (FULL.mutate(nets, np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(first, again)
    assert np.array_equal(nets, before)
    assert FULL.mutate(nets[:0], np.random.default_rng(1)).shape == (0, nets.shape[1])


@pytest.mark.parametrize("space", [SMALL, SINGLES, replace(SMALL, heads=(0,), widths=(8, 16), max_stages=2)])
def test_smallest_holds_the_net_of_least_macs(space):
    def macs(net):
        return reference.count_layers(reference.layer_rows(net, 3, 10))[0]

    nets = space.enumerate()
    cheapest = min(map(macs, nets))
    part = space.smallest().enumerate()
    assert set(part) <= set(nets)
    assert len(part) < len(nets)
    assert min(map(macs, part)) == cheapest


@pytest.mark.parametrize(
    ("side", "resolutions"),
    [
        (8, (8,)),
        (11, (8,)),
        (28, (16, 20, 24, 28)),
        (32, (16, 20, 24, 28, 32)),
        (96, (48, 64, 80, 96)),
        (224, (48, 64, 80, 96, 112, 128, 160)),
        ((32, 32), (16, 20, 24, 28, 32)),
        ((96, 160), ((48, 80), (64, 107), (80, 133), (96, 160))),
        ((49, 10), ((39, 8), (49, 10))),
        ((100, 200), ((48, 96), (64, 128), (80, 160), (96, 192), (100, 200))),
        ((200, 100), ((96, 48), (128, 64), (160, 80), (192, 96), (200, 100))),
        ((160, 12), ((107, 8), (160, 12))),
        ((224, 300), ((48, 64), (64, 86), (80, 107), (96, 129), (112, 150), (128, 171), (160, 214))),
    ],
)
def test_resolutions_follow_the_images(side, resolutions):
    assert McuSpace.for_images(side) == replace(FULL, resolutions=resolutions)
    assert SPACES["mcu"](side).resolutions == resolutions
    assert McuSpace.for_images(side).count() > 10**9


@pytest.mark.parametrize("side", [7, 1, 0, -3])
def test_tiny_images_are_refused(side):
    with pytest.raises(UsageError, match="too small"):
        McuSpace.for_images(side)


@pytest.mark.parametrize(
    ("length", "lengths"),
    [(8, (8,)), (10, (8, 10)), (128, (32, 48, 64, 96, 128)), (100, (32, 48, 64, 96, 100)), (9000, (3072, 4096))],
)
def test_lengths_follow_the_signals(length, lengths):
    space = McuSpace.for_signals((1, length))
    assert space.resolutions == tuple((1, each) for each in lengths)
    assert space == SPACES["mcu1d"]((1, length))
    assert space.count() > 10**9
    assert {1} == set(layer_table(space.sample(20, np.random.default_rng(0)), 1, 4).column("kernel_h").tolist())


WHOLE = {
    "squares": FULL, "rectangles": McuSpace.for_images((96, 160)), "signals": McuSpace.for_signals((1, 1000)),
}  # fmt: skip


@examples(60)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_nets_of_every_shape_read_back_and_their_children_stay_inside(name, data):
    space, rng = WHOLE[name], np.random.default_rng(data.draw(st.integers(0, 2**16)))
    numbers = np.array(data.draw(st.lists(st.integers(0, space.count() - 1), min_size=2, max_size=6)))
    nets = space.decode(numbers)
    assert [space.encode(spec_of(row)) for row in nets] == numbers.tolist()
    assert [NetSpec.parse(str(spec_of(row))) for row in nets] == [spec_of(row) for row in nets]
    for children in (space.mutate(nets, rng), space.crossover(nets, nets[::-1], rng), space.sample(4, rng)):
        assert all(spec_of(child) in space for child in children)


def test_a_square_may_be_written_as_two_sides():
    assert replace(SMALL, resolutions=((5, 5), (8, 8))) == SMALL


def test_arrays_are_padded_to_the_width_of_the_space():
    net = NetSpec.parse("r16-s8-c3w8x1-m3e4w8x1")
    values = FULL.array([net])
    assert values.shape == (1, 5 + 6 * 4)
    assert spec_of(values[0]) == net
    assert not values[0, 5 + 6 * 2 :].any()
    assert len(layer_table(FULL.array([]), 3, 10)) == 0
