"""What the layers of the candidates say: static scores, features, and the accuracies expected from these alone."""

from dataclasses import dataclass, replace

import numpy as np

from zeroshot.accuracy.features import features
from zeroshot.accuracy.model import STATIC, AccuracyModel, expected_accuracy, net_sd
from zeroshot.net import layer_table, spec_of
from zeroshot.runs import layout
from zeroshot.runs.folder import RunFolder
from zeroshot.runs.rows import CANDIDATES, Candidate
from zeroshot.runs.tables import Rows
from zeroshot.scoring.population import score_static
from zeroshot.scoring.ranking import fuse_ranks
from zeroshot.searching.candidates import Candidates
from zeroshot.searching.population import Contenders, Population
from zeroshot.searching.problem import SearchProblem
from zeroshot.searching.task import TaskSample
from zeroshot.types import FloatArray

MIDDLING = 1.0  # mu of a net of size 0 on such a task: above guessing among two classes, far from certain


@dataclass(frozen=True, eq=False)
class LayerScores:
    """The candidates before any net is built.

    Attributes:
        candidates: What was drawn.
        contenders: The same with the accuracies that they are ranked by.
        expected: (n_nets,) float64, accuracies; others than those only `on_a_middling_task`.
        features: Feature -> (n_nets,) float64.
        scores: Static proxy -> (n_nets,) float64.
    """

    candidates: Candidates
    contenders: Contenders
    expected: FloatArray
    features: dict[str, FloatArray]
    scores: dict[str, FloatArray]

    def rows(self) -> Rows[Candidate]:
        """The candidates as rows of their table."""
        nets = self.contenders.nets
        costs = nets.costs
        return Rows(CANDIDATES, [
            Candidate(
                net=name, latency_ms=float(costs.latency[i]), energy_mj=float(costs.energy[i]),
                macs=int(costs.macs[i]), model_flash_bytes=int(costs.flash[i]), arena_bytes=int(costs.arena[i]),
                persistent_bytes=int(costs.persistent[i]), input_bytes=int(costs.input[i]),
                holding_bytes=int(costs.holding[i]),
                scores={proxy: float(column[i]) for proxy, column in self.scores.items()},
                static_accuracy=float(self.expected[i]),
            )
            for i, name in enumerate(nets.names)
        ])  # fmt: skip


def score_layers(problem: SearchProblem, task: TaskSample, candidates: Candidates) -> LayerScores:
    """Score the layers of all candidates, and expect accuracies from that."""
    table = layer_table(candidates.values, problem.channels, problem.classes)
    proxies = problem.proxies.static
    static, known = score_static(table, proxies), features(table)
    scores = {p.name: static[:, i] for i, p in enumerate(proxies)}
    found = _contenders(problem, STATIC.on(task.traits), candidates, known, scores)
    return LayerScores(candidates, found, found.nets.accuracy, known, scores)


def on_a_middling_task(problem: SearchProblem, layers: LayerScores) -> LayerScores:
    """The same, ranked by what would be expected where accuracies are far from both ends of what there is.

    Where nets are all as good as can be, or all at chance, sizes still say which of them are worth a look.
    """
    found = _contenders(problem, replace(STATIC, intercept=MIDDLING), layers.candidates, layers.features, layers.scores)
    return replace(layers, contenders=found)


def _contenders(
    problem: SearchProblem, model: AccuracyModel, candidates: Candidates, known: dict[str, FloatArray],
    scores: dict[str, FloatArray],
) -> Contenders:  # fmt: skip
    fused = fuse_ranks(np.column_stack([column for name, column in scores.items() if name in problem.proxies.names]))
    accuracy = expected_accuracy(fused, known, problem.classes, model)
    names = [str(spec_of(row)) for row in candidates.values]
    nets = Population(names, candidates.costs, accuracy, net_sd(known, model))
    return Contenders(nets, candidates.littles, candidates.bigs)


def write_candidates(layers: LayerScores, rows: Rows[Candidate], folder: RunFolder) -> None:
    """Write all candidates, as a table and as arrays."""
    folder.write(layout.CANDIDATES, rows.to_csv())
    drawn = layers.candidates
    folder.write_arrays(layout.CANDIDATE_ARRAYS, {
        **vars(drawn.costs), **{f"score_{name}": column for name, column in layers.scores.items()},
        "static_accuracy": layers.expected,
        "littles": drawn.littles, "bigs": drawn.bigs, "specs": drawn.values,
    })  # fmt: skip
