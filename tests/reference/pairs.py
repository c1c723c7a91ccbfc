"""Every pair of two lists of nets, without a shortcut: what it costs, what is listed, what stands on the front."""

import numpy as np

from .copula import best_rate, cascade_accuracy

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
