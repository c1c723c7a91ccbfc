"""Class folders of recordings and of sensor logs: windows of int16 samples with labels, in parts that share nothing."""

from zeroshot.signals.logs import read_logs
from zeroshot.signals.options import LogOptions, RecordingOptions
from zeroshot.signals.recordings import read_recordings
from zeroshot.signals.windows import PARTS, Signals

__all__ = ["PARTS", "LogOptions", "RecordingOptions", "Signals", "read_logs", "read_recordings"]
