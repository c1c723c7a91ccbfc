"""A device in daily use: what it draws on average at an escalation rate, and how long its battery lasts."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import isnan
from typing import Any

from zeroshot.cost.boards import Board, load_board
from zeroshot.cost.duty import average_power_mw, life_hours
from zeroshot.daily.options import BatteryOptions
from zeroshot.daily.sensing import Sensing, sensing
from zeroshot.errors import UsageError
from zeroshot.frontend.options import AnyFrontEnd
from zeroshot.runs.rows import PairForecast
from zeroshot.training.costs import cost_of
from zeroshot.units import DAY, is_charge, to_ms, to_mw, to_mwh, to_volts


@dataclass(frozen=True)
class Device:
    """What is the same for all pairs.

    Attributes:
        every_ms: From one look to the next.
        sleep_mw: Power between two looks.
        sleep_source: Where that figure comes from.
        beside_mw: Power that other parts draw all the time.
        capacity_mwh: Of the battery; None without one.
        self_discharge: Share of it that is lost each month.
        front_end: What the front end takes at each look.
        awake_mw: Power awake by the file that tells the power asleep; None where that was given.
    """

    every_ms: float
    sleep_mw: float
    sleep_source: str
    beside_mw: float
    capacity_mwh: float | None
    self_discharge: float
    front_end: Sensing
    awake_mw: float | None = None

    def needs_ms(self, latency_ms: float) -> float:
        """Time of a look whose nets take so long."""
        return latency_ms + self.front_end.ms

    def power_mw(self, latency_ms: float, energy_mj: float, active_mw: float) -> float:
        """Average power where the nets of a look take so long and so much.

        Args:
            latency_ms: Of the nets, on average.
            energy_mj: Of them.
            active_mw: What the board draws while it computes; the front end takes its time of that.
        """
        energy = energy_mj + self.front_end.ms * active_mw / 1000
        return self.beside_mw + average_power_mw(self.needs_ms(latency_ms), energy, self.every_ms, self.sleep_mw)

    def power_at(self, pair: PairForecast, rate: float) -> float | None:
        """Average power of a pair whose big net runs at such a share of looks; None where nobody knows its costs."""
        latency, energy = cost_of(pair, "latency_ms", rate), cost_of(pair, "energy_mj", rate)
        return None if isnan(latency) else self.power_mw(latency, energy, active_mw(pair))

    def active_at(self, pair: PairForecast, rate: float) -> float | None:
        """Time of a look of a pair, on average; None where nobody knows."""
        latency = cost_of(pair, "latency_ms", rate)
        return None if isnan(latency) else self.needs_ms(latency)

    def days(self, power_mw: float | None) -> float | None:
        """How long the battery lasts; None without one, or of an unknown power."""
        if power_mw is None or self.capacity_mwh is None:
            return None
        return life_hours(self.capacity_mwh, power_mw, self.self_discharge) / DAY


def active_mw(pair: PairForecast) -> float:
    """What the board draws while it computes, by the run's own costs."""
    return 1000 * pair.worst_energy_mj / pair.worst_latency_ms


def device_of(config: Mapping[str, Any], front_end: AnyFrontEnd | None, options: BatteryOptions) -> Device:
    """The device of a run.

    Args:
        config: Of the run.
        front_end: Of the run.
        options: What was asked.

    Raises:
        UsageError: It is unknown what the board draws asleep, the board's file is missing or another, or as `sensing`.
    """
    board = cache(lambda: _board(str(config.get("board")), options.board))
    every, volts = to_ms(options.every), to_volts(options.voltage) if is_charge(options.battery) else 1.0
    given = options.sleep is not None
    sleep, source = (to_mw(options.sleep), "given") if given else _asleep(board())
    return Device(
        every_ms=every, sleep_mw=sleep, sleep_source=source,
        beside_mw=0.0 if options.beside is None else to_mw(options.beside),
        capacity_mwh=None if options.battery is None else to_mwh(options.battery, volts=volts),
        self_discharge=options.self_discharge,
        front_end=sensing(front_end, every, board, str(config.get("engine"))),
        awake_mw=None if given else board().power_mw,
    )  # fmt: skip


def _asleep(board: Board) -> tuple[float, str]:
    if board.sleep_mw is None:
        raise UsageError(
            f"Battery life is unknown: nobody said what the board {board.name} draws asleep.",
            "Add sleep_mw with its source to its file, or give `sleep='0.05mW'`.",
        )
    return board.sleep_mw, board.sources["sleep_mw"]


def _board(name: str, file: str | None) -> Board:
    """The board of a run, which keeps its name only."""
    if file is not None:
        found = load_board(file)
        if found.name != name:
            raise UsageError(
                f"The costs of the run are of {name}, not of {found.name}.", "Give the file of that board."
            )
        return found
    try:
        return load_board(name)
    except UsageError as error:
        raise UsageError(
            f"The run knows its board, {name}, only by name.", "Give its file with `board`, or its power with `sleep`."
        ) from error
