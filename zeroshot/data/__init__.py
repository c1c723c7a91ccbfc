"""One way to data: names, folders and arrays become one `Dataset`; splits and channel statistics."""

from zeroshot.data.dataset import Dataset, Features, batches, channel_stats, resized, warnings_for
from zeroshot.data.loading import SOURCES, cache_folder, load

__all__ = [
    "SOURCES", "Dataset", "Features", "batches", "cache_folder", "channel_stats", "load", "resized", "warnings_for",
]  # fmt: skip
