"""Which nets the journey trains: picks of searches, of rules of thumb and of chance, and nets made by hand.

    python -m benchmarks.journey.plan                      minutes; writes plan.json
    python -m benchmarks.journey.plan --only words-25ms    that setting anew, the others as they were

What other constants picked before stays, as `before, pair 1` and the like.

ZEROSHOT_DATA holds the data of benchmarks.tasks.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np

import zeroshot
from benchmarks.journey.settings import (
    BOARD,
    COUNTED,
    ENGINE,
    SETTINGS,
    Setting,
    costs_of,
    hand_made,
    platform_of,
    trained_as,
)
from benchmarks.script import Arguments, exit_code, parser
from benchmarks.stored import fitted
from zeroshot.accuracy import model as accuracy
from zeroshot.cascade.rank_pairs import Budgets
from zeroshot.cost.nets import platform
from zeroshot.data import Dataset
from zeroshot.runs.files import json_text, write_file
from zeroshot.searching import layers, problem
from zeroshot.searching.population import single_fits
from zeroshot.searching.results import SearchResult

FILE = Path(__file__).with_name("plan.json")
PAIRS, BY_HAND = 3, 1  # first pairs of a search; nets of a family, the largest that fit
STRATEGY = "evolution"  # of the searches that are judged
BEFORE = "before, "  # roles of what other constants picked begin so
CALIBRATED, TRAINED = "calibrated, ", 8  # picks of searches that train so many nets briefly are called so
DRAWN = "random"  # of the candidates among which MACs alone and chance pick
LINE = (5.93, 0.72, 0.18)  # the line through the zoo: mean of log10 MACs, its standard deviation, mu for each of it


@dataclass(frozen=True)
class Pick:
    """One net or pair.

    Attributes:
        setting: Name of its setting.
        role: How it was picked: `pair 1`, `single`, `random pair`, `by hand`, ...
        little: Short spec; of a single net the net.
        big: Short spec; "" of a single net.
        expected: Accuracy before training; None where nothing was expected.
        low: Lower end of its 80 % interval.
        high: Upper end.
        rate: Escalation rate at which the budget is met; None of a single net.
        gain: Expected, over the single net beside it.
        gain_error: Half width of its 80 % interval.
        strategy: Of the search that picked it; "" where none did.
        constants: Date of the constants that it expected by.
    """

    setting: str
    role: str
    little: str
    big: str = ""
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    rate: float | None = None
    gain: float | None = None
    gain_error: float | None = None
    strategy: str = ""
    constants: str = ""


def picks(setting: Setting, data: Dataset) -> list[Pick]:
    """Everything that is trained for a setting."""
    found = searched(setting, data, strategy=STRATEGY)
    chosen = [*pair_picks(setting, found, "pair", STRATEGY), *single_pick(setting, found, "single", STRATEGY)]
    if setting.board == COUNTED:  # whose trainings are long: beside its own picks it has nets made by hand alone
        return [*chosen, *_by_hand(setting, data)]
    calibrated = searched(setting, data, strategy=STRATEGY, calibrate=TRAINED)
    chosen += pair_picks(setting, calibrated, f"{CALIBRATED}pair", STRATEGY)
    chosen += single_pick(setting, calibrated, f"{CALIBRATED}single", STRATEGY)
    only_macs = replace(
        accuracy.STATIC, trust=0.0, evidence=(), longer=(),
        terms=(accuracy.Term("log_macs", *LINE),),
    )  # fmt: skip
    with (
        patch.object(layers, "STATIC", only_macs),
        patch("zeroshot.searching.expectation.prior_for", lambda names: only_macs),
    ):
        by_macs = searched(setting, data, strategy=DRAWN, nets=setting.nets, proxies=("macs",))
    chosen += pair_picks(setting, by_macs, "MACs pair", DRAWN)[:1]
    chosen += single_pick(setting, by_macs, "MACs single", DRAWN)
    return [*chosen, *_random(setting, by_macs), *_by_hand(setting, data)]


def searched(setting: Setting, data: Dataset, **asked: str | int | tuple[str, ...]) -> SearchResult:
    """A search under the budgets of a setting, else as it is by default or as asked."""
    board, engine = platform_of(setting.board)
    wanted = {"epochs": trained_as(setting.task).epochs} | asked
    with patch.object(problem, "load_board", lambda _: board), patch.object(problem, "load_engine", lambda _: engine):
        return zeroshot.search(
            data, BOARD, engine=ENGINE, flash=setting.flash, sram=setting.sram, latency=setting.latency, **wanted
        )  # fmt: skip


def pair_picks(setting: Setting, found: SearchResult, role: str, strategy: str) -> list[Pick]:
    """The first pairs of a search."""
    return [
        Pick(
            setting.name, f"{role} {pair.rank}", pair.little, pair.big, expected=pair.accuracy, low=pair.accuracy_low,
            high=pair.accuracy_high, rate=pair.escalation_rate, gain=pair.gain, gain_error=pair.gain_error,
            strategy=strategy, constants=fitted(),
        )
        for pair in list(found.pairs)[:PAIRS]
    ]  # fmt: skip


def single_pick(setting: Setting, found: SearchResult, role: str, strategy: str) -> list[Pick]:
    """The best single net of a search, if there is one."""
    if not len(found.singles):
        return []
    best = found.singles[-1]
    return [
        Pick(
            setting.name, role, best.net, expected=best.accuracy, low=best.accuracy_low, high=best.accuracy_high,
            strategy=strategy, constants=fitted(),
        )
    ]  # fmt: skip


def _random(setting: Setting, found: SearchResult) -> list[Pick]:
    """A pair of random candidates that meets the budgets at some rate of 5 to 50 %, drawn with a fixed seed."""
    rng, nets = np.random.default_rng(0), list(found.nets)
    while True:
        little, big = (nets[i] for i in rng.integers(0, len(nets), 2))
        if little.latency_ms >= min(big.latency_ms, setting.latency):
            continue
        rate = (setting.latency - little.latency_ms) / big.latency_ms
        flash = little.model_flash_bytes + big.model_flash_bytes
        if 0.05 <= rate <= 0.5 and flash < 0.9 * setting.flash and big.arena_bytes < 0.9 * setting.sram:
            return [Pick(setting.name, "random pair", little.net, big.net, rate=float(rate))]


def _by_hand(setting: Setting, data: Dataset) -> list[Pick]:
    """Of each family the largest nets that meet the budgets alone, and a smaller one for hand-made pairs."""
    families = hand_made()
    names = list(families)
    costs, board, engine = costs_of(names, data.channels, data.classes, setting.board)
    budgets = Budgets(flash=setting.flash, sram=setting.sram, latency=setting.latency)
    fits = single_fits(costs, platform(board, engine, data.classes), budgets)
    chosen = []
    for family in dict.fromkeys(families.values()):
        rows = [i for i, name in enumerate(names) if families[name] == family and fits[i]]
        rows.sort(key=lambda i: -costs.latency[i])
        chosen += [Pick(setting.name, f"by hand, {family}", names[i]) for i in rows[:BY_HAND]]
    return chosen


def _of_before(old: Sequence[Pick]) -> list[Pick]:
    """What a plan keeps of the one before: the first picks of any other constants, which were trained as well."""
    first = [pick for pick in old if pick.role.startswith(BEFORE)]
    last = [pick for pick in old if pick.role.startswith(("pair", "single")) and pick.constants != fitted()]
    return first or [replace(pick, role=BEFORE + pick.role) for pick in last]


def read_plan() -> list[Pick]:
    """What `main` wrote."""
    return [Pick(**values) for values in json.loads(FILE.read_text(encoding="utf-8"))]


def main(arguments: Arguments = None) -> None:
    options = parser("journey.plan", __doc__)
    options.add_argument("--only", nargs="+", choices=[each.name for each in SETTINGS], default=None, metavar="SETTING")
    only = options.parse_args(arguments).only
    before, chosen = read_plan(), list[Pick]()
    for setting in SETTINGS:
        old = [pick for pick in before if pick.setting == setting.name]
        if only and setting.name not in only:
            chosen += old
            continue
        chosen += [*picks(setting, trained_as(setting.task).make()), *_of_before(old)]
        print(setting.name, sum(pick.setting == setting.name for pick in chosen), flush=True)
    write_file(FILE, json_text([vars(pick) for pick in chosen], indent=1))


if __name__ == "__main__":
    sys.exit(exit_code(main))
