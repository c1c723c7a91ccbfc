"""Scores of every forward and backward proxy on distinct, connected NAS-Bench-201 cells, with real CIFAR-10.

ZEROSHOT_DATA=... python benchmarks/proxy_bench.py --hours H [--cells N] [--jobs J] [--late] [--dear] [--seed S]

Adds what is missing to the stored scores (benchmarks/results/proxy_scores.npz), as long as the time allows, and writes
every minute: it can be stopped and started at will. `--late` adds grasp, `--dear` the per-sample proxies, each on the
first cells of the draw. Another seed, of weights and of images, has its own file (proxy_scores_seed1.npz). The tables
come from `zeroshot bench nasbench201`.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import torch
from cifar10 import cifar10_npz, default_out

from zeroshot.bench import scores as cell_scores
from zeroshot.data import batches, load
from zeroshot.runs import processor

RESULTS = Path(__file__).with_name("results")
CHUNK = 60.0  # seconds between two writes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, required=True, metavar="H")
    parser.add_argument("--cells", type=int, default=10_000, metavar="N", help="first N of the draw; all by default")
    parser.add_argument("--jobs", type=int, default=1, metavar="J", help="worker processes, one thread each")
    parser.add_argument("--late", action="store_true", help="grasp too")
    parser.add_argument("--dear", action="store_true", help="the per-sample proxies too")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of weights and images")
    arguments = parser.parse_args()
    folder = os.environ.get("ZEROSHOT_DATA")
    if not folder:
        sys.exit("Set ZEROSHOT_DATA to the folder that holds cifar10/ and nasbench201/.")
    torch.set_num_threads(1)
    stored = RESULTS / (f"proxy_scores_seed{arguments.seed}.npz" if arguments.seed else "proxy_scores.npz")
    protocol = cell_scores.Protocol(seed=arguments.seed, batch_seed=arguments.seed)
    machine = f"{processor()}, torch {torch.__version__}"
    scores = cell_scores.read(stored) if stored.exists() else cell_scores.empty(protocol, machine)
    if scores.protocol != protocol:
        sys.exit(f"{stored} was scored by another protocol: {scores.protocol}.")
    data = load(str(cifar10_npz(Path(folder) / "cifar10", default_out())))
    images = batches(data, 32, protocol.images, protocol.batches, protocol.batch_seed)
    proxies = [
        p for p in cell_scores.probed_proxies(arguments.dear) if arguments.late or p.name not in cell_scores.LATE
    ]
    cells = cell_scores.drawn_cells(protocol.draw)[: arguments.cells]
    end = time.monotonic() + 3600 * arguments.hours
    while time.monotonic() < end and any(scores.missing(cell, proxies) for cell in cells.tolist()):
        stop = min(end, time.monotonic() + CHUNK)
        scores = cell_scores.extended(
            scores, cells, proxies, images, lambda stop=stop: time.monotonic() < stop, arguments.jobs
        )
        cell_scores.write(scores, stored)
        print(time.strftime("%H:%M:%S"), len(scores.cells), "cells", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
