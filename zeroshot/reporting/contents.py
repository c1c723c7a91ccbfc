"""Everything that a run folder holds, read once; what is not there yet is None."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from zeroshot.cost.boards import Board, load_board
from zeroshot.cost.counts import macs
from zeroshot.cost.engines import Engine, load_engine
from zeroshot.errors import RunError, UsageError, call
from zeroshot.firmware.folder import MARKER, VERIFICATION
from zeroshot.net import IN_CH, LayerTable, NetSpec, layer_table, spec_array
from zeroshot.runs import layout, rows
from zeroshot.runs.reading import read_config, read_object, read_rows, read_scores
from zeroshot.runs.rows import (
    CalibrationNet,
    Candidate,
    MeasuredPair,
    PredictedNet,
    PredictedPair,
    PrunedNetRow,
    QuantizedNetRow,
    QuantizedPair,
    TrainedNetRow,
)
from zeroshot.types import Score

MOST = 2**20  # channels or classes; costs that tell more are nonsense
SHOWN = 30  # listed pairs that the page shows; a list may be as long as anybody likes


@dataclass(frozen=True)
class Export:
    """The firmware of a pair: its rank, its folder, and what was verified, None where nothing was."""

    rank: int
    folder: Path
    verification: dict[str, Any] | None


@dataclass(frozen=True)
class PrunedSummary:
    """What a compression left beside its net: source, what counted, its rounds, seconds and remarks."""

    source: str
    saliency: str
    nets: list[PrunedNetRow]
    seconds: float
    remarks: list[str]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a run holds.

    Attributes:
        run: Its folder.
        config: Of the search.
        environment: Versions and machine.
        summaries: Of the stages that are finished, by their folder: "" for the search.
        pairs: Listed by the search, best first.
        front: Pareto front of pairs.
        singles: Front of single nets.
        candidates: All nets that were drawn.
        calibration: Nets that were trained briefly.
        scores: Net -> proxy -> probed score.
        trained: Pairs that were trained.
        trained_nets: Nets that were trained.
        quantized: Pairs that were quantised.
        quantized_nets: Nets that were quantised.
        pruned: One summary a pruned net.
        exports: Firmware inside the run folder.
    """

    run: Path
    config: dict[str, Any]
    environment: dict[str, Any]
    summaries: dict[str, dict[str, Any]]
    pairs: list[PredictedPair] | None
    front: list[PredictedPair] | None
    singles: list[PredictedNet] | None
    candidates: list[Candidate] | None
    calibration: list[CalibrationNet] | None
    scores: dict[str, dict[str, Score]]
    trained: list[MeasuredPair] | None
    trained_nets: list[TrainedNetRow] | None
    quantized: list[QuantizedPair] | None
    quantized_nets: list[QuantizedNetRow] | None
    pruned: list[PrunedSummary]
    exports: list[Export]

    @property
    def things(self) -> str:
        """What the examples of the data are called, as `Dataset.things`."""
        return "images" if self.config.get(layout.FRONT_END) is None else "windows"

    @cached_property
    def board(self) -> Board | None:
        """The board of the search; None where it came from a file, of which a run knows the name only."""
        try:
            return load_board(str(self.config.get("board", "")))
        except UsageError:
            return None

    @cached_property
    def engine(self) -> Engine | None:
        """The engine that all costs are of."""
        try:
            return load_engine(str(self.config.get("engine", "")))
        except UsageError:
            return None

    @cached_property
    def by_name(self) -> dict[str, Candidate]:
        """The candidates by their short specs."""
        return {net.net: net for net in self.candidates or []}

    @cached_property
    def task(self) -> tuple[int, int]:
        """Channels and classes of the data, as the costs of the candidates tell.

        Raises:
            RunError: There are no candidates, or their costs are of no net.
            UsageError: The first one is no net.
        """
        if not self.candidates:
            raise RunError("The run does not tell its nets' costs.", call("search", ..., run=self.run, resume=True))
        known = self.candidates[0]
        spec = NetSpec.parse(known.net)
        channels = min(max(1, known.input_bytes // (spec.height * spec.width)), MOST)
        one = layer_table(spec_array([spec]), channels, 1)
        last = int(one.rows[-1, IN_CH])  # each class more adds so many MACs
        classes = min(max(1, 1 + (known.macs - int(macs(one)[0])) // last), MOST)
        if macs(layer_table(spec_array([spec]), channels, classes))[0] != known.macs:
            raise RunError(
                f"{self.run / layout.CANDIDATES} has MACs of {known.net} that are of no such net.",
                f"Search again: {call('search', ..., run=self.run, force=True)}.",
            )
        return channels, classes

    def table(self, net: str) -> LayerTable:
        """The layers of a net on the run's data; errors as `task`."""
        return layer_table(spec_array([NetSpec.parse(net)]), *self.task)


def read_run(run: Path) -> Contents:
    """Read a run at any stage.

    Raises:
        RunError: There is no run, it has another format, or one of its files is damaged.
    """
    config = read_config(run)
    _check(config, run / layout.CONFIG)
    models, int8 = run / layout.MODELS, run / layout.INT8
    folders = {name: read_object(run / name / layout.SUMMARY) for name in ("", layout.MODELS, layout.INT8)}
    return Contents(
        run=run, config=config, environment=read_object(run / layout.ENVIRONMENT) or {},
        summaries={name: found for name, found in folders.items() if found is not None},
        pairs=read_rows(run / layout.PAIRS, rows.PAIRS),
        front=read_rows(run / layout.FRONT, rows.PAIRS),
        singles=read_rows(run / layout.SINGLES, rows.SINGLES),
        candidates=read_rows(run / layout.CANDIDATES, rows.CANDIDATES),
        calibration=read_rows(run / layout.CALIBRATION, rows.CALIBRATION),
        scores=read_scores(run),
        trained=read_rows(models / layout.PAIRS, rows.TRAINED_PAIRS),
        trained_nets=read_rows(models / layout.NETS, rows.TRAINED_NETS),
        quantized=read_rows(int8 / layout.PAIRS, rows.QUANTIZED_PAIRS),
        quantized_nets=read_rows(int8 / layout.NETS, rows.QUANTIZED_NETS),
        pruned=[_pruned(path) for path in sorted(models.glob(f"*.{layout.SUMMARY}"))],
        exports=list(_exports(run)),
    )  # fmt: skip


def _check(config: dict[str, Any], path: Path) -> None:
    """Insist on numbers where the page computes with them."""
    numbers = [key for key in config if key.endswith("_limit") or key == "seed"]
    wrong = [key for key in numbers if isinstance(config[key], bool) or not isinstance(config[key], int | float)]
    if wrong:
        raise RunError(f"{path} has no number for {', '.join(wrong)}.", "Search again with `force=True`.")


def _pruned(path: Path) -> PrunedSummary:
    try:
        return msgspec.convert(read_object(path), PrunedSummary)
    except msgspec.ValidationError as error:
        raise RunError(
            f"{path} is no summary of a pruned net: {error}.", "Prune it again with `force=True`."
        ) from error


def _exports(run: Path) -> list[Export]:
    found = []
    for path in (run / layout.FIRMWARE).glob(f"*/{MARKER}"):
        _, _, rank = path.parent.name.rpartition("-")
        if rank.isdecimal() and path.parent == run / layout.firmware_of(int(rank)):
            found.append(Export(int(rank), path.parent, read_object(path.parent / VERIFICATION)))
    return sorted(found, key=lambda each: each.rank)
