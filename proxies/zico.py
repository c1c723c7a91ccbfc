"""ZiCo: how stable the gradient is from batch to batch, with its bias correction and its published code."""

import math
from typing import TYPE_CHECKING

from zeroshot.probing.probe import Probe, ProxyUndefined

if TYPE_CHECKING:
    from torch import Tensor


def zico(probe: Probe) -> float:
    """Inverse coefficient of gradient variation, sum_l log sum_{w: sd_w > 0} mean|g_w| / sd_w.

    Mean and population standard deviation of each Conv2d and Linear weight's gradient are over the batches;
    the inner sum is over the weights of layer l, the logarithm is natural.

    Protocol: Kaiming-normal initialisation (fan-in); two batches of real data (more are allowed, and give
    another scale); mean cross-entropy, batch norm on each batch's statistics (training mode), the weights are
    not updated in between; no eps. A weight whose gradient does not vary is left out; a layer of such weights
    only (dead, or the same batch twice) adds nothing; a net of such layers only has no score. With two
    batches every term is at least 1, so no layer's logarithm is negative. Sums in float64. The authors' code
    computes `zico_accumulated`.

    Citation: Li, Yang, Bhardwaj, Marculescu, "ZiCo: Zero-shot NAS via inverse Coefficient of Variation on
    Gradients", ICLR 2023.

    Cost: backward (two batches, the first shared). Needs labels.

    Raises:
        ProxyUndefined: No weight's gradient varies between the batches, or one is not finite.

    >>> from zeroshot.probing.probe import example_probe
    >>> zico(example_probe()) > 0
    True
    """
    return _inverse_variation(probe, _stacked(probe))


def zico_accumulated(probe: Probe) -> float:
    """ZiCo as its authors' code computes it: over running sums of the batches' gradients.

    Protocol: that of `zico`, but the i-th gradient is the sum of those of the first i batches, because the
    published loop never clears gradients between backward passes. With two batches the terms are
    (|g_1| + |g_1 + g_2|) / |g_2|.

    Citation: SLDGroup/ZiCo, ZeroShotProxy/compute_zico.py.

    Cost: backward (two batches, shared with `zico`). Needs labels.

    Raises:
        ProxyUndefined: No weight's gradient varies between the batches, or one is not finite.

    >>> from zeroshot.probing.probe import example_probe
    >>> zico_accumulated(example_probe()) > 0
    True
    """
    return _inverse_variation(probe, _stacked(probe).cumsum(0))


def zico_bc(probe: Probe) -> float:
    """ZiCo with bias correction, zico - beta sum_l ln(H_l W_l / sqrt(C_l)), beta = 1.

    H_l, W_l and C_l are height, width and channels of the output of every Conv2d; the correction holds back thin
    and deep nets, which ZiCo overrates.

    Protocol: that of `zico`.

    Citation: Bhardwaj, Cheng, Priyadarshi, Li, "ZiCo-BC: A Bias Corrected Zero-Shot NAS for Vision Tasks", ICCV
    Workshops 2023.

    Cost: backward (two batches, shared with `zico`). Needs labels.

    Raises:
        ProxyUndefined: No weight's gradient varies between the batches, or one is not finite.

    >>> from zeroshot.probing.probe import example_probe
    >>> zico_bc(example_probe()) < zico(example_probe())
    True
    """
    return zico(probe) - sum(math.log(h * w / math.sqrt(c)) for c, h, w in probe.map_shapes())


def _stacked(probe: Probe) -> "Tensor":
    """Gradients by every weight, a batch a row: (batches, weights) float64."""
    import torch

    flat = [torch.cat([g.flatten() for g in probe.weight_gradients(i)]) for i in range(len(probe.batches))]
    return torch.stack(flat).double()


def _inverse_variation(probe: Probe, gradients: "Tensor") -> float:
    import torch

    sizes = [weight.numel() for weight in probe.weights]
    sd = (gradients - gradients.mean(0)).square().mean(0).sqrt()
    if not bool(sd.isfinite().all()):
        raise ProxyUndefined("a gradient is not finite")
    ratio = torch.where(sd > 0, gradients.abs().mean(0) / sd, 0.0)
    totals = [float(layer.sum()) for layer in torch.split(ratio, sizes)]
    if not any(totals):
        raise ProxyUndefined("no gradient varies between the batches")
    return sum(math.log(total) for total in totals if total > 0)
