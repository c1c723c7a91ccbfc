"""The shortlisted nets, with everything that is known of them before any is trained."""

from contextlib import closing
from dataclasses import dataclass

import numpy as np

from zeroshot.accuracy.model import AccuracyModel, expected_accuracy
from zeroshot.cost.nets import NetCosts
from zeroshot.probing.probe import Score
from zeroshot.runs.folder import RunFolder
from zeroshot.scoring.population import score_aggregate, score_probed
from zeroshot.scoring.ranking import fuse_ranks
from zeroshot.searching.layers import LayerScores
from zeroshot.searching.population import Contenders, Population
from zeroshot.searching.problem import SearchProblem
from zeroshot.searching.shortlist import Shortlist
from zeroshot.searching.task import TaskSample
from zeroshot.types import FloatArray, Int64Array, Progress


@dataclass(frozen=True, eq=False)
class ProbedNets:
    """The nets that the final ranking is about.

    Attributes:
        names: Short specs.
        costs: Of the same length.
        littles: Rows of those that may be little.
        bigs: Rows of those that may be big.
        known: Feature or probed proxy -> (n_nets,) float64: what an accuracy model reads.
        probed: Names of the probed proxies.
        fused: (n_nets,) float64, fused ranks of the proxies asked for.
        undefined: Probed proxy -> nets on which it has no meaning.
    """

    names: list[str]
    costs: NetCosts
    littles: Int64Array
    bigs: Int64Array
    known: dict[str, FloatArray]
    probed: tuple[str, ...]
    fused: FloatArray
    undefined: dict[str, int]

    def expected(self, classes: int, model: AccuracyModel) -> FloatArray:
        """(n_nets,) float64, expected accuracies."""
        return expected_accuracy(self.fused, self.known, classes, model)

    def contenders(self, accuracy: FloatArray, sd: FloatArray) -> Contenders:
        """The nets with accuracies, and with standard deviations of their probits, what all nets share left out."""
        return Contenders(Population(self.names, self.costs, accuracy, sd), self.littles, self.bigs)


def probe(
    problem: SearchProblem, task: TaskSample, layers: LayerScores, shortlist: Shortlist, folder: RunFolder | None,
    report: Progress,
) -> ProbedNets:  # fmt: skip
    """Probe the shortlisted nets, if any proxy asks for it, and fuse the ranks of all proxies.

    Args:
        problem: What the search is about.
        task: Has the images.
        layers: What is known of all candidates.
        shortlist: Which of them count.
        folder: Keeps the scores; those that it holds are not computed again.
        report: Progress in nets.
    """
    rows, proxies = shortlist.rows, problem.proxies
    nets = layers.contenders.nets.take(rows)
    probed = _probed_scores(problem, task, nets.names, folder, report) if proxies.probed else {}
    scores = {name: column[rows] for name, column in layers.scores.items()} | probed
    scores |= {p.name: score_aggregate(p, scores) for p in proxies.aggregates}
    # Where nothing is probed, the static ones among those asked for make the order.
    ranked = [scores[name] for name in proxies.names if name in scores]
    return ProbedNets(
        nets.names, nets.costs, np.searchsorted(rows, shortlist.littles), np.searchsorted(rows, shortlist.bigs),
        known={name: column[rows] for name, column in layers.features.items()} | probed,
        probed=tuple(probed),
        fused=fuse_ranks(np.column_stack(ranked)),
        undefined={name: int(np.isnan(column).sum()) for name, column in probed.items()},
    )  # fmt: skip


def _probed_scores(
    problem: SearchProblem, task: TaskSample, names: list[str], folder: RunFolder | None, report: Progress
) -> dict[str, FloatArray]:
    """Probed proxy -> (n_nets,) float64; what is already in the run folder is not computed again."""
    options, proxies = problem.options, problem.proxies.probed
    wanted = [p.name for p in proxies]
    done: dict[str, dict[str, Score]] = folder.scores() if folder is not None else {}
    missing = [net for net in names if any(name not in done.get(net, {}) for name in wanted)]
    report("probing nets", len(names) - len(missing), len(names))
    # Closed by name: an interrupt must stop the workers now, not when the garbage is collected.
    results = score_probed(missing, problem.classes, task.images, proxies, options.seed, options.jobs)
    with closing(results):
        for i, result in enumerate(results, len(names) - len(missing) + 1):
            if folder is not None:
                folder.append_scores(result.net, result.scores)
            done[result.net] = dict(result.scores)
            report("probing nets", i, len(names))
    return {name: np.array([done[net][name].value for net in names]) for name in wanted}
