"""Correlations between images of the gradient by the input: jacob_cov and epe_nas."""

import numpy as np

from zeroshot.probing.probe import Probe, ProxyUndefined
from zeroshot.types import FloatArray

EPS = 1e-5


def jacob_cov(probe: Probe) -> float:
    """How little the input gradients of different images correlate: -sum_i [ln(v_i + k) + 1 / (v_i + k)].

    v are the eigenvalues of the (batch, batch) Pearson correlation matrix of the rows of d(sum of all
    logits)/dx, k = 1e-5.

    Protocol: initialisation as given; first batch of real data, labels unused; training mode, so that batch
    norm couples the images; rows in the pass's precision, correlations and eigenvalues in float64. Scores grow
    with the batch size: compare only nets on equal batches. Also known as jacov, and as the first version of
    NASWOT.

    Citation: Mellor, Turner, Storkey, Crowley, "Neural Architecture Search without Training", arXiv 2006.04647
    version 1; as named here Abdelfattah et al., ICLR 2021.

    Cost: backward (one batch, forward shared, no weight gradients).

    Raises:
        ProxyUndefined: An image has no gradient, or there is only one.

    >>> from zeroshot.probing.probe import example_probe
    >>> jacob_cov(example_probe()) < 0
    True
    """
    eigenvalues = np.linalg.eigvalsh(_correlations(_rows(probe))) + EPS
    return -float(np.sum(np.log(eigenvalues) + 1 / eigenvalues))


def epe_nas(probe: Probe) -> float:
    """How the input gradients of images of one class correlate: sum_c |sum_ij ln(|rho_ij| + k)|.

    rho is the Pearson correlation matrix of the rows of d(sum of all logits)/dx of class c, k = 1e-5. With more
    than 100 classes the authors change the formula: s_c is the mean over rows of the sum, and the score is
    sum_{c, d} |s_c - s_d| / (classes seen).

    Protocol: that of `jacob_cov`, and labels. A class with one image adds next to nothing, ln(1 + k). Classes
    that the batch lacks do not count.

    Citation: Lopes, Alirezazadeh, Alexandre, "EPE-NAS: Efficient Performance Estimation Without Training for
    Neural Architecture Search", ICANN 2021.

    Cost: backward (one batch, shared with `jacob_cov`). Needs labels.

    Raises:
        ProxyUndefined: An image has no gradient, or there is only one.

    >>> from zeroshot.probing.probe import example_probe
    >>> epe_nas(example_probe()) > 0
    True
    """
    rows, labels = _rows(probe), probe.labels.numpy()
    matrices = [np.log(np.abs(_correlations(rows[labels == c])) + EPS) for c in np.unique(labels)]
    if probe.classes <= 100:
        return float(sum(abs(logs.sum()) for logs in matrices))
    sums = np.array([logs.sum() / len(logs) for logs in matrices])
    return float(np.abs(sums[:, None] - sums).sum() / len(sums))


def _rows(probe: Probe) -> FloatArray:
    """Input gradients (batch, pixels), centred and of length 1."""
    rows: FloatArray = probe.input_gradients.double().numpy()
    if len(rows) < 2:
        raise ProxyUndefined("one image has no correlations")
    if not np.isfinite(rows).all():
        raise ProxyUndefined("a gradient is not finite")
    rows = rows - rows.mean(1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not lengths.all():
        raise ProxyUndefined("the output does not depend on an image")
    return np.asarray(rows / lengths)


def _correlations(rows: FloatArray) -> FloatArray:
    return np.asarray(rows @ rows.T)
