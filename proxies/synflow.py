"""SynFlow and relatives: how much signal the weights pass on, without looking at data."""

import math
from typing import TYPE_CHECKING

from zeroshot.probing.probe import Probe, ProxyUndefined

if TYPE_CHECKING:
    from torch import Tensor


def synflow(probe: Probe) -> float:
    """Natural logarithm of the synaptic flow, ln sum |W * dR/dW| over Conv2d and Linear weights.

    R is the sum of the net's outputs for an all-ones input. The sum itself spans tens of orders of magnitude;
    its logarithm ranks nets alike and never overflows. (Not `logsynflow`, which takes a logarithm inside the
    sum.)

    Protocol: initialisation as given, then |W|, biases 0, batch norm replaced by the identity (neither
    statistics nor its affine part), evaluation mode; one all-ones image of the batch's shape, no data, no
    labels; no eps. A layer that nothing flows through adds 0 to the sum; where nothing flows at all there is
    no score. Passes in float32, in float64 when that overflows; the layers are added up in the log domain.

    Citation: Tanaka, Kunin, Yamins, Ganguli, "Pruning neural networks without any data by iteratively
    conserving synaptic flow", NeurIPS 2020; as an architecture score Abdelfattah et al., ICLR 2021.

    Cost: backward (one image, a pass of its own).

    Raises:
        ProxyUndefined: No signal passes, or the flow is not finite in float64.

    >>> from zeroshot.probing.probe import example_probe
    >>> synflow(example_probe()) > 0
    True
    """
    return _log_flow(probe.synaptic_gradients)


def synflow_bn(probe: Probe) -> float:
    """As `synflow`, with batch norm kept: ln sum |W * dR/dW|.

    Protocol: that of `synflow`, but batch norm stays, in training mode on the statistics of the one image of
    ones (magnitudes of its affine part, and of biases). Far from borders the image is constant and batch norm
    turns it to 0: what is left measures padding.

    Citation: SamsungLabs/zero-cost-nas, measure `synflow_bn`; several papers' "synflow".

    Cost: backward (one image, a pass of its own).

    Raises:
        ProxyUndefined: No signal passes, or batch norm sees a single value a channel.

    >>> from zeroshot.probing.probe import example_probe
    >>> synflow_bn(example_probe()) > -20
    True
    """
    return _log_flow(probe.synaptic_gradients_with_batch_norm)


def logsynflow(probe: Probe) -> float:
    """Flow with the gradients scaled down before the sum, sum |W| * ln(1 + |dR/dW|).

    Protocol: that of `synflow` (shared pass): |W|, biases 0, batch norm replaced by the identity, one image of
    ones. Sums in float64.

    Citation: Cavagnero, Robbiano, Caputo, Averta, "FreeREA: Training-Free Evolution-based Architecture Search",
    WACV 2023.

    Cost: backward (one image, shared with `synflow`).

    Raises:
        ProxyUndefined: No signal passes, or the flow is not finite in float64.

    >>> from zeroshot.probing.probe import example_probe
    >>> logsynflow(example_probe()) > 0
    True
    """
    total = sum(float((w * g.abs().log1p()).sum()) for w, g in probe.synaptic_gradients)
    if not 0 < total < math.inf:
        raise ProxyUndefined("no signal passes through the net" if total == 0 else "the synaptic flow is not finite")
    return total


def _log_flow(pairs: "list[tuple[Tensor, Tensor]]") -> float:
    sums = [float((w * g).abs().sum()) for w, g in pairs]
    logs = [math.log(value) for value in sums if value > 0]
    if not logs:
        raise ProxyUndefined("no signal passes through the net")
    largest = max(logs)
    return largest + math.log(math.fsum(math.exp(value - largest) for value in logs))
