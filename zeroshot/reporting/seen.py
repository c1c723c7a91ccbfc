"""What the page shows of answers to test images, or why it shows none."""

from dataclasses import dataclass, field

from zeroshot.data import Dataset
from zeroshot.errors import RunError, UsageError
from zeroshot.reporting.answers import Answers, all_answers, run_data
from zeroshot.reporting.confusion import LARGEST, Matrix, matrices
from zeroshot.reporting.contents import Contents
from zeroshot.reporting.examples import Group, groups


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
        answers = list(all_answers(found, data))
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
