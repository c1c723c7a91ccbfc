"""What the stages of a run have left for those that come after them."""

import csv
import io
import json
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from zeroshot.errors import RunError, call
from zeroshot.runs import layout, rows
from zeroshot.runs.digests import check_as_written
from zeroshot.runs.rows import Candidate, MeasuredPair, PredictedPair, QuantizedPair
from zeroshot.runs.tables import Table
from zeroshot.types import Score

T = TypeVar("T")
_AGAIN = "Make it again: the stage that wrote it takes `force=True`."
NEEDED = ("data", "data_sha256", "seed")  # keys without which no later stage can work


def check_format(run: Path) -> None:
    """Insist that a run was written in the format that this version reads.

    Raises:
        RunError: It was not; the message names both, and the version that wrote it.
    """
    path = run / layout.ENVIRONMENT
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return  # not the folder of a run: whoever reads on says so
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}.", "Search again with `force=True`.") from error
    found = known.get("format", 1) if isinstance(known, dict) else None
    if found != layout.FORMAT:
        packages = known.get("packages") if isinstance(known, dict) else None
        writer = packages.get("zeroshot-mcu") if isinstance(packages, dict) else None
        raise RunError(
            f"The run in {run} has format {found}, written by zeroshot {writer or 'of an unknown version'}; this "
            f"version reads format {layout.FORMAT}.",
            f"Search again: {call('search', ..., run=run, force=True)}, or use the version that wrote it.",
        )


def read_config(run: Path) -> dict[str, Any]:
    """The stored config of a search.

    Raises:
        RunError: There is no run, it has another format, or its config is damaged.
    """
    check_format(run)
    path = run / layout.CONFIG
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunError(f"{run} is not the folder of a run.", f"Make one: {call('search', ..., run=run)}.") from error
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}.", "Search again with `force=True`.") from error
    missing = [key for key in NEEDED if key not in config]
    if missing:
        again = call("search", ..., run=run, force=True)
        raise RunError(f"{path} lacks {', '.join(missing)}.", f"Search again: {again}.")
    return config


def read_search(run: Path) -> tuple[dict[str, Any], list[PredictedPair]]:
    """Config and pairs of a finished search, best first.

    Raises:
        RunError: There is no run, it was interrupted, it found no pairs, or its files are damaged.
    """
    config = read_config(run)
    finish = f"Finish it first, with its settings: {call('search', ..., run=run, resume=True)}."
    pairs = _read(run / layout.PAIRS, rows.PAIRS, "search", finish, "Search again with `force=True`.")
    if not pairs:
        raise RunError(
            f"The search in {run} found no pairs: there is nothing to train.",
            "Its singles.csv has nets to use alone; or search with wider budgets.",
        )
    return config, pairs


def read_candidates(run: Path) -> tuple[dict[str, Any], list[Candidate]]:
    """Config and candidates of a search, which need not be finished.

    Raises:
        RunError: There is no run, it stopped before there were candidates, or its files are damaged.
    """
    config = read_config(run)
    finish = f"Finish it first, with its settings: {call('search', ..., run=run, resume=True)}."
    again = "Search again with `force=True`."
    candidates = _read(run / layout.CANDIDATES, rows.CANDIDATES, "search", finish, again)
    if not candidates:
        raise RunError(f"{run / layout.CANDIDATES} lists no nets.", again)
    return config, candidates


def read_training(run: Path) -> list[MeasuredPair]:
    """The trained pairs of a run.

    Raises:
        RunError: Nothing was trained, the training is not finished, or its table is damaged.
    """
    return _read_stage(run / layout.MODELS, rows.TRAINED_PAIRS, "train", ("Train", "trained", "training"))


def read_quantization(run: Path) -> list[QuantizedPair]:
    """The quantised pairs of a run.

    Raises:
        RunError: Nothing was quantised, the quantisation is not finished, or its table is damaged.
    """
    return _read_stage(run / layout.INT8, rows.QUANTIZED_PAIRS, "quantize", ("Quantise", "quantised", "quantisation"))


def read_rows(path: Path, table: Table[T]) -> list[T] | None:
    """The rows of any table of a run; None where it is not there, yet.

    Raises:
        RunError: It is damaged.
    """
    return _read(path, table, "run", "", _AGAIN) if path.exists() else None


def read_object(path: Path) -> dict[str, Any] | None:
    """What a .json of a run holds, such as a summary; None where it is not there, yet.

    Raises:
        RunError: It is damaged.
    """
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}.", _AGAIN) from error
    if not isinstance(found, dict):
        raise RunError(f"{path} holds no JSON object.", _AGAIN)
    return found


def read_scores(run: Path) -> dict[str, dict[str, Score]]:
    """Probed scores so far, net -> proxy -> score, without the line that is being written.

    Raises:
        RunError: The table is damaged.
    """
    path = run / layout.SCORES
    try:
        text = path.read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.", "Start again with `force=True`.") from error
    found: dict[str, dict[str, Score]] = {}
    try:
        lines = list(csv.reader(io.StringIO(text[: text.rfind("\n") + 1])))
    except csv.Error as error:
        raise RunError(f"{path} cannot be read: {error}.", "Start again with `force=True`.") from error
    for row in lines:
        try:
            net, proxy, value, status = row
            found.setdefault(net, {})[proxy] = Score(float(value), status)
        except ValueError as error:
            raise RunError(f"{path} has a line that is no score: {row}.", "Start again with `force=True`.") from error
    return found


def _read_stage(folder: Path, table: Table[T], function: str, words: tuple[str, str, str]) -> list[T]:
    """The pairs that a stage has left in its folder of a run; its words are order, participle and noun."""
    run, (order, done, stage) = folder.parent, words
    if not folder.exists() or not any(path.name[0] != "." for path in folder.iterdir()):
        raise RunError(f"The nets of the run in {run} are not {done}.", f"{order} them: {call(function, run)}.")
    again = f"{order} again: {call(function, run, force=True)}."
    finish = f"Finish it first: {call(function, run, resume=True)}."
    pairs = _read(folder / layout.PAIRS, table, stage, finish, again)
    if not pairs:
        raise RunError(f"{folder / layout.PAIRS} lists no {done} pairs.", again)
    return pairs


def _read(path: Path, table: Table[T], stage: str, finish: str, again: str) -> list[T]:
    try:
        raw = path.read_bytes()
        check_as_written(path, raw)
        return table.from_csv(raw.decode())
    except FileNotFoundError as error:
        raise RunError(f"The {stage} in {path.parent} was not finished: it has no {path.name}.", finish) from error
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}.", again) from error
