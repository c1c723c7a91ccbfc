"""The options of scoring one's own nets."""

from dataclasses import dataclass

from zeroshot.options import Options, option
from zeroshot.scoring.defaults import DEFAULT_PROXIES


@dataclass(frozen=True)
class ScoreOptions(Options):
    """What nets are scored with, and on what; values are checked when it is made.

    Attributes (beyond their help):
        data: A `Dataset`, or what `zeroshot.load` understands.
        seed: Draws the images, what proxies and dropout draw, and fresh weights.
        fresh: Score a copy with weights drawn afresh: `zeroshot.build.initialise` for convolutions, fully connected
            layers and batch norm, `reset_parameters` for others.

    Raises:
        UsageError: A value of the wrong type or out of its range.
    """

    data: object = option(
        "digits", "digits, cifar10, cifar100, fashion-mnist, an .npz file or an image folder.", metavar="DATA"
    )
    proxies: tuple[str, ...] = option(
        DEFAULT_PROXIES, "Names from `zeroshot proxies`, or all.", metavar="A,B,..."
    )  # fmt: skip
    resolution: int | None = option(None, "Shorter side of the images.", metavar="PIXELS", shown="the data's own")
    square: bool = option(False, "Crop images to the square in their middle; else they are seen whole.")
    batch: int = option(32, "Images a batch.", metavar="N")
    batches: int = option(2, "Number of batches.", metavar="N")
    seed: int = option(0, "The one seed.", metavar="N", least=0)
    fresh: bool = option(False, "Draw fresh weights, as for the nets of a search.")
