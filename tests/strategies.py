"""Hypothesis strategies that several test files draw from, and how many examples a property takes."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from zeroshot.net import BLOCKS, NetSpec, Stage


def examples(count: int, **others: Any) -> settings:
    """Settings of a property that takes `count` examples where others take 100; half in `make test`."""
    return settings(max_examples=-(-count * settings.default.max_examples // 100), deadline=None, **others)


@st.composite
def stages(draw, widths=(1, 3, 4, 8, 16)):
    """Any stage the package allows, small."""
    block = draw(st.sampled_from(BLOCKS))
    return Stage(
        block,
        kernel=draw(st.sampled_from((1, 3, 5, 7))),
        width=draw(st.sampled_from(widths)),
        depth=draw(st.integers(1, 3)),
        stride=draw(st.integers(1, 2)),
        expansion=draw(st.integers(1, 6)) if block == "m" else 1,
    )


def resolutions():
    """Squares, rectangles and signals, the last either way."""
    sides = st.integers(1, 33)
    long = st.integers(2, 70)
    return st.one_of(sides, st.tuples(sides, sides), st.tuples(st.just(1), long), st.tuples(long, st.just(1)))


@st.composite
def specs(draw, widths=(1, 3, 4, 8, 16)):
    """Any net the package allows, small: odd sizes, all blocks, kernels, strides, expansions, heads."""
    return NetSpec(
        resolution=draw(resolutions()),
        stem_width=draw(st.sampled_from(widths)),
        stem_stride=draw(st.integers(1, 2)),
        stages=tuple(draw(st.lists(stages(widths), min_size=1, max_size=4))),
        head=draw(st.sampled_from((0, 0, 5, 32))),
    )
