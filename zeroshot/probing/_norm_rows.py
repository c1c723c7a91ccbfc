"""Normalisation of rows of positions, with a backward pass of few steps.

Deriving by the steps of the forward pass visits every number about twice as often, and a Jacobian derives once a class.
"""

from typing import cast

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable


def norm_rows(rows: Tensor, scale: Tensor | None, shift: Tensor | None, eps: float) -> Tensor:
    """Mean 0 and variance 1 over the positions, times `scale`, plus `shift`: (images, positions, channels) likewise.

    No derivative by scale and shift, both (channels,) or both None, and no second one.
    """
    return cast("Tensor", _NormRows.apply(rows, scale, shift, eps))  # type: ignore[no-untyped-call]


class _NormRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, rows: Tensor, scale: Tensor | None, shift: Tensor | None, eps: float) -> Tensor:
        normal = rows - rows.mean(1, keepdim=True)
        rate = (normal.square().mean(1, keepdim=True) + eps).rsqrt_()
        normal.mul_(rate)
        ctx.save_for_backward(normal, rate if scale is None else rate * scale)
        return normal.clone() if scale is None else torch.addcmul(cast("Tensor", shift), normal, scale)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        normal, rate = ctx.saved_tensors  # type: ignore[attr-defined]
        found = normal * gradient
        along = found.mean(1, keepdim=True)
        torch.mul(normal, along, out=found)
        torch.sub(gradient, found, out=found)
        return found.sub_(gradient.mean(1, keepdim=True)).mul_(rate), None, None, None
