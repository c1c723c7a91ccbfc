"""What is none of the wanted words, as in Speech Commands (Warden, 2018): other words, and silence."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from zeroshot.errors import DataError
from zeroshot.signals.parts import draw
from zeroshot.signals.sources import SILENCE
from zeroshot.signals.windows import PARTS, Int16Array, Signals, check_memory, count_of, to_int16
from zeroshot.types import Int8Array, Int64Array

QUIET = 0.1  # silence is noise at up to this part of its level; the background volume of Warden's training


def fewer(labels: Int64Array, part: Int8Array, label: int, seed: int) -> Int64Array:
    """Draw of one class in each part as many windows as the others have on average there; all windows of the others.

    Args:
        labels: (n,) of the windows, 0..classes-1.
        part: (n,) theirs.
        label: Of the class, the last one.
        seed: The same seed draws the same windows.

    Returns:
        (m,) numbers of windows, ascending.
    """
    rng = np.random.default_rng(seed)
    keep = labels != label
    for each in range(len(PARTS)):
        here = np.flatnonzero((labels == label) & (part == each))
        keep[rng.permutation(here)[: _average(labels[part == each], label)]] = True
    return np.flatnonzero(keep)


def _average(labels: Int64Array, classes: int) -> int:
    """Windows of a class, mean over the first classes, at least one where there are any."""
    count = int((labels < classes).sum())
    return max(min(1, count), round(count / classes))


def with_silence(
    signals: Signals, names: Sequence[str], wanted: int, validation: float, test: float, seed: int
) -> Signals:
    """Add a class of silence: windows at random places of the noise, at random levels below `QUIET`.

    Recordings of noise are groups as others are: each is heard in one part only, and those of training are what
    remains as `noise`.

    Args:
        signals: With its noise.
        names: Of the recordings of noise.
        wanted: How many of the first classes are wanted words; silence gets as many windows as these on average.
        validation: Share of the noise.
        test: Share of the noise.
        seed: The same seed draws the same windows.

    Raises:
        DataError: There are fewer than two recordings of noise, or one is shorter than a window.
    """
    window, noise = signals.x.shape[1], signals.noise
    if len(noise) < 2:
        raise DataError(
            f"`silence` needs two recordings of background noise or more, and there are {len(noise)}.",
            "Training and testing may not hear the same one: add some, or cut a long one into several files.",
        )
    for name, each in zip(names, noise, strict=True):
        if len(each) < window:
            raise DataError(
                f"{name} is shorter than a window, {window} samples.", "Remove it, or give a shorter `window`."
            )
    counts = [_average(signals.labels[signals.part == each], wanted) for each in range(len(PARTS))]
    lengths = np.array([[len(each)] for each in noise])
    owner = draw(lengths, [SILENCE], "recording of noise", (validation if counts[1] else 0.0, test), seed)
    counts = [count if (owner == each).any() else 0 for each, count in enumerate(counts)]
    check_memory(len(signals.x) + sum(counts), window, 1)
    rng = np.random.default_rng(seed)
    chosen = [rng.choice(np.flatnonzero(owner == each), count) for each, count in enumerate(counts) if count]
    which = np.concatenate(chosen)
    quiet = np.stack([_quiet(noise[number], window, rng) for number in which])
    remark = ", ".join(f"{name} {count_of(count, 'window')}" for name, count in zip(PARTS, counts, strict=True))
    return replace(
        signals,
        x=np.concatenate([signals.x, quiet]),
        labels=np.append(signals.labels, np.full(len(which), len(signals.class_names))),
        groups=np.append(signals.groups, len(signals.group_names) + which),
        part=np.append(signals.part, owner[which]),
        class_names=(*signals.class_names, SILENCE),
        group_names=(*signals.group_names, *names),
        noise=tuple(each for each, part in zip(noise, owner, strict=True) if part == 0),
        remarks=(*signals.remarks, f"Silence, by recording of noise: {remark}."),
    )  # fmt: skip


def _quiet(noise: Int16Array, window: int, rng: np.random.Generator) -> Int16Array:
    start = rng.integers(len(noise) - window + 1)
    return to_int16(noise[start : start + window].astype(np.float64) * rng.uniform(0, QUIET))
