"""Settings: defaults < TOML file < environment < flags, seen through --dry-run, which resolves them and stops."""

import json

import pytest
from typer.main import get_command

from zeroshot.cli import app
from zeroshot.cli._config import variable
from zeroshot.searching.options import SearchOptions
from zeroshot.signals.folder_options import SignalOptions

# A valid value for every setting, unlike its default: as text, and as the resolved config or plan shows it.
VALUES = {
    "board": ("nucleo-f446re", "nucleo-f446re"), "engine": ("tflm-cmsis-nn", "tflm-cmsis-nn"),
    "flash": ("256KiB", 262144), "sram": ("64KiB", 65536), "latency": ("20ms", 20.0), "energy": ("3mJ", 3.0),
    "worst_latency": ("0.1s", 100.0), "escalation": ("0.25", 0.25), "nets": ("50", 50), "top": ("3", 3),
    "per_net": ("1", 1), "shortlist": ("7", 7), "proxies": ("macs,naswot", ["macs@1", "naswot@1"]),
    "objectives": ("accuracy,energy", ["accuracy", "energy"]), "batch": ("16", 16), "seed": ("5", 5),
    "space": ("mcu", "mcu"), "epochs": ("100", 100), "calibrate": ("4", 4), "calibrate_epochs": ("3", 3),
    "metric": ("recall:3", "recall:3"),
    "strategy": ("grid", "grid"), "scored": ("500", 500), "seconds": ("2.5", 2.5), "square": ("true", True),
    "little": ("r8-s8-c3w8x1/2-c3w8x1", "r8-s8-c3w8x1/2-c3w8x1"), "big": ("r8-s8-c3w8x4-c3w8x4", "r8-s8-c3w8x4-c3w8x4"),
    "seeds": ("r8-s8-c3w8x1-c3w8x1,r8-s8-c3w8x1-d3w8x1", ["r8-s8-c3w8x1-c3w8x1", "r8-s8-c3w8x1-d3w8x1"]),
}  # fmt: skip
SIGNAL_VALUES = {
    "rate": "8000", "window": "1s", "hop": "0.5s", "classes": "yes,no", "unknown": "true", "silence": "true",
    "columns": "acc_x,acc_y", "repair": "linear", "longest_gap": "100ms", "groups": "(?P<who>[a-z]+)",
    "parts": "parts.csv", "validation": "0.2", "test": "0.2", "bands": "20", "coefficients": "10", "frame": "25ms",
    "frame_hop": "10ms", "lowest_hz": "50", "highest_hz": "3000", "lowest_db": "-90", "highest_db": "-10",
    "span_db": "40", "absolute": "true", "covered": "0.99",
}  # fmt: skip
LIMITS = ("flash", "sram", "latency", "energy", "worst_latency", "escalation")


def resolved(result, name):
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)["config"][f"{name}_limit" if name in LIMITS else name]


def test_the_command_has_every_declared_option_and_its_variable():
    command = get_command(app).commands["search"]
    options = {option.name: option for option in command.params}
    declared = set(SearchOptions.declared())
    assert declared == set(options) - {"force", "resume", "json", "quiet", "dry_run", "config", "help"}
    assert set(VALUES) == declared - {"data", "jobs", "run", "from_"} - set(SIGNAL_VALUES)  # test_search.py has from_
    assert set(SIGNAL_VALUES) == set(SignalOptions.declared())
    for name in declared:
        assert options[name].envvar == variable(name)
    # The tests' own variable is no setting.
    assert "ZEROSHOT_DATA" not in {variable(name) for name in declared}


@pytest.mark.parametrize("name", SIGNAL_VALUES)
def test_a_setting_of_signals_from_flag_environment_and_file_is_refused_of_images(cli, tmp_path, name):
    """It arrives: digits have no rate, no columns and no bands."""
    text = SIGNAL_VALUES[name]
    plain = text == "true" or text.removeprefix("-").replace(".", "").isdigit()
    (tmp_path / "s.toml").write_text(f"{name} = {text if plain else json.dumps(text)}\n")
    flag = f"--{name.replace('_', '-')}"
    run = ("search", "--dry-run", "--json")
    ways = [
        cli(*run, flag, *([] if text == "true" else [text])), cli(*run, env={variable(name): text}),
        cli(*run, "--config", str(tmp_path / "s.toml")),
    ]  # fmt: skip
    for result in ways:
        assert result.exit_code == 2
        assert flag in result.stderr
        assert "digits" in result.stderr


@pytest.fixture(scope="module")
def unset():
    """What a dry run says with no setting given, found once."""
    return {}


@pytest.mark.parametrize("name", VALUES)
def test_each_setting_from_flag_environment_and_file(cli, tmp_path, unset, name):
    text, value = VALUES[name]
    plain = text == "true" or text.replace(".", "").isdigit()
    (tmp_path / "s.toml").write_text(f"{name} = {text if plain else json.dumps(text)}\n")
    unset["result"] = unset.get("result") or cli("search", "--dry-run", "--json")
    default = resolved(unset["result"], name)
    assert default != value or name == "space"
    looking = ("--strategy", "uniform")
    besides = {"calibrate_epochs": ("--calibrate", "2"), "scored": looking, "seconds": looking}
    run = ("search", "--dry-run", "--json", *besides.get(name, ()))
    flag = [f"--{name.replace('_', '-')}", *([] if value is True else [text])]
    for result in (
        cli(*run, *flag), cli(*run, env={variable(name): text}),
        cli(*run, "--config", "s.toml"),
    ):  # fmt: skip
        assert resolved(result, name) == value


def test_precedence(cli, tmp_path):
    (tmp_path / "s.toml").write_text('seed = 1\nboard = "nucleo-f446re"\nworst-latency = 90\nproxies = ["macs"]\n')
    env = {"ZEROSHOT_SEED": "2", "ZEROSHOT_CONFIG": "s.toml"}
    run = ("search", "--dry-run", "--json")
    assert resolved(cli(*run), "seed") == 0
    assert resolved(cli(*run, "--config", "s.toml"), "seed") == 1
    both = cli(*run, env=env)
    assert resolved(both, "seed") == 2
    assert resolved(both, "board") == "nucleo-f446re"
    assert resolved(both, "worst_latency") == 90.0
    assert resolved(both, "proxies") == ["macs@1"]
    assert resolved(cli(*run, "--seed", 3, env=env), "seed") == 3
    assert resolved(cli(*run, "--seed", 0, env=env), "seed") == 0


def test_dataset_run_and_jobs_from_the_environment(cli):
    assert "Did you mean digits?" in cli("search", "--dry-run", env={"ZEROSHOT_DATASET": "digitz"}).stderr
    assert "--jobs must be" in cli("search", "--dry-run", env={"ZEROSHOT_JOBS": "0"}).stderr
    result = cli("search", "--dry-run", "--json", env={"ZEROSHOT_RUN": "there"})
    assert json.loads(result.stdout)["run"] == "there"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("latncy = 5", ["latncy", "Did you mean latency?"]),
        ("[search]\nseed = 1", ["search"]),
        ('nets = "many"', ["nets", "'many'", "whole number"]),
        ("nets = 1.5", ["nets", "1.5", "whole number"]),
        ("seed = true", ["seed", "True", "whole number"]),
        ("board = 3", ["board", "3", "text"]),
        ("proxies = [1]", ["proxies", "list of names"]),
        ("latency = [5]", ["latency", "quantity"]),
        ('escalation = "half"', ["escalation", "number"]),
        ("seed = 1\nnets =\n", ["not valid TOML", "line 2"]),
    ],
)
def test_bad_files(cli, tmp_path, text, words):
    (tmp_path / "s.toml").write_text(text)
    result = cli("search", "--config", "s.toml")
    assert result.exit_code == 2
    assert all(word in result.stderr for word in [*words, "s.toml"]), result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "text", ["latency = nan", "latency = -3", 'sram = "12 parsecs"', "escalation = nan", "top = 0"]
)
def test_values_that_the_engine_refuses(cli, tmp_path, text):
    (tmp_path / "s.toml").write_text(text)
    result = cli("search", "--config", "s.toml")
    assert result.exit_code == 2
    assert f"--{text.split()[0]}" in result.stderr


def test_unreadable_files(cli, tmp_path):
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    for name, words in (("none.toml", "No such file"), (".", "directory"), ("b.toml", "not valid TOML")):
        result = cli("search", "--config", name)
        assert result.exit_code == 2
        assert words in result.stderr
