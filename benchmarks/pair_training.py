"""What distillation and the cascade-aware finetune buy on CIFAR-10, at equal expected cost, over three seeds.

python -m benchmarks.pair_training [--folder DIR] [--report]

One small pair, trained plainly and in every other way that `zeroshot train` knows, float weights, one thread. First the
settings of each way are chosen on validation images of a seed of their own. Then cascades are compared on the test
images at fixed escalation rates p, so at the same expected cost, by the exact curve of `zeroshot.cascade.measure`.

Trained nets stay in the folder: started again, it goes on where it stopped. Everything together takes about 80
minutes of one core. --report only writes the .md anew from the .csv.
"""

import csv
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from benchmarks.cifar10 import cifar10_file
from benchmarks.intervals import half_width
from benchmarks.script import RESULTS, Arguments, exit_code, parser
from zeroshot.cascade.measure import LEVEL, curve, expected_cost, outcome
from zeroshot.cost.counts import macs, params
from zeroshot.data import Dataset, cache_folder, load
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.runs.files import write_file
from zeroshot.runs.folder import processor, to_csv
from zeroshot.training.train import (
    CascadeTuning,
    Distillation,
    Recipe,
    Split,
    TrainedNet,
    hold_out,
    train_net,
    tune_pair,
)  # fmt: skip

LITTLE = "r32-s16/2-c3w32x1/2-c3w64x1/2"
BIG = "r32-s16/2-b3w16x1-b3w32x1/2-b3w64x1/2"
RECIPE, SEEDS, CHOICE_SEED = Recipe(epochs=12), (0, 1, 2), 100
RATES, TARGET = (0.1, 0.2, 0.3, 0.4), 0.2  # the finetune is for one rate, and judged at all
DISTILLATIONS = tuple(Distillation("big", w, t) for w in (0.5, 0.9) for t in (2.0, 4.0))
TUNINGS = (
    CascadeTuning(softness=0.25), CascadeTuning(), CascadeTuning(softness=0.25, lr=0.03),
    CascadeTuning(softness=0.25, rate_weight=10.0), CascadeTuning(softness=0.25, kept=1.0),
)  # fmt: skip
PLAIN, LONGER = "plain", "plain, longer"
Setting = TypeVar("Setting", Distillation, CascadeTuning)


@dataclass(frozen=True)
class Row:
    """A cascade at one escalation rate.

    Attributes:
        part: `validation` or `test`, the images.
        seed: Of the training.
        way: Of training, in words.
        p: The rate.
        accuracy: A fraction, as those below.
        little: Of the little net alone.
        big: Of the big net alone.
    """

    part: str
    seed: int
    way: str
    p: float
    accuracy: float
    little: float
    big: float


@dataclass(frozen=True)
class Bench:
    """Data and place of everything."""

    dataset: Dataset
    folder: Path

    def split(self, seed: int) -> Split:
        """The training and validation images of a seed."""
        return hold_out(self.dataset, seed, RECIPE.validation)

    def net(
        self, spec: str, seed: int, place: str = "", recipe: Recipe | None = None,
        teacher: TrainedNet | None = None, distil: Distillation | None = None,
    ) -> TrainedNet:  # fmt: skip
        """A net, trained now or before, without a teacher or with one."""
        say(f"seed {seed} {place}: {spec} {'with a teacher' if teacher else ''}")
        where = self.folder / f"seed-{seed}" / place
        return train_net(
            spec, self.split(seed), recipe or RECIPE, seed, teacher=teacher, distil=distil, folder=where, resume=True
        )  # fmt: skip

    def tuned(
        self, little: TrainedNet, big: TrainedNet, seed: int, how: CascadeTuning, place: str = ""
    ) -> tuple[TrainedNet, TrainedNet]:
        """A pair, finetuned now or before."""
        say(f"seed {seed} {place}: {little.name} with {big.name}")
        where = self.folder / f"seed-{seed}" / place
        return tune_pair(little, big, self.split(seed), TARGET, how, seed, folder=where, resume=True)


def say(text: str) -> None:
    print(time.strftime("%H:%M:%S"), text.rstrip(" :"), file=sys.stderr, flush=True)


def rows_of(bench: Bench, part: str, seed: int, way: str, little: TrainedNet, big: TrainedNet) -> list[Row]:
    """The cascade at each rate, by its exact curve on one part of the data."""
    labels = bench.split(seed).labels(part)
    found = outcome(little.outputs[part], big.outputs[part], labels)
    points = curve(found)
    little_alone, big_alone = float(found.little.mean()), float(found.big.mean())
    return [
        Row(part, seed, way, p, float(np.interp(p, points.p, points.accuracy)), little_alone, big_alone)
        for p in RATES
    ]  # fmt: skip


def choose(bench: Bench) -> Iterator[list[Row]]:
    """Every setting on validation images; all pairs share the plain big net."""
    big, little = (bench.net(spec, CHOICE_SEED) for spec in (BIG, LITTLE))
    yield rows_of(bench, "validation", CHOICE_SEED, PLAIN, little, big)
    for i, how in enumerate(DISTILLATIONS):
        pupil = bench.net(LITTLE, CHOICE_SEED, f"distil-{i}", teacher=big, distil=how)
        yield rows_of(bench, "validation", CHOICE_SEED, words(how), pupil, big)
    for i, tuning in enumerate(TUNINGS):
        pair = bench.tuned(little, big, CHOICE_SEED, tuning, f"tune-{i}")
        yield rows_of(bench, "validation", CHOICE_SEED, words(tuning), *pair)


def words(how: Distillation | CascadeTuning) -> str:
    """A setting as a name in the table."""
    if isinstance(how, Distillation):
        return f"distil: weight {how.weight:g}, T {how.temperature:g}"
    return f"tune: lr {how.lr:g}, tau {how.softness:g}, rate weight {how.rate_weight:g}, kept {how.kept:g}"


def chosen(rows: Sequence[Row]) -> tuple[Distillation, CascadeTuning]:
    """The distillation that is best over all rates, and the finetune that is best at its target."""

    def best(settings: Sequence[Setting], rates: Sequence[float]) -> Setting:
        means = [np.mean([r.accuracy for r in rows if r.way == words(s) and r.p in rates]) for s in settings]
        return settings[int(np.argmax(means))]

    return best(DISTILLATIONS, RATES), best(TUNINGS, (TARGET,))


def compare(bench: Bench, seed: int, distil: Distillation, tuning: CascadeTuning) -> Iterator[list[Row]]:
    """All ways of one seed on the test images."""

    def found(way: str, little: TrainedNet, big: TrainedNet) -> list[Row]:
        return rows_of(bench, "test", seed, way, little, big)

    big, little = (bench.net(spec, seed) for spec in (BIG, LITTLE))
    yield found(PLAIN, little, big)
    taught = bench.net(LITTLE, seed, teacher=big, distil=distil)
    yield found("distilled", taught, big)
    yield found("cascade-aware", *bench.tuned(little, big, seed, tuning))
    yield found("distilled, cascade-aware", *bench.tuned(taught, big, seed, tuning))
    again = [bench.net(net.net, seed, teacher=net, distil=replace(distil, teacher="self")) for net in (little, big)]
    yield found("self-distilled", *again)
    longer = replace(RECIPE, epochs=RECIPE.epochs + tuning.epochs)
    yield found(LONGER, *(bench.net(spec, seed, "longer", longer) for spec in (LITTLE, BIG)))


def difference(rows: Sequence[Row], way: str, rates: Sequence[float]) -> tuple[float, float]:
    """Mean over seeds of the accuracy minus the plain pair's, and half its t-interval (NaN for one seed)."""

    def by_seed(name: str) -> dict[int, float]:
        mine = [r for r in rows if r.part == "test" and r.way == name and r.p in rates]
        return {seed: float(np.mean([r.accuracy for r in mine if r.seed == seed])) for seed in SEEDS
                if any(r.seed == seed for r in mine)}  # fmt: skip

    own, plain = by_seed(way), by_seed(PLAIN)
    gains = [own[seed] - plain[seed] for seed in own if seed in plain]
    return float(np.mean(gains)), half_width(gains)


def verdict(gain: float, half: float) -> str:
    """What an interval says."""
    if np.isnan(half):
        return "one seed says nothing"
    return "buys nothing that shows" if abs(gain) <= half else "pays" if gain > 0 else "costs accuracy"


def report(rows: Sequence[Row]) -> str:
    """The .md of some rows."""
    table = layer_table(spec_array([NetSpec.parse(spec) for spec in (LITTLE, BIG)]), 3, 10)
    cost, weights = macs(table) / 1e6, params(table)
    tests = [r for r in rows if r.part == "test"]
    seeds = sorted({r.seed for r in tests})
    lines = [
        "# Better pairs: what each way of training buys",
        "",
        f"CIFAR-10, 45,000 training images, {RECIPE.epochs} epochs, float weights, seeds {', '.join(map(str, seeds))}; "
        f"{processor()}, torch {torch.__version__}, one thread. Written by `python -m benchmarks.pair_training`.",
        "",
        f"- little `{LITTLE}`: {cost[0]:.2f} M MACs, {weights[0]:,} weights",
        f"- big `{BIG}`: {cost[1]:.2f} M MACs, {weights[1]:,} weights",
        "",
        "## Accuracy of the cascade on test images, percent",
        "",
        f"Mean over the seeds at the same escalation rate p, so at the same expected cost. The finetune is for p = "
        f"{TARGET:g} and judged at all. `{LONGER}` trains both nets for as many epochs more as the finetune has.",
        "",
        "| way | little | big |" + "".join(f" p = {p:g} |" for p in RATES),
        "|---|---|---|" + "---|" * len(RATES),
        "| expected M MACs | | |" + "".join(f" {expected_cost(cost[0], cost[1], p):.2f} |" for p in RATES),
        *(_accuracies(tests, way) for way in ways(tests)),
        "",
        "## Points against the plain pair",
        "",
        f"Mean over the seeds of the difference, ± half its {100 * LEVEL:.0f} % t-interval over seeds.",
        "",
        "| way |" + "".join(f" p = {p:g} |" for p in RATES) + " mean of all | |",
        "|---|" + "---|" * (len(RATES) + 2),
        *(_differences(rows, way) for way in ways(tests) if way != PLAIN),
        "",
        "## Settings, chosen on validation images",
        "",
        f"Seed {CHOICE_SEED}, which the tables above do not use; percent. Of the distillations the best mean over p "
        f"was taken, of the finetunes the best at p = {TARGET:g}. One seed: neighbours do not differ surely.",
        "",
        "| setting | little | big |" + "".join(f" p = {p:g} |" for p in RATES),
        "|---|---|---|" + "---|" * len(RATES),
        *(_accuracies([r for r in rows if r.part == "validation"], way)
          for way in ways([r for r in rows if r.part == "validation"])),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def ways(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(r.way for r in rows))


def _accuracies(rows: Sequence[Row], way: str) -> str:
    mine = [r for r in rows if r.way == way]
    singles = [f"{100 * np.mean([getattr(r, key) for r in mine]):.2f}" for key in ("little", "big")]
    cells = [f"{100 * np.mean([r.accuracy for r in mine if r.p == p]):.2f}" for p in RATES]
    return "| " + " | ".join([way, *singles, *cells]) + " |"


def _differences(rows: Sequence[Row], way: str) -> str:
    found = [difference(rows, way, (p,)) for p in RATES] + [difference(rows, way, RATES)]
    cells = [f"{100 * gain:+.2f} ± {100 * half:.2f}" for gain, half in found]
    return "| " + " | ".join([way, *cells, verdict(*found[-1])]) + " |"


def write(rows: Sequence[Row]) -> None:
    write_file(RESULTS / "pair_training.csv", to_csv([asdict(row) for row in rows]))
    write_file(RESULTS / "pair_training.md", report(rows))


def read() -> list[Row]:
    with (RESULTS / "pair_training.csv").open(encoding="utf-8", newline="") as file:
        return [
            Row(
                row["part"], int(row["seed"]), row["way"],
                *(float(row[name]) for name in ("p", "accuracy", "little", "big")),
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


def main(arguments: Arguments = None) -> None:
    options = parser("pair_training", __doc__)
    options.add_argument(
        "--folder", type=Path, default=cache_folder() / "pair_training", help="of trained nets; default: %(default)s"
    )
    options.add_argument("--report", action="store_true", help="write the .md anew from the .csv, train nothing")
    given = options.parse_args(arguments)
    if given.report:
        write(read())
        return
    torch.set_num_threads(1)
    # The recipe mirrors images of named sets that may be mirrored; an .npz has no such name.
    bench = Bench(replace(load(str(cifar10_file())), name="cifar10"), given.folder)
    rows: list[Row] = []
    for found in choose(bench):
        rows += found
        write(rows)
    distil, tuning = chosen(rows)
    say(f"chosen: {words(distil)}; {words(tuning)}")
    for seed in SEEDS:
        for found in compare(bench, seed, distil, tuning):
            rows += found
            write(rows)
    print(report(rows))


if __name__ == "__main__":
    sys.exit(exit_code(main))
