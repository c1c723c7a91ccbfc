"""`zeroshot battery`: one call of the engine's `battery`."""

from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.daily.options import BatteryOptions
from zeroshot.runs.words import percent
from zeroshot.units import DAY, duration, ms, three

from ._declared import takes
from ._dialect import spoken
from ._options import option
from ._output import aligned, emit, prose

if TYPE_CHECKING:
    from rich.console import Console

    from zeroshot.daily.battery import BatteryLife
    from zeroshot.daily.rows import PairLife

HEADS = (("", "#"), ("", ""), ("big", "runs %"), ("active", "ms"), ("power", "mW"), ("battery", "lasts"))
CLASSES = 12  # of a pair that are printed
STAGES = {"expected": "as the search expects", "float": "measured in float", "int8": "measured in int8"}
LEGEND = (
    "little alone: the big net never runs. ±: 80 % interval. active: how long the board computes at a look. Times and "
    "energies are the cost model's. Not counted: the sensor and other parts (--beside), waking up, a converter's loss."
)


@takes(BatteryOptions)
def battery(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a search, at whatever stage.")],
    options: BatteryOptions,
    json: Annotated[bool, option("--json", "", "Print one JSON object.")] = False,
) -> None:
    """Say what the pairs of a run draw in daily use, and how long a battery lasts.

    From where the big net never runs, over how often it does, to where it always runs. Once nets are trained, it was
    measured how often it does; --prior says how often each class is there.

    Example: zeroshot battery runs/words --every 1s --battery 220mAh --voltage 3.0V --prior yes=0.001
    """
    from zeroshot.daily.battery import battery as engine

    found = engine(run, options)
    emit(found.summary(), lambda screen: _print(screen, found), json=json)


def _print(screen: "Console", found: "BatteryLife") -> None:
    device = found.device
    prose(screen, f"{found.config['data']} on {found.config.get('board')}: a look every {ms(device.every_ms)}", "bold")
    held = "no battery given" if device.capacity_mwh is None else f"battery {three(device.capacity_mwh)} mWh"
    lost = f", {100 * device.self_discharge:g} % of it lost a month" if device.self_discharge else ""
    beside = f"; other parts {three(device.beside_mw)} mW" if device.beside_mw else ""
    prose(screen, f"{held}{lost}; asleep {three(device.sleep_mw)} mW ({device.sleep_source}){beside}")
    hops = device.front_end.hops
    if hops:
        prose(screen, f"front end: {hops} hop{'s' if hops > 1 else ''} a look, {three(device.front_end.ms)} ms")
    screen.print()
    lines = [line for pair in found.pairs for line in _lines(pair)]
    cells = [*zip(*HEADS, strict=True), *lines]
    texts = aligned(cells if device.capacity_mwh is not None else [line[:-1] for line in cells], screen.width, left=2)
    screen.print("\n".join(texts[:2]), style="dim")
    for text, line in zip(texts[2:], lines, strict=True):
        screen.print(text, style="bold" if line[1] == "pair" else None)
    if found.shares:
        _print_classes(screen, found)
    screen.print()
    for remark in found.remarks:
        prose(screen, f"note: {spoken(remark)}", "yellow")
    prose(screen, f"How often the big net runs: {STAGES[found.stage]}. {LEGEND}", "dim")


def _lines(pair: "PairLife") -> list[list[str]]:
    """The pair as often as its big net runs, never, always; and the single net."""
    spread = "" if pair.escalation_error is None else f" ± {100 * pair.escalation_error:.1f}"
    made = [
        [
            f"{pair.rank}", "pair", f"{percent(pair.escalation_rate)}{spread}", _figure(pair.active_ms),
            _figure(pair.power_mw), _lasts(pair.days),
        ],
        ["", "little alone", "0.0", "", _figure(pair.little_power_mw), _lasts(pair.little_days)],
        [
            "", "pair at worst", "100.0", _figure(pair.worst_active_ms), _figure(pair.worst_power_mw),
            _lasts(pair.worst_days),
        ],
    ]  # fmt: skip
    if pair.single is not None:
        made.append(["", "single net", "", "", _figure(pair.single_power_mw), _lasts(pair.single_days)])
    return made


def _figure(value: float | None) -> str:
    return "-" if value is None else three(value)


def _lasts(days: float | None) -> str:
    return "-" if days is None else duration(DAY * days)


def _print_classes(screen: "Console", found: "BatteryLife") -> None:
    """The classes that make the first pair's big net run most often."""
    pair = found.pairs[0]
    share = {name: found.shares[name] * rate for name, rate in pair.rates.items()}
    most = sorted(share, key=lambda name: -share[name])[:CLASSES]
    lines = [[f"{100 * found.shares[name]:.3g}", percent(pair.rates[name]), percent(share[name])] for name in most]
    heads = [("there", "%"), ("big", "runs %"), ("of all", "looks %")]
    texts = aligned([*zip(*heads, strict=True), *lines], screen.width)
    screen.print("\n" + "\n".join(texts[:2]), style="dim")
    for text, name in zip(texts[2:], most, strict=True):
        screen.print(f"{text}  {name}")
    if len(share) > len(most):
        screen.print(f"and {len(share) - len(most)} more classes", style="dim")
