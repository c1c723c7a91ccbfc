"""Training images a second: this package's own training step, on one and two threads of this machine.

python -m benchmarks.training_speed [--seconds 3]

Batches of 128 images of 32x32x3, random pixels, with everything that a step of `zeroshot train` does: crop and mirror,
normalisation, forward, backward, SGD, averaged weights. Run it alone: other work on the cores shows in every figure.
"""

import os
import statistics
import sys
import time

import numpy as np
import torch

from benchmarks.script import RESULTS, Arguments, exit_code, parser
from zeroshot.cost.counts import macs
from zeroshot.data import Dataset
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.runs.files import write_file
from zeroshot.runs.folder import processor
from zeroshot.scoring.population import default_jobs
from zeroshot.training.batches import Split, hold_out
from zeroshot.training.recipe import fast_precision
from zeroshot.training.train import Recipe
from zeroshot.training.train_net import job_of
from zeroshot.training.trainer import Trainer
from zeroshot.workers import torch_threads

SIDE, BATCH, IMAGES, CLASSES = 32, 128, 2560, 10
ROUNDS = 5
GOAL = 12_000  # images/s of the first net on two cores, from an early trial
NETS = (
    ("plain", "r32-s16/2-c3w16x1-c3w32x1/2-c3w64x1/2"),
    ("plain, smaller", "r32-s16/2-c3w32x1/2-c3w64x1/2"),
    ("residual, small", "r32-s16/2-b3w16x1-b3w32x1/2-b3w64x1/2"),
    ("residual, as ResNet8", "r32-s16-b3w16x1-b3w32x1/2-b3w64x1/2"),
    ("depthwise-separable", "r32-s16/2-d3w32x2-d3w64x2/2-d3w128x1/2"),
    ("inverted bottleneck", "r32-s16/2-m3e4w24x2-m3e4w40x2/2"),
)
THREADS = (1, 2)


def noise() -> Split:
    """Random images; training time does not depend on what they show. Named so that they are mirrored."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (IMAGES, SIDE, SIDE, 3), dtype=np.uint8)
    y = np.arange(IMAGES) % CLASSES
    names = tuple(map(str, range(CLASSES)))
    return hold_out(Dataset("cifar10", x, y, x[:CLASSES], y[:CLASSES], names), 0)


def images_per_second(
    spec: str, threads: int, precision: str | None, data: Split, seconds: float
) -> tuple[float, float]:
    """Median and best of some rounds of whole steps, after a warm-up."""
    trainer = job_of(spec, data.dataset, Recipe(batch=BATCH, precision=precision), 0, threads).trainer(data)
    rates = []
    with torch_threads(threads):
        train(trainer, seconds / ROUNDS)
        for _ in range(ROUNDS):
            start = time.perf_counter()
            done = train(trainer, seconds / ROUNDS)
            rates.append(done / (time.perf_counter() - start))
    return statistics.median(rates), max(rates)


def train(trainer: Trainer, seconds: float) -> int:
    """Train for some time, at least one epoch; the number of images."""
    start, epochs = time.perf_counter(), 0
    while not epochs or time.perf_counter() - start < seconds:
        trainer.module.train()
        for i, (x, y) in enumerate(trainer.batches.epoch(trainer.seed, epochs)):
            trainer.step(x, y, i)
        epochs += 1
    return epochs * trainer.batches.count * trainer.batches.size


def table(seconds: float) -> list[str]:
    """One row a net, number format and number of threads; the format that is not this processor's choice on one."""
    data = noise()
    lines = ["| net | M MACs | format | threads | images/s, median | best |", "|---|---|---|---|---|---|"]
    fast = fast_precision()
    for name, spec in NETS:
        size = int(macs(layer_table(spec_array([NetSpec.parse(spec)]), 3, CLASSES))[0]) / 1e6
        cases = [(fast, threads) for threads in THREADS if threads <= default_jobs()]
        cases += [("fp32", 1)] if fast != "fp32" else []
        for precision, threads in cases:
            median, best = images_per_second(spec, threads, precision, data, seconds)
            lines.append(f"| {name} `{spec}` | {size:.2f} | {precision} | {threads} | {median:,.0f} | {best:,.0f} |")
            print(lines[-1], flush=True)
    return lines


def main(arguments: Arguments = None) -> None:
    options = parser("training_speed", __doc__)
    options.add_argument("--seconds", type=float, default=10.0, help="of each row; default: %(default)s")
    load = os.getloadavg()[0]
    lines = table(options.parse_args(arguments).seconds)
    text = [
        "# Speed of training",
        "",
        f"{processor()}, {default_jobs()} cores, torch {torch.__version__}; load of the machine before: {load:.1f}. "
        f"Whole training steps, batches of {BATCH} images of {SIDE}x{SIDE}x3, median of {ROUNDS} rounds. The goal for "
        f"the first net is {GOAL:,} images/s on two cores. `zeroshot train` gives each net one thread and trains as "
        "many nets side by side as there are cores.",
        "",
        *lines,
    ]
    write_file(RESULTS / "training_speed.md", "\n".join(text) + "\n")


if __name__ == "__main__":
    sys.exit(exit_code(main))
