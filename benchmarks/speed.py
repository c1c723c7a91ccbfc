"""How fast the parts are on this machine. Run it alone: other work on the cores shows in every figure.

python -m benchmarks.speed [--quick] > benchmarks/results/speed.md
"""

import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.stats import norm

from benchmarks.cifar10 import cifar10_file
from benchmarks.script import Arguments, exit_code, parser
from zeroshot.accuracy import model as accuracy
from zeroshot.accuracy.features import features
from zeroshot.cascade.rank_pairs import Budgets, Ranking, rank_pairs
from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import load_engine
from zeroshot.cost.nets import NetCosts, net_costs, platform
from zeroshot.net import layer_table
from zeroshot.runs.folder import processor
from zeroshot.scoring.plugins import load_proxies
from zeroshot.scoring.population import default_jobs, score_static
from zeroshot.scoring.ranking import fuse_ranks
from zeroshot.spaces import McuSpace
from zeroshot.types import ByteArray, FloatArray, Int32Array, Int64Array

ROOT = Path(__file__).parent.parent
STATIC = ("params", "macs", "depth", "nn_mass", "nn_degree")
TIGHT = Budgets(flash=128 * 1024, sram=64 * 1024, latency=200.0)
CHUNK = 10_000  # nets laid out at a time: the table of 100,000 at once would take 190 MB


def seconds(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median and slowest wall time, after one call that compiles."""
    work()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken), max(taken)


def row(what: str, median: float, slowest: float, asked: str, note: str = "") -> None:
    times = ("-", "-") if math.isnan(median) else (f"{median:.3g} s", f"{slowest:.3g} s")
    print(f"| {what} | {' | '.join(times)} | {asked} | {note} |", flush=True)


def population(n: int, seed: int) -> tuple[NetCosts, FloatArray]:
    """Costs and prior accuracies of n nets of the mcu space at 32x32 on a NUCLEO-L4R5ZI."""
    board, engine = load_board("nucleo-l4r5zi"), load_engine("c99")
    table = layer_table(McuSpace.for_images(32).sample(n, np.random.default_rng(seed)), 3, 10)
    costs = net_costs(table, board, engine)
    fused = fuse_ranks(score_static(table, load_proxies(("params", "macs", "nn_degree"))))
    return costs, accuracy.expected_accuracy(fused, features(table), 10, accuracy.STATIC)


def pairs(n: int, budgets: Budgets, repeats: int) -> tuple[float, float, str]:
    """Time of ranking n x n pairs."""
    (littles, little_accuracy), (bigs, big_accuracy) = population(n, 0), population(n, 1)
    fixed = platform(load_board("nucleo-l4r5zi"), load_engine("c99"), 10)
    result: list[Ranking] = []

    def work() -> None:
        result[:] = [rank_pairs(littles, little_accuracy, bigs, big_accuracy, fixed, budgets, threads=default_jobs())]

    median, slowest = seconds(work, repeats)
    return median, slowest, f"{result[0].n_feasible:,} feasible, front of {len(result[0].front)}"


def static_scoring(n: int) -> None:
    """Draw, cost and statically score so many nets."""
    space, rng = McuSpace.for_images(32), np.random.default_rng(0)
    board, engine, proxies = load_board("nucleo-l4r5zi"), load_engine("c99"), load_proxies(STATIC)
    for _ in range(0, n, CHUNK):
        table = layer_table(space.sample(CHUNK, rng), 3, 10)
        net_costs(table, board, engine)
        score_static(table, proxies)


def by_nn_degree(n: int, ranked: bool) -> None:
    """NN-Degree and costs of n nets that are drawn already, all of which may be little or big; and their best pair."""
    values = drawn(n)
    board, engine, proxies = load_board("nucleo-l4r5zi"), load_engine("c99"), load_proxies(("nn_degree",))
    parts, degrees = [], []
    for start in range(0, n, CHUNK):
        table = layer_table(values[start : start + CHUNK], 3, 10)
        parts.append(net_costs(table, board, engine))
        degrees.append(score_static(table, proxies)[:, 0])
    if ranked:
        costs, expected = NetCosts.join(parts), 0.9 * norm.cdf(np.log(np.concatenate(degrees)) - 4.0)
        fixed = platform(board, engine, 10)
        rank_pairs(costs, expected, costs, expected, fixed, TIGHT, top=1, threads=default_jobs())


@cache
def drawn(n: int) -> Int32Array:
    """Nets of the mcu space at 32x32."""
    return McuSpace.for_images(32).sample(n, np.random.default_rng(0))


def photographs(folder: Path) -> str:
    """1,650 training images of 100x100 in ten classes, made: a blurred prototype a class, moved, with noise."""
    rng, side = np.random.default_rng(0), 100
    prototypes = gaussian_filter(rng.normal(size=(10, side, side, 3)), (0, 6, 6, 0))
    prototypes = 128 + 60 * prototypes / prototypes.std()

    def part(n: int) -> tuple[ByteArray, Int64Array]:
        labels = np.arange(n) % 10
        moves = rng.integers(-20, 21, (n, 2))
        images = np.stack([np.roll(prototypes[k], move, (0, 1)) for k, move in zip(labels, moves, strict=True)])
        return np.clip(images + rng.normal(0, 40, images.shape), 0, 255).astype(np.uint8), labels

    (x_train, y_train), (x_test, y_test) = part(1650), part(400)
    folder.mkdir(parents=True)
    path = folder / "photographs.npz"
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return str(path)


def tree_memory(root: int) -> int:
    """Proportional set size of a process and its descendants, bytes: pages that processes share count once."""
    total, todo = 0, [root]
    while todo:
        pid = todo.pop()
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            todo += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def command(arguments: list[str], environment: dict[str, str] | None = None) -> tuple[float, float]:
    """Wall time of a command from process start, and peak memory in MiB of all its processes."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("zeroshot")), *arguments],
        stdout=subprocess.DEVNULL, env=os.environ | (environment or {}),
    )  # fmt: skip
    peak = [0]
    watch = threading.Thread(target=_watch, args=(process, peak))
    watch.start()
    if process.wait():
        sys.exit(f"zeroshot {' '.join(arguments)} failed with exit code {process.returncode}")
    taken = time.perf_counter() - start
    watch.join()
    return taken, peak[0] / 2**20


def _watch(process: "subprocess.Popen[bytes]", peak: list[int]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], tree_memory(process.pid))
        time.sleep(0.1)


def whole_search(data: str, folder: Path, goal: str, least: bool = False) -> None:
    """The command from process start: nothing compiled yet, with what that left compiled, and in other ways.

    Args:
        data: As `--data` has it.
        folder: For runs and compiled kernels; it is not there yet.
        goal: Of a search that finds its kernels compiled.
        least: Whether to leave the other ways out.
    """
    budgets = ["--board", "nucleo-f746zg", "--flash", "128KiB", "--sram", "64KiB", "--latency", "50ms"]
    arguments = ["search", "--data", data, *budgets, "--calibrate", "0", "--quiet"]
    cache = {"NUMBA_CACHE_DIR": str(folder / "numba")}
    ways: tuple[tuple[str, list[str]], ...] = (("nothing compiled", []), ("compiled before", []))
    if not least:
        ways += (
            ("`--strategy random --shortlist 64`", ["--strategy", "random", "--shortlist", "64"]),
            ("`--shortlist 0`", ["--shortlist", "0"]),
            ("`--jobs 2`", ["--jobs", "2"]),
        )
    for number, (what, more) in enumerate(ways):
        taken, peak = command([*arguments, *more, "--run", str(folder / f"run{number}")], cache)
        asked = "-" if what == "nothing compiled" else goal
        row(f"`zeroshot search`, {Path(data).stem}, {what}", taken, taken, asked, f"peak {peak:.0f} MiB")


def main(arguments: Arguments = None) -> None:
    options = parser("speed", __doc__)
    options.add_argument(
        "--quick", action="store_true", help="leave out 100 million pairs, the whole search, proxies and training"
    )
    quick = options.parse_args(arguments).quick
    print(f"{processor()}, {default_jobs()} cores, Python {sys.version.split()[0]}\n")
    print("| what | median | slowest | goal | |\n|---|---|---|---|---|")
    row("1,000 x 1,000 pairs, no budget", *(r := pairs(1000, Budgets(), 9))[:2], "0.02 s", r[2])
    row("1,000 x 1,000 pairs, flash, SRAM and latency budgets", *(r := pairs(1000, TIGHT, 9))[:2], "0.02 s", r[2])
    row("100,000 nets drawn, costed, 5 static proxies", *seconds(partial(static_scoring, 100_000), 3), "1.5 s")
    row("100,000 nets, NN-Degree and costs", *seconds(partial(by_nn_degree, 100_000, False), 3), "0.1 s")
    values = drawn(50_000)
    table = seconds(lambda: layer_table(values, 3, 10), 5)
    row("50,000 layer tables, one core", *table, "1 s", f"{50_000 / table[0]:,.0f} nets/s")
    start = statistics.median(command(["--help"])[0] for _ in range(7))
    row("`zeroshot --help`", start, start, "0.3 s", "wall, from process start")
    if quick:
        return
    row("10,000 x 10,000 pairs, no budget", *(r := pairs(10_000, Budgets(), 3))[:2], "0.3 s", r[2])
    row("10,000 x 10,000 pairs, budgets as above", *(r := pairs(10_000, TIGHT, 3))[:2], "0.3 s", r[2])
    row("100,000 nets, NN-Degree, costs, best of 10^10 pairs", *seconds(partial(by_nn_degree, 100_000, True), 1), "5 s")
    row("a million nets drawn, costed, 5 static proxies", *seconds(partial(static_scoring, 1_000_000), 1), "15 s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row("all of the above in one process", math.nan, math.nan, "-", f"peak {peak:.0f} MiB")
    with tempfile.TemporaryDirectory() as folder:
        whole_search("digits", Path(folder) / "digits", "10 s")
        if os.environ.get("ZEROSHOT_DATA"):
            whole_search(str(cifar10_file()), Path(folder) / "cifar10", "15 s")
        made = photographs(Path(folder) / "photographs")
        whole_search(made, Path(folder) / "searches", "30 s", least=True)
    print(flush=True)
    for script in ("proxy_speed", "training_speed"):
        subprocess.run([sys.executable, "-m", f"benchmarks.{script}"], cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(exit_code(main))
