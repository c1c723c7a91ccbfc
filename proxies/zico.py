"""ZiCo: how stable the gradient is from batch to batch."""

import math

from zeroshot.probe import Probe, ProxyUndefined


def zico(probe: Probe) -> float:
    """Inverse coefficient of gradient variation, sum_l log sum_{w: sd_w > 0} mean|g_w| / sd_w.

    Mean and population standard deviation of each Conv2d and Linear weight's gradient are over the batches;
    the inner sum is over the weights of layer l, the logarithm is natural.

    Protocol: Kaiming-normal initialisation (fan-in); two batches of real data (more are allowed, and give
    another scale); mean cross-entropy, batch norm on each batch's statistics (training mode), the weights are
    not updated in between; no eps. A weight whose gradient does not vary is left out; a layer of such weights
    only (dead, or the same batch twice) adds nothing; a net of such layers only has no score. With two
    batches every term is at least 1, so no layer's logarithm is negative. Sums in float64.

    Citation: Li, Yang, Bhardwaj, Marculescu, "ZiCo: Zero-shot NAS via inverse Coefficient of Variation on
    Gradients", ICLR 2023.

    Cost: backward (two batches, the first shared). Needs labels.

    Raises:
        ProxyUndefined: No weight's gradient varies between the batches, or one is not finite.

    >>> from zeroshot.probe import example_probe
    >>> zico(example_probe()) > 0
    True
    """
    import torch

    sizes = [weight.numel() for weight in probe.weights]
    flat = [torch.cat([g.flatten() for g in probe.weight_gradients(i)]) for i in range(len(probe.batches))]
    gradients = torch.stack(flat).double()
    sd = (gradients - gradients.mean(0)).square().mean(0).sqrt()
    if not bool(sd.isfinite().all()):
        raise ProxyUndefined("a gradient is not finite")
    ratio = torch.where(sd > 0, gradients.abs().mean(0) / sd, 0.0)
    totals = [float(layer.sum()) for layer in torch.split(ratio, sizes)]
    if not any(totals):
        raise ProxyUndefined("no gradient varies between the batches")
    return sum(math.log(total) for total in totals if total > 0)
