"""Obvious versions of the newer probed proxies, loops over images, classes, layers: of a net and its batches."""

import copy
import itertools
import math

import numpy as np
import torch
from torch import nn

from zeroshot.probing._noise import IMAGES, LABELS, PERTURBATION, WEIGHTS
from zeroshot.probing.probe import Probe

from ..proxy_nets import twin_of, weighted, without_batch_norm

cross_entropy = nn.functional.cross_entropy


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
        down, right = (-(-g_in.shape[axis] // g_out.shape[axis]) for axis in (2, 3))
        total = 0
        for n, i, j in np.ndindex(len(g_out), *g_out.shape[2:]):
            patch = np.zeros((g_in.shape[1], down, right))
            cut = g_in[n, :, down * i : down * i + down, right * j : right * j + right]
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
