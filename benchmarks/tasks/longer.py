"""What longer trainings add: nets of CIFAR-10 that were trained for 5 epochs and for 20, 40 or 60."""

import json
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
from scipy.optimize import nnls
from scipy.special import ndtri

from benchmarks.pair_truth.study import spearman
from benchmarks.script import table
from benchmarks.tasks.data import TASKS
from benchmarks.tasks.plan import HERE
from benchmarks.tasks.traits import read_traits
from zeroshot.accuracy.features import features
from zeroshot.accuracy.model import STATIC, Term, size
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.types import FloatArray

BENCHMARKS = HERE.parent
SHORT = (BENCHMARKS / "pair_truth/zoo", HERE / "zoo/cifar10", BENCHMARKS / "strategies/zoo/cifar10")
LONGER = (HERE / "zoo/cifar10-long", BENCHMARKS / "journey/zoo/cifar10", BENCHMARKS / "journey/zoo/cifar10-60-epochs")
HELD_OUT = "held-out"  # half of the zoo that nothing is fitted to
# With balanced work (.039) the feature that foretells best, by nets left out in turn, what a net gains: .042 mu, root
# mean square; all nets alike .085, MACs .045, parameters .062, depth .084.
TELLING = "log_outputs"
FEW = 5  # nets that make a row


@dataclass(frozen=True, eq=False)
class Longer:
    """Nets with both trainings, and what a line through their gains says.

    Attributes:
        nets: Short specs.
        tenfolds: (n,) log10 of how many times as many epochs.
        gains: (n,) mu.
        left_out: (n,) what a fit to the others says.
        steps: mu that ten times as many steps add to a net of average `TELLING`.
        terms: What they add to others.
        sd: Standard deviation of a gain around that, for ten times as many.
    """

    nets: list[str] = field(repr=False)
    tenfolds: FloatArray = field(repr=False)
    gains: FloatArray = field(repr=False)
    left_out: FloatArray = field(repr=False)
    steps: float
    terms: tuple[Term, ...]
    sd: float


@cache
def fit_longer() -> Longer:
    """From all nets that are stored with both, those of the zoo's held-out half left out."""
    short = {net: mu for folder in SHORT for net, _, mu in _stored(folder)}
    both = [(net, epochs, mu - short[net]) for folder in LONGER for net, epochs, mu in _stored(folder) if net in short]
    nets = [net for net, _, _ in both]
    tenfolds = np.log10(np.array([epochs for _, epochs, _ in both]) / TASKS["cifar10"].epochs)
    gains = np.array([gain for _, _, gain in both])
    table = layer_table(spec_array([NetSpec.parse(net) for net in nets]), 3, 10)
    values = features(table)[TELLING]
    centre, scale = float(values.mean()), float(values.std())
    x = tenfolds[:, None] * np.column_stack([np.ones(len(nets)), (values - centre) / scale])
    steps, weight = nnls(x, gains)[0].tolist()
    others = [np.arange(len(nets)) != i for i in range(len(nets))]
    left_out = np.array([x[i] @ nnls(x[rest], gains[rest])[0] for i, rest in enumerate(others)])
    sd = float(np.sqrt(((gains - left_out) ** 2).sum() / (tenfolds**2).sum()))
    return Longer(nets, tenfolds, gains, left_out, steps, (Term(TELLING, centre, scale, weight),), sd)


def _stored(folder: Path) -> list[tuple[str, int, float]]:
    """Net, epochs and mu of what is stored with seed 0."""
    found = []
    for path in sorted(folder.glob("*-s0.json")):
        about = json.loads(path.read_text(encoding="utf-8"))
        if about["half"] != HELD_OUT:
            found.append((about["net"], about["recipe"]["epochs"], float(ndtri(about["test_accuracy"]))))
    return found


def chapter() -> list[str]:
    """What longer trainings add, and how nets that nothing was fitted to are ranked by their layers alone."""
    found = fit_longer()
    rows = []
    for tenfold in np.unique(found.tenfolds):
        here = found.tenfolds == tenfold
        if here.sum() < FEW:
            continue
        rows.append([
            f"{TASKS['cifar10'].epochs * 10**tenfold:.0f}", str(here.sum()), f"{found.gains[here].mean():+.3f}",
            f"{np.ptp(found.gains[here]):.3f}", f"{spearman(found.left_out[here], found.gains[here]):.3f}",
            f"{np.sqrt(np.mean((found.gains - found.left_out)[here] ** 2)):.3f}",
        ])  # fmt: skip
    heads = ("epochs", "nets", "mean gain", "most less least", "foretold, Spearman", "error, root mean square")
    return [
        "## Longer trainings", "",
        f"{len(found.nets)} nets of CIFAR-10 that were trained for {TASKS['cifar10'].epochs} epochs and for more, on "
        "the probit scale (at 80 % a tenth is 2.7 points). Ten times as many steps add "
        f"{found.steps:.2f} to all nets, and {found.terms[0].weight:.2f} more for each standard deviation of "
        f"{TELLING}; each net is foretold by a fit to the others.", "",
        *table(heads, rows), "",
        "Nets that no size was fitted to, ranked by what their layers say. The features were chosen with the first row "
        "in view, and what longer trainings add was fitted to nets of the other rows, too. `size` takes the number of "
        "epochs into account.", "",
        *table(("nets", "number", "size", "size for 5 epochs", "macs", "params"), _ranked()), "",
    ]  # fmt: skip


def _ranked() -> list[list[str]]:
    rows = []
    for title, folder in (
        ("picks of searches before, 5 epochs", SHORT[-1]), ("nets of the journey, 20 epochs", LONGER[1]),
        ("the same, 60 epochs", LONGER[2]),
    ):  # fmt: skip
        nets, epochs, mu = zip(*_stored(folder), strict=True)
        known = features(layer_table(spec_array([NetSpec.parse(net) for net in nets]), 3, 10))
        traits = replace(
            read_traits()["cifar10"], steps=read_traits()["cifar10"].steps * epochs[0] // TASKS["cifar10"].epochs
        )
        sizes = [size(known, model) for model in (STATIC.on(traits), STATIC)]
        sizes += [known["log_macs"], known["log_params"]]
        rows.append([title, str(len(nets)), *(f"{spearman(each, np.array(mu)):.3f}" for each in sizes)])
    return rows
