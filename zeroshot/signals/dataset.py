"""Folders of recordings or sensor logs as a data set of pictures, which searches and trainings take like any other."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from zeroshot.data.arrays import Images
from zeroshot.data.dataset import Dataset, Features
from zeroshot.errors import UsageError
from zeroshot.frontend.cost import front_end_cost
from zeroshot.frontend.features import pictures
from zeroshot.frontend.motion import calibrate, motion_features
from zeroshot.frontend.options import AnyFrontEnd, FrontEnd, Motion, ScaledMotion
from zeroshot.frontend.tables import tables_of
from zeroshot.signals.folder_options import SignalOptions, renamed
from zeroshot.signals.logs import read_logs
from zeroshot.signals.options import LogOptions, RecordingOptions, SplitOptions
from zeroshot.signals.parts import TRAIN, VALIDATION, with_validation
from zeroshot.signals.recordings import read_recordings
from zeroshot.signals.windows import Signals, count_of, samples_in
from zeroshot.units import to_ms

SMALLEST = 8  # frames and values of a frame that nets take
FEWEST_BANDS = 8
IN_A_ROW = 16  # test windows that firmware is tried on


def recorded(folder: str | Path, options: SignalOptions, seed: int) -> Dataset:
    """A folder of recordings as pictures of log-mel bands or coefficients, frames x values x 1.

    Args:
        folder: As `read_recordings` takes it.
        options: How.
        seed: Of all that is drawn.

    Raises:
        DataError: The folder or a file in it cannot be used.
        UsageError: Options contradict each other, or do not suit the data.
    """
    signals = _validated(read_recordings(folder, options.reading(RecordingOptions, seed)), options, seed)
    return dataset_of(signals, sound_front_end(signals, options), options)


def logged(folder: str | Path, options: SignalOptions, seed: int) -> Dataset:
    """A folder of sensor logs as signals of height 1, 1 x samples x axes: an axis is a channel.

    Kernels then see all axes at once, as a net of 1D convolutions does, and the samples lie in memory as
    `zeroshot.frontend.motion` has them, samples x axes. Arguments and errors as `recorded`.
    """
    signals = _validated(read_logs(folder, options.reading(LogOptions, seed)), options, seed)
    return dataset_of(signals, motion_front_end(signals, options), options)


def sound_front_end(signals: Signals, options: SignalOptions) -> FrontEnd:
    """The front end for recordings: what is left open is as in `FrontEnd`, or fewer bands where frames are short.

    Raises:
        UsageError: Options contradict each other, or a picture is smaller than a net takes.
    """
    window = signals.x.shape[1]
    known = {"sample_rate": int(signals.rate), "window_ms": 1000 * window / signals.rate, "output": "uint8"}
    front_end = options.front_end(**known)
    if options.bands is None:
        front_end = _with_bands_that_fit(front_end)
    try:
        tables_of(front_end)
    except UsageError as error:
        raise UsageError(renamed(error.message), renamed(error.hint)) from None
    if min(front_end.frames, front_end.width) < SMALLEST:
        raise UsageError(
            f"A window of {window / signals.rate:.4g} s makes a picture of {front_end.frames} frames of "
            f"{front_end.width} values, and nets take {SMALLEST} of each or more.",
            "Give a longer `window`, a shorter `frame_hop`, or more `coefficients` or `bands`.",
        )
    return front_end


def _with_bands_that_fit(front_end: FrontEnd) -> FrontEnd:
    """The same with the most bands, from its own number down, that each hold a bin of the FFT."""
    least = max(FEWEST_BANDS, front_end.coefficients)
    for bands in range(front_end.bands, least, -1):
        try:
            tables_of(replace(front_end, bands=bands))
        except UsageError:
            continue
        return replace(front_end, bands=bands)
    return replace(front_end, bands=least)


def motion_front_end(signals: Signals, options: SignalOptions) -> ScaledMotion:
    """The front end for logs, scaled by the training windows.

    Raises:
        UsageError: The hop is longer than the window.
    """
    window, axes = signals.x.shape[1:]
    to_next = window // 2 if options.hop is None else samples_in(to_ms(options.hop), signals.rate, "hop")
    motion = Motion(
        axes=axes, sample_rate=signals.rate, window_ms=1000 * window / signals.rate,
        hop_ms=1000 * min(to_next, window) / signals.rate, output="uint8",
        covered=Motion.covered if options.covered is None else options.covered,
    )  # fmt: skip
    scaling = calibrate(motion, signals.x[signals.part == TRAIN].reshape(-1, axes))
    return ScaledMotion(motion, scaling, signals.channel_names, tuple(signals.step.tolist()))


def dataset_of(signals: Signals, front_end: AnyFrontEnd, options: SignalOptions) -> Dataset:
    """Windows as the pictures that a front end makes of them; other front ends make other sets of the same windows.

    Args:
        signals: With windows for training, validation and testing.
        front_end: As `sound_front_end` or `motion_front_end` chose it.
        options: What was asked for, to be stored with a run.
    """
    x, kept = _pictures(signals, front_end), signals.part <= VALIDATION
    y = signals.labels
    remarks = (*signals.remarks, told(front_end))
    return Dataset(
        signals.name, x[kept], y[kept], x[~kept], y[~kept], signals.class_names,
        validation=np.flatnonzero(signals.part[kept] == VALIDATION),
        features=Features(front_end, options.given(), remarks, _in_a_row(signals, front_end)),
    )  # fmt: skip


def _pictures(signals: Signals, front_end: AnyFrontEnd) -> Images:
    if isinstance(front_end, FrontEnd):
        return pictures(front_end, signals.x[:, : front_end.window, 0]).astype(np.uint8)
    n, window, axes = signals.x.shape
    flat = motion_features(front_end.motion, front_end.scaling, signals.x.reshape(-1, axes))
    return flat.astype(np.uint8).reshape(n, 1, window, axes)


def _in_a_row(signals: Signals, front_end: AnyFrontEnd) -> npt.NDArray[np.int16]:
    """Test windows from all over the test part, one behind the other."""
    tested = signals.rows("test")
    some: npt.NDArray[np.int16] = signals.x[tested[np.linspace(0, len(tested) - 1, IN_A_ROW).astype(int)]]
    return some.ravel() if isinstance(front_end, FrontEnd) else some.reshape(-1, some.shape[2])


def told(front_end: AnyFrontEnd) -> str:
    """What nets see, in plain English, and what it takes of the device beside them."""
    if isinstance(front_end, ScaledMotion):
        motion = front_end.motion
        return (
            f"Nets see {motion.window} samples of {', '.join(front_end.axes)} in 8 bits, a signal with a channel for "
            f"each. The front end takes {motion.bytes:,} bytes of RAM beside them."
        )
    cost = front_end_cost(front_end)
    what = f"{front_end.coefficients} coefficients" if front_end.coefficients else f"{front_end.bands} log-mel bands"
    levels = f"Levels are absolute, from {front_end.lowest_db:g} to {front_end.top_db:g} dB of a full-scale sine. "
    if front_end.relative:
        levels = f"Levels are relative to the loudest of each picture, down to {front_end.span_db:g} dB below it. "
    if front_end.coefficients:
        levels = ""
    return (
        f"Nets see {front_end.frames} frames of {what}: {front_end.frame} samples each, one every {front_end.hop}. "
        f"{levels}The front end takes {cost.ram:,} bytes of RAM and {cost.tables:,} of tables beside them, and about "
        f"{1e-3 * cost.instructions:.0f} thousand instructions of a Cortex-M4 a frame"
        + (f", {1e-3 * cost.decision:.0f} thousand more a decision." if front_end.relative else ".")
    )


def _validated(signals: Signals, options: SignalOptions, seed: int) -> Signals:
    """The same with a validation part, drawn by group where a list or folders have none."""
    if (signals.part == VALIDATION).any():
        return signals
    counts = np.zeros((len(signals.group_names), len(signals.class_names)), np.int64)
    np.add.at(counts, (signals.groups, signals.labels), 1)
    part = np.zeros(len(counts), np.int8)
    part[signals.groups] = signals.part
    share = options.reading(SplitOptions, seed).validation
    part = with_validation(part, counts, share, seed)[signals.groups]
    drawn = int((part == VALIDATION).sum())
    remark = f"For validation, drawn out of training by group: {count_of(drawn, 'window')}."
    return replace(signals, part=part, remarks=(*signals.remarks, remark))
