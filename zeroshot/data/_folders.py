"""Folders of images, one subfolder a class, read with Pillow."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from zeroshot.data.arrays import Arrays, Images, split
from zeroshot.errors import DataError

MAX_SIDE = 160  # pixels of the shorter side; no net here looks at more, and 50,000 such images fill 4 GB
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
_TURNED = {5, 6, 7, 8}  # EXIF orientations that swap width and height


def read_folder(root: Path, seed: int) -> tuple[Arrays, tuple[str, ...]]:
    """Read `train/<class>/*` and `test/<class>/*`, or `<class>/*` with a fifth of each class held out.

    Only images lying in a class folder itself count; other files, and folders whose names start with a dot
    or two underscores, are passed over. Images are turned as their EXIF orientation says, and reduced to 160
    pixels on the shorter side when they are larger. Of an animation the first frame is read.

    Args:
        root: The folder.
        seed: Of the split, where there is no test folder.

    Returns:
        Images and labels as `Arrays`, and the class names in alphabetical order.

    Raises:
        DataError: The folder or a file in it cannot be used; the message names it.
    """
    if _is_split(root):
        train, names = _listing(root / "train")
        test = _test_listing(root, names)
    else:
        everything, names = _listing(root)
        train_rows, test_rows = split(np.array([label for _, label in everything], np.int64), names, seed)
        train, test = [everything[i] for i in train_rows], [everything[i] for i in test_rows]
    x = _read([path for path, _ in train + test])
    y = np.array([label for _, label in train + test], np.int64)
    n = len(train)
    return (x[:n], y[:n], x[n:], y[n:]), names


def _is_split(root: Path) -> bool:
    # A folder `train` with images is a class of that name; one with folders only is the training half.
    train = root / "train"
    if not train.is_dir() or _pictures(train) or not _subfolders(train):
        return False
    if not (root / "test").is_dir():
        raise DataError(
            f"{root} has a train folder but no test folder.",
            f"Rename the validation folder to test, or give {train} to hold out a fifth of it.",
        )
    return True


def _test_listing(root: Path, names: tuple[str, ...]) -> list[tuple[Path, int]]:
    test, test_names = _listing(root / "test")
    odd = sorted(set(names) ^ set(test_names))
    if odd:
        where, other = ("train", "test") if odd[0] in names else ("test", "train")
        raise DataError(
            f"Class {odd[0]!r} is in {root / where}, but not in {root / other}.",
            "Both need the same class folders.",
        )
    return test


def _listing(folder: Path) -> tuple[list[tuple[Path, int]], tuple[str, ...]]:
    """Files with the number of their class, in the order of class and file name."""
    classes = _subfolders(folder)
    if not classes:
        raise DataError(f"{folder} has no class folders.", "Put the images of each class in a folder of its own.")
    files = [_pictures(path) for path in classes]
    if not any(files):
        raise DataError(
            f"No images found in {len(classes)} folders of {folder}.",
            f"Images lie directly in a class folder and end in {', '.join(sorted(SUFFIXES))}.",
        )
    for path, found in zip(classes, files, strict=True):
        if not found:
            raise DataError(
                f"Class folder {path} has no images.",
                f"Remove it, or add images ({', '.join(sorted(SUFFIXES))}) to the folder itself.",
            )
    if len(classes) == 1:
        raise DataError(f"{folder} has one class only, {classes[0].name!r}.", "At least two are needed.")
    rows = [(path, label) for label, found in enumerate(files) for path in found]
    return rows, tuple(path.name for path in classes)


def _subfolders(folder: Path) -> list[Path]:
    # A link back to the folder or above it is no class. Path.is_dir is False for a link that goes in circles.
    above = {folder.resolve(), *folder.resolve().parents}
    found = [path for path in _entries(folder) if path.is_dir() and not path.name.startswith((".", "__"))]
    return [path for path in found if not path.is_symlink() or path.resolve() not in above]


def _pictures(folder: Path) -> list[Path]:
    found = [path for path in _entries(folder) if path.suffix.lower() in SUFFIXES and path.name[0] != "."]
    return [path for path in found if path.is_file()]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"Folder {folder} cannot be read: {error.strerror}.", "Check its permissions.") from error


@dataclass(frozen=True)
class _Picture:
    path: Path
    size: tuple[int, int]  # width and height before any reduction
    pixels: Images  # (H, W, 1 or 3)


def _read(paths: Sequence[Path]) -> Images:
    """All images as one (n, H, W, C) array, filled one by one so that they lie in memory once."""
    with warnings.catch_warnings():
        # Pillow warns of odd metadata, which is no concern here, and of suspiciously large images, which is.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        first = _open(paths[0])
        x = np.empty((len(paths), *first.pixels.shape), np.uint8)
        for i, path in enumerate(paths):
            picture = _open(path)
            _check_alike(first, picture)
            x[i] = picture.pixels
    return x


def _check_alike(first: _Picture, other: _Picture) -> None:
    if first.size != other.size:
        raise DataError(
            "Images differ in size: {} is {}x{}, {} is {}x{}.".format(first.path, *first.size, other.path, *other.size),
            "Bring all to one size first, for example with ImageMagick, which changes files in place: "
            "mogrify -auto-orient -resize '96x96^' -gravity center -extent 96x96 FILES",
        )
    if first.pixels.shape[2] != other.pixels.shape[2]:
        grey, colour = sorted((first, other), key=lambda picture: picture.pixels.shape[2])
        raise DataError(
            f"Grey and colour images are mixed: {grey.path} is grey, {colour.path} is in colour.",
            "Convert all to one kind first.",
        )


def _open(path: Path) -> _Picture:
    try:
        with Image.open(path) as image:
            return _decoded(image, path)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"{path} is too large to be an honest image: {error}", "Reduce or remove it.") from error
    except PermissionError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error
    except DataError:
        raise
    except Exception as error:  # a decoder raises whatever it trips over: struct.error, SyntaxError, IndexError
        raise DataError(f"{path} is not a readable image: {error}", "Repair or remove it.") from error


def _decoded(image: Image.Image, path: Path) -> _Picture:
    _check_kind(image, path)
    mode = "L" if image.mode in ("1", "L") else "RGB"
    turned = image.getexif().get(ExifTags.Base.Orientation) in _TURNED
    size = (image.height, image.width) if turned else image.size
    image.draft(None, _reduced(image.size))  # lets the JPEG decoder skip detail that is dropped anyway
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode != mode:
        image = image.convert(mode)
    if image.size != _reduced(size):
        image = image.resize(_reduced(size), Image.Resampling.BILINEAR)
    pixels = np.asarray(image)
    return _Picture(path, size, pixels if pixels.ndim == 3 else pixels[..., None])


def _reduced(size: tuple[int, int]) -> tuple[int, int]:
    shorter = min(size)
    if shorter <= MAX_SIDE:
        return size
    return round(size[0] * MAX_SIDE / shorter), round(size[1] * MAX_SIDE / shorter)


def _check_kind(image: Image.Image, path: Path) -> None:
    # Pillow cuts 16-bit colour down to 8 without a word; the raw mode of its decoder still tells.
    raw = [str(tile[3]) for tile in getattr(image, "tile", ())]
    deep = any(";16" in mode and "BGR;16" not in mode for mode in raw)  # BGR;16 has 5 or 6 bits a channel
    if deep or image.mode in ("I", "F") or image.mode.startswith("I;"):
        raise DataError(f"{path} has more than 8 bits a channel.", "Convert it to 8 bits first.")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        raise DataError(f"{path} has an alpha channel (transparency).", "Flatten it on a background first.")
    if image.mode not in ("1", "L", "P", "RGB"):
        raise DataError(f"{path} is {image.mode}; images must be grey or RGB.", "Convert it to RGB first.")
