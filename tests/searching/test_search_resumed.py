"""Searches that are interrupted, resumed, started again: the same bytes, and nothing lost on the way."""

import shutil
import tomllib

import pytest

from zeroshot.errors import RunError, ZeroshotError
from zeroshot.runs.folder import open_run
from zeroshot.scoring.population import score_probed
from zeroshot.searching import probes
from zeroshot.searching.search import search

# "depth" beside macs: two static columns; zico and naswot are probed.
OPTIONS = {
    "nets": 30, "scored": 200, "shortlist": 2, "latency": "15ms", "batch": 8, "engine": "tflm-cmsis-nn",
    "escalation": 1.0, "proxies": ["macs", "depth", "zico", "naswot"],
}  # fmt: skip
TABLES = ("pairs.csv", "front.csv", "singles.csv", "candidates.csv")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A search that nobody interrupted."""
    return search("digits", jobs=1, run=tmp_path_factory.mktemp("whole") / "run", **OPTIONS)


def interrupt_after(count):
    def progress(what, done, _):
        if what == "probing nets" and done == count:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize(
    ("jobs", "count", "cut"), [(1, 1, 0), (1, 2, 7), pytest.param(2, 2, 0, marks=pytest.mark.slow)]
)
def test_an_interrupted_search_continues_to_the_same_bytes(tmp_path, whole, monkeypatch, jobs, count, cut):
    """The uninterrupted run is the oracle; only the missing nets are probed, whatever the number of jobs."""
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        search("digits", jobs=jobs, run=path, progress=interrupt_after(count), **OPTIONS)
    everything = (whole.run / "scores.csv").read_text()
    so_far = (path / "scores.csv").read_text()
    assert so_far.count("\n") == 2 * count
    assert everything.startswith(so_far)
    assert not (path / "pairs.csv").exists()
    if cut:
        (path / "scores.csv").write_text(so_far[:-cut])

    probed = []

    def counting(nets, *args):
        probed.extend(nets)
        return score_probed(nets, *args)

    monkeypatch.setattr(probes, "score_probed", counting)
    found = search("digits", jobs=1, run=path, resume=True, **OPTIONS)
    assert len(probed) == found.n_probed - count + bool(cut)
    for name in TABLES:
        assert (path / name).read_bytes() == (whole.run / name).read_bytes()
    if not cut:  # a net whose line was cut is scored again: its other line is there twice
        assert (path / "scores.csv").read_bytes() == (whole.run / "scores.csv").read_bytes()


def test_resuming_a_finished_search_probes_nothing_and_changes_nothing(tmp_path, whole, monkeypatch):
    path = shutil.copytree(whole.run, tmp_path / "run")
    before = {name: (path / name).read_bytes() for name in (*TABLES, "scores.csv", "config.toml", "pareto.png")}

    def nothing(nets, *_):
        assert list(nets) == []
        return (net for net in ())

    monkeypatch.setattr(probes, "score_probed", nothing)
    again = search("digits", jobs=1, run=path, resume=True, **OPTIONS)
    assert again.pairs == whole.pairs
    assert {name: (path / name).read_bytes() for name in before} == before


@pytest.mark.parametrize(
    ("name", "value", "words"), [("seed", 1, "seed: 0 then, 1 now"), ("batch", 16, "batch: 8 then, 16 now")]
)
def test_resuming_with_other_settings_is_refused_and_harmless(whole, name, value, words):
    before = {p.name: p.read_bytes() for p in whole.run.iterdir()}
    with pytest.raises(RunError) as caught:
        search("digits", jobs=1, run=whole.run, resume=True, **OPTIONS | {name: value})
    assert words in caught.value.message
    assert {p.name: p.read_bytes() for p in whole.run.iterdir()} == before


def test_force_starts_a_search_again(tmp_path):
    path = tmp_path / "run"
    static = OPTIONS | {"shortlist": 0, "jobs": 1}
    search("digits", run=path, **static)
    (path / "marker").write_text("")
    with pytest.raises(RunError, match="exists"):
        search("digits", run=path, **static | {"seed": 1})
    search("digits", run=path, force=True, **static | {"seed": 1})
    assert not (path / "marker").exists()
    assert tomllib.loads((path / "config.toml").read_text())["seed"] == 1


def test_a_failure_while_resuming_keeps_the_scores(tmp_path, monkeypatch):
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        search("digits", jobs=1, run=path, progress=interrupt_after(1), **OPTIONS)

    def fails(*_):
        raise MemoryError

    monkeypatch.setattr(probes, "score_probed", fails)
    with pytest.raises(MemoryError):
        search("digits", jobs=1, run=path, resume=True, **OPTIONS)
    assert (path / "scores.csv").read_text().count("\n") == 2


@pytest.mark.parametrize("impossible", [{"latency": 0.01}, {"batch": 5000}])
def test_force_keeps_the_old_run_when_the_new_search_cannot_start(tmp_path, impossible):
    """A typing error in a budget must not cost an earlier result."""
    path = tmp_path / "run"
    open_run(path, {"seed": 0}, force=False, resume=False).write("pairs.csv", "precious")
    with pytest.raises(ZeroshotError):
        search("digits", jobs=1, run=path, force=True, **OPTIONS | impossible)
    assert (path / "pairs.csv").read_text() == "precious"
