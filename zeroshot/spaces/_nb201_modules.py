"""The network of NAS-Bench-201 as torch modules, layer for layer as it was trained for the benchmark."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zeroshot.spaces import _nb201_cells as nb201


class _Conv2d(nn.Conv2d):
    """A convolution that starts with zero weights: constructing it draws no random numbers."""

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.weight)


class _Linear(nn.Linear):
    def reset_parameters(self) -> None:
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)


def _relu_conv_bn(c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Module:
    conv = _Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)
    # Never in place: the edges of a node read the same tensor.
    return nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(c_out))


def _operation(code: int, width: int) -> nn.Module:
    if code in (nb201.CONV1X1, nb201.CONV3X3):
        return _relu_conv_bn(width, width, 1 if code == nb201.CONV1X1 else 3)
    if code == nb201.AVGPOOL3X3:
        return nn.AvgPool2d(3, 1, 1, count_include_pad=False)
    return nn.Identity()


class Cell(nn.Module):
    """Four nodes; a node is the sum of its edges' operations on earlier nodes.

    Edges with `none` have no module and add nothing; the other operations run even where they are dead, as they
    did in the benchmark.
    """

    def __init__(self, digits: Sequence[int], width: int) -> None:
        super().__init__()
        edges = [(*edge, code) for edge, code in zip(nb201.EDGES, digits, strict=True) if code != nb201.NONE]
        self.edges = [edge[:2] for edge in edges]
        self.is_skip = [code == nb201.SKIP for _, _, code in edges]
        self.ops = nn.ModuleList(_operation(code, width) for _, _, code in edges)

    def forward(self, x: Tensor) -> Tensor:
        """(n, width, height, width) -> the same shape."""
        nodes: list[Tensor | None] = [x, None, None, None]
        for (start, end), is_skip, op in zip(self.edges, self.is_skip, self.ops, strict=True):
            value, total = nodes[start], nodes[end]
            if value is None:
                if is_skip:
                    continue
                value = torch.zeros_like(x)
            out = op(value)
            nodes[end] = out if total is None else total + out
        return torch.zeros_like(x) if nodes[3] is None else nodes[3]


class Reduction(nn.Module):
    """The residual block between the stages: twice the channels, half the side."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_relu_conv_bn(c_in, c_out, 3, 2), _relu_conv_bn(c_out, c_out, 3))
        # As published: the shortcut has no batch norm.
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, 2), _Conv2d(c_in, c_out, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """(n, c_in, height, width) -> (n, c_out, height / 2, width / 2)."""
        out: Tensor = self.body(x) + self.shortcut(x)
        return out


class Network(nn.Module):
    """Stem, three stages of five equal cells with reductions between them, batch norm, pooling, classifier."""

    def __init__(self, digits: Sequence[int], classes: int) -> None:
        super().__init__()
        first, last = nb201.WIDTHS[0], nb201.WIDTHS[-1]
        self.stem = nn.Sequential(_Conv2d(3, first, 3, 1, 1, bias=False), nn.BatchNorm2d(first))
        cells: list[nn.Module] = []
        for stage, width in enumerate(nb201.WIDTHS):
            if stage:
                cells.append(Reduction(nb201.WIDTHS[stage - 1], width))
            cells += [Cell(digits, width) for _ in range(nb201.CELLS)]
        self.cells = nn.Sequential(*cells)
        self.lastact = nn.Sequential(nn.BatchNorm2d(last), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = _Linear(last, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, side, side) -> logits (n, classes)."""
        out: Tensor = self.classifier(self.flatten(self.pool(self.lastact(self.cells(self.stem(x))))))
        return out
