"""How a net is trained: the recipe, what it leaves to the data and the net, and the learning rate of each step."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from zeroshot.cascade.options import metric_option
from zeroshot.errors import UsageError
from zeroshot.frontend.options import FrontEnd, ScaledMotion
from zeroshot.options import Options, option
from zeroshot.resolution import shorter
from zeroshot.runs.rows import ACCURACY

if TYPE_CHECKING:
    from zeroshot.data import Dataset
    from zeroshot.net import NetSpec

OPTIMIZERS, SCHEDULES, PRECISIONS = ("sgd", "adamw"), ("one-cycle", "cosine"), ("fp32", "bf16")
# Named sets whose pictures mean the same in a mirror. Of other data nobody can tell: digits, letters and traffic
# signs do not, so a flip must be asked for.
MIRRORED = ("cifar10", "cifar100", "fashion-mnist")
SMALL = 16  # pixels, see `Recipe.crop`
GAIN, GAIN_OF_MOTION = 6.0, 1.0  # dB; Um et al. (arXiv 1706.00527) scale motion by a tenth, 0.9 dB
STEPS = 16  # an epoch has so many at least; with fewer a small data set hardly trains
PANEL = "Recipe"
# Not stored: a gain that is left open, as it is of images, and what older versions did not know.
UNSAID = (("gain", None), ("metric", ACCURACY), ("balance", False))


@dataclass(frozen=True)
class Recipe(Options):
    """How to train; stored with the result. None leaves a choice to the data or the net, see `resolved`.

    Attributes (with reasons for the defaults; the others are told by their help):
        lr: None is 0.4 for sgd, 1e-2 for adamw. Validation accuracy after 3 epochs of CIFAR-10, a plain net of 0.70 M
            MACs and a depthwise one of 0.84 M: sgd with 0.2 57.3 and 62.3 %, with 0.4 59.0 and 65.2 %; adamw with
            1e-2 55.9 % (the plain one).
        weight_decay: None is 5e-4 for sgd, 0.02 for adamw.
        batch: None is 128, or less on small data.
        label_smoothing: 0 by default: smoothing makes the score of an answer tell less about whether it is right
            (Xia et al., arXiv 2403.14715), and a cascade lives on that.
        ema: The averaged weights are the ones that are judged and kept.
        crop: None is 1/8, and 0 below 16 pixels: on the 8x8 digits a shift by one pixel cost 1.4 to 8.4 points of
            validation accuracy (three nets, 20 epochs). Sound and motion are shifted along time alone.
        cutout: 0 by default: nets of this size underfit, and regularisation costs them accuracy (Cai et al., arXiv
            2110.08890). In pictures of sound it is a stripe of frames and one of bands.
        gain: Standard deviation. Of a recording, as from a nearer or farther speaker; of each axis of motion, with
            noise besides. None is 6 dB on sound, where the spoken digits of six speakers lie 23 dB apart, and 1 dB on
            motion; images have none, and it is not stored with theirs. Pictures of relative levels are the same at any
            gain: 0.
        validation: The best epoch and the threshold are chosen on these images.
        metric: By what the best epoch is chosen, see `zeroshot.cascade.metric`. Not stored where it is accuracy.
        balance: Every batch has as many images of one class as of another; an epoch has as many images as ever. Not
            stored where it is off. Weights in the loss instead did about as well, see `benchmarks/rare.py`.
        precision: bf16 is of the forward pass only, weights stay float32.
    """

    epochs: int = option(30, "Passes over the training images.", metavar="N", panel=PANEL, least=1)
    optimizer: str = option(
        "sgd", "sgd (Nesterov, momentum 0.9) or adamw.", metavar="NAME", panel=PANEL, names=lambda: OPTIMIZERS
    )
    schedule: str = option(
        "one-cycle", "one-cycle, or cosine with a short warm-up, down to 0.", metavar="NAME", panel=PANEL,
        names=lambda: SCHEDULES,
    )  # fmt: skip
    lr: float | None = option(
        None, "Highest learning rate.", metavar="RATE", panel=PANEL, above=0, below=1e3, shown="by optimizer"
    )
    weight_decay: float | None = option(
        None, "Of convolutions and the last layer.", metavar="W", panel=PANEL, least=0, below=1e3, shown="by optimizer"
    )
    batch: int | None = option(None, "Images a step.", metavar="N", panel=PANEL, least=2, shown="128, less on few")
    label_smoothing: float = option(0.0, "Of the loss.", metavar="SHARE", panel=PANEL, least=0, below=1)
    ema: float = option(
        0.998, "Decay a step of the averaged weights; 0 for none.", metavar="D", panel=PANEL, least=0, below=1
    )
    crop: float | None = option(
        None, "Padding before a random crop, of each side.", metavar="SHARE", panel=PANEL, least=0, below=1,
        shown="0.125; 0 below 16 pixels",
    )  # fmt: skip
    flip: bool | None = option(
        None, "Mirror half of the images left to right.", panel=PANEL, shown="by the data's name"
    )  # fmt: skip
    cutout: float = option(
        0.0, "Side of a grey square, of the shorter side.", metavar="SHARE", panel=PANEL, least=0, below=1
    )
    gain: float | None = option(
        None, "Random gain of sound and motion, dB.", metavar="DB", panel=PANEL, least=0, most=40,
        shown="6 on absolute levels of sound, 1 on motion",
    )  # fmt: skip
    validation: float = option(
        0.1, "Training images held out for choices.", metavar="SHARE", panel=PANEL, above=0, below=0.5
    )
    metric: str = metric_option(PANEL)
    balance: bool = option(False, "Draw images of all classes equally often.", panel=PANEL)
    patience: int = option(20, "Stop after N epochs without a better one; 0: never.", metavar="N", panel=PANEL, least=0)
    precision: str | None = option(
        None, "fp32 or bf16.", metavar="NAME", panel=PANEL, names=lambda: PRECISIONS,
        shown="the faster one on this processor",
    )  # fmt: skip

    def values(self) -> dict[str, Any]:
        """As a mapping of plain values; without those of `UNSAID` that are as there."""
        return {name: value for name, value in super().values().items() if (name, value) not in UNSAID}

    def resolved(self, spec: "NetSpec", dataset: "Dataset") -> "Recipe":
        """The recipe with every choice made, for one net, one data set and this processor.

        Raises:
            UsageError: It asks for something that the data do not bear.
        """
        self._check_for(dataset)
        # Sound is shifted along its frames.
        shifted = spec.height if isinstance(dataset.front_end, FrontEnd) else shorter(spec.resolution)
        lr, decay = (0.01, 0.02) if self.optimizer == "adamw" else (0.4, 5e-4)
        return replace(
            self,
            lr=lr if self.lr is None else self.lr,
            weight_decay=decay if self.weight_decay is None else self.weight_decay,
            batch=self.batch_for(dataset),
            crop=(0.125 if shifted >= SMALL else 0.0) if self.crop is None else self.crop,
            flip=dataset.name in MIRRORED if self.flip is None else self.flip,
            gain=_gain_for(dataset) if self.gain is None else self.gain,
            precision=self.precision or fast_precision(),
        )

    def _check_for(self, dataset: "Dataset") -> None:
        if self.gain is not None and dataset.front_end is None:
            raise UsageError(f"`gain` is for sound and motion, and {dataset.name} holds images.", "Leave it out.")
        if self.gain and _relative(dataset):
            raise UsageError(
                f"Pictures of {dataset.name} have levels relative to their loudest: a `gain` changes none of them.",
                "Leave it out, or search with `absolute=True`.",
            )
        if self.flip and dataset.front_end is not None:
            raise UsageError(
                f"`flip` mirrors images, and {dataset.name} holds sound or motion: backwards it is another one.",
                "Leave it out.",
            )

    def steps_on(self, dataset: "Dataset") -> int:
        """Steps of all epochs."""
        images = round(len(dataset.y_train) * (1 - self.validation))
        return self.epochs * max(1, images // min(self.batch_for(dataset), max(images, 1)))

    def batch_for(self, dataset: "Dataset") -> int:
        """Images a step."""
        return self.batch or max(16, min(128, int(len(dataset.y_train) * (1 - self.validation) / STEPS)))


def _gain_for(dataset: "Dataset") -> float | None:
    if dataset.front_end is None:
        return None
    if isinstance(dataset.front_end, ScaledMotion):
        return GAIN_OF_MOTION
    return 0.0 if _relative(dataset) else GAIN


def _relative(dataset: "Dataset") -> bool:
    return isinstance(dataset.front_end, FrontEnd) and dataset.front_end.relative


def fast_precision() -> str:
    """The number format in which nets train fastest on this processor.

    Measured, images/s on one thread of an EPYC with AVX512-BF16, batch 128, channels_last, fp32 against bf16: plain
    9,109 / 13,810 and residual 918 / 1,569; on a busier machine depthwise-separable 3,200 / 3,913 and 807 / 1,046,
    inverted bottlenecks 211 / 510, and with kernels of 5 and 7 366 / 642. The layers that are slower in bf16 stay
    in fp32, see `zeroshot.build.Conv2d`. Without instructions for bf16 everything is slower.
    """
    import torch

    # Not every torch that works has this function; one without it gets the format that is right everywhere.
    able: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return "bf16" if able.get("avx512_bf16") or able.get("amx_bf16") else "fp32"


def check_seed_and_threads(seed: int, threads: int) -> None:
    """Insist that a training can be run with them.

    Raises:
        UsageError: A seed below 0, or no thread.
    """
    if seed < 0 or threads < 1:
        raise UsageError(f"A seed is 0 or more and threads are 1 or more, not {seed} and {threads}.")
