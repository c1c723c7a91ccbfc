"""Obvious versions of what the package computes fast: the oracles of the tests. Nothing here imports the package.

Nets, costs, platforms, budgets and couplings are used through their attributes alone.
"""

import math
from fractions import Fraction
from itertools import product

import numpy as np
from scipy.special import ndtr, ndtri, owens_t

INPUT, NO_TENSOR = -1, -2


def same_padding(size, kernel, stride):
    """TFLite's ComputePaddingWithOffset for SAME: (before, after)."""
    out = (size + stride - 1) // stride
    total = (out - 1) * stride + kernel - size
    total = total if total > 0 else 0
    before = total // 2
    offset = total % 2
    return before, before + offset


# --- Nets -------------------------------------------------------------------------------------------------------


def layer_rows(spec, channels, classes):
    """One dict a layer, in the order of execution, from the definitions of the blocks."""
    rows = []

    def layer(op, source, out_channels, cell, kernel=1, stride=1, groups=1, residual=NO_TENSOR, pooled=False):
        feed = {"out_height": spec.resolution, "out_channels": channels} if source == INPUT else rows[source]
        size = feed["out_height"]
        after = 1 if pooled else math.ceil(size / stride)
        rows.append(
            {
                "op": op,
                "height": size,
                "width": size,
                "out_height": after,
                "out_width": after,
                "in_channels": feed["out_channels"],
                "out_channels": out_channels,
                "kernel_h": kernel,
                "kernel_w": kernel,
                "stride": stride,
                "groups": groups,
                "source": source,
                "residual": residual,
                "cell": cell,
            }
        )
        return len(rows) - 1

    def spatial(source, width, cell, kernel, stride):
        return layer("pointwise" if kernel == 1 else "conv", source, width, cell, kernel, stride)

    at = layer("conv", INPUT, spec.stem_width, 0, 3, spec.stem_stride)
    cell = 0
    for stage in spec.stages:
        for depth in range(stage.depth):
            cell += 1
            stride = stage.stride if depth == 0 else 1
            entry, k, width = at, stage.kernel, stage.width
            came_in = rows[entry]["out_channels"]
            same_shape = came_in == width and stride == 1
            if stage.block == "c":
                at = spatial(entry, width, cell, k, stride)
            elif stage.block == "d":
                at = layer("depthwise", entry, came_in, cell, k, stride, came_in)
                at = layer("pointwise", at, width, cell)
            elif stage.block == "m":
                hidden = came_in * stage.expansion
                if stage.expansion > 1:
                    at = layer("pointwise", at, hidden, cell)
                at = layer("depthwise", at, hidden, cell, k, stride, hidden)
                at = layer("pointwise", at, width, cell)
                if same_shape:
                    at = layer("add", at, width, cell, residual=entry)
            else:
                at = spatial(entry, width, cell, k, stride)
                body = spatial(at, width, cell, k, 1)
                skip = entry if same_shape else layer("pointwise", entry, width, cell, 1, stride)
                at = layer("add", body, width, cell, residual=skip)
    cell += 1
    if spec.head:
        at = layer("pointwise", at, spec.head, cell)
    size = rows[at]["out_height"]
    at = layer("avgpool", at, rows[at]["out_channels"], cell, kernel=size, pooled=True)
    layer("linear", at, classes, cell)
    return rows


def count_layers(rows):
    """(MACs, weights, parameters) of one net by the textbook formulas, layer by layer."""
    total_macs = total_weights = total_params = 0
    for row in rows:
        if row["op"] in ("add", "avgpool"):
            continue
        weights = 0
        for _ in range(row["out_channels"]):
            weights += row["kernel_h"] * row["kernel_w"] * (row["in_channels"] // row["groups"])
        total_weights += weights
        total_macs += weights * row["out_height"] * row["out_width"]
        bias_or_norm = row["out_channels"] * (1 if row["op"] == "linear" else 2)
        total_params += weights + bias_or_norm
    return total_macs, total_weights, total_params


def enumerate_space(space):
    """Short specs of all nets of a space, by nested loops over its choices."""
    names = []
    for resolution, stem, stem_stride, head in product(
        space.resolutions, space.stem_widths, space.stem_strides, space.heads
    ):
        stage_choices = list(product(space.blocks, space.kernels, space.widths, space.depths, space.strides))
        for count in range(space.min_stages, space.max_stages + 1):
            for stages in product(stage_choices, repeat=count):
                side = math.ceil(resolution / stem_stride)
                for *_, stride in stages:
                    side = math.ceil(side / stride)
                if side < 2:
                    continue
                parts = [f"r{resolution}", f"s{stem}" + ("/2" if stem_stride == 2 else "")]
                for (block, expansion), kernel, width, depth, stride in stages:
                    expand = f"e{expansion}" if block == "m" else ""
                    parts.append(f"{block}{kernel}{expand}w{width}x{depth}" + ("/2" if stride == 2 else ""))
                names.append("-".join(parts + ([f"h{head}"] if head else [])))
    return names


# --- Int8 nets --------------------------------------------------------------------------------------------------


def fixed_point(real):
    """(multiplier, shift) with real = multiplier / 2^31 * 2^shift, the mantissa in [1/2, 1) rounded half up."""
    mantissa, shift = Fraction(real), 0
    if mantissa == 0:
        return 0, 0
    while mantissa >= 1:
        mantissa, shift = mantissa / 2, shift + 1
    while mantissa < Fraction(1, 2):
        mantissa, shift = mantissa * 2, shift - 1
    multiplier = math.floor(mantissa * 2**31 + Fraction(1, 2))
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def scale_integer(x, multiplier, shift):
    """gemmlowp's SaturatingRoundingDoublingHighMul (half up), then its RoundingDivideByPOT (half away from zero)."""
    half = Fraction(1, 2)
    high = math.floor(Fraction(x * 2 ** max(shift, 0) * multiplier, 2**31) + half)
    quotient = Fraction(high, 2 ** max(-shift, 0))
    return math.floor(abs(quotient) + half) * (1 if quotient > 0 else -1)


def int8_tensors(net, rows, image):
    """Every tensor of an int8 net for one image (height, width, channels), as nested lists, the image first."""
    scale, zero = [float(s) for s in net.scale], [int(z) for z in net.zero]
    out = [[[[int(v) for v in pixel] for pixel in line] for line in image]]
    for r, row in enumerate(rows):
        low = max(zero[r + 1], -128) if net.relu[r] else -128
        s = row["source"] + 1
        if row["op"] == "add":
            t = row["residual"] + 1
            twice = 2 * max(scale[s], scale[t])
            factors = [scale[s] / twice, scale[t] / twice, twice / (2**20 * scale[r + 1])]
            made = int8_addition(out[s], out[t], (zero[s], zero[t], zero[r + 1]), [fixed_point(f) for f in factors])
        elif row["op"] == "avgpool":
            made = int8_pooling(out[s])
        else:
            factors = [fixed_point(scale[s] * float(w) / scale[r + 1]) for w in net.weight_scale[r]]
            sums = int8_sums(row, out[s], zero[s], net.weights[r].tolist(), net.bias[r].tolist())
            made = [
                [
                    [scale_integer(v, *f) + zero[r + 1] for v, f in zip(pixel, factors, strict=True)]
                    for pixel in line
                ]
                for line in sums
            ]  # fmt: skip
        out.append([[[min(max(v, low), 127) for v in pixel] for pixel in line] for line in made])
    return out


def int8_sums(row, image, zero, weights, bias):
    """Accumulators of a convolution, depthwise or fully connected layer: nested lists (height, width, out)."""
    depthwise = row["groups"] > 1
    stride, kernel = row["stride"], row["kernel_h"]
    before, _ = same_padding(row["height"], kernel, stride)
    out = [[[0] * row["out_channels"] for _ in range(row["out_width"])] for _ in range(row["out_height"])]
    for oy, ox, o in product(range(row["out_height"]), range(row["out_width"]), range(row["out_channels"])):
        total = 0
        for ky, kx in product(range(kernel), repeat=2):
            y, x = oy * stride - before + ky, ox * stride - before + kx
            if 0 <= y < row["height"] and 0 <= x < row["width"]:
                for i in range(row["in_channels"] // row["groups"]):
                    channel = o if depthwise else i
                    total += weights[o][ky][kx][i] * (image[y][x][channel] - zero)
        out[oy][ox][o] = total + bias[o]
    return out


def int8_addition(a, b, zeros, factors):
    """Both to twice the larger scale with 20 more bits, their sum to the output's."""
    first, second, last = factors

    def one(x, y):
        total = scale_integer((x - zeros[0]) * 2**20, *first) + scale_integer((y - zeros[1]) * 2**20, *second)
        return scale_integer(total, *last) + zeros[2]

    return [
        [[one(x, y) for x, y in zip(p, q, strict=True)] for p, q in zip(l, m, strict=True)]
        for l, m in zip(a, b, strict=True)  # noqa: E741
    ]


def int8_pooling(image):
    """Mean over all pixels, rounded half away from zero."""
    pixels = [pixel for line in image for pixel in line]
    means = [Fraction(sum(values), len(pixels)) for values in zip(*pixels, strict=True)]
    return [[[math.floor(abs(m) + Fraction(1, 2)) * (1 if m > 0 else -1) for m in means]]]


# --- Arena ------------------------------------------------------------------------------------------------------


def tensors(rows, keep_input=False):
    """(size, first row, last row) of the net's input and of every row's output."""
    last_row = len(rows) - 1
    out = []
    for t in range(-1, len(rows)):
        if t == INPUT:
            size = rows[0]["height"] * rows[0]["width"] * rows[0]["in_channels"]
        else:
            size = rows[t]["out_height"] * rows[t]["out_width"] * rows[t]["out_channels"]
        readers = [r for r, row in enumerate(rows) if t in (row["source"], row["residual"])]
        written = max(t, 0)
        stays = t == last_row or (keep_input and t == INPUT)
        out.append((size, written, last_row if stays else max([written, *readers])))
    return out


def arena_bound(rows, keep_input=False):
    """Largest sum of tensors alive at one row."""
    alive = tensors(rows, keep_input)
    return max(sum(s for s, first, last in alive if first <= row <= last) for row in range(len(rows)))


def greedy_plan(rows, alignment=16, keep_input=False):
    """Offsets of the tensors: large ones first, of equal ones the last, each at the lowest offset that is free.

    Every multiple of the alignment is tried in turn, against every tensor that was placed.
    """
    alive = tensors(rows, keep_input)
    aligned = [math.ceil(size / alignment) * alignment for size, *_ in alive]
    offsets = {}
    for t in sorted(range(len(alive)), key=lambda t: (-aligned[t], -t)):
        _, first, last = alive[t]
        rivals = [o for o in offsets if alive[o][1] <= last and first <= alive[o][2]]
        offset = 0
        while any(offset < offsets[o] + aligned[o] and offsets[o] < offset + aligned[t] for o in rivals):
            offset += alignment
        offsets[t] = offset
    return [(offsets[t], *alive[t]) for t in range(len(alive))]


def arena_greedy(rows, alignment=16, keep_input=False):
    """Highest aligned end in the greedy plan."""
    plan = greedy_plan(rows, alignment, keep_input)
    return max(offset + math.ceil(size / alignment) * alignment for offset, size, *_ in plan)


def c99_scratch(row):
    """Scratch of a generated kernel: patches of four pixels, or the taps of a row of four channels, 16 bits a value."""
    if row["op"] in ("add", "avgpool"):
        return 0
    k = row["kernel_h"]
    if row["op"] != "depthwise":
        return 4 * 2 * 4 * math.ceil(k * k * row["in_channels"] / 4)
    columns = (row["out_width"] - 1) * row["stride"] + k
    return 4 * 2 * (k * k + k * columns + (row["out_height"] - 1) * row["stride"])


def arena_in_place(rows, keep_input=False):
    """Largest sum of tensors and scratch at one row, where a depthwise layer or an addition may take over an operand.

    It may where nobody reads the operand later: then the smaller of both tensors costs nothing in that row.
    """
    alive = tensors(rows, keep_input)
    peak = 0
    for i, row in enumerate(rows):
        live = [t for t, (_, first, last) in enumerate(alive) if first <= i <= last]
        total = sum(alive[t][0] for t in live) + c99_scratch(row)
        if row["op"] in ("depthwise", "add"):
            dying = [t for t in (row["source"], row["residual"]) if t >= 0 and alive[t + 1][2] == i]
            if dying:
                total -= min(alive[i + 1][0], alive[dying[0] + 1][0])
        peak = max(peak, total)
    return peak


# --- Copula -----------------------------------------------------------------------------------------------------


def bivariate_normal_cdf(h, k, r):
    """P(X <= h, Y <= k) by Owen's T function (Owen 1956), broadcasting; |r| < 1."""
    h, k, r = np.broadcast_arrays(*(np.asarray(v, float) for v in (h, k, r)))
    # T needs h and k apart from zero; a step of 1e-300 changes nothing that a float can hold.
    h, k = np.where(h == 0, 1e-300, h), np.where(k == 0, 1e-300, k)
    with np.errstate(invalid="ignore", over="ignore"):
        root = np.sqrt((1 - r) * (1 + r))
        both = owens_t(h, (k / h - r) / root) + owens_t(k, (h / k - r) / root)
    inside = 0.5 * (ndtr(h) + ndtr(k)) - both - np.where((h < 0) != (k < 0), 0.5, 0.0)
    inside = np.where(np.isposinf(h), ndtr(k), np.where(np.isposinf(k), ndtr(h), inside))
    return np.where(np.isneginf(h) | np.isneginf(k), 0.0, inside)


def couple(a_l, a_b, coupling):
    """gamma, kappa."""
    mu_l, mu_b = ndtri(a_l), ndtri(a_b)
    gamma = np.tanh(coupling.gamma[0] + coupling.gamma[1] * mu_l)
    return gamma, np.tanh(coupling.kappa[0] + coupling.kappa[1] * mu_l + coupling.kappa[2] * (mu_b - mu_l))


def cascade_accuracy(a_l, a_b, p, coupling):
    """acc(p) = a_L - Phi2(t, mu_L; -gamma) + Phi2(t, mu_B; -kappa), broadcasting."""
    gamma, kappa = couple(a_l, a_b, coupling)
    t = ndtri(p)
    return a_l - bivariate_normal_cdf(t, ndtri(a_l), -gamma) + bivariate_normal_cdf(t, ndtri(a_b), -kappa)


def best_rate(a_l, a_b, coupling):
    """The escalation rate of highest accuracy where a_b > a_l, broadcasting.

    P(B right | confidence at t) = Phi((mu_B + kappa t) / sqrt(1 - kappa^2)), and likewise for L: escalate while B is
    the likelier of the two to be right. That holds for all t below the crossing, or for all t.
    """
    gamma, kappa = couple(a_l, a_b, coupling)
    steep_l, steep_b = gamma / np.sqrt(1 - gamma**2), kappa / np.sqrt(1 - kappa**2)
    lead = ndtri(a_b) / np.sqrt(1 - kappa**2) - ndtri(a_l) / np.sqrt(1 - gamma**2)
    with np.errstate(divide="ignore"):
        return np.where(steep_l > steep_b, ndtr(lead / (steep_l - steep_b)), 1.0)


# --- Pairs ------------------------------------------------------------------------------------------------------

LEVELS = (0.05, 0.1, 0.2, 0.3, 0.45, 0.65)
MIN_RATE = 0.05


def activations(a, b, platform):
    """Bytes of the shared arena and of an image that waits beside it."""
    if not platform.input_in_arena:
        return np.maximum(a["arena"], b["arena"]) + b["input"]
    same = a["input"] == b["input"]
    return np.where(same, np.maximum(a["holding"], b["arena"]), np.maximum(a["arena"] + b["input"], b["arena"]))


def figures(a, b, p, platform):
    """Costs of pairs, arrays that broadcast: `a` and `b` map column names to arrays."""
    runtime = np.array([platform.runtime[ops] for ops in np.ravel(a["ops"] | b["ops"])])
    return {
        "latency": a["latency"] + platform.policy_latency + p * b["latency"],
        "energy": a["energy"] + platform.policy_energy + p * b["energy"],
        "macs": a["macs"] + p * b["macs"],
        "worst_latency": a["latency"] + platform.policy_latency + b["latency"],
        "worst_energy": a["energy"] + platform.policy_energy + b["energy"],
        "flash": a["flash"] + b["flash"] + runtime.reshape(np.shape(a["ops"] | b["ops"])),
        "sram": activations(a, b, platform) + a["persistent"] + b["persistent"],
    }


def all_pairs(littles, a_l, bigs, a_b, platform, budgets, coupling):
    """Every pair as an (n_littles, n_bigs) matrix a figure: `counts`, `p`, `cap`, `accuracy` and all costs."""
    a = {name: column[:, None] for name, column in vars(littles).items()}
    b = {name: column[None, :] for name, column in vars(bigs).items()}
    a_l, a_b = a_l[:, None], a_b[None, :]
    start, start_energy = a["latency"] + platform.policy_latency, a["energy"] + platform.policy_energy
    cap = np.minimum(1.0 - start / b["latency"], budgets.escalation)
    cap = np.minimum(cap, (budgets.latency - start) / b["latency"])
    cap = np.minimum(cap, (budgets.energy - start_energy) / b["energy"])
    p = np.minimum(cap, best_rate(a_l, a_b, coupling))
    out = figures(a, b, p, platform)
    out["counts"] = (
        (a_b > a_l)
        & (start < b["latency"])
        & (p >= MIN_RATE)
        & (out["flash"] <= budgets.flash)
        & (out["sram"] <= budgets.sram)
        & (out["worst_latency"] <= budgets.worst_latency)
    )
    safe = np.where(out["counts"], p, 0.5)
    return out | {"p": p, "cap": cap, "accuracy": cascade_accuracy(a_l, a_b, safe, coupling)}


def top_pairs(pairs, top, per_net):
    """Best pairs first, skipping nets that are listed often enough: a list of (little, big)."""
    order = sorted(
        zip(*np.nonzero(pairs["counts"]), strict=True), key=lambda ij: (-pairs["accuracy"][ij], pairs["latency"][ij])
    )
    listed = []
    for i, j in order:
        free_l = sum(i == k for k, _ in listed) < per_net
        free_b = sum(j == k for _, k in listed) < per_net
        if free_l and free_b and len(listed) < top:
            listed.append((int(i), int(j)))
    return listed


def front_candidates(pairs, littles, a_l, bigs, a_b, platform, coupling):
    """Every point that may stand on the front: columns `little`, `big`, `p`, `accuracy` and all costs."""
    found = []
    for i, j in zip(*np.nonzero(pairs["counts"]), strict=True):
        best = pairs["p"][i, j]
        found += [(i, j, rate) for rate in LEVELS if rate < best] + [(i, j, best)]
    little, big, p = (np.array(column) for column in zip(*found, strict=True)) if found else np.zeros((3, 0), int)
    out = figures(
        {name: column[little] for name, column in vars(littles).items()},
        {name: column[big] for name, column in vars(bigs).items()},
        p,
        platform,
    )
    return out | {
        "little": little,
        "big": big,
        "p": p,
        "accuracy": cascade_accuracy(a_l[little], a_b[big], p, coupling),
    }


def not_dominated(points):
    """Indices of the rows (all columns minimised) that no other row dominates; of equal rows the first."""
    kept = []
    for i, point in enumerate(points):
        rivals = np.delete(points, i, axis=0)
        dominated = ((rivals <= point).all(axis=1) & (rivals < point).any(axis=1)).any()
        if not dominated and not any((points[k] == point).all() for k in kept):
            kept.append(i)
    return kept


# --- Ranking ----------------------------------------------------------------------------------------------------


def fuse_ranks(scores):
    """Mean over the columns of log(rank / n), the rank counted out net by net."""
    n = len(scores)
    fused = []
    for i in range(n):
        logs = []
        for column in zip(*scores, strict=True):
            key = [-math.inf if math.isnan(value) else value for value in column]
            below = sum(value < key[i] for value in key)
            equal = sum(value == key[i] for value in key)
            logs.append(math.log((below + (equal + 1) / 2) / n))
        fused.append(sum(logs) / len(logs))
    return fused
