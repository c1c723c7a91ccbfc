"""Topology as a proxy: NN-Mass and NN-Degree, closed forms on widths, depths and skip channels.

What the papers call a cell is here one block of the body (a value of the LayerTable's `cell` column); the
stem (cell 0) and the last cell (head convolution, pooling, classifier) are not cells. Of a block

- layers are its convolutions on the main path, d of them (plain 1, depthwise-separable 2, inverted bottleneck
  3, or 2 without expansion, residual basic 2); a 1x1 projection on the shortcut belongs to the skip, not to
  the depth;
- n_0 ... n_{d-1} are the input channels of those layers, and w = (n_0 + ... + n_{d-1}) / d is the width;
- skip channels s are what an addition brings in past the layers: n_0 for a block with a shortcut, whether
  identity or projected, else 0;
- possible skip channels p are what a layer's output could receive from tensors at least two layers back:
  p = sum_{t=2..d} sum_{i<=t-2} n_i.

For an inverted bottleneck of n channels and hidden width h: w d = n + 2 h, p = 2 n + h, s = n.
"""

import numba
import numpy as np

from zeroshot.net import ADD, AVGPOOL, CELL, IN_CH, OP, SOURCE, LayerTable
from zeroshot.types import FloatArray


def nn_mass(table: LayerTable) -> FloatArray:
    """NN-Mass: sum over blocks of rho w d, with the density of skips rho = s / p (0 where p = 0).

    How much of a block's size takes part in residual paths, which governs how gradients propagate. 0 for a
    net without shortcuts: the score tells residual nets apart, and only those.

    Protocol: static, exact; symbols as in this module's docstring. For a residual basic block from n to m
    channels it is n + m, for an inverted bottleneck n (n + 2 h) / (2 n + h), as in the authors' code; for a
    bottleneck without expansion (d = 2) it is 2 n, where their three-layer formula would give n.

    Citation: Bhardwaj, Li, Marculescu, "How does topology influence gradient propagation and model
    performance of deep networks with DenseNet-type skip connections?", CVPR 2021.

    Args:
        table: The population.

    Returns:
        (n_nets,) float64, channels.

    >>> from zeroshot.net import NetSpec, layer_table, spec_array
    >>> nn_mass(layer_table(spec_array([NetSpec.parse("r8-s16-b3w16x1-b3w32x1/2")]), 3, 10)).tolist()
    [80.0]
    """
    mass: FloatArray = _cells_kernel(table.rows, table.ptr)[0]
    return mass


def nn_degree(table: LayerTable) -> FloatArray:
    """NN-Degree: sum over blocks of w + s / (n_0 + ... + n_{d-1}).

    The average degree of the net as a graph: the lattice of consecutive layers gives a block's width, its
    skips give the skip channels over the block's input channels.

    Protocol: static, exact; symbols as in this module's docstring.

    Citation: Li, Mandal, Ogras, Marculescu, "FLASH: Fast Neural Architecture Search with Hardware
    Optimization", ACM TECS 2021, arXiv 2108.00568.

    Args:
        table: The population.

    Returns:
        (n_nets,) float64, channels.

    >>> from zeroshot.net import NetSpec, layer_table, spec_array
    >>> nn_degree(layer_table(spec_array([NetSpec.parse("r8-s16-b3w16x1-c3w32x1")]), 3, 10)).tolist()
    [32.5]
    """
    degree: FloatArray = _cells_kernel(table.rows, table.ptr)[1]
    return degree


@numba.njit(cache=True)
def _cells_kernel(rows, ptr):  # type: ignore[no-untyped-def]
    mass = np.zeros(len(ptr) - 1)
    degree = np.zeros(len(ptr) - 1)
    for net in range(len(ptr) - 1):
        end = ptr[net + 1]
        last = rows[end - 1, CELL] if end > ptr[net] else 0
        row = ptr[net]
        while row < end and rows[row, CELL] == 0:
            row += 1
        while row < end and rows[row, CELL] != last:
            cell = rows[row, CELL]
            entry = rows[row, SOURCE]
            inputs = 0.0  # n_0 + ... so far
            layers = 0
            skips = 0.0
            possible = 0.0
            first = rows[row, IN_CH]
            while row < end and rows[row, CELL] == cell:
                op = rows[row, OP]
                if op == ADD:
                    skips += first
                elif op != AVGPOOL and (layers == 0 or rows[row, SOURCE] != entry):
                    possible += inputs
                    inputs += rows[row, IN_CH]
                    layers += 1
                row += 1
            if possible > 0.0:
                mass[net] += skips / possible * inputs
            if layers > 0:
                degree[net] += inputs / layers + skips / inputs
    return mass, degree
