"""Options of a pruning, declared once for the call and the command line."""

from dataclasses import dataclass

from zeroshot.errors import UsageError
from zeroshot.options import Options, option
from zeroshot.units import Quantity

SALIENCIES = ("bn", "l1", "l2", "taylor")
# After pruning to half of the MACs and 4 epochs of CIFAR-10, validation accuracy of a plain and a residual net: bn 73.0
# and 74.5 %, l1 73.4 and 75.6 %, taylor 73.0 and 75.0 %.
DEFAULT_SALIENCY = "l1"
MULTIPLE = 4  # channels; kernels for microcontrollers take four at once
TARGET, TRAINING = "Target (one or more)", "Pruning and training"


@dataclass(frozen=True)
class CompressOptions(Options):
    """What a pruned net may cost, and how it is pruned and trained.

    Attributes:
        macs: Most multiply-accumulates of an inference, like "1M".
        weights: Most bytes of int8 weights, like "32KiB".
        flash: Most bytes of the model, tables included, under the engine.
        latency: Longest inference on the board, like "10ms".
        board: Of latency; the run's by default.
        engine: Of latency and flash; the run's by default.
        rounds: Times that it is pruned and trained. Two rounds in the same four epochs were worse on CIFAR-10.
        epochs: Of all rounds together.
        lr: Highest learning rate; the source's by default.
        saliency: `bn`, `l1`, `l2` or `taylor`.
        multiple: Widths shrink to multiples of it.
        data: The data of the search, or where they are; None for a named set that the run knows.
        threads: Of torch.
    """

    macs: Quantity = option(None, "So many MACs, like 1.5M.", metavar="COUNT", panel=TARGET, unit="count")
    weights: Quantity = option(
        None, "Int8 weights of this size, like 32KiB.", metavar="SIZE", panel=TARGET, unit="size"
    )  # fmt: skip
    flash: Quantity = option(None, "Weights and tables of this size.", metavar="SIZE", panel=TARGET, unit="size")
    latency: Quantity = option(
        None, "This latency on the board, like 10ms.", metavar="TIME", panel=TARGET, unit="time"
    )  # fmt: skip
    board: str | None = option(None, "Of the latency.", metavar="NAME", panel=TARGET, shown="the run's")
    engine: str | None = option(None, "Of latency and flash.", metavar="NAME", panel=TARGET, shown="the run's")
    rounds: int = option(
        1, "Prune and train so many times, in equal factors.", metavar="N", panel=TRAINING, least=1
    )  # fmt: skip
    epochs: int = option(
        10, "Passes over the images, all rounds together.", metavar="N", panel=TRAINING, least=1
    )  # fmt: skip
    lr: float | None = option(
        None, "Highest learning rate.", metavar="RATE", panel=TRAINING, above=0, below=1e3, shown="the net's"
    )  # fmt: skip
    saliency: str = option(
        DEFAULT_SALIENCY, "Which channels stay: bn, l1, l2 or taylor.", metavar="NAME", panel=TRAINING,
        names=lambda: SALIENCIES,
    )  # fmt: skip
    multiple: int = option(MULTIPLE, "Widths shrink to multiples of it.", metavar="N", panel=TRAINING, least=1)
    data: object = option(None, "The data of the search; needed for a file or folder.", metavar="DATA")
    threads: int = option(1, "Of torch; weights depend on it.", metavar="N", least=1)

    def __post_init__(self) -> None:
        """Check each option, and that every round has an epoch."""
        super().__post_init__()
        if self.epochs < self.rounds:
            raise UsageError(
                f"{self.epochs} epochs are too few for {self.rounds} rounds.", "Give one a round at least."
            )
