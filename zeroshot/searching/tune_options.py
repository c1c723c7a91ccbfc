"""The options of tuning a space."""

from dataclasses import dataclass

from zeroshot.cost.boards import DEFAULT_BOARD
from zeroshot.cost.engines import DEFAULT_ENGINE
from zeroshot.errors import UsageError
from zeroshot.options import Options, option
from zeroshot.units import Quantity


@dataclass(frozen=True)
class TuneOptions(Options):
    """Which nets, for what; values are checked when it is made.

    Raises:
        UsageError: A value of the wrong type or out of its range, or a side beside data, which have one.
    """

    data: object = option(
        None, "digits, cifar10, cifar100, fashion-mnist, an .npz file or an image folder.", metavar="DATA",
        shown="none: images as --side, --channels and --classes say, expectations as of CIFAR-10",
    )  # fmt: skip
    board: str = option(DEFAULT_BOARD, "Name of a board, or a .toml file.", metavar="NAME")
    engine: str = option(DEFAULT_ENGINE, "Inference engine that all costs are of.", metavar="NAME")
    flash: Quantity = option(None, "Model and runtime, like 512KiB; the board's if lower.", metavar="SIZE", unit="size")
    sram: Quantity = option(None, "Working memory, like 128KiB; the board's if lower.", metavar="SIZE", unit="size")
    latency: Quantity = option(None, "Of one inference, like 50ms.", metavar="TIME", unit="time")
    side: int | None = option(None, "Side of the images.", metavar="PIXELS", least=8, shown="the data's, or 32")
    channels: int | None = option(None, "Of the images.", metavar="N", least=1, shown="the data's, or 3")
    classes: int | None = option(None, "Of the data.", metavar="N", least=2, shown="the data's, or 10")
    nets: int = option(1000, "Nets drawn from each sub-space.", metavar="N", least=100)
    seed: int = option(0, "The one seed.", metavar="N", least=0)

    def __post_init__(self) -> None:
        """Check every field, and that data are not described twice."""
        super().__post_init__()
        for name in ("side", "channels", "classes"):
            if self.data is not None and getattr(self, name) is not None:
                raise UsageError(
                    f"`{name}` {getattr(self, name)} is for images that are not named, and `data` names some.",
                    "Leave one of the two out.",
                )
