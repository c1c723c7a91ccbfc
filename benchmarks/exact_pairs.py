"""How fast all pairs of two populations are ranked exactly, and what NumPy takes that looks at each of them.

Random nets of the mcu space at 32x32 on a NUCLEO-L4R5ZI with c99, accuracies as expected from their layers; the best
10 pairs, the front, and how many pairs count. Each size runs in a process of its own, so that peak memory is its own;
the first call of each, which compiles, is not counted. The share is that of the pairs rated one by one for the front.

python -m benchmarks.exact_pairs [--nets 1000,10000,100000] [--threads 2] [--write]
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.script import RESULTS, Arguments, exit_code, parser, table
from zeroshot.accuracy import model as accuracy
from zeroshot.accuracy.features import features
from zeroshot.cascade.copula import cascade_accuracy
from zeroshot.cascade.rank_pairs import LEVELS, Budgets, Ranking, rank_pairs
from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import load_engine
from zeroshot.cost.nets import NetCosts, Platform, net_costs, platform
from zeroshot.net import layer_table
from zeroshot.runs.folder import processor
from zeroshot.scoring.plugins import load_proxies
from zeroshot.scoring.population import default_jobs, score_static
from zeroshot.scoring.ranking import fuse_ranks
from zeroshot.spaces import McuSpace
from zeroshot.types import FloatArray

CHUNK = 10_000  # nets laid out at a time
BRUTE = 2000  # nets a side up to which NumPy looks at every pair
MOST = {2: 10**6, 3: 10_000, 4: 2000}  # nets a side that take minutes at most, by objectives
PROXIES = ("params", "macs", "nn_degree")
BUDGETS = {"none": Budgets(), "128 KiB, 64 KiB, 200 ms": Budgets(flash=128 * 1024, sram=64 * 1024, latency=200.0)}
OBJECTIVES = {
    2: ("accuracy", "latency"), 3: ("accuracy", "latency", "flash"), 4: ("accuracy", "latency", "flash", "sram")
}  # fmt: skip
HEADS = (
    "pairs", "budgets", "objectives", "seconds", "pairs/s", "share rated", "front", "pairs that count", "peak memory",
    "NumPy over every pair takes",
)  # fmt: skip


def population(n: int, seed: int) -> tuple[NetCosts, FloatArray]:
    """Costs and expected accuracies of n random nets."""
    board, engine = load_board("nucleo-l4r5zi"), load_engine("c99")
    values, costs, scores, known = McuSpace.for_images(32).sample(n, np.random.default_rng(seed)), [], [], []
    for start in range(0, n, CHUNK):
        rows = layer_table(values[start : start + CHUNK], 3, 10)
        costs.append(net_costs(rows, board, engine))
        scores.append(score_static(rows, load_proxies(PROXIES)))
        known.append(features(rows))
    joined = {name: np.concatenate([part[name] for part in known]) for name in known[0]}
    fused = fuse_ranks(np.concatenate(scores))
    return NetCosts.join(costs), accuracy.expected_accuracy(fused, joined, 10, accuracy.STATIC)


def fastest(work: Callable[[], object], repeats: int) -> float:
    """Least wall time."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def brute_force(sides: tuple[NetCosts, FloatArray, NetCosts, FloatArray], board: Platform, budgets: Budgets) -> int:
    """The front of accuracy and latency in NumPy: every pair at each of the rates that are the same for all pairs.

    Less than a ranking does: nothing is asked of SRAM, and no pair stands at its own best rate.

    Returns:
        Points on the front.
    """
    littles, a_l, bigs, a_b = sides
    latency = littles.latency[:, None] + board.policy_latency
    fits = (latency < bigs.latency) & (a_l[:, None] < a_b)
    fits &= littles.flash[:, None] + bigs.flash + board.runtime[littles.ops[:, None] | bigs.ops] <= budgets.flash
    little, big = np.nonzero(fits)
    points = []
    for p in LEVELS:
        expected = latency[little, 0] + p * bigs.latency[big]
        inside = (expected <= budgets.latency) & (expected <= bigs.latency[big])
        points.append((expected[inside], cascade_accuracy(a_l[little[inside]], a_b[big[inside]], p)))
    expected, reached = (np.concatenate(column) for column in zip(*points, strict=True))
    reached = reached[np.lexsort((-reached, expected))]
    return int((reached[1:] > np.maximum.accumulate(reached)[:-1]).sum()) + 1


def measure(n: int, threads: int) -> list[list[str]]:
    """The rows of one size, in this process."""
    sides, board = (*population(n, 0), *population(n, 1)), platform(load_board("nucleo-l4r5zi"), load_engine("c99"), 10)
    rows: list[list[str]] = []
    for name, budgets in BUDGETS.items():
        for count, objectives in OBJECTIVES.items():
            if n > MOST[count]:
                continue
            found: list[Ranking] = []

            def work(
                budgets: Budgets = budgets, objectives: tuple[str, ...] = objectives, found: list[Ranking] = found
            ) -> None:
                found[:] = [rank_pairs(*sides, board, budgets, objectives=objectives, threads=threads)]

            if not rows:
                work()
            taken = fastest(work, 3 if n <= BRUTE else 1)
            plain = "-"
            if count == 2 and n <= BRUTE:
                plain = f"{fastest(partial(brute_force, sides, board, budgets), 1) / taken:,.0f} times"
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            ranking = found[0]
            rows.append([
                f"{ranking.n_pairs:.0e}", name, str(count), f"{taken:.3g}", f"{ranking.n_pairs / taken:.2g}",
                f"{ranking.n_rated / ranking.n_pairs:.2%}", f"{len(ranking.front):,}", f"{ranking.n_feasible:,}",
                f"{peak:,.0f} MiB", plain,
            ])  # fmt: skip
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def main(arguments: Arguments = None) -> None:
    options = parser("exact_pairs", __doc__)
    options.add_argument("--nets", default="1000,10000,100000", help="nets a side")
    options.add_argument("--threads", type=int, default=default_jobs())
    options.add_argument("--write", action="store_true", help="write benchmarks/results/exact_pairs.md too")
    options.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args(arguments)
    sizes = [int(size) for size in chosen.nets.split(",")]
    if chosen.one:
        print(json.dumps(measure(sizes[0], chosen.threads)))
        return
    rows = []
    for size in sizes:
        command = [sys.executable, "-m", "benchmarks.exact_pairs", "--one", "--nets", str(size)]
        done = subprocess.run(
            [*command, "--threads", str(chosen.threads)], check=True, stdout=subprocess.PIPE, text=True
        )
        rows += json.loads(done.stdout)
    lines = [f"{processor()}, {chosen.threads} threads, Python {sys.version.split()[0]}, seeds 0 and 1", ""]
    text = "\n".join([*lines, *table(HEADS, rows)]) + "\n"
    print(text, end="")
    if chosen.write:
        (RESULTS / "exact_pairs.md").write_text("# Ranking all pairs exactly\n\n" + text)


if __name__ == "__main__":
    sys.exit(exit_code(main))
