"""Which number is white: the scales of image arrays that are read, and the doubts that are asked about."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from zeroshot.data import load
from zeroshot.data.arrays import read_npz
from zeroshot.errors import DataError

from ..strategies import examples

N = 12
X = np.random.default_rng(0).integers(0, 256, (N, 6, 6, 3), np.uint8)
UNIT = X / 255


def saved(path, train, test):
    np.savez(path, x_train=train, x_test=test, y_train=np.arange(len(train)) % 3, y_test=np.arange(len(test)) % 3)
    return path


def with_value(x, value, where=7):
    x = x.copy()
    x.flat[where] = value
    return x


def first_half(a, b):
    return np.concatenate([a[: N // 2], b[N // 2 :]])


# What is read

FORMS = {
    "uint8": lambda x: x,
    "int64": lambda x: x.astype(np.int64),
    "uint16": lambda x: x.astype(np.uint16),
    "float16 0..255": lambda x: x.astype(np.float16),
    "float32 0..255": lambda x: x.astype(np.float32),
    "float64 0..255": lambda x: x.astype(np.float64),
    "float16 0..1": lambda x: (x / 255).astype(np.float16),
    "float32 0..1": lambda x: (x / 255).astype(np.float32),
    "float32 0..1 divided": lambda x: x.astype(np.float32) / np.float32(255),
    "float64 0..1": lambda x: x / 255,
}
INTEGERS = ("uint8", "int64", "uint16")


@pytest.mark.parametrize("form", FORMS)
def test_pictures_in_any_form_become_the_same_bytes(form, tmp_path):
    result = load(str(saved(tmp_path / "a.npz", FORMS[form](X), FORMS[form](X[::-1]))))
    np.testing.assert_array_equal(result.x_train, X)
    np.testing.assert_array_equal(result.x_test, X[::-1])
    assert result.x_train.dtype == np.uint8


@pytest.mark.parametrize("form", ["float32 0..255", "float32 0..1"])
def test_whole_numbers_beside_floats_keep_their_own_scale(form, tmp_path):
    result = load(str(saved(tmp_path / "a.npz", X, FORMS[form](X))))
    np.testing.assert_array_equal(result.x_test, X)


@pytest.mark.parametrize(("value", "byte"), [(0.0, 0), (0.5, 128), (0.999, 255), (100.6, 101), (255.0, 255)])
def test_constant_floats_that_leave_no_doubt(value, byte, tmp_path):
    x = np.full(X.shape, value)
    assert (load(str(saved(tmp_path / "a.npz", x, x))).x_train == byte).all()


@pytest.mark.parametrize("form", FORMS)
def test_all_black_is_black_on_every_scale(form, tmp_path):
    black = FORMS[form](np.zeros_like(X))
    assert not load(str(saved(tmp_path / "a.npz", black, black))).x_train.any()
    beside = load(str(saved(tmp_path / "b.npz", FORMS[form](X), black)))
    np.testing.assert_array_equal(beside.x_train, X)
    assert not beside.x_test.any()


def test_sparse_and_half_dark_pictures_are_read(tmp_path):
    """One bright stroke a picture is enough; dark pictures may stand among bright ones."""
    strokes = np.zeros_like(X)
    strokes[:, 2, 3] = 200
    dim = first_half(X, X // 20)
    for x in (strokes, dim):
        for form in ("float32 0..255", "float32 0..1"):
            result = load(str(saved(tmp_path / "a.npz", FORMS[form](x), FORMS[form](x))))
            np.testing.assert_array_equal(result.x_train, x)


def test_whole_numbers_may_be_dark(tmp_path):
    for kind in (np.uint8, np.int64):
        result = load(str(saved(tmp_path / "a.npz", (X % 4).astype(kind), (X % 17).astype(kind))))
        np.testing.assert_array_equal(result.x_train, X % 4)


# What is asked about

BITS = X % 2
DOUBTS = {
    "1.004": (with_value(UNIT, 1.004), UNIT, ["x_train runs from 0 to 1.004", "median 0.4", "x_train.clip(0, 1)"]),
    "1.004 in test": (UNIT, with_value(UNIT, 1.004), ["x_test runs from 0 to 1.004", "x_test.clip(0, 1)"]),
    "0..2": (UNIT * 2, UNIT * 2, ["x_train runs from 0 to 2 "]),
    "0..16": (X % 17 * 1.0, X % 17 * 1.0, ["x_train runs from 0 to 16 ", "typical image is 16"]),
    "0..3": (X % 4 * 1.0, X % 4 * 1.0, ["x_train runs from 0 to 3 ", "numpy.rint(x_train).astype('uint8')"]),
    "hot pixel": (with_value(UNIT, 200), UNIT, ["0 to 200", "typical image is 0.99"]),
    "halves differ": (UNIT, X * 1.0, ["x_train is 0..1", "x_test is 0..255", "one scale"]),
    "halves differ the other way": (X * 1.0, UNIT, ["x_train is 0..255", "x_test is 0..1"]),
    "white beside 0..255": (X * 1.0, np.ones(X.shape), ["x_test holds nothing but 1"]),
    "mixed in one half": (first_half(X * 1.0, UNIT * 1.1), X * 1.0, ["6 of its 12 images", "x_train[6]", "mixed"]),
    "divided twice": (UNIT / 255, UNIT / 255, ["0.00392", "divided by 255 twice"]),
    "divided twice, a hot pixel": (with_value(UNIT / 255, 1), UNIT, ["0 to 1 ", "divided by 255 twice"]),
    "16 bits as floats": (X * 257.0, X * 257.0, ["65535", "0..255, or 0..1"]),
    "16 bits": (X.astype(np.uint16) * 257, X, ["65535", "(x_train // 257).astype('uint8')"]),
    "-1..1": (UNIT * 2 - 1, UNIT * 2 - 1, ["x_train runs from -1 to 1", "raw pixels"]),
    "normalised": ((UNIT - UNIT.mean()) / UNIT.std(), UNIT, ["x_train runs from -1.", "raw pixels"]),
    "-0.004": (UNIT, UNIT - 0.004, ["x_test runs from -0.004", "x_test.clip(0, 1)"]),
    "255.3": (with_value(X * 1.0, 255.3), X * 1.0, ["255.3", ".clip(0, 255)"]),
    "uint8 0 and 1": (BITS, X, ["x_train holds nothing but 0 and 1", "x_train.astype('uint8') * 255"]),
    "int8 0 and 1": (X, BITS.astype(np.int8), ["x_test holds nothing but 0 and 1"]),
    "float 0 and 1": (BITS * 1.0, BITS * 1.0, ["x_train holds nothing but 0 and 1"]),
    "bool": (BITS > 0, BITS > 0, ["x_train has type bool", "x_train.astype('uint8') * 255"]),
    "gigantic": (with_value(with_value(UNIT, 1e308), -1e308, 8), UNIT, ["runs from -1e+308 to 1e+308"]),
}


@pytest.mark.parametrize("case", DOUBTS)
def test_a_doubtful_scale_is_asked_about(case, tmp_path, refused):
    train, test, words = DOUBTS[case]
    refused(saved(tmp_path / "a.npz", train, test), *words)


CURES = {
    "1.004": lambda x: x.clip(0, 1),
    "0..16": lambda x: np.rint(x).astype("uint8"),
    "0..3": lambda x: np.rint(x).astype("uint8"),
    "hot pixel": lambda x: x.clip(0, 1),
    "16 bits": lambda x: (x // 257).astype("uint8") if x.dtype == np.uint16 else x,
    "-0.004": lambda x: x.clip(0, 1),
    "255.3": lambda x: x.clip(0, 255),
    "int8 0 and 1": lambda x: x.astype("uint8") * 255 if x.dtype == np.int8 else x,
    "float 0 and 1": lambda x: x.astype("uint8") * 255,
    "bool": lambda x: x.astype("uint8") * 255,
}


@pytest.mark.parametrize("case", CURES)
def test_the_advice_of_an_error_works(case, tmp_path):
    train, test, _ = DOUBTS[case]
    load(str(saved(tmp_path / "a.npz", CURES[case](train), CURES[case](test))))


# Any picture in any form: its own bytes or an error

BOUNDS = st.sampled_from([0, 1, 2, 3, 16, 63, 64, 200, 255])


@st.composite
def pictures(draw):
    shape = (draw(st.integers(3, 5)), draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.sampled_from([1, 3])))
    top = draw(BOUNDS)
    return draw(npst.arrays(np.uint8, shape, elements=st.integers(0, top)))


@examples(100)
@given(x=pictures(), forms=st.tuples(st.sampled_from(sorted(FORMS)), st.sampled_from(sorted(FORMS))), dim=BOUNDS)
@example(x=X % 2, forms=("float64 0..255", "float64 0..255"), dim=1)
@example(x=X % 2 * 255, forms=("float64 0..1", "float64 0..1"), dim=1)
def test_any_picture_keeps_its_bytes_or_is_asked_about(x, forms, dim, tmp_path_factory):
    test = np.minimum(x[::-1], dim).astype(np.uint8)
    path = tmp_path_factory.mktemp("scale") / "a.npz"
    try:
        found = read_npz(saved(path, FORMS[forms[0]](x), FORMS[forms[1]](test)))
    except DataError as error:
        hint = error.hint
    else:
        np.testing.assert_array_equal(found[0], x)
        np.testing.assert_array_equal(found[2], test)
        return
    assert hint


@examples(50)
@given(
    x=npst.arrays(np.uint8, (4, 3, 3, 1), elements=st.integers(0, 255)),
    forms=st.tuples(st.sampled_from(sorted(FORMS)), st.sampled_from(sorted(FORMS))),
)
def test_bright_pictures_are_never_asked_about(x, forms, tmp_path_factory):
    x[:, 0, 0], x[:, 0, 1] = 200, 100  # bright somewhere, and more than black and white
    path = saved(tmp_path_factory.mktemp("scale") / "a.npz", FORMS[forms[0]](x), FORMS[forms[1]](x))
    floats = {"255" in form for form in forms if form not in INTEGERS}
    if len(floats) > 1:
        with pytest.raises(DataError, match="differ in scale"):
            read_npz(path)
        return
    found = read_npz(path)
    np.testing.assert_array_equal(found[0], x)
    np.testing.assert_array_equal(found[2], x)


@examples(50)
@given(x=npst.arrays(np.float64, (3, 2, 2, 1)), beside=st.sampled_from([UNIT, X]))
def test_any_floats_are_read_or_asked_about(x, beside, tmp_path_factory):
    """Any exception but DataError fails, as does a warning; what is read is within half a level of a scale."""
    try:
        found = read_npz(saved(tmp_path_factory.mktemp("scale") / "a.npz", x, beside[:, :2, :2, :1]))
    except DataError:
        return
    white = 1 if x.max() <= 1 else 255
    assert abs(found[0] - x * (255 / white)).max() <= 0.5
