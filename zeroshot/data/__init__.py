"""One way to data: names, folders and arrays become one `Dataset`; splits and channel statistics."""

from zeroshot.data.dataset import (
    SOURCES,
    Dataset,
    batches,
    cache_folder,
    channel_stats,
    load,
    resized,
    warnings_for,
)  # fmt: skip

__all__ = ["SOURCES", "Dataset", "batches", "cache_folder", "channel_stats", "load", "resized", "warnings_for"]
