"""Class folders of sensor logs, read into windows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zeroshot.data.class_folders import safe
from zeroshot.data.kinds import LOGS
from zeroshot.errors import DataError
from zeroshot.options import takes_options
from zeroshot.signals.groups import Source, group
from zeroshot.signals.log import ALIKE, Log, at_rate, logs_of
from zeroshot.signals.options import LogOptions
from zeroshot.signals.sources import divided, existing, sources_of, wanted
from zeroshot.signals.steps import step_of
from zeroshot.signals.windows import (
    FULL,
    SHORTEST,
    Int16Array,
    Signals,
    check_memory,
    count_of,
    samples_in,
    shared_remarks,
    starts_of,
    to_int16,
)  # fmt: skip
from zeroshot.types import FloatArray, Int8Array, Int64Array
from zeroshot.units import to_ms


@takes_options(LogOptions)
def read_logs(folder: str | Path, options: LogOptions) -> Signals:
    """Read `FOLDER/<class>/*.csv`, or `train/<class>/*` and `test/<class>/*`, into windows.

    A log is a CSV with comments, empty lines, a header and rows of numbers, or Parquet where pyarrow is installed. Its
    rate is that of its time column, of a comment like `# 26 Hz`, or `rate`; all logs are brought to one. Values become
    int16: times `step` they are in the unit of the file. The step is chosen by the training part alone; what is beyond
    its range in the others is cut off there.

    Args:
        folder: With one folder a class.
        options: How.

    Raises:
        DataError: The folder or a file in it cannot be used; the message names file, line and column.
        UsageError: An option is out of range or does not suit the data.
    """
    root = existing(folder)
    sources, names, remarks = wanted(*sources_of(root, LOGS), options.classes)
    logs, columns = logs_of(sources, options)
    rate = float(options.rate or sorted(log.rate for log in logs)[(len(logs) - 1) // 2])
    values = [at_rate(log, rate) for log in logs]
    window = samples_in(to_ms(options.window), rate, "window", SHORTEST)
    hop = window // 2 if options.hop is None else samples_in(to_ms(options.hop), rate, "hop")
    starts = [starts_of(len(each), window, hop) for each in values]
    count = [len(each) for each in starts]
    remarks += _remarks(sources, logs, count, rate, window, hop)
    _check_classes(sources, count, names, window, rate)
    check_memory(sum(count), window, len(columns))
    groups = group(sources, options.groups)
    part, how = divided(sources, groups, count, names, options)
    of_file = part[list(groups.of)]
    step = step_of([each for each, half in zip(values, of_file, strict=True) if half == 0], columns)
    remarks += [how, *_range_remarks(values, of_file, step, columns)]
    x = _windows(values, starts, window, step)
    of = np.repeat(np.arange(len(sources)), count)
    owner = np.array(groups.of)[of]
    remarks += shared_remarks(x, part[owner])
    return Signals(
        name=safe(root.name), x=x, labels=np.array([source.label for source in sources])[of], groups=owner,
        part=part[owner], rate=rate, step=step, class_names=names, channel_names=columns, group_names=groups.names,
        remarks=tuple(remarks),
    )  # fmt: skip


def _check_classes(
    sources: Sequence[Source], count: Sequence[int], names: Sequence[str], window: int, rate: float
) -> None:
    for label, name in enumerate(names):
        if not any(number for number, source in zip(count, sources, strict=True) if source.label == label):
            raise DataError(
                f"No log of class {name!r} is as long as a window, {window} samples at {rate:g} Hz.",
                "Give a shorter `window`, or longer logs.",
            )


def _windows(values: Sequence[FloatArray], starts: Sequence[Int64Array], window: int, step: FloatArray) -> Int16Array:
    """(n, window, channels)."""
    x = np.empty((sum(map(len, starts)), window, len(step)), np.int16)
    row = 0
    for each, first in zip(values, starts, strict=True):
        whole = to_int16(each / step)
        for start in first.tolist():
            x[row] = whole[start : start + window]
            row += 1
    return x


def _remarks(
    sources: Sequence[Source], logs: Sequence[Log], count: Sequence[int], rate: float, window: int, hop: int
) -> list[str]:
    remarks = [
        f"{count_of(len(logs), 'log')} at {rate:.6g} Hz. A window is {window / rate:.4g} s, {window:,} samples, and "
        f"one begins every {hop:,}."
    ]
    short = [source.name for source, number in zip(sources, count, strict=True) if not number]
    if short:
        remarks.append(f"Shorter than a window, so left out: {count_of(len(short), 'log')}, the first is {short[0]}.")
    other = [log.rate for log in logs if abs(log.rate / rate - 1) > ALIKE]
    if other:
        remarks.append(
            f"Resampled to {rate:.6g} Hz: {count_of(len(other), 'log')} of {min(other):.6g} to {max(other):.6g} Hz."
        )
    unread = sorted({name for log in logs for name in log.unread})
    if unread:
        remarks.append(f"Columns of some logs that are not read: {', '.join(unread)}.")
    mended = sum(log.mended for log in logs)
    if mended:
        remarks.append(f"Missing, put on straight lines between their neighbours: {count_of(mended, 'value')}.")
    return remarks


def _range_remarks(
    values: Sequence[FloatArray], part: Int8Array, step: FloatArray, columns: Sequence[str]
) -> list[str]:
    steps = ", ".join(f"{name} {each:g}" for name, each in zip(columns, step, strict=True))
    remarks = [f"A sample of 1 is, by the training part: {steps}."]
    beyond = sum(int((np.abs(each / step) > FULL + 1).sum()) for each in values)
    if beyond:
        remarks.append(
            f"Beyond the range of the training part, cut off there: {count_of(beyond, 'value')} of validation and test."
        )
    training = np.concatenate([each for each, half in zip(values, part, strict=True) if half == 0])
    still = [name for name, constant in zip(columns, (training == training[0]).all(axis=0), strict=True) if constant]
    if still:
        remarks.append(f"In the training part {', '.join(still)} never {'varies' if len(still) == 1 else 'vary'}.")
    return remarks
