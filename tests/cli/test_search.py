"""`zeroshot search` and `zeroshot demo` in one process: what they print, write and refuse."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from zeroshot.cli._search_tables import FILES, print_result, three
from zeroshot.searching.plan import plan
from zeroshot.searching.search import search

FEW = ("--nets", 40, "--scored", 200)
STATIC = ("--latency", "5ms", *FEW, "--shortlist", 0)
PROBED = ("--latency", "5ms", *FEW, "--shortlist", 3, "--jobs", 1)


def test_json_is_the_library_call(cli):
    result = cli("search", *PROBED, "--proxies", "macs,naswot", "--run", "r", "--json")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    told = json.loads(result.stdout)
    options = {"latency": "5ms", "nets": 40, "scored": 200, "shortlist": 3, "jobs": 1, "proxies": ("macs", "naswot")}
    called = search("digits", **options).summary()
    for timed in ("seconds", "run"):
        assert told.pop(timed) != called.pop(timed)
    assert told == called
    assert told["n_probed"] > 0


def test_human_output(plots, cli):
    result = cli("search", *STATIC, "--run", "r")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    summary = json.loads(Path("r/summary.json").read_text())
    text = result.stdout
    assert "…" not in text
    assert "\x1b" not in text
    for row in summary["pairs"]:
        for role in ("little", "big", "single"):
            assert re.search(rf"^    {role} .*{re.escape(row[role])}(  the pair .*)?$", text, re.MULTILINE)
        assert f"{100 * row['accuracy']:.1f} ± " in text
        assert f"{100 * row['gain']:+.1f} ± {100 * row['gain_error']:.1f}" in text
    verdicts = re.findall(r"the pair (.*)$", text, re.MULTILINE)
    wanted = [
        "does not pay" if not row["pays"] else "pays" if row["gain"] > row["gain_error"] else "may pay"
        for row in summary["pairs"]
    ]
    assert [v for v in verdicts if "pay" in v] == wanted
    assert summary["accuracy_model"] in text
    assert "what is expected of 30 epochs of training, not measured: none of these nets was trained" in " ".join(
        text.split()
    )
    assert f"{summary['n_pairs']:,} pairs ranked" in text
    assert "Pareto front" in text
    assert "Run folder: r\n" in text
    # Only a line with a net's whole spec may be longer than the screen.
    assert all(len(line) <= 80 or "-s" in line for line in text.splitlines())
    assert all((Path("r") / name).is_file() for name in FILES.split(", "))


def test_strategy_and_seeds_go_to_the_engine_and_into_the_run(cli):
    net = "r8-s12-d3w16x2-d3w24x1/2"
    given = ("--strategy", "evolution", "--scored", 300, "--seeds", net)
    result = cli("search", *STATIC, *given, "--run", "r", "--json")
    assert result.exit_code == 0, result.stderr
    called = search("digits", latency="5ms", nets=40, shortlist=0, strategy="evolution", scored=300, seeds=net)
    assert json.loads(result.stdout)["pairs"] == called.pairs.plain()
    config = Path("r/config.toml").read_text()
    assert [line for line in ('strategy = "evolution"', "scored = 300", net) if line not in config] == []
    assert net in Path("r/candidates.csv").read_text()


def test_a_fixed_net_and_an_earlier_run_go_to_the_engine_and_into_the_run(cli):
    big, few = "r8-s32-d3w64x1-d3w128x1/2-h128", ("--strategy", "uniform", "--scored", 100)
    assert cli("search", *STATIC, *few, "--run", "first", "--quiet").exit_code == 0
    given = (*STATIC, *few, "--big", big)
    told = cli("search", *given, "--from", "first", "--run", "r", "--json")
    assert told.exit_code == 0, told.stderr
    options = {"latency": "5ms", "nets": 40, "shortlist": 0, "strategy": "uniform", "scored": 100, "big": big}
    called = search("digits", from_="first", **options)
    summary = json.loads(told.stdout)
    assert summary["pairs"] == called.pairs.plain()
    assert summary["n_scored"] == called.n_scored
    assert {pair["big"] for pair in summary["pairs"]} == {big}
    config = Path("r/config.toml").read_text()
    assert [line for line in ('from = "first"', f'big = "{big}"') if line not in config] == []
    Path("s.toml").write_text(f'from = "first"\nbig = "{big}"\n')
    plans = [
        cli("search", *STATIC, "--dry-run", "--config", "s.toml"),
        cli("search", *STATIC, "--dry-run", env={"ZEROSHOT_FROM": "first", "ZEROSHOT_BIG": big}),
        cli("search", *STATIC, "--dry-run", "--from", "first", "--big", big),
    ]
    for each in plans:
        assert f"big      {big}, in every pair" in each.stdout
        assert "from     the nets of first" in each.stdout
    again = cli("search", *given, "--from", "first", "--run", "r", "--resume", "--json")
    assert json.loads(again.stdout)["pairs"] == summary["pairs"]


def test_two_fixed_nets_are_one_pair(cli):
    little, big = "r8-s8/2-m3e2w24x1/2-b3w16x1", "r8-s32-d3w64x1-d3w128x1/2-h128"
    result = cli("search", *STATIC, "--scored", 64, "--little", little, "--big", big)
    assert result.exit_code == 0, result.stderr
    assert "The best pair for digits" in result.stdout
    assert "1 pair ranked (1 inside every budget)" in result.stdout


def test_seconds_say_how_many_nets_they_were(cli, monkeypatch):
    monkeypatch.setattr("zeroshot.searching.pace.affordable", lambda *_: 90)
    given = ("--nets", 40, "--shortlist", 0, "--strategy", "uniform", "--seconds", 20, "--run", "r")
    result = cli("search", "--latency", "5ms", *given)
    assert result.exit_code == 0, result.stderr
    text = " ".join(result.stdout.split())
    assert "note: The strategy scored 90 nets in about 20 s: --scored 90 gives the same again." in text
    config = Path("r/config.toml").read_text()
    assert [line for line in ("\nscored = 90\n", "\nseconds = 20.0\n") if line not in config] == []


def test_no_budget_is_remarked(cli):
    text = cli("search", *FEW, "--shortlist", 0, "--top", 1, "--objectives", "accuracy,energy,sram").stdout
    assert "The best pair for digits" in text
    assert "note: No --latency" in text
    header = text[text.index("Pareto front") :].splitlines()[1]
    assert header.split()[:3] == ["energy", "SRAM", "pair"]


def test_quiet_prints_the_run_folder(cli):
    result = cli("search", *STATIC, "--quiet")
    assert result.stderr == ""
    (line,) = result.stdout.splitlines()
    assert re.fullmatch(r"runs/\d{8}-\d{6}-digits", line)
    assert (Path(line) / "pairs.csv").is_file()


def test_all_proxies(cli):
    from zeroshot.scoring.plugins import load_proxies

    planned = json.loads(cli("search", "--proxies", "all", "--dry-run", "--json").stdout)
    assert planned["config"]["proxies"] == [f"{p.name}@{p.version}" for p in load_proxies()]


def test_dry_run_writes_nothing(cli):
    told = json.loads(cli("search", *STATIC, "--run", "r", "--dry-run", "--json").stdout)
    assert told == plan(latency="5ms", nets=40, scored=200, shortlist=0, run="r").summary()
    text = cli("search", *STATIC, "--run", "r", "--dry-run").stdout
    assert f"{told['pairs']:,}" in text
    assert f"{told['seconds_about']} s" in text
    assert "pairs.csv" in text
    assert not list(Path().iterdir())


def test_demo(cli):
    given = ("demo", "--nets", 40, "--shortlist", 2, "--jobs", 1, "--run", "d")
    result = cli(*given)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("Searching pairs")
    assert "Run folder: d\n" in result.stdout
    assert "Next: zeroshot search --data" in result.stdout
    again = cli(*given, "--resume", "--json")
    told = json.loads(again.stdout)
    called = search("digits", "nucleo-l4r5zi", latency="5ms", nets=40, shortlist=2, jobs=1)
    assert told["pairs"] == called.pairs.plain()


@pytest.fixture
def bad_data(tmp_path):
    x = np.zeros((40, 8, 8), np.uint8)
    one = dict.fromkeys(("y_train", "y_test"), np.zeros(40, np.int64)) | {"x_train": x, "x_test": x}
    np.savez(tmp_path / "one.npz", **one)
    (tmp_path / "corrupt.npz").write_bytes((tmp_path / "one.npz").read_bytes()[:300])
    (tmp_path / "a-file").write_text("")


@pytest.mark.usefixtures("bad_data")
@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--latency", "1us"], 3, ["--latency", "0.001 ms", "Raise --latency"]),
        (["--sram", "1B"], 3, ["--sram"]),
        (["--flash", "1KiB"], 3, ["--flash"]),
        (["--nets", "0"], 2, ["--nets", "at least 1"]),
        (["--batch", "0"], 2, ["--batch"]),
        (["--seed", "-1"], 2, ["--seed"]),
        (["--escalation", "30"], 2, ["--escalation", "0.3"]),
        (["--latency", "fast"], 2, ["--latency", "50ms"]),
        (["--board", "nucleo-f446"], 2, ["Did you mean nucleo-f446re?"]),
        (["--board", "none.toml"], 2, ["none.toml"]),
        (["--engine", "c98"], 2, ["Did you mean c99?"]),
        (["--space", "mcuu"], 2, ["Did you mean mcu?"]),
        (["--proxies", "macs,zicco"], 2, ["Did you mean zico?"]),
        (["--proxies", ""], 2, ["static proxy"]),
        (["--strategy", "evolve"], 2, ["Did you mean evolution?"]),
        (["--strategy", "random", "--scored", "100"], 2, ["--scored 100", "--strategy"]),
        (["--seconds", "2", "--scored", "100"], 2, ["--seconds 2", "--scored 100", "Give one"]),
        (["--seconds", "soon"], 2, ["--seconds"]),
        (["--from", "nowhere"], 1, ["nowhere", "zeroshot search ... --run nowhere"]),
        (["--from", "r", "--run", "r"], 2, ["--from and --run are the same folder"]),
        (["--big", "r8-s8-c3w8x1-c3w9x1"], 2, ["--big", "width of stage 2", "zeroshot spaces"]),
        (["--little", "r8-s32-m7e6w128x4-m7e6w128x4", "--latency", "1ms"], 3, ["--little r8", "Raise --latency above"]),
        (["--seeds", "r8-s8-c3w8x1"], 2, ["--seeds", "1 stages"]),
        (["--seeds", "r8-s32-m7e6w128x4-m7e6w128x4", "--latency", "1ms"], 3, ["--seeds", "Raise --latency"]),
        (["--objectives", "latency"], 2, ["accuracy"]),
        (["--objectives", "accuracy,latncy"], 2, ["Did you mean latency?"]),
        (["--data", "digitz"], 2, ["Did you mean digits?"]),
        (["--data", "no/such/folder"], 1, ["no/such/folder", "does not exist"]),
        (["--data", "one.npz"], 1, ["one class only"]),
        (["--data", "corrupt.npz"], 1, ["corrupt.npz"]),
        (["--run", "a-file"], 1, ["a-file", "--run"]),
        (["--run", "a-file/below"], 1, ["a-file/below", "--run"]),
        (["--resume"], 2, ["--run"]),
        (["--resume", "--run", "none"], 1, ["no run to resume", "none"]),
        (["--resume", "--force", "--run", "none"], 2, ["--force"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and value[0].startswith("--") else "",
)
def test_refused(cli, tmp_path, args, code, words):
    before = sorted(tmp_path.rglob("*"))
    defaults = [] if "--nets" in args else ["--nets", 30]
    result = cli("search", "--shortlist", 0, *defaults, *args)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert all(word in result.stderr for word in words), result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_existing_run(cli, tmp_path):
    args = ("search", *STATIC, "--run", "r")
    assert cli(*args).exit_code == 0
    before = {p: p.read_bytes() for p in (tmp_path / "r").iterdir()}
    refused = cli(*args)
    assert refused.exit_code == 1
    assert all(word in refused.stderr for word in ("r exists", "--resume", "--force"))
    other = cli(*args, "--resume", "--seed", 4)
    assert other.exit_code == 1
    assert "seed: 0 then, 4 now" in other.stderr
    assert {p: p.read_bytes() for p in (tmp_path / "r").iterdir()} == before
    assert cli(*args, "--resume").exit_code == 0
    assert cli(*args, "--seed", 4, "--force").exit_code == 0
    assert (tmp_path / "r" / "pairs.csv").read_bytes() != before[tmp_path / "r" / "pairs.csv"]


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (None, ["nothing was written"]),
        (0, ["0 nets probed so far are saved in my run.", "--resume"]),
        (7, ["7 nets", "hint: continue with: zeroshot search --seed 3 --from old --resume --run 'my run'"]),
    ],
)
def test_interrupted(cli, monkeypatch, done, words):
    def stopped(*args, progress, **options):
        progress("drawing candidates", 1, 1)
        if done is not None:
            progress("probing nets", done, 9)
        raise KeyboardInterrupt

    monkeypatch.setattr("zeroshot.searching.search.search", stopped)
    given = ("--seed", 3, "--from", "old", "--run", "my run")
    result = cli("search", *given, "--json", env={"ZEROSHOT_NETS": "50"})
    assert result.exit_code == 130
    assert all(word in result.stderr for word in words)
    assert json.loads(result.stdout)["exit_code"] == 130


def test_names_with_brackets_and_exotic_letters(cli, tmp_path):
    from sklearn.datasets import load_digits

    digits = load_digits()
    x, y = digits.images.astype(np.uint8), digits.target
    name = "[bold]größe:smile:"
    np.savez(tmp_path / f"{name}.npz", x_train=x[:1500], y_train=y[:1500], x_test=x[1500:], y_test=y[1500:])
    result = cli("search", *STATIC, "--data", f"{name}.npz")
    assert result.exit_code == 0, result.stderr
    assert f"for {name} on" in result.stdout
    (run,) = Path("runs").iterdir()
    assert run.name[16:] == "bold-größe-smile"
    assert "data_by_name = false" in (run / "config.toml").read_text()


def test_pair_without_a_single_net(capsys):
    from dataclasses import replace

    from rich.console import Console

    found = search("digits", latency="5ms", nets=30, scored=200, shortlist=0)
    lone = dict.fromkeys(("single", "single_accuracy", "single_latency_ms", "gain", "gain_error", "pays"))
    bare = replace(found, pairs=[replace(found.pairs[0], **lone)], front=[replace(found.front[0], **lone)])
    print_result(Console(width=80, soft_wrap=True), bare)
    assert "no single net is as fast" in capsys.readouterr().out


def test_three():
    assert [three(v) for v in (5.0, 1234.5, 0.0286, 99.96, 31.82)] == ["5.00", "1234", "0.0286", "100", "31.8"]
