"""Fake-quantised nets by torchao's PT2E flow.

PT2E exports the folded net as a graph and puts a fake quantiser behind every weight and every tensor that `Int8Net`
keeps, so that what is trained rounds where the device rounds. Weights get one symmetric scale an output channel, from
their largest magnitude at each step; tensors keep the quantisation parameters that calibration gave them.
"""

import torch
from torch import nn
from torch.fx import GraphModule

from zeroshot._quiet import quiet
from zeroshot.quantization.fold import relus
from zeroshot.quantization.observers import QParams


def fake_quantised(net: nn.Module, shape: tuple[int, int, int], qparams: QParams) -> GraphModule:
    """A net that computes in float what its int8 net computes, up to the order of sums, and can be trained.

    Args:
        net: Folded; the graph's parameters have the names of its own, and may share their memory.
        shape: Channels, height and width of an image.
        qparams: Of its tensors.

    Returns:
        A module from (n, *shape) float32 to logits (n, classes) float32.
    """
    with quiet():
        from torchao.quantization.pt2e.quantize_pt2e import prepare_qat_pt2e

        from zeroshot.quantization._quantizer import RowQuantizer

        images = torch.zeros(2, *shape).to(memory_format=torch.channels_last)  # one image would be taken for a constant
        exported = torch.export.export(net, (images,), dynamic_shapes=({0: torch.export.Dim("n")},))
        made: GraphModule = prepare_qat_pt2e(exported.module(), RowQuantizer(qparams, relus(net)))
    return made
