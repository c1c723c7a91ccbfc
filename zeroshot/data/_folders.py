"""Folders of images, one subfolder a class, read with Pillow."""

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from zeroshot._quiet import without_stderr
from zeroshot.data.arrays import Arrays, Images, split
from zeroshot.data.class_folders import class_files, safe
from zeroshot.data.kinds import IMAGES
from zeroshot.data.memory import check_room
from zeroshot.errors import DataError

MAX_SIDE = 160  # pixels of the shorter side; no net here looks at more, and 50,000 such images fill 4 GB
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
    train, test, names = class_files(root, IMAGES)
    if test is None:
        train_rows, test_rows = split(np.array([label for _, label in train], np.int64), names, seed)
        train, test = [train[i] for i in train_rows], [train[i] for i in test_rows]
    x = _read([path for path, _ in train + test])
    y = np.array([label for _, label in train + test], np.int64)
    n = len(train)
    return (x[:n], y[:n], x[n:], y[n:]), names


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
        check_room(
            float(len(paths)) * first.pixels.nbytes, f"{len(paths):,} images like {safe(paths[0])}",
            "Give fewer, or smaller ones.",
        )  # fmt: skip
        x = np.empty((len(paths), *first.pixels.shape), np.uint8)
        for i, path in enumerate(paths):
            picture = _open(path)
            _check_alike(first, picture)
            x[i] = picture.pixels
    return x


def _check_alike(first: _Picture, other: _Picture) -> None:
    if first.size != other.size:
        raise DataError(
            "Images differ in size: {} is {}x{}, {} is {}x{}.".format(
                safe(first.path), *first.size, safe(other.path), *other.size
            ),
            "Bring all to one size first, for example with ImageMagick, which changes files in place: "
            "mogrify -auto-orient -resize '96x96^' -gravity center -extent 96x96 FILES",
        )
    if first.pixels.shape[2] != other.pixels.shape[2]:
        grey, colour = sorted((first, other), key=lambda picture: picture.pixels.shape[2])
        raise DataError(
            f"Grey and colour images are mixed: {safe(grey.path)} is grey, {safe(colour.path)} is in colour.",
            "Convert all to one kind first.",
        )


def _open(path: Path) -> _Picture:
    tiff = path.suffix.lower() in (".tif", ".tiff")  # libtiff speaks to the terminal, not to Pillow
    try:
        with without_stderr() if tiff else nullcontext(), Image.open(path) as image:
            return _decoded(image, path)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"{safe(path)} is too large to be an honest image: {error}", "Reduce or remove it.") from error
    except PermissionError as error:
        raise DataError(f"{safe(path)} cannot be read: {error.strerror}.", "Check its permissions.") from error
    except DataError:
        raise
    except Exception as error:  # a decoder raises whatever it trips over: struct.error, SyntaxError, IndexError
        raise DataError(f"{safe(path)} is not a readable image: {error}", "Repair or remove it.") from error


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
        raise DataError(f"{safe(path)} has more than 8 bits a channel.", "Convert it to 8 bits first.")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        raise DataError(f"{safe(path)} has an alpha channel (transparency).", "Flatten it on a background first.")
    if image.mode not in ("1", "L", "P", "RGB"):
        raise DataError(f"{safe(path)} is {image.mode}; images must be grey or RGB.", "Convert it to RGB first.")
