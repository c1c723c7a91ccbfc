"""One way to data: a name, an .npz, or a folder of images, recordings or sensor logs becomes a `Dataset`."""

import os
from pathlib import Path

import numpy as np

from zeroshot.data.arrays import Arrays, read_npz, split
from zeroshot.data.class_folders import safe
from zeroshot.data.dataset import Dataset, check_seed
from zeroshot.data.kinds import IMAGES, RECORDINGS, kind_in
from zeroshot.errors import DataError, unknown
from zeroshot.options import takes_options
from zeroshot.signals.folder_options import SignalOptions, check_given

SOURCES = ("digits", "cifar10", "cifar100", "fashion-mnist")
LEFT_OPEN = SignalOptions()


@takes_options(SignalOptions)
def load(source: str, seed: int = 0, options: SignalOptions = LEFT_OPEN, *, download: bool = True) -> Dataset:
    """Load a data set by name or path.

    A name of `SOURCES` wins over a folder of that name; write `./digits` for the folder.

    - `digits`: 1,797 grey 8x8 images shipped with scikit-learn, a fifth of each class held out.
    - `cifar10`, `cifar100`, `fashion-mnist`: downloaded by torchvision into `cache_folder()` once.
    - a file ending in `.npz`: `x_train`, `y_train`, `x_test`, `y_test`. Images are (n, H, W), (n, H, W, 1) or
      (n, H, W, 3), whole numbers 0..255 or floats: floats are 0..1 if none exceeds 1 and 0..255 if most images
      reach a quarter of that, both halves alike, and any doubt is an error. Pickled objects are never loaded.
    - a folder: `train/<class>/*` and `test/<class>/*`, or `<class>/*` with a fifth of each class held out.
      Images larger than 160 pixels on the shorter side are reduced to that, keeping memory in bounds; EXIF
      orientation is honoured.
    - such a folder of recordings (.wav, .flac) or of sensor logs (.csv, .parquet): windows as the pictures of a front
      end, divided by file or by whose they are; the other options are for these.

    Args:
        source: Name or path.
        seed: Of the split, where the source has no test half.
        options: How.
        download: Whether a named set that was never loaded before is fetched.

    Raises:
        DataError: The path does not exist, or the data cannot be used; the message says which file and why.
        UsageError: The name is not known, the seed is negative, or an option says nothing of these data.
    """
    check_seed(seed)
    if source in SOURCES:
        check_given(options, IMAGES.many, source)
        arrays, names = _read_digits(seed) if source == "digits" else _read_named(source, download)
        return Dataset(source, *arrays, names)
    path = _existing(source)
    if path.is_dir():
        return _folder(path, seed, options)
    if path.suffix.lower() != ".npz":
        raise DataError(
            f"{safe(path)} is neither a folder nor an .npz file.",
            "Give a folder of images, recordings or sensor logs, or an .npz.",
        )
    check_given(options, IMAGES.many, safe(path.name))
    arrays = read_npz(path)
    return Dataset(safe(path.stem), *arrays, tuple(map(str, range(int(arrays[1].max()) + 1))))


def _folder(path: Path, seed: int, options: SignalOptions) -> Dataset:
    """A folder of class folders, by what is in them; Pillow and readers of sound are imported only where they read."""
    kind = kind_in(path)
    check_given(options, kind.many, safe(path.name))
    if kind is IMAGES:
        from zeroshot.data._folders import read_folder

        arrays, names = read_folder(path, seed)
        return Dataset(safe(path.name), *arrays, names)
    from zeroshot.signals.dataset import logged, recorded

    return (recorded if kind is RECORDINGS else logged)(path, options, seed)


def _existing(source: str) -> Path:
    try:
        path = Path(source).expanduser().resolve()
        exists = path.exists()
    except (OSError, ValueError, RuntimeError) as error:  # no permission, a null byte, links going in circles
        raise DataError(f"{safe(source)!r} cannot be opened: {error}") from error
    if exists:
        return path
    if Path(source).name == source and not Path(source).suffix:  # a bare word: more likely a name mistyped
        raise unknown("data set", source, SOURCES, f"As a path it would be {path}, which does not exist.")
    raise DataError(f"{safe(path)} does not exist.", f"Give a folder, an .npz, or one of: {', '.join(SOURCES)}.")


def _read_digits(seed: int) -> tuple[Arrays, tuple[str, ...]]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    y = digits.target.astype(np.int64)
    names = tuple(str(name) for name in digits.target_names)
    train, test = split(y, names, seed)
    return (x[train], y[train], x[test], y[test]), names


def _read_named(name: str, download: bool) -> tuple[Arrays, tuple[str, ...]]:
    from zeroshot.data.torchvision import read_named

    return read_named(name, cache_folder() / "torchvision", download=download)


def cache_folder() -> Path:
    """Where downloads are kept: `$XDG_CACHE_HOME/zeroshot`, by default `~/.cache/zeroshot`."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "zeroshot"
