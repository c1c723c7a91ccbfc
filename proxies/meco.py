"""MeCo: how far from linearly dependent a layer's channels are."""

import numpy as np

from zeroshot.probing.probe import Probe, ProxyUndefined


def meco(probe: Probe) -> float:
    """Minimum eigenvalue of the channels' correlation, sum over feature maps of lambda_min(P).

    P is the (channels, channels) Pearson correlation matrix of a feature map's channels over its positions.

    Protocol: initialisation as given; one standard normal image of the batch's shape (from the probe's seed), no
    data, no labels; training mode, batch norm on the image's statistics; the four-dimensional output of every
    call of every leaf module (convolution, batch norm, ReLU, pooling, addition), identities apart. The authors'
    code hooks containers as well and so counts their last layer again for every level of nesting, and takes
    64x64 images for any net. P of a map with no more positions than channels is singular, and so is P of a map
    with a constant channel (its correlations count as 0): both add 0. Correlations and eigenvalues in float64.

    Citation: Jiang, Wang, Bie, "MeCo: Zero-Shot NAS with One Data and Single Forward Pass via Minimum Eigenvalue
    of Correlation", NeurIPS 2023.

    Cost: forward (one noise image of its own).

    Raises:
        ProxyUndefined: No map has independent channels, or one is not finite.

    >>> from zeroshot.probing.probe import example_probe
    >>> meco(example_probe()) > 0
    True
    """
    total = 0.0
    for features in probe.noise_maps():
        channels, positions = features.shape
        rows = features.double().numpy()
        if not np.isfinite(rows).all():
            raise ProxyUndefined("a feature map is not finite")
        rows = rows - rows.mean(1, keepdims=True)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        # Centring takes one dimension away: that many channels at least depend on the others.
        if channels < positions and lengths.all():
            rows = rows / lengths
            total += float(np.linalg.eigvalsh(rows @ rows.T)[0])
    if total <= 0.0:
        raise ProxyUndefined("no feature map has independent channels")
    return total
