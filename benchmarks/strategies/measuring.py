"""One run of a strategy, and what its candidates are worth."""

import time
from dataclasses import dataclass

import numpy as np

from benchmarks.stored import fitted
from benchmarks.strategies.cases import CASES, CLASSES, TUNED, Case, Work
from zeroshot.accuracy.features import features
from zeroshot.accuracy.model import FARTHEST, STATIC
from zeroshot.cascade.rank_pairs import Pairs, Ranking, rank_pairs
from zeroshot.net import layer_table, spec_of
from zeroshot.runs.tables import Table
from zeroshot.searching.candidates import Candidates
from zeroshot.searching.population import single_fits
from zeroshot.searching.strategies import STRATEGIES
from zeroshot.searching.strategies.archive import Archive
from zeroshot.types import FloatArray, Int32Array


@dataclass(frozen=True)
class Measured:
    """A run and its outcome; accuracies are expected by layers, from each net's own features, in percent.

    Attributes:
        case: Name of the case.
        strategy: Name of the strategy.
        nets: Candidates of each role.
        asked: Nets that it may score; 0 for `random`.
        seed: The one seed.
        scored: Nets that it scored, or drew and costed.
        seconds: Of one core.
        pair: Accuracy of the best pair.
        single: Of the best single net.
        volume: Mean, over budgets of latency from 0 to the case's, of the best pair's accuracy; 0 where none fits.
        unlike: Share of nets in the ten best pairs with a feature outside the range of the fit.
        farthest: Median, over these nets, of the farthest feature's distance from its centre, scales.
        little: Of the best pair; empty where none is listed, `pair` is then the best net.
        big: Of the best pair.
        alone: The best single net.
        constants: Date of the constants that expected it.
        truth: Accuracy of the best pair that there is, where all are known.
    """

    case: str
    strategy: str
    nets: int
    asked: int
    seed: int
    scored: int
    seconds: float
    pair: float
    single: float
    volume: float
    unlike: float
    farthest: float
    little: str
    big: str
    alone: str
    constants: str
    truth: float | None = None


RUNS = Table(Measured)


def measure(work: Work) -> Measured:
    """Run a strategy."""
    case = next(each for each in (*CASES, *TUNED) if each.name == work.case)
    goal = case.goal(work.nets, work.scored)
    started = time.process_time()
    found = STRATEGIES[work.strategy](goal, np.random.default_rng(work.seed))
    seconds = time.process_time() - started
    accuracy = 100 * goal.accuracy(goal.judge(found.values).mu)
    ranking = ranked(case, found, accuracy)
    picks = np.unique(np.concatenate([found.littles[ranking.top.little], found.bigs[ranking.top.big]]))
    far = distances(case, found.values[picks])
    fitting = np.flatnonzero(single_fits(found.costs, case.platform, case.budgets))
    best = int(fitting[np.argmax(accuracy[fitting])])
    pair, little, big = float(accuracy[best]), "", ""
    if len(ranking.top):  # on an easy task no big net may be expected to be better than a little one
        pair = float(100 * ranking.top.accuracy[0])
        rows = found.littles[ranking.top.little[0]], found.bigs[ranking.top.big[0]]
        little, big = (str(spec_of(found.values[row])) for row in rows)
    return Measured(
        case=work.case,
        strategy=work.strategy,
        nets=work.nets,
        asked=work.scored,
        seed=work.seed,
        scored=found.drawn,
        seconds=round(seconds, 3),
        pair=pair,
        single=float(accuracy[best]),
        volume=volume(ranking.front, case.budgets.latency),
        unlike=float((far > FARTHEST).mean()) if len(far) else 0.0,
        farthest=float(np.median(far)) if len(far) else 0.0,
        little=little,
        big=big,
        alone=str(spec_of(found.values[best])),
        constants=fitted(),
    )


def ranked(case: Case, found: Candidates, percent: FloatArray) -> Ranking:
    """The ten best pairs of the candidates and their front."""
    littles, bigs = found.littles, found.bigs
    return rank_pairs(
        found.costs.take(littles), percent[littles] / 100, found.costs.take(bigs), percent[bigs] / 100, case.platform,
        case.budgets, threads=1,
    )  # fmt: skip


def volume(front: Pairs, latency: float) -> float:
    """Area under the front of pairs over latency, percent; the hypervolume with 0 % at the budget as its reference."""
    ends = np.append(front.latency[1:], latency)
    return float(100 * (np.maximum.accumulate(front.accuracy) * (ends - front.latency)).sum() / latency)


def distances(case: Case, values: Int32Array) -> FloatArray:
    """How far each net's farthest feature lies from the centre of the fit, scales."""
    known = features(layer_table(values, case.channels, CLASSES))
    far = [np.abs(known[term.feature] - term.centre) / term.scale for term in STATIC.terms]
    return np.asarray(np.max(far, axis=0), np.float64)


def truth(case: Case) -> float:
    """Accuracy of the best pair of a space that can be listed, percent: all nets, all pairs."""
    goal = case.goal(1, case.space.count())
    archive = Archive(goal)
    archive.add(case.space.decode(np.arange(case.space.count())))
    ranking = archive.rank(np.flatnonzero(archive.little), np.flatnonzero(archive.big), 1)
    if ranking is None:
        raise LookupError(f"No pair of {case.name} fits.")
    return float(100 * ranking.top.accuracy[0])
