"""Which number is white: the scale of image arrays, 0..1 or 0..255, and what makes bytes of them.

Read on the wrong scale, floats of 0..1 become black pictures, and nothing later would notice. So the scale is not
guessed from one value: every picture must fit it, the two halves must agree, and doubt is an error that asks.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from zeroshot.errors import DataError

Pixels = npt.NDArray[Any]  # (n, H, W, C) whole numbers or floats
BYTES = 255.0
UNIT = 1.0
BRIGHT = 0.25  # of white; floats of 0..16, 0..63 or divided by 255 twice stay below it
DARK = 2.0  # of 255; a picture of 0..1 stays below it, what resampling overshot included


def to_bytes(train: Pixels, test: Pixels) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Bring both halves to 0..255: whole numbers as they are, floats as they are or times 255, and rounded.

    Args:
        train: (n, H, W, C), not empty.
        test: (m, H, W, C), not empty.

    Returns:
        The same pixels, (n, H, W, C) and (m, H, W, C) uint8.

    Raises:
        DataError: Values are no pixels, or it is in doubt whether white is 1 or 255; message and hint name what
            was seen and what to save instead.
    """
    halves = {"x_train": train, "x_test": test}
    whites = {key: _white(x, key) for key, x in halves.items()}
    floats = {key: white for key, white in whites.items() if white and halves[key].dtype.kind == "f"}
    if len(set(floats.values())) > 1:
        raise DataError(
            "x_train and x_test differ in scale: "
            + ", ".join(f"{key} is 0..{white:g} and {_seen(halves[key])}" for key, white in floats.items())
            + ".",
            "Bring both to one scale: floats 0..1, or uint8 0..255.",
        )
    return _as_bytes(train, whites["x_train"]), _as_bytes(test, whites["x_test"])


def _as_bytes(x: Pixels, white: float | None) -> npt.NDArray[np.uint8]:
    if x.dtype.kind == "f":
        x = np.rint(x * x.dtype.type(BYTES / (white or BYTES)))
    return np.ascontiguousarray(x, np.uint8)


def _white(x: Pixels, key: str) -> float | None:
    """The value of white, 1 or 255; None where all is black, which is the same on both scales."""
    _check_pixels(x, key)
    high = float(x.max())
    if high == 0:
        return None
    if high <= UNIT and bool(((x == 0) | (x == 1)).all()):
        raise DataError(
            f"{key} holds nothing but {'0 and 1' if float(x.min()) == 0 else '1'}: is 1 white, or nearly black?",
            f"Of black-and-white images save {key}.astype('uint8') * 255.",
        )
    if x.dtype.kind != "f":
        return BYTES
    if high <= UNIT:
        _check_unit(x, key)
        return UNIT
    _check_bytes(x, key)
    return BYTES


def _check_pixels(x: Pixels, key: str) -> None:
    if x.dtype.kind == "b":
        raise DataError(
            f"{key} has type bool; images must be whole numbers 0..255 or floats.",
            f"Of black-and-white images save {key}.astype('uint8') * 255.",
        )
    if x.dtype.kind not in "uif":
        raise DataError(f"{key} has type {x.dtype}; images must be whole numbers 0..255 or floats.")
    low, high = float(x.min()), float(x.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = ~np.isfinite(x)
        first = tuple(int(i) for i in np.unravel_index(np.argmax(bad), x.shape))
        raise DataError(
            f"{key} has {int(bad.sum())} values that are not finite (NaN or infinity), the first at index {first}."
        )
    if low < 0 or high > BYTES:
        raise DataError(
            f"{key} {_seen(x)}; pixels must lie within 0..255, or 0..1 as floats.",
            "Save the raw pixels: zeroshot normalises them itself." + _cure(x, key),
        )


def _cure(x: Pixels, key: str) -> str:
    if x.dtype.kind == "f":
        return f" Where resampling overshot, clip: {key}.clip(0, 1), or .clip(0, 255)."
    return f" Of 16-bit images save ({key} // 257).astype('uint8')." if x.min() >= 0 else ""


def _check_unit(x: Pixels, key: str) -> None:
    """Of 0..1 some picture is bright, and the typical one would not be black."""
    peaks = _peaks(x)
    if peaks.max() < BRIGHT * UNIT or BYTES * np.median(peaks[peaks > 0]) < DARK:
        raise DataError(
            f"{key} {_seen(x)}: as floats of 0..1 that is nearly black. Was it divided by 255 twice?",
            f"Scale it to 0..1, or, if white is 1 indeed, save numpy.rint({key} * 255).astype('uint8').",
        )


def _check_bytes(x: Pixels, key: str) -> None:
    """Of 0..255 the typical picture is bright somewhere, and no picture looks like one of 0..1."""
    peaks = _peaks(x)
    dark = np.flatnonzero((peaks > 0) & (peaks < DARK))
    typical = float(np.median(peaks[peaks > 0]))
    ask = (
        f"If white is 255, save numpy.rint({key}).astype('uint8'); if white is 1, save {key}.clip(0, 1); "
        "else scale the images to one of the two first."
    )
    if typical < BRIGHT * BYTES:
        raise DataError(
            f"{key} {_seen(x)}, and the brightest value of a typical image is {typical:.6g}: "
            "is that 0..1 with values beyond it, or 0..255 and dark?",
            ask,
        )
    if len(dark):
        raise DataError(
            f"{key} {_seen(x)}, but {len(dark)} of its {len(x)} images stay below {DARK:g}, the first is "
            f"{key}[{dark[0]}]: are scales mixed?",
            ask,
        )


def _peaks(x: Pixels) -> npt.NDArray[np.float64]:
    """The brightest value of each picture, (n,)."""
    return np.asarray(x.max(axis=(1, 2, 3)), np.float64)


def _seen(x: Pixels) -> str:
    """What an error tells of an array's values."""
    median, most = np.quantile(x.astype(np.float64), (0.5, 0.99), method="lower")
    return f"runs from {float(x.min()):.6g} to {float(x.max()):.6g} (median {median:.3g}, 99 % up to {most:.3g})"
