"""A decision bias a class: what it means, and that the C of one is the reference's and the C of none what it was."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.cascade.policy import logit_gap
from zeroshot.errors import UsageError
from zeroshot.firmware.answers import compare, decide, reference_answers
from zeroshot.firmware.c_cascade import cascade_sources
from zeroshot.firmware.host import host_answers
from zeroshot.firmware.project import project_files
from zeroshot.firmware.toolchain import has_host_compiler
from zeroshot.int8.decision import MOST_BIAS, biased

from ..firmware_pairs import images, pair
from ..streams import fed

SMALL = ("r10-s6-d3w9x1/2", "r10-s8/2-b3w8x1")
THREE = pair(*SMALL, classes=3)
BIAS = st.lists(st.integers(-MOST_BIAS, MOST_BIAS), min_size=3, max_size=3).map(tuple)
LOGITS = st.lists(st.lists(st.integers(-128, 127), min_size=3, max_size=3), min_size=1, max_size=5)


@given(LOGITS, BIAS)
def test_answer_and_gap_are_those_of_the_sums(logits, bias):
    """Against sums in plain Python; a gap is told up to 255."""
    found = biased(np.array(logits, np.int8), bias)
    for row, values, gap in zip(found, logits, logit_gap(found), strict=True):
        sums = [value + b for value, b in zip(values, bias, strict=True)]
        *_, second, largest = sorted(sums)
        assert row.argmax() == sums.index(largest)
        assert gap == min(largest - second, 255)


@given(LOGITS, BIAS, BIAS, st.tuples(*[st.integers(0, 256)] * 3))
def test_a_cascade_decides_by_the_sums_of_each_net(logits, little_bias, big_bias, thresholds):
    cascade = replace(THREE, thresholds=thresholds, little_bias=little_bias, big_bias=big_bias)
    found = decide(cascade, logits, logits[::-1])
    for i, (own, other) in enumerate(zip(logits, logits[::-1], strict=True)):
        sums = [a + b for a, b in zip(own, little_bias, strict=True)]
        answer = sums.index(max(sums))
        gap = min(max(sums) - sorted(sums)[-2], 255)
        up = gap < thresholds[answer]
        sums = [a + b for a, b in zip(other, big_bias, strict=True)] if up else sums
        assert (found.label[i], found.gap[i], found.escalated[i]) == (sums.index(max(sums)), gap, up)


def test_a_bias_of_zeros_is_none_in_the_c():
    for cascade in (pair(*SMALL, classes=3), fed("sound", smooth=3)):
        zeros = (0,) * cascade.little.classes
        none, some = (cascade_sources(each, "x") for each in (
            replace(cascade, little_bias=zeros, big_bias=zeros), replace(cascade, big_bias=(*zeros[1:], 1)),
        ))  # fmt: skip
        assert none == cascade_sources(cascade, "x") != some
        assert {name for name in none if none[name] != some[name]} == {"x.c", "x.h"}
        assert "bias" not in none["x.c"] + none["x.h"]


@pytest.mark.parametrize("bias", [(1, 2), (1, 2, 128), (-128, 0, 0)])
def test_a_bias_that_does_not_fit_is_refused(bias):
    with pytest.raises(UsageError, match="bias"):
        replace(pair(*SMALL, classes=3), big_bias=bias)


def test_the_c_decides_as_the_reference():
    """Steps as large as a device can have, so that gaps beyond a byte come about in both directions."""
    if not has_host_compiler():
        pytest.skip("no C compiler")
    cascade = replace(
        pair(*SMALL, classes=4, seed=2), little_bias=(-127, 3, 127, -20), big_bias=(100, -127, 0, 50),
        thresholds=(255, 40, 256, 90),
    )  # fmt: skip
    given = images(cascade, 60)
    expected = reference_answers(cascade, given)
    found, _ = host_answers(cascade, given)
    compare("C on this machine", expected, found)
    plain = reference_answers(replace(cascade, little_bias=(), big_bias=()), given)
    assert (expected.label != plain.label).any()
    assert 0 < expected.escalated.sum() < 60


def test_the_vector_of_main_knows_the_bias():
    """The label that it expects of the big net alone."""
    cascade = replace(pair(*SMALL, classes=4, seed=2), big_bias=(-127, -127, -127, 127))
    given = images(cascade, 1)
    label = int((reference_answers(cascade, given).big[0] + cascade.big_bias).argmax())
    assert f"result.label != {label}) {{\n        return 2" in project_files(cascade, given)["main.c"].decode()
