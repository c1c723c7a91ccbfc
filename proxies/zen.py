"""Zen-score: how far noise moves the last feature map, with what batch norm took out put back."""

from typing import TYPE_CHECKING

import numpy as np

from zeroshot.probing.probe import Probe, ProxyUndefined

if TYPE_CHECKING:
    from torch import Tensor


def zen(probe: Probe) -> float:
    """Zen-score, ln mean_b ||f(x) - f(x + 0.01 e)||_1 + sum_BN ln sqrt(mean_c var_c).

    f is the feature map before global average pooling (the input of the last nn.AdaptiveAvgPool2d; without one,
    the last four-dimensional output of a layer), x and e standard normal.

    Protocol: Conv2d and Linear weights drawn anew from N(0, 1) (the module's own are untouched), batch norm 1
    and 0, biases 0; one repetition on images of the first batch's shape, all numbers from the probe's seed, no
    data, no labels; training mode. var is the variance that batch norm takes of x, as the paper has it; the
    authors' code reads running averages, see `zen_running`. Meaningful for nets without shortcuts: with one, the
    sum over batch norms does not restore the scale.

    Citation: Lin et al., "Zen-NAS: A Zero-Shot NAS for High-Performance Image Recognition", ICCV 2021.

    Cost: forward (two noise batches of its own).

    Raises:
        ProxyUndefined: There is no feature map, or it does not move, or a batch norm has no variance.

    >>> from zeroshot.probing.probe import example_probe
    >>> zen(example_probe()) > -10
    True
    """
    change, variances, _ = probe.noise_response
    return _score(change, variances)


def zen_running(probe: Probe) -> float:
    """As `zen`, with batch norm's running variance after the two passes instead of the batch's.

    Protocol: that of `zen`. Batch norm starts at a running variance of 1 and moves a tenth of the way in each
    pass: var = 0.81 + 0.09 v(x) + 0.1 v(x + 0.01 e), which squeezes the sum towards 0. This is what the authors'
    code gives with one repetition, the published value of NAS-Bench-Suite-Zero.

    Citation: idstcv/ZenNAS, ZeroShotProxy/compute_zen_score.py; Krishnakumar et al., "NAS-Bench-Suite-Zero",
    NeurIPS 2022.

    Cost: forward (shared with `zen`).

    Raises:
        ProxyUndefined: There is no feature map, or it does not move.

    >>> from zeroshot.probing.probe import example_probe
    >>> zen_running(example_probe()) != zen(example_probe())
    True
    """
    change, first, second = probe.noise_response
    return _score(change, [0.81 + 0.09 * a + 0.1 * b for a, b in zip(first, second, strict=True)])


def _score(change: float, variances: "list[Tensor]") -> float:
    means = np.array([float(v.double().mean()) for v in variances])
    if not 0 < change < np.inf:
        raise ProxyUndefined("the last feature map does not move, or without bounds")
    if not (means > 0).all():
        raise ProxyUndefined("a batch norm sees no variance")
    return float(np.log(change) + 0.5 * np.log(means).sum())
