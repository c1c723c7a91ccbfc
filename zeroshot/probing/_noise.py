"""The passes over noise from which a probe's data-free views come, one function a pass."""

from functools import partial
from typing import TYPE_CHECKING, Any

from zeroshot.probing._views import loss
from zeroshot.probing.passes import ProxyUndefined, Runner, batch_norms, blocks, gradients, hooked, leaves, shadowed

if TYPE_CHECKING:
    from torch import Tensor, nn

    from zeroshot.types import FloatArray

# Streams of a net's random numbers; the proxies' scores change with them.
IMAGES, PERTURBATION, WEIGHTS, LABELS, SIGNS = range(1, 6)


def block_features(runner: Runner, x: "Tensor") -> "list[Tensor]":
    """Outputs of the blocks, (batch, channels, height, width) with their graph, on standard normal images."""
    found: list[Tensor] = []
    images = runner.noise(x.shape, x, IMAGES).requires_grad_()
    with hooked(blocks(runner.module), lambda _m, _i, out: found.append(out)), runner.isolated(training=True):
        runner.forward(images)
    return [f for f in found if f.ndim == 4]


def spectrum(features: "Tensor") -> "FloatArray":
    """Eigenvalues, (channels,) ascending, of the channels' covariance over images and positions."""
    import numpy as np

    rows = features.permute(0, 2, 3, 1).flatten(0, 2)
    rows = rows - rows.mean(0)
    covariance = (rows.T @ rows).double().numpy() / len(rows)
    if not np.isfinite(covariance).all():
        raise ProxyUndefined("a block's output is not finite")
    return np.asarray(np.linalg.eigvalsh(covariance))


def block_pulls(runner: Runner, features: "list[Tensor]") -> "list[tuple[Tensor, Tensor]]":
    """(g_in, g_out) of each block but the first: random signs at its output, and pulled back to its input."""
    import numpy as np
    import torch

    bits = np.random.default_rng([runner.seed % 2**63, SIGNS])
    pairs = []
    for before, after in zip(features, features[1:], strict=False):
        batch, channels, height, width = after.shape
        # Bits of a byte each: 30 times faster than torch's bernoulli_, and no slower than the pass.
        drawn = np.unpackbits(np.frombuffer(bits.bytes(-(-after.numel() // 8)), np.uint8), count=after.numel())
        signs = torch.from_numpy(drawn).to(after.dtype).mul_(2).sub_(1)
        signs = signs.view(batch, height, width, channels).permute(0, 3, 1, 2)
        if not after.requires_grad:
            raise ProxyUndefined("a block does not depend on its input")
        (pulled,) = torch.autograd.grad(after, before, signs, retain_graph=True, allow_unused=True)
        if pulled is None:
            raise ProxyUndefined("a block does not depend on the block before it")
        pairs.append((pulled, signs))
    return pairs


def noise_maps(runner: Runner, x: "Tensor") -> "list[Tensor]":
    """(channels, height * width) of every leaf module's output for one standard normal image."""
    import torch

    found: list[Tensor] = []

    def keep(_module: "nn.Module", _inputs: object, out: "Tensor") -> None:
        if isinstance(out, torch.Tensor) and out.ndim == 4:
            found.append(out[0].flatten(1).clone())

    image = runner.noise((1, *x.shape[1:]), x, IMAGES)
    with hooked(leaves(runner.module), keep), runner.isolated(training=True), torch.no_grad():
        runner.forward(image)
    return found


def noise_response(runner: Runner, x: "Tensor") -> "tuple[float, list[Tensor], list[Tensor]]":
    """How far the last feature map moves when noise images move by 1%, and what batch norm saw.

    Returns:
        Mean over images of sum |f(x) - f(x + 0.01 e)|, and the unbiased variances, (channels,) for each batch
        norm in execution order, of the pass over x and of the one over x + 0.01 e.
    """
    import torch

    images = runner.noise(x.shape, x, IMAGES)
    moved = images + 0.01 * runner.noise(x.shape, x, PERTURBATION)
    values = _normal_values(runner, x)
    with runner.isolated(training=True), torch.no_grad():
        still, variances = _before_pooling(runner, images, values)
        shifted, moved_variances = _before_pooling(runner, moved, values)
    change = (still.double() - shifted.double()).abs().flatten(1).sum(1).mean()
    return float(change), variances, moved_variances


def noise_gradients(runner: Runner, x: "Tensor") -> "list[Tensor]":
    """Gradients by every parameter with standard normal weights, images of noise and random labels."""
    import torch

    values = {name: value.requires_grad_() for name, value in _normal_values(runner, x).items()}
    with runner.isolated(training=True):
        logits = runner.forward(runner.noise(x.shape, x, IMAGES), values)
        labels = torch.randint(logits.shape[1], (len(x),), generator=runner.generator(LABELS))
        return gradients(loss(logits, labels), list(values.values()))


def _normal_values(runner: Runner, x: "Tensor") -> "dict[str, Tensor]":
    """Every parameter by name, drawn afresh: weights of Conv2d and Linear N(0, 1), batch norm 1 and 0, biases 0."""
    import torch

    generator = runner.generator(WEIGHTS)
    weights = {id(weight) for weight in runner.weights}
    scales = {id(norm.weight) for norm in batch_norms(runner.module)}
    values = {}
    for name, parameter in runner.module.named_parameters():
        if id(parameter) in weights:
            values[name] = torch.randn(parameter.shape, generator=generator).to(x.dtype)
        else:
            values[name] = torch.full_like(parameter, float(id(parameter) in scales)).detach()
    return values


def _before_pooling(runner: Runner, x: "Tensor", values: "dict[str, Tensor]") -> "tuple[Tensor, list[Tensor]]":
    """The last feature map before global pooling, and the unbiased variances that batch norm took."""
    from torch import Tensor, nn

    last: list[Tensor] = []
    pooled: list[Tensor] = []
    variances: list[Tensor] = []

    def keep(module: "nn.Module", inputs: "tuple[Any, ...]", out: object) -> None:
        if isinstance(module, nn.AdaptiveAvgPool2d):
            pooled[:] = [inputs[0]]
        elif isinstance(out, Tensor) and out.ndim == 4:
            last[:] = [out]

    norms = batch_norms(runner.module)
    with (
        shadowed(norms, lambda norm: partial(_norm_and_variance, variances, norm)),
        hooked(leaves(runner.module), keep),
    ):
        runner.forward(x, values)
    if not pooled and not last:
        raise ProxyUndefined("the net has no feature maps")
    return (pooled or last)[0], variances


def _norm_and_variance(variances: "list[Tensor]", norm: "nn.BatchNorm1d | nn.BatchNorm2d", x: "Tensor") -> "Tensor":
    """Batch norm, whose kernel knows the variance: torch.var takes 20 times as long when channels lie last."""
    import torch

    count = x.numel() // x.shape[1]
    if count < 2:
        raise ProxyUndefined("batch norm sees a single value a channel")
    out, _, inverse = torch.native_batch_norm(x, norm.weight, norm.bias, None, None, True, 0.0, norm.eps)
    variances.append((inverse.double().pow(-2) - norm.eps).clamp(min=0) * (count / (count - 1)))
    return out
