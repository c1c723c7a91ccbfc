"""Ways to predict a net's accuracy before it is trained, and cross-validation that decides between them.

Every way is a function of what is known of a population (`Inputs`), the rows of it that were trained, and the mu of
these rows alone, so that no other label can reach it.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls
from scipy.special import ndtr

from benchmarks.pair_truth.study import Inputs, kendall, spearman
from zeroshot.accuracy.features import FEATURES
from zeroshot.accuracy.model import STATIC as SHIPPED_STATIC
from zeroshot.accuracy.model import AccuracyModel, Evidence, Term, believed, matched, size
from zeroshot.scoring.plugins import DEFAULT_PROXIES
from zeroshot.types import FloatArray, Int64Array

Fitted = Callable[[Inputs], FloatArray]
Way = Callable[[Inputs, Int64Array, FloatArray], Fitted]

PENALTIES = tuple(10.0 ** np.arange(-3.0, 1.01, 0.5))
BOUNDED_PENALTIES = (0.003, 0.01, 0.03, 0.1)  # of the non-negative ridge, whose bounds do most of its work
FOLDS = 16
NOTHING = 1e-6  # a weight at its bound
# Probed proxies whose values, not only ranks, are defined on every net; logarithms where they span decades.
READOUT = "linear_readout"
PROBED = (READOUT, "naswot", "swap", "zico", "grad_norm", "snip", "synflow", "logsynflow", "zen", "az_expressivity",
          "az_trainability", "meco")  # fmt: skip
LOGARITHMIC = ("grad_norm", "snip", "swap")
# What a size is made of, chosen by the worse of two spaces: the zoo's calibration half (cross-validated) and
# NAS-Bench-201, of which no weight is fitted; a third, nets of the field's families, was in view when the receptive
# field and the balance of the work came in. Balanced work took the place of plain and of spatial MACs, whose weights
# fall to 0 beside it; of the exponents 0.2 to 0.6 all do, the smaller ones a little better by that rule.
# The segments and the fewest channels took the place of the smallest map, and the field was cut at three quarters of
# the side, with that third space, picks of searches and nets of the journey in view. What evolution then made of them,
# few layers that are wide from the start, was overrated by .1 mu where the stem had full resolution: fourteen of these
# nets joined the fit, and the stem's own work and activations count no more. Of the exponents 1/4 to 3/4, which differ
# little with them in the fit, 1/3 has the least error where each population and each family is left out.
# By it the readout is no evidence of its own (.79 where it is defined on NAS-Bench-201, .89 without) but one of the
# fused ranks (.90), and params is none of them (.89 with it). The same rule sets the trust in these ranks: errors alone
# would call for half of it, but it is the order that counts. `benchmarks.tasks` prints all of that.
SIZED = ("log_balanced_macs", "log_params", "log_stem_outputs", "log_narrowest", "log_segment_macs",
         "log_side", "log_field")  # fmt: skip
UNPROBED_SIZED = (*SIZED, "log_outputs")
TELLING = ("swap", "az_trainability")
TRUST = 0.3


@dataclass(frozen=True, eq=False)
class Ridge:
    """A ridge regression on standardised columns.

    Attributes:
        centre: (k,) of the columns.
        scale: (k,) of the columns.
        weight: (k,) a standard deviation of each column.
        intercept: At the centres.
        left_out: (n,) prediction of each row by others.
        penalty: As chosen.
    """

    centre: FloatArray
    scale: FloatArray
    weight: FloatArray
    intercept: float
    left_out: FloatArray
    penalty: float

    def predict(self, x: FloatArray) -> FloatArray:
        """Of other rows, (m, k) -> (m,)."""
        return np.asarray(self.intercept + (x - self.centre) / self.scale @ self.weight, np.float64)


def ridge(x: FloatArray, y: FloatArray, penalties: tuple[float, ...] = PENALTIES) -> Ridge:
    """Minimise sum (y - b - z w)^2 + n penalty |w|^2, z standardised columns; the penalty of least left-out error.

    A row's leave-one-out residual is its residual over one less its leverage.

    Args:
        x: (n, k), n at least 2.
        y: (n,).
        penalties: To choose from, of a row.
    """
    n, k = x.shape
    centre, spread = x.mean(axis=0), x.std(axis=0)
    scale = np.where(spread > 1e-12, spread, 1.0)
    z, mean = (x - centre) / scale, float(y.mean())
    best: Ridge | None = None
    error = np.inf
    for penalty in penalties:
        solve = np.linalg.solve(z.T @ z + n * penalty * np.eye(k), z.T)
        weight = solve @ (y - mean)
        leverage = 1 / n + np.einsum("ij,ji->i", z, solve)
        left_out = y - (y - mean - z @ weight) / (1 - np.minimum(leverage, 1 - 1e-9))
        if (found := float(((y - left_out) ** 2).sum())) < error:
            best, error = Ridge(centre, scale, weight, mean, left_out, penalty), found
    if best is None:
        raise ValueError("no finite leave-one-out error")
    return best


def nonnegative_ridge(x: FloatArray, y: FloatArray, penalties: tuple[float, ...] = BOUNDED_PENALTIES) -> Ridge:
    """As `ridge`, with no weight below 0; left-out predictions are those of `FOLDS` folds.

    More layers and channels then never make a net smaller by themselves, and what holds in one population by chance
    alone cannot be turned round in another.

    Args:
        x: (n, k), n at least 2.
        y: (n,).
        penalties: To choose from, of a row.
    """
    n = len(y)
    fold = np.arange(n) % min(FOLDS, n)
    best: Ridge | None = None
    error = np.inf
    for penalty in penalties:
        left_out = np.empty(n)
        for k in range(int(fold.max()) + 1):
            left_out[fold == k] = _bounded(x[fold != k], y[fold != k], penalty).predict(x[fold == k])
        if (found := float(((y - left_out) ** 2).sum())) < error:
            best, error = replace(_bounded(x, y, penalty), left_out=left_out), found
    if best is None:
        raise ValueError("no finite left-out error")
    return best


def _bounded(x: FloatArray, y: FloatArray, penalty: float) -> Ridge:
    k = x.shape[1]
    centre, spread = x.mean(axis=0), x.std(axis=0)
    scale = np.where(spread > 1e-12, spread, 1.0)
    z = (x - centre) / scale
    # The same least squares in k rows: with L L' = z'z + n penalty, |L' w - L^-1 z'y| differs by a constant.
    lower = np.linalg.cholesky(z.T @ z + len(y) * penalty * np.eye(k))
    weight, _ = nnls(lower.T, np.linalg.solve(lower, z.T @ (y - y.mean())))
    return Ridge(centre, scale, weight, float(y.mean()), y, penalty)


def model_of_ridge(
    fit: Ridge, inputs: Inputs, features: tuple[str, ...], proxies: tuple[str, ...] = (), trust: float = 0.0
) -> AccuracyModel:
    """An accuracy model from a ridge on features and probed scores; what it says nothing about is as shipped now.

    With t the terms' part of the fit, w the weight of a score and b its slope over t, the fit t + w score is
    (1 + w b) t + w (score - b t): the first part is the size of the terms, the second what the score says beyond it.

    Args:
        fit: On these columns, in this order.
        inputs: Of the nets of the fit.
        features: Names.
        proxies: Names.
        trust: In fused ranks.
    """
    columns = list(zip((*features, *proxies), fit.centre, fit.scale, fit.weight, strict=True))
    terms = tuple(
        Term(name, float(c), float(s), float(w)) for name, c, s, w in columns[: len(features)] if abs(w) > NOTHING
    )
    kept = ("level", "longer", "steps", "sd_net", "sd_longer", "sd_task", "sd_slope")
    shared = {key: getattr(SHIPPED_STATIC, key) for key in kept}
    line = AccuracyModel(name="fit", source="", intercept=fit.intercept, terms=terms, trust=trust, **shared)
    own = size(inputs.known, line)
    evidence, stretch = [], 1.0
    for name, _, scale, weight in columns[len(features) :]:
        score = columns_of(inputs, (name,))[:, 0]
        slope = float(np.polyfit(own, score, 1)[0])
        beyond = float((score - slope * own).std())
        evidence.append(Evidence(name, name in LOGARITHMIC, slope, beyond, float(weight / scale) * beyond))
        stretch += float(weight / scale) * slope
    stretched = line.stretched(stretch)
    return replace(stretched, evidence=tuple(replace(e, slope=e.slope / stretch) for e in evidence))


def columns_of(inputs: Inputs, names: tuple[str, ...]) -> FloatArray:
    """Features and proxies as columns, (n, k); an undefined score is the lowest one."""
    found = []
    for name in names:
        column = inputs.known[name] if name in FEATURES else inputs.scores[name]
        if name in LOGARITHMIC:
            column = np.log(np.maximum(column, 1e-30))
        found.append(np.where(np.isnan(column), np.nanmin(column), column))
    return np.column_stack(found)


def direct(*names: str, solve: Callable[[FloatArray, FloatArray], Ridge] = ridge) -> Way:
    """A ridge regression on these features and proxies."""

    def way(inputs: Inputs, rows: Int64Array, mu: FloatArray) -> Fitted:
        fit = solve(columns_of(inputs, names)[rows], mu)
        return lambda other: fit.predict(columns_of(other, names))

    return way


def matched_line(inputs: Inputs, rows: Int64Array, mu: FloatArray) -> Fitted:
    """Log MACs in the order of the fused default proxies, and a line: what `prior-1` does, its line fitted here."""
    fit = ridge(matched(inputs.fused(), inputs.known["log_macs"])[rows, None], mu)

    def predict(other: Inputs) -> FloatArray:
        return fit.predict(matched(other.fused(), other.known["log_macs"])[:, None])

    return predict


def fit_model(
    inputs: Inputs, rows: Int64Array, mu: FloatArray, features: tuple[str, ...], proxies: tuple[str, ...],
    fused: tuple[str, ...], trust: float | None = None,
) -> AccuracyModel:  # fmt: skip
    """A line over features and probed scores, with trust in fused ranks; None: as much as left-out errors call for."""
    fit = nonnegative_ridge(columns_of(inputs, (*features, *proxies))[rows], mu)
    line = model_of_ridge(fit, inputs.take(rows), features, proxies)
    if trust is None:
        everywhere = size(inputs.everything, line)
        everywhere[rows] = fit.left_out - fit.intercept
        own = everywhere[rows]
        step = matched(inputs.fused(fused), everywhere)[rows] - own
        wanted = mu - fit.intercept - own
        trust = float(np.clip(step @ wanted / max(float(step @ step), 1e-12), 0.0, 1.0))
    return replace(line, trust=trust)


def blend(
    features: tuple[str, ...], proxies: tuple[str, ...] = (), fused: tuple[str, ...] = tuple(DEFAULT_PROXIES),
    trust: float | None = None,
) -> Way:  # fmt: skip
    """A line over features and probed scores, mixed with the order of fused proxies."""

    def way(inputs: Inputs, rows: Int64Array, mu: FloatArray) -> Fitted:
        model = fit_model(inputs, rows, mu, features, proxies, fused, trust)
        return lambda other: model.intercept + believed(other.fused(fused), other.everything, model)

    return way


def gaussian_process(*names: str) -> Way:
    """A Gaussian process with one length a column, a linear part and noise, hyperparameters by likelihood."""

    def way(inputs: Inputs, rows: Int64Array, mu: FloatArray) -> Fitted:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel

        x = columns_of(inputs, names)[rows]
        centre, spread = x.mean(axis=0), x.std(axis=0)
        scale = np.where(spread > 1e-12, spread, 1.0)
        kernel = ConstantKernel(0.1, (1e-4, 10)) * RBF(np.full(len(names), 3.0), (0.3, 1e3))
        kernel += ConstantKernel(0.1, (1e-4, 10)) * DotProduct(1.0, "fixed") + WhiteKernel(0.1, (1e-4, 10))
        process = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
        with warnings.catch_warnings():
            # A length at its bound is a column without influence.
            warnings.simplefilter("ignore", ConvergenceWarning)
            process.fit((x - centre) / scale, mu)
        return lambda other: np.asarray(process.predict((columns_of(other, names) - centre) / scale))

    return way


FEW_FEATURES = tuple(FEATURES)
CHOSEN, CHOSEN_STATIC = "sizes of features and probed scores, ranks mixed in", "sizes of features"
# From simple to complicated.
WAYS: dict[str, Way] = {
    "line over log MACs": direct("log_macs"),
    "quantile matching, fitted line": matched_line,
    "line over log MACs, ranks mixed in": blend(("log_macs",)),
    "ridge over features": direct(*FEW_FEATURES),
    CHOSEN_STATIC: direct(*UNPROBED_SIZED, solve=nonnegative_ridge),
    "sizes of features and probed scores": direct(*SIZED, *TELLING, solve=nonnegative_ridge),
    CHOSEN: blend(SIZED, TELLING, trust=TRUST),
    "the same with the readout as evidence": blend(SIZED, (*TELLING, READOUT), trust=TRUST),
    "ridge over features and probed scores": direct(*FEW_FEATURES, *PROBED),
    "Gaussian process over features": gaussian_process(*FEW_FEATURES),
}
BASELINES: dict[str, Way] = {
    "MACs only": direct("log_macs"), "params only": direct("log_params"), "depth only": direct("log_depth"),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Judged:
    """How far predictions of single nets are from the truth.

    Attributes:
        n: Nets.
        mae: Mean absolute error of the accuracy, fraction.
        rmse: Root mean square error of mu.
        spearman: Of predicted and true.
        kendall: The same.
        errors: (n,) of mu.
    """

    n: int
    mae: float
    rmse: float
    spearman: float
    kendall: float
    errors: FloatArray


def judge(predicted: FloatArray, mu: FloatArray) -> Judged:
    """Compare predicted with true mu."""
    errors = predicted - mu
    return Judged(
        len(mu), float(np.abs(ndtr(predicted) - ndtr(mu)).mean()), float(np.sqrt((errors**2).mean())),
        spearman(predicted, mu), kendall(predicted, mu), errors,
    )  # fmt: skip


def cross_validate(way: Way, inputs: Inputs, mu: FloatArray, folds: int = FOLDS) -> FloatArray:
    """Prediction of each net by a fit to the nets of the other folds, (n,); every k-th net is in the k-th fold."""
    n = len(mu)
    fold = np.arange(n) % min(folds, n)
    out = np.empty(n)
    for k in range(fold.max() + 1):
        train = np.flatnonzero(fold != k)
        out[fold == k] = way(inputs, train, mu[train])(inputs)[fold == k]
    return out
