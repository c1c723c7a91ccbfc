"""A foreign module before it is scored: whether it can be, and a copy of it with fresh weights."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from zeroshot.build import initialise
from zeroshot.errors import UsageError
from zeroshot.probing.passes import ProxyUndefined, Runner

KNOWN = (nn.Conv2d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d)  # what `initialise` starts afresh


def check_runs(module: nn.Module, images: Tensor, classes: int, seed: int) -> None:
    """Refuse what no proxy can score, with a reason that names the layer; the module stays as it was.

    Args:
        module: Whatever was given for one.
        images: (batch, channels, height, width) float32; two of them are run, in evaluation mode.
        classes: Outputs that the labels need; 0 where no proxy needs labels.
        seed: Of what the module draws.

    Raises:
        UsageError: It is no module, has no parameters, is on another device or of another precision, computes a
            layer's weight from other parameters, fails on the images, or returns something else than logits.
    """
    if not isinstance(module, nn.Module):
        raise UsageError(f"A net is a torch.nn.Module, not a {type(module).__name__}.", "Call what builds it.")
    tensors = [*module.named_parameters(), *module.named_buffers()]
    if lazy := [name for name, tensor in tensors if is_lazy(tensor)]:
        raise UsageError(f"The shape of {lazy[0]!r} is not known yet.", "Run the net once on an image.")
    types = {p.dtype for p in module.parameters() if p.is_floating_point()}
    if not types:
        raise UsageError("The net has no parameters.", "Proxies compare what could be trained.")
    if not types <= {torch.float32} and not types <= {torch.float64}:
        raise UsageError(f"Proxies run in float32 or float64, not in {', '.join(sorted(map(str, types)))}.",
                         "Convert it: net.float().")  # fmt: skip
    for name, part in module.named_modules():
        if isinstance(part, nn.Conv2d | nn.Linear) and "weight" not in part._parameters:
            raise UsageError(
                f"Layer {name!r} computes its weight from other parameters (weight norm, a parametrisation).",
                "Remove that: torch.nn.utils.parametrize.remove_parametrizations, or remove_weight_norm.",
            )
    runner = Runner(module, seed)  # refuses other devices
    _, channels, height, width = images.shape
    try:
        with runner.isolated(training=False), torch.no_grad():
            outputs = runner.forward(images[:2].to(next(iter(types)))).shape[1]
    except ProxyUndefined:
        return  # batch norm without running statistics sees one value a channel: each proxy says so itself
    except UsageError as error:
        shape = f"The images have {channels} channel{'s' * (channels > 1)} of {height}x{width} pixels."
        hint = f"{shape} Change the net, the data or the resolution."
        returned = "must return" in error.message  # it ran, then
        raise UsageError(error.message, "Wrap it so that it returns logits alone." if returned else hint) from error
    if outputs < classes:
        raise UsageError(f"The net has {outputs} outputs, the data {classes} classes.", "Give it one output a class.")


def renewed(module: nn.Module, seed: int) -> nn.Module:
    """A copy of the module with fresh weights: `initialise`, and `reset_parameters` for layers of other kinds.

    Raises:
        UsageError: The module cannot be copied, or a layer with parameters has no `reset_parameters`.
    """
    try:
        twin = copy.deepcopy(module)
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise UsageError(f"The net cannot be copied: {str(error).splitlines()[0]}", "Score it as it is.") from error
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        for name, part in twin.named_modules():
            if isinstance(part, KNOWN) or not any(True for _ in part.parameters(recurse=False)):
                continue
            reset = getattr(part, "reset_parameters", None)
            if reset is None:
                where = f"Layer {name!r} ({type(part).__name__})" if name else f"The net itself ({type(part).__name__})"
                raise UsageError(
                    f"{where} has parameters and no way to start them afresh.",
                    "Give it a method reset_parameters(), or score the weights as they are.",
                )
            reset()
    initialise(twin, torch.Generator().manual_seed(seed))
    return twin
