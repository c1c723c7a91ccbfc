"""Spoken digits and wrist accelerations as they were published; without ZEROSHOT_DATA these tests are skipped."""

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from zeroshot.signals.logs import read_logs
from zeroshot.signals.recordings import read_recordings
from zeroshot.signals.windows import PARTS


def unpacked(kind, name, folder):
    """A published archive, in a folder of its own; the archive itself, to compare with."""
    root = os.environ.get("ZEROSHOT_DATA")
    if not root or not (Path(root) / kind / name).exists():
        pytest.skip(f"ZEROSHOT_DATA has no {kind}/{name}")
    with tarfile.open(Path(root) / kind / name) as archive:
        archive.extractall(folder, filter="data")
        return {each.name: archive.extractfile(each).read() for each in archive.getmembers() if each.isfile()}


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fsdd")
    return folder / "fsdd", unpacked("audio", "fsdd.tar.xz", folder)


def test_spoken_digits_by_the_official_split(digits, tmp_path):
    """Takes 0 to 4 of each speaker and digit are for testing: 300 of 3,000 recordings, read as scipy reads them."""
    root, files = digits
    held = {name: int(name.rsplit("_", 1)[1].split(".")[0]) < 5 for name in files if name.endswith(".wav")}
    path = tmp_path / "official.csv"
    path.write_text("".join(f"{name.split('/', 1)[1]},{'test' if held[name] else 'train'}\n" for name in held))
    signals = read_recordings(root, parts=path, window="1s")
    assert (signals.rate, signals.class_names) == (8000, tuple("0123456789"))
    assert signals.x.shape[1:] == (8000, 1)
    one = {name: number for number, name in enumerate(signals.group_names)}
    assert len(one) == 3000
    assert [len(set(signals.groups[signals.rows(part)])) for part in PARTS] == [2700, 0, 300]
    for name, raw in list(files.items())[::97]:
        if not name.endswith(".wav"):
            continue
        rate, samples = wavfile.read(io.BytesIO(raw))
        rows = np.flatnonzero(signals.groups == one[name.split("/", 1)[1]])
        assert rate == 8000
        assert set(signals.labels[rows]) == {int(name.split("/")[1])}
        before = (8001 - len(samples)) // 2
        if before >= 0:
            expected = np.pad(samples, (before, 8000 - len(samples) - before))
        else:
            expected = samples[(len(samples) % 8000) // 2 :][: 8000 * (len(samples) // 8000)]
        np.testing.assert_array_equal(signals.x[rows].ravel(), expected)


def test_spoken_digits_by_speaker(digits):
    signals = read_recordings(digits[0], groups=r"(?P<speaker>[a-z]+)_\d+")
    assert len(signals.group_names) == 6
    speakers = [set(signals.groups[signals.rows(part)]) for part in PARTS]
    assert [len(each) for each in speakers] == [4, 1, 1]
    assert len(set.union(*speakers)) == 6
    assert signals.x.shape[1] == pytest.approx(0.66 * 8000, rel=0.05)
    assert all(len(set(signals.labels[signals.rows(part)])) == 10 for part in PARTS)


def test_wrist_accelerations_by_log(tmp_path):
    files = unpacked("motion", "pamap2_wrist.tar.xz", tmp_path)
    signals = read_logs(tmp_path / "pamap2_wrist", rate=26)
    assert signals.class_names == ("cycling", "running", "stationary", "walking")
    assert signals.channel_names == ("acc_x[mg]", "acc_y[mg]", "acc_z[mg]")
    assert len(signals.group_names) == 53
    for name in ("cycling/log_0.csv", "walking/log_3.csv"):
        values = np.loadtxt(io.StringIO(files[f"pamap2_wrist/{name}"].decode()), delimiter=",", skiprows=3)
        found = (signals.x * signals.step)[signals.groups == signals.group_names.index(name)]
        rest = (len(values) - 67) % 33
        np.testing.assert_allclose(found[0], values[rest // 2 :][:67], atol=signals.step.max() / 2)
