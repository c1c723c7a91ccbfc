"""Counting ReLU patterns: linear_regions by image, swap by unit, reg_swap."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from zeroshot.probing.probe import Probe, ProxyUndefined
from zeroshot.types import FloatArray

if TYPE_CHECKING:
    from torch import Tensor


def linear_regions(probe: Probe) -> float:
    """Number of linear regions that the images fall into: distinct binary ReLU codes.

    Protocol: initialisation as given; the images of the first batch, labels unused, training mode (the pass
    that `naswot` uses). Never above the batch size, which nearly every net reaches: TE-NAS gets other values
    only by shrinking the nets and drawing thousands of tiny images.

    Citation: Chen, Gong, Wang, "Neural Architecture Search on ImageNet in Four GPU Hours" (TE-NAS), ICLR 2021.

    Cost: forward (one batch, shared).

    Raises:
        ProxyUndefined: The net has no ReLU.

    >>> from zeroshot.probing.probe import example_probe
    >>> linear_regions(example_probe())
    8.0
    """
    codes = [code.numpy() for code in _codes(probe)]
    return float(len({b"".join(code[i].tobytes() for code in codes) for i in range(probe.images)}))


def swap(probe: Probe) -> float:
    """Sample-wise activation patterns: number of distinct columns of the (images, ReLU units) sign matrix.

    A unit's pattern says on which images it fires; a net is more expressive the more different patterns it has.

    Protocol: initialisation as given; the images of the first batch, labels unused, training mode (the pass that
    `naswot` uses); every call of nn.ReLU, units being channels at every position. At most 2^batch: the authors
    use 16 to 32 images, and average over repeated N(0, 1) initialisations, of which this is one.

    Citation: Peng, Song, Fayek, Ciesielski, Chang, "SWAP-NAS: Sample-Wise Activation Patterns for Ultra-fast
    NAS", ICLR 2024.

    Cost: forward (one batch, shared).

    Raises:
        ProxyUndefined: The net has no ReLU.

    >>> from zeroshot.probing.probe import example_probe
    >>> swap(example_probe()) <= 2**8
    True
    """
    patterns = np.concatenate([_patterns(code) for code in _codes(probe)])
    if patterns.shape[1] == 1:
        # A sort of whole numbers: 5 ms for 400,000 units of 32 images, 20 times faster than of rows of bytes.
        values = np.sort(patterns[:, 0])
        return float(1 + np.count_nonzero(values[1:] != values[:-1]))
    return float(len(np.unique(patterns, axis=0)))


def reg_swap(scores: FloatArray) -> FloatArray:
    """Regularised SWAP: swap * exp(-(P - mu)^2 / sigma), which draws the choice towards nets of mu parameters.

    The paper leaves mu and sigma to the user. Here mu is the mean of the population's parameters P and sigma
    twice their variance, so that the factor is a normal density of the sizes up to scale; scores of two
    populations cannot be compared.

    Citation: Peng et al., ICLR 2024.

    Args:
        scores: (n_nets, 2) float64: `swap` and `params`; NaN gives NaN.

    Returns:
        (n_nets,) float64.

    >>> reg_swap(np.array([[100.0, 1.0], [100.0, 2.0], [100.0, 3.0]])).round(1).tolist()
    [47.2, 100.0, 47.2]
    """
    patterns, params = scores[:, 0], scores[:, 1]
    known = params[~np.isnan(params)]
    spread = 2 * float(known.var()) if len(known) else 0.0
    factor = (
        np.exp(-np.square(params - known.mean()) / spread) if spread > 0 else np.where(np.isnan(params), params, 1.0)
    )
    return np.asarray(patterns * factor)


def _codes(probe: Probe) -> "list[Tensor]":
    codes = probe.relu_codes()
    if not codes:
        raise ProxyUndefined("the net has no ReLU modules")
    return codes


def _patterns(code: "Tensor") -> npt.NDArray[np.uint64]:
    """Codes (images, units) to one row a unit of 64 images a word: (units, words)."""
    packed = np.packbits(code.numpy(), axis=0)
    padded = np.pad(packed, ((0, -len(packed) % 8), (0, 0)))
    return np.ascontiguousarray(padded.T).view(np.uint64)
