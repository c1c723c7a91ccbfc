"""Verdicts as files: nothing is lost in the CSV, the LaTeX is whole, the plot is drawn and repeats."""

import csv
import io
import re

import numpy as np
import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine

from zeroshot.bench.judge import Options
from zeroshot.bench.plot import plotted
from zeroshot.bench.study import of_table
from zeroshot.bench.table import Truth
from zeroshot.bench.written import csv_text, latex_text

N = 60


@pytest.fixture
def found():
    rng = np.random.default_rng(3)
    macs = rng.permutation(N) + 1.0
    accuracy = np.log(macs) + rng.normal(size=N) * 0.3
    scores = {"macs": macs, "a_b%": macs + rng.normal(size=N), "same": np.ones(N), "random": np.zeros(N)}
    costs = {"ms": 2 * macs, "mj": np.where(macs > 50, np.nan, macs)}
    nets = tuple(map(str, range(N)))
    truth = Truth("t_1", nets, {"a": accuracy + 50}, costs, scores, np.arange(N), {"a": np.full(N, 0.1)})
    return of_table(truth, Options(resamples=50))


def test_the_csv_has_every_figure(found):
    rows = {row["proxy"]: row for row in csv.DictReader(io.StringIO(csv_text(found)))}
    for verdict in found.verdicts:
        for name, value in verdict.row().items():
            got = rows[verdict.proxy][name]
            assert (
                got == value if isinstance(value, str) else float(got) == pytest.approx(value, rel=1e-15, nan_ok=True)
            )
    (lost,) = (each.points for each in found.sweeps if (each.proxy, each.cost) == ("macs", "ms"))
    assert float(rows["macs"]["points lost, ms"]) == lost
    assert float(rows["same"]["ceiling, all"]) == found.ceiling("t_1", "a")["all"] < 1


def test_the_latex_is_a_table_with_equal_rows(found):
    text = latex_text(found)
    assert text.count(r"\begin{tabular}{lllll}") == text.count(r"\end{tabular}") == 1
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {line.count(" & ") for line in body} == {4}
    assert r"a\_b\%" in text
    plain = "\n".join(line for line in text.replace(r"$\tau_b$", "").splitlines() if not line.startswith("%"))
    assert not re.search(r"(?<!\\)[_%#]", plain)
    assert body[-1].startswith("ceiling & $0.9")


@pytest.fixture(scope="module")
def drawn():
    """A function: the plot of a verdict, drawn once."""
    known = {}

    def get(found, kind):
        if kind not in known:
            known[kind] = plotted(found, kind)
        return known[kind]

    return get


@pytest.mark.parametrize("kind", [".png", ".pdf", ".svg"])
def test_a_plot_repeats(found, drawn, kind):
    one, other = drawn(found, kind), plotted(found, kind)
    assert one == other
    assert {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}[kind] == one[: 5 if kind == ".svg" else 4]


@pytest.mark.parametrize("kind", [".svg", *(pytest.param(kind, marks=pytest.mark.slow) for kind in (".png", ".pdf"))])
def test_a_plot_repeats_where_the_layout_differs_in_its_last_bits(found, kind, monkeypatch):
    solve = ConstrainedLayoutEngine.execute
    nudge = iter((1 + 1e-13, 1 - 1e-13))

    def execute(engine, figure):
        solve(engine, figure)
        by = next(nudge)
        for axes in figure.axes:
            axes._set_position([edge * by for edge in axes.get_position().bounds])

    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", execute)
    assert plotted(found, kind) == plotted(found, kind)


def test_a_plot_without_costs_or_intervals(found):
    truth = Truth("t", ("a",) * 9, {"a": np.arange(9.0)}, {}, {"p": np.arange(9.0)}, np.arange(9))
    assert plotted(of_table(truth, Options(resamples=0))).startswith(b"\x89PNG")
