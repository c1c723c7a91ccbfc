"""Which layers of a net share which channels, and the weights that remain when some channels are taken out.

Read from the LayerTable alone: a depthwise convolution and a pooling keep their input's channels, an addition ties
its two inputs and its output, and every other convolution writes channels of its own. Channels that are tied live
or die together; they are one *group*, of which each layer reads one and writes one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from zeroshot.build import build, layers
from zeroshot.net import (
    ADD,
    AVGPOOL,
    CELL,
    DEPTHWISE,
    KERNEL_H,
    KERNEL_W,
    LINEAR,
    OP,
    OUT_CH,
    RESIDUAL,
    SOURCE,
    STRIDE,
    LayerTable,
    NetSpec,
    layer_table,
    spec_array,
)
from zeroshot.runs.checkpoints import Tensors
from zeroshot.types import Int32Array

NO_GROUP = -1  # the channels of the image, and the classes: never pruned
STRUCTURE = (OP, SOURCE, RESIDUAL, KERNEL_H, KERNEL_W, STRIDE, CELL)
NORM_TENSORS = ("weight", "bias", "running_mean", "running_var")
Kept = Sequence[npt.NDArray[np.intp]]


@dataclass(frozen=True)
class Layer:
    """A layer with weights.

    Attributes:
        name: Of the convolution or the last layer, as in the state dict.
        norm: Of its batch norm; empty for the last layer.
        depthwise: Whether it has one kernel a channel; it then reads and writes the same group.
        reads: Group of its input channels, or `NO_GROUP` for the image.
        writes: Group of its output channels, or `NO_GROUP` for the classes.
    """

    name: str
    norm: str
    depthwise: bool
    reads: int
    writes: int


@dataclass(frozen=True)
class Wiring:
    """The layers of a net and the groups between them.

    Attributes:
        layers: In execution order.
        rows: For each group a row of the LayerTable that writes it.
    """

    layers: tuple[Layer, ...]
    rows: tuple[int, ...]

    def sizes(self, table: LayerTable) -> list[int]:
        """Channels of each group, of any net with the structure of this one."""
        return [int(table.rows[row, OUT_CH]) for row in self.rows]


def table_of(spec: NetSpec, channels: int, classes: int) -> LayerTable:
    """The layer table of one net."""
    return layer_table(spec_array([spec]), channels, classes)


def structure(table: LayerTable) -> Int32Array:
    """All of a table but widths and sizes: two nets with the same one differ in their widths alone."""
    return table.rows[:, STRUCTURE]


def wire(spec: NetSpec, channels: int, classes: int) -> Wiring:
    """Find the groups of a net of `build`.

    >>> [(layer.name, layer.reads, layer.writes) for layer in wire(NetSpec.parse("r8-s4-b3w4x1"), 1, 10).layers]
    [('stem.0', -1, 0), ('body.0.body.0', 0, 1), ('body.0.body.3', 1, 0), ('classifier', 0, -1)]
    """
    table = table_of(spec, channels, classes)
    owner = _owners(table.rows)
    rows = tuple(sorted({owner[r] for r in range(len(owner)) if table.rows[r, OP] != LINEAR}))
    group = {row: i for i, row in enumerate(rows)}
    module = build(spec, channels, classes)
    names = {part: name for name, part in module.named_modules()}
    norms = _norms(module)
    weighted = []
    for r, part in enumerate(layers(module)):
        op, source = int(table.rows[r, OP]), int(table.rows[r, SOURCE])
        if op in (ADD, AVGPOOL):
            continue
        reads = NO_GROUP if source < 0 else group[owner[source]]
        writes = NO_GROUP if op == LINEAR else group[owner[r]]
        weighted.append(Layer(names[part], norms.get(names[part], ""), op == DEPTHWISE, reads, writes))
    return Wiring(tuple(weighted), rows)


def _owners(rows: Int32Array) -> list[int]:
    """For each tensor the first one whose channels it shares."""
    owner = list(range(len(rows)))

    def root(tensor: int) -> int:
        while owner[tensor] != tensor:
            tensor = owner[tensor]
        return tensor

    for r, row in enumerate(rows):
        tied = {ADD: (row[SOURCE], row[RESIDUAL]), DEPTHWISE: (row[SOURCE],), AVGPOOL: (row[SOURCE],)}
        roots = [root(r), *(root(int(other)) for other in tied.get(int(row[OP]), ()))]
        for each in roots:
            owner[each] = min(roots)
    return [root(r) for r in range(len(rows))]


def _norms(module: nn.Module) -> dict[str, str]:
    """Name of each convolution -> name of the batch norm behind it."""
    norms, last = {}, ""
    for name, part in module.named_modules():
        if isinstance(part, nn.Conv2d):
            last = name
        elif isinstance(part, nn.BatchNorm2d):
            norms[last] = name
    return norms


def taken(wiring: Wiring, weights: Tensors, kept: Kept) -> Tensors:
    """The weights of the channels that are kept.

    Args:
        wiring: Of the net.
        weights: Its state dict.
        kept: For each group the channels to keep, ascending.
    """
    out = {name: tensor.clone() for name, tensor in weights.items()}
    index = [torch.from_numpy(np.asarray(each, np.int64)) for each in kept]
    for layer in wiring.layers:
        names = [f"{layer.name}.weight", *(f"{layer.norm}.{each}" for each in NORM_TENSORS if layer.norm)]
        if layer.writes != NO_GROUP:
            for name in names:
                out[name] = out[name][index[layer.writes]]
        if layer.reads != NO_GROUP and not layer.depthwise:
            out[names[0]] = out[names[0]][:, index[layer.reads]]
    return {name: tensor.contiguous() for name, tensor in out.items()}
