"""Where the starting constants of the accuracy model come from, `prior-1`.

Intercept and slope are a least-squares line, on the probit scale, through seven nets that were trained for 8 epochs on
CIFAR-10 (one-cycle SGD, float). The task slope comes from small nets trained here on digits, against the
nearest-neighbour anchors of the two tasks. Two tasks fix one number and leave nothing to check it with: it stays a
prior, and so do the spreads, which are set by hand to about twice the residuals seen. `benchmarks/pair_truth.py --fit`
replaces them with constants of more nets.

    python benchmarks/accuracy_prior.py        (digits: about a minute; the CIFAR-10 anchor needs ZEROSHOT_DATA)
"""

import os
from pathlib import Path

import numpy as np
import torch
from cifar10 import cifar10_npz, default_out
from scipy.special import ndtr, ndtri

from zeroshot.accuracy import PRIOR, task_anchor
from zeroshot.build import build, initialise
from zeroshot.cost.counts import macs
from zeroshot.data import batches, channel_stats, load
from zeroshot.net import NetSpec, layer_table, spec_array

# Millions of MACs, top-1 accuracy on CIFAR-10.
CIFAR10 = [(0.35, 0.617), (1.29, 0.706), (1.08, 0.763), (3.24, 0.754), (6.8, 0.815), (12.5, 0.821), (26.7, 0.861)]
DIGITS = [
    "r8-s8/2-d3w8x1-d3w16x1", "r8-s8-c3w8x1/2-c3w16x1", "r8-s16-d3w24x2/2-d3w32x1", "r8-s16-c3w16x1/2-c3w32x1",
    "r8-s16-b3w16x1-b3w32x1/2", "r8-s24-m3e3w24x2-m3e4w48x2/2", "r8-s32-c3w48x2-c3w64x1/2", "r8-s32-b3w48x2-b3w64x1/2",
]  # fmt: skip
EPOCHS = 8


def train_digits(text: str) -> tuple[float, float]:
    """MACs and test accuracy of one net after 8 epochs on digits, one-cycle AdamW, seed 0."""
    torch.manual_seed(0)
    dataset = load("digits")
    module = build(NetSpec.parse(text), 1, 10)
    initialise(module, torch.Generator().manual_seed(0))
    steps = len(dataset.y_train) // 32
    optimiser = torch.optim.AdamW(module.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, total_steps=EPOCHS * steps)
    for epoch in range(EPOCHS):
        for x, y in batches(dataset, 8, 32, steps, epoch):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(module(x), y).backward()
            optimiser.step()
            schedule.step()
    module.eval()
    mean, std = channel_stats(dataset)
    x = torch.from_numpy(((dataset.x_test / 255 - mean) / std).transpose(0, 3, 1, 2).astype(np.float32))
    with torch.no_grad():
        right = (module(x).argmax(1) == torch.from_numpy(dataset.y_test)).double().mean()
    return float(macs(layer_table(spec_array([NetSpec.parse(text)]), 1, 10))[0]), float(right)


def main() -> None:
    torch.set_num_threads(1)
    x = np.log10([m for m, _ in CIFAR10])
    mu = ndtri([a for _, a in CIFAR10])
    slope, intercept = np.polyfit(x, mu, 1)
    residual = mu - (intercept + slope * x)
    print(
        f"CIFAR-10 line: intercept {intercept:.4f}, slope {slope:.4f} a decade, residual sd {residual.std(ddof=2):.3f}"
    )
    reference = PRIOR.reference
    if folder := os.environ.get("ZEROSHOT_DATA"):
        npz = cifar10_npz(Path(folder) / "cifar10", default_out())
        reference = task_anchor(load(str(npz)))
    anchor = task_anchor(load("digits"))
    print(f"anchors: CIFAR-10 {reference:.4f}, digits {anchor:.4f}")
    shifts = []
    for text in DIGITS:
        cost, accuracy = train_digits(text)
        shifts.append(ndtri(min(accuracy, 0.999)) - intercept - slope * (np.log10(cost) - 6))
        print(f"  {text:32s} {cost / 1e6:7.3f} M MACs  {100 * accuracy:.2f} %  shift {shifts[-1]:.3f}")
    task_slope = float(np.mean(shifts) / (ndtri(anchor) - ndtri(reference)))
    print(f"task slope {task_slope:.4f}, spread of the shifts {np.std(shifts, ddof=1):.3f}")
    print(f"1 M MACs: CIFAR-10 {100 * ndtr(intercept):.1f} %, digits {100 * ndtr(intercept + np.mean(shifts)):.1f} %")
    print(f"shipped: {PRIOR}")


if __name__ == "__main__":
    main()
