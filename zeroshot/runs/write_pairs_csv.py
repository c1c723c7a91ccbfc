"""What the stages of a run write: pairs.csv and everything beside it.

A summary comes last: a stage that has one is finished. `reading` is the way back.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zeroshot.runs import layout
from zeroshot.runs.class_rows import ClassAnswers, ClassShare
from zeroshot.runs.files import RESUME, json_text, write_file
from zeroshot.runs.rows import (
    CalibrationNet,
    MeasuredPair,
    PredictedNet,
    PredictedPair,
    QuantizedNetRow,
    QuantizedPair,
    TrainedNetRow,
)
from zeroshot.runs.tables import Rows


def write_search(
    run: Path, pairs: Rows[PredictedPair], front: Rows[PredictedPair], singles: Rows[PredictedNet],
    calibration: Rows[CalibrationNet],
) -> None:  # fmt: skip
    """Write the tables of a search: pairs.csv, front.csv, singles.csv, and calibration.csv where nets were trained.

    Raises:
        RunError: The disk is full, or refuses; so with all functions here.
    """
    if calibration:
        write_file(run / layout.CALIBRATION, calibration.to_csv())
    write_file(run / layout.PAIRS, pairs.to_csv())
    write_file(run / layout.FRONT, front.to_csv())
    write_file(run / layout.SINGLES, singles.to_csv())


def write_classes(run: Path, classes: Rows[ClassShare]) -> None:
    """Write the classes of the data."""
    write_file(run / layout.CLASSES, classes.to_csv())


def write_training(
    run: Path, pairs: Rows[MeasuredPair], nets: Rows[TrainedNetRow], confusion: Rows[ClassAnswers]
) -> None:
    """Write the tables of a training: models/confusion.csv, models/pairs.csv and models/nets.csv."""
    write_file(run / layout.MODELS / layout.CONFUSION, confusion.to_csv(), RESUME)
    write_file(run / layout.MODELS / layout.PAIRS, pairs.to_csv(), RESUME)
    write_file(run / layout.MODELS / layout.NETS, nets.to_csv(), RESUME)


def write_quantization(
    run: Path, pairs: Rows[QuantizedPair], nets: Rows[QuantizedNetRow], confusion: Rows[ClassAnswers]
) -> None:
    """Write the tables of a quantisation: int8/confusion.csv, int8/pairs.csv and int8/nets.csv."""
    write_file(run / layout.INT8 / layout.CONFUSION, confusion.to_csv(), RESUME)
    write_file(run / layout.INT8 / layout.PAIRS, pairs.to_csv(), RESUME)
    write_file(run / layout.INT8 / layout.NETS, nets.to_csv(), RESUME)


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Write the summary of a stage into its folder."""
    write_file(folder / layout.SUMMARY, json_text(summary))
