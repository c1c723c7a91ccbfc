"""How a trained net becomes an int8 net."""

from collections.abc import Iterable
from dataclasses import dataclass

from zeroshot.options import Options, option

FEWEST, IMAGES = 32, 512  # calibration images: the fewest, and how many are taken if there are so many
PANEL = "Int8 nets"


def _ranges() -> Iterable[str]:
    from zeroshot.quantization.observers import RANGES

    return RANGES


@dataclass(frozen=True)
class Int8Recipe(Options):
    """How to quantise; stored with the result.

    Ranges and equalisation were chosen by how far calibrated int8 logits lie from the float ones on validation images
    (root mean square, nine nets of digits and CIFAR-10): `mse` with equalisation was nearest for five of them and
    within 6 % of the nearest for the others. Equalisation brought depthwise-separable nets 10 and 22 % nearer, put
    residual ones 1 and 4 % farther off.

    Attributes:
        ranges: How tensors get their ranges: `minmax`, `percentile` or `mse`.
        equalise: Even out the channels of each tensor first, where the net stays the same.
        images: For calibration, of the training images, unaugmented; None is 512, or all where there are fewer.
        epochs: Of finetuning with fake quantisers; 0 for none.
        lr: Highest learning rate of the finetuning, of SGD with momentum 0.9. Nets after 14 epochs of CIFAR-10,
            validation accuracy calibrated, then after each of 3 epochs: a depthwise one 77.1 %, 76.4, 76.6, 76.9 %
            with 0.01 and 76.9, 76.9, 77.1 % with 0.003; a plain one 67.3 %, 67.1, 67.4, 67.7 % and 67.3, 67.4, 67.3 %.
        teacher: Weight of the float net's outputs in the finetuning's loss, in [0, 1]; the labels have the rest. A
            plain net after 14 epochs of CIFAR-10, 67.1 % of validation images in float: with lr 0.01 67.8 % with 0,
            67.7 % with 0.5, 67.4 % with 1. Labels go on training a net that is not done yet; the float net's outputs
            keep what its training had made of them.
    """

    ranges: str = option("mse", "minmax, percentile or mse.", metavar="NAME", panel=PANEL, names=_ranges)
    equalise: bool = option(True, "Even out channels first.", panel=PANEL)
    images: int | None = option(
        None, "Training images to calibrate on.", metavar="N", panel=PANEL, least=FEWEST, shown=str(IMAGES)
    )  # fmt: skip
    epochs: int = option(3, "Of the finetune.", metavar="N", panel=PANEL, least=0)
    lr: float = option(0.003, "Highest of the finetune.", metavar="RATE", panel=PANEL, above=0, below=1e3)
    teacher: float = option(
        0.5, "Weight of the float net's answers, 0 to 1.", metavar="W", panel=PANEL, least=0, most=1
    )  # fmt: skip
