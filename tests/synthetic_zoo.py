"""A zoo that was never trained: answers drawn from the probit line and the Gaussian copula themselves.

Net i is right where u_i = a z + sqrt(1 - a^2) e_i > -mu_i, z shared by all nets; its confidence has correlation g with
u_i. So its own gamma is g, and kappa of a pair is g a^2, the same for all pairs.
"""

import csv

import numpy as np

from zeroshot.accuracy.features import features
from zeroshot.bench import truth_files as files
from zeroshot.cascade.policy import DEFAULT_POLICY
from zeroshot.net import NetSpec, layer_table, spec_array

GAMMA, SHARED = 0.65, 0.8
KAPPA = GAMMA * SHARED**2
LINE = {"log_macs": 0.30, "log_depth": 0.06}  # mu a unit


def true_mu(nets, rng, spread):
    """A line over two features, and what no feature tells."""
    known = features(layer_table(spec_array([NetSpec.parse(net) for net in nets]), 3, 10))
    line = sum(weight * (known[name] - known[name].mean()) for name, weight in LINE.items())
    return 0.4 + line + spread * rng.normal(size=len(nets))


def answers(rng, z, labels, mu):
    """One net's answers to images of difficulty z, without logits."""
    right, score = {}, {}
    for part in files.PARTS:
        u = SHARED * z[part] + np.sqrt(1 - SHARED**2) * rng.normal(size=len(z[part]))
        right[part] = u > -mu
        score[part] = GAMMA * u + np.sqrt(1 - GAMMA**2) * rng.normal(size=len(u))
    edges = files.thresholds(score["validation"])
    predicted = {
        part: np.where(right[part], labels[part], (labels[part] + rng.integers(1, 10, len(labels[part]))) % 10)
        for part in files.PARTS
    }
    return files.Answers(
        {part: found.astype(np.uint8) for part, found in predicted.items()},
        {DEFAULT_POLICY: files.levels(score["test"], edges)}, files.levels(score["validation"], edges),
        {DEFAULT_POLICY: edges[files.KNOT_EVERY - 1 :: files.KNOT_EVERY].astype(np.float32)},
    )  # fmt: skip


def make_zoo(folder, plan, nets=128, images=2000, seed=0, spread=0.05):
    """Write a zoo of the first nets of a plan; returns their mu."""
    with plan.open() as file:
        rows = [row for row in csv.DictReader(file) if row["seed"] == "0"][:nets]
    rng = np.random.default_rng(seed)
    sizes = {"validation": images, "test": images}
    labels = {part: rng.integers(0, 10, n).astype(np.uint8) for part, n in sizes.items()}
    z = {part: rng.normal(size=n) for part, n in sizes.items()}
    files.save_labels(folder, labels)
    mu = true_mu([row["net"] for row in rows], rng, spread)
    for row, own in zip(rows, mu, strict=True):
        said = answers(rng, z, labels, own)
        accuracy = {part: float((said.predicted[part] == labels[part]).mean()) for part in files.PARTS}
        about = {
            "net": row["net"], "seed": 0, "half": row["half"], "position": int(row["position"]), "kind": row["kind"],
            "classes": 10, "macs": int(row["macs"]), "validation_accuracy": accuracy["validation"],
            "test_accuracy": accuracy["test"],
        }  # fmt: skip
        files.save_net(folder, f"{int(row['position']):03d}-s0", about, said, labels)
    return mu
