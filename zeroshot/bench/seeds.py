"""What another seed would have said: the same proxies on the same cells from other weights and images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from zeroshot.bench import statistics as stats
from zeroshot.bench.scores import CellScores
from zeroshot.errors import DataError
from zeroshot.types import FloatArray


@dataclass(frozen=True)
class OverSeeds:
    """A score over several seeds.

    Attributes:
        proxy: Its name.
        n: Nets, the same for each seed.
        spearman: (s,) correlation with the truth, one a seed.
        low: Lower end of the 95 % bootstrap interval over nets and seeds.
        high: Upper end.
        stability: Mean Spearman correlation between the scores of two seeds.
    """

    proxy: str
    n: int
    spearman: FloatArray
    low: float
    high: float
    stability: float


def shared_cells(scores: Sequence[CellScores]) -> npt.NDArray[np.int64]:
    """Cells that every one of the files has, in the order of the first.

    Raises:
        DataError: Two of them are of one seed, or differ in more than their seeds.
    """
    protocols = [vars(each.protocol) for each in scores]
    alike = [{k: v for k, v in each.items() if k not in ("seed", "batch_seed")} for each in protocols]
    seeds = {each["seed"] for each in protocols}
    versions = [{name: each.versions[name] for name in each.columns if name in scores[0].columns} for each in scores]
    mixed = any(scores[0].versions[name] != version for each in versions for name, version in each.items())
    if len(seeds) < len(scores) or mixed or any(each != alike[0] for each in alike):
        raise DataError("Scores over seeds must be of different seeds and otherwise of one protocol.")
    cells = scores[0].cells
    return np.asarray(cells[np.all([np.isin(cells, each.cells) for each in scores], axis=0)], np.int64)


def over_seeds(columns: Mapping[str, FloatArray], y: FloatArray, resamples: int, seed: int) -> list[OverSeeds]:
    """How much the seed decides of each score.

    A resample draws nets and, for each resample, one of the seeds, so its interval holds both kinds of luck. With few
    seeds it is too narrow rather than too wide: what no seed of these shows, it cannot know.

    Args:
        columns: Proxy -> (s, n) float64 scores of n distinct nets, one row a seed. A net without a score under one of
            the seeds takes no part; scores that are constant or on fewer than five nets are left out.
        y: (n,) float64 accuracies.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.
    """
    out = []
    for name, values in columns.items():
        there = np.isfinite(values).all(axis=0)
        x, truth = values[:, there], y[there]
        if any(stats.reason_undefined(row, truth) for row in x):
            continue
        weights = stats.resamples(np.arange(len(truth)), resamples, seed)
        which = np.random.default_rng(seed).integers(0, len(x), resamples)
        drawn = np.concatenate([stats.spearman(row, truth, weights[which == s]) for s, row in enumerate(x)])
        low, high = np.quantile(drawn, (0.025, 0.975))
        met = [float(stats.spearman(x[a], x[b])[0]) for a, b in combinations(range(len(x)), 2)]
        each = np.array([stats.spearman(row, truth)[0] for row in x])
        out.append(OverSeeds(name, len(truth), each, float(low), float(high), float(np.mean(met))))
    return out
