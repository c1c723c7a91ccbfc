"""Recordings and logs for tests, written by others than what reads them: scipy, the standard library, or by hand."""

import io
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from zeroshot.errors import DataError


def tone(count=800, seed=0, rate=8000):
    """A loud tone in noise, (count,) float64 in -1..1; each seed another."""
    rng = np.random.default_rng(seed)
    t = np.arange(count) / rate
    return 0.5 * np.sin(2 * np.pi * (300 + 10 * (seed % 20)) * t) + 0.02 * rng.standard_normal(count)


def int16(x):
    return np.rint(x * 32767).astype(np.int16)


def wav(samples, rate=8000):
    """Bytes of a WAV file; dtype says the format, of int32 `three_bytes` keeps the upper three."""
    buffer = io.BytesIO()
    wavfile.write(buffer, rate, samples)
    return buffer.getvalue()


def wav24(samples, rate=8000):
    """Of int32 samples in 24 bits."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(3)
        file.setframerate(rate)
        file.writeframes(b"".join(int(each).to_bytes(3, "little", signed=True) for each in samples))
    return buffer.getvalue()


def riff(fmt, data, claimed=None, before=b""):
    """A WAV file by hand, whose data chunk may claim another size."""
    claimed = len(data) if claimed is None else claimed
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt + before + b"data" + struct.pack("<I", claimed) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def fmt(code=1, channels=1, rate=8000, block=2, bits=16):
    return struct.pack("<HHIIHH", code, channels, rate, rate * block, block, bits)


def extensible(code, channels, rate, block, bits):
    guid = code.to_bytes(2, "little") + bytes.fromhex("000000001000800000aa00389b71")
    return fmt(0xFFFE, channels, rate, block, bits) + struct.pack("<HHI", 22, bits, 0) + guid


def recordings(root: Path, classes=("no", "yes"), count=5, samples=800, rate=8000) -> Path:
    """`count` tones a class, all different."""
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for i in range(count):
            (root / name / f"{i}.wav").write_bytes(wav(int16(tone(samples, 100 * number + i, rate)), rate))
    return root


def log_text(values, header="ax[mg],ay[mg]", comment="# wrist, 20 Hz\n\n"):
    """The text of a log; `values` (rows, columns)."""
    return comment + header + "\n" + "".join(",".join(f"{each:.6g}" for each in row) + "\n" for row in values)


def motion(rows=200, seed=0, columns=2):
    return 1000 * np.random.default_rng(seed).standard_normal((rows, columns))


def logs(root: Path, classes=("rest", "walk"), count=5, rows=200) -> Path:
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for i in range(count):
            (root / name / f"log_{i}.csv").write_text(log_text(motion(rows, 100 * number + i)))
    return root


def refusal(caught) -> str:
    """Message and hint of an error, which can be written as UTF-8."""
    text = f"{caught.value.message} {caught.value.hint}"
    text.encode()
    return text


def refused_by(read):
    """A check that reading a folder is refused, with words that the message or its hint must have."""

    def refused(root, *words, kind=DataError, **options):
        with pytest.raises(kind) as caught:
            read(root, **options)
        for each in words:
            assert each in refusal(caught)

    return refused


def said(signals, words):
    """Whether a remark has these words."""
    return any(words in remark for remark in signals.remarks)
