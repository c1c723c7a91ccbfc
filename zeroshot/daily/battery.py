"""Battery life: what the pairs of a run draw in daily use, and how long a battery lasts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zeroshot.daily.device import Device, active_mw, device_of
from zeroshot.daily.lives import PairRate, life, rates_of
from zeroshot.daily.options import BatteryOptions
from zeroshot.daily.rows import LIVES, PairLife
from zeroshot.daily.stage import EXPECTED, Stage, StagedPair, last_stage
from zeroshot.errors import InfeasibleError
from zeroshot.frontend.options import FrontEnd
from zeroshot.options import takes_options
from zeroshot.runs import layout
from zeroshot.runs.files import json_text, write_file
from zeroshot.runs.front_end import read_front_end
from zeroshot.runs.tables import Rows, as_html
from zeroshot.training.run_data import run_dataset
from zeroshot.units import ms, three

NOT_KEPT = ("data", "keep")


@dataclass(frozen=True)
class BatteryLife:
    """What the pairs of a run draw, and how long a battery lasts.

    Attributes:
        run: Its folder.
        stage: What rates are of: `expected` by the search, or measured of nets in `float` or `int8`.
        device: What is the same for all pairs.
        shares: Class -> share of looks; none without a prior, or where no net is trained.
        pairs: Those that keep up.
        remarks: What the user should know, plain English.
        config: Of the run.
    """

    run: Path
    stage: str
    device: Device
    shares: dict[str, float]
    pairs: Rows[PairLife]
    remarks: list[str]
    config: dict[str, Any] = field(repr=False)

    def summary(self) -> dict[str, Any]:
        """As plain values: what `zeroshot battery --json` prints."""
        device = self.device
        return {
            "run": str(self.run), "data": self.config["data"], "board": self.config.get("board"), "stage": self.stage,
            "every_ms": device.every_ms, "sleep_mw": device.sleep_mw, "sleep_source": device.sleep_source,
            "beside_mw": device.beside_mw, "capacity_mwh": device.capacity_mwh,
            "self_discharge": device.self_discharge, "front_end_ms": device.front_end.ms, "shares": self.shares,
            "pairs": self.pairs.plain(), "remarks": self.remarks,
        }  # fmt: skip

    def _repr_html_(self) -> str:
        """As notebooks show it."""
        return as_html(f"{self.config['data']}: a look every {ms(self.device.every_ms)}", self.pairs, self.remarks)


@takes_options(BatteryOptions, "every")
def battery(run: str | Path, options: BatteryOptions) -> BatteryLife:
    """Average power and battery life of a run's pairs in daily use, from its last stage.

    Each pair has a range: where its big net never runs, as often as is expected, and always. Until nets are trained
    the rate is the search's. Then it is measured on the test data: as a whole, or, with a prior, on each class.

    Args:
        run: Folder of a search, at whatever stage.
        options: What is asked for.

    Raises:
        UsageError: It is unknown what the board draws asleep; an unknown class; a value out of range.
        RunError: There is no finished search, or one of its files is damaged or missing.
        DataError: The data cannot be used.
        InfeasibleError: No pair keeps up with so many looks.
    """
    path = Path(run)
    stage, front_end = last_stage(path), read_front_end(path)
    device = device_of(stage.config, front_end, options)
    pairs, late = _that_keep_up(device, stage.pairs)
    shares, rates = _rates(path, stage, pairs, options)
    samples = isinstance(front_end, FrontEnd) and options.sleep is None
    found = BatteryLife(
        run=path, stage=stage.name, device=device, shares=shares,
        pairs=Rows(LIVES, [life(device, pair.forecast, rate) for pair, rate in zip(pairs, rates, strict=True)]),
        remarks=[*late, *_on_rates(options, stage.name), *_on_sleep(samples), *_on_board(device, pairs[0])],
        config=stage.config,
    )  # fmt: skip
    if options.keep:
        asked = {name: value for name, value in options.values().items() if name not in NOT_KEPT}
        write_file(path / layout.BATTERY, json_text(asked), "Or compute without keeping it: `keep=False`.")
    return found


def _that_keep_up(device: Device, pairs: Sequence[StagedPair]) -> tuple[list[StagedPair], list[str]]:
    """Pairs whose nets are done before the next look, whatever they see, and a remark on each of the others."""
    kept, late = [], []
    for pair in pairs:
        needs = device.needs_ms(pair.forecast.worst_latency_ms)
        if needs <= device.every_ms:
            kept.append(pair)
        else:
            late.append(f"Pair {pair.forecast.rank} looks every {ms(device.every_ms)}, but needs {ms(needs)} at worst.")
    if not kept:
        raise InfeasibleError(
            f"No pair keeps up. {late[0]}", "Let it look less often, or search for pairs with a `worst_latency`."
        )
    return kept, [f"{each} It was left out." for each in late]


def _rates(
    run: Path, stage: Stage, pairs: Sequence[StagedPair], options: BatteryOptions
) -> tuple[dict[str, float], list[PairRate]]:
    """Shares of the classes, and how often the big net of each pair runs."""
    if options.prior is None or stage.name == EXPECTED:
        return {}, [PairRate(pair.rate, pair.error) for pair in pairs]
    return rates_of(run, pairs, run_dataset(stage.config, options.data), options.prior)


def _on_rates(options: BatteryOptions, stage: str) -> Iterator[str]:
    if stage == EXPECTED:
        prior = " `prior` counts once nets are trained." if options.prior else ""
        yield f"How often the big nets run is what the search expects, of classes as the data have them.{prior}"
    elif options.prior is None:
        yield (
            "How often the big nets run was measured on the test data; in daily use classes may have other shares: say "
            "them with `prior`."
        )


def _on_sleep(samples: bool) -> Iterator[str]:
    if samples:
        yield (
            "Between two looks the device takes samples, which the board's deepest sleep may not allow: measure what "
            "it draws then, and give it as `sleep`."
        )


def _on_board(device: Device, pair: StagedPair) -> Iterator[str]:
    """A run keeps the name of its board only: another file of that name would be told by its power."""
    awake = active_mw(pair.forecast)
    if device.awake_mw is not None and abs(awake / device.awake_mw - 1) > 1e-6:
        yield (
            f"The costs of the run are of a board that draws {three(awake)} mW awake, and the file of that name says "
            f"{three(device.awake_mw)} mW: what it says of sleep may be of another board. Name the right file with "
            "`board`."
        )
