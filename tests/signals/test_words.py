"""Unknown words and silence: how many, out of what, and that no part hears another's noise."""

import numpy as np

from zeroshot.errors import UsageError
from zeroshot.signals.recordings import read_recordings
from zeroshot.signals.windows import PARTS

from .files import int16, recordings, refused_by, tone, wav

NOISE = "_background_noise_"


def folder(root, noises=3):
    """Three wanted and unwanted words each, and noise of constant levels, which tells which one is heard."""
    recordings(root, ("bed", "cat", "dog", "go", "no", "yes"), count=10)
    (root / NOISE).mkdir()
    for i in range(noises):
        (root / NOISE / f"{i}.wav").write_bytes(wav(np.full(3000, 1000 * (i + 1), np.int16)))
    return root


refused = refused_by(read_recordings)


def test_noise_is_no_class_and_kept_apart(tmp_path):
    signals = read_recordings(folder(tmp_path))
    assert NOISE not in signals.class_names
    assert [(each.shape, each[0, 0]) for each in signals.noise] == [((3000, 1), 1000 * k) for k in (1, 2, 3)]
    without = read_recordings(recordings(tmp_path / "plain"))
    assert without.noise == ()


def test_unknown_words_are_as_many_as_a_wanted_class_has_in_each_part(tmp_path):
    root = folder(tmp_path)
    signals = read_recordings(root, classes=("yes", "no", "go"), unknown=True)
    assert signals.class_names == ("yes", "no", "go", "unknown")
    for part in PARTS:
        counts = np.bincount(signals.labels[signals.rows(part)], minlength=4)
        assert counts[3] == round(counts[:3].mean())
        assert counts.min() > 0
    names = [signals.group_names[each] for each in signals.groups[signals.labels == 3]]
    assert {name.split("/")[0] for name in names} == {"bed", "cat", "dog"}
    assert any("20 windows are left out" in remark for remark in signals.remarks)
    other = read_recordings(root, classes=("yes", "no", "go"), unknown=True, seed=1)
    assert other.digest != signals.digest
    assert read_recordings(root, classes=("yes", "no", "go"), unknown=True).digest == signals.digest


def test_silence_is_quiet_noise_and_each_part_has_its_own(tmp_path):
    signals = read_recordings(folder(tmp_path), silence=True, classes=("yes", "no"), unknown=True)
    assert signals.class_names == ("yes", "no", "unknown", "silence")
    silent = signals.labels == 3
    heard = {}
    for number, part in enumerate(PARTS):
        rows = np.flatnonzero(silent & (signals.part == number))
        assert len(rows) == round(np.bincount(signals.labels[signals.rows(part)], minlength=4)[:2].mean())
        heard[part] = {signals.group_names[each] for each in signals.groups[rows]}
        for row in rows:
            level = 1000 * (1 + int(signals.group_names[signals.groups[row]][-5]))
            assert 0 <= signals.x[row].min() <= signals.x[row].max() <= 0.1 * level + 0.5
    assert sorted(name for part in heard.values() for name in part) == [f"{NOISE}/{i}.wav" for i in range(3)]
    levels = {int(each[0, 0]) for each in signals.noise}
    assert levels == {1000 * (1 + int(name[-5])) for name in heard["train"]}


def test_silence_without_noise_or_with_too_little_is_refused(tmp_path):
    refused(recordings(tmp_path / "none"), "two recordings of background noise or more, and there are 0", silence=True)
    refused(folder(tmp_path / "one", 1), "there are 1", "cut a long one", silence=True)
    short = folder(tmp_path / "short")
    (short / NOISE / "0.wav").write_bytes(wav(int16(tone(100))))
    refused(short, f"{NOISE}/0.wav is shorter than a window", silence=True)
    (short / NOISE / "0.wav").write_bytes(b"")
    refused(short, "0.wav is empty")


def test_names_that_are_taken_are_refused(tmp_path):
    root = recordings(tmp_path, ("no", "silence", "unknown", "yes"))
    refused(root, "called 'silence' already", kind=UsageError, silence=True)
    refused(root, "called 'unknown' already", kind=UsageError, unknown=True, classes=("yes", "unknown"))
    every = recordings(tmp_path / "every")
    refused(every, "`classes` names all", kind=UsageError, unknown=True, classes=("yes", "no"))
