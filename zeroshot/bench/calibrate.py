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

from zeroshot.bench import statistics as stats
from zeroshot.bench.table import Truth
from zeroshot.errors import UsageError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
LABELS = (25, 100, 1000)
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
    rows: IntArray


@dataclass(frozen=True)
class Inputs:
    """What the models see of every net, no accuracy among it.

    Attributes:
        x: (n, d) float64, standardised over all nets.
        scores: So many of the first columns are scores of proxies; the others are of the graph.
    """

    x: FloatArray
    scores: int


def features(truth: Truth, proxies: Sequence[str], graph: FloatArray | None = None) -> Inputs:
    """Inputs of the models; constant columns are left out.

    A proxy comes as the normal quantile of its rank; where it is undefined, as its lowest rank.

    Args:
        truth: The nets.
        proxies: Of `truth.scores`.
        graph: (n, g) further features.
    """
    columns = [normal_scores(np.nan_to_num(truth.scores[name], nan=-np.inf)) for name in proxies]
    columns += list(graph.T) if graph is not None else []
    x = np.column_stack(columns)
    spread = x.std(axis=0)
    varied = spread > 0
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
    """Gaussian process, exponential plus linear kernel; its settings by the error of leaving one label out.

    Settings are the width, the share of the linear kernel, the noise, and how much more a score says than a feature
    of the graph, of which there are many. With A the inverse of kernel plus noise, the error of the left-out label i
    is (A y)_i / A_ii (Rasmussen and Williams, Gaussian Processes for Machine Learning, 5.4.2).
    """
    mean = y.mean()
    best, chosen = np.inf, (1.0, 1.4, 0.0, 0.1)
    for stretch in (1.0, 2.0, 4.0):
        x = _stretched(own, stretch)
        for width in (0.7, 1.4, 2.8, 5.6):
            for linear in (0.0, 0.5):
                values, vectors = np.linalg.eigh(_kernel(x, x, width, linear))
                for noise in (0.003, 0.01, 0.03, 0.1, 0.3):
                    inverse = 1 / (np.maximum(values, 0) + noise)
                    left_out = (vectors @ (inverse * (vectors.T @ (y - mean)))) / (vectors**2 @ inverse)
                    error = float(np.mean(left_out**2))
                    if error < best:
                        best, chosen = error, (stretch, width, linear, noise)
    stretch, width, linear, noise = chosen
    x = _stretched(own, stretch)
    weights = np.linalg.solve(_kernel(x, x, width, linear) + noise * np.eye(len(x)), y - mean)
    return np.asarray(mean + _kernel(_stretched(new, stretch), x, width, linear) @ weights)


def _stretched(inputs: Inputs, stretch: float) -> FloatArray:
    """Scores weigh so much more than features of the graph; the mean square of the weights is 1."""
    weights = np.ones(inputs.x.shape[1])
    weights[: inputs.scores] = stretch
    return np.asarray(inputs.x * (weights / np.sqrt(np.mean(weights**2))))


def _kernel(a: FloatArray, b: FloatArray, width: float, linear: float) -> FloatArray:
    inner = a @ b.T / a.shape[1]
    apart = (a * a).mean(axis=1)[:, None] + (b * b).mean(axis=1) - 2 * inner
    return np.asarray(np.exp(-np.sqrt(np.maximum(apart, 0)) / width) + linear * inner)


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
        seen, new = (Inputs(inputs.x[rows], inputs.scores) for rows in (own, rest))
        guesses = {name: model(seen, labelled, new, seed + draw) for name, model in models.items()}
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


def draw_labels(groups: npt.ArrayLike, count: int, seed: int) -> IntArray:
    """Rows drawn uniformly, the first of each net only: (count,) int64; there must be as many nets."""
    groups = np.asarray(groups)
    order = np.random.default_rng([seed, count]).permutation(len(groups))
    _, first = np.unique(groups[order], return_index=True)
    return np.asarray(order[np.sort(first)[:count]], np.int64)
