"""How well any score could do: trainings of one net differ, so not even expected accuracies rank nets as measured."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zeroshot.bench import statistics as stats
from zeroshot.bench.judge import SHARES
from zeroshot.bench.table import Truth
from zeroshot.types import FloatArray

NEAREST = 100  # nets with several trainings that the spread around an accuracy is pooled over
DRAWS = 200  # of the noise; fewer of many nets, whose mean needs no more


def spread(trainings: FloatArray, nets: npt.ArrayLike, at: FloatArray) -> FloatArray:
    """Standard deviation between trainings of one net around given accuracies.

    Nets of 10 % differ more from training to training than nets of 94 %, so variances are pooled over the nets of
    nearest mean accuracy.

    Args:
        trainings: (t,) accuracies.
        nets: (t,) which net each is of.
        at: (n,) accuracies.

    Returns:
        (n,) float64; NaN if no net was trained twice.
    """
    _, net = np.unique(np.asarray(nets), return_inverse=True)
    count = np.bincount(net)
    mean = np.bincount(net, trainings) / count
    squares = np.bincount(net, (trainings - mean[net]) ** 2)
    several = np.flatnonzero(count > 1)
    if not len(several):
        return np.full(len(at), np.nan)
    several = several[np.argsort(mean[several], kind="stable")]
    total, freedom = (np.concatenate([[0.0], np.cumsum(x[several])]) for x in (squares, count - 1.0))
    width = min(NEAREST, len(several))
    first = np.clip(np.searchsorted(mean[several], at) - width // 2, 0, len(several) - width)
    return np.asarray(np.sqrt((total[first + width] - total[first]) / (freedom[first + width] - freedom[first])))


class Ceiling(NamedTuple):
    """Spearman's correlation that a score which knew the expected accuracies would reach, on a share of the nets."""

    nets: str
    task: str
    share: str
    spearman: float


def ceilings(truth: Truth, task: str, seed: int = 0) -> list[Ceiling]:
    """Spearman's correlation between the accuracies and those of trainings anew, mean over draws of their noise.

    A score that knew each net's expected accuracy would reach about as much. It is rather too high than too low: the
    accuracies hold the noise of their own trainings, which spreads them.

    Returns:
        One of all nets and one of each share of them, best by trainings anew; none where no noise is known.
    """
    noise, y = truth.noise.get(task), truth.accuracy[task]
    if noise is None or not np.isfinite(noise).all():
        return []
    draws = int(np.clip(200_000 // len(y), 20, DRAWS))
    rng, found = np.random.default_rng(seed), {name: np.zeros(draws) for name in ("all", *SHARES)}
    for draw in range(draws):
        again = y + noise * rng.standard_normal(len(y))
        for name, values in found.items():
            inside = stats.top(again, SHARES.get(name, 1.0))
            values[draw] = stats.spearman(y[inside], again[inside])[0]
    return [
        Ceiling(truth.name, task, name, float(values.mean()))
        for name, values in found.items() if np.isfinite(values).all()
    ]  # fmt: skip
