"""`zeroshot report`."""

import json

from ..reporting.pages import searched


def test_a_page_is_written_and_opened(cli, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    run = searched(tmp_path / "a run")
    done = cli("report", run)
    assert done.exit_code == 0, done.stderr
    page = run / "report.html"
    assert f"{page} (" in done.stdout
    assert opened == []
    other = tmp_path / "other page.html"
    assert json.loads(cli("report", run, "--out", other, "--json").stdout) == {
        "report": str(other), "bytes": page.stat().st_size,
    }  # fmt: skip
    assert other.read_bytes() == page.read_bytes()
    assert cli("report", run, "--open", "--quiet").stdout == f"{page}\n"
    assert opened == [page.as_uri()]


def test_no_run_and_no_folder_are_told(check_failure, tmp_path):
    check_failure(("report", "nowhere"), 1, "is not the folder of a run")
    run = searched(tmp_path / "run")
    check_failure(("report", run, "--out", "none/page.html"), 1, "Cannot write")


def test_the_help_has_an_example(cli):
    assert "zeroshot report runs/digits --open" in cli("report", "--help").stdout
