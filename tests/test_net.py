"""net.py against a naive builder (reference.layer_rows), TFLite's padding formula and its own inverse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeroshot.errors import UsageError
from zeroshot.net import (
    COLUMNS,
    INPUT,
    NO_TENSOR,
    OPS,
    LayerTable,
    NetSpec,
    Stage,
    layer_table,
    same_padding,
    spec_array,
    spec_of,
)

from . import reference
from .strategies import examples, specs


def named_rows(table: LayerTable):
    """Rows as dicts with operators by name, as the reference gives them."""
    named = [dict(zip(COLUMNS, map(int, row), strict=True)) for row in table.rows]
    return [row | {"op": OPS[row["op"]]} for row in named]


@settings(deadline=None)
@given(specs(widths=(1, 7, 16, 1000)))
def test_short_specs_read_back(spec):
    assert NetSpec.parse(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("r32-s16/2-c3w24x2", NetSpec(32, 16, 2, (Stage("c", 3, 24, 2),))),
        ("r8-s4-m5e6w8x3/2-h64", NetSpec(8, 4, 1, (Stage("m", 5, 8, 3, 2, 6),), 64)),
        ("r49x10-s4-c3w8x1", NetSpec((49, 10), 4, 1, (Stage("c", 3, 8),))),
        ("r1x128-s4-c3w8x1", NetSpec((1, 128), 4, 1, (Stage("c", 3, 8),))),
        ("r8-s4-d7w8x1-b1w4x2", NetSpec(8, 4, 1, (Stage("d", 7, 8), Stage("b", 1, 4, 2)))),
    ],
)
def test_a_short_spec_says_what_it_says(text, spec):
    assert NetSpec.parse(text) == spec
    assert str(spec) == text


@pytest.mark.parametrize(
    ("text", "height", "width"), [("r32", 32, 32), ("r32x32", 32, 32), ("r49x10", 49, 10), ("r1x4096", 1, 4096)]
)
def test_the_input_of_a_spec_has_a_height_and_a_width(text, height, width):
    spec = NetSpec.parse(f"{text}-s4-c3w8x1")
    assert (spec.height, spec.width) == (height, width)
    assert spec.resolution == (height if height == width else (height, width))
    assert spec == NetSpec((height, width), 4, 1, spec.stages)
    assert str(spec).startswith("r32-" if height == 32 else f"{text}-")


def test_a_signal_has_flat_kernels_and_one_row():
    table = layer_table(spec_array([NetSpec.parse("r1x9-s4/2-d3w8x1/2-c5w8x1-m7e2w8x1/2-b3w6x1")]), 3, 5)
    kernels, lines = table.column("kernel_h"), (table.column("height"), table.column("out_height"))
    assert set(kernels) == {1}
    assert {3, 5, 7} <= set(table.column("kernel_w").tolist())
    assert {int(value) for line in lines for value in line} == {1}
    assert table.column("out_width")[:3].tolist() == [5, 3, 3]


@pytest.mark.parametrize(
    "text",
    [
        "", "-", "h64", "r32", "r32-s16", "r32-s16-h64", "s16-c3w8x1", "r32-c3w8x1", "32-s16-c3w8x1", "r32-s16-",
        "r32-s16-c3w8", "r32-s16-x3w8x1", "r32-s16-c3w8x1-h64-c3w8x1", "r32-s16-c3w8x1 ", "r32-s16-c3w8x1\n",
        "R32-s16-c3w8x1", "r32-s16-c3w8x1/3", "r32-s16/3-c3w8x1", "r32-s16-c2w8x1", "r32-s16-c0w8x1", "r0-s16-c3w8x1",
        "r32-s0-c3w8x1", "r32-s16-c3w0x1", "r32-s16-c3w8x0", "r32-s16-c3e2w8x1", "r32-s16-m3e0w8x1", "r-3-s16-c3w8x1",
        "r0x5-s16-c3w8x1", "r5x0-s16-c3w8x1", "r5x-s16-c3w8x1", "rx5-s16-c3w8x1", "r5x5x5-s16-c3w8x1",
        "r4097-s16-c3w8x1", "r1x4097-s16-c3w8x1", "r999999x8-s16-c3w8x1",
        "r32-s16-c3w8x-1", "r32-s16-c3w8x1/0", "r32-s16/0-c3w8x1", "r3.5-s16-c3w8x1",
    ],
)  # fmt: skip
def test_what_is_no_spec_is_refused(text):
    with pytest.raises(UsageError):
        NetSpec.parse(text)


@settings(deadline=None)
@given(st.text(alphabet="rscdmbehwx0123456789/-", max_size=24))
def test_any_text_is_a_spec_or_a_usage_error(text):
    try:
        spec = NetSpec.parse(text)
    except UsageError:
        return
    assert NetSpec.parse(str(spec)) == spec


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("x", 3, 8), "Unknown block"),
        (("c", 4, 8), "odd kernel"),
        (("c", 3, 0), "positive"),
        (("c", 3, 8, 1, 3), "stride"),
        (("d", 3, 8, 1, 1, 2), "expansion"),
    ],
)
def test_bad_stages_say_why(arguments, word):
    with pytest.raises(UsageError, match=word):
        Stage(*arguments)


def test_a_net_without_stages_is_refused():
    with pytest.raises(UsageError, match="at least one stage"):
        NetSpec(32, 8, 1, ())


@settings(deadline=None)
@given(st.lists(specs(), max_size=5))
def test_arrays_read_back(nets):
    values = spec_array(nets)
    assert values.dtype == np.int32
    assert values.shape == (len(nets), 5 + 6 * max((len(net.stages) for net in nets), default=0))
    assert [spec_of(row) for row in values] == nets


@examples(80)
@given(st.lists(specs(), min_size=1, max_size=4), st.integers(1, 4), st.integers(1, 11))
def test_rows_are_those_of_the_block_definitions(nets, channels, classes):
    table = layer_table(spec_array(nets), channels, classes)
    expected = [reference.layer_rows(net, channels, classes) for net in nets]
    assert np.diff(table.ptr).tolist() == [len(rows) for rows in expected]
    assert named_rows(table) == [row for rows in expected for row in rows]
    assert len(table) == len(nets)
    for i, rows in enumerate(expected):
        assert named_rows(table.net(i)) == rows
        assert table.net(i).ptr.tolist() == [0, len(rows)]


@settings(deadline=None)
@given(specs(), st.integers(1, 4))
def test_tensors_are_read_after_they_are_written_and_fit(net, channels):
    rows = named_rows(layer_table(spec_array([net]), channels, 3))
    image = {"out_height": net.height, "out_width": net.width, "out_channels": channels}
    read = set()
    for i, row in enumerate(rows):
        assert INPUT <= row["source"] < i
        assert (row["source"] == INPUT) == (i == 0)
        assert row["residual"] < i
        assert (row["residual"] != NO_TENSOR) == (row["op"] == "add")
        for tensor in (row["source"], row["residual"]):
            if tensor != NO_TENSOR:
                feed = image if tensor == INPUT else rows[tensor]
                assert [row[c] for c in ("height", "width", "in_channels")] == [
                    feed[c] for c in ("out_height", "out_width", "out_channels")
                ]
                read.add(tensor)
    assert read == set(range(-1, len(rows) - 1))
    cells = [row["cell"] for row in rows]
    assert cells[0] == 0
    assert set(np.diff(cells)) <= {0, 1}
    assert cells[-1] == sum(stage.depth for stage in net.stages) + 1


def test_a_residual_block_written_out():
    # ResNet8's second stage by hand: two 3x3 convolutions, a 1x1 shortcut from the block's input, the addition.
    rows = named_rows(layer_table(spec_array([NetSpec.parse("r32-s16-b3w16x1-b3w32x1/2")]), 3, 10))
    brief = [(r["op"], r["height"], r["out_height"], r["in_channels"], r["out_channels"], r["source"], r["residual"])
             for r in rows]  # fmt: skip
    assert brief == [
        ("conv", 32, 32, 3, 16, -1, -2),
        ("conv", 32, 32, 16, 16, 0, -2), ("conv", 32, 32, 16, 16, 1, -2), ("add", 32, 32, 16, 16, 2, 0),
        ("conv", 32, 16, 16, 32, 3, -2), ("conv", 16, 16, 32, 32, 4, -2), ("pointwise", 32, 16, 16, 32, 3, -2),
        ("add", 16, 16, 32, 32, 5, 6),
        ("avgpool", 16, 1, 32, 32, 7, -2), ("linear", 1, 1, 32, 10, 8, -2),
    ]  # fmt: skip


def test_columns_are_views_by_name():
    table = layer_table(spec_array([NetSpec.parse("r8-s4-d3w8x1")]), 1, 2)
    assert table.column("out_channels").tolist() == [4, 4, 8, 8, 2]
    assert np.shares_memory(table.column("op"), table.rows)


def test_no_nets_have_no_rows():
    table = layer_table(spec_array([]), 3, 10)
    assert len(table) == 0
    assert table.rows.shape == (0, len(COLUMNS))


@pytest.mark.parametrize("shape", [(2, 4), (2, 6), (11,), (1, 2, 11), (2, 12)])
def test_arrays_of_another_shape_are_refused(shape):
    with pytest.raises(UsageError, match="columns"):
        layer_table(np.zeros(shape, np.int32), 3, 10)


@pytest.mark.parametrize(("channels", "classes"), [(0, 10), (3, 0), (-1, 10)])
def test_no_channels_or_classes_are_refused(channels, classes):
    with pytest.raises(UsageError, match="positive"):
        layer_table(spec_array([NetSpec.parse("r8-s4-d3w8x1")]), channels, classes)


@settings(deadline=None)
@given(st.integers(1, 300), st.sampled_from((1, 3, 5, 7, 9)), st.integers(1, 3))
def test_padding_is_that_of_tflite(size, kernel, stride):
    assert same_padding(size, kernel, stride) == reference.same_padding(size, kernel, stride)


@settings(deadline=None)
@given(st.integers(1, 300), st.sampled_from((1, 3, 5, 7)), st.integers(1, 2))
def test_padded_windows_just_cover_the_input(size, kernel, stride):
    before, after = same_padding(size, kernel, stride)
    outputs = (size + before + after - kernel) // stride + 1
    assert outputs == -(-size // stride)
    assert after - before in (0, 1)
