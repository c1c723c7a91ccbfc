"""Images and labels as arrays: reading and checking an .npz, holding images out for testing, what arrays hold."""

import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from zeroshot.data._scale import to_bytes
from zeroshot.data.memory import check_npz
from zeroshot.errors import DataError

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Arrays = tuple[Images, Labels, Images, Labels]  # x_train, y_train, x_test, y_test

KEYS = ("x_train", "y_train", "x_test", "y_test")
TEST_SHARE = 0.2


def read_npz(path: Path) -> Arrays:
    """Read and check an .npz with `x_train`, `y_train`, `x_test` and `y_test`; other keys are ignored.

    Images are (n, H, W), (n, H, W, 1) or (n, H, W, 3), whole numbers 0..255 or floats, which `to_bytes` scales.
    Labels are (n,) or (n, 1) whole numbers 0..C-1, each of which occurs in the training set.

    Raises:
        DataError: The file is damaged, holds pickled objects, or its arrays break one of the rules above.
    """
    found = _members(path)
    x_train, x_test = _images(found["x_train"], found["x_test"])
    y_train, y_test = (_labels(found[key], key) for key in ("y_train", "y_test"))
    for part, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        if len(x) != len(y):
            raise DataError(f"x_{part} has {len(x)} images, but y_{part} has {len(y)} labels.")
    _check_classes(y_train, y_test)
    return x_train, y_train, x_test, y_test


def _members(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with path.open("rb") as file:
            return _load_members(file, path)
    except DataError:
        raise
    except Exception as error:  # damaged archives: BadZipFile, zlib.error, TokenError, TypeError, MemoryError
        if "allow_pickle" in str(error):
            raise DataError(
                f"{path} holds pickled objects, which are never loaded: they can run code.",
                "Save plain number arrays; images of unequal size must be resized to one size first.",
            ) from error
        raise DataError(f"{path} cannot be read: {str(error) or type(error).__name__}") from error


def _load_members(file: IO[bytes], path: Path) -> dict[str, npt.NDArray[Any]]:
    start = file.read(4)
    if start != b"PK\3\4" or not zipfile.is_zipfile(file):  # asked first: NumPy would take it for a pickle
        raise DataError(f"{path} is not an .npz archive, or it is cut short.", "Write it with numpy.savez.")
    file.seek(0)
    check_npz(file, str(path), KEYS)
    with np.load(file, allow_pickle=False) as archive:
        missing = [key for key in KEYS if key not in archive.files]
        if missing:
            raise DataError(
                f"{path} lacks {', '.join(missing)}; it has {', '.join(archive.files) or 'nothing'}.",
                f"Write it with numpy.savez(path, {', '.join(f'{key}={key}' for key in KEYS)}).",
            )
        arrays = {key: archive[key] for key in KEYS}
    foreign = [key for key, value in arrays.items() if not isinstance(value, np.ndarray)]
    if foreign:  # a member without the .npy header comes back as bytes
        raise DataError(f"{path} has a {foreign[0]} that is not a NumPy array.", "Write it with numpy.savez.")
    return arrays


def _images(train: npt.NDArray[Any], test: npt.NDArray[Any]) -> tuple[Images, Images]:
    train, test = _checked_shape(train, "x_train"), _checked_shape(test, "x_test")
    if train.shape[1:] != test.shape[1:]:
        raise DataError(f"Images of x_train are {train.shape[1:]}, those of x_test {test.shape[1:]}.")
    return to_bytes(train, test)


def _checked_shape(x: npt.NDArray[Any], key: str) -> npt.NDArray[Any]:
    if x.ndim == 4 and x.shape[3] not in (1, 3) and x.shape[1] in (1, 3):
        raise DataError(
            f"{key} has shape {x.shape}, which looks like channels first.",
            f"Save {key}.transpose(0, 2, 3, 1) instead.",
        )
    if x.ndim == 4 and x.shape[3] in (2, 4):
        raise DataError(
            f"{key} has shape {x.shape}, {x.shape[3]} channels; is the last one alpha?",
            f"Save {key}[..., :{x.shape[3] - 1}] instead.",
        )
    if x.ndim not in (3, 4) or (x.ndim == 4 and x.shape[3] not in (1, 3)):
        flat = " Flattened images must be reshaped." if x.ndim == 2 else ""
        raise DataError(f"{key} has shape {x.shape}; images must be (n, H, W), (n, H, W, 1) or (n, H, W, 3).{flat}")
    if x.size == 0:
        raise DataError(f"{key} is empty: its shape is {x.shape}.")
    return x if x.ndim == 4 else x[..., None]


def _labels(y: npt.NDArray[Any], key: str) -> Labels:
    if y.ndim == 2 and y.shape[1] > 1:
        raise DataError(f"{key} has shape {y.shape}, one-hot labels?", f"Save {key}.argmax(1) instead.")
    if y.ndim not in (1, 2):
        raise DataError(f"{key} has shape {y.shape}; labels must be (n,) or (n, 1).")
    if y.size == 0:
        raise DataError(f"{key} is empty: its shape is {y.shape}.")
    if y.dtype.kind not in "buif":
        raise DataError(
            f"{key} has type {y.dtype}; labels must be whole numbers.",
            "numpy.unique(names, return_inverse=True)[1] turns names into numbers.",
        )
    y = y.reshape(-1)
    wrong = y[~np.isfinite(y) | (np.floor(y) != y) | (y < 0) | (y > 2**31)] if y.dtype.kind != "b" else y[:0]
    if len(wrong):
        raise DataError(
            f"{key} holds {len(wrong)} values that are not class numbers, for example {wrong[0]}.",
            "Labels must be whole numbers from 0 to classes - 1.",
        )
    return y.astype(np.int64)


def _check_classes(y_train: Labels, y_test: Labels) -> None:
    known = np.unique(y_train)
    if len(known) == 1:
        raise DataError(f"The training set has one class only, {known[0]}.", "At least two are needed.")
    missing = np.setdiff1d(np.arange(len(known)), known)
    if len(missing):
        raise DataError(
            f"y_train has {len(known)} classes from {known[0]} to {known[-1]}, but none is {missing[0]}.",
            "Number classes without gaps from 0: numpy.unique(y, return_inverse=True)[1] does it.",
        )
    unseen = np.setdiff1d(y_test, known)
    if len(unseen):
        raise DataError(f"Class {unseen[0]} occurs in y_test, but never in y_train.")


def split(
    labels: Labels, names: Sequence[str], seed: int, share: float = TEST_SHARE
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Hold out a share of every class (one image in five), at least one image.

    Args:
        labels: (n,) int64, class of each image.
        names: Class names, for the error message.
        seed: The same seed gives the same split.
        share: Held out of each class, a fraction below one half.

    Returns:
        Indices of the images that are left and of those held out, each (m,) in ascending order.

    Raises:
        DataError: A class has one image only.
    """
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(labels), bool)
    for number, name in enumerate(names):
        members = np.flatnonzero(labels == number)
        if len(members) < 2:
            raise DataError(
                f"Class {name!r} has {len(members)} image, too few to hold one out.",
                "Add images, leave the class out, or give train and test folders.",
            )
        held_out[rng.permutation(members)[: max(1, round(share * len(members)))]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def digest(*arrays: npt.NDArray[Any]) -> str:
    """SHA-256 over shapes and bytes of arrays, hex."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(repr(array.shape).encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def shared(train: npt.NDArray[Any], test: npt.NDArray[Any]) -> int:
    """How many examples of `test` occur in `train` too, to the last bit."""
    known = {hashlib.sha256(each.tobytes()).digest() for each in train}
    return sum(hashlib.sha256(each.tobytes()).digest() in known for each in test)
