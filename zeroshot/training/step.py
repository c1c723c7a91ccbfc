"""One step of an optimizer: the part that every training shares."""

from collections.abc import Callable
from math import isfinite

import torch


def optimizer_step(optimizer: torch.optim.Optimizer, lr: float, loss: Callable[[], torch.Tensor]) -> float:
    """Follow the gradient of a loss once.

    Args:
        optimizer: Of the net's parameters.
        lr: Learning rate of this step.
        loss: Runs the net; a scalar.

    Returns:
        The loss before the step. Where it is NaN or infinite no step was made.
    """
    for group in optimizer.param_groups:
        group["lr"] = lr
    found = loss()
    value = found.item()
    if isfinite(value):
        optimizer.zero_grad(set_to_none=True)
        found.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return value
