"""`zeroshot export`: the same as the library call, and what a user sees when it cannot be."""

import json
import shutil

import pytest

from zeroshot.firmware import export as export_module
from zeroshot.firmware.export import export
from zeroshot.frontend.options import FrontEnd
from zeroshot.quantization.quantize import quantize
from zeroshot.training.train import train

from ..run_folders import listed_pair, run_folder

pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")
pytest.importorskip("unicorn", reason="needs the mcu extra")
pytest.importorskip("ziglang", reason="needs the mcu extra")
LITTLE, BIG = "r8-s4/2-c3w8x1", "r8-s8-d3w8x1"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A run with one pair, trained and quantised."""
    run = run_folder(tmp_path_factory.mktemp("original") / "run", [listed_pair(1, LITTLE, BIG)], board="nucleo-f446re")
    train(run, top=1, epochs=1, jobs=1)
    quantize(run, epochs=0)
    return run


@pytest.fixture
def run(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run")


def test_the_table_and_the_json_are_the_library_call(cli, run, tmp_path):
    expected = export(run, images=20, out=tmp_path / "expected")
    human = cli("export", "run", "--images", 20)
    assert human.exit_code == 0, human.stderr
    assert human.stderr == ""
    lines = human.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines if "/" not in line)
    (needs,) = expected.verification.needs
    (line,) = (line.split() for line in lines if line.startswith("cortex-m4"))
    assert line[1:3] == [f"{sum(needs.little) / 1e6:.2f}", f"{sum(needs.big) / 1e6:.2f}"]
    assert f"less than {expected.thresholds[0]} apart" in human.stdout
    assert all(who in human.stdout for who in expected.verification.equal)
    assert lines[-2] == "Firmware: run/firmware/pair-1"
    told = json.loads(cli("export", "run", "--no-verify", "--out", tmp_path / "told", "--json").stdout)
    assert told == expected.summary() | {
        "folder": str(tmp_path / "told"), "verification": None, "milliseconds": {},
    }  # fmt: skip
    names = [
        sorted(p.name for p in folder.rglob("*")) for folder in (tmp_path / "expected", run / "firmware" / "pair-1")
    ]
    assert names[0] == names[1]


def test_quiet_and_unverified(cli, run):
    assert cli("export", run, "--no-verify", "--quiet").stdout == f"{run / 'firmware' / 'pair-1'}\n"
    again = cli("export", run, "--no-verify", "--force")
    assert "nothing was verified" in again.stdout


@pytest.mark.slow
def test_what_is_said_of_a_stream(cli, run, monkeypatch):
    """The run's front end, as if it were stored there."""
    real = export_module.export
    front_end = FrontEnd(sample_rate=4000, frame_ms=10, hop_ms=5, window_ms=45, bands=8, highest_hz=1990)
    monkeypatch.setattr(export_module, "export", lambda *given, **named: real(*given, **named, front_end=front_end))
    said = cli("export", "run", "--images", 2, "--smooth", 3, "--limit", 2)
    assert said.exit_code == 0, said.stderr
    words = " ".join(said.stdout.split())
    assert "the C came to the reference's 30 decisions. Front end: 0.1 KiB of the arena kept, 0.2 KiB shared" in words
    assert "instructions a hop on a cortex-m4." in words


@pytest.mark.parametrize("words", [["--core", "cortex-m3", "--core", "cortex-m4"], ["--core", "cortex-m3,cortex-m4"]])
def test_several_cores(cli, run, words):
    told = json.loads(cli("export", "run", "--images", 2, "--json", *words).stdout)
    assert list(told["milliseconds"]) == ["cortex-m3", "cortex-m4"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--pair", "2"], 1, "no quantised pair 2"),
        (["--name", "my-eye"], 2, "cannot be the prefix"),
        (["--smooth", "5"], 2, "Leave out --every and --smooth"),
        (["--smoothing", "mode"], 2, "Unknown smoothing"),
        (["--core", "z80"], 2, "Unknown core 'z80'"),
        (["--core", "cortex-m4", "--core", "cortex-m8"], 2, "Unknown core 'cortex-m8'"),
        (["--core", ""], 2, "no core to verify on"),
        (["--images", "0"], 2, "--images must be at least 1"),
        (["--toolchain", "iar"], 2, "Unknown toolchain"),
        (["--out", "."], 1, "is not empty"),
        (["--out", ".", "--force"], 1, "No export made the folder"),
        (["--out", "run", "--force"], 1, "No export made the folder"),
        (["--out", "run/int8", "--force"], 1, "No export made the folder"),
    ],
)
def test_what_cannot_be(cli, run, words, code, message):
    result = cli("export", run, *words)
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (run / "firmware").exists()
    assert (run / "int8" / "pairs.csv").is_file()


def test_a_run_that_is_not_quantised(cli, run):
    shutil.rmtree(run / "int8")
    result = cli("export", "run")
    assert result.exit_code == 1
    assert "not quantised" in result.stderr
    assert "zeroshot quantize run" in result.stderr
