"""Saliencies of channels against plain loops."""

import copy

import numpy as np
import pytest
from torch.nn.functional import cross_entropy
from torch.nn.utils.fusion import fuse_conv_bn_eval

from zeroshot.net import NetSpec
from zeroshot.pruning._channels import wire
from zeroshot.pruning.saliency import channel_saliency

from .prunable import CLASSES, NETS, images, norm_after, trained

pytestmark = pytest.mark.usefixtures("torch_on_one_thread")


def groups_of(spec):
    wiring = wire(NetSpec.parse(spec), 2, CLASSES)
    return wiring, wiring.layers


@pytest.mark.parametrize("spec", NETS)
def test_batch_norm_saliency(spec):
    net = trained(spec)
    wiring, layers = groups_of(spec)
    found, norms = channel_saliency(wiring, net, "bn"), norm_after(net)
    for group, scores in enumerate(found):
        writers = [norms[layer.name].weight.detach().abs() for layer in layers if layer.writes == group]
        for channel, score in enumerate(scores):
            parts = [float(w[channel]) / (sum(map(float, w)) / len(w)) for w in writers]
            assert score == pytest.approx(sum(parts) / len(parts))
        assert np.mean(scores) == pytest.approx(1)


@pytest.mark.parametrize(("kind", "power"), [("l1", 1), ("l2", 2)])
@pytest.mark.parametrize("spec", NETS)
def test_norm_saliencies_are_of_the_folded_kernels(spec, kind, power):
    """Folding is torch's own."""
    net = trained(spec)
    wiring, layers = groups_of(spec)
    norms, convs = norm_after(net), dict(net.named_modules())
    parts = [[] for _ in wiring.rows]
    for layer in layers:
        part = convs[layer.name]
        kernel = (fuse_conv_bn_eval(part, norms[layer.name]) if layer.norm else part).weight.detach().numpy()
        if layer.writes >= 0:
            parts[layer.writes].append([(abs(row) ** power).sum() ** (1 / power) for row in kernel])
        if layer.reads >= 0 and getattr(part, "groups", 1) == 1:
            columns = range(kernel.shape[1])
            parts[layer.reads].append([(abs(kernel[:, i]) ** power).sum() ** (1 / power) for i in columns])
    for scores, each in zip(channel_saliency(wiring, net, kind), parts, strict=True):
        expected = np.mean([np.array(values) / np.mean(values) for values in each], axis=0)
        np.testing.assert_allclose(scores, expected, rtol=1e-12)


@pytest.mark.parametrize("spec", NETS)
def test_taylor_saliency(spec):
    net, (x, y) = trained(spec), images(spec, 6)
    wiring, layers = groups_of(spec)
    found = channel_saliency(wiring, net, "taylor", (x, y))
    own = copy.deepcopy(net)
    cross_entropy(own(x), y).backward()
    change = {name: (p * p.grad).abs().detach() for name, p in own.named_parameters()}
    names = {part: name for name, part in own.named_modules()}
    depthwise = {name for part, name in names.items() if getattr(part, "groups", 1) > 1}
    norms = {name: names[norm] for name, norm in norm_after(own).items()}
    for group, scores in enumerate(found):
        for channel, score in enumerate(scores):
            total = 0.0
            for layer in layers:
                kernel = change[f"{layer.name}.weight"]
                if layer.writes == group:
                    norm = norms[layer.name]
                    total += float(kernel[channel].sum() + change[f"{norm}.weight"][channel])
                    total += float(change[f"{norm}.bias"][channel])
                if layer.reads == group and layer.name not in depthwise:
                    total += float(kernel[:, channel].sum())
            assert score == pytest.approx(total, rel=1e-9)
