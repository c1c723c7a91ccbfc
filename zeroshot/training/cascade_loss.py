"""The finetune of a cascade's two nets, each knowing the other.

A cascade answers with the little net where its logit gap g is at least the threshold t, else with the big net. With
a soft decision w = sigmoid((t - g) / tau), 1 for escalated, its expected loss on an input is

    (1 - w) CE_little + w CE_big.

Its gradient says what the Bayes-optimal rule says (escalate where the big net gains most, Jitkrittum et al., arXiv
2307.02764): w rises, so g falls, where the big net's loss is lower, and falls where the big net cannot help. The
little net's own loss counts less on inputs that it gives away, as in cascade-aware training (Wang et al., arXiv
2406.00060). A term (mean w - p)^2 keeps the rate. The big net then learns with weights by w.

No temperature of the logits is learnt: the threshold is chosen anew afterwards.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from zeroshot.cascade.measure import outcome
from zeroshot.cascade.metric import metric_of, share
from zeroshot.cascade.policy import logit_gap
from zeroshot.cascade.thresholds import threshold_for_rate
from zeroshot.errors import UsageError
from zeroshot.training.batches import Split
from zeroshot.training.options import CascadeTuning
from zeroshot.training.trained import EpochRow, TrainedNet


@dataclass(frozen=True)
class Deferral:
    """A soft decision on escalation.

    Attributes:
        rate: Share of inputs that are to escalate.
        threshold: Logit gap below which the little net's validation outputs escalate at this rate.
        softness: tau, in logits.
    """

    rate: float
    threshold: float
    softness: float

    def weights(self, little: torch.Tensor) -> torch.Tensor:
        """(n, classes) logits of the little net -> (n,) escalation weights in (0, 1)."""
        top = little.topk(2, dim=1).values
        return torch.sigmoid((self.threshold - (top[:, 0] - top[:, 1])) / self.softness)


def deferral(little: TrainedNet, rate: float, softness: float) -> Deferral:
    """The soft decision that fits a little net's validation outputs; tau is a share of its gaps' deviation.

    Raises:
        UsageError: The rate is 0 or 1: nothing is decided then.
    """
    if not 0 < rate < 1:
        raise UsageError(f"A cascade is tuned for an escalation rate between 0 and 1, not {rate}.")
    gap = logit_gap(little.outputs["validation"])
    return Deferral(rate, threshold_for_rate(gap, rate), softness * max(float(gap.std()), 1e-6))


def little_loss(
    out: torch.Tensor, big: torch.Tensor, y: torch.Tensor, soft: Deferral, rate_weight: float, smoothing: float = 0.0
) -> torch.Tensor:
    """The cascade's expected loss, see the head of this module, plus what keeps the rate; mean over the batch.

    Args:
        out: (n, classes) float32 logits of the little net.
        big: (n, classes) float32 logits of the big net, without gradients.
        y: (n,) int64 labels.
        soft: The decision.
        rate_weight: Of (mean w - p)^2.
        smoothing: Label smoothing of both cross-entropies.

    Returns:
        Scalar.
    """
    up = soft.weights(out)
    own, theirs = (cross_entropy(each, y, reduction="none", label_smoothing=smoothing) for each in (out, big))
    return ((1 - up) * own + up * theirs).mean() + rate_weight * (up.mean() - soft.rate) ** 2


def big_loss(
    out: torch.Tensor, little: torch.Tensor, y: torch.Tensor, soft: Deferral, kept: float, smoothing: float = 0.0
) -> torch.Tensor:
    """Cross-entropy of the big net, each input weighed by kept + (1 - kept) w, over the weights' sum.

    Args:
        out: (n, classes) float32 logits of the big net.
        little: (n, classes) float32 logits of the little net, without gradients.
        y: (n,) int64 labels.
        soft: The decision.
        kept: Weight where w is 0.
        smoothing: Label smoothing.

    Returns:
        Scalar.
    """
    weights = kept + (1 - kept) * soft.weights(little)
    own = cross_entropy(out, y, reduction="none", label_smoothing=smoothing)
    return (weights * own).sum() / weights.sum()


@dataclass(frozen=True, eq=False)
class Tuned:
    """A lesson: one net of a cascade goes on from its weights, the other stays.

    Attributes:
        start: The net that learns.
        teacher: The other one of the pair.
        partner: The other one's name before the finetune, for the names of files.
        role: Of the net that learns, `little` or `big`.
        how: Settings.
        rate: Escalation rate that the cascade is tuned for.
        policy: Score that will decide on escalation; the loss itself always takes the logit gap.
    """

    start: TrainedNet
    teacher: TrainedNet
    partner: str
    role: str
    how: CascadeTuning
    rate: float
    policy: str

    @property
    def stage(self) -> str:
        """The stage before it, and which pair it belongs to."""
        before = f"{self.start.stage}." if self.start.stage else ""
        return f"{before}{self.role}-with.{self.partner}"

    @cached_property
    def soft(self) -> Deferral:
        """The decision of the little net as it is now."""
        return deferral(self.start if self.role == "little" else self.teacher, self.rate, self.how.softness)

    def values(self) -> dict[str, Any]:
        """Settings and rate."""
        return {**self.how.values(), "role": self.role, "rate": self.rate, "policy": self.policy}

    def loss(self, out: torch.Tensor, teacher: torch.Tensor, y: torch.Tensor, smoothing: float) -> torch.Tensor:
        """`little_loss` or `big_loss`."""
        if self.role == "little":
            return little_loss(out, teacher, y, self.soft, self.how.rate_weight, smoothing)
        return big_loss(out, teacher, y, self.soft, self.how.kept, smoothing)

    def judge(self, out: torch.Tensor, data: Split) -> EpochRow:
        """Accuracy of the cascade on the validation images at the rate, and its metric where that is another."""
        mine, theirs = out.numpy(), self.teacher.outputs["validation"]
        little, big = (mine, theirs) if self.role == "little" else (theirs, mine)
        done = outcome(little, big, data.labels("validation"), self.policy)
        up = done.score < threshold_for_rate(done.score, self.rate)
        right = np.where(up, done.big, done.little)
        metric = metric_of(self.start.recipe.metric, data.dataset.class_names)
        weight = metric.chosen_by(data.labels("validation"))
        row = {"cascade_accuracy": float(right.mean())}
        return row if weight is None else row | {"cascade_merit": share(right, weight)}
