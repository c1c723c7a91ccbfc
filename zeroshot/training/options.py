"""What a run's training can be asked for: the Python call, the command line and the stored plan are made from it."""

from dataclasses import dataclass, replace

from zeroshot.cascade.options import policy_option
from zeroshot.errors import UsageError
from zeroshot.options import Options, left_open, option
from zeroshot.training.recipe import Recipe

PAIRS, LESSONS = "Pairs", "Lessons beside the labels"
TEACHERS = ("big", "self")


@dataclass(frozen=True)
class Distillation(Options):
    """Who teaches, and how much it counts (Hinton et al., arXiv 1503.02531).

    Attributes:
        teacher: `big`: a pair's big net teaches its little one, and the single net that the pair is judged by.
            `self`: every net is trained twice, the second time from fresh weights with the first as its teacher
            (born-again networks, Furlanello et al., arXiv 1805.04770).
        weight: Of the teacher's term; the labels have the rest.
        temperature: That both nets' logits are divided by in the teacher's term.
    """

    # Chosen on validation images by `python -m benchmarks.pair_training`.
    teacher: str = option("big", "big or self.", names=lambda: TEACHERS)
    weight: float = option(0.5, "Of the teacher's term.", above=0, most=1)
    temperature: float = option(4.0, "Of both nets' logits.", above=0, below=1e3)


@dataclass(frozen=True)
class CascadeTuning(Options):
    """How a pair is finetuned after the training of its nets.

    Attributes:
        epochs: Of each of the two nets; the best one is chosen by the cascade's accuracy on the validation images.
        lr: Highest learning rate, as a share of the training's.
        softness: tau, as a share of the standard deviation of the little net's logit gap.
        rate_weight: Of the term that keeps the escalation rate.
        kept: What an input that is never escalated weighs for the big net, against 1 for one that always is.
    """

    # Chosen on validation images by `python -m benchmarks.pair_training`, but for the epochs.
    epochs: int = option(4, "Of each net.", least=1)
    lr: float = option(0.1, "Share of the training's learning rate.", above=0, below=1e3)
    softness: float = option(1.0, "Of the decision.", above=0, below=1e3)
    rate_weight: float = option(1.0, "Of the term that keeps the rate.", least=0, below=1e3)
    kept: float = option(0.25, "Weight of inputs that never escalate.", least=0, below=1e3)


@dataclass(frozen=True)
class TrainOptions(Options):
    """Options of `zeroshot.train`; those of the recipe are explained there.

    Attributes (beyond their help):
        data: The data of the search, or where they are; None for a named set that the run knows.
        minutes: As many epochs as fit, by timing each net; they are then part of the plan that `resume` follows.
        singles: Without the single nets a measured verdict knows only the nets of pairs as rivals.
        distil: A `Distillation`, or who teaches. It can be added when a training without it is resumed.
        cascade_aware: A `CascadeTuning`, or its epochs; addition as before.

    Raises:
        UsageError: A value is out of range or an unknown name, or two options exclude each other.
    """

    top: int = option(3, "Pairs to train, from the best on.", metavar="N", panel=PAIRS, least=1)
    data: object = option(None, "The data of the search; needed for a file or folder.", metavar="DATA", panel=PAIRS)
    singles: bool = option(True, "Also train the single net beside each pair.", panel=PAIRS)
    policy: str = policy_option(PAIRS)
    threads: int | None = option(
        None, "Of torch for each net; weights depend on it.", metavar="N", panel=PAIRS, least=1, shown="1"
    )
    jobs: int | None = option(
        None, "Nets side by side; weights do not depend on it.", metavar="N", panel=PAIRS, least=1, shown="by work"
    )
    distil: Distillation | None = option(
        None, "Who teaches: big (the little nets) or self (every net).", metavar="WHO", panel=LESSONS, shown="nobody"
    )
    cascade_aware: CascadeTuning | None = option(
        None, "Then finetune each pair for N epochs.", metavar="N", panel=LESSONS, shown="not at all"
    )
    minutes: float | None = option(
        None, "Train for so long instead: as many epochs as fit.", metavar="M", panel="Recipe", above=0, below=1e6
    )
    epochs: int | None = left_open(Recipe, "epochs", "those that the search expects accuracies of, 30")
    optimizer: str | None = left_open(Recipe, "optimizer")
    schedule: str | None = left_open(Recipe, "schedule")
    lr: float | None = left_open(Recipe, "lr")
    weight_decay: float | None = left_open(Recipe, "weight_decay")
    batch: int | None = left_open(Recipe, "batch")
    label_smoothing: float | None = left_open(Recipe, "label_smoothing")
    ema: float | None = left_open(Recipe, "ema")
    crop: float | None = left_open(Recipe, "crop")
    flip: bool | None = left_open(Recipe, "flip")
    cutout: float | None = left_open(Recipe, "cutout")
    gain: float | None = left_open(Recipe, "gain")
    validation: float | None = left_open(Recipe, "validation")
    metric: str | None = left_open(Recipe, "metric", "the search's, accuracy")
    balance: bool | None = left_open(Recipe, "balance")
    patience: int | None = left_open(Recipe, "patience")
    precision: str | None = left_open(Recipe, "precision")

    def __post_init__(self) -> None:
        """Check every option, and that the epochs come from one place."""
        super().__post_init__()
        if self.minutes is not None and self.epochs is not None:
            raise UsageError("`minutes` chooses the epochs, `epochs` gives them.", "Give one of the two.")

    def recipe(self, before: Recipe | None = None) -> Recipe:
        """The recipe of before, by default `Recipe()`, with what is asked for otherwise."""
        asked = {name: getattr(self, name) for name in Recipe.declared() if getattr(self, name) is not None}
        return replace(before or Recipe(), **asked)
