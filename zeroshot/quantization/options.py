"""Options of a quantisation, declared once for the call, the command line and the stored plan."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from zeroshot.cascade.options import policy_option
from zeroshot.errors import UsageError
from zeroshot.options import Options, left_open, option
from zeroshot.quantization.recipe import PANEL, Int8Recipe
from zeroshot.training.recipe import Recipe
from zeroshot.units import Quantity

RULES = ("rate", "accuracy_floor", "latency", "energy")
THRESHOLD, OUTPUT = "Threshold, on validation images (one rule)", "Run and output"


@dataclass(frozen=True)
class QuantizeOptions(Options):
    """How the nets of a run's pairs are quantised, and how each pair's threshold is chosen.

    The threshold follows one rule at most. Without any, inputs escalate at the rate that the search had chosen for
    the pair.

    Attributes:
        qat: Whether nets are finetuned; False is `epochs=0`.
        epochs: As `lr`, `teacher`, `ranges`, `equalise` and `images` of `Int8Recipe`; None is its default, or what is
            being resumed.
        rate: Largest share of inputs that escalate, in [0, 1].
        accuracy_floor: Accuracy that the cascade has at least, a fraction, at the fewest escalations.
        latency: Largest expected latency, such as 50ms, by the cost model of the search.
        energy: Largest expected energy, such as 2mJ, by the same.
        policy: Score of the little net that decides.
        metric: What thresholds, biases and verdicts go by; None is that of the training, which also chose the epochs of
            finetuned nets. An accuracy floor is one of it.
        bias: A decision bias for each class of each net, chosen on the validation images by the metric.
        per_class: A threshold for each class that the little net answers instead of one, for the most right answers
            (or the most of the metric) on the validation images at the same rate.
        data: The data of the search, or where they are; None for a named set that the run knows.
        threads: Of torch; None is 1, or what is being resumed.
    """

    qat: bool | None = option(None, "Finetune with fake quantisers.", panel=PANEL, shown="qat")
    epochs: int | None = left_open(Int8Recipe, "epochs")
    lr: float | None = left_open(Int8Recipe, "lr")
    teacher: float | None = left_open(Int8Recipe, "teacher")
    ranges: str | None = left_open(Int8Recipe, "ranges")
    equalise: bool | None = left_open(Int8Recipe, "equalise")
    images: int | None = left_open(Int8Recipe, "images")
    rate: float | None = option(
        None, "Let so many inputs escalate, 0.3 for 30 %.", metavar="P", panel=THRESHOLD, least=0, most=1,
        shown="the search's",
    )  # fmt: skip
    accuracy_floor: float | None = option(
        None, "As few as reach this accuracy, 0.9 for 90 %.", metavar="A", panel=THRESHOLD, least=0, most=1
    )  # fmt: skip
    latency: Quantity = option(
        None, "As many as keep this expected latency, like 50ms.", metavar="TIME", panel=THRESHOLD, unit="time"
    )  # fmt: skip
    energy: Quantity = option(
        None, "As many as keep this expected energy, like 2mJ.", metavar="ENERGY", panel=THRESHOLD, unit="energy"
    )  # fmt: skip
    policy: str = policy_option(THRESHOLD)
    per_class: bool = option(False, "A threshold for each class that the little net answers.", panel=THRESHOLD)
    metric: str | None = left_open(Recipe, "metric", "the training's", panel=THRESHOLD)
    bias: bool = option(False, "A bias for each class, added to the nets' outputs.", panel=THRESHOLD)
    data: object = option(
        None, "The data of the search; needed for a file or folder.", metavar="DATA", panel=OUTPUT
    )  # fmt: skip
    threads: int | None = option(
        None, "Of torch; weights depend on it.", metavar="N", panel=OUTPUT, least=1, shown="1"
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Check each option, and those that exclude each other."""
        super().__post_init__()
        if self.qat is not None and self.epochs is not None and self.qat != (self.epochs > 0):
            raise UsageError(
                f"`qat={self.qat}` and `epochs={self.epochs}` contradict each other.", "Give one of the two."
            )
        given = [f"`{name}`" for name in RULES if getattr(self, name) is not None]
        if len(given) > 1:
            raise UsageError(f"A threshold follows one rule, not {len(given)}: {', '.join(given)}.", "Give one.")
        if self.per_class and self.accuracy_floor is not None:
            raise UsageError(
                "Thresholds a class share out a rate of escalations; an accuracy floor names none.",
                "Give `rate`, `latency` or `energy` with `per_class=True`.",
            )

    def recipe(self, before: Int8Recipe | None = None) -> Int8Recipe:
        """How nets are quantised.

        Args:
            before: Has what these options leave open; by default `Int8Recipe()`.
        """
        base = before or Int8Recipe()
        asked = {name: getattr(self, name) for name in Int8Recipe.declared() if getattr(self, name) is not None}
        if self.qat is False:
            asked["epochs"] = 0
        elif self.qat and base.epochs == 0:
            asked.setdefault("epochs", Int8Recipe.epochs)
        return dataclasses.replace(base, **asked)

    def rule(self) -> dict[str, Any]:
        """How thresholds are chosen, as a summary tells it."""
        return {
            "rate": self.rate, "accuracy": self.accuracy_floor, "latency": self.latency, "energy": self.energy,
            "policy": self.policy, "per_class": self.per_class, "bias": self.bias,
        }  # fmt: skip
