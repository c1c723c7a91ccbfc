"""Samples in pieces as programs and emulated cores are fed them, and the bytes that they answer with."""

import struct
from collections.abc import Iterable, Sequence

import numpy as np

from zeroshot.errors import UsageError, VerifyError
from zeroshot.firmware.decisions import Decision, Said, Samples
from zeroshot.firmware.stream import Stream

MOST = 2**14  # samples of a call
RECORD = struct.Struct("<IiHHBB")  # of a decision, as the C struct on a 32-bit core
COUNT = struct.Struct("<I")
TURN, STEP = 1664525, 1013904223  # of the linear congruential generator


def pieces(samples: Samples, sizes: Iterable[int]) -> list[Samples]:
    """A recording cut into pieces.

    Raises:
        UsageError: They are not the whole of it, or one is larger than `MOST`.
    """
    out, at = [], 0
    for size in sizes:
        if not 0 <= size <= MOST:
            raise UsageError(f"A call of {size} samples.", f"Give 0 to {MOST}.")
        out.append(samples[at : at + size])
        at += size
    if at != len(samples):
        raise UsageError(f"Pieces of {at} samples of a recording of {len(samples)}.")
    return out


def calls(samples: Samples, sizes: Sequence[int]) -> bytes:
    """Calls as `host_stream.c` reads them: how many samples, then the samples."""
    return b"".join(COUNT.pack(len(each)) + each.astype("<i2").tobytes() for each in pieces(samples, sizes))


def parse_calls(raw: bytes, n: int) -> list[Said]:
    """What `host_stream.c` writes of n calls.

    Raises:
        VerifyError: There are more or fewer.
    """
    size = COUNT.size + RECORD.size
    if len(raw) != n * size:
        raise VerifyError(f"The stream answered {len(raw) // size} calls of {n}.", "This is a defect; report it.")
    starts = range(0, len(raw), size)
    return [said(COUNT.unpack_from(raw, at)[0], raw[at + COUNT.size : at + size]) for at in starts]


def said(count: int, record: bytes) -> Said:
    """One call's count of decisions and the bytes of the newest."""
    if not count:
        return 0, None
    hop, margin, label, answer, escalated, capped = RECORD.unpack(record)
    return count, Decision(hop, label, margin, answer, bool(escalated), bool(capped))


def uneven(stream: Stream, n: int) -> list[int]:
    """Sizes of pieces of n samples, of 1 to a hop, so that each decision is seen; they end anywhere in a hop."""
    longest = min(stream.sensor.hop, MOST)
    out: list[int] = []
    state = 1
    while n:
        state = (state * TURN + STEP) % 2**32
        out.append(min(n, 1 + (state >> 16) % longest))
        n -= out[-1]
    return out


def signal(stream: Stream, decided: int) -> Samples:
    """Noise of changing level that leads to so many decisions; `main.c` of an export makes the same.

    Sample i is the upper half of state i + 1 of a linear congruential generator, as int16, shifted to the right by 3
    bits times the number of its hop modulo 4.

    Returns:
        (n,) int16 of sound, (n, axes) int16 of motion.
    """
    sensor = stream.sensor
    values_of_hop = sensor.hop * sensor.axes
    count = stream.samples_for(decided) * sensor.axes
    turns = np.cumprod(np.full(count, TURN, np.uint32), dtype=np.uint32)
    sums = np.cumsum(np.concatenate([np.ones(1, np.uint32), turns[:-1]]), dtype=np.uint32)
    values = ((turns + sums * np.uint32(STEP)) >> np.uint32(16)).astype(np.uint16).view(np.int16)  # from state 1
    levels = 3 * (np.arange(count) // values_of_hop % 4)
    out: Samples = (values >> levels).astype(np.int16)
    return out if sensor.kind == "sound" else out.reshape(-1, sensor.axes)
