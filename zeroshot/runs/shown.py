"""What a run says of each class: shares of the data, and recalls and confusion matrices of its measured pairs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from zeroshot.errors import RunError, call, unknown
from zeroshot.runs import layout
from zeroshot.runs.class_rows import CLASSES, CONFUSION, ClassAnswers, ClassShare
from zeroshot.runs.classes import majority
from zeroshot.runs.reading import read_config, read_object, read_rows
from zeroshot.runs.tables import Rows

KINDS = {"trained": layout.MODELS, "int8": layout.INT8}


@dataclass(frozen=True, eq=False)
class Answered:
    """What a net or a pair answers to the test images.

    Attributes:
        kind: `trained` (float weights) or `int8`.
        rank: Of the pair.
        who: `little`, `big` or `pair`.
        rows: One a true class.
    """

    kind: str
    rank: int
    who: str
    rows: Sequence[ClassAnswers] = field(repr=False)

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        right = sum(row.answers[row.name] for row in self.rows)
        return right / sum(row.images for row in self.rows)

    @property
    def balanced(self) -> float:
        """Mean recall of the classes that the test images have."""
        known = [row.recall for row in self.rows if row.recall is not None]
        return sum(known) / len(known)

    def taken_for(self, alarm: str) -> dict[str, tuple[int, int]]:
        """Each other class -> how many of its test images are taken for this one, and how many there are.

        `zeroshot.cascade.alarms.false_alarms` makes false alarms an hour of them.

        Raises:
            UsageError: There is no such class.
        """
        names = [row.name for row in self.rows]
        if alarm not in names:
            raise unknown("class", alarm, names)
        return {row.name: (int(row.answers[alarm]), row.images) for row in self.rows if row.name != alarm}

    def plain(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "kind": self.kind, "rank": self.rank, "who": self.who, "accuracy": self.accuracy,
            "balanced": self.balanced, "recall": {row.name: row.recall for row in self.rows},
            "confusion": {row.name: {key: int(n) for key, n in row.answers.items()} for row in self.rows},
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class ShownRun:
    """A run, class by class.

    Attributes:
        run: Its folder.
        data: Name of its data.
        metric: What choices and verdicts of the last stage that is done went by.
        classes: Of the data.
        answered: Of each measured pair the little net, the big net and the pair, trained and then in int8.
    """

    run: Path
    data: str
    metric: str
    classes: Rows[ClassShare]
    answered: list[Answered]

    def summary(self) -> dict[str, Any]:
        """As plain values: what `zeroshot show RUN --json` prints."""
        name, right = majority(self.classes)
        return {
            "run": str(self.run), "data": self.data, "metric": self.metric, "classes": self.classes.plain(),
            "majority": {"class": name, "accuracy": right}, "answers": [each.plain() for each in self.answered],
        }  # fmt: skip


def show(run: str | Path) -> ShownRun:
    """What a run says of each class of its data, from what its stages have stored.

    Args:
        run: Its folder, at whatever stage.

    Raises:
        RunError: There is no run, its search is not finished or was by a version that did not count classes, or a file
            is damaged.
    """
    folder = Path(run)
    config = read_config(folder)
    classes = read_rows(folder / layout.CLASSES, CLASSES)
    if not classes:
        raise RunError(
            f"{folder} has no {layout.CLASSES}: its search is not finished, or an older version made it.",
            f"Finish it: {call('search', ..., run=folder, resume=True)}. Training counts the classes too.",
        )
    told = [read_object(folder / stage / layout.SUMMARY) or {} for stage in ("", *KINDS.values())]
    metric = [each["metric"] for each in told if "metric" in each]
    return ShownRun(
        folder, str(config["data"]), str(metric[-1] if metric else "accuracy"), Rows(CLASSES, classes),
        [each for kind, stage in KINDS.items() for each in _answered(kind, folder / stage / layout.CONFUSION)],
    )  # fmt: skip


def _answered(kind: str, path: Path) -> Iterator[Answered]:
    rows = read_rows(path, CONFUSION) or []
    for (rank, who), some in groupby(rows, key=lambda row: (row.rank, row.who)):
        whole = list(some)
        names = {row.name for row in whole}
        if any(set(row.answers) != names or sum(row.answers.values()) != row.images for row in whole):
            raise RunError(f"{path} holds no confusion matrix of pair {rank}.", "Make it again with `force=True`.")
        yield Answered(kind, rank, who, whole)
