"""The empirical neural tangent kernel at initialisation: ntk_cond and the TE-NAS aggregate."""

import numpy as np

from zeroshot.probing.probe import Probe, ProxyUndefined
from zeroshot.types import FloatArray


def ntk_cond(probe: Probe) -> float:
    """Minus the condition number of the empirical neural tangent kernel, -lambda_max / lambda_min.

    The kernel is G G^T, row i of G the gradient of image i's summed logits by the weights. A large condition
    number means that gradient descent learns some images far later than others, so the sign is turned.

    Protocol: initialisation as given; first batch of real data, labels unused; training mode: batch norm takes
    the batch's statistics, and row i includes what image i's logits owe to the others through them. Every
    parameter named weight counts, batch norm's too. Gradients in the pass's precision, kernel and eigenvalues
    in float64; a kernel that is singular to working precision has no score.

    Citation: Chen, Gong, Wang, "Neural Architecture Search on ImageNet in Four GPU Hours" (TE-NAS), ICLR 2021.

    Cost: per-sample (one backward pass an image over the whole batch, forward shared).

    Raises:
        ProxyUndefined: The kernel is singular, not finite, or of a single image.

    >>> from zeroshot.probing.probe import example_probe
    >>> ntk_cond(example_probe()) < -1
    True
    """
    if probe.images < 2:
        raise ProxyUndefined("the kernel of one image has no condition")
    gradients = probe.logit_gradients()
    kernel = (gradients.double() @ gradients.double().T).numpy()
    if not np.isfinite(kernel).all():
        raise ProxyUndefined("a gradient is not finite")
    eigenvalues = np.linalg.eigvalsh(kernel)
    # Rounding of the gradients, squared in the kernel, leaves eigenvalues below this to chance.
    noise = len(kernel) * float(np.finfo(gradients.numpy().dtype).eps)
    if eigenvalues[0] <= max(noise * noise, len(kernel) * np.finfo(np.float64).eps) * eigenvalues[-1]:
        raise ProxyUndefined("the tangent kernel is singular")
    return -float(eigenvalues[-1] / eigenvalues[0])


def te_nas(scores: FloatArray) -> FloatArray:
    """Sum of the ranks of `ntk_cond` and `linear_regions` in a population, as TE-NAS prunes by.

    A rank is 1 for the worst of n nets and n for the best, ties averaged, undefined scores worst. It depends on
    the population: scores of two populations cannot be compared.

    Citation: Chen, Gong, Wang, ICLR 2021.

    Args:
        scores: (n_nets, 2) float64: `ntk_cond` and `linear_regions`.

    Returns:
        (n_nets,) float64.

    >>> te_nas(np.array([[-9.0, 8.0], [-3.0, 8.0], [np.nan, 7.0]])).tolist()
    [4.5, 5.5, 2.0]
    """
    from scipy.stats import rankdata  # half of what importing this package would take

    return np.asarray(rankdata(np.where(np.isnan(scores), -np.inf, scores), axis=0).sum(1))
