"""Does pruning pay on CIFAR-10? A pruned and finetuned net against the same spec, trained from scratch for as long.

ZEROSHOT_DATA=... python -m benchmarks.pruning [--folder DIR] [--report]

Each source has about twice the MACs of the target and is trained for SOURCE epochs; it is pruned in several ways and
finetuned for TUNE more. Its rival has the spec that pruning found and is trained for SOURCE + TUNE epochs with the same
recipe, seed, split and batches. A second rival has TUNE epochs alone: what a net gets for the same work when a trained
source is there already. Finished nets stay in the folder and are not trained again; everything together takes
about 25 minutes of one idle core. --report only writes the .md anew from the .csv.
"""

import csv
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.cifar10 import cifar10_file
from benchmarks.script import RESULTS, Arguments, exit_code, parser
from zeroshot.data import Dataset, cache_folder, load
from zeroshot.pruning.compress import Pruned, Target, finetune, prune
from zeroshot.runs.files import write_file
from zeroshot.runs.folder import processor, to_csv
from zeroshot.training.train import Recipe, Split, TrainedNet, hold_out, train_net
from zeroshot.units import si

SOURCES = {"plain": "r32-s16/2-c3w32x1-c3w64x1/2-c3w96x1/2", "residual": "r32-s16/2-b3w16x1-b3w32x1/2-b3w64x1/2"}
SHARE = 0.5  # of the source's MACs
SOURCE, TUNE = 8, 4  # epochs
WAYS = (("bn", 1), ("l1", 1), ("taylor", 1), ("l1", 2))  # saliency and rounds
SALIENCY_IMAGES = 256
Row = dict[str, Any]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def iterate(source: TrainedNet, data: Split, saliency: str, rounds: int, folder: Path) -> tuple[Pruned, TrainedNet]:
    """Prune and finetune in rounds; the last cut and the last net."""
    from zeroshot.training.batches import inputs

    net = source
    whole = prune(source, Target(macs=1e12)).before
    target = Target(macs=whole["macs"] * SHARE)
    for number in range(1, rounds + 1):
        some = replace(data, train=data.train[:SALIENCY_IMAGES])
        batch = inputs(some, "train", 32), torch.from_numpy(some.labels("train").copy())
        cut = prune(net, target.part_way(whole, number / rounds), saliency=saliency, batch=batch)
        where = folder / f"{saliency}-{rounds}-{number}"
        net = finetune(cut, net, data, epochs=TUNE // rounds, folder=where, resume=True)
    return cut, net


def compare(kind: str, dataset: Dataset, folder: Path) -> list[Row]:
    """All ways to prune one source, each beside the same spec from scratch."""
    data = hold_out(dataset, 0)
    recipe = Recipe(epochs=SOURCE, flip=True)
    say(f"{kind}: source {SOURCES[kind]}")
    source = train_net(SOURCES[kind], data, recipe, folder=folder / kind, resume=True)
    rows = []
    for saliency, rounds in WAYS:
        cut, net = iterate(source, data, saliency, rounds, folder / kind)
        say(f"{kind}: {saliency} x {rounds}: {net.net} {100 * net.test_accuracy:.2f} %")
        longer = replace(recipe, epochs=SOURCE + TUNE)
        scratch = train_net(net.net, data, longer, folder=folder / kind / "scratch", resume=True)
        short = train_net(
            net.net, data, replace(recipe, epochs=TUNE), folder=folder / kind / "scratch-short", resume=True
        )
        say(f"{kind}: from scratch {100 * scratch.test_accuracy:.2f} %, short {100 * short.test_accuracy:.2f} %")
        before = prune(source, Target(macs=1e12)).before
        rows.append(
            {
                "kind": kind, "source": source.net, "source_macs": before["macs"], "source_test": source.test_accuracy,
                "saliency": saliency, "rounds": rounds, "net": net.net, "macs": cut.after["macs"],
                "weights": cut.after["weights"], "pruned_validation": net.validation_accuracy,
                "pruned_test": net.test_accuracy, "scratch_validation": scratch.validation_accuracy,
                "scratch_test": scratch.test_accuracy, "short_validation": short.validation_accuracy,
                "short_test": short.test_accuracy,
            }
        )  # fmt: skip
    return rows


def report(rows: list[Row]) -> str:
    lines = [
        "# Pruning against training from scratch, CIFAR-10",
        "",
        f"`python -m benchmarks.pruning`, {processor()}, one thread, float weights, seed 0. Source: {SOURCE} epochs, "
        f"then pruned to {100 * SHARE:g} % of its MACs and finetuned for {TUNE} epochs (all rounds together). Scratch: "
        f"the very spec that pruning found, {SOURCE + TUNE} epochs, same recipe. Test accuracy in %, 10,000 images: a "
        "difference between two nets has a standard error of about 0.5 points, besides that of the seed. Pruning spent "
        f"more arithmetic than its rival: the source's epochs cost twice as much. Short: the same spec from scratch, "
        f"{TUNE} epochs only, what the finetune costs where a trained source is there already.",
        "",
        "| source | test | saliency | rounds | pruned to | MACs | pruned | scratch | gain | short | gain |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    gains, shorts = [], []
    for row in rows:
        pruned, scratch, short = (100 * float(row[f"{who}_test"]) for who in ("pruned", "scratch", "short"))
        gains.append(pruned - scratch)
        shorts.append(pruned - short)
        lines.append(
            f"| {row['source']}, {si(float(row['source_macs']))} | {100 * float(row['source_test']):.2f} "
            f"| {row['saliency']} | {row['rounds']} | {row['net']} | {si(float(row['macs']))} | {pruned:.2f} "
            f"| {scratch:.2f} | {gains[-1]:+.2f} | {short:.2f} | {shorts[-1]:+.2f} |"
        )
    for words, each in ((f"scratch for all {SOURCE + TUNE} epochs", gains), (f"scratch for {TUNE} epochs", shorts)):
        wins, mean = sum(gain > 0 for gain in each), sum(each) / len(each)
        lines += ["", f"Against {words} pruning is ahead in {wins} of {len(each)} rows, on average {mean:+.2f} points."]
    lines.append("")
    return "\n".join(lines)


def main(arguments: Arguments = None) -> None:
    options = parser("pruning", __doc__)
    options.add_argument("--folder", type=Path, default=cache_folder() / "pruning", help="default: %(default)s")
    options.add_argument("--report", action="store_true")
    given = options.parse_args(arguments)
    torch.set_num_threads(1)
    table = RESULTS / "pruning.csv"
    if not given.report:
        dataset = load(str(cifar10_file()))
        rows = [row for kind in SOURCES for row in compare(kind, dataset, given.folder)]
        RESULTS.mkdir(exist_ok=True)
        write_file(table, to_csv(rows))
    with table.open(encoding="utf-8", newline="") as file:
        text = report(list(csv.DictReader(file)))
    write_file(RESULTS / "pruning.md", text)
    print(text)


if __name__ == "__main__":
    sys.exit(exit_code(main))
