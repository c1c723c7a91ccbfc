"""What a finished search has left for those who go on with it: its config, its pairs, its data."""

import csv
import tomllib
from pathlib import Path
from typing import Any

from zeroshot.data import SOURCES, Dataset, load
from zeroshot.errors import RunError, call
from zeroshot.runs.layout import CONFIG
from zeroshot.training.batches import Split
from zeroshot.training.pair_figures import parsed

Row = dict[str, Any]
COARSE = 500  # validation images; with fewer the threshold's rate is off by 2 points and more


def read_run(run: Path, top: int) -> tuple[Row, list[Row]]:
    """The config and the best pairs of a finished search.

    Raises:
        RunError: There is no run, it was interrupted, it found no pairs, or its files are damaged.
    """
    try:
        config = tomllib.loads((run / CONFIG).read_text(encoding="utf-8"))
        missing = [key for key in ("data", "data_sha256", "seed") if key not in config]
        if missing:
            raise RunError(
                f"{run / CONFIG} lacks {', '.join(missing)}.",
                f"Search again: {call('search', ..., run=run, force=True)}.",
            )
        with (run / "pairs.csv").open(encoding="utf-8", newline="") as file:
            rows = [parsed(row) for row in csv.DictReader(file)]
    except FileNotFoundError as error:
        if (run / CONFIG).exists():
            hint = f"Finish it first, with its settings: {call('search', ..., run=run, resume=True)}."
            raise RunError(f"The search in {run} was not finished: it has no pairs.csv.", hint) from error
        raise RunError(f"{run} is not the folder of a run.", f"Make one: {call('search', ..., run=run)}.") from error
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise RunError(f"The files in {run} cannot be read: {error}.", "Search again with `force=True`.") from error
    if not rows:
        raise RunError(f"The search in {run} found no pairs: there is nothing to train.", "Search with wider budgets.")
    return config, rows[:top]


def run_dataset(config: Row, data: object) -> Dataset:
    """The data that a search had.

    Args:
        config: As `read_run` gives.
        data: They, or where they are; None for a named set.

    Raises:
        RunError: They are not those of the search, or the run knows them by name only.
        DataError: They cannot be used.
    """
    if data is None and not config.get("data_by_name", config["data"] in SOURCES):
        raise RunError(
            f"The run knows its data, {config['data']!r}, only by name.", "Give the file or folder with `data`."
        )
    dataset = data if isinstance(data, Dataset) else load(str(data or config["data"]), int(config["seed"]))
    if dataset.digest != config["data_sha256"]:
        raise RunError(
            f"{dataset.name} is not what the run was searched on, or it was changed: SHA-256 "
            f"{config['data_sha256'][:12]} then, {dataset.digest[:12]} now.",
            "Give the same data with `data`, or search again.",
        )
    return dataset


def coarse(data: Split) -> list[str]:
    """What a user should know of a small validation split: a remark, or none."""
    if len(data.validation) >= COARSE:
        return []
    return [
        f"Epochs and thresholds were chosen on {len(data.validation)} validation images only: the escalation "
        "rate on the test images may differ from the one that was asked for."
    ]
