"""Tree-structured Parzen estimators by optuna (Bergstra et al., NeurIPS 2011): needs the extra `tpe`.

One study a share of the range of latency, so that there are little and big nets. A trial takes optuna 25 to 40 ms, in
which the layers of hundreds of nets are scored: each net that a study asks for is looked at together with mutants, and
the best of these is told as well. So 10,000 nets are some 300 trials, 20 s. A trial takes the longer the more there
were: where many more nets are asked for, mutants are more, not trials.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zeroshot._quiet import quiet
from zeroshot.errors import UsageError, pip_install
from zeroshot.net import BLOCKS, NET_FIELDS, STAGE_FIELDS, spec_of
from zeroshot.searching.candidates import Candidates
from zeroshot.searching.strategies.archive import NOWHERE, Archive, needs_of
from zeroshot.searching.strategies.goal import Goal
from zeroshot.spaces import McuSpace
from zeroshot.types import FloatArray, Int32Array, Int64Array

STUDIES = 8
START, TOLD = 0.1, 8  # share of `scored` that is drawn; how many of these each study is told
MUTANTS, TRIALS = 31, 1000  # of each net that is asked for, at least; trials at most, about
STAGES = 3  # column of a spec array
OUTSIDE = -10.0  # worth of a net just outside its limits; every mu is more


def tpe(goal: Goal, rng: np.random.Generator) -> Candidates:
    """Ask all studies for a net each, and again; see the head of this page.

    Raises:
        UsageError: optuna is not installed.
    """
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise UsageError("The strategy `tpe` needs optuna, which is not installed.", pip_install("tpe")) from None
    archive, space = Archive(goal), goal.mcu
    archive.add(space.sample(min(int(START * goal.scored) + 1, archive.left), rng))
    if not len(archive.mu):
        return archive.worthiest()
    limits = archive.limits(np.linspace(0, 1, STUDIES), rng)
    mutants = max(MUTANTS, archive.left // TRIALS)
    with quiet():  # a new study is announced, and the multivariate sampler called an experiment
        learners = [Learner(archive, each, rng) for each in limits]
        for learner in learners:
            learner.begin(rng.choice(len(archive.mu), min(TOLD, len(archive.mu)), replace=False))
        while archive.left:
            for learner in learners:
                learner.look(mutants)
    return archive.worthiest()


@dataclass(frozen=True, eq=False)
class Field:
    """One parameter of a study: an index into what a space offers.

    Attributes:
        stage: That it belongs to; -1 for the net.
        columns: Of a spec array, that it sets.
        choices: (n, len(columns)) int32.
        ordered: Whether the next choice is the next larger one.
    """

    stage: int
    columns: tuple[int, ...]
    choices: Int32Array
    ordered: bool = True


def fields_of(space: McuSpace) -> dict[str, Field]:
    """The parameters of a space's nets, by name."""
    stages = range(space.min_stages, space.max_stages + 1)
    of_net = (space.codes, space.stem_widths, space.stem_strides, stages, space.heads)
    found = {f"net {i}": Field(-1, (i,), _column(each)) for i, each in enumerate(of_net)}
    blocks = np.array([(BLOCKS.index(block), expansion) for block, expansion in space.blocks], np.int32)
    for stage in range(space.max_stages):
        at = NET_FIELDS + STAGE_FIELDS * stage
        found[f"block {stage}"] = Field(stage, (at, at + 2), blocks, ordered=False)
        for i, each in zip((1, 3, 4, 5), (space.kernels, space.widths, space.depths, space.strides), strict=True):
            found[f"stage {stage} {i}"] = Field(stage, (at + i,), _column(each))
    return found


def _column(choices: Sequence[int]) -> Int32Array:
    return np.array(sorted(choices), np.int32)[:, None]


class Learner:
    """A study that looks for the best net inside some limits; grows.

    Attributes:
        archive: Judges nets.
        limits: (3,) float64, ms, bytes of flash, bytes of RAM.
        rng: Of mutants, and of parameters of stages that a net does not have.
    """

    def __init__(self, archive: Archive, limits: FloatArray, rng: np.random.Generator) -> None:
        import optuna

        self.archive, self.limits, self.rng = archive, limits, rng
        sampler = optuna.samplers.TPESampler(seed=int(rng.integers(2**31)), multivariate=True, n_startup_trials=1)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._fields = fields_of(archive.goal.mcu)
        self._choices: dict[str, optuna.distributions.BaseDistribution] = {
            name: optuna.distributions.IntDistribution(0, len(field.choices) - 1) if field.ordered
            else optuna.distributions.CategoricalDistribution(range(len(field.choices)))
            for name, field in self._fields.items()
        }  # fmt: skip

    def look(self, mutants: int) -> None:
        """At the net that the study asks for, and at so many mutants, the best of which is told too if it is better."""
        space = self.archive.goal.mcu
        trial = self._study.ask(self._choices)
        net = net_of(trial.params, self._fields, self.archive.values.shape[1])
        if spec_of(net) not in space:  # its strides leave no pixels
            self._study.tell(trial, 2 * OUTSIDE)
            self.archive.add(net[None][:0])
            return
        nets = np.repeat(net[None], mutants + 1, axis=0)
        nets[1:] = space.mutate(nets[1:], self.rng)
        worth = self._worth(nets, self.archive.add(nets))
        self._study.tell(trial, worth[0])
        best = int(np.argmax(worth))
        if best:
            self._tell(nets[best], worth[best])

    def begin(self, rows: Int64Array) -> None:
        """Learn what some nets of the archive are worth."""
        nets = self.archive.values[rows]
        for net, worth in zip(nets, self._worth(nets, rows), strict=True):
            self._tell(net, worth)

    def _worth(self, nets: Int32Array, rows: Int64Array) -> FloatArray:
        """What the study maximises: cautious mu, or how far outside its limits a net is, (n,) float64."""
        goal, known = self.archive.goal, rows != NOWHERE
        needs = np.log(needs_of(goal.cost_of(nets), goal.roles.platform) / self.limits).max(axis=1)
        mu = np.full(len(nets), OUTSIDE)
        mu[known] = self.archive.mu[rows[known]]
        return np.asarray(np.where(needs > 0, OUTSIDE - needs, mu), np.float64)

    def _tell(self, net: Int32Array, worth: float) -> None:
        from optuna.trial import create_trial

        params = params_of(net, self._fields, self.rng)
        self._study.add_trial(create_trial(params=params, distributions=self._choices, value=float(worth)))


def net_of(params: Mapping[str, int], fields: Mapping[str, Field], columns: int) -> Int32Array:
    """The net with these parameters, (columns,) int32, whether or not its strides leave pixels."""
    net = np.zeros(columns, np.int32)
    for name, field in fields.items():
        if field.stage < max(net[STAGES], 0):
            net[list(field.columns)] = field.choices[params[name]]
    return net


def params_of(net: Int32Array, fields: Mapping[str, Field], rng: np.random.Generator) -> dict[str, int]:
    """The parameters of a net of the space; of stages that it does not have, any."""
    found = {}
    for name, field in fields.items():
        there = field.stage < net[STAGES]
        equal = (field.choices == net[list(field.columns)]).all(axis=1)
        found[name] = int(np.argmax(equal) if there else rng.integers(len(equal)))
    return found
