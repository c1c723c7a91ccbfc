"""Our scores against NAS-Bench-Suite-Zero's published ones on the same NAS-Bench-201 cells, with real CIFAR-10.

ZEROSHOT_DATA=... python -m benchmarks.fidelity [--score HOURS] [--rescore N]

Without an option the table and the plot are made again from the stored scores, in seconds. `--score` adds scores that
are missing, as long as the time allows; every score is stored as it comes, so it can be stopped and started at will.
`--rescore` throws away the stored scores of the first N cells and computes them anew, to check that nothing moved.
"""

import csv
import io
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.cifar10 import cifar10_file
from benchmarks.fidelity_agreement import read_published
from benchmarks.fidelity_report import report
from benchmarks.script import RESULTS, Arguments, data_folder, exit_code, parser
from zeroshot.build import initialise
from zeroshot.data import Dataset, batches, channel_stats, load
from zeroshot.probing.probe import Probe, Proxy, evaluate
from zeroshot.runs.files import write_file
from zeroshot.runs.folder import processor
from zeroshot.scoring.plugins import load_proxies
from zeroshot.scoring.population import Batches, net_seed
from zeroshot.spaces import nasbench201
from zeroshot.types import Int64Array

SCORES = RESULTS / "fidelity_scores.csv"
DRAW, IMAGES, BATCHES = 0, 64, 2
COLUMNS = ("index", "init", "seed", "batch_seed", "images", "proxy", "version", "value", "status")

# What the rest of the shared probe does not bring along: grasp, and passes image by image.
DEAR = ("grasp", "gradsign", "vkdnw", "ntk_cond")
# Those with a published counterpart that look at the images.
ON_IMAGES = ("naswot", "grad_norm", "snip", "plain", "fisher_fan_in", "jacob_cov", "epe_nas")


@dataclass(frozen=True)
class Plan:
    """One part of the work: the first `cells` cells of the draw, from one start and one draw of images.

    Attributes:
        cells: Number of cells.
        init: "default" is torch's own, which Suite-Zero used; "kaiming" is ours, of a search.
        seed: Of the initial weights and of noise.
        batch_seed: Of the images.
        only: Names of the proxies; None for all but the dear ones.
        own: Each net gets images of its own, drawn without regard to classes, as from a shuffled loader.
        images: Batch size.
    """

    cells: int
    init: str
    seed: int
    batch_seed: int
    only: tuple[str, ...] | None = None
    own: bool = False
    images: int = IMAGES

    @property
    def draw(self) -> str:
        """What the table of scores calls the images."""
        return f"own{self.batch_seed}" if self.own else str(self.batch_seed)


# In this order: what the comparison needs first, a second seed and a second draw of images after it.
PLANS = (
    Plan(200, "default", 0, 0),
    Plan(60, "default", 1, 0),
    Plan(60, "default", 0, 1),
    Plan(100, "default", 0, 0, ON_IMAGES, own=True),
    Plan(100, "default", 1, 1, ON_IMAGES, own=True),
    Plan(100, "default", 0, 0, ("grasp",)),
    Plan(30, "default", 1, 0, ("grasp",)),
    Plan(30, "default", 0, 1, ("grasp",)),
    Plan(60, "default", 0, 0, ON_IMAGES, images=16),
    Plan(60, "default", 0, 0, ON_IMAGES, images=32),
    Plan(60, "kaiming", 0, 0),
    # A kernel of 64 images takes 64 passes over 64 images: 5 to 25 s a net on one core. Of 16, a sixteenth.
    Plan(40, "default", 0, 0, ("ntk_cond",), images=16),
    Plan(20, "default", 1, 0, ("ntk_cond",), images=16),
    Plan(20, "default", 0, 1, ("ntk_cond",), images=16),
    Plan(40, "default", 0, 0, ("gradsign", "vkdnw")),
    Plan(20, "default", 1, 0, ("gradsign", "vkdnw")),
    Plan(20, "default", 0, 1, ("gradsign", "vkdnw")),
    Plan(200, "default", 0, 0, ("grasp",)),
    Plan(120, "default", 1, 0, ("grasp",)),
    Plan(120, "default", 0, 1, ("grasp",)),
)


def drawn(published: Int64Array) -> Int64Array:
    """The published cells' indices in the order of the draw."""
    return np.random.default_rng(DRAW).permutation(published)


def start(module: nn.Module, init: str, seed: int) -> None:
    """Fill the weights: "kaiming" as a search does, "default" as torch does when it builds a layer."""
    if init == "kaiming":
        initialise(module, torch.Generator().manual_seed(seed))
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for part in module.modules():
            if isinstance(part, nn.Conv2d):
                nn.Conv2d.reset_parameters(part)
            elif isinstance(part, nn.Linear):
                nn.Linear.reset_parameters(part)


def own_images(data: Dataset, cell: int, seed: int) -> Batches:
    """One batch of the cell's own images, classes as they come."""
    rows = np.random.default_rng([seed, cell]).choice(len(data.x_train), IMAGES, replace=False)
    mean, std = channel_stats(data)
    x = ((data.x_train[rows] / 255 - mean) / std).transpose(0, 3, 1, 2).astype(np.float32)
    return [(torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(data.y_train[rows]))]


def score(cell: int, plan: Plan, proxies: list[Proxy], images: Batches) -> Iterator[tuple[str, ...]]:
    """Rows of the table of scores, one a proxy."""
    name = nasbench201.to_string(nasbench201.decode([cell])[0].tolist())
    seed = net_seed(plan.seed, name)
    module = nasbench201.network(cell)
    start(module, plan.init, seed)
    probe = Probe(module, [(x[: plan.images], y[: plan.images]) for x, y in images], seed)
    for proxy in proxies:
        found = evaluate([proxy], probe)[proxy.name]
        yield *key(cell, plan, proxy), f"{found.value:.9g}", found.status


def wanted(plan: Plan) -> list[Proxy]:
    """The proxies of a plan that run on a net."""
    probed = [p for p in load_proxies() if p.cost not in ("static", "aggregate")]
    return [p for p in probed if (p.name not in DEAR if plan.only is None else p.name in plan.only)]


def key(cell: int, plan: Plan, proxy: Proxy) -> tuple[str, ...]:
    """What tells one score from another: the first columns of the table of scores."""
    return tuple(map(str, (cell, plan.init, plan.seed, plan.draw, plan.images, proxy.name, proxy.version)))


def stored() -> list[dict[str, str]]:
    """Rows of the table of scores."""
    if not SCORES.exists():
        return []
    with SCORES.open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def keep(rows: list[dict[str, str]]) -> None:
    """Write the table of scores anew."""
    text = io.StringIO()
    text.write(
        f"# NAS-Bench-201 cells by published index, CIFAR-10. {processor()}, torch {torch.__version__}.\n"
        f"# Draw {DRAW} of the cells. {BATCHES} batches of {IMAGES} images, the first `images` of each are used.\n"
        "# batch_seed own0, own1: every cell has images of its own. init default: torch's; kaiming: a search's.\n"
    )
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_file(SCORES, text.getvalue())


def work(cells: Int64Array, npz: Path, deadline: float) -> None:
    """Score what the plans ask for and the table lacks, until the deadline."""
    torch.set_num_threads(1)
    data = load(str(npz))
    draws: dict[str, Batches] = {}
    done = {tuple(row[c] for c in COLUMNS[:7]) for row in stored()}
    if not SCORES.exists():
        keep([])
    with SCORES.open("a") as file:
        writer = csv.writer(file, lineterminator="\n")
        for plan in PLANS:
            if plan.draw not in draws and not plan.own:
                draws[plan.draw] = batches(data, 32, IMAGES, BATCHES, plan.batch_seed)
            for cell in cells[: plan.cells].tolist():
                if time.monotonic() > deadline:
                    return
                missing = [p for p in wanted(plan) if key(cell, plan, p) not in done]
                if missing:
                    images = own_images(data, cell, plan.batch_seed) if plan.own else draws[plan.draw]
                    writer.writerows(list(score(cell, plan, missing, images)))
                    file.flush()
            print(time.strftime("%H:%M:%S"), plan, file=sys.stderr, flush=True)


def main(arguments: Arguments = None) -> None:
    options = parser("fidelity", __doc__)
    options.add_argument("--score", type=float, default=0.0, metavar="HOURS", help="add missing scores for that long")
    options.add_argument("--rescore", type=int, default=0, metavar="N", help="compute the first N cells' scores anew")
    given = options.parse_args(arguments)
    published = read_published(data_folder("nasbench201") / "nasbench201")
    cells = drawn(np.array(sorted(published)))
    if given.rescore:
        again = set(map(str, cells[: given.rescore].tolist()))
        keep([row for row in stored() if row["index"] not in again])
    if given.score or given.rescore:
        work(cells, cifar10_file(), time.monotonic() + 3600 * (given.score or 24))
    report(stored(), published, cells[: PLANS[0].cells].tolist())


if __name__ == "__main__":
    sys.exit(exit_code(main))
