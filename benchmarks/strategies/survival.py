"""How much of what a search expects beyond another survives training: the picks of `picks.py`, measured."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

import numpy as np

from benchmarks.journey.judging import Bench, Judged, read_task
from benchmarks.journey.plan import Pick
from benchmarks.journey.settings import SETTINGS
from benchmarks.script import table
from benchmarks.strategies.picks import PAIRS, SEARCHES, TASK, name_of
from zeroshot.types import FloatArray

RESAMPLES, SEED, LEVEL = 2000, 0, 0.8
BASE = name_of(*SEARCHES[0])  # what the others are compared with
INTRODUCTION = """## What survives training

The first {pairs} pairs of a search and the best single net beside them, of three searches under each of {settings}
budgets, trained once by the recipe that expectations are of (CIFAR-10, 5 epochs, float), picked by the constants of
{constants}. {done} of {all} picks are
trained. Accuracies of test images, in %; a pair's threshold comes from validation images, its rate from the budget.
"""
BELOW = """
Over {base}: means over the same budgets and ranks, in points. Survives: measured over expected. Brackets are central
80 % of a bootstrap over test images and over the pairs compared; every net was trained once, with seed 0.
"""


@dataclass(frozen=True, eq=False)
class Trained:
    """A pick with what it reached.

    Attributes:
        pick: It; its strategy is the name of its search.
        judged: On test images.
    """

    pick: Pick
    judged: Judged = field(repr=False)

    @property
    def miss(self) -> float:
        """Expected minus measured accuracy, a fraction."""
        return (self.pick.expected or 0.0) - self.judged.accuracy


def trained(picks: Sequence[Pick], zoo: Path) -> list[Trained]:
    """The picks all nets of which are trained, in their order.

    Raises:
        RunError: A stored file is damaged or missing.
    """
    stored = read_task(zoo, TASK)
    if stored is None:
        return []
    found = []
    for setting in SETTINGS:
        mine = [pick for pick in picks if pick.setting == setting.name and stored.form((pick.little, pick.big))]
        if mine:
            bench = Bench.of(setting, stored, [net for pick in mine for net in (pick.little, pick.big) if net])
            found += [Trained(pick, bench.judge((pick.little, pick.big), "test")) for pick in mine]
    return found


def survival(found: Sequence[Trained], search: str) -> tuple[FloatArray, FloatArray] | None:
    """Expected and measured advantage over `BASE`, fractions, of pairs under the same budget and of the same rank.

    Returns:
        (n,) expected ones, and (1 + RESAMPLES, 2) means of expected and measured ones, of all and then of resamples;
        None if no two such pairs are trained.
    """
    at = {(t.pick.setting, t.pick.role, t.pick.strategy): t for t in found if t.pick.role.startswith("pair")}
    both = [(t, at[setting, role, BASE]) for (setting, role, name), t in at.items()
            if name == search and (setting, role, BASE) in at]  # fmt: skip
    if not both:
        return None
    expected = np.array([(mine.pick.expected or 0.0) - (base.pick.expected or 0.0) for mine, base in both])
    right = np.array([mine.judged.right.astype(float) - base.judged.right for mine, base in both])
    rng = np.random.default_rng(SEED)
    means = [(expected.mean(), right.mean())]
    for _ in range(RESAMPLES):
        rows = rng.integers(0, len(both), len(both))
        weights = rng.multinomial(right.shape[1], np.full(right.shape[1], 1 / right.shape[1])) / right.shape[1]
        means.append((expected[rows].mean(), (right[rows] @ weights).mean()))
    return expected, np.array(means)


def chapter(picks: Sequence[Pick], zoo: Path) -> list[str]:
    """Lines of the report; none before anything is trained."""
    found = trained(picks, zoo)
    if not found:
        return []
    settings = dict.fromkeys(pick.setting for pick in picks)
    constants = " and ".join(dict.fromkeys(pick.constants for pick in picks))
    lines = INTRODUCTION.format(
        pairs=PAIRS, settings=len(settings), done=len(found), all=len(picks), constants=constants
    ).split("\n")
    lines += table(
        ["budget", "search", "picked", "expected", "measured", "too hopeful by", "big runs", "ms"],
        [_row(one) for one in found],
    )
    lines += BELOW.format(base=BASE).split("\n")
    names = [name_of(*search) for search in SEARCHES]
    heads = [
        "search",
        "pairs",
        "expected, %",
        "measured, %",
        "too hopeful by",
        "expected gain",
        "measured gain",
        "survives",
    ]
    return [*lines, *table(heads, [_summary(found, name) for name in names]), ""]


def _row(one: Trained) -> list[str]:
    pick, judged = one.pick, one.judged
    expected = 100 * (pick.expected or 0.0)
    rate = "–" if judged.rate is None else f"{100 * judged.rate:.0f} %"
    return [pick.setting, pick.strategy, pick.role, f"{expected:.1f}", f"{100 * judged.accuracy:.1f}",
            f"{100 * one.miss:+.1f}", rate, f"{judged.latency:.0f}"]  # fmt: skip


def _summary(found: Sequence[Trained], name: str) -> list[str]:
    mine = [one for one in found if one.pick.strategy == name and one.pick.role.startswith("pair")]
    compared = None if name == BASE else survival(found, name)
    cells = [name, str(len(mine)), "–", "–", "–"]
    if mine:
        expected = mean(one.pick.expected or 0.0 for one in mine)
        measured = mean(one.judged.accuracy for one in mine)
        cells = [name, str(len(mine)), f"{100 * expected:.2f}", f"{100 * measured:.2f}",
                 f"{100 * (expected - measured):+.2f}"]  # fmt: skip
    if compared is None:
        return [*cells, "–", "–", "–"]
    means = 100 * compared[1]
    share = means[:, 1] / means[:, 0]
    return [*cells, f"{means[0, 0]:+.2f}", _interval(means[:, 1], "+.2f"), _interval(share, ".2f")]


def _interval(values: FloatArray, form: str) -> str:
    low, high = np.quantile(values[1:], ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return f"{values[0]:{form}} [{low:{form}}, {high:{form}}]"
