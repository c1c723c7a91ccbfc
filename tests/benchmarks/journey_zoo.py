"""Answers of nets that were never trained, right where a test says so."""

import numpy as np

from zeroshot.bench import truth_files as files
from zeroshot.cascade.policy import DEFAULT_POLICY

N = 1000  # images of each part
CLASSES = 10
AT = np.arange(N)  # images; nets are the surer of one the higher its number


def save(zoo, folder, net, right, seed=0, score=AT):
    """Write one net's answers.

    Args:
        zoo: Folder of folders.
        folder: `cifar10` or `cifar10-int8`.
        net: Short spec.
        right: Part -> (n,) bool.
        seed: Of a training.
        score: (n,), how sure it is of each image, the same in both parts.
    """
    where = zoo / folder
    where.mkdir(parents=True, exist_ok=True)
    labels = {part: (np.arange(len(right[part])) % CLASSES).astype(np.uint8) for part in files.PARTS}
    files.save_labels(where, labels)
    edges = files.thresholds(score)
    predicted = {part: np.where(right[part], labels[part], (labels[part] + 1) % CLASSES) for part in files.PARTS}
    said = files.Answers(
        {part: found.astype(np.uint8) for part, found in predicted.items()},
        {DEFAULT_POLICY: files.levels(score, edges)}, files.levels(score, edges),
        {DEFAULT_POLICY: edges[files.KNOT_EVERY - 1 :: files.KNOT_EVERY].astype(np.float32)},
    )  # fmt: skip
    about = {
        "net": net, "seed": seed, "half": "other", "position": None, "task": folder.removesuffix("-int8"),
        "channels": 3, "classes": CLASSES, "macs": 1, "machine": {"processor": "an abacus", "device": "cpu"},
        **{f"{part}_accuracy": float(np.mean(right[part])) for part in files.PARTS},
    }  # fmt: skip
    files.save_net(where, f"{net.replace('/', '_')}-s{seed}", about, said, labels)


def both(right):
    """The same on both parts."""
    return dict.fromkeys(files.PARTS, right)
