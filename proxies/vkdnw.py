"""VKDNW: how evenly the Fisher information spreads over a net's parameters."""

import numpy as np

from zeroshot.probing.probe import Probe, ProxyUndefined


def vkdnw(probe: Probe) -> float:
    """Variance of knowledge for deep network weights, N - sum_k q_k ln q_k.

    N is the number of parameter tensors. q are the nine deciles 0.1 ... 0.9 of the eigenvalues of the Fisher
    information F = mean_b J_b^T (diag(p_b) - p_b p_b^T) J_b, divided by their sum; J_b is the derivative of
    image b's logits by one number of each parameter tensor, the first, and p_b its class probabilities. The
    entropy, at most ln 9, tells nets of equal depth apart.

    Protocol: initialisation as given (Kaiming-normal, fan-in, in a search, as the authors'); first batch, labels
    unused; each image is a batch of its own (batch norm on its statistics alone, as in the authors' NAS-Bench-201
    nets); parameters of Conv2d, Linear and batch norm. Eigenvalues in float64. The paper's formula: the authors'
    code also smooths p by 0.05, and multiplies J by the Cholesky factor of the covariance itself, not by its
    transpose.

    Citation: Tybl and Neumann, "Training-free Neural Architecture Search through Variance of Knowledge of Deep
    Network Weights", CVPR 2025 (there VKDNW_single).

    Cost: per-sample (one backward pass a class, forward shared with `gradsign`).

    Raises:
        ProxyUndefined: The information is nil or not finite.

    >>> from zeroshot.probing.probe import example_probe
    >>> 20 < vkdnw(example_probe()) < 40
    True
    """
    logits, jacobian = (tensor.double().numpy() for tensor in probe.first_weight_jacobian())
    if not np.isfinite(jacobian).all() or not np.isfinite(logits).all():
        raise ProxyUndefined("a gradient is not finite")
    odds = np.exp(logits - logits.max(1, keepdims=True))
    p = odds / odds.sum(1, keepdims=True)
    centred = jacobian - np.einsum("bc,bcd->bd", p, jacobian)[:, None]
    # J^T (diag(p) - p p^T) J is the covariance of J's rows under p.
    root = (np.sqrt(p)[:, :, None] * centred).reshape(-1, jacobian.shape[2]) / np.sqrt(len(p))
    deciles = np.quantile(np.linalg.eigvalsh(root.T @ root).clip(0), np.arange(1, 10) / 10)
    if deciles.sum() == 0:
        raise ProxyUndefined("the logits depend on too few parameters")
    shares = deciles[deciles > 0] / deciles.sum()
    return float(jacobian.shape[2] - (shares * np.log(shares)).sum())
