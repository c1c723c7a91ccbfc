"""Folders of recordings: one rate, length and channel; what was done is said, what cannot be is refused by name."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import resample_poly

from zeroshot.errors import UsageError
from zeroshot.signals.options import RecordingOptions
from zeroshot.signals.recordings import read_recordings
from zeroshot.signals.windows import PARTS

from .files import int16, recordings, refused_by, said, tone, wav

refused = refused_by(read_recordings)


def test_windows_labels_groups_and_parts(tmp_path):
    signals = read_recordings(recordings(tmp_path / "words", count=10), validation=0.1)
    assert (signals.name, signals.rate, signals.class_names) == ("words", 8000, ("no", "yes"))
    assert signals.x.shape == (20, 800, 1)
    assert signals.x.dtype == np.int16
    assert signals.labels.tolist() == [0] * 10 + [1] * 10
    assert signals.groups.tolist() == list(range(20))
    assert signals.group_names[:2] == ("no/0.wav", "no/1.wav")
    assert [np.bincount(signals.labels[signals.rows(part)]).tolist() for part in PARTS] == [[7, 7], [1, 1], [2, 2]]
    np.testing.assert_array_equal(signals.x[13, :, 0], int16(tone(800, 103)))
    assert signals.step.tolist() == [2.0**-15]
    assert said(signals, "20 recordings, 0.1 to 0.1 s")
    assert said(signals, "Drawn by file, never by window: train 14 files with 14 windows, validation 2 files")


def test_the_seed_decides_and_nothing_else(tmp_path):
    root = recordings(tmp_path)
    first = read_recordings(root)
    assert read_recordings(str(root)).digest == first.digest
    assert read_recordings(root, RecordingOptions()).digest == first.digest
    assert len({read_recordings(root, seed=seed).digest for seed in range(8)}) > 4


def test_short_recordings_stand_in_the_middle_and_long_ones_are_cut(tmp_path):
    root = recordings(tmp_path, count=4)
    x = int16(tone(2100, 50))
    (root / "no" / "long.wav").write_bytes(wav(x))
    (root / "yes" / "short.wav").write_bytes(wav(x[:101]))
    (root / "yes" / "shortest.wav").write_bytes(wav(x[:1]))
    signals = read_recordings(root, window="100ms")
    rows = [np.flatnonzero(signals.groups == signals.group_names.index(f"{name}.wav"))
            for name in ("no/long", "yes/short", "yes/shortest")]  # fmt: skip
    np.testing.assert_array_equal(signals.x[rows[0], :, 0].ravel(), x[250:1850])
    np.testing.assert_array_equal(signals.x[rows[1][0], :, 0], np.pad(x[:101], (350, 349)))
    np.testing.assert_array_equal(signals.x[rows[2][0], :, 0], np.pad(x[:1], (400, 399)))
    assert len(set(signals.part[rows[0]])) == 1
    assert said(signals, "Shorter than 30 ms, hardly a sound: 2 recordings, the first is yes/short.wav")
    hop = read_recordings(root, window="100ms", hop="50ms")
    assert (hop.groups == hop.group_names.index("no/long.wav")).sum() == 4


def test_the_window_fits_most_recordings_and_is_never_longer_than_two_seconds(tmp_path):
    root = recordings(tmp_path, count=50)
    for i in range(5):
        (root / "no" / f"{i}.wav").write_bytes(wav(int16(tone(1600, i))))
    assert read_recordings(root).x.shape == (105, 800, 1)  # 95 of 100 have 800 samples, the others twice as many
    (root / "no" / "5.wav").write_bytes(wav(int16(tone(1600, 5))))
    signals = read_recordings(root)
    assert signals.x.shape == (100, 1600, 1)
    assert said(
        signals, "A window is 0.2 s, 1,600 samples at 8,000 Hz. Shorter, in its middle with zeros around them: 94"
    )
    few = recordings(tmp_path / "long", count=2, samples=20_000)
    assert read_recordings(few).x.shape == (4, 16_000, 1)
    brief = recordings(tmp_path / "brief", count=2, samples=10)
    assert read_recordings(brief).x.shape == (4, 240, 1)


def test_other_rates_and_channels_in_the_middle_of_a_class_are_brought_to_one_and_told(tmp_path):
    root = recordings(tmp_path)
    fast, both = tone(4410, 7, 44_100), int16(tone(800, 8))
    (root / "no" / "2.wav").write_bytes(wav(int16(fast), 44_100))
    (root / "yes" / "3.wav").write_bytes(wav(np.stack([both, np.zeros_like(both)], 1)))
    signals = read_recordings(root)
    assert (signals.rate, signals.x.shape) == (8000, (10, 800, 1))
    expected = resample_poly(int16(fast).astype(float), 80, 441)
    np.testing.assert_array_equal(signals.x[2, :, 0], np.clip(np.rint(expected), -32768, 32767))
    np.testing.assert_array_equal(signals.x[8, :, 0], np.rint(both / 2))
    assert said(signals, "Resampled to 8,000 Hz: 1 recording of 44,100 Hz")
    assert said(signals, "Averaged to one channel: 1 recording, the first is yes/3.wav")
    # A tone of 370 Hz stays one: the resampled recording has its peak where the original has it.
    peak = np.abs(np.fft.rfft(signals.x[2, :, 0])).argmax() * 8000 / 800
    assert abs(peak - (300 + 70)) <= 10


@pytest.mark.parametrize(
    ("rate", "asked", "expected"), [(44_100, None, 16_000), (8000, 4000, 4000), (8000, 11_025, 11_025)]
)
def test_the_rate_is_the_commonest_up_to_16_khz_or_what_was_asked_for(rate, asked, expected, tmp_path):
    signals = read_recordings(recordings(tmp_path, count=2, samples=rate // 10, rate=rate), rate=asked)
    assert signals.rate == expected
    assert abs(signals.x.shape[1] - expected / 10) <= 1


def test_classes_are_chosen_in_the_order_asked_for(tmp_path):
    root = recordings(tmp_path, ("a", "b", "c"))
    (root / "b" / "0.wav").write_bytes(b"broken, and nobody asks")
    signals = read_recordings(root, classes=("c", "a"))
    assert signals.class_names == ("c", "a")
    np.testing.assert_array_equal(signals.x[signals.labels == 0][0, :, 0], int16(tone(800, 200)))
    assert said(signals, "not wanted: b")
    refused(root, "Unknown class 'd'", kind=UsageError, classes=("a", "d"))
    refused(root, "one class only, 'a'", kind=UsageError, classes=("a",))
    refused(root, "'a' twice", kind=UsageError, classes=("a", "a"))


def test_train_and_test_folders_are_kept(tmp_path):
    recordings(tmp_path / "train", count=3)
    recordings(tmp_path / "test", count=2)
    (tmp_path / "test" / "no" / "7.wav").write_bytes(wav(int16(tone(800, 77))))
    signals = read_recordings(tmp_path)
    assert [len(signals.rows(part)) for part in PARTS] == [6, 0, 5]
    assert said(signals, "As the train and test folders have them")
    assert said(signals, "4 of 5 test windows occur in the training part too")
    refused(tmp_path, "Speaker '0' is in train and, with test/no/0.wav, in test", groups="(?P<speaker>.+)")


def test_names_may_have_any_bytes(tmp_path):
    root = recordings(tmp_path / "w\udcffrds", ("n\udce9", "yes"))
    os.rename(root / "yes" / "0.wav", root / "yes" / "\udcfe\udcff-0.wav")
    signals = read_recordings(root)
    assert (signals.name, signals.class_names) == (r"w\xffrds", (r"n\xe9", "yes"))
    assert r"yes/\xfe\xff-0.wav" in signals.group_names
    "".join((*signals.group_names, *signals.remarks, *signals.class_names)).encode()
    by_byte = read_recordings(root, groups=r"(?P<who>\d|\\xfe)")
    assert r"\xfe" in by_byte.group_names
    (root / "n\udce9" / "1.wav").write_bytes(b"")
    refused(root, r"n\xe9/1.wav is empty")
    refused(tmp_path / "\udcf1", "is no folder")


def test_links_and_what_is_no_recording_are_passed_over(tmp_path):
    plain = read_recordings(recordings(tmp_path / "a"))
    root = recordings(tmp_path / "b")
    (root / "README.md").write_text("hello")
    (root / "no" / "._0.wav").write_bytes(b"resource fork")
    (root / "no" / "notes.txt").write_text("hello")
    (root / "circle").symlink_to(root / "circle")
    (root / "above").symlink_to(root.parent)
    (root / "no" / "lost.wav").symlink_to(root / "nowhere.wav")
    os.mkfifo(root / "no" / "pipe.wav")
    assert read_recordings(root).digest == plain.digest
    (root / "no" / "0.wav").rename(tmp_path / "elsewhere.wav")
    (root / "no" / "0.wav").symlink_to(tmp_path / "elsewhere.wav")
    assert read_recordings(root).digest == plain.digest


def test_folders_that_cannot_be_used_are_named(tmp_path):
    refused(tmp_path / "nowhere", "nowhere is no folder")
    refused("a\0b", "cannot be opened")
    refused(tmp_path, "no class folders")
    (tmp_path / "a").mkdir()
    refused(tmp_path, "No recordings found", ".flac, .wav")
    (tmp_path / "a" / "0.wav").write_bytes(wav(int16(tone())))
    refused(tmp_path, "one class only, 'a'")
    (tmp_path / "b").mkdir()
    refused(tmp_path, "Class folder", "has no recordings")


@pytest.mark.parametrize("where", ["open", "samples"])
def test_forbidden_files_are_named(where, tmp_path, monkeypatch):
    def forbidden(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    root = recordings(tmp_path)
    if where == "open":
        monkeypatch.setattr(Path, "open", forbidden)
    else:
        monkeypatch.setattr(np, "fromfile", forbidden)
    refused(root, "0.wav cannot be read: Permission denied", "Check its permissions")


def test_one_long_recording_a_class_cannot_be_divided(tmp_path):
    refused(recordings(tmp_path, count=1, samples=80_000), "Class 'no' is of 1 file only", "training and testing")


def test_too_many_windows_are_refused_before_they_are_made(tmp_path, monkeypatch):
    root = recordings(tmp_path, samples=8000)
    monkeypatch.setattr("zeroshot.signals.windows.MOST_BYTES", 40_000)
    refused(root, "90 windows of 800 samples take", window="0.1s", hop="0.1125s")


def test_samples_out_of_proportion_are_refused_before_they_are_made(tmp_path, monkeypatch):
    monkeypatch.setattr("zeroshot.signals.resampling.MOST_SAMPLES", 30_000)
    refused(recordings(tmp_path), "0.wav has 800 samples at 8000 Hz and cannot be brought to 384000 Hz", rate=384_000)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window": "0.1ms"}, "less than 2 samples"),
        ({"hop": "0.01ms"}, "less than 1 sample at"),
        ({"window": "-1s"}, "not a positive quantity"),
        ({"rate": 10}, "at least 1000"),
        ({"rate": 8000.5}, "whole number"),
        ({"seed": -1}, "at least 0"),
        ({"test": 0.0}, "above 0"),
        ({"validation": float("nan")}, "`validation`"),
        ({"unknown": True}, "`classes` names none"),
        ({"sed": 1}, "Did you mean seed"),
    ],
)
def test_options_out_of_range_are_refused(options, words, tmp_path):
    refused(recordings(tmp_path), words, kind=UsageError, **options)
