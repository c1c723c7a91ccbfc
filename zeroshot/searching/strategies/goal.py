"""What a strategy is told: where to look, what a net is worth, and how many it may look at."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from zeroshot.accuracy.model import CERTAIN
from zeroshot.cost.nets import NetCosts
from zeroshot.errors import UsageError
from zeroshot.searching.candidates import Candidates
from zeroshot.searching.roles import CostOf, Roles
from zeroshot.spaces import McuSpace
from zeroshot.spaces.space import Space
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
        roles: Who may be little and who big.
        nets: Candidates wanted for each role that is free.
        scored: Nets that may be judged, besides those that are given and the smallest nets of the space.
        seeds: (n_seeds, columns) int32, nets to start from, and to scale.
        start: (n_start, columns) int32, nets of an earlier run to start from.
        least_sd: Standard deviation of mu of a net inside the range of the accuracy model's fit.
        floor: Accuracy of guessing.
        threads: For ranking pairs.
        probe: Spec array -> (n,) float64, what one forward pass over a batch says of each net, the more the better, NaN
            where it says nothing; tens of milliseconds a net. None where the search probes nothing.
    """

    space: Space
    judge: Callable[[Int32Array], Judged]
    cost_of: CostOf
    roles: Roles
    nets: int
    scored: int
    seeds: Int32Array
    start: Int32Array
    least_sd: float
    floor: float
    threads: int = 1
    probe: Callable[[Int32Array], FloatArray] | None = None

    @property
    def mcu(self) -> McuSpace:
        """The space, for strategies that know what its nets are made of.

        Raises:
            UsageError: It is another one.
        """
        if not isinstance(self.space, McuSpace):
            raise UsageError(
                f"This strategy looks for nets in the `mcu` space only, not in {type(self.space).__name__}."
            )
        return self.space

    @property
    def named(self) -> Int32Array:
        """The nets that the user named, (n, columns) int32: the fixed ones first, then the seeds."""
        return np.concatenate([*(net.values for net in self.roles.fixed), self.seeds])

    @property
    def given(self) -> Int32Array:
        """What is judged beyond `scored`, (n, columns) int32: named nets, the start, the smallest of the space."""
        return np.concatenate([self.named, self.start, self.space.corner()])

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
