"""Sizes of weights and of the first gradient: l2_norm, grad_norm, grad_norm_global, plain, snip, grasp."""

import math

from zeroshot.probing.probe import Probe, ProxyUndefined


def l2_norm(probe: Probe) -> float:
    """Sum over Conv2d and Linear layers of the Euclidean norm of the weights, sum_l ||W_l||_2.

    Protocol: initialisation of the module as given (under Kaiming-normal weights a closed form of the widths, up
    to noise); no data, no pass; biases and batch norm not counted. Norms are summed in float64.

    Citation: as an architecture score Abdelfattah et al., ICLR 2021.

    Cost: forward (the weights alone, no pass).

    Raises:
        ProxyUndefined: There are no weights, or all are 0.

    >>> from zeroshot.probing.probe import example_probe
    >>> l2_norm(example_probe()) > 0
    True
    """
    total = sum(float(weight.double().norm()) for weight in probe.weights)
    if not 0 < total < math.inf:
        raise ProxyUndefined("all weights are 0" if total == 0 else "a weight is not finite")
    return total


def grad_norm(probe: Probe) -> float:
    """Sum over Conv2d and Linear layers of the Euclidean norm of the weight gradient, sum_l ||g_l||_2.

    Protocol: initialisation of the module as given (Kaiming-normal, fan-in, in a search); first batch of real
    data, mean cross-entropy, one backward pass; batch norm on the batch's statistics (training mode); biases
    and batch norm not counted; no eps. A dead layer adds 0; a net in which every layer is dead, or a gradient
    that is not finite, has no score. Norms are summed in float64. Some repositories call `grad_norm_global` by
    this name.

    Citation: Abdelfattah, Mehrotra, Dudziak, Lane, "Zero-Cost Proxies for Lightweight NAS", ICLR 2021.

    Cost: backward (one batch, shared). Needs labels.

    Raises:
        ProxyUndefined: No gradient reaches any weight.

    >>> from zeroshot.probing.probe import example_probe
    >>> grad_norm(example_probe()) > 0
    True
    """
    norms = [float(gradient.double().norm()) for gradient in probe.weight_gradients(0)]
    return _positive(sum(norms))


def grad_norm_global(probe: Probe) -> float:
    """Euclidean norm of the gradient by all parameters, sqrt(sum_p ||g_p||^2).

    Protocol: that of the ZenNAS repository, which ZiCo's tables use. Conv2d and Linear weights drawn from
    N(0, 1) anew (the module's own are untouched), batch norm 1 and 0, biases 0; standard normal images of the
    first batch's shape, uniformly random labels, mean cross-entropy, training mode. Every parameter counts,
    batch norm's and biases too. All random numbers come from the probe's seed; sums in float64.

    Citation: idstcv/ZenNAS, ZeroShotProxy/compute_gradnorm_score.py; Lin et al., ICCV 2021.

    Cost: backward (a batch of its own). Needs no labels.

    Raises:
        ProxyUndefined: No gradient reaches any parameter.

    >>> from zeroshot.probing.probe import example_probe
    >>> grad_norm_global(example_probe()) > 0
    True
    """
    return _positive(math.sqrt(sum(float(g.double().square().sum()) for g in probe.noise_gradients())))


def plain(probe: Probe) -> float:
    """Sum over Conv2d and Linear weights of weight times gradient, sum W * g, signed.

    Batch norm makes a layer before it blind to the scale of its weights, and the sum over such a layer 0 up to
    eps: what is left comes from layers without batch norm, mostly the classifier.

    Protocol: that of `grad_norm` (first batch, training mode, mean cross-entropy); the sign is that of the
    reference. Products in float32 would drown in rounding and are summed in float64.

    Citation: Abdelfattah et al., ICLR 2021 (there as `plain`, after Mozer and Smolensky, NeurIPS 1988).

    Cost: backward (one batch, shared). Needs labels.

    Raises:
        ProxyUndefined: No gradient reaches any weight.

    >>> from zeroshot.probing.probe import example_probe
    >>> abs(plain(example_probe())) < 10
    True
    """
    gradients = probe.weight_gradients(0)
    if not any(bool(g.any()) for g in gradients):
        raise ProxyUndefined("no gradient reaches any weight")
    return _finite(sum(float((w.double() * g).sum()) for w, g in zip(probe.weights, gradients, strict=True)))


def snip(probe: Probe) -> float:
    """Connection sensitivity summed over Conv2d and Linear weights, sum |W * g|.

    Protocol: that of `grad_norm` (first batch, training mode, mean cross-entropy, no eps); products are
    summed in float64. A dead layer adds 0; a net without any sensitivity has no score.

    Citation: Lee, Ajanthan, Torr, "SNIP: Single-shot network pruning based on connection sensitivity", ICLR
    2019; as an architecture score Abdelfattah et al., ICLR 2021.

    Cost: backward (one batch, shared). Needs labels.

    Raises:
        ProxyUndefined: No gradient reaches any weight.

    >>> from zeroshot.probing.probe import example_probe
    >>> snip(example_probe()) > 0
    True
    """
    pairs = zip(probe.weights, probe.weight_gradients(0), strict=True)
    return _positive(sum(float((weight.double() * gradient).abs().sum()) for weight, gradient in pairs))


def grasp(probe: Probe) -> float:
    """Loss of gradient flow by pruning, summed over Conv2d and Linear weights: -sum W * (H g).

    H is the Hessian of the mean cross-entropy by the weights, g its gradient.

    Protocol: that of `grad_norm` (first batch, training mode); temperature 1, one iteration, both gradients of
    the same batch. ReLU counts as linear on both sides of 0, as automatic differentiation has it. The sign is
    that of zero-cost-nas, which turned the pruning paper's: there weights with a small score are pruned, while
    among architectures accuracy goes the other way.

    Citation: Wang, Zhang, Grosse, "Picking Winning Tickets Before Training by Preserving Gradient Flow", ICLR
    2020; as an architecture score Abdelfattah et al., ICLR 2021.

    Cost: backward (one batch, twice differentiated: about eight times the price of `grad_norm`). Needs labels.

    Raises:
        ProxyUndefined: No gradient reaches any weight.

    >>> from zeroshot.probing.probe import example_probe
    >>> abs(grasp(example_probe())) > 0
    True
    """
    product = _finite(probe.curvature)
    if product == 0.0:
        raise ProxyUndefined("no curvature along any weight")
    return -product


def _positive(total: float) -> float:
    if total == 0.0:
        raise ProxyUndefined("no gradient reaches any weight")
    return _finite(total)


def _finite(total: float) -> float:
    if not math.isfinite(total):
        raise ProxyUndefined("a gradient is not finite")
    return total
