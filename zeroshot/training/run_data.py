"""The data that a run was searched on, and how far choices on them can be trusted."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from zeroshot.cascade.metric import Metric, metric_of
from zeroshot.data import SOURCES, Dataset, load
from zeroshot.errors import RunError, UsageError
from zeroshot.runs.front_end import SOUND
from zeroshot.runs.layout import FRONT_END, SIGNALS
from zeroshot.signals.folder_options import SignalOptions
from zeroshot.training.batches import Split
from zeroshot.training.trained import PARTS

COARSE = 500  # validation images; with fewer the threshold's rate is off by 2 points and more


def run_dataset(config: Mapping[str, Any], data: object = None) -> Dataset:
    """The data that a search had.

    Args:
        config: As `zeroshot.runs.reading.read_config` gives.
        data: They, or where they are; None for a named set.

    Raises:
        RunError: They are not those of the search, or the run knows them by name only.
        DataError: They cannot be used.
    """
    if data is None and not config.get("data_by_name", config["data"] in SOURCES):
        raise RunError(
            f"The run knows its data, {config['data']!r}, only by name.", "Give the file or folder with `data`."
        )
    source = config["data"] if data is None else data
    dataset = source if isinstance(source, Dataset) else _loaded(source, config)
    if dataset.digest != config["data_sha256"]:
        raise RunError(
            f"{dataset.name} is not what the run was searched on, or it was changed: SHA-256 "
            f"{config['data_sha256'][:12]} then, {dataset.digest[:12]} now.",
            "Give the same data with `data`, or search again.",
        )
    return dataset


def _loaded(source: object, config: Mapping[str, Any]) -> Dataset:
    """They, read as the search read them."""
    try:
        signals = SignalOptions.of(config.get(SIGNALS, {}))
        front_end = config.get(FRONT_END) or {}
        if front_end.get("kind") == SOUND and "relative" not in front_end:  # as of older runs
            signals = replace(signals, absolute=True)
    except (UsageError, AttributeError) as error:
        raise RunError(
            f"The config of the run does not say how its data are read: {error}.", "Search again."
        ) from error
    return load(_path(source), int(config["seed"]), signals)


def _path(source: object) -> str:
    if not isinstance(source, str | Path):
        raise UsageError(f"`data` is {source!r}.", "It must be a data set, a file, a folder or the name of a set.")
    return str(source)


def checked_metric(name: str, data: Split) -> Metric:
    """The metric of a run, which its validation and test images must be able to tell.

    Raises:
        UsageError: It is none, or of a class that there is not.
        DataError: No validation or no test image is of its class.
    """
    metric = metric_of(name, data.dataset.class_names)
    for part in PARTS:
        metric.told(data.labels(part), part)
    return metric


def coarse(data: Split) -> list[str]:
    """What a user should know of a small validation split: remarks, or none."""
    counts = np.bincount(data.labels("validation"), minlength=data.dataset.classes)
    missing = [f"{data.dataset.class_names[i]!r}" for i in np.flatnonzero(counts == 0)]
    remarks = []
    if missing:
        remarks.append(
            f"{_listed(missing)} {'has' if len(missing) == 1 else 'have'} no validation {data.dataset.things}: choices "
            "were made without."
        )
    if len(data.validation) >= COARSE:
        return remarks
    return [
        *remarks,
        f"Epochs and thresholds were chosen on {len(data.validation)} validation {data.dataset.things} only: the "
        f"escalation rate on the test {data.dataset.things} may differ from the one that was asked for.",
    ]


def _listed(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more classes" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
