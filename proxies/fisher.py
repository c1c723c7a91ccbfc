"""Fisher pruning as a score: how much the loss would change if a channel's output were removed."""

import math
from typing import TYPE_CHECKING

from zeroshot.probing.probe import Probe, ProxyUndefined

if TYPE_CHECKING:
    from torch import Tensor


def fisher(probe: Probe) -> float:
    """Fisher information of every output channel, summed: sum_c 1/2 mean_b (sum_hw a dL/da)^2.

    a is the output of a Conv2d or Linear layer, before batch norm and ReLU.

    Protocol: initialisation as given; first batch of real data, mean cross-entropy (so dL/da of an image carries
    a factor 1 / batch, as in the reference), training mode; biases are part of a. Sums over positions in the
    activations' precision, the rest in float64. A dead channel adds 0. A layer that is called twice adds both.
    The code of zero-cost-nas, and every table made with it, counts a channel once for each of its weights:
    `fisher_fan_in`.

    Citation: Theis et al., "Faster gaze prediction with dense networks and Fisher pruning", 2018; Turner et al.,
    "BlockSwap", ICLR 2020; as an architecture score Abdelfattah et al., ICLR 2021.

    Cost: backward (one batch, forward shared). Needs labels.

    Raises:
        ProxyUndefined: No gradient reaches any channel.

    >>> from zeroshot.probing.probe import example_probe
    >>> fisher(example_probe()) > 0
    True
    """
    return _total(probe, fan_in=False)


def fisher_fan_in(probe: Probe) -> float:
    """As `fisher`, each channel times the number of weights that feed it: sum_c fan_in_c delta_c.

    Protocol: that of `fisher`. This is what zero-cost-nas and NAS-Bench-Suite-Zero publish as `fisher`: they
    spread a channel's value over its weights so that it has the shape of the other scores, then sum.

    Citation: Abdelfattah et al., ICLR 2021, SamsungLabs/zero-cost-nas foresight/pruners/measures/fisher.py.

    Cost: backward (one batch, shared with `fisher`). Needs labels.

    Raises:
        ProxyUndefined: No gradient reaches any channel.

    >>> from zeroshot.probing.probe import example_probe
    >>> fisher_fan_in(example_probe()) > fisher(example_probe())
    True
    """
    return _total(probe, fan_in=True)


def _total(probe: Probe, fan_in: bool) -> float:
    total = 0.0
    for weight, output, gradient in probe.output_gradients:
        share = weight[0].numel() if fan_in else 1
        total += share * float(_by_channel(output * gradient).double().square().mean(0).sum()) / 2
    if not 0 < total < math.inf:
        raise ProxyUndefined("no gradient reaches any channel" if total == 0 else "a gradient is not finite")
    return total


def _by_channel(product: "Tensor") -> "Tensor":
    return product.sum((2, 3)) if product.ndim == 4 else product.flatten(1)
