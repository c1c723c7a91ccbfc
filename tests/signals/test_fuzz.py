"""Damaged files of every kind: read as what they say, or refused with their name; nothing else, whatever the damage."""

import io

import numpy as np
import pyarrow
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from zeroshot.errors import ZeroshotError
from zeroshot.signals.logs import read_logs
from zeroshot.signals.recordings import read_recordings

from ..strategies import examples
from .files import extensible, int16, log_text, logs, motion, recordings, riff, tone, wav, wav24

X = tone(800, 3)


def flac():
    buffer = io.BytesIO()
    soundfile.write(buffer, int16(X), 8000, format="FLAC")
    return buffer.getvalue()


def parquet_bytes():
    buffer = io.BytesIO()
    values = motion(200, 5)
    parquet.write_table(pyarrow.table({"ax[mg]": values[:, 0], "ay[mg]": values[:, 1]}), buffer)
    return buffer.getvalue()


WHOLE = {
    "16 bits.wav": wav(int16(X)),
    "24 bits.wav": wav24(np.rint(X * 2**23).astype(int)),
    "float.wav": wav(X.astype(np.float32)),
    "extensible.wav": riff(extensible(1, 2, 8000, 4, 16), int16(X).tobytes(), before=b"LIST\4\0\0\0abcd"),
    "sound.flac": flac(),
    "log.csv": log_text(np.column_stack([np.arange(200) * 50, motion()]), "time[ms],ax[mg],ay[mg]").encode(),
    "log.parquet": parquet_bytes(),
}


def sounds(root):
    return read_recordings(root, rate=8000)


def sensors(root):
    return read_logs(root, rate=20)


@st.composite
def damaged(draw, whole):
    """Bytes changed, most of them near the start where headers are; a piece cut out, doubled or left off."""
    raw = bytearray(whole)
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.one_of(st.integers(0, 70), st.integers(0, len(raw) - 1)))
        raw[min(place, len(raw) - 1)] = draw(st.one_of(st.sampled_from([0, 1, 0x2C, 0x7F, 0xFF]), st.integers(0, 255)))
    first, last = sorted(draw(st.tuples(*[st.integers(0, len(raw))] * 2)))
    how = draw(st.sampled_from(["no more", "cut off", "cut out", "doubled"]))
    pieces = {"no more": raw, "cut off": raw[:first], "cut out": raw[:first] + raw[last:]}
    return bytes(pieces.get(how, raw[:last] + raw[first:]))


@pytest.fixture(scope="module", params=WHOLE)
def folder(request, tmp_path_factory):
    """A data set without fault and with one file more, its reader, that file, and the shape of its windows."""
    root = tmp_path_factory.mktemp("fuzz") / "data"
    if request.param.startswith("log"):
        return logs(root, count=3), sensors, root / "walk" / request.param, (51, 2)
    return recordings(root, count=3), sounds, root / "yes" / request.param, (None, 1)


def test_whole_files_are_read(folder):
    """Else the property below proves nothing."""
    root, read, path, _ = folder
    path.write_bytes(WHOLE[path.name])
    signals = read(root)
    assert signals.group_names.index(f"{path.parent.name}/{path.name}") in signals.groups


@examples(60)
@given(data=st.data())
def test_damaged_files_are_read_or_refused_by_name(folder, data):
    root, read, path, (length, channels) = folder
    path.write_bytes(data.draw(damaged(WHOLE[path.name])))
    signals = refusal = None
    try:
        signals = read(root)
    except ZeroshotError as error:
        refusal = error
    if signals is None:
        assert path.name in refusal.message
        assert refusal.hint
        return
    assert signals.x.dtype == np.int16
    assert signals.x.shape[1:] == (length or signals.x.shape[1], channels)
    assert len(signals.x) == len(signals.labels) == len(signals.groups) == len(signals.part)
    others = signals.groups != signals.group_names.index(f"{path.parent.name}/{path.name}")
    assert set(signals.groups[others]) == set(range(7)) - {signals.group_names.index(f"{path.parent.name}/{path.name}")}
