"""Figures in the README and in docs/ are those of benchmarks/results, and marks that cannot be filled are errors."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import prose, stored
from zeroshot.errors import DataError

ROOT = Path(__file__).parent.parent.parent
FIGURES, TABLES = {"a": lambda: "1.04"}, {"t": lambda: "| x |\n| --- |\n| 1 |"}


def filled(page):
    return prose.filled(page, FIGURES, TABLES)


def test_no_page_is_out_of_date():
    """By the command that people run; it names the pages and the remedy."""
    command = [sys.executable, "-m", "benchmarks.prose", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_no_figure_is_left_over():
    used = {name for page in prose.PAGES for name in prose.names(page.read_text(encoding="utf-8"))}
    assert used == {*prose.FIGURES, *prose.TABLES}
    assert len(used) > 100


def test_a_stale_figure_is_replaced_and_a_fresh_one_stays():
    page = "it errs by <!-- figure: a -->9.99<!-- /figure --> points"
    assert filled(page) == page.replace("9.99", "1.04")
    assert filled(filled(page)) == filled(page)


def test_a_table_is_filled_between_blank_lines():
    page = "before\n\n<!-- table: t -->\n<!-- /table -->\n\nafter\n"
    new = filled(page)
    assert new == "before\n\n<!-- table: t -->\n\n| x |\n| --- |\n| 1 |\n\n<!-- /table -->\n\nafter\n"
    assert filled(new) == new
    assert filled(new.replace("| 1 |", "| 2 |")) == new


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("by <!-- figure: b -->1<!-- /figure -->", "There is no 'b'"),
        ("by <!-- figure: a -->1", "not closed"),
        ("by 1<!-- /figure -->", "not closed"),
        ("by <!-- figure: a --><!-- figure: a -->1<!-- /figure -->", "not closed"),
        ("by <!-- table: t --> 1 <!-- /table -->", "not closed"),
        ("<!-- table: t -->\n", "not closed"),
        ("errs by\n<!-- figure: a -->1<!-- /figure --> points", "start of a line"),
        ("- <!-- figure: a -->1<!-- /figure --> points", "start of a line"),
    ],
)
def test_marks_that_cannot_be_filled_are_errors(page, reason):
    with pytest.raises(prose.ProseError, match=reason):
        filled(page)


def test_check_finds_a_changed_figure_and_names_the_page(tmp_path, monkeypatch, capsys):
    page = tmp_path / "page.md"
    page.write_text("by <!-- figure: regret.macs -->99<!-- /figure --> points\n")
    monkeypatch.setattr(prose, "ROOT", tmp_path)
    monkeypatch.setattr(prose, "PAGES", (page,))
    with pytest.raises(DataError, match="page.md"):
        prose.main(["--check"])
    assert "99" in page.read_text()
    prose.main([])
    assert "99" not in page.read_text()
    prose.main([])
    assert capsys.readouterr().out.endswith("1 pages, 0 changed.\n")


# ---- reading results/: what a table says is read off here by eye


def test_cells_are_found_by_heading_row_and_column():
    assert stored.cell("pair_truth.md", "Single nets", "MACs only", "Spearman") == "0.856"
    assert stored.cell("pair_truth.md", "Single nets", "line over log MACs", "Spearman (1)") == "0.893"
    assert stored.cell("pair_truth.md", "animals or vehicles", "fitted", "MAE, points", 1) == "1.13"
    assert stored.cell("pair_truth.md", "Budgets: expected latency", "random", "worst") == "11.39"
    assert stored.record("proxy_bench.csv", nets="all cells", task="cifar10", proxy="params")["n"] == "15625"


@pytest.mark.parametrize(
    "read",
    [
        lambda: stored.cell("pair_truth.md", "Budgets", "random", "mean"),  # two headings begin so
        lambda: stored.cell("pair_truth.md", "No such heading", "random", "mean"),
        lambda: stored.cell("pair_truth.md", "Single nets", "no such row", "Spearman"),
        lambda: stored.cell("pair_truth.md", "Single nets", "MACs only", "no such column"),
        lambda: stored.record("proxy_bench.csv", nets="all cells", proxy="params"),  # three tasks
        lambda: stored.found("pair_truth.md", r"\| random \| (\S+)"),  # two tables
    ],
)
def test_what_is_ambiguous_or_missing_is_an_error(read):
    with pytest.raises(LookupError):
        read()
