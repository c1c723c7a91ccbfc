"""What a user should know about a search, beside its figures."""

from collections.abc import Iterator
from math import isfinite

from zeroshot.runs.rows import ACCURACY
from zeroshot.searching.candidates import Candidates
from zeroshot.searching.expectation import Expectation
from zeroshot.searching.population import Contenders
from zeroshot.searching.problem import SearchProblem
from zeroshot.searching.results import SearchResult


def remarks_on(
    problem: SearchProblem, candidates: Candidates, result: SearchResult, expected: Expectation
) -> list[str]:
    """Remarks, in plain English.

    Args:
        problem: What the search was about.
        candidates: What was drawn.
        result: What it found.
        expected: Of its nets.
    """
    metric = problem.options.metric
    ranked = (
        "Pairs are ranked by accuracy: what can be expected of nets without training are accuracies. Training and "
        f"quantisation then choose and judge by the metric that was asked for, {metric}."
    )
    lost = "The accuracy model puts no trust in the ranks of these proxies: they do not count."
    return [
        *_on_candidates(problem, candidates),
        *([] if metric == ACCURACY else [ranked]),
        *([] if expected.model.trust else [lost]),
        *_on_pairs(result),
        *([] if problem.free or result.pairs else [_on_the_pair(expected.contenders)]),
        *(f"{name} is undefined on {n} probed nets; they rank last." for name, n in result.undefined.items()),
    ]


def _on_candidates(problem: SearchProblem, candidates: Candidates) -> Iterator[str]:
    roles, kinds = candidates.roles, (("little", candidates.littles), ("big", candidates.bigs))
    sought = {kind: len(rows) for kind, rows in kinds if getattr(roles, kind) is None}
    if min(sought.values(), default=problem.options.nets) < problem.options.nets:
        found = " and ".join(f"{n} {kind}" for kind, n in sought.items())
        yield f"Only {found} nets inside the budgets were found among {candidates.drawn:,} drawn."
    yield from candidates.remarks
    if not any(isfinite(getattr(problem.budgets, name)) for name in ("latency", "energy", "worst_latency")):
        yield "No `latency`, `energy` or `worst_latency` was given: the list favours large nets."


def _on_the_pair(contenders: Contenders) -> str:
    """What is expected of two fixed nets that make no pair."""
    little, big = (100 * contenders.nets.accuracy[rows[0]] for rows in (contenders.littles, contenders.bigs))
    return f"Of the pair that was given the little net is expected at {little:.1f} %, the big one at {big:.1f} %."


def _on_pairs(result: SearchResult) -> Iterator[str]:
    pairs, single = result.pairs, max(result.singles, key=lambda row: row.accuracy, default=None)
    alone = f": {single.net}, {100 * single.accuracy:.1f} % expected, {single.latency_ms:.3g} ms" if single else ""
    if pairs and single and single.accuracy > pairs[0].accuracy:
        yield f"One net does better inside the same budgets{alone}."
    if not pairs:
        yield f"In no pair is the big net expected to beat the little one by enough: use one net{alone}."
    elif not any(row.pays for row in pairs):
        yield "No listed pair is expected to beat the best single net at its cost: consider one net."
