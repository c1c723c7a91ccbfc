"""Training-free scores of every net of the plan, computed as a search computes them, in one table.

    python benchmarks/pair_truth/scores.py           half an hour of one core; goes on where it was interrupted
    python benchmarks/pair_truth/scores.py digits    the default proxies of a search, on digits; a minute

ZEROSHOT_DATA names the folder that holds cifar10/. Scores so far are in the cache folder; scores.csv appears when all
are there, with scores.json beside it, which says how they were computed.
"""

import csv
import json
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # for cifar10.py

import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402
from cifar10 import cifar10_npz, default_out  # noqa: E402
from drawing import CHANNELS, CLASSES, read_plan  # noqa: E402

from zeroshot import data  # noqa: E402
from zeroshot.errors import RunError  # noqa: E402
from zeroshot.net import NetSpec, layer_table, spec_array  # noqa: E402
from zeroshot.plugins import load_proxies  # noqa: E402
from zeroshot.probe import Proxy  # noqa: E402
from zeroshot.runs import RunFolder, open_run, processor  # noqa: E402
from zeroshot.scoring import score_aggregate, score_probed, score_static  # noqa: E402
from zeroshot.settings import DEFAULT_PROXIES  # noqa: E402

FloatArray = npt.NDArray[np.float64]
TABLE, ABOUT = "scores.csv", "scores.json"


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
        about: Protocol, versions of the proxies, why scores are undefined, machine.
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
            raise RunError(f"{TABLE} has no scores of {missing[0]}.", "Run benchmarks/pair_truth/scores.py.")
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
    about = {"protocol": config, "versions": versions, "machine": processor(),
             "undefined": {name: why for name, why in reasons.items() if why}}  # fmt: skip
    return ScoreTable(tuple(nets), {name: columns[name] for name in versions}, about)


def _probe(
    nets: Sequence[str], dataset: data.Dataset, proxies: Sequence[Proxy], run: RunFolder, protocol: Protocol
) -> None:
    """Append what is missing to the run's scores."""
    done = run.scores()
    missing = [net for net in nets if any(p.name not in done.get(net, {}) for p in proxies)]
    sides = sorted({NetSpec.parse(net).resolution for net in missing})
    images = {
        side: data.batches(dataset, side, protocol.batch, protocol.batches, protocol.seed) for side in sides
    }  # fmt: skip
    with closing(score_probed(missing, dataset.classes, images, proxies, protocol.seed, 1)) as results:
        for number, result in enumerate(results, len(nets) - len(missing) + 1):
            run.append_scores(result)
            print(f"{number} of {len(nets)}  {result.net}", file=sys.stderr, flush=True)


def write(folder: Path, table: ScoreTable) -> None:
    """Store a table: scores.csv, one row a net, every digit; then scores.json."""
    here = RunFolder(folder, made_here=False)
    here.write_table(TABLE, [
        {"net": net, **{name: repr(float(column[i])) for name, column in table.columns.items()}}
        for i, net in enumerate(table.nets)
    ])  # fmt: skip
    here.write(ABOUT, json.dumps(table.about, indent=1) + "\n")


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
            f"{folder / TABLE} cannot be read: {error}.", "Restore it, or run benchmarks/pair_truth/scores.py."
        ) from error


def main() -> None:
    nets = [entry.net for entry in read_plan(HERE / "plan.csv") if entry.seed == 0]
    scratch = data.cache_folder() / "pair_truth" / "scores"
    if sys.argv[1:] == ["digits"]:
        (HERE / "digits").mkdir(exist_ok=True)
        write(HERE / "digits", compute(nets, data.load("digits"), load_proxies(DEFAULT_PROXIES), scratch / "digits"))
        return
    npz = cifar10_npz(Path(os.environ.get("ZEROSHOT_DATA", ".")) / "cifar10", default_out())
    dataset = data.load(str(npz))
    if (dataset.channels, dataset.classes) != (CHANNELS, CLASSES):
        sys.exit(f"{npz} is not CIFAR-10.")
    write(HERE, compute(nets, dataset, load_proxies(), scratch))


if __name__ == "__main__":
    main()
