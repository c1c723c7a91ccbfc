"""Scores of several seeds: what is compared, and that the interval holds the luck of nets and of seeds."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from zeroshot.bench import scores as cs
from zeroshot.bench import seeds as s
from zeroshot.errors import DataError

N = 80


@pytest.fixture
def y():
    return np.random.default_rng(0).random(N)


def test_a_score_over_seeds_is_what_scipy_says_of_each(y):
    rng = np.random.default_rng(1)
    values = y + rng.normal(size=(3, N)) * 0.2
    (found,) = s.over_seeds({"p": values}, y, 200, 0)
    assert (found.proxy, found.n) == ("p", N)
    assert found.spearman == pytest.approx([scipy.stats.spearmanr(row, y).statistic for row in values])
    pairs = [(0, 1), (0, 2), (1, 2)]
    met = [scipy.stats.spearmanr(values[a], values[b]).statistic for a, b in pairs]
    assert found.stability == pytest.approx(np.mean(met))
    assert found.low < found.spearman.mean() < found.high


def test_the_interval_holds_the_luck_of_seeds(y):
    """Two seeds, one of which is right and one wrong: each is in the interval, though no draw of nets leads there."""
    (found,) = s.over_seeds({"p": np.stack([y, -y])}, y, 100, 0)
    assert (found.low, found.high) == (-1, 1)
    assert found.stability == pytest.approx(-1)
    (same,) = s.over_seeds({"p": np.stack([y, y])}, y, 100, 0)
    assert (same.low, same.high, same.stability) == (1, 1, 1)


def test_nets_without_a_score_and_constant_scores_take_no_part(y):
    gaps = np.stack([y, y])
    gaps[1, 7] = np.nan
    found = s.over_seeds(
        {"gaps": gaps, "same": np.ones((2, N)), "few": np.where(np.arange(N) < 4, gaps, np.nan)}, y, 9, 0
    )
    assert [(each.proxy, each.n) for each in found] == [("gaps", N - 1)]


def test_cells_that_all_files_have(y):
    def file(cells, **protocol):
        return cs.CellScores(replace(cs.Protocol(), **protocol), np.array(cells), {}, {})

    assert s.shared_cells([file([5, 2, 9]), file([9, 5], seed=1, batch_seed=3)]).tolist() == [5, 9]
    for wrong in ({}, {"seed": 1, "images": 8}):
        with pytest.raises(DataError, match="one protocol"):
            s.shared_cells([file([1]), file([1], **wrong)])
