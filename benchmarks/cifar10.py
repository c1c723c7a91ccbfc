"""Unpack the CIFAR-10 of $ZEROSHOT_DATA into one .npz: python -m benchmarks.cifar10 [--out FILE]."""

import lzma
import os
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numba
import numpy as np

from benchmarks.script import Arguments, data_folder, exit_code, parser
from zeroshot.data import cache_folder
from zeroshot.errors import DataError
from zeroshot.types import ByteArray

TRAIN = [f"cifar10_train_{i}.imgx" for i in range(1, 6)]
TEST = "cifar10_test.imgx"
MAGIC = b"IMGPACK1"
HEADER = struct.Struct("<8s5I")  # magic, images, height, width, channels, bytes of labels


def default_out() -> Path:
    """Where the .npz goes unless told otherwise."""
    return cache_folder() / "cifar10.npz"


def cifar10_file(out: Path | None = None) -> Path:
    """The .npz, unpacked from $ZEROSHOT_DATA unless it is there already.

    Args:
        out: Where it is or goes; `default_out` for None.

    Raises:
        DataError: It is not there, and neither is what it is made of.
    """
    out = out or default_out()
    return out if out.exists() else cifar10_npz(data_folder("cifar10") / "cifar10", out)


def cifar10_npz(folder: Path, out: Path) -> Path:
    """Write x_train, y_train, x_test, y_test (uint8, images NHWC) unless `out` is there already.

    Args:
        folder: Holds the five training files and the test file.
        out: The .npz to write; it appears complete or not at all.

    Returns:
        `out`.

    Raises:
        DataError: A file is missing or damaged.
    """
    if out.exists():
        return out
    with ThreadPoolExecutor(2) as pool:  # decompression lets go of the interpreter lock
        *train, test = pool.map(read_imgx, [folder / name for name in [*TRAIN, TEST]])
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f"{out.name}.{os.getpid()}.tmp")
    try:
        with partial.open("wb") as file:
            np.savez(
                file,
                x_train=np.concatenate([x for x, _ in train]),
                y_train=np.concatenate([y for _, y in train]),
                x_test=test[0],
                y_test=test[1],
            )
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)
    return out


def read_imgx(path: Path) -> tuple[ByteArray, ByteArray]:
    """Images (n, H, W, C) and labels (n,) of one file, uint8.

    Raises:
        DataError: The file is missing or damaged.
    """
    try:
        raw = path.read_bytes()
        magic, n, height, width, channels, label_bytes = HEADER.unpack_from(raw)
        body = HEADER.size + label_bytes
        labels = np.frombuffer(raw[HEADER.size : body], "<i2")
        residual = np.frombuffer(lzma.decompress(raw[body:]), np.uint8)
    except (OSError, ValueError, struct.error, EOFError, lzma.LZMAError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if magic != MAGIC or channels != 3 or len(labels) != n or len(residual) != n * height * width * 3:
        raise DataError(f"{path} is not a complete colour .imgx file.")
    return _undo_prediction(residual.reshape(3, n, height, width)), labels.astype(np.uint8)


@numba.njit(nogil=True)
def _undo_prediction(residual):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Residual planes G, R - G, B - G (3, n, H, W) to images (n, H, W, 3), all modulo 256.

    Each sample was predicted from its neighbours left, above and above left (zero outside the image) by the
    median edge detector of LOCO-I: the median of left, above, and left + above - corner.
    """
    _, n, height, width = residual.shape
    out = np.empty((n, height, width, 3), np.uint8)
    plane = np.zeros((height + 1, width + 1), np.int32)
    for image in range(n):
        for channel in range(3):
            for i in range(height):
                for j in range(width):
                    left, above, corner = plane[i + 1, j], plane[i, j + 1], plane[i, j]
                    low, high = min(left, above), max(left, above)
                    guess = min(max(left + above - corner, low), high)
                    plane[i + 1, j + 1] = (residual[channel, image, i, j] + guess) & 255
            if channel == 0:
                out[image, :, :, 1] = plane[1:, 1:]
            else:
                for i in range(height):
                    for j in range(width):
                        difference = plane[i + 1, j + 1] + out[image, i, j, 1]
                        out[image, i, j, 0 if channel == 1 else 2] = difference & 255
    return out


def main(arguments: Arguments = None) -> None:
    """Run as a script; the path of the .npz is printed."""
    options = parser("cifar10", __doc__)
    options.add_argument("--out", type=Path, default=default_out(), help="default: %(default)s")
    print(cifar10_file(options.parse_args(arguments).out))


if __name__ == "__main__":
    sys.exit(exit_code(main))
