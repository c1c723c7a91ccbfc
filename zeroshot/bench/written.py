"""Verdicts as files for others: every figure as CSV, the main ones as LaTeX."""

from collections.abc import Sequence

from zeroshot.bench.judge import CONTROLS, Verdict
from zeroshot.bench.statistics import Estimate
from zeroshot.bench.study import Study
from zeroshot.runs.folder import to_csv

_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_SPECIAL |= {character: f"\\{character}" for character in "&%$#_{}"}


def csv_text(study: Study) -> str:
    """One row a set of nets, task and proxy: every statistic, its points lost under limits, the ceilings."""
    rows = []
    for verdict in study.verdicts:
        along = [each for each in study.along(verdict.nets, verdict.task) if each.proxy == verdict.proxy]
        rows.append(
            verdict.row()
            | {f"points lost, {each.cost}": each.points for each in along}
            | {f"ceiling, {share}": value for share, value in study.ceiling(verdict.nets, verdict.task).items()}
        )
    names = list(dict.fromkeys(name for row in rows for name in row))
    return to_csv([{name: row.get(name, "") for name in names} for row in rows])


def latex_text(study: Study) -> str:
    """A `tabular` a set of nets and task, for the package booktabs, from best to worst."""
    lines = ["% needs \\usepackage{booktabs}"]
    for nets in study.about:
        for task, verdicts in study.of(nets).items():
            lines += ["", f"% {nets}, {task}: {verdicts[0].n} nets", *_tabular(verdicts, study, nets, task)]
    return "\n".join(lines) + "\n"


def _tabular(verdicts: Sequence[Verdict], study: Study, nets: str, task: str) -> list[str]:
    against = [name for name in CONTROLS if any(name in v.ahead for v in verdicts)]
    heads = ["proxy", "Spearman", r"$\tau_b$", r"top 5\,\%", *(f"less {escaped(name)}" for name in against)]
    order = sorted(verdicts, key=lambda v: -v.spearman["all"].value if not v.spearman["all"].note else 2.0)
    top = study.ceiling(nets, task)
    rows = [
        [
            escaped(v.proxy), _cell(v.spearman["all"]), _cell(v.kendall["all"]), _cell(v.spearman["top 5 %"]),
            *(_cell(v.ahead[name]) if name in v.ahead else "" for name in against),
        ]
        for v in order
    ]  # fmt: skip
    if top:
        shares = (f"${top[share]:.3f}$" if share in top else "" for share in ("all", "top 5 %"))
        whole, best = shares
        rows.append(["ceiling", whole, "", best, *("" for _ in against)])
    return [
        r"\begin{tabular}{l" + "l" * (len(heads) - 1) + "}", r"\toprule", " & ".join(heads) + r" \\", r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows), r"\bottomrule", r"\end{tabular}",
    ]  # fmt: skip


def _cell(found: Estimate) -> str:
    if found.note:
        return "--"
    if found.low != found.low:
        return f"${found.value:.3f}$"
    return f"${found.value:.3f}$ $[{found.low:.3f}, {found.high:.3f}]$"


def escaped(text: str) -> str:
    r"""Plain text as LaTeX.

    >>> escaped("az_nas 5 %")
    'az\\_nas 5 \\%'
    """
    return "".join(_SPECIAL.get(character, character) for character in text)
