"""Size as a proxy: parameters, multiply-accumulates, layers. The baselines that any proxy has to beat."""

import numpy as np

from zeroshot.cost import counts
from zeroshot.net import ADD, AVGPOOL, LayerTable
from zeroshot.types import FloatArray


def params(table: LayerTable) -> FloatArray:
    """Trainable parameters of the float net: kernel weights, batch norm, and the bias of the last layer.

    Protocol: static, exact; nothing is built or drawn.

    Args:
        table: The population.

    Returns:
        (n_nets,) float64, parameters.

    >>> from zeroshot.net import NetSpec, layer_table, spec_array
    >>> params(layer_table(spec_array([NetSpec.parse("r8-s4-c3w4x1")]), channels=3, classes=10)).tolist()
    [318.0]
    """
    return counts.params(table).astype(np.float64)


def macs(table: LayerTable) -> FloatArray:
    """Multiply-accumulates of one inference, padding included, additions and poolings not.

    Protocol: static, exact; one fused multiply-add is one MAC, half of a FLOP counter's figure.

    Args:
        table: The population.

    Returns:
        (n_nets,) float64, MACs.

    >>> from zeroshot.net import NetSpec, layer_table, spec_array
    >>> macs(layer_table(spec_array([NetSpec.parse("r8-s4-c3w4x1")]), channels=3, classes=10)).tolist()
    [16168.0]
    """
    return counts.macs(table).astype(np.float64)


def depth(table: LayerTable) -> FloatArray:
    """Number of layers with weights: convolutions of every kind, shortcut projections, the last layer.

    Protocol: static, exact. Not the longest path: a projection on a shortcut counts.

    Args:
        table: The population.

    Returns:
        (n_nets,) float64, layers.

    >>> from zeroshot.net import NetSpec, layer_table, spec_array
    >>> depth(layer_table(spec_array([NetSpec.parse("r8-s4-d3w4x2")]), channels=3, classes=10)).tolist()
    [6.0]
    """
    op = table.column("op")
    return counts.per_net(table, ((op != ADD) & (op != AVGPOOL)).astype(np.int64)).astype(np.float64)
