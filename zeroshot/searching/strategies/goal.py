"""What a strategy is told: where to look, what a net is worth, and how many it may look at."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import numpy as np
from scipy.special import ndtr

from zeroshot.accuracy.model import CERTAIN
from zeroshot.cascade.rank_pairs import Budgets
from zeroshot.cost.nets import NetCosts, Platform
from zeroshot.searching.candidates import Candidates, CostOf
from zeroshot.spaces import McuSpace
from zeroshot.types import FloatArray, Int32Array


@dataclass(frozen=True, eq=False)
class Judged:
    """What the layers of n nets say.

    Attributes:
        costs: Of length n.
        mu: (n,) float64, probit of the expected accuracy, from a net's own features alone: it does not depend on
            which other nets there are, as the ranks do that the search mixes in.
        sd: (n,) float64, standard deviation of mu, what all nets share left out.
    """

    costs: NetCosts
    mu: FloatArray
    sd: FloatArray


@dataclass(frozen=True, eq=False)
class Goal:
    """What to look for.

    Attributes:
        space: Where.
        judge: Spec array -> what its layers say.
        cost_of: Spec array -> its costs alone.
        platform: What is paid once on the board.
        budgets: Limits of every pair.
        nets: Little candidates wanted, and big ones as many.
        scored: Nets that may be judged, besides seeds and the smallest nets of the space.
        seeds: (n_seeds, columns) int32, nets to start from.
        least_sd: Standard deviation of mu of a net inside the range of the accuracy model's fit.
        floor: Accuracy of guessing.
        seconds: After which no further nets are judged; a limit makes results depend on the machine.
        threads: For ranking pairs.
    """

    space: McuSpace
    judge: Callable[[Int32Array], Judged]
    cost_of: CostOf
    platform: Platform
    budgets: Budgets
    nets: int
    scored: int
    seeds: Int32Array
    least_sd: float
    floor: float
    seconds: float = inf
    threads: int = 1

    def cautious(self, judged: Judged) -> FloatArray:
        """Mu without what a net gains beyond the range of the fit, (n,) float64.

        A search for the largest mu finds the nets that are overrated most, and those are where features have left
        the range of the fit: there the model's `net_sd` grows by just what the line gains from its edge on.
        """
        return judged.mu - np.sqrt(np.maximum(judged.sd**2 - self.least_sd**2, 0.0))

    def accuracy(self, mu: FloatArray) -> FloatArray:
        """Expected accuracies, as the search clips them."""
        return np.asarray(np.clip(ndtr(mu), self.floor, CERTAIN))


# A strategy must return the same for the same goal and seed, and stop where it finds nothing new.
Strategy = Callable[[Goal, np.random.Generator], Candidates]
