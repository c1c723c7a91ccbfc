"""FLASH: a line in log NN-Degree for accuracy, analytic costs, and a global optimiser that keeps limits of these.

The recipe of Li, Mandal, Ogras and Marculescu (ACM TECS 2021, arXiv 2108.00568), in a space of many structures. What
the line is fitted to are the expectations of a small sample, where they train; the input's side, which they keep, has a
weight of its own in it. A structure is all of a net but its numbers: side, stem, widths, and one depth for all stages;
structures come from mutants of the best nets so far. Between the choices of the space costs and accuracy are linear, on
the simplices of Kuhn's triangulation: a point of d numbers mixes d + 1 nets, and to round it is to look at these.
`scipy.optimize.shgo` (Endres, Sandrock and Focke, J. Glob. Optim. 72, 2018) looks for the best point of each structure
inside several shares of the budgets.
"""

from collections.abc import Callable
from functools import cache
from itertools import product
from math import prod

import numpy as np

from zeroshot.net import NET_FIELDS, STAGE_FIELDS, LayerTable, layer_table
from zeroshot.resolution import packed, shorter, unpacked
from zeroshot.scoring.plugins import load_proxies
from zeroshot.searching.candidates import Candidates
from zeroshot.searching.strategies.archive import Archive, needs_of
from zeroshot.searching.strategies.goal import Goal
from zeroshot.types import FloatArray, Int32Array

LABELS = 64  # nets that the line is fitted to
PARENTS = 16  # best nets so far, of whose mutants the structures are
POINTS = 24  # where the optimiser looks before it descends from the best of them
RUNS = 4  # of the optimiser for a structure, each with limits of its own
LEAST_FLASH = 0.5  # share of the range of log flash that a limit leaves


def flash(goal: Goal, rng: np.random.Generator) -> Candidates:
    """Optimise the numbers of one structure after the other; see the head of this page."""
    archive, space = Archive(goal), goal.mcu
    given, stages = len(archive.mu), range(space.min_stages, space.max_stages + 1)
    while archive.left and len(archive.mu) < given + LABELS:
        archive.add(np.concatenate([space.sample(LABELS // len(stages), rng, each) for each in stages]))
    if len(archive.mu) == given:
        return archive.worthiest()
    traits = np.column_stack([np.ones(len(archive.mu)), _traits(archive.values)])[given:]
    weights = np.asarray(np.linalg.lstsq(traits, archive.mu[given:], rcond=None)[0][1:], np.float64)
    while archive.left:
        best = archive.best(np.ones(len(archive.mu), np.bool_), PARENTS)
        net = space.mutate(archive.values[rng.choice(best, 1)], rng)[0]
        latency = (np.arange(RUNS) + rng.random(RUNS)) / RUNS
        archive.add(_seen(Numbers(goal, net, weights), archive.limits(latency, rng, LEAST_FLASH)))
    return archive.worthiest()


def _traits(values: Int32Array) -> FloatArray:
    """Log NN-Degree and log side of nets, (n, 2) float64; neither depends on the channels and classes of the data.

    Of a rectangle the side is the square root of its pixels.
    """
    side = np.sqrt(np.prod(unpacked(values[:, 0]), axis=0))
    return np.asarray(np.log(np.column_stack([_nn_degree()(layer_table(values, 1, 2)), side])), np.float64)


@cache  # looking for installed proxies takes 20 ms
def _nn_degree() -> Callable[[LayerTable], FloatArray]:
    found: Callable[[LayerTable], FloatArray] = load_proxies(["nn_degree"])[0].function
    return found


def _seen(numbers: "Numbers", limits: FloatArray) -> Int32Array:
    """All nets that the optimiser looks at, (n, columns) int32.

    Args:
        numbers: What varies.
        limits: (n, 3) float64 of ms, bytes of flash, bytes of RAM, each for a run.
    """
    if prod(numbers.sizes) <= POINTS:
        return numbers.nets(list(product(*map(range, numbers.sizes))))
    from scipy.optimize import shgo  # takes longer to load than other strategies to start

    for limit in np.log(limits):
        shgo(
            lambda x: numbers.at(x)[0][0],
            [(0, size - 1) for size in numbers.sizes],
            constraints={
                "type": "ineq",
                "fun": lambda x, limit=limit: limit - numbers.at(x)[0][1:],
                "jac": lambda x: -numbers.at(x)[1][1:],
            },
            n=POINTS,
            minimizer_kwargs={"method": "SLSQP", "jac": lambda x: numbers.at(x)[1][0]},
            options={"local_iter": 1},
        )
    return numbers.nets(list(numbers.known))


class Numbers:
    """The numbers of a structure as a point, in steps of the space's choices.

    Attributes:
        sizes: Choices of each number that has several.
        known: Point of whole steps -> (4,) float64 of minus the accuracy by the line, then the logs of what is short.
    """

    def __init__(self, goal: Goal, net: Int32Array, weights: FloatArray) -> None:
        space, self._goal, self._net, self._weights = goal.mcu, goal, net, weights
        starts = NET_FIELDS + STAGE_FIELDS * np.arange(net[3])
        stride = net[2] * net[starts + 5].prod()
        sides = [packed(each) for each in space.resolutions if -(-shorter(each) // stride) >= 2]
        columns = [np.array([0]), np.array([1]), *(starts[:, None] + 3), starts + 4]
        choices = [sides, space.stem_widths, *[space.widths] * len(starts), space.depths]
        self._of = [(column, np.sort(each)) for column, each in zip(columns, choices, strict=True) if len(each) > 1]
        self.sizes = [len(each) for _, each in self._of]
        self.known: dict[tuple[int, ...], FloatArray] = {}

    def nets(self, points: list[tuple[int, ...]]) -> Int32Array:
        """The nets at points of whole steps."""
        out = np.repeat(self._net[None], len(points), axis=0)
        for (columns, choices), steps in zip(self._of, zip(*points, strict=True), strict=True):
            out[:, columns] = choices[list(steps), None]
        return out

    def at(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Minus the accuracy and logs of needs at a point, (4,), and their gradients, (4, d)."""
        least = np.clip(np.floor(x), 0, np.array(self.sizes) - 2)
        part = np.clip(x - least, 0, 1)
        order = np.argsort(-part, kind="stable")
        steps = np.zeros((len(x) + 1, len(x)), np.int64)
        for k, number in enumerate(order, 1):
            steps[k:, number] = 1
        corners = list(map(tuple, (steps + least.astype(np.int64)).tolist()))
        new = [corner for corner in corners if corner not in self.known]
        if new:
            self.known |= zip(new, self._look(self.nets(new)), strict=True)
        values = np.array([self.known[corner] for corner in corners])
        gradient = np.empty((values.shape[1], len(x)))
        gradient[:, order] = np.diff(values, axis=0).T
        return values[0] + gradient @ part, gradient

    def _look(self, nets: Int32Array) -> FloatArray:
        needs = needs_of(self._goal.cost_of(nets), self._goal.roles.platform)
        return np.column_stack([-_traits(nets) @ self._weights, np.log(needs)])
