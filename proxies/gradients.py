"""Sizes of the first gradient: grad_norm and snip."""

from zeroshot.probe import Probe, ProxyUndefined


def grad_norm(probe: Probe) -> float:
    """Sum over Conv2d and Linear layers of the Euclidean norm of the weight gradient, sum_l ||g_l||_2.

    Protocol: initialisation of the module as given (Kaiming-normal, fan-in, in a search); first batch of real
    data, mean cross-entropy, one backward pass; batch norm on the batch's statistics (training mode); biases
    and batch norm not counted; no eps. A dead layer adds 0; a net in which every layer is dead, or a gradient
    that is not finite, has no score. Norms are summed in float64. Not the variant sqrt(sum_l ||g_l||^2) on
    Gaussian inputs that some repositories call by the same name.

    Citation: Abdelfattah, Mehrotra, Dudziak, Lane, "Zero-Cost Proxies for Lightweight NAS", ICLR 2021.

    Cost: backward (one batch, shared). Needs labels.

    Raises:
        ProxyUndefined: No gradient reaches any weight.

    >>> from zeroshot.probe import example_probe
    >>> grad_norm(example_probe()) > 0
    True
    """
    norms = [float(gradient.double().norm()) for gradient in probe.weight_gradients(0)]
    return _positive(sum(norms))


def snip(probe: Probe) -> float:
    """Connection sensitivity summed over Conv2d and Linear weights, sum |W * g|.

    Protocol: that of `grad_norm` (first batch, training mode, mean cross-entropy, no eps); products are
    summed in float64. A dead layer adds 0; a net without any sensitivity has no score.

    Citation: Lee, Ajanthan, Torr, "SNIP: Single-shot network pruning based on connection sensitivity", ICLR
    2019; as an architecture score Abdelfattah et al., ICLR 2021.

    Cost: backward (one batch, shared). Needs labels.

    Raises:
        ProxyUndefined: No gradient reaches any weight.

    >>> from zeroshot.probe import example_probe
    >>> snip(example_probe()) > 0
    True
    """
    pairs = zip(probe.weights, probe.weight_gradients(0), strict=True)
    return _positive(sum(float((weight.double() * gradient).abs().sum()) for weight, gradient in pairs))


def _positive(total: float) -> float:
    if total == 0.0:
        raise ProxyUndefined("no gradient reaches any weight")
    return total
