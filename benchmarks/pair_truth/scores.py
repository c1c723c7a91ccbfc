"""Training-free scores of every net of the plan, computed as a search computes them, in one table.

    python -m benchmarks.pair_truth.scores           half an hour of one core; goes on where it was interrupted
    python -m benchmarks.pair_truth.scores tasks     the readout of the other tasks, CIFAR-10's classes in groups

ZEROSHOT_DATA names the folder that holds cifar10/. Scores so far are in the cache folder; scores.csv appears when all
are there, with scores.json beside it, which says how they were computed. Nets that the stored table has, and of these
the proxies in their present version, are not computed again.
"""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cifar10 import cifar10_file
from benchmarks.pair_truth.drawing import CHANNELS, CLASSES, read_plan
from benchmarks.pair_truth.regroup import GROUPS, grouped
from benchmarks.script import Arguments, exit_code, parser
from zeroshot import data
from zeroshot.errors import RunError
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.probing.probe import Proxy
from zeroshot.runs.files import json_text, write_file
from zeroshot.runs.folder import RunFolder, open_run, processor, to_csv
from zeroshot.scoring.plugins import load_proxies
from zeroshot.scoring.population import probe_images, score_aggregate, score_probed, score_static
from zeroshot.types import FloatArray

HERE = Path(__file__).parent
TABLE, ABOUT, TASK_READOUTS = "scores.csv", "scores.json", "task_readouts.csv"


@dataclass(frozen=True)
class Protocol:
    """What scores depend on beside the net and the proxy.

    Attributes:
        data: Of the images.
        seed: Of the draw of images, of weights and of noise.
        batch: Images a batch.
        batches: Number of them.
    """

    data: str = "cifar10"
    seed: int = 0
    batch: int = 32
    batches: int = 2


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Scores of nets.

    Attributes:
        nets: Short specs.
        columns: Proxy -> (n_nets,) float64, NaN where it is undefined.
        about: Protocol, versions of the proxies, why scores are undefined, machines of each proxy.
    """

    nets: tuple[str, ...]
    columns: dict[str, FloatArray] = field(repr=False)
    about: dict[str, Any] = field(repr=False)

    def rows(self, nets: Sequence[str]) -> dict[str, FloatArray]:
        """The scores of some nets, in their order.

        Raises:
            RunError: A net is not in the table.
        """
        at = {net: i for i, net in enumerate(self.nets)}
        missing = [net for net in nets if net not in at]
        if missing:
            raise RunError(f"{TABLE} has no scores of {missing[0]}.", "Run python -m benchmarks.pair_truth.scores.")
        index = [at[net] for net in nets]
        return {name: column[index] for name, column in self.columns.items()}


def compute(nets: Sequence[str], dataset: data.Dataset, proxies: Sequence[Proxy], folder: Path) -> ScoreTable:
    """Score nets, one after the other in this process.

    Args:
        nets: Short specs.
        dataset: Its training images are scored on.
        proxies: Of any cost; the parts of an aggregate are among them. An aggregate ranks these nets as one population.
        folder: Keeps the scores of passes as they come.

    Raises:
        RunError: The folder holds scores by another protocol.
    """
    protocol = Protocol(dataset.name)
    versions = {proxy.name: proxy.version for proxy in proxies}
    config = {**asdict(protocol), "data_sha256": dataset.digest,
              "proxies": [f"{name}@{version}" for name, version in versions.items()]}  # fmt: skip
    run = open_run(folder, config, force=False, resume=folder.exists())
    _probe(nets, dataset, [p for p in proxies if p.cost not in ("static", "aggregate")], run, protocol)
    found = run.scores()
    table = layer_table(spec_array([NetSpec.parse(net) for net in nets]), dataset.channels, dataset.classes)
    columns: dict[str, FloatArray] = {}
    for proxy in sorted(proxies, key=lambda proxy: proxy.cost == "aggregate"):
        if proxy.cost == "static":
            columns[proxy.name] = score_static(table, [proxy])[:, 0]
        elif proxy.cost == "aggregate":
            columns[proxy.name] = score_aggregate(proxy, columns)
        else:
            columns[proxy.name] = np.array([found[net][proxy.name].value for net in nets])
    reasons = {
        name: {net: found[net][name].status for net in nets if found[net][name].status != "ok"}
        for name in columns if name in found[nets[0]]
    }  # fmt: skip
    about = {"protocol": asdict(protocol) | {"data_sha256": dataset.digest}, "versions": versions,
             "machines": dict.fromkeys(versions, processor()),
             "undefined": {name: why for name, why in reasons.items() if why}}  # fmt: skip
    return ScoreTable(tuple(nets), {name: columns[name] for name in versions}, about)


def completed(stored: ScoreTable | None, nets: Sequence[str], dataset: data.Dataset, proxies: Sequence[Proxy],
              folder: Path) -> ScoreTable:  # fmt: skip
    """The stored table with the nets and proxies that it lacks; aggregates rank all nets as one population.

    Args:
        stored: What is there; None for nothing.
        nets: Of the table; those that are stored come first, in their order.
        dataset: Of its protocol.
        proxies: That it is to hold, in this order.
        folder: As `compute`.

    Raises:
        RunError: The stored table is of other nets or another protocol.
    """
    if stored is None:
        return compute(nets, dataset, proxies, folder)
    known, more = tuple(nets[: len(stored.nets)]), nets[len(stored.nets) :]
    if stored.nets != known or stored.about["protocol"]["data_sha256"] != dataset.digest:
        raise RunError(f"{TABLE} is of other nets or images.", "Remove it, to compute all scores anew.")
    missing = [p for p in proxies if stored.about["versions"].get(p.name) != p.version]
    if missing:
        # A folder of its own: what is asked for is part of a folder's protocol.
        parts = {part for p in missing for part in p.parts}
        wanted = [p for p in proxies if p in missing or p.name in parts]
        new = compute(known, dataset, wanted, folder.with_name(f"{folder.name}-{len(wanted)}-more"))
        about = {"protocol": stored.about["protocol"]}
        for key in ("versions", "machines", "undefined"):
            both = stored.about[key] | new.about[key]
            about[key] = {p.name: both[p.name] for p in proxies if p.name in both}
        columns = stored.columns | new.columns
        stored = ScoreTable(known, {p.name: columns[p.name] for p in proxies}, about)
    if not more:
        return stored
    new = compute(more, dataset, proxies, folder.with_name(f"{folder.name}-from-{len(known)}"))
    return _appended(stored, new, [p for p in proxies if p.cost == "aggregate"])


def _appended(stored: ScoreTable, new: ScoreTable, aggregates: Sequence[Proxy]) -> ScoreTable:
    """One table of the nets of two; both have the same proxies."""
    columns = {name: np.concatenate([column, new.columns[name]]) for name, column in stored.columns.items()}
    columns |= {proxy.name: score_aggregate(proxy, columns) for proxy in aggregates}
    about, here = dict(stored.about), new.about["machines"]
    about["machines"] = {
        name: ", ".join(dict.fromkeys([*there.split(", "), here[name]]))
        for name, there in stored.about["machines"].items()
    }
    why = [each.about["undefined"] for each in (stored, new)]
    both = {name: why[0].get(name, {}) | why[1].get(name, {}) for name in columns}
    about["undefined"] = {name: reasons for name, reasons in both.items() if reasons}
    return ScoreTable((*stored.nets, *new.nets), columns, about)


def readouts(nets: Sequence[str], tasks: Mapping[str, data.Dataset], folder: Path) -> dict[str, FloatArray]:
    """`linear_readout` of each task: name -> (n_nets,) float64, on the same protocol."""
    (readout,) = load_proxies(["linear_readout"])
    found = {}
    for number, (name, dataset) in enumerate(tasks.items()):
        print(name, file=sys.stderr, flush=True)
        found[name] = compute(nets, dataset, [readout], folder / str(number)).columns[readout.name]
    return found


def _probe(
    nets: Sequence[str], dataset: data.Dataset, proxies: Sequence[Proxy], run: RunFolder, protocol: Protocol
) -> None:
    """Append what is missing to the run's scores."""
    done = run.scores()
    missing = [net for net in nets if any(p.name not in done.get(net, {}) for p in proxies)]
    sides = sorted({NetSpec.parse(net).resolution for net in missing})
    images = {
        side: probe_images(dataset, side, protocol.batch, protocol.batches, proxies, protocol.seed) for side in sides
    }
    with closing(score_probed(missing, dataset.classes, images, proxies, protocol.seed, 1)) as results:
        for number, result in enumerate(results, len(nets) - len(missing) + 1):
            run.append_scores(result.net, result.scores)
            print(f"{number} of {len(nets)}  {result.net}", file=sys.stderr, flush=True)


def write(folder: Path, table: ScoreTable) -> None:
    """Store a table: scores.csv, one row a net, every digit; then scores.json."""
    write_file(folder / TABLE, rows_of(table.nets, table.columns))
    write_file(folder / ABOUT, json_text(table.about, indent=1))


def rows_of(nets: Sequence[str], columns: Mapping[str, FloatArray]) -> str:
    """A table as CSV, one row a net, every digit."""
    return to_csv([
        {"net": net, **{name: repr(float(column[i])) for name, column in columns.items()}}
        for i, net in enumerate(nets)
    ])  # fmt: skip


def read(folder: Path = HERE) -> ScoreTable:
    """Read what `write` wrote.

    Raises:
        RunError: It is missing or damaged.
    """
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        with (folder / TABLE).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        columns = {name: np.array([float(row[name]) for row in rows]) for name in about["versions"]}
        return ScoreTable(tuple(row["net"] for row in rows), columns, about)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{folder / TABLE} cannot be read: {error}.", "Restore it, or run python -m benchmarks.pair_truth.scores."
        ) from error


def read_readouts(folder: Path = HERE) -> dict[str, dict[str, float]]:
    """Task -> net -> `linear_readout`; empty where the folder has no other tasks.

    Raises:
        RunError: The file is damaged.
    """
    if not (folder / TASK_READOUTS).exists():
        return {}
    try:
        with (folder / TASK_READOUTS).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        tasks = [name for name in rows[0] if name != "net"]
        return {task: {row["net"]: float(row[task]) for row in rows} for task in tasks}
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise RunError(
            f"{folder / TASK_READOUTS} cannot be read: {error}.",
            "Restore it, or run python -m benchmarks.pair_truth.scores tasks.",
        ) from error


def stored_table(folder: Path) -> ScoreTable | None:
    """What `read` reads, if it is there."""
    return read(folder) if (folder / TABLE).exists() else None


def main(arguments: Arguments = None) -> None:
    options = parser("pair_truth.scores", __doc__)
    options.add_argument("what", nargs="?", choices=("cifar10", "tasks"), default="cifar10")
    what = options.parse_args(arguments).what
    nets = [entry.net for entry in read_plan(HERE / "plan.csv") if entry.seed == 0]
    scratch = data.cache_folder() / "pair_truth" / "scores"
    npz = cifar10_file()
    dataset = data.load(str(npz))
    if (dataset.channels, dataset.classes) != (CHANNELS, CLASSES):
        sys.exit(f"{npz} is not CIFAR-10.")
    if what == "tasks":
        found = readouts(nets, {name: grouped(dataset, of) for name, of in GROUPS.items()}, scratch.with_name("tasks"))
        write_file(HERE / TASK_READOUTS, rows_of(nets, found))
        return
    write(HERE, completed(stored_table(HERE), nets, dataset, load_proxies(), scratch))


if __name__ == "__main__":
    sys.exit(exit_code(main))
