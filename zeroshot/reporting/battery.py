"""What a run's pairs draw in daily use: the section of the page, of what `zeroshot.battery` was asked last."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from zeroshot.daily.battery import BatteryLife, battery
from zeroshot.daily.options import BatteryOptions
from zeroshot.daily.rows import PairLife
from zeroshot.daily.stage import EXPECTED
from zeroshot.errors import ZeroshotError, call
from zeroshot.reporting.budgets import WIDTH, Bar
from zeroshot.reporting.contents import Contents
from zeroshot.reporting.seen import run_data
from zeroshot.reporting.tables import TextTable
from zeroshot.runs import layout
from zeroshot.runs.reading import read_object
from zeroshot.runs.words import percent
from zeroshot.units import DAY, duration, ms, three

SHARES = (0.1, 0.25, 0.5)  # of looks at which the big net runs, drawn where nothing is known of classes
CLASSES = 10  # that are drawn at most
HEADS = ["pair", "big runs %", "active ms", "at worst ms", "power mW", "between, mW"]
LIVES = ["battery lasts", "between"]


@dataclass(frozen=True)
class BatteryView:
    """The section.

    Attributes:
        asked: A sentence: how often it looks, at what rate, from which battery.
        title: What the bars show.
        bars: The first pair, by how often its big net runs; the single net.
        table: All pairs.
        notes: What the user should know.
    """

    asked: str
    title: str
    bars: list[Bar]
    table: TextTable
    notes: list[str]


def battery_view(found: Contents, given: object) -> BatteryView | str:
    """The section, or why there is none.

    Args:
        found: The run.
        given: Its data, or where they are; None for a named set.

    Raises:
        RunError: What was kept of the question is damaged.
    """
    kept = read_object(found.run / layout.BATTERY)
    if kept is None:
        return f"What its pairs draw in daily use was not asked: {call('battery', found.run, every='1s')}."
    try:
        options = replace(BatteryOptions.of(kept), keep=False)
        if options.prior and (found.trained or found.quantized):
            data = run_data(found, given)
            if isinstance(data, str):
                return f"How often the big nets run on each class needs the labels of the data. {data}"
            options = replace(options, data=data)
        return _view(battery(found.run, options))
    except ZeroshotError as error:
        return f"{error.message} {error.hint}".strip()


def _view(life: BatteryLife) -> BatteryView:
    device, pair = life.device, life.pairs[0]
    lasting = device.capacity_mwh is not None
    held = "" if device.capacity_mwh is None else f", a battery of {three(device.capacity_mwh)} mWh"
    beside = f", other parts {three(device.beside_mw)} mW all the time" if device.beside_mw else ""
    lost = f" that loses {100 * device.self_discharge:g} % a month" if device.self_discharge else ""
    return BatteryView(
        asked=(
            f"A look every {ms(device.every_ms)}{held}{lost}. Asleep the device draws {three(device.sleep_mw)} mW "
            f"({device.sleep_source}){beside}. Times and energies are the cost model's; sensor, waking up and "
            "converters are not counted."
        ),
        title=f"{'Battery life' if lasting else 'Average power'} with pair {pair.rank}, by how often its big net runs",
        bars=_bars(life, pair), table=_table(life), notes=life.remarks,
    )  # fmt: skip


@dataclass(frozen=True)
class _Case:
    """How often the big net runs, what that is called, what is drawn then, and what else is said."""

    share: float
    name: str
    power: float | None
    note: str = ""


def _bars(life: BatteryLife, pair: PairLife) -> list[Bar]:
    """A bar of battery life, or of power without a battery, for each case."""
    cases = sorted(_cases(life, pair), key=lambda case: case.share)
    if pair.single is not None:
        cases.append(_Case(0.0, "single net", pair.single_power_mw))
    shown = [(case, value) for case in cases if (value := _length(life, case)) is not None]
    longest = max(value for _, value in shown)
    return [
        Bar(case.name, _value(life, value), round(max(1.0, value / longest * WIDTH), 1), None, _note(case), False)
        for case, value in shown
    ]


def _cases(life: BatteryLife, pair: PairLife) -> Iterator[_Case]:
    yield _Case(0.0, "never: little alone", pair.little_power_mw)
    error = "" if pair.escalation_error is None else f" ± {100 * pair.escalation_error:.1f}"
    how = "under the prior" if life.shares else "expected" if life.stage == EXPECTED else "measured"
    yield _Case(pair.escalation_rate, f"{percent(pair.escalation_rate)}{error} %: {how}", pair.power_mw)
    for name in sorted(pair.rates, key=lambda each: -life.shares[each])[:CLASSES]:
        rate, there = pair.rates[name], f", there in {100 * life.shares[name]:.3g} % of looks"
        yield _Case(rate, f"{percent(rate)} %: only {name}", _power(pair, rate), there)
    for share in () if pair.rates else SHARES:
        yield _Case(share, f"{100 * share:g} %", _power(pair, share))
    yield _Case(1.0, "always: at worst", pair.worst_power_mw)


def _length(life: BatteryLife, case: _Case) -> float | None:
    return case.power if life.device.capacity_mwh is None else life.device.days(case.power)


def _note(case: _Case) -> str:
    return f"{three(case.power or 0.0)} mW{case.note}"


def _power(pair: PairLife, share: float) -> float | None:
    """Average power where the big net runs at such a share of looks; it is linear in that."""
    if pair.little_power_mw is None or pair.worst_power_mw is None:
        return None
    return pair.little_power_mw + share * (pair.worst_power_mw - pair.little_power_mw)


def _value(life: BatteryLife, value: float) -> str:
    return duration(DAY * value) if life.device.capacity_mwh is not None else f"{three(value)} mW"


def _table(life: BatteryLife) -> TextTable:
    heads = [*HEADS, *(LIVES if life.device.capacity_mwh is not None else [])]
    return TextTable(heads, [_line(pair)[: len(heads)] for pair in life.pairs])


def _line(pair: PairLife) -> list[str]:
    """The pair under `HEADS` and `LIVES`; what it lies between is from the little net alone to the worst."""
    figures = [*map(_shown, (pair.active_ms, pair.worst_active_ms, pair.power_mw))]
    powers = f"{_shown(pair.little_power_mw)} to {_shown(pair.worst_power_mw)}"
    lives = [_lasts(pair.days), f"{_lasts(pair.worst_days)} to {_lasts(pair.little_days)}"]
    return [str(pair.rank), percent(pair.escalation_rate), *figures, powers, *lives]


def _shown(value: float | None) -> str:
    return "-" if value is None else three(value)


def _lasts(days: float | None) -> str:
    return "-" if days is None else duration(DAY * days)
