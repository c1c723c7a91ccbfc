"""How a net is trained: the recipe, what it leaves to the data and the net, and the learning rate of each step."""

from dataclasses import asdict, dataclass, replace
from math import cos, pi
from typing import Any

import torch

from zeroshot.data import Dataset
from zeroshot.errors import UsageError, unknown
from zeroshot.net import NetSpec

OPTIMIZERS, SCHEDULES, PRECISIONS = ("sgd", "adamw"), ("one-cycle", "cosine"), ("fp32", "bf16")
# Named sets whose pictures mean the same in a mirror. Of other data nobody can tell: digits, letters and traffic
# signs do not, so a flip must be asked for.
MIRRORED = ("cifar10", "cifar100", "fashion-mnist")
WARM_UP = {"one-cycle": 0.3, "cosine": 0.05}  # share of the steps in which the learning rate rises
SMALL = 16  # pixels, see `Recipe.crop`
STEPS = 16  # an epoch has so many at least; with fewer a small data set hardly trains


@dataclass(frozen=True)
class Recipe:
    """How to train; stored with the result. None leaves a choice to the data or the net, see `resolved`.

    Attributes:
        epochs: Passes over the training images.
        optimizer: `sgd` (Nesterov, momentum 0.9) or `adamw`.
        schedule: `one-cycle` or `cosine` (with a short warm-up), down to 0.
        lr: Highest learning rate; None is 0.4 for sgd, 1e-2 for adamw. Validation accuracy after 3 epochs of
            CIFAR-10, a plain net of 0.70 M MACs and a depthwise one of 0.84 M: sgd with 0.2 57.3 and 62.3 %, with 0.4
            59.0 and 65.2 %; adamw with 1e-2 55.9 % (the plain one).
        weight_decay: Of convolutions and the last layer, not of batch norm and biases; None is 5e-4 or 0.02.
        batch: Images a step; None is 128, or less on small data.
        label_smoothing: 0 by default: smoothing makes the score of an answer tell less about whether it is right
            (Xia et al., arXiv 2403.14715), and a cascade lives on that.
        ema: Decay a step of the averaged weights, which are the ones that are judged and kept; 0 for none.
        crop: Padding before a random crop, as a share of the resolution; None is 1/8, and 0 below 16 pixels: on the
            8x8 digits a shift by one pixel cost 1.4 to 8.4 points of validation accuracy (three nets, 20 epochs).
        flip: Mirror half of the images left to right; None decides by the data set's name.
        cutout: Side of a grey square, as a share of the resolution. 0 by default: nets of this size underfit, and
            regularisation costs them accuracy (Cai et al., arXiv 2110.08890).
        validation: Share of the training images held out, for choosing the epoch and the threshold.
        patience: Epochs without a better validation accuracy before it stops; 0 never stops early.
        precision: `fp32`, `bf16` (forward pass only, weights stay float32), or None.
    """

    epochs: int = 30
    optimizer: str = "sgd"
    schedule: str = "one-cycle"
    lr: float | None = None
    weight_decay: float | None = None
    batch: int | None = None
    label_smoothing: float = 0.0
    ema: float = 0.998
    crop: float | None = None
    flip: bool | None = None
    cutout: float = 0.0
    validation: float = 0.1
    patience: int = 20
    precision: str | None = None

    def __post_init__(self) -> None:
        names = (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("precision", (*PRECISIONS, None)))
        for name, known in names:
            if getattr(self, name) not in known:
                raise unknown(name, str(getattr(self, name)), [each for each in known if each is not None])
        for name, least in (("epochs", 1), ("batch", 2), ("patience", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{name} must be at least {least}, not {value}.", "Give a larger number.")
        for name, most in (("label_smoothing", 1), ("ema", 1), ("crop", 1), ("cutout", 1), ("validation", 0.5)):
            share = getattr(self, name)
            if share is not None and not 0 <= share < most:
                raise UsageError(f"{name} must be from 0 to below {most:g}, not {share}.", "It is a share.")
        if self.validation == 0:
            raise UsageError("validation must be above 0: the best epoch and the threshold are chosen on it.")
        if self.lr is not None and not 0 < self.lr < 1e3:
            raise UsageError(f"A learning rate must be positive, not {self.lr}.", "Try 0.4 with sgd, 0.01 with adamw.")
        if self.weight_decay is not None and not 0 <= self.weight_decay < 1e3:
            raise UsageError(f"A weight decay must not be negative, but it is {self.weight_decay}.")

    def resolved(self, spec: NetSpec, dataset: Dataset) -> "Recipe":
        """The recipe with every choice made, for one net, one data set and this processor."""
        lr, decay = (0.01, 0.02) if self.optimizer == "adamw" else (0.4, 5e-4)
        return replace(
            self,
            lr=lr if self.lr is None else self.lr,
            weight_decay=decay if self.weight_decay is None else self.weight_decay,
            batch=self.batch_for(dataset),
            crop=(0.125 if spec.resolution >= SMALL else 0.0) if self.crop is None else self.crop,
            flip=dataset.name in MIRRORED if self.flip is None else self.flip,
            precision=self.precision or fast_precision(),
        )

    def batch_for(self, dataset: Dataset) -> int:
        """Images a step."""
        return self.batch or max(16, min(128, int(len(dataset.y_train) * (1 - self.validation) / STEPS)))

    def values(self) -> dict[str, Any]:
        """As a mapping of plain values."""
        return asdict(self)


def fast_precision() -> str:
    """The number format in which nets train fastest on this processor.

    Measured, images/s on one thread of an EPYC with AVX512-BF16, batch 128, channels_last, fp32 against bf16: plain
    9,109 / 13,810 and residual 918 / 1,569; on a busier machine depthwise-separable 3,200 / 3,913 and 807 / 1,046,
    inverted bottlenecks 211 / 510, and with kernels of 5 and 7 366 / 642. The layers that are slower in bf16 stay
    in fp32, see `zeroshot.build.Conv2d`. Without instructions for bf16 everything is slower.
    """
    # Not every torch that works has this function; one without it gets the format that is right everywhere.
    found: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return "bf16" if found.get("avx512_bf16") or found.get("amx_bf16") else "fp32"


def learning_rate(recipe: Recipe, done: float) -> float:
    """The learning rate after a share of all steps: cosine up to `lr`, cosine down to 0.

    A function of the step and of nothing else, so that a resumed training needs no scheduler state.

    Args:
        recipe: Resolved.
        done: Share of all steps that are done, in [0, 1].
    """
    top, rise = recipe.lr or 0.0, WARM_UP[recipe.schedule]
    if done < rise:
        return top * (0.04 + 0.96 * (1 - cos(pi * done / rise)) / 2)
    return top * (1 + cos(pi * (done - rise) / (1 - rise))) / 2


def check_seed_and_threads(seed: int, threads: int) -> None:
    """Insist that a training can be run with them.

    Raises:
        UsageError: A seed below 0, or no thread.
    """
    if seed < 0 or threads < 1:
        raise UsageError(f"A seed is 0 or more and threads are 1 or more, not {seed} and {threads}.")
