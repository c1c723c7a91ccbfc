"""Structured pruning of a run's trained nets: fewer channels, then finetuning, once or in rounds.

What it is good for: a net that is too large for its budget and trained already. On CIFAR-10 two nets pruned to half of
their MACs were 4.9 to 9.2 points better than the same specs trained afresh for the 4 epochs of the finetune, and 0.5 to
2.6 points worse than these trained afresh for all 12 epochs (benchmarks/results/pruning.md).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zeroshot.cost.boards import DEFAULT_BOARD
from zeroshot.cost.engines import DEFAULT_ENGINE
from zeroshot.errors import UsageError, unknown
from zeroshot.options import takes_options
from zeroshot.pruning._rounds import Rounds
from zeroshot.pruning.finetune import finetune
from zeroshot.pruning.options import CompressOptions
from zeroshot.pruning.prune import Pruned, prune
from zeroshot.pruning.target import Target, make_target
from zeroshot.runs import checkpoints as disk
from zeroshot.runs.digests import seal_more
from zeroshot.runs.files import json_text
from zeroshot.runs.folder import check_not_both
from zeroshot.runs.layout import MODELS
from zeroshot.runs.lock import alone_in
from zeroshot.runs.reading import read_search
from zeroshot.runs.rows import PRUNED_NETS, PredictedPair, PrunedNetRow
from zeroshot.training.batches import hold_out
from zeroshot.training.recipe import Recipe
from zeroshot.training.run_data import run_dataset
from zeroshot.training.train_net import load_net
from zeroshot.types import Progress

ROLES = ("little", "big", "single")

__all__ = [
    "CompressOptions", "CompressedNet", "Pruned", "Target", "compress", "finetune", "make_target", "prune",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class CompressedNet:
    """A pruned and finetuned net of a run.

    Attributes:
        source: Name of the net that it was pruned from.
        net: Its own: `load_net(result.folder, result.net)` reads it.
        nets: The source, then one a round: costs and accuracies.
        target: What was asked for.
        saliency: Which channels counted.
        recipe: Of the last round, every choice made.
        remarks: What the user should know, plain English.
        seconds: Of this call.
        folder: Where the run's trained nets are.
    """

    source: str
    net: str
    nets: list[PrunedNetRow]
    target: dict[str, float | str]
    saliency: str
    recipe: Recipe
    remarks: list[str]
    seconds: float
    folder: Path = field(repr=False)

    @property
    def file(self) -> Path:
        """The weights of the pruned net."""
        return self.folder / f"{disk.stem(self.net)}.pt"

    def summary(self) -> dict[str, Any]:
        """As plain values: what its summary file holds and `zeroshot compress --json` prints."""
        return {
            "folder": str(self.folder), "source": self.source, "net": self.net, "target": self.target,
            "saliency": self.saliency, "recipe": self.recipe.values(), "seconds": round(self.seconds, 3),
            "remarks": self.remarks, "nets": [PRUNED_NETS.plain(net) for net in self.nets],
        }  # fmt: skip


@takes_options(CompressOptions)
def compress(
    run: str | Path,
    net: str,
    options: CompressOptions,
    *,
    force: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
) -> CompressedNet:
    """Prune a trained net of a run to a target and train it on; the source stays.

    Every round prunes an equal factor of the way to the target and trains for its part of the epochs, with the
    recipe of the source. The net of each round is kept among the run's trained nets, under its spec and ".pruned";
    beside its recipe its file says what it was pruned from.

    Args:
        run: Folder of a run with trained nets.
        net: Name of a trained net (its short spec, and its stage if it has one), or a place in the list of pairs,
            like "1:little".
        options: What is asked for, and how.
        force: Replace what an earlier call has left of these pruned nets.
        resume: Go on after an interruption, with the same arguments and the same weights as without it.
        progress: Called with what is being done, how many epochs are done, of how many.

    Raises:
        UsageError: A value is out of range, an unknown name, no target, or one that the net meets already.
        InfeasibleError: The target cannot be met; the message says what can.
        RunError: No run, no such trained net, other data than the search had, pruned nets that are there already or
            were made otherwise, a damaged file, or a full disk.
        DataError: The data cannot be used.
        TrainError: The loss is NaN or infinite; the last checkpoint is kept.
    """
    with alone_in(Path(run)):
        return _compress(Path(run), net, options, force, resume, progress or (lambda what, done, total: None))


def _compress(
    run: Path, net: str, options: CompressOptions, force: bool, resume: bool, report: Progress
) -> CompressedNet:  # fmt: skip
    started, folder = time.perf_counter(), run / MODELS
    check_not_both("training", force=force, resume=resume)
    config, pairs = read_search(run)
    target = make_target(options, config.get("board", DEFAULT_BOARD), config.get("engine", DEFAULT_ENGINE))
    source = load_net(folder, _name(net, pairs))
    rounds = Rounds(
        source=source, data=hold_out(run_dataset(config, options.data), int(config["seed"]), source.recipe.validation),
        target=target, options=options, seed=int(config["seed"]), folder=folder, force=force, resume=resume,
    )  # fmt: skip
    nets, last, remarks = rounds.run(report)
    result = CompressedNet(
        source=source.name, net=last.name, nets=nets, target=target.values(), saliency=options.saliency,
        recipe=last.recipe, remarks=remarks, seconds=time.perf_counter() - started, folder=folder,
    )  # fmt: skip
    disk.write(folder, f"{disk.stem(last.name)}.summary.json", json_text(result.summary()))
    stems = [disk.stem(each.net) for each in nets[1:]]
    seal_more(folder, [f"{stem}.{kind}" for stem in stems for kind in ("pt", "npz", "json", "summary.json")])
    return result


def _name(net: str, pairs: Sequence[PredictedPair]) -> str:
    """The name of a trained net that may be given by its place."""
    number, colon, role = net.partition(":")
    if not colon:
        return net
    if role not in ROLES:
        raise unknown("place in a pair", role, ROLES, "Write it like 1:little.")
    if number not in map(str, range(1, len(pairs) + 1)):
        raise UsageError(f"There is no pair {number!r} in the run.", "Pairs are counted from 1; see its pairs.csv.")
    name = getattr(pairs[int(number) - 1], role)
    if name is None:
        raise UsageError(f"There is no {role} net beside pair {number}.", "Name another one.")
    return str(name)
