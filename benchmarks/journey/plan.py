"""Which nets the journey trains: picks of searches, of rules of thumb and of chance, and nets made by hand.

python -m benchmarks.journey.plan      minutes; writes plan.json. ZEROSHOT_DATA holds the data of benchmarks.tasks
"""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import zeroshot
from benchmarks.journey.settings import BOARD, ENGINE, SETTINGS, Setting, costs_of, hand_made
from benchmarks.script import Arguments, exit_code, parser
from benchmarks.tasks.data import TASKS
from zeroshot.accuracy import model as accuracy
from zeroshot.cascade.rank_pairs import Budgets
from zeroshot.cost.nets import platform
from zeroshot.data import Dataset
from zeroshot.runs.files import json_text, write_file
from zeroshot.searching import layers
from zeroshot.searching.population import single_fits
from zeroshot.searching.results import SearchResult

FILE = Path(__file__).with_name("plan.json")
PAIRS, BY_HAND = 3, 1  # first pairs of a search; nets of a family, the largest that fit
LINE = 0.18  # mu a standard deviation of log MACs: the line through the zoo


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


def picks(setting: Setting, data: Dataset) -> list[Pick]:
    """Everything that is trained for a setting."""
    found = _search(setting, data)
    chosen = [*_pairs(setting, found, "pair"), *_single(setting, found, "single")]
    only_macs = replace(
        accuracy.STATIC, trust=0.0, evidence=(),
        terms=(accuracy.Term("log_macs", accuracy.STATIC.terms[0].centre, accuracy.STATIC.terms[0].scale, LINE),),
    )  # fmt: skip
    with (
        patch.object(layers, "STATIC", only_macs),
        patch("zeroshot.searching.expectation.prior_for", lambda names: only_macs),
    ):
        by_macs = _search(setting, data, ("macs",))
    chosen += [*_pairs(setting, by_macs, "MACs pair")[:1], *_single(setting, by_macs, "MACs single")]
    return [*chosen, *_random(setting, found), *_by_hand(setting, data)]


def _search(setting: Setting, data: Dataset, proxies: tuple[str, ...] | None = None) -> SearchResult:
    asked: dict[str, Any] = {"proxies": proxies} if proxies else {}
    return zeroshot.search(
        data, BOARD, engine=ENGINE, flash=setting.flash, sram=setting.sram, latency=setting.latency,
        nets=setting.nets, **asked,
    )  # fmt: skip


def _pairs(setting: Setting, found: SearchResult, role: str) -> list[Pick]:
    return [
        Pick(
            setting.name, f"{role} {pair.rank}", pair.little, pair.big, expected=pair.accuracy, low=pair.accuracy_low,
            high=pair.accuracy_high, rate=pair.escalation_rate, gain=pair.gain, gain_error=pair.gain_error,
        )
        for pair in list(found.pairs)[:PAIRS]
    ]  # fmt: skip


def _single(setting: Setting, found: SearchResult, role: str) -> list[Pick]:
    if not len(found.singles):
        return []
    best = found.singles[-1]
    return [Pick(setting.name, role, best.net, "", best.accuracy, best.accuracy_low, best.accuracy_high)]


def _random(setting: Setting, found: SearchResult) -> list[Pick]:
    """A pair of candidates that meets the budgets at some rate of 5 to 50 %, drawn with a fixed seed."""
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
    costs, board, engine = costs_of(names, data.channels, data.classes)
    budgets = Budgets(flash=setting.flash, sram=setting.sram, latency=setting.latency)
    fits = single_fits(costs, platform(board, engine, data.classes), budgets)
    chosen = []
    for family in dict.fromkeys(families.values()):
        rows = [i for i, name in enumerate(names) if families[name] == family and fits[i]]
        rows.sort(key=lambda i: -costs.latency[i])
        chosen += [Pick(setting.name, f"by hand, {family}", names[i]) for i in rows[:BY_HAND]]
    return chosen


def read_plan() -> list[Pick]:
    """What `main` wrote."""
    return [Pick(**values) for values in json.loads(FILE.read_text(encoding="utf-8"))]


def main(arguments: Arguments = None) -> None:
    parser("journey.plan", __doc__).parse_args(arguments)
    chosen: list[Pick] = []
    for setting in SETTINGS:
        chosen += picks(setting, TASKS[setting.task].make())
        print(setting.name, sum(pick.setting == setting.name for pick in chosen), flush=True)
        write_file(FILE, json_text([vars(pick) for pick in chosen], indent=1))


if __name__ == "__main__":
    sys.exit(exit_code(main))
