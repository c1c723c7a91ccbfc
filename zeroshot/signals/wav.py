"""WAV: the chunks of a RIFF file, every size in them held against the file's own before it is believed.

SciPy's reader allocates what a header claims and warns of what is cut short; a data set needs an error that names the
file.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from zeroshot.errors import DataError
from zeroshot.signals.sound import RECODE, Raw, Sound, bad

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
CODECS = {2: "ADPCM", 6: "A-law", 7: "mu-law", 17: "IMA ADPCM", 49: "GSM", 85: "MP3"}
SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")  # what follows the format's number in its GUID
BYTES = {PCM: (1, 2, 3, 4), FLOAT: (4, 8)}  # of a sample
STREAMED = 0x7FFF0000  # sizes from here on are those that a program writes when it does not know them


@dataclass(frozen=True)
class _Format:
    code: int
    channels: int
    rate: int
    width: int  # bytes of a sample


def open_wav(path: Path) -> Sound:
    """What the header of a WAV file says; errors as `open_sound`."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(12)
        if head[:4] in (b"RF64", b"RIFX"):
            raise bad(path, f"is {head[:4].decode()}, which is not read.", RECODE)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            raise bad(path, "is no WAV file: it does not begin as one." if head else "is empty.")
        form = sound = None
        # To the end: a length that is too short leaves samples behind that are no chunk.
        for name, at, length in _chunks(file, path, size):
            if name == b"fmt " and form is None:
                form = _format(file.read(min(length, 40)), path)
            elif name == b"data" and sound is None:
                sound = _data(path, form, at, length)
    if sound is None:
        raise bad(path, "has no data chunk, so no samples.")
    return sound


def _chunks(file: BinaryIO, path: Path, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and length of each chunk; the file stands at its start when it is given."""
    at, samples = 12, None
    while at + 8 <= size:
        file.seek(at)
        name, length = struct.unpack("<4sI", file.read(8))
        at += 8
        if at + length > size:
            raise _cut(path, name, length, size - at, samples)
        yield name, at, length
        samples = length if name == b"data" else samples
        at += length + length % 2


def _cut(path: Path, name: bytes, length: int, held: int, samples: int | None) -> DataError:
    if samples is not None:
        return bad(
            path,
            f"is damaged: its header claims {samples:,} bytes of samples, and what follows is no part of a WAV file.",
            RECODE,
        )
    if name != b"data":
        return bad(path, f"is damaged: a part of its header claims {length:,} bytes, and {held:,} follow.")
    if length >= STREAMED:
        return bad(path, "does not say how long it is: it was written as a stream.", RECODE)
    return bad(path, f"is cut short: its header claims {length:,} bytes of samples, and {held:,} are there.")


def _format(fmt: bytes, path: Path) -> _Format:
    if len(fmt) < 16:
        raise bad(path, "is damaged: its header does not say which format it has.")
    code, channels, rate, _, block, bits = struct.unpack("<HHIIHH", fmt[:16])
    if code == EXTENSIBLE:
        if len(fmt) < 40 or fmt[26:40] != SUBFORMAT:
            raise bad(path, "has an extensible format that is not read.", RECODE)
        code = int.from_bytes(fmt[24:26], "little")
    if code not in BYTES:
        raise bad(path, f"is {CODECS.get(code, f'of format {code}')}; PCM and floats are read.", RECODE)
    width = block // channels if channels else 0
    # The container counts: of 12 bits in two bytes, the lowest four are zero.
    if not channels or block % channels or width not in BYTES[code] or not 8 * (width - 1) < bits <= 8 * width:
        raise bad(path, f"is damaged: {channels} channels of {bits} bits do not take {block} bytes.")
    return _Format(code, channels, rate, width)


def _data(path: Path, form: _Format | None, at: int, length: int) -> Sound:
    if form is None:
        raise bad(path, "is damaged: its header does not say which format it has.")
    frames, rest = divmod(length, form.channels * form.width)
    if rest:
        raise bad(path, f"is cut within a sample: {length:,} bytes of {form.channels} x {form.width} each.")
    return Sound(path, form.rate, form.channels, frames, partial(_samples, path, form, at, frames))


def _samples(path: Path, form: _Format, at: int, frames: int) -> Raw:
    """(frames, channels) int16, int32, or floats; fewer frames where the file has become shorter."""
    count, width = frames * form.channels, form.width
    if form.code == FLOAT:
        found: Raw = np.fromfile(path, f"<f{width}", count, offset=at)
    elif width in (2, 4):
        found = np.fromfile(path, f"<i{width}", count, offset=at)
    elif width == 1:
        found = (np.fromfile(path, np.uint8, count, offset=at).astype(np.int16) - 128) * 256
    else:
        three = np.fromfile(path, np.uint8, 3 * count, offset=at)
        four = np.zeros((len(three) // 3, 4), np.uint8)
        four[:, 1:] = three[: 3 * len(four)].reshape(-1, 3)
        found = four.view("<i4")[:, 0]
    return found[: len(found) // form.channels * form.channels].reshape(-1, form.channels)
