"""The options of a battery life."""

from dataclasses import dataclass

from zeroshot.errors import UsageError
from zeroshot.options import Numbers, Options, option
from zeroshot.units import Quantity, is_charge

SUM = 1 + 1e-9  # shares are sums of rounded numbers


@dataclass(frozen=True, kw_only=True)
class BatteryOptions(Options):
    """How often a device looks, at what, and what it draws and holds beside.

    Attributes (beyond their help):
        prior: Class -> share of all looks at which it is there; the other classes share the rest as in the test data.
        sleep: Of the whole device, where it is not the board's.
        data: They, or where they are: with a prior, what nets do on each class is counted on their test part.
        keep: Else nothing is written into the run, and its page does not show it.

    Raises:
        UsageError: A value of the wrong type or out of its range, or values that do not go together.
    """

    every: Quantity = option(None, "From one look to the next, like 100ms.", metavar="TIME", unit="time")
    battery: Quantity = option(
        None,
        "What the battery holds: a charge like 220mAh, with a voltage, or 660mWh.",
        metavar="CHARGE",
        unit="battery",
    )
    voltage: Quantity = option(None, "At which a charge counts, like 3.0V.", metavar="VOLTS", unit="voltage")
    prior: Numbers | None = option(
        None, "Share of looks at which a class is there, like yes=0.001; may be repeated, others share the rest.",
        metavar="CLASS=SHARE", one="prior", shown="as in the test data",
    )  # fmt: skip
    sleep: Quantity = option(
        None, "Power between two looks, like 0.5mW.", metavar="POWER", unit="power", shown="the board's"
    )
    beside: Quantity = option(
        None, "Power that other parts draw all the time, such as a microphone.", metavar="POWER", unit="power",
        shown="none",
    )  # fmt: skip
    self_discharge: float = option(
        0.0, "Share of the battery that it loses by itself each month, 0.02 for 2 %.", metavar="SHARE", least=0,
        below=1,
    )  # fmt: skip
    board: str | None = option(None, "File of the board, where it is one of yours.", metavar="FILE", shown="the run's")
    data: object = option(None, "The data of the search; with a prior needed for a file or folder.", metavar="DATA")
    keep: bool = option(True, "Keep what was asked in the run, for its page.", flag="--keep/--no-keep")

    def __post_init__(self) -> None:
        """Check every field, and those that depend on each other."""
        super().__post_init__()
        if self.every is None:
            raise UsageError("`every` is missing: how often the device looks.", "For example `every='1s'`.")
        if is_charge(self.battery) and self.voltage is None:
            raise UsageError(
                f"A battery of {self.battery} holds a charge; its energy depends on the voltage.",
                "Give it, for example `voltage='3.0V'`, or the energy: `battery='660mWh'`.",
            )
        if self.voltage is not None and not is_charge(self.battery):
            raise UsageError(
                f"`voltage` {self.voltage} is for a charge, and `battery` is {self.battery}.",
                "Leave it out, or give a charge: `battery='220mAh'`.",
            )
        self._check_prior()

    def _check_prior(self) -> None:
        for name, share in (self.prior or {}).items():
            if not 0 <= share <= 1:
                raise UsageError(f"The share of {name} in `prior` is {share:g}.", "Shares are from 0 to 1.")
        whole = sum((self.prior or {}).values())
        if whole > SUM:
            raise UsageError(f"The shares in `prior` add up to {whole:g}.", "They may be 1 together, or less.")
