"""What costs a rare class most: how nets are trained, where they decide, or whether two of them decide?

ZEROSHOT_DATA=... python -m benchmarks.rare [--folder DIR] [--report]

X-rays of lungs, `images/pneumonia_28.npz`: of the training images 12 % are normal, of the test images, which come from
elsewhere, 38 %. A little and a big net are trained in four ways: as ever; with the epoch chosen by balanced accuracy;
with weights in the loss that count both classes alike; and with `balance`, which draws both equally often (both choose
the epoch so too). Each net is calibrated to int8 and decides without a bias and with the one that its validation images
give for balanced accuracy. Pairs escalate RATE of the validation images.

Finished nets stay in the folder; everything takes about ten minutes of one idle core. --report only writes the .md anew
from the .csv.
"""

import csv
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from benchmarks.script import RESULTS, Arguments, data_folder, exit_code, parser, table
from zeroshot.cascade.metric import Metric, balanced_accuracy
from zeroshot.cascade.policy import logit_gap
from zeroshot.cascade.thresholds import threshold_for_rate
from zeroshot.data import Dataset, cache_folder, load
from zeroshot.int8.decision import Bias, biased
from zeroshot.quantization.bias import choose_bias
from zeroshot.quantization.quantize_net import quantize_net
from zeroshot.quantization.quantized_net import QuantizedNet
from zeroshot.quantization.recipe import Int8Recipe
from zeroshot.runs.files import write_file
from zeroshot.runs.folder import processor, to_csv
from zeroshot.training.batches import Split, hold_out
from zeroshot.training.recipe import Recipe
from zeroshot.training.train_net import job_of, train_job
from zeroshot.training.trainer import Job, Trainer
from zeroshot.types import Int64Array

NETS = {"little": "r28-s8/2-d3w16x1-d3w24x1/2", "big": "r28-s12/2-c3w24x1-c3w48x1/2"}
SEEDS, EPOCHS, RATE = (0, 1, 2), 10, 0.3
BALANCED = Metric("balanced")
WAYS = ("as ever", "epoch by balanced accuracy", "weights in the loss", "balance")
WHO = ("little", "big", "pair")
CLASSES = ("normal", "pneumonia")
COLUMNS = ("accuracy", *CLASSES, "balanced")
Row = dict[str, object]


class Weighted(Trainer):
    """A training whose loss counts all classes alike: each image by the inverse of its class's share."""

    def __init__(self, job: Job, data: Split) -> None:
        super().__init__(job, data)
        counts = np.bincount(data.labels("train"), minlength=data.dataset.classes)
        self.of_class = torch.tensor(counts.sum() / (len(counts) * counts), dtype=torch.float32)

    def _loss(self, out: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return (self.of_class[y] * cross_entropy(out, y, reduction="none")).mean()


class WeightedJob(Job):
    """A job of such a training."""

    def trainer(self, data: Split) -> Trainer:
        """Its training, before the first epoch."""
        return Weighted(self, data)


def trained(net: str, way: str, data: Split, seed: int, folder: Path) -> QuantizedNet:
    """A net in int8, trained in one of the ways."""
    metric = "accuracy" if way == "as ever" else "balanced"
    job = job_of(net, data.dataset, Recipe(epochs=EPOCHS, metric=metric, balance=way == "balance"), seed, 1)
    if way == "weights in the loss":
        job = WeightedJob(**{each.name: getattr(job, each.name) for each in fields(Job)})
    done = train_job(job, data, folder / way.replace(" ", "-") / str(seed), resume=True)
    return quantize_net(done, data, Int8Recipe(epochs=0), seed)


def measured(nets: dict[str, QuantizedNet], data: Split, shifted: bool) -> Iterator[tuple[str, Int64Array]]:
    """Who answers, and the answers to the test images."""
    labels, none = data.labels("validation"), ()
    weight = BALANCED.chosen_by(labels)
    bias: dict[str, Bias] = {
        who: choose_bias(net.outputs["validation"], labels, weight) if shifted else none for who, net in nets.items()
    }
    sums = {who: {part: biased(out, bias[who]) for part, out in net.outputs.items()} for who, net in nets.items()}
    threshold = threshold_for_rate(logit_gap(sums["little"]["validation"]), RATE)
    answers = {who: parts["test"].argmax(axis=1) for who, parts in sums.items()}
    up = logit_gap(sums["little"]["test"]) < threshold
    return iter([*answers.items(), ("pair", np.where(up, answers["big"], answers["little"]))])


def rows_of(dataset: Dataset, folder: Path) -> Iterator[Row]:
    """All figures, seed by seed."""
    labels = dataset.y_test
    for seed in SEEDS:
        data = hold_out(dataset, seed)
        for way in WAYS:
            nets = {who: trained(net, way, data, seed, folder) for who, net in NETS.items()}
            for shifted in (False, True):
                for who, given in measured(nets, data, shifted):
                    right = given == labels
                    recalls = {name: float(right[labels == i].mean()) for i, name in enumerate(CLASSES)}
                    print(seed, way, "bias" if shifted else "no bias", who, recalls, file=sys.stderr, flush=True)
                    yield {
                        "seed": seed, "way": way, "bias": "yes" if shifted else "no", "who": who,
                        "accuracy": float(right.mean()), "balanced": balanced_accuracy(right, labels), **recalls,
                    }  # fmt: skip


def over_seeds(rows: list[dict[str, str]], way: str, bias: str, who: str, column: str) -> list[float]:
    """A figure of one way, percent, a seed each."""
    wanted = {"way": way, "bias": bias, "who": who}
    return [100 * float(row[column]) for row in rows if all(row[key] == value for key, value in wanted.items())]


def report(rows: list[dict[str, str]]) -> str:
    lines = [
        "# A rare class: training, decision and pair",
        "",
        f"`python -m benchmarks.rare`, {processor()}, one thread, int8 by calibration alone, {EPOCHS} epochs, seeds "
        f"{', '.join(map(str, SEEDS))}. X-rays of lungs (PneumoniaMNIST, re-packed): 523 of 4,406 training images are "
        "normal, and 234 of 624 test images, which come from elsewhere. Percent of the test images, mean over the "
        f"seeds, and the range of balanced accuracy. little: {NETS['little']}, big: {NETS['big']}; the pair escalates "
        f"{100 * RATE:g} % of the validation images. The bias is chosen on 440 validation images, 52 of them normal.",
    ]
    for who in WHO:
        body = []
        for way in WAYS:
            for bias in ("no", "yes"):
                means = [f"{mean(over_seeds(rows, way, bias, who, c)):.1f}" for c in COLUMNS]
                each = over_seeds(rows, way, bias, who, "balanced")
                name = f"{way}{', bias' if bias == 'yes' else ''}"
                body.append([name, *means, f"{min(each):.1f} to {max(each):.1f}"])
        heads = ("training", "accuracy", *(f"{name} found" for name in CLASSES), "balanced", "range")
        lines += ["", f"## The {who}{' net' if who != 'pair' else ''}", "", *table(heads, body)]
    lines += ["", "## What each is worth", "", *table(("change", "balanced", "normal found"), list(_worth(rows)))]
    return "\n".join([*lines, ""])


def _worth(rows: list[dict[str, str]]) -> Iterator[list[str]]:
    changes = (
        ("bias, little net trained as ever", ("as ever", "yes", "little"), ("as ever", "no", "little")),
        ("bias, pair trained as ever", ("as ever", "yes", "pair"), ("as ever", "no", "pair")),
        ("balance, little net", ("balance", "no", "little"), (WAYS[1], "no", "little")),
        ("balance, pair", ("balance", "no", "pair"), (WAYS[1], "no", "pair")),
        ("weights in the loss, little net", (WAYS[2], "no", "little"), (WAYS[1], "no", "little")),
        ("weights in the loss, pair", (WAYS[2], "no", "pair"), (WAYS[1], "no", "pair")),
        ("balance and bias, pair", ("balance", "yes", "pair"), ("as ever", "no", "pair")),
        ("the pair instead of its little net, trained as ever", ("as ever", "no", "pair"), ("as ever", "no", "little")),
        ("the pair instead of its little net, balance", ("balance", "no", "pair"), ("balance", "no", "little")),
    )
    for name, after, before in changes:
        yield [name, *(
            f"{mean(over_seeds(rows, *after, column)) - mean(over_seeds(rows, *before, column)):+.1f}"
            for column in ("balanced", CLASSES[0])
        )]  # fmt: skip


def main(arguments: Arguments = None) -> None:
    options = parser("rare", __doc__)
    options.add_argument("--folder", type=Path, default=cache_folder() / "rare", help="default: %(default)s")
    options.add_argument("--report", action="store_true")
    given = options.parse_args(arguments)
    torch.set_num_threads(1)
    path = RESULTS / "rare.csv"
    if not given.report:
        dataset = load(str(data_folder("images") / "images" / "pneumonia_28.npz"))
        write_file(path, to_csv(list(rows_of(dataset, given.folder))))
    with path.open(encoding="utf-8", newline="") as file:
        text = report(list(csv.DictReader(file)))
    write_file(RESULTS / "rare.md", text)
    print(text)


if __name__ == "__main__":
    sys.exit(exit_code(main))
