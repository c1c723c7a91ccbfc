"""Scores of every forward and backward proxy on distinct, connected NAS-Bench-201 cells, with real CIFAR-10.

ZEROSHOT_DATA=... python -m benchmarks.proxy_bench --hours H [--cells N] [--jobs J] [--proxies A,B] [--seed S]

Adds what is missing to the stored scores (benchmarks/results/proxy_scores.npz), as long as the time allows, and writes
every minute: it can be stopped and started at will. Without `--proxies` it computes those that share their passes.
Another seed, of weights and of images, has its own file (proxy_scores_seed1.npz). The tables come from `zeroshot bench
nasbench201`. All that is stored: once without further options, and once with

    --cells 1500 --proxies grasp,gradsign,linear_readout,vkdnw,ntk_cond
"""

import sys
import time
from functools import partial

import torch

from benchmarks.cifar10 import cifar10_file
from benchmarks.script import RESULTS, Arguments, exit_code, parser
from zeroshot.bench import scores as cell_scores
from zeroshot.data import load
from zeroshot.runs.folder import processor
from zeroshot.scoring.plugins import load_proxies

CHUNK = 60.0  # seconds between two writes


def before(stop: float) -> bool:
    return time.monotonic() < stop


def main(arguments: Arguments = None) -> None:
    options = parser("proxy_bench", __doc__)
    options.add_argument("--hours", type=float, required=True, metavar="H")
    options.add_argument("--cells", type=int, default=10_000, metavar="N", help="first N of the draw; all by default")
    options.add_argument("--jobs", type=int, default=1, metavar="J", help="worker processes, one thread each")
    options.add_argument("--proxies", metavar="A,B", help="these alone, instead of those that share passes")
    options.add_argument("--seed", type=int, default=0, metavar="S", help="of weights and images")
    given = options.parse_args(arguments)
    torch.set_num_threads(1)
    stored = RESULTS / (f"proxy_scores_seed{given.seed}.npz" if given.seed else "proxy_scores.npz")
    protocol = cell_scores.Protocol(seed=given.seed, batch_seed=given.seed)
    machine = f"{processor()}, torch {torch.__version__}"
    scores = cell_scores.read(stored) if stored.exists() else cell_scores.empty(protocol, machine)
    if scores.protocol != protocol:
        sys.exit(f"{stored} was scored by another protocol: {scores.protocol}.")
    if scores.machine != machine:
        sys.exit(f"{stored} was scored on {scores.machine}; this is {machine}. Score on one machine, or all anew.")
    proxies = load_proxies(given.proxies.split(",")) if given.proxies else cell_scores.sharing_passes()
    images = protocol.drawn(load(str(cifar10_file())), proxies)
    cells = cell_scores.drawn_cells(protocol.draw)[: given.cells]
    end = time.monotonic() + 3600 * given.hours
    while time.monotonic() < end and any(scores.missing(cell, proxies) for cell in cells.tolist()):
        stop = min(end, time.monotonic() + CHUNK)
        scores = cell_scores.extended(scores, cells, proxies, images, partial(before, stop), given.jobs)
        cell_scores.write(scores, stored)
        print(time.strftime("%H:%M:%S"), len(scores.cells), "cells", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(exit_code(main))
