"""WAV and FLAC: every format against another program's bytes, every claim of a header against the file."""

import io
import struct
import sys

import numpy as np
import pytest
import soundfile

from zeroshot.errors import DataError, UsageError
from zeroshot.signals.listening import mono, open_sound

from .files import extensible, fmt, int16, refusal, riff, tone, wav, wav24

X = tone(500)


def heard(tmp_path, raw, name="a.wav"):
    path = tmp_path / name
    path.write_bytes(raw)
    sound = open_sound(path)
    return sound, mono(sound)[0]


FORMATS = {
    "8 bits": (wav(np.rint(X * 127 + 128).astype(np.uint8)), np.rint(X * 127) * 256),
    "16 bits": (wav(int16(X)), int16(X)),
    "24 bits": (wav24(np.rint(X * 2**23).astype(int)), np.rint(X * 2**23) / 256),
    "32 bits": (wav(np.rint(X * 2**31).astype(np.int32)), np.rint(X * 2**31) / 65536),
    "float32": (wav(X.astype(np.float32)), X.astype(np.float32) * 32768.0),
    "float64": (wav(X), X * 32768),
    "stereo": (wav(np.stack([int16(X), int16(X[::-1])], 1)), (int16(X) + int16(X[::-1]).astype(float)) / 2),
    "extensible": (riff(extensible(1, 1, 8000, 2, 16), int16(X).tobytes()), int16(X)),
    "extensible float": (riff(extensible(3, 1, 8000, 4, 32), X.astype("<f4").tobytes()), X.astype("<f4") * 32768.0),
    "12 bits in two bytes": (riff(fmt(bits=12), (int16(X) // 16 * 16).tobytes()), int16(X) // 16 * 16),
    "other chunks, one of odd size": (
        riff(fmt(), int16(X).tobytes(), before=b"LIST\3\0\0\0abc\0fact\0\0\0\0"), int16(X)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_samples_are_those_that_were_written(name, tmp_path):
    raw, expected = FORMATS[name]
    sound, samples = heard(tmp_path, raw)
    assert (sound.rate, sound.frames) == (8000, 500)
    np.testing.assert_allclose(samples, expected, atol=1e-9, rtol=0)


def sized(claimed):
    return riff(fmt(), int16(X).tobytes(), claimed)


BAD = {
    "nothing": (b"", "is empty"),
    "text": (b"hello, this is no sound", "no WAV file"),
    "header only": (wav(int16(X))[:12], "no data chunk"),
    "half a header": (wav(int16(X))[:20], "is damaged"),
    "no samples": (riff(fmt(), b""), "has no samples"),
    "cut short": (wav(int16(X))[:-1], "cut short: its header claims 1,000 bytes of samples, and 999 are there"),
    "a billion samples": (sized(2_000_000_000), "cut short: its header claims 2,000,000,000 bytes"),
    "a stream": (sized(0xFFFFFFFF), "does not say how long it is"),
    "within a sample": (riff(fmt(block=4, channels=2), int16(X).tobytes()[:-2]), "cut within a sample"),
    "no format": (wav(int16(X)).replace(b"fmt ", b"fnt "), "does not say which format"),
    "short format": (riff(fmt()[:14], int16(X).tobytes()), "does not say which format"),
    "too short a length": (
        sized(100),
        "header claims 100 bytes of samples, and what follows is no part of a WAV file",
    ),
    "chunk beyond the end": (
        riff(fmt(), b"", before=b"LIST\xff\xff\xff\x0fabc"),
        "claims 268,435,455 bytes, and 11 follow",
    ),
    "ADPCM": (riff(fmt(code=2), int16(X).tobytes()), "is ADPCM"),
    "unknown": (riff(fmt(code=77), int16(X).tobytes()), "of format 77"),
    "unknown extensible": (riff(extensible(1, 1, 8000, 2, 16)[:-1] + b"x", int16(X).tobytes()), "extensible"),
    "no channels": (riff(fmt(channels=0), int16(X).tobytes()), "0 channels of 16 bits do not take 2 bytes"),
    "bits and bytes": (riff(fmt(bits=24), int16(X).tobytes()), "1 channels of 24 bits do not take 2 bytes"),
    "thousand channels": (riff(fmt(channels=1000, block=2000), bytes(4000)), "claims 1000 channels"),
    "no rate": (riff(fmt(rate=0), int16(X).tobytes()), "claims 0 samples a second"),
    "big-endian": (b"RIFX" + wav(int16(X))[4:], "RIFX"),
    "NaN": (wav(np.where(np.arange(500) == 7, np.nan, X)), "number 8"),
    "infinity": (wav(np.where(np.arange(500) == 7, np.inf, X).astype(np.float32)), "number 8"),
    "floats that were not scaled": (wav(X * 32768), "floats up to 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_broken_files_are_named(name, tmp_path):
    raw, words = BAD[name]
    with pytest.raises(DataError) as caught:
        heard(tmp_path, raw, "odd\udce9.wav")
    assert words in refusal(caught)
    assert r"odd\xe9.wav" in refusal(caught)


def test_an_absurd_rate_is_refused(tmp_path):
    raw = bytearray(wav(int16(X)))
    raw[24:28] = struct.pack("<I", 2**32 - 1)
    with pytest.raises(DataError, match="claims 4,294,967,295 samples a second"):
        heard(tmp_path, bytes(raw))


def test_a_file_that_is_honestly_huge_is_not_read(tmp_path):
    path = tmp_path / "a.wav"
    size = 600 << 20
    with path.open("wb") as file:  # sparse
        file.write(riff(fmt(), b"", size))
        file.truncate(size + 44)
    with pytest.raises(DataError, match="314,572,800 samples, too many for one file"):
        open_sound(path)


def test_a_file_that_shrinks_after_its_header_was_read_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(int16(X)))
    sound = open_sound(path)
    path.write_bytes(wav(int16(X))[:-100])
    with pytest.raises(DataError, match="450 of 500"):
        mono(sound)


def test_floats_a_little_beyond_full_scale_are_told(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(X * 2.2))
    assert mono(open_sound(path))[1]
    path.write_bytes(wav(X))
    assert not mono(open_sound(path))[1]


# ---- FLAC


def flac(samples, subtype="PCM_16"):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 8000, format="FLAC", subtype=subtype)
    return buffer.getvalue()


def test_flac_is_read_to_the_last_bit(tmp_path):
    np.testing.assert_array_equal(heard(tmp_path, flac(int16(X)), "a.FLAC")[1], int16(X))
    deep = np.rint(X * 2**23).astype(np.int32) * 256
    np.testing.assert_array_equal(heard(tmp_path, flac(deep, "PCM_24"), "b.flac")[1], deep / 65536)
    two = np.stack([int16(X), int16(X)], 1)
    np.testing.assert_array_equal(heard(tmp_path, flac(two), "c.flac")[1], int16(X))


def claiming(count):
    """FLAC whose header claims so many samples; these are the last 36 bits before the MD5 sum."""
    raw = bytearray(flac(int16(X)))
    raw[21] = raw[21] & 0xF0 | count >> 32
    raw[22:26] = (count & 0xFFFFFFFF).to_bytes(4, "big")
    return bytes(raw)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "no FLAC file"),
        (b"fLaC", "no FLAC file"),
        (flac(int16(X))[:300], "a.flac"),
        (claiming(100_000_000), "a.flac"),
        (claiming(2**36 - 1), "too many for one file"),
        (wav(int16(X)), "is WAV, not FLAC"),
    ],
)
def test_broken_flac_is_named(raw, words, tmp_path):
    with pytest.raises(DataError) as caught:
        heard(tmp_path, raw, "a.flac")
    assert words in refusal(caught)
    assert "a.flac" in refusal(caught)


def test_flac_and_its_name_of_any_bytes(tmp_path):
    np.testing.assert_array_equal(heard(tmp_path, flac(int16(X)), "\udce9.flac")[1], int16(X))
    with pytest.raises(DataError) as caught:
        heard(tmp_path, b"fLaC", "\udce9.flac")
    assert r"\xe9.flac is no FLAC file" in refusal(caught)


def test_flac_without_soundfile_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(UsageError) as caught:
        heard(tmp_path, flac(int16(X)), "a.flac")
    assert ".[audio]" in refusal(caught)
