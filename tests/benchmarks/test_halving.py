"""More nets for fewer epochs, on nets whose losses are made up."""

import numpy as np
import pytest
from scipy.special import ndtr

from benchmarks.tasks import halving
from benchmarks.tasks.calibrating import Game
from benchmarks.tasks.halving import Known, Spent

MU = np.array([0.1, 0.2, 0.9, 0.3, 0.8, 0.4])
EXPECTED = np.array([0.5, 0.6, 0.1, 0.4, 0.3, 0.2])


class Told(Known):
    """Losses tell the truth at the end, and nothing before."""

    def loss(self, share):
        return np.exp(-self.mu) if share == 1 else np.ones(len(self.mu))


class Alone(Game):
    """No pairs, so that the order of merit is that of the nets themselves."""

    def merit(self, mu, rival):
        return np.argsort(-mu).tolist()


@pytest.fixture
def told():
    nets = np.arange(len(MU))
    nothing = np.zeros(0, np.int64)
    alone = Alone(nothing, nothing, np.zeros(0), nets, ndtr(MU))
    return Told(None, EXPECTED, MU, (alone,))


def choice(told, way):
    by, finally_by = halving.weights([told], way.share), halving.weights([told], 1.0)
    return halving.chosen(told, told.games[0], way, by, finally_by)


def test_what_is_trained_to_the_end_is_known(told):
    assert halving.weights([told], 1.0) == pytest.approx([0, -1])  # sizes do not count beside the truth
    assert choice(told, Spent(6, 1.0)) == MU.argmax()


def test_nets_that_nobody_looked_at_are_not_chosen(told):
    assert choice(told, Spent(3, 1.0)) == 3  # of 1, 0 and 3, expected to be the best; 2, 4 and 5 are better


def test_finalists_are_judged_by_the_end(told):
    """Losses of the first half say nothing, and small nets are the better ones here: 2, 5 and 4, of which 2 wins."""
    assert choice(told, Spent(6, 0.5, 2)) == choice(told, Spent(6, 0.5, 3)) == 2


def test_trainings_are_counted_in_whole_ones():
    assert Spent(8, 1.0).trainings == 8
    assert Spent(15, 0.4, 3).trainings == pytest.approx(15 * 0.4 + 3 * 0.6)
