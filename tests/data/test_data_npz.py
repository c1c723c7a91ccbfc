"""Data sets from an .npz: what is accepted, and a refusal by name for everything else."""

import contextlib
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.data import load
from zeroshot.errors import DataError

from ..strategies import examples


def arrays(n=12, classes=3, shape=(6, 6, 3)):
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (n, *shape), np.uint8),
        "y_train": np.arange(n) % classes,
        "x_test": rng.integers(0, 256, (n, *shape), np.uint8),
        "y_test": np.arange(n) % classes,
    }


def saved(path, **changes):
    np.savez(path, **(arrays() | changes))
    return str(path)


@pytest.mark.parametrize("shape", [(6, 6, 3), (6, 6, 1), (6, 5)])
def test_npz_images_come_back(shape, tmp_path):
    given_arrays = arrays(shape=shape)
    result = load(saved(tmp_path / "a.npz", **given_arrays))
    np.testing.assert_array_equal(result.x_train.reshape(given_arrays["x_train"].shape), given_arrays["x_train"])
    np.testing.assert_array_equal(result.y_test, given_arrays["y_test"])
    assert (result.name, result.classes, result.side) == ("a", 3, shape[1])
    assert result.x_train.ndim == 4


def test_floats_are_rounded_to_the_nearest(tmp_path):
    assert (load(saved(tmp_path / "a.npz", x_train=np.full((12, 6, 6, 3), 100.6))).x_train == 101).all()
    assert (load(saved(tmp_path / "b.npz", x_test=np.full((12, 6, 6, 3), 0.999))).x_test == 255).all()


@pytest.mark.parametrize("labels", [np.arange(12.0) % 3, np.arange(12)[:, None] % 3, np.arange(12, dtype="u1") % 3])
def test_labels_in_other_clothes_are_the_same(labels, tmp_path):
    plain = load(saved(tmp_path / "a.npz")).digest
    assert load(saved(tmp_path / "b.npz", y_train=labels, y_test=labels)).digest == plain


X, Y = arrays()["x_train"], arrays()["y_train"]
POISONED = X / 255
POISONED[[2, 5], 1, 3, 0] = np.nan, np.inf
BAD_ARRAYS = {
    "nan": ({"x_train": POISONED}, ["x_train has 2 values", "(2, 1, 3, 0)"]),
    "infinities": ({"x_test": np.where(X > 128, np.inf, -np.inf)}, ["x_test", "not finite"]),
    "negative pixels": ({"x_train": X / 255 - 0.5}, ["x_train runs from -0.5", "raw pixels"]),
    "pixels above 255": ({"x_train": X.astype(int) * 2}, ["x_train runs from", "0..255"]),
    "text images": ({"x_train": X.astype(str)}, ["x_train has type"]),
    "channels first": (
        {"x_train": X.transpose(0, 3, 1, 2)},
        ["(12, 3, 6, 6)", "x_train.transpose(0, 2, 3, 1)"],
    ),
    "alpha": ({"x_train": np.zeros((12, 6, 6, 4), "u1")}, ["alpha", "x_train[..., :3]"]),
    "flattened": ({"x_train": X.reshape(12, -1)}, ["(12, 108)", "reshaped"]),
    "too many axes": ({"x_train": X[None]}, ["(1, 12, 6, 6, 3)"]),
    "scalar": ({"x_train": np.uint8(3)}, ["()"]),
    "empty": ({"x_train": X[:0], "y_train": Y[:0]}, ["x_train is empty"]),
    "empty test": ({"x_test": X[:0], "y_test": Y[:0]}, ["x_test is empty"]),
    "no pixels": ({"x_test": X[:, :0]}, ["x_test is empty"]),
    "halves differ": ({"x_test": X[:, :5]}, ["(6, 6, 3)", "(5, 6, 3)"]),
    "lengths differ": ({"y_train": Y[:-1]}, ["12 images", "11 labels"]),
    "no labels": ({"y_test": Y[:0]}, ["y_test is empty"]),
    "one-hot": ({"y_train": np.eye(3)[Y]}, ["one-hot", "y_train.argmax(1)"]),
    "labels of three axes": ({"y_train": Y[:, None, None]}, ["y_train has shape (12, 1, 1)"]),
    "text labels": ({"y_train": Y.astype(str)}, ["y_train has type", "return_inverse"]),
    "fractions": ({"y_train": Y + 0.5}, ["12 values that are not class numbers", "0.5"]),
    "nan labels": ({"y_train": np.where(Y == 1, np.nan, Y)}, ["not class numbers", "nan"]),
    "infinite labels": ({"y_train": np.where(Y == 1, np.inf, Y)}, ["not class numbers", "inf"]),
    "negative labels": ({"y_train": Y - 1}, ["not class numbers", "-1"]),
    "gigantic labels": ({"y_train": Y * 2**60}, ["not class numbers"]),
    "labels from 1": ({"y_train": Y + 1}, ["from 1 to 3", "none is 0", "without gaps"]),
    "gap": ({"y_train": Y * 2}, ["none is 1"]),
    "one class": ({"y_train": Y * 0}, ["one class only"]),
    "unseen class": ({"y_test": Y + 1}, ["Class 3 occurs in y_test"]),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_bad_arrays_are_refused(case, tmp_path, refused):
    changes, words = BAD_ARRAYS[case]
    refused(saved(tmp_path / "a.npz", **changes), *words)


def test_missing_keys_are_named_beside_those_found(tmp_path, refused):
    np.savez(tmp_path / "a.npz", x_train=X, y_train=Y, labels=Y)
    refused(tmp_path / "a.npz", "lacks x_test, y_test", "x_train, y_train, labels")


class Bomb:
    def __reduce__(self):
        return os.mkdir, (os.environ["ZEROSHOT_TEST_BOMB"],)


def test_objects_are_never_unpickled(tmp_path, monkeypatch, refused):
    monkeypatch.setenv("ZEROSHOT_TEST_BOMB", str(tmp_path / "exploded"))
    refused(saved(tmp_path / "a.npz", y_train=np.array([Bomb()] * 12, object)), "never loaded")
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Bomb()))
    refused(tmp_path / "b.npz", "not an .npz archive")
    assert not (tmp_path / "exploded").exists()


def test_damaged_archives_are_refused(tmp_path, refused):
    whole = Path(saved(tmp_path / "a.npz")).read_bytes()
    for name, content in {"cut": whole[:-100], "none": b"", "text": b"hello" * 99}.items():
        (tmp_path / f"{name}.npz").write_bytes(content)
        refused(tmp_path / f"{name}.npz", f"{name}.npz", "cut short")
    (tmp_path / "flipped.npz").write_bytes(whole[:500] + bytes([whole[500] ^ 255]) + whole[501:])
    refused(tmp_path / "flipped.npz", "flipped.npz cannot be read")


def test_a_nonsensical_header_is_refused(tmp_path, refused):
    with (
        zipfile.ZipFile(saved(tmp_path / "a.npz"), "a") as archive,
        pytest.warns(UserWarning, match="Duplicate"),
    ):
        archive.writestr("x_train.npy", npy(b"{'descr': '|u1', b'fortran_order': False, 'shape': (1,)}"))
    refused(tmp_path / "a.npz", "a.npz cannot be read")


def npy(header):
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header


def test_a_member_that_is_no_array_is_refused(tmp_path, refused):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for key in arrays():
            archive.writestr(key, b"not an array")
    refused(tmp_path / "a.npz", "x_train that is not a NumPy array")


@examples(60)
@given(position=st.integers(0, 2**20), value=st.integers(1, 255))
def test_any_flipped_byte_is_refused_or_harmless(position, value, tmp_path_factory):
    path = tmp_path_factory.mktemp("flip") / "a.npz"
    raw = bytearray(Path(saved(path)).read_bytes())
    raw[position % len(raw)] ^= value
    path.write_bytes(raw)
    with contextlib.suppress(DataError):  # any other exception fails the test
        load(str(path))
