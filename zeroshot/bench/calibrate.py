"""Models calibrated with few trained nets: scores and graph features -> rank, judged on nets they never saw.

Labels are accuracies of distinct nets. Everything that is tuned is tuned on the labels alone, by leaving out one or
some of them. No row that computes the same function as a labelled one is among those reported.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri
from scipy.stats import rankdata

from zeroshot.bench import _process
from zeroshot.bench import statistics as stats
from zeroshot.bench.table import Truth
from zeroshot.errors import UsageError
from zeroshot.types import FloatArray, Int64Array

DRAWS = 5
TREES = 200


@dataclass(frozen=True)
class Calibrated:
    """What a model reaches with so many labels, over several draws of them.

    Attributes:
        model: Its name.
        task: Of the accuracies.
        labels: Trained nets that it saw.
        spearman: (draws,) on all rows reported.
        kendall: (draws,) likewise.
        top: (draws,) Spearman on the best 5 % by truth of the rows reported.
        rows: (draws,) rows reported.
    """

    model: str
    task: str
    labels: int
    spearman: FloatArray
    kendall: FloatArray
    top: FloatArray
    rows: Int64Array


@dataclass(frozen=True)
class Inputs:
    """What the models see of every net, no accuracy among it.

    Attributes:
        x: (n, d) float64, standardised over all rows; equal in rows of one net.
        scores: So many of the first columns are scores of proxies; the others are of the graph.
    """

    x: FloatArray
    scores: int


def features(truth: Truth, proxies: Sequence[str], graph: FloatArray | None = None) -> Inputs:
    """Inputs of the models; constant columns are left out.

    A proxy comes as the normal quantile of its rank; where it is undefined, as its lowest rank. Rows of one net get
    the mean over all of them, as which edge an operation is on may differ, and a label should say as much of each.

    Args:
        truth: The nets.
        proxies: Of `truth.scores`.
        graph: (n, g) further features.
    """
    columns = [normal_scores(np.nan_to_num(truth.scores[name], nan=-np.inf)) for name in proxies]
    columns += list(graph.T) if graph is not None else []
    _, net, count = np.unique(truth.groups, return_inverse=True, return_counts=True)
    x = np.column_stack([(np.bincount(net, column) / count)[net] for column in columns])
    spread = x.std(axis=0)
    varied = spread > 1e-9
    return Inputs((x - x.mean(axis=0))[:, varied] / spread[varied], int(varied[: len(proxies)].sum()))


def normal_scores(y: FloatArray) -> FloatArray:
    """Ranks as quantiles of the normal distribution: the models aim at order, and accuracies have a long low tail."""
    return np.asarray(ndtri((rankdata(y) - 0.5) / len(y)))


# (inputs of the labelled nets, their normal scores, inputs of the new nets, seed) -> predictions of the new nets
Model = Callable[[Inputs, FloatArray, Inputs, int], FloatArray]


def ridge(own: Inputs, y: FloatArray, new: Inputs, seed: int) -> FloatArray:
    """Ridge regression, its penalty chosen by leaving one label out."""
    from sklearn.linear_model import RidgeCV

    return np.asarray(RidgeCV(np.logspace(-1, 4, 11)).fit(own.x, y).predict(new.x))


def gaussian_process(own: Inputs, y: FloatArray, new: Inputs, seed: int) -> FloatArray:
    """Gaussian process: a smooth and a linear kernel over the scores, a rough one over the graph.

    How much each says, how far it reaches and the noise are found by the marginal likelihood of the labels.
    """
    return _process.predict(own.x, y, new.x, own.scores)


def extra_trees(own: Inputs, y: FloatArray, new: Inputs, seed: int) -> FloatArray:
    """Extremely randomised trees, nothing tuned."""
    from sklearn.ensemble import ExtraTreesRegressor

    model = ExtraTreesRegressor(TREES, max_features=0.5, min_samples_leaf=1, random_state=seed, n_jobs=1)
    return np.asarray(model.fit(own.x, y).predict(new.x))


MODELS: dict[str, Model] = {"ridge": ridge, "gaussian process": gaussian_process, "extra-trees": extra_trees}
BLEND = "blend"  # the mean of all models' predictions, which are all of normal scores


def calibrate(
    truth: Truth, task: str, inputs: Inputs, labels: int, models: Mapping[str, Model] | None = None,
    draws: int = DRAWS, seed: int = 0,
) -> list[Calibrated]:  # fmt: skip
    """Draw labels, fit, predict the rest, several times.

    Args:
        truth: The nets.
        task: Whose accuracies are the labels, and the truth.
        inputs: Of `features`.
        labels: Rows whose accuracy the models see, drawn uniformly among all, no two of one net.
        models: Name -> model; `MODELS` by default. Their mean is reported as `BLEND`.
        draws: Of the labels.
        seed: Of the draws.

    Raises:
        UsageError: There are not twice as many distinct nets as labels.
    """
    models = models or MODELS
    distinct = len(np.unique(truth.groups))
    if not 5 <= labels <= distinct // 2:
        raise UsageError(f"{labels} labels of {distinct:,} distinct nets: take 5 to half of them.")
    y = truth.accuracy[task]
    found: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in (*models, BLEND)}
    for draw in range(draws):
        own = draw_labels(truth.groups, labels, seed + draw)
        rest = np.flatnonzero(~np.isin(truth.groups, truth.groups[own]))
        inside = stats.top(y[rest], 0.05)
        labelled = normal_scores(y[own])
        _, first, net = np.unique(truth.groups[rest], return_index=True, return_inverse=True)
        seen, new = (Inputs(inputs.x[rows], inputs.scores) for rows in (own, rest[first]))
        guesses = {name: model(seen, labelled, new, seed + draw)[net] for name, model in models.items()}
        guesses[BLEND] = np.mean(list(guesses.values()), axis=0)
        for name, p in guesses.items():
            whole = (float(stats.spearman(p, y[rest])[0]), float(stats.kendall(p, y[rest])[0]))
            best = float(stats.spearman(p[inside], y[rest][inside])[0])
            found[name].append((*whole, best, float(len(rest))))
    out = []
    for name, rows in found.items():
        spearman, kendall, top, count = np.array(rows).T
        out.append(Calibrated(name, task, labels, spearman, kendall, top, count.astype(np.int64)))
    return out


def draw_labels(groups: npt.ArrayLike, count: int, seed: int) -> Int64Array:
    """Rows drawn uniformly, the first of each net only: (count,) int64; there must be as many nets."""
    groups = np.asarray(groups)
    order = np.random.default_rng([seed, count]).permutation(len(groups))
    _, first = np.unique(groups[order], return_index=True)
    return np.asarray(order[np.sort(first)[:count]], np.int64)
