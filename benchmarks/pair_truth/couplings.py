"""gamma and kappa of trained pairs from their exact curves, what predicts them, and how far predicted pairs are off."""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtr, ndtri

from benchmarks.pair_truth.drawing import CHANNELS, CLASSES
from benchmarks.pair_truth.study import Sample, kendall
from zeroshot.cascade.copula import Coupling, cascade_accuracy, fit_correlation, fit_coupling
from zeroshot.cost.counts import layer_macs, per_net
from zeroshot.net import DEPTHWISE, NetSpec, layer_table, spec_array
from zeroshot.types import BoolArray, FloatArray, Int64Array

RATES = tuple(np.round(np.arange(0.05, 0.601, 0.05), 2).tolist())  # nominal escalation rates of a curve
LEVELS = tuple(round(256 * rate) for rate in RATES)
FOLDS = 4
NO_FAMILY = "of the accuracies"


@dataclass(frozen=True, eq=False)
class Curves:
    """Exact curves of all ordered pairs of a sample, MACs of little < MACs of big.

    Attributes:
        little: (n_pairs,) int64 rows of the sample.
        big: (n_pairs,) int64.
        p: (n_pairs, rates) escalation rate on the test images.
        accuracy: (n_pairs, rates) of the cascade.
        gamma: (n_nets,) fitted to each net's own curve.
        kappa: (n_pairs,) fitted to each pair's.
    """

    little: Int64Array
    big: Int64Array
    p: FloatArray = field(repr=False)
    accuracy: FloatArray = field(repr=False)
    gamma: FloatArray = field(repr=False)
    kappa: FloatArray = field(repr=False)

    def __len__(self) -> int:
        return len(self.little)


def curves(sample: Sample) -> Curves:
    """Exact curves of a sample; gamma and kappa by least squares over `RATES`."""
    right, level, macs = sample.zoo.right(), sample.zoo.levels(), sample.zoo.macs()
    n, images = right.shape
    escalated = level[:, None, :] < np.array(LEVELS)[None, :, None]  # (nets, rates, images)
    both = (escalated.reshape(-1, images).astype(np.float32) @ right.T.astype(np.float32)).reshape(n, len(LEVELS), n)
    rate, share = escalated.mean(axis=2), both.transpose(0, 2, 1).astype(np.float64) / images
    little, big = np.nonzero(macs[:, None] < macs[None, :])
    accuracy = np.clip(right.mean(axis=1), 0.5 / images, 1 - 0.5 / images)
    own = share[np.arange(n), np.arange(n)]
    p, gained = rate[little], share[little, big]
    inside = np.clip(rate, 1e-6, 1 - 1e-6)
    return Curves(
        little, big, p, right.mean(axis=1)[little, None] - own[little] + gained,
        fit_correlation(accuracy, inside, own), fit_correlation(accuracy[big], inside[little], gained),
    )  # fmt: skip


def couple(found: Curves, accuracy: FloatArray, chosen: BoolArray | None = None) -> Coupling:
    """Constants from the gammas and kappas of pairs.

    Args:
        found: Of a sample.
        accuracy: (n_nets,) of its nets.
        chosen: (n_pairs,) pairs that count; None for all.
    """
    pairs = np.ones(len(found), bool) if chosen is None else chosen
    nets = np.unique(np.concatenate([found.little[pairs], found.big[pairs]]))
    table = np.column_stack([accuracy[found.little[pairs]], accuracy[found.big[pairs]], found.kappa[pairs]])
    return fit_coupling(accuracy[nets], found.gamma[nets], table, "fit", "")


def constant(found: Curves) -> Coupling:
    """One gamma and one kappa for all."""
    return Coupling("constant", "", (float(np.arctanh(found.gamma).mean()), 0.0),
                    (float(np.arctanh(found.kappa).mean()), 0.0, 0.0))  # fmt: skip


def independent(coupling: Coupling) -> Coupling:
    """Big nets err as often on what escalates as elsewhere; the little net's knowledge of itself is kept."""
    return Coupling("independence", "", coupling.gamma, (0.0, 0.0, 0.0))


@dataclass(frozen=True, eq=False)
class Fit:
    """Errors of predicted pair accuracies, over pairs and rates.

    Attributes:
        pairs: Number of pairs.
        mae: Mean absolute error, fraction.
        bias: Mean of predicted minus true.
        kendall: Of predicted and true over pairs at one rate, the mean over the rates.
        kendall_cost: The same over pairs at one expected cost, see `tau_at_cost`.
    """

    pairs: int
    mae: float
    bias: float
    kendall: float
    kendall_cost: float


def judge_pairs(
    found: Curves, accuracy: FloatArray, coupling: Coupling, macs: Int64Array, kept: BoolArray | None = None
) -> Fit:
    """Predict every pair of a sample from single accuracies and compare.

    Args:
        found: Its curves.
        accuracy: (n_nets,) true or predicted, fractions.
        coupling: gamma and kappa.
        macs: (n_nets,).
        kept: (n_pairs,) pairs to judge; None for all.
    """
    rows = np.flatnonzero(np.ones(len(found), bool) if kept is None else kept)
    little, big = found.little[rows], found.big[rows]
    predicted = cascade_accuracy(accuracy[little, None], accuracy[big, None], found.p[rows], coupling)
    true = found.accuracy[rows]
    taus = [kendall(predicted[:, i], true[:, i]) for i in range(true.shape[1])]
    return Fit(
        len(rows), float(np.abs(predicted - true).mean()), float((predicted - true).mean()), float(np.nanmean(taus)),
        tau_at_cost(predicted, true, macs[little, None] + found.p[rows] * macs[big, None]),
    )  # fmt: skip


def tau_at_cost(predicted: FloatArray, true: FloatArray, cost: FloatArray, budgets: int = 8) -> float:
    """Kendall's tau over pairs of equal expected cost, the mean over budgets evenly spaced in log cost.

    Each pair stands at the rate that costs exactly the budget, its accuracies interpolated between the grid's rates;
    pairs that cannot cost so much or so little are left out.

    Args:
        predicted: (n_pairs, rates).
        true: (n_pairs, rates).
        cost: (n_pairs, rates), rising.
        budgets: How many.
    """
    taus = []
    low, high = np.quantile(cost, [0.05, 0.95])
    for budget in np.geomspace(low, high, budgets):
        rows = np.flatnonzero((cost[:, 0] <= budget) & (cost[:, -1] >= budget))
        if len(rows) < 10:
            continue
        at = [(np.interp(budget, cost[i], predicted[i]), np.interp(budget, cost[i], true[i])) for i in rows]
        taus.append(kendall(*np.array(at).T))
    return float(np.mean(taus)) if taus else float("nan")


# Family likeness: what may tie two nets' errors together beside their accuracies.


def _dominant(net: str) -> str:
    return max(NetSpec.parse(net).stages, key=lambda stage: stage.depth * stage.width).block


def likeness(sample: Sample, found: Curves) -> dict[str, FloatArray]:
    """Name -> (n_pairs,) float64, how alike the two nets of each pair are."""
    specs = [NetSpec.parse(net.net) for net in sample.zoo.nets]
    blocks = np.array([_dominant(net.net) for net in sample.zoo.nets])
    sides = np.array([spec.resolution for spec in specs], float)
    wise = np.array([block in "dm" for block in blocks])
    a, b = found.little, found.big
    table = layer_table(spec_array(specs), CHANNELS, CLASSES)
    work = layer_macs(table)
    depthwise = per_net(table, np.where(table.column("op") == DEPTHWISE, work, 0)) / per_net(table, work)
    return {
        "same block": (blocks[a] == blocks[b]).astype(float),
        "both or neither depthwise": (wise[a] == wise[b]).astype(float),
        "resolution, log ratio": np.abs(np.log2(sides[a] / sides[b])),
        "depthwise share, difference": np.abs(depthwise[a] - depthwise[b]),
        "depth, log ratio": np.abs(sample.inputs.known["log_depth"][a] - sample.inputs.known["log_depth"][b]),
        "MACs, log ratio": np.log10(sample.zoo.macs()[b] / sample.zoo.macs()[a]),
    }


@dataclass(frozen=True)
class FamilyTest:
    """Cross-validated error of pairs with one more term in kappa.

    Attributes:
        term: What was added.
        pairs: Pairs judged, both nets unseen by the fit.
        mae: Mean absolute error, fraction, true single accuracies given.
        weight: Of the term, a unit, fitted to all pairs.
    """

    term: str
    pairs: int
    mae: float
    weight: float


def test_families(sample: Sample, found: Curves) -> list[FamilyTest]:
    """Whether likeness helps: nets in folds, fitted to pairs of the other folds, judged on pairs inside a fold."""
    terms = likeness(sample, found)
    everything = np.column_stack(list(terms.values()))
    tried: dict[str, FloatArray] = {NO_FAMILY: np.zeros((len(found), 0))}
    tried |= {name: column[:, None] for name, column in terms.items()} | {"all of these": everything}
    return [_family(name, columns, sample.accuracy, found) for name, columns in tried.items()]


def _family(name: str, columns: FloatArray, accuracy: FloatArray, found: Curves) -> FamilyTest:
    mu = ndtri(accuracy)
    mu_l, mu_b = mu[found.little], mu[found.big]
    design = np.column_stack([np.ones(len(found)), mu_l, mu_b - mu_l, columns])
    target = np.arctanh(found.kappa)
    fold = np.arange(len(accuracy)) % FOLDS
    errors = []
    for k in range(FOLDS):
        train = (fold[found.little] != k) & (fold[found.big] != k)
        rows = np.flatnonzero((fold[found.little] == k) & (fold[found.big] == k))
        if not train.any() or not len(rows):
            continue
        nets = fold != k
        gamma = np.polyfit(mu[nets], np.arctanh(found.gamma[nets]), 1)
        kappa = np.tanh(design[rows] @ np.linalg.lstsq(design[train], target[train], rcond=None)[0])
        errors.append(_errors(found, accuracy, rows, np.tanh(np.polyval(gamma, mu_l[rows])), kappa))
    weight = np.linalg.lstsq(design, target, rcond=None)[0]
    error = np.concatenate(errors) if errors else np.array([np.nan])
    single = float(weight[3]) if columns.shape[1] == 1 else float("nan")
    return FamilyTest(name, len(error), float(np.abs(error).mean()), single)


def _errors(found: Curves, accuracy: FloatArray, rows: Int64Array, gamma: FloatArray, kappa: FloatArray) -> FloatArray:
    """Predicted minus true, (rows, rates), each pair with a gamma and a kappa of its own."""
    out = np.empty((len(rows), found.p.shape[1]))
    for i, row in enumerate(rows):
        own = Coupling("", "", (float(np.arctanh(gamma[i])), 0.0), (float(np.arctanh(kappa[i])), 0.0, 0.0))
        a, b = accuracy[found.little[row]], accuracy[found.big[row]]
        out[i] = cascade_accuracy(a, b, found.p[row], own) - found.accuracy[row]
    return out


def own_errors(found: Curves, accuracy: FloatArray) -> float:
    """Mean absolute error with each pair's own fitted gamma and kappa: what the copula's shape itself costs."""
    rows = np.arange(len(found))
    return float(np.abs(_errors(found, accuracy, rows, found.gamma[found.little], found.kappa)).mean())


def accuracies(mu: FloatArray, classes: int = 10) -> FloatArray:
    """Fractions from mu, kept over chance and under certainty as a search does."""
    return np.asarray(np.clip(ndtr(mu), 1 / classes, 0.999), np.float64)
