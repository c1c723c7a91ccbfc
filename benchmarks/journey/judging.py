"""What stored answers say of nets and pairs under a setting's budgets: exact figures, nothing predicted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.journey.quantise import int8_folder
from benchmarks.journey.settings import Setting, costs_of
from zeroshot.bench import pair_truth
from zeroshot.bench.pair_truth import ZooNet
from zeroshot.cascade.measure import Interval, Outcome, exact_interval, verdict
from zeroshot.cascade.policy import DEFAULT_POLICY, MIN_RATE
from zeroshot.cascade.rank_pairs import Pairs, describe_pairs
from zeroshot.cascade.thresholds import threshold_for_rate
from zeroshot.cost.nets import NetCosts, Platform, platform
from zeroshot.errors import RunError
from zeroshot.searching.options import SearchOptions
from zeroshot.types import BoolArray, ByteArray

FLOAT, INT8 = "float", "int8"
MOST = SearchOptions.escalation  # a search lets no pair escalate more than that
Nets = tuple[str, str]  # short specs of the little net and of the big one, "" where a net stands alone


@dataclass(frozen=True, eq=False)
class Stored:
    """The trained nets of a task.

    Attributes:
        nets: Form, short spec and seed -> what is stored.
        labels: `validation` and `test` -> (n,) uint8.
    """

    nets: dict[tuple[str, str, int], ZooNet] = field(repr=False)
    labels: dict[str, ByteArray] = field(repr=False)

    def form(self, nets: Nets, seed: int = 0) -> str | None:
        """`int8` if all these nets have answered so, else `float`; None if some are not trained."""
        return next((form for form in (INT8, FLOAT) if self.has(nets, form, seed)), None)

    def has(self, nets: Nets, form: str, seed: int = 0) -> bool:
        """Whether these nets have answered in this form."""
        return all((form, net, seed) in self.nets for net in nets if net)

    def right(self, form: str, net: str, seed: int, part: str) -> BoolArray:
        """Which images of a part a net gets right, (n,) bool."""
        found = self.nets[form, net, seed].answers.predicted[part] == self.labels[part]
        return np.asarray(found, bool)

    def sure(self, form: str, net: str, seed: int, part: str) -> ByteArray:
        """How sure it is of each, (n,) uint8 levels."""
        answers = self.nets[form, net, seed].answers
        return answers.levels[DEFAULT_POLICY] if part == "test" else answers.validation_levels

    @property
    def machines(self) -> dict[str, list[str]]:
        """Form -> where its nets were trained or quantised."""
        found: dict[str, list[str]] = {FLOAT: [], INT8: []}
        for (form, _, _), net in self.nets.items():
            machine = net.about["machine"]
            where = machine["processor"] if machine["device"] == "cpu" else machine["device"].partition(",")[0]
            if where not in found[form]:
                found[form].append(where)
        return found


def read_task(zoo: Path, task: str) -> Stored | None:
    """All that is stored of a task; None if that is nothing.

    Raises:
        RunError: A file is damaged or missing, or the forms answer other images.
    """
    folders = {FLOAT: zoo / task, INT8: int8_folder(zoo, task)}
    found = {form: pair_truth.load(folder) for form, folder in folders.items() if folder.is_dir()}
    if FLOAT not in found or not len(found[FLOAT]):
        return None
    labels = found[FLOAT].labels
    for each in found.values():
        if any(not np.array_equal(each.labels[part], labels[part]) for part in labels):
            raise RunError(f"{folders[INT8]} holds the labels of other images than {folders[FLOAT]}.")
    return Stored({(form, net.net, net.seed): net for form, each in found.items() for net in each.nets}, labels)


@dataclass(frozen=True, eq=False)
class Judged:
    """A net or a pair on the images of one part.

    Attributes:
        form: `int8` or `float`.
        right: (n,) bool, whether its answer is right.
        rate: Share of them on which the big net runs; None of a single net.
        latency: Expected at that rate, ms.
        macs: Expected.
    """

    form: str
    right: BoolArray = field(repr=False)
    rate: float | None
    latency: float
    macs: float

    @property
    def accuracy(self) -> float:
        """A fraction."""
        return float(self.right.mean())

    @property
    def interval(self) -> Interval:
        """Of the accuracy, exact binomial of `LEVEL`: net and threshold are held fixed."""
        return exact_interval(int(self.right.sum()), len(self.right))


@dataclass(frozen=True)
class Difference:
    """Two nets or pairs on the same images, both in the same form.

    Attributes:
        form: `int8` or `float`.
        gain: Accuracy of the first minus that of the second.
        interval: Of the gain, of `LEVEL`: a bootstrap that draws images with both answers to them.
    """

    form: str
    gain: float
    interval: Interval


@dataclass(frozen=True, eq=False)
class Bench:
    """The nets of a setting, trained ones and others, under its budgets.

    Attributes:
        setting: It.
        stored: What is trained of its task.
        names: Short specs of the nets.
        costs: Of these on the board.
        platform: What is paid once.
    """

    setting: Setting
    stored: Stored = field(repr=False)
    names: tuple[str, ...] = field(repr=False)
    costs: NetCosts = field(repr=False)
    platform: Platform = field(repr=False)

    @staticmethod
    def of(setting: Setting, stored: Stored, nets: Iterable[str]) -> "Bench":
        """With these nets."""
        names, about = list(dict.fromkeys(nets)), next(iter(stored.nets.values())).about
        costs, board, engine = costs_of(names, about["channels"], about["classes"], setting.board)
        return Bench(setting, stored, tuple(names), costs, platform(board, engine, about["classes"]))

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.names)}

    def _pair(self, nets: Nets, rate: float) -> Pairs:
        little, big = (np.array([self._rows[net]]) for net in nets)
        return describe_pairs(
            self.costs, self.costs, little, big, np.array([rate]), np.array([np.nan]), self.platform
        )  # fmt: skip

    def rate(self, nets: Nets) -> float:
        """The largest escalation rate at which a pair keeps the latency budget and is cheaper than its big net alone.

        At most `MOST`, and 0 where the little net takes all there is.
        """
        base, worst = (float(getattr(self._pair(nets, 0.0), key)[0]) for key in ("latency", "worst_latency"))
        left = min(self.setting.latency, worst - base) - base
        return min(max(left, 0.0) / (worst - base), MOST)

    def fits(self, nets: Nets) -> bool:
        """Whether a search could list this pair, were its big net the better one."""
        pair = self._pair(nets, 0.0)
        inside = bool(pair.flash[0] <= self.setting.flash and pair.sram[0] <= self.setting.sram)
        return inside and self.rate(nets) >= MIN_RATE

    def judge(self, nets: Nets, part: str, form: str | None = None, seed: int = 0) -> Judged:
        """A trained net, or a pair at the threshold that validation images give for its `rate`.

        Args:
            nets: Which; they are trained.
            part: `validation` or `test`.
            form: `int8` or `float`; None for the better one that all of them have.
            seed: Of their trainings.
        """
        how, stored = form or self.stored.form(nets, seed) or FLOAT, self.stored
        little, big = nets
        right = stored.right(how, little, seed, part)
        if not big:
            row = self._rows[little]
            return Judged(how, right, None, float(self.costs.latency[row]), float(self.costs.macs[row]))
        threshold = threshold_for_rate(stored.sure(how, little, seed, "validation"), self.rate(nets))
        up = stored.sure(how, little, seed, part) < threshold
        pair = self._pair(nets, float(up.mean()))
        return Judged(
            how, np.where(up, stored.right(how, big, seed, part), right), float(up.mean()), float(pair.latency[0]),
            float(pair.macs[0]),
        )  # fmt: skip

    def seeds(self, nets: Nets, part: str) -> list[float]:
        """Accuracies with every seed of which all of them are trained, in the form that seed 0 has."""
        form, known = self.stored.form(nets), sorted({seed for _, _, seed in self.stored.nets})
        return [
            self.judge(nets, part, form, seed).accuracy
            for seed in known if form and self.stored.has(nets, form, seed)
        ]  # fmt: skip

    def trained(self, nets: Nets) -> bool:
        """Whether all of them are, with seed 0."""
        return self.stored.form(nets) is not None

    def best(self, candidates: Sequence[Nets]) -> Nets | None:
        """The trained one that gets most validation images right, the first of equals; None if none is trained."""
        return max(
            filter(self.trained, candidates), key=lambda nets: self.judge(nets, "validation").accuracy, default=None
        )

    def difference(self, nets: Nets, other: Nets, part: str) -> Difference:
        """Of two that are trained, in int8 if both have it."""
        both = self.stored.has(nets, INT8) and self.stored.has(other, INT8)
        form = INT8 if both else FLOAT
        own, its = (self.judge(each, part, form).right for each in (nets, other))
        found = verdict(Outcome(np.zeros(len(own)), own, own), 0.0, its)
        return Difference(form, found.gain, found.interval)
