"""The picks of each setting beside their rivals, from what is trained of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.journey.judging import Bench, Nets, Stored, read_task
from benchmarks.journey.plan import CALIBRATED, Pick
from benchmarks.journey.settings import SETTINGS, Setting, hand_made
from benchmarks.tasks.data import SHIFTED

SINGLE, BY_HAND, RANDOM = "single", "by hand, ", "random pair"
PAIRS, MACS = "pair ", "MACs "  # roles begin with these, or are these
FIRST_PAIR = f"{PAIRS}1"
CALIBRATED_PAIR, CALIBRATED_SINGLE = CALIBRATED + FIRST_PAIR, CALIBRATED + SINGLE


@dataclass(frozen=True, eq=False)
class Result:
    """A setting with what is trained of it.

    Attributes:
        setting: It.
        picks: Of the plan, in its order.
        bench: None if nothing of its task is trained.
        hand_pairs: All pairs of the task's hand-made nets, whatever the setting, that together keep the budgets.
    """

    setting: Setting
    picks: tuple[Pick, ...]
    bench: Bench | None = field(repr=False)
    hand_pairs: tuple[Nets, ...] = field(repr=False)

    def of(self, *roles: str) -> list[Nets]:
        """Nets of the picks whose roles begin so."""
        return [nets_of(pick) for pick in self.picks if pick.role.startswith(roles)]

    def trained(self, pick: Pick) -> bool:
        """Whether all its nets are, with seed 0."""
        return self.bench is not None and self.bench.trained(nets_of(pick))

    @property
    def missing(self) -> list[Pick]:
        """Picks that cannot be judged yet."""
        return [pick for pick in self.picks if not self.trained(pick)]

    @property
    def parts(self) -> tuple[str, ...]:
        """The images that count; where the test half is another population, those of the training's come first."""
        return ("validation", "test") if self.setting.task in SHIFTED else ("test",)

    @property
    def hand_made(self) -> Nets | None:
        """The best hand-made net, chosen on validation images."""
        return self.bench.best(self.of(BY_HAND)) if self.bench else None

    @property
    def hand_pair(self) -> Nets | None:
        """The best pair of hand-made nets, chosen there too."""
        return self.bench.best(self.hand_pairs) if self.bench else None


def nets_of(pick: Pick) -> Nets:
    """Of a pick."""
    return pick.little, pick.big


def results(picks: Sequence[Pick], zoo: Path) -> list[Result]:
    """Every setting of a plan.

    Raises:
        RunError: A stored file is damaged or missing.
    """
    settings = [setting for setting in SETTINGS if any(pick.setting == setting.name for pick in picks)]
    stored = {task: read_task(zoo, task) for task in dict.fromkeys(setting.task for setting in settings)}
    task_of = {setting.name: setting.task for setting in settings}
    by_hand: dict[str, dict[str, None]] = {task: {} for task in stored}
    for pick in picks:
        if pick.role.startswith(BY_HAND):
            by_hand[task_of[pick.setting]][pick.little] = None
    return [_result(each, picks, stored[each.task], by_hand[each.task]) for each in settings]


def _result(setting: Setting, picks: Iterable[Pick], stored: Stored | None, by_hand: Iterable[str]) -> Result:
    mine = tuple(pick for pick in picks if pick.setting == setting.name)
    if stored is None:
        return Result(setting, mine, None, ())
    more = (net for net in hand_made() if stored.form((net, "")))
    hand = list(dict.fromkeys([*by_hand, *more]))
    bench = Bench.of(setting, stored, [*hand, *(net for pick in mine for net in nets_of(pick) if net)])
    pairs = tuple((a, b) for a in hand for b in hand if a != b and bench.fits((a, b)))
    return Result(setting, mine, bench, pairs)
