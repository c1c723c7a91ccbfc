"""Class folders of recordings, read into windows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zeroshot.data.class_folders import files_of, safe
from zeroshot.data.kinds import NOISE, RECORDINGS
from zeroshot.errors import UsageError
from zeroshot.options import takes_options
from zeroshot.signals.groups import group
from zeroshot.signals.heard import FRAME, Heard, remarks_of, samples_of
from zeroshot.signals.listening import open_sound
from zeroshot.signals.options import RecordingOptions
from zeroshot.signals.resampling import commonest
from zeroshot.signals.sound import Sound
from zeroshot.signals.sources import SILENCE, UNKNOWN, divided, existing, sources_of, wanted
from zeroshot.signals.windows import (
    SHORTEST,
    Int16Array,
    Signals,
    check_memory,
    samples_in,
    shared_remarks,
    starts_of,
    to_int16,
)  # fmt: skip
from zeroshot.signals.words import fewer, with_silence
from zeroshot.types import Int64Array
from zeroshot.units import to_ms

FIT = 95  # per cent of the recordings that are no longer than a window
LONGEST_WINDOW = 2.0  # s; at 16 kHz these are 62.5 KiB
STEP = 1 / 32768


@takes_options(RecordingOptions)
def read_recordings(folder: str | Path, options: RecordingOptions) -> Signals:
    """Read `FOLDER/<class>/*.wav`, or `train/<class>/*` and `test/<class>/*`, into windows of one channel.

    WAV of 8 to 32 bits or floats, and FLAC where soundfile is installed. Channels are averaged and rates brought to
    one. Recordings shorter than a window stand in its middle; longer ones are cut into as many windows as they hold,
    all of one group. `_background_noise_` is no class: it becomes `noise`, and with `silence` a class too.

    Args:
        folder: With one folder a class.
        options: How.

    Raises:
        DataError: The folder or a file in it cannot be used; the message names it.
        UsageError: An option is out of range or does not suit the data.
    """
    root = existing(folder)
    sources, names, remarks = wanted(*sources_of(root, RECORDINGS), options.classes, options.unknown)
    if options.silence and SILENCE in names:
        raise UsageError(f"A class is called {SILENCE!r} already.", "Rename its folder, or leave `silence` out.")
    sounds = [open_sound(source.path) for source in sources]
    heard = _heard(sounds, options)
    of, start = _cut(heard.lengths, heard.window, _hop(heard, options))
    groups = group(sources, options.groups)
    part, how = divided(sources, groups, np.bincount(of, minlength=len(sources)).tolist(), names, options)
    labels, owner = np.array([source.label for source in sources])[of], np.array(groups.of)[of]
    if options.unknown:
        kept = fewer(labels, part[owner], names.index(UNKNOWN), options.seed)
        how += f" Of the class {UNKNOWN} {len(labels) - len(kept):,} windows are left out, to be as many as of others."
        of, start, labels, owner = of[kept], start[kept], labels[kept], owner[kept]
    check_memory(len(of), heard.window, 1)
    x, beyond = _filled(heard, of, start)
    noise, noise_names = _noise(root, heard.rate)
    remarks += [*remarks_of(heard, beyond), how, *shared_remarks(x, part[owner])]
    signals = Signals(
        name=safe(root.name), x=x, labels=labels, groups=owner, part=part[owner], rate=float(heard.rate),
        step=np.array([STEP]), class_names=names, channel_names=("sound",), group_names=groups.names, noise=noise,
        remarks=tuple(remarks),
    )  # fmt: skip
    if not options.silence:
        return signals
    words = len(names) - options.unknown
    return with_silence(signals, noise_names, words, options.validation, options.test, options.seed)


def _heard(sounds: Sequence[Sound], options: RecordingOptions) -> Heard:
    rate = options.rate or commonest([sound.rate for sound in sounds])
    if options.window is not None:
        return Heard(sounds, rate, samples_in(to_ms(options.window), rate, "window", SHORTEST))
    fits = float(np.percentile([sound.seconds for sound in sounds], FIT, method="inverted_cdf"))
    return Heard(sounds, rate, int(np.ceil(rate * min(max(fits, FRAME), LONGEST_WINDOW))))


def _hop(heard: Heard, options: RecordingOptions) -> int:
    return heard.window if options.hop is None else samples_in(to_ms(options.hop), heard.rate, "hop")


def _cut(lengths: Sequence[int], window: int, hop: int) -> tuple[Int64Array, Int64Array]:
    """Of each window the number of its file and its first sample, which is below 0 in a file that is shorter."""
    starts = [
        starts_of(length, window, hop) if length >= window else np.array([(length - window) // 2]) for length in lengths
    ]
    return np.repeat(np.arange(len(starts)), [len(each) for each in starts]), np.concatenate(starts)


def _filled(heard: Heard, of: Int64Array, start: Int64Array) -> tuple[Int16Array, int]:
    """The windows, (n, length, 1), and how many recordings had floats beyond full scale; each file is read once."""
    x = np.zeros((len(of), heard.window, 1), np.int16)
    beyond, last, samples = 0, -1, np.zeros(0, np.int16)
    for row, (number, first) in enumerate(zip(of.tolist(), start.tolist(), strict=True)):
        if number != last:
            found, clipped = samples_of(heard.sounds[number], heard.rate)
            last, samples, beyond = number, to_int16(found), beyond + clipped
        stretch = samples[max(first, 0) : first + heard.window]
        x[row, max(-first, 0) :][: len(stretch), 0] = stretch
    return x, beyond


def _noise(root: Path, rate: int) -> tuple[tuple[Int16Array, ...], list[str]]:
    """The recordings of background noise, each (m, 1), and their names."""
    folders = [folder for half in (root, root / "train") if (folder := half / NOISE).is_dir()]
    paths = [path for folder in folders for path in files_of(folder, RECORDINGS)]
    noise = tuple(to_int16(samples_of(open_sound(path), rate)[0])[:, None] for path in paths)
    return noise, [safe(path.relative_to(root)) for path in paths]
