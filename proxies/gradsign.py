"""GradSign: whether the images agree on which way a weight should go."""

from zeroshot.probing.probe import Probe, ProxyUndefined


def gradsign(probe: Probe) -> float:
    """Agreement of the per-image gradients' signs, sum_w |sum_b sign(g_wb)| over Conv2d and Linear weights.

    Protocol: initialisation as given; first batch of real data; each image is a batch of its own, as the authors
    run them: its own cross-entropy, batch norm on its statistics alone (training mode). A gradient of exactly 0
    has sign 0; one that is 0 but for rounding adds noise. Biases and batch norm not counted.

    Citation: Zhang and Jia, "GradSign: Model Performance Inference with Theoretical Insights", ICLR 2022.

    Cost: per-sample (a batch of its own, shared with `vkdnw`). Needs labels.

    Raises:
        ProxyUndefined: No gradient reaches any weight, or one is not finite.

    >>> from zeroshot.probing.probe import example_probe
    >>> 0 < gradsign(example_probe())
    True
    """
    total = 0.0
    for gradients in probe.weight_gradients_alone():
        if not bool(gradients.isfinite().all()):
            raise ProxyUndefined("a gradient is not finite")
        total += float(gradients.sign().sum(0).abs().double().sum())
    if total == 0.0:
        raise ProxyUndefined("no gradient reaches any weight")
    return total
