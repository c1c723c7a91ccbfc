"""Linear readout: how much of the labels a linear map already reads off the untrained net."""

from typing import TYPE_CHECKING

from zeroshot.probing.probe import Probe, ProxyUndefined

if TYPE_CHECKING:
    from torch import Tensor

# Of the ridge regression, in units of the kernel's mean eigenvalue; the best by left-out error is taken.
PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
CONSTANT = 1e-5  # a unit whose spread is so small a part of its size is constant but for rounding in float32


def linear_readout(probe: Probe) -> float:
    """Share of the labels' variance that a ridge regression on the untrained activations predicts, R^2 left out.

    R^2 = 1 - sum_i |t_i - f_{-i}(z_i)|^2 / sum_i |t_i|^2, where t are centred one-hot labels, z_i the mean over
    positions of the output of every ReLU call for image i, standardised over the images, and f_{-i} the ridge
    regression on all other images. With the hat matrix H of the regression the left-out residual of image i is
    (t_i - (H t)_i) / (1 - H_ii), so one eigendecomposition gives all of them. Below 0 (nothing to read) it is 0.

    A linear probe (Alain and Bengio) of all depths at once, on weights as they were drawn: nothing is trained. It
    sees what counts cannot: what a low resolution, a narrow map or many strides lose of the image.

    Protocol: initialisation as given (Kaiming-normal in a search); the probe's readout batches (512 images in a
    search, batches of 32), without them its batches; batch norm on each batch's statistics (training mode); penalties
    0.01, 0.03, 0.1, 0.3, 1, 3 and 10 times the kernel's mean eigenvalue, the one of least left-out error, so that
    labels drawn at random may score a little above 0; units that never vary are left out; sums over images in
    float64. It grows with the number of images: compare only nets on equally many.

    Citation: this project; linear probes: Alain and Bengio, "Understanding intermediate layers using linear classifier
    probes", arXiv 1610.01644; left-out residuals: Hastie, Tibshirani, Friedman, "The Elements of Statistical
    Learning", 7.10.

    Cost: forward (16 batches in a search, of its own). Needs labels.

    Raises:
        ProxyUndefined: The net has no ReLU, one of another shape than (images, channels, ...), no unit varies, all
            images are of one class, or an activation is not finite.

    >>> from zeroshot.probing.probe import example_probe
    >>> 0 <= linear_readout(example_probe()) < 1
    True
    """
    activations, labels = probe.mean_activations()
    if not activations.shape[1]:
        raise ProxyUndefined("the net has no ReLU modules")
    if not bool(activations.isfinite().all()):
        raise ProxyUndefined("an activation is not finite")
    if int(labels.min()) == int(labels.max()):
        raise ProxyUndefined("all images are of one class")
    return max(0.0, 1.0 - _left_out_error(_standardised(activations), _centred_one_hot(labels)))


def _standardised(activations: "Tensor") -> "Tensor":
    """Columns that vary, with mean 0 and variance 1, (images, units) float64."""
    means = activations.double().mean(0)
    centred = activations.double() - means
    spread = centred.square().mean(0).sqrt()
    varied = spread > CONSTANT * means.abs()
    if not bool(varied.any()):
        raise ProxyUndefined("no unit varies between the images")
    return centred[:, varied] / spread[varied]


def _centred_one_hot(labels: "Tensor") -> "Tensor":
    from torch.nn.functional import one_hot

    targets = one_hot(labels.long()).double()
    return targets - targets.mean(0)


def _left_out_error(z: "Tensor", targets: "Tensor") -> float:
    """Least mean left-out squared error over the penalties, in units of the targets' variance.

    Args:
        z: (images, units) float64, standardised.
        targets: (images, classes) float64, centred.
    """
    import torch

    images, units = z.shape
    # H = basis diag(w) basis^T, from the smaller of the two products: a third of the time where units are few.
    if units < images:
        values, vectors = torch.linalg.eigh(z.T @ z / units)
        basis = z @ vectors
    else:
        values, basis = torch.linalg.eigh(z @ z.T / units)
    values = values.clamp(min=0)
    rotated, squares = basis.T @ targets, basis.square()
    errors = []
    for penalty in PENALTIES:
        w = (1 / units if units < images else values) / (values + penalty)
        residuals = targets - basis @ (w[:, None] * rotated)
        leverage = squares @ w + 1 / images  # the intercept's part
        errors.append(float((residuals / (1 - leverage)[:, None]).square().sum()))
    return min(errors) / float(targets.square().sum())
