"""What the page shows of answers to test images, or why it shows none."""

from dataclasses import dataclass, field

from zeroshot.data import SOURCES, Dataset, load
from zeroshot.errors import DataError, RunError, UsageError
from zeroshot.quantization.answers import Answers, pair_answers
from zeroshot.reporting.confusion import LARGEST, Matrix, matrices
from zeroshot.reporting.contents import Contents
from zeroshot.reporting.examples import Group, groups
from zeroshot.runs.rows import MeasuredPair, QuantizedPair
from zeroshot.training.run_data import run_dataset


@dataclass(frozen=True, eq=False)
class Seen:
    """Answers of pairs, and of the first one in its last stage what is shown of them.

    Attributes:
        answers: Of all pairs, in every stage.
        why: Why there are none; "" where there are.
        title: Whose answers are shown, such as "pair 1 in int8".
        classes: Names of the columns of the matrices.
        matrices: Of the little net, the big net and the pair.
        note: On the matrices; "" for nothing.
        groups: Test images.
    """

    answers: list[Answers] = field(default_factory=list)
    why: str = ""
    title: str = ""
    classes: tuple[str, ...] = ()
    matrices: list[Matrix] = field(default_factory=list)
    note: str = ""
    groups: list[Group] = field(default_factory=list)

    def of(self, rank: int) -> list[Answers]:
        """The answers of one pair, in float before int8."""
        return [each for each in self.answers if each.rank == rank]


def run_data(found: Contents, given: object) -> Dataset | str:
    """The data of a run, or why they are not there; nothing is downloaded for a page."""
    name = str(found.config["data"])
    known = found.config.get("data_by_name", name in SOURCES)
    try:
        if given is None and known:
            given = load(name, int(found.config["seed"]), download=False)
        return run_dataset(found.config, given)
    except (RunError, DataError, UsageError) as error:
        return f"{error.message} {error.hint}".strip()


def see(found: Contents, given: object) -> Seen:
    """Answers to the test images.

    Args:
        found: The run.
        given: Its data, or where they are; None for a named set.
    """
    if not (found.trained or found.quantized):
        return Seen(why="No net is trained yet: nothing has answered anything.")
    data = run_data(found, given)
    if isinstance(data, str):
        return Seen(why=f"Answers cannot be shown without the labels of the data. {data}")
    try:
        pairs: list[MeasuredPair | QuantizedPair] = [*(found.trained or []), *(found.quantized or [])]
        answers = [pair_answers(found.run, pair, data.y_test) for pair in pairs]
    except (RunError, UsageError) as error:
        return Seen(why=f"The stored answers cannot be used. {error.message} {error.hint}".strip())
    return _first(answers, data)


def _first(answers: list[Answers], data: Dataset) -> Seen:
    last = [each for each in answers if each.kind == answers[-1].kind][0]
    many = len(data.class_names) > LARGEST
    note = f"Matrices of {len(data.class_names):,} classes are left out; the most frequent mistakes stand instead."
    return Seen(
        answers=answers, title=f"pair {last.rank} in {last.kind}", classes=data.class_names[:LARGEST],
        matrices=matrices(last, data.class_names), note=note if many else "", groups=groups(last, data),
    )  # fmt: skip
