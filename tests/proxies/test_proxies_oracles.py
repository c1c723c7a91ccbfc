"""Every newer proxy against an obvious reimplementation: loops over images, classes, layers; pinned values."""

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from zeroshot.build import initialise
from zeroshot.probing import _jets, _views
from zeroshot.probing._alone import _norm_alone
from zeroshot.probing._noise import IMAGES, LABELS, PERTURBATION, WEIGHTS
from zeroshot.probing.probe import Probe, evaluate

from ..proxy_nets import NETS, PROBED, make, twin_of, values, weighted, without_batch_norm

cross_entropy = nn.functional.cross_entropy


pytestmark = pytest.mark.usefixtures("torch_on_one_thread")


def naive_l2_norm(net, _batches):
    return sum(math.sqrt((m.weight.detach().numpy() ** 2).sum()) for m in weighted(net))


def backward(net, batch):
    twin = twin_of(net)
    cross_entropy(twin(batch[0]), batch[1]).backward()
    return twin


def naive_plain(net, batches):
    return sum(float((m.weight.detach() * m.weight.grad).sum()) for m in weighted(backward(net, batches[0])))


def naive_grasp(net, batches):
    twin = twin_of(net)
    weights = [m.weight for m in weighted(twin)]
    gradient = torch.autograd.grad(cross_entropy(twin(batches[0][0]), batches[0][1]), weights, create_graph=True)
    torch.stack([(g.detach() * g).sum() for g in gradient]).sum().backward()
    return -sum(float((w.detach() * w.grad).sum()) for w in weights)


def naive_fisher(net, batches, fan_in=False):
    twin = twin_of(net)
    outputs = []
    for module in weighted(twin):
        module.register_forward_hook(lambda m, _x, out: (out.retain_grad(), outputs.append((m, out)))[0])
    cross_entropy(twin(batches[0][0]), batches[0][1]).backward()
    total = 0.0
    for module, out in outputs:
        for channel in range(out.shape[1]):
            pulls = [float((out[i, channel].detach() * out.grad[i, channel]).sum()) for i in range(len(out))]
            share = module.weight[channel].numel() if fan_in else 1
            total += share * np.mean(np.square(pulls)) / 2
    return total


def flow(net, batches, batch_norm):
    twin = twin_of(net) if batch_norm else without_batch_norm(copy.deepcopy(net).eval())
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            parameter.abs_()
            if name.endswith("bias") and not batch_norm:
                parameter.zero_()
    twin(torch.ones(1, *batches[0][0].shape[1:], dtype=torch.float64)).sum().backward()
    return [(m.weight.detach(), m.weight.grad) for m in weighted(twin)]


def naive_synflow_bn(net, batches):
    return math.log(sum(float((w * g).abs().sum()) for w, g in flow(net, batches, batch_norm=True)))


def naive_logsynflow(net, batches):
    return sum(float((w * torch.log(1 + g)).abs().sum()) for w, g in flow(net, batches, batch_norm=False))


def input_gradients(net, batches):
    x = batches[0][0].clone().requires_grad_()
    y = twin_of(net)(x)
    y.backward(torch.ones_like(y))
    return x.grad.flatten(1).numpy()


def naive_jacob_cov(net, batches):
    v = np.linalg.eigvalsh(np.corrcoef(input_gradients(net, batches)))
    return -np.sum(np.log(v + 1e-5) + 1 / (v + 1e-5))


def naive_epe_nas(net, batches):
    rows, labels = input_gradients(net, batches), batches[0][1].numpy()
    score = 0.0
    for c in set(labels.tolist()):
        members = [row for row, label in zip(rows, labels, strict=True) if label == c]
        total = 0.0
        for a, b in itertools.product(members, members):
            total += math.log(abs(np.corrcoef(a, b)[0, 1]) + 1e-5)
        score += abs(total)
    return score


def patterns(net, batches):
    outputs = []
    twin = twin_of(net)
    for module in twin.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda _m, _x, out: outputs.append((out > 0).flatten(1).numpy()))
    twin(batches[0][0])
    return np.concatenate(outputs, axis=1)


def naive_linear_regions(net, batches):
    return len({tuple(row) for row in patterns(net, batches).tolist()})


def naive_swap(net, batches):
    return len({tuple(column) for column in patterns(net, batches).T.tolist()})


def naive_ntk_cond(net, batches):
    rows = []
    for i in range(len(batches[0][0])):
        twin = twin_of(net)
        twin(batches[0][0])[i].sum().backward()
        rows.append(np.concatenate([p.grad.numpy().ravel() for n, p in twin.named_parameters() if "weight" in n]))
    return -np.linalg.cond(np.array([[a @ b for a in rows] for b in rows]))


def drawn(net, batches):
    """The net with N(0, 1) weights from the probe's stream."""
    generator = Probe(net, batches)._runner.generator(WEIGHTS)
    twin = twin_of(net)
    layers = {name + ".weight" for name, m in twin.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            if name in layers:
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
            else:
                parameter.fill_(float(name.endswith("weight")))
    return twin


def noise(net, batches, stream, shape=None):
    x = batches[0][0]
    return Probe(net, batches)._runner.noise(shape or x.shape, x, stream)


def naive_zen(net, batches, running=False):
    twin = drawn(net, batches)
    maps, seen = [], []
    for module in twin.modules():
        if isinstance(module, nn.AdaptiveAvgPool2d):
            module.register_forward_hook(lambda _m, x, _out: maps.append(x[0].detach()))
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(lambda _m, x, _out: seen.append(x[0].detach()))
    x = noise(net, batches, IMAGES)
    twin(x)
    variances = [v.numpy().swapaxes(0, 1).reshape(v.shape[1], -1).var(1, ddof=1) for v in seen]
    twin(x + 0.01 * noise(net, batches, PERTURBATION))
    if running:
        variances = [m.running_var.numpy() for m in twin.modules() if isinstance(m, nn.BatchNorm2d)]
    change = np.mean([float((a - b).abs().sum()) for a, b in zip(*maps, strict=True)])
    return math.log(change) + sum(math.log(math.sqrt(np.mean(v))) for v in variances)


def naive_grad_norm_global(net, batches):
    twin = drawn(net, batches)
    labels = torch.randint(5, (8,), generator=Probe(net, batches)._runner.generator(LABELS))
    cross_entropy(twin(noise(net, batches, IMAGES)), labels).backward()
    return math.sqrt(sum(float((p.grad**2).sum()) for p in twin.parameters()))


def naive_meco(net, batches):
    twin, maps = twin_of(net), []
    for module in twin.modules():
        if not list(module.children()) and not isinstance(module, nn.Identity):
            module.register_forward_hook(lambda _m, _x, out: maps.append(out.detach()))
    twin(noise(net, batches, IMAGES, (1, *batches[0][0].shape[1:])))
    total = 0.0
    for out in maps:
        if out.ndim == 4 and out[0, 0].numel() > 1:
            with np.errstate(invalid="ignore", divide="ignore"):
                matrix = np.atleast_2d(np.corrcoef(out[0].flatten(1).numpy()))
            total += min(np.linalg.eigvalsh(np.nan_to_num(matrix)))
    return total


def naive_gradsign(net, batches):
    x, y = batches[0]
    votes = [[] for _ in weighted(net)]
    for i in range(len(x)):
        twin = backward(net, (x[i : i + 1], y[i : i + 1]))
        for layer, module in zip(votes, weighted(twin), strict=True):
            layer.append(np.sign(module.weight.grad.numpy()))
    return sum(np.abs(sum(layer)).sum() for layer in votes)


def naive_zico_accumulated(net, batches):
    twin, snapshots = twin_of(net), []
    for x, y in batches:
        cross_entropy(twin(x), y).backward()
        snapshots.append([m.weight.grad.numpy().ravel().copy() for m in weighted(twin)])
    return naive_inverse_variation(snapshots)


def naive_inverse_variation(snapshots):
    score = 0.0
    for layer in zip(*snapshots, strict=True):
        sd, mean = np.std(layer, axis=0), np.mean(np.abs(layer), axis=0)
        score += math.log(sum(m / s for m, s in zip(mean, sd, strict=True) if s > 0))
    return score


def naive_zico_bc(net, batches):
    snapshots = [[m.weight.grad.numpy().ravel() for m in weighted(backward(net, batch))] for batch in batches]
    twin, bias = twin_of(net), []
    for module in weighted(twin):
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(
                lambda _m, _x, out: bias.append(math.log(out.shape[2] * out.shape[3] / math.sqrt(out.shape[1])))
            )
    twin(batches[0][0])
    return naive_inverse_variation(snapshots) - sum(bias)


def block_outputs(net, batches):
    """Outputs of stem, body and head one after the other, on the probe's noise."""
    twin = twin_of(net)
    x = noise(net, batches, IMAGES).requires_grad_()
    if hasattr(twin, "cells"):
        chain = [twin.stem, *twin.cells]
    else:
        chain = [twin.stem, *twin.body, *([twin.head] if len(twin.head) else [])]
    features = []
    for block in chain:
        x = block(x)
        features.append(x)
    return features


def naive_entropies(net, batches):
    out = []
    for features in block_outputs(net, batches):
        rows = np.array([f.detach().numpy()[:, i, j] for f in features for i, j in np.ndindex(*f.shape[1:])])
        shares = np.linalg.eigvalsh(np.cov(rows.T, bias=True)).clip(0)
        shares /= shares.sum()
        out.append(-sum(s * math.log(s + 1e-8) for s in shares))
    return out


def naive_expressivity(net, batches):
    return sum(naive_entropies(net, batches))


def naive_progressivity(net, batches):
    return min(b - a for a, b in itertools.pairwise(naive_entropies(net, batches)))


def naive_trainability(net, batches):
    signs = [g_out for _, g_out in Probe(net, batches).block_pulls()]
    scores = []
    for (before, after), g_out in zip(itertools.pairwise(block_outputs(net, batches)), signs, strict=True):
        g_in = torch.autograd.grad(after, before, g_out)[0].numpy()
        step = -(-g_in.shape[2] // g_out.shape[2])
        total = 0
        for n, i, j in np.ndindex(len(g_out), *g_out.shape[2:]):
            patch = np.zeros((g_in.shape[1], step, step))
            cut = g_in[n, :, step * i : step * i + step, step * j : step * j + step]
            patch[:, : cut.shape[1], : cut.shape[2]] = cut
            total = total + np.outer(patch.ravel(), g_out[n, :, i, j])
        s = np.linalg.svd(total / (len(g_out) * g_out[0, 0].numel()))[1][0]
        scores.append(2 - s - 1 / (s + 1e-6))
    return np.mean(scores)


def naive_vkdnw(net, batches):
    fisher = 0
    for image in batches[0][0]:
        twin = twin_of(net)
        logits = twin(image[None])[0]
        rows = []
        for logit in logits:
            found = torch.autograd.grad(logit, list(twin.parameters()), retain_graph=True)
            rows.append([float(g.flatten()[0]) for g in found])
        jacobian, p = np.array(rows), logits.softmax(0).detach().numpy()
        fisher = fisher + jacobian.T @ (np.diag(p) - np.outer(p, p)) @ jacobian / 8
    deciles = np.quantile(np.linalg.svd(fisher)[1], np.arange(1, 10) / 10)
    q = deciles / deciles.sum()
    return len(fisher) - sum(x * math.log(x) for x in q if x > 0)


ORACLES = {
    "l2_norm": naive_l2_norm,
    "plain": naive_plain,
    "grasp": naive_grasp,
    "fisher": naive_fisher,
    "fisher_fan_in": lambda net, batches: naive_fisher(net, batches, fan_in=True),
    "synflow_bn": naive_synflow_bn,
    "logsynflow": naive_logsynflow,
    "jacob_cov": naive_jacob_cov,
    "epe_nas": naive_epe_nas,
    "linear_regions": naive_linear_regions,
    "swap": naive_swap,
    "ntk_cond": naive_ntk_cond,
    "zen": naive_zen,
    "zen_running": lambda net, batches: naive_zen(net, batches, running=True),
    "grad_norm_global": naive_grad_norm_global,
    "meco": naive_meco,
    "gradsign": naive_gradsign,
    "zico_accumulated": naive_zico_accumulated,
    "zico_bc": naive_zico_bc,
    "az_expressivity": naive_expressivity,
    "az_progressivity": naive_progressivity,
    "az_trainability": naive_trainability,
    "vkdnw": naive_vkdnw,
}
BOTTLENECK_LAST = "r8-s4-m3e3w4x2-m5e1w6x2/2"
# tests/test_proxies.py, tests/test_readout.py
ELSEWHERE = {"naswot", "zico", "grad_norm", "snip", "synflow", "linear_readout"}


def test_every_proxy_has_an_oracle():
    assert set(ORACLES) | ELSEWHERE == {proxy.name for proxy in PROBED}


# A net whose last batch norm feeds global pooling: what is summed over the normalised values is constant.
CANCELLED = {"synflow_bn", "jacob_cov", "epe_nas", "ntk_cond", "gradsign", "vkdnw"}


@pytest.mark.parametrize("text", NETS)
def test_proxies_against_obvious_loops(text):
    net, batches = make(text)
    names = set(ORACLES) - (CANCELLED if text == BOTTLENECK_LAST else set())
    found = values(net, batches, [proxy for proxy in PROBED if proxy.name in names])
    expected = {name: ORACLES[name](net, batches) for name in names}
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_batch_norm_cancels_is_undefined_and_not_rounding(dtype):
    net, batches = make(BOTTLENECK_LAST, dtype=dtype)
    scores = evaluate(PROBED, Probe(net, batches))
    assert {name for name, score in scores.items() if score.status != "ok"} == CANCELLED
    assert {scores[name].status for name in CANCELLED} == {
        "the last batch norm cancels the gradient: only rounding is left",
        "the tangent kernel is singular",
    }


def test_epe_nas_with_more_than_a_hundred_classes():
    """Two hundred classes: s_c averages over rows, and the score compares classes."""
    net, batches = make("r8-s4-c3w6x2")
    net.classifier = nn.Linear(6, 200).double()
    x, y = batches[0]
    found = values(net, [(x, y * 40)], [proxy for proxy in PROBED if proxy.name == "epe_nas"])["epe_nas"]
    rows = input_gradients(net, [(x, y)])
    means = []
    for c in sorted(set(y.tolist())):
        matrix = np.atleast_2d(np.corrcoef(rows[y.numpy() == c]))
        means.append(np.log(np.abs(matrix) + 1e-5).sum() / len(matrix))
    assert found == pytest.approx(sum(abs(a - b) for a in means for b in means) / len(means), rel=1e-6)


def test_second_derivatives_agree_with_a_backward_pass_of_a_backward_pass():
    """Jets, with a direction that is not the gradient, on every net; and the road taken where they do not serve."""
    for text in NETS:
        net, batches = make(text)
        probe = Probe(net, batches)
        runner, (x, y) = probe._runner, probe.batches[0]
        g = torch.Generator().manual_seed(3)
        direction = [torch.randn(w.shape, generator=g).double() for w in probe.weights]
        with runner.isolated(training=True):
            jet = _jets.mixed_derivative(runner, x, y, direction)
        assert jet == pytest.approx(_views._second_backward(runner, x, y, direction), rel=1e-9), text


class Strange(nn.Module):
    """A net with one operation of the caller's in the middle."""

    def __init__(self, operation):
        super().__init__()
        self.conv, self.out, self.operation = nn.Conv2d(3, 4, 3), nn.Linear(4, 5), operation

    def forward(self, x):
        return self.out(self.operation(self.conv(x)).mean((2, 3)))


OPERATIONS = {
    "sigmoid": torch.sigmoid,
    "functional relu": nn.functional.relu,
    "square": lambda x: x * x,
    "constant": lambda x: x + 1.0,
    "stop": lambda x: x + x.detach(),
    "data": lambda x: x + x.data,
    "swapped": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
    "max pool": nn.MaxPool2d(2),
    "layer norm": nn.LayerNorm(6),
    "fixed batch": lambda x: x.view(8, 4, 6, 6),
    "relu6": nn.ReLU6(),
    "sum": lambda x: x + x,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_grasp_of_a_strange_net(name):
    net = Strange(OPERATIONS[name])
    initialise(net, torch.Generator().manual_seed(0))
    net, (_, batches) = net.double(), make("r8-s4-c3w6x2")
    with torch.no_grad():
        net.conv.weight.mul_(8)  # so that ReLU6 has something to cut
    found = values(net, batches, [proxy for proxy in PROBED if proxy.name == "grasp"])
    assert found["grasp"] == pytest.approx(naive_grasp(net, batches), rel=1e-8)
    probe = Probe(net, batches)
    with probe._runner.isolated(training=True):
        if name in ("relu6", "sum"):
            _jets.mixed_derivative(probe._runner, *probe.batches[0], probe.weight_gradients(0))
        else:
            with pytest.raises(_jets.Unknown):
                _jets.mixed_derivative(probe._runner, *probe.batches[0], probe.weight_gradients(0))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("plain", {}),
        ("stride", {"stride": 2, "padding": 1}),
        ("groups", {"groups": 2}),
        ("depthwise", {"groups": 4, "padding": 2, "dilation": 2}),
        ("multiplier", {"groups": 4, "out_channels": 8}),
        ("reflect", {"padding": 1, "padding_mode": "reflect"}),
        ("same", {"padding": "same", "kernel_size": (3, 5)}),
    ],
)
def test_per_image_gradients_of_any_convolution(kind, options):
    g = torch.Generator().manual_seed(0)
    conv = nn.Conv2d(**{"in_channels": 4, "out_channels": 4, "kernel_size": 3, **options})
    net = nn.Sequential(nn.Conv2d(3, 4, 1), conv, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(5))
    net(torch.zeros(1, 3, 9, 9))
    initialise(net, g)
    net, batch = net.double(), (torch.randn(6, 3, 9, 9, generator=g).double(), torch.arange(6) % 5)
    layers = list(Probe(net, [batch]).weight_gradients_alone())
    logits, jacobian = Probe(net, [batch]).first_weight_jacobian()
    for i in range(6):
        alone = backward(net, (batch[0][i : i + 1], batch[1][i : i + 1]))
        for ours, module in zip(layers, weighted(alone), strict=True):
            torch.testing.assert_close(ours[i], module.weight.grad, msg=kind)
        twin = twin_of(net)
        twin(batch[0][i : i + 1])[0, 2].backward()
        expected = torch.stack([p.grad.flatten()[0] for p in twin.parameters()])
        torch.testing.assert_close(jacobian[i, 2], expected, msg=kind)
    torch.testing.assert_close(logits, net(batch[0]).detach())


@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_of_an_image_alone_is_that_of_a_batch_of_one(affine):
    g = torch.Generator().manual_seed(0)
    norm = nn.BatchNorm2d(3, eps=0.1, affine=affine).double()
    if affine:
        norm.weight.data, norm.bias.data = (torch.randn(3, generator=g).double() for _ in range(2))
    x, along = (torch.randn(4, 3, 5, 6, generator=g).double() for _ in range(2))
    ours, theirs = (x.clone().requires_grad_() for _ in range(2))
    out = _norm_alone(norm, ours)
    expected = torch.cat([norm(image[None]) for image in theirs])
    torch.testing.assert_close(out, expected)
    out.backward(along)
    expected.backward(along)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_a_layer_used_twice_counts_once_with_both_gradients():
    conv, relu = nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()
    net = nn.Sequential(conv, relu, conv, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5)).double()
    _, batches = make("r8-s4-c3w6x2")
    proxies = [proxy for proxy in PROBED if proxy.name in ("gradsign", "fisher", "plain", "l2_norm")]
    expected = {p.name: ORACLES[p.name](net, batches) for p in proxies}
    assert values(net, batches, proxies) == pytest.approx(expected, rel=1e-6)
