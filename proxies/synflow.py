"""SynFlow: how much signal the weights pass on, without looking at data."""

import math

from zeroshot.probe import Probe, ProxyUndefined


def synflow(probe: Probe) -> float:
    """Natural logarithm of the synaptic flow, ln sum |W * dR/dW| over Conv2d and Linear weights.

    R is the sum of the net's outputs for an all-ones input. The sum itself spans tens of orders of magnitude;
    its logarithm ranks nets alike and never overflows. (Not LogSynflow, which takes a logarithm inside the
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

    >>> from zeroshot.probe import example_probe
    >>> synflow(example_probe()) > 0
    True
    """
    logs = probe.synaptic_flow()
    largest = max(logs, default=-math.inf)
    if largest == -math.inf:
        raise ProxyUndefined("no signal passes through the net")
    return largest + math.log(math.fsum(math.exp(value - largest) for value in logs))
