"""The tables of the report as Markdown; a table that would stand on too few nets says so."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from benchmarks.pair_truth.contest import Contest, Regret
from benchmarks.pair_truth.couplings import FamilyTest, Fit
from benchmarks.pair_truth.evaluation import Anchored, ProxyTest, Transfer
from benchmarks.pair_truth.fitting import Constants
from benchmarks.pair_truth.market import Terms
from benchmarks.pair_truth.predictors import CHOSEN, Judged
from benchmarks.pair_truth.study import FEW

Lines = list[str]
DASH = "–"
WORTH_A_TERM = 0.1


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Lines:
    """A Markdown table; all columns but the first to the right."""
    found = [list(row) for row in rows]
    return ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1),
            *("| " + " | ".join(row) + " |" for row in found), ""]  # fmt: skip


def points(x: float, sign: bool = False) -> str:
    """A fraction as percentage points."""
    return DASH if not np.isfinite(x) else f"{100 * x:+.2f}" if sign else f"{100 * x:.2f}"


def number(x: float) -> str:
    """A correlation or a spread."""
    return f"{x:.3f}" if np.isfinite(x) else DASH


def share(x: float) -> str:
    """A fraction as whole percent."""
    return f"{100 * x:.0f} %" if np.isfinite(x) else DASH


def too_few(nets: int, what: str) -> Lines:
    """In place of a table."""
    return [f"Too few nets for {what}: {nets} of at least {FEW} are trained.", ""]


def single_table(judged: Mapping[str, Judged], held: Mapping[str, Judged]) -> Lines:
    """Ways to predict single nets: cross-validated on the calibration nets, and on the held-out ones."""
    rows = []
    for name, out in held.items():
        own = judged.get(name)
        left = (points(own.mae), number(own.rmse), number(own.spearman)) if own else (DASH,) * 3
        rows.append([name, *left, points(out.mae), number(out.rmse), number(out.spearman), number(out.kendall)])
    head = ["way", "MAE, points", "RMSE, mu", "Spearman", "held-out MAE", "RMSE, mu", "Spearman", "Kendall"]
    return table(head, rows)


def constants_lines(found: Constants) -> Lines:
    """What was fitted, in words."""
    model, coupling = found.model, found.coupling
    weights = ", ".join(f"{term.feature} {term.weight:+.3f}" for term in model.terms)
    weights += "".join(f", {each.proxy} beyond size {each.weight:+.3f}" for each in model.evidence)
    return [
        f"Shipped: **{CHOSEN}**, fitted to other nets too; how the columns were chosen is told in tasks.md.",
        f"mu at the centre {model.intercept:.3f}; weights a standard deviation: {weights}. Trust in fused ranks: "
        f"{model.trust:.2f} of a net's place.",
        f"sd of a net {model.sd_net:.3f}, of a task {model.sd_task:.3f}, of a task's factor on sizes "
        f"{model.sd_slope:.3f} (a share).",
        f"gamma = tanh({coupling.gamma[0]:.3f} {coupling.gamma[1]:+.3f} mu_L), kappa = tanh({coupling.kappa[0]:.3f} "
        f"{coupling.kappa[1]:+.3f} mu_L {coupling.kappa[2]:+.3f} (mu_B - mu_L)).", "",
    ]  # fmt: skip


def anchored_table(found: Sequence[Anchored]) -> Lines:
    """Single nets after so many trainings."""
    head = ["trained", "judged on", "MAE, points", "bias", "Spearman", "in 80 % bars", "net's part alone", "sd net",
            "sd task"]  # fmt: skip
    return table(head, [
        [str(each.n), str(each.judged.n), points(each.judged.mae), points(each.bias, sign=True),
         number(each.judged.spearman), share(each.covered), share(each.covered_net), number(each.model.sd_net),
         number(each.model.sd_task)]
        for each in found
    ])  # fmt: skip


def fit_table(found: Mapping[str, Fit], first: str, covered: Mapping[str, tuple[float, float]] | None = None) -> Lines:
    """Errors of predicted pairs."""
    head = [first, "pairs", "MAE, points", "bias", "Kendall, equal p", "Kendall, equal cost"]
    rows = [
        [name, f"{fit.pairs:,}", points(fit.mae), points(fit.bias, sign=True), number(fit.kendall),
         number(fit.kendall_cost)]
        for name, fit in found.items()
    ]  # fmt: skip
    if covered is not None:
        head += ["in 80 % bars", "nets' part alone"]
        rows = [[*row, *map(share, covered.get(row[0], (float("nan"),) * 2))] for row in rows]
    return table(head, rows)


def family_table(found: Sequence[FamilyTest]) -> Lines:
    """Whether likeness of two nets says more about kappa."""
    return table(["kappa a function", "pairs", "MAE, points", "weight"], [
        [test.term if i == 0 else f"and {test.term}", f"{test.pairs:,}", f"{100 * test.mae:.3f}", number(test.weight)]
        for i, test in enumerate(found)
    ])  # fmt: skip


def family_verdict(found: Sequence[FamilyTest]) -> Lines:
    """What follows for the form of kappa."""
    plain, best = found[0].mae, min(found[1:], key=lambda test: test.mae)
    gain = 1 - best.mae / plain
    if gain < WORTH_A_TERM:
        return [f"No likeness lowers the error by {share(WORTH_A_TERM)}: kappa stays a function of the accuracies.", ""]
    return [
        f"Likeness ({best.term}) lowers the error by {share(gain)}: worth a term, which the search lacks so far.",
        "",
    ]


def proxy_table(found: Sequence[ProxyTest]) -> Lines:
    """Each proxy alone, and what it adds to the features."""
    head = ["proxy", "undefined", "Spearman, calibration", "Spearman, held-out", "beats MACs, params, depth",
            "added to features: RMSE, mu"]  # fmt: skip
    return table(head, [
        [test.name, str(test.undefined), number(test.calibration), number(test.held),
         "both halves" if test.beats == 2 else "one half" if test.beats else "no", number(test.added)]
        for test in found
    ])  # fmt: skip


def regret_table(terms: Terms, budgets: Sequence[float], found: Sequence[Regret]) -> Lines:
    """Regret at every budget."""
    shown = [f"{b / (1 if terms.latency else 1e6):.3g}" for b in budgets]
    return table([f"budget, {terms.unit}", *shown, "mean", "worst"], [
        [each.way, *(points(x) for x in each.loss), points(each.mean), points(each.worst)] for each in found
    ])  # fmt: skip


def size_table(rows: Sequence[tuple[int, Constants, Judged, Fit, Sequence[Regret]]]) -> Lines:
    """Errors and regret by the number of calibration nets."""
    head = ["calibration nets", "trust", "MAE, points", "Spearman", "pairs: MAE", "Kendall, equal p",
            "Kendall, equal cost", "regret, MACs: mean (worst)", "regret, latency: mean (worst)"]  # fmt: skip
    return table(head, [
        [str(n), f"{its.model.trust:.2f}", points(single.mae), number(single.spearman), points(pairs.mae),
         number(pairs.kendall), number(pairs.kendall_cost),
         *(f"{points(each.mean)} ({points(each.worst)})" for each in losses)]
        for n, its, single, pairs, losses in rows
    ])  # fmt: skip


def contest_table(terms: Terms, known: Contest, predicted: Contest) -> Lines:
    """Joint against separate against single."""
    budgets = [f"{b / (1 if terms.latency else 1e6):.3g}" for b in known.budgets]
    rows = [
        [f"{way}, chosen by the {guide}", *(f"{100 * x:.1f}" if np.isfinite(x) else DASH for x in each.accuracy[way]),
         f"{100 * each.area(way):.2f}"]
        for guide, each in (("truth", known), ("prediction", predicted)) for way in each.accuracy
    ]  # fmt: skip
    lines = table([f"budget, {terms.unit}", *budgets, "mean"], rows)
    for guide, each in (("truth", known), ("prediction", predicted)):
        for other in ("separate", "single"):
            gain, low, high = each.gain("joint", other)
            words = "joint wins" if low > 0 else f"{other} wins" if high < 0 else "no clear winner"
            lines.append(
                f"- chosen by the {guide}: joint minus {other} {points(gain, sign=True)} points "
                f"(80 %: {points(low, sign=True)} to {points(high, sign=True)}): {words}"
            )
    return [*lines, ""]


def transfer_lines(found: Transfer) -> Lines:
    """Another task."""
    return [f"### {found.task}", "", *anchored_table(found.anchored),
            *fit_table(found.pairs, "coupling, true single accuracies")]  # fmt: skip
