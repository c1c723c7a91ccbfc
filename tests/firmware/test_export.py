"""Exporting a pair of a run: from the quantised nets on disk to a verified folder, and what cannot be."""

import csv
import json
import re
import shutil
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from zeroshot.cost.boards import load_board
from zeroshot.data import load
from zeroshot.errors import InfeasibleError, RunError, ToolchainError, UsageError, VerifyError
from zeroshot.firmware import export as export_module
from zeroshot.firmware.export import export_pair
from zeroshot.quantization.quantize import quantize
from zeroshot.runs.folder import open_run
from zeroshot.training.train import train

pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")
LITTLE, BIG, SMALL = "r8-s4/2-c3w8x1", "r8-s8-m3e2w8x1", "r6-s4-c3w8x1"


def pair(rank, little, big):
    row = {
        "rank": rank, "little": little, "big": big, "accuracy": 0.8, "accuracy_low": 0.7, "accuracy_high": 0.9,
        "little_accuracy": 0.6, "big_accuracy": 0.85, "escalation_rate": 0.3, "latency_ms": 4.0,
        "worst_latency_ms": 11.0, "energy_mj": 0.4, "worst_energy_mj": 1.1,
        "macs": 1.0, "flash_bytes": 1, "sram_bytes": 1, "pays": None, "single": None,
    }  # fmt: skip
    return row | dict.fromkeys(("single_accuracy", "single_latency_ms", "gain", "gain_error"))


def make(folder):
    rows = (pair(1, LITTLE, BIG), pair(2, SMALL, BIG))
    config = {"data": "digits", "data_sha256": load("digits").digest, "seed": 0, "board": "nucleo-f446re"}
    made = open_run(folder, config, force=False, resume=False)
    made.write_table("pairs.csv", list(rows))
    train(made.path, top=len(rows), epochs=1, jobs=1)
    quantize(made.path, epochs=0)
    return made.path


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return make(tmp_path_factory.mktemp("original") / "run")


@pytest.fixture
def run(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run")


def unproved(run, **options):
    return export_pair(run, verified=False, **options)


def quantised(run):
    with (run / "int8" / "pairs.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def table(run, **changes):
    """Change columns of the first quantised pair."""
    path = run / "int8" / "pairs.csv"
    rows = quantised(run)
    rows[0] |= {key: str(value) for key, value in changes.items()}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_a_pair_becomes_a_verified_folder(run):
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    pytest.importorskip("ziglang", reason="needs the mcu extra")
    found = export_pair(run, images=30)
    assert found.folder == run / "firmware" / "pair-1"
    row = quantised(run)[0]
    assert (found.little, found.big, found.thresholds) == (LITTLE, BIG, (int(row["threshold_int8"]),) * 10)
    stored = json.loads((found.folder / "verification.json").read_text())
    assert stored["images"] == 30
    assert stored == json.loads(json.dumps(found.verification.summary()))
    assert f"= {{{', '.join([row['threshold_int8']] * 10)}}}" in (found.folder / "src" / "cascade.c").read_text()
    (needs,) = found.verification.needs
    board = load_board("nucleo-f446re")
    little, both = found.milliseconds(needs)
    per_ms = board.clock_mhz * 1000 / board.cycles_per_instruction["c99"]
    assert both - little == pytest.approx(sum(needs.big) / per_ms)
    assert little == pytest.approx((sum(needs.little) + needs.decision) / per_ms)
    assert found.summary()["milliseconds"]["cortex-m4"] == [little, both]


def test_a_threshold_a_class_reaches_the_device(run):
    quantize(run, rate=0.3, per_class=True, resume=True)
    row = quantised(run)[0]
    found = unproved(run)
    assert found.thresholds == tuple(map(int, row["threshold_int8"].split()))
    assert len(set(found.thresholds)) > 1
    assert f"= {{{', '.join(row['threshold_int8'].split())}}}" in (found.folder / "src" / "cascade.c").read_text()


@pytest.mark.parametrize("text", ["1 2 3", "many", "", "-1", "257"])
def test_thresholds_that_no_device_has(run, text):
    table(run, threshold_int8=text)
    with pytest.raises(RunError, match="Pair 1 has no thresholds of a device"):
        unproved(run)


def test_inputs_of_two_sizes(run):
    found = unproved(run, pair=2, name="eye")
    text = (found.folder / "src" / "eye.h").read_text()
    assert "eye_little_quantise" in text
    assert "const int8_t *little, const int8_t *big" in text
    assert "exported without verification" in (found.folder / "README.md").read_text()
    assert not (found.folder / "verification.json").exists()


def test_nets_that_answer_otherwise_than_stored_are_found(run, monkeypatch):
    real = export_module.load_quantized

    def other(folder, name):
        net = real(folder, name)
        bias = net.int8.bias[-1] + np.int32(500) * (np.arange(10) == 3).astype(np.int32)
        return replace(net, int8=replace(net.int8, bias=(*net.int8.bias[:-1], bias)))

    monkeypatch.setattr(export_module, "load_quantized", other)
    with pytest.raises(VerifyError, match="answers test images otherwise than when it was quantised"):
        unproved(run)
    assert not (run / "firmware").exists()


def test_what_is_missing_is_named(run, tmp_path):
    with pytest.raises(RunError, match="is not the folder of a run"):
        unproved(tmp_path / "nowhere")
    with pytest.raises(RunError, match="no quantised pair 3") as caught:
        unproved(run, pair=3)
    assert caught.value.hint == "Its quantised pairs: 1, 2."
    shutil.rmtree(run / "int8")
    with pytest.raises(RunError, match="are not quantised") as caught:
        unproved(run)
    assert caught.value.hint == f"Quantise them: zeroshot quantize {run}"


def test_policies_that_no_device_has(run):
    table(run, policy="entropy", threshold_int8="-0.3")
    with pytest.raises(UsageError, match="Pair 1 escalates by entropy") as caught:
        unproved(run)
    assert "`policy` logit-gap" in caught.value.hint


def test_damaged_tables(run):
    path = run / "int8" / "pairs.csv"
    path.write_text("rank,policy\n1,logit-gap\n")
    with pytest.raises(RunError, match="lacks big_model"):
        unproved(run)
    path.write_text("rank,policy\nfirst,logit-gap\n")
    with pytest.raises(RunError, match="cannot be read"):
        unproved(run)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"images": 0}, "Images to verify must be 1 or more"),
        ({"cores": ("cortex-m5",)}, "Unknown core cortex-m5"),
        ({"cores": ()}, "Unknown core"),
        ({"name": "int"}, "cannot be the prefix"),
        ({"board": "none-such"}, "Unknown board"),
        ({"toolchain": "iar", "verified": True}, "Unknown toolchain"),
    ],
)
def test_values_out_of_range(run, options, words):
    with pytest.raises(UsageError, match=words):
        export_pair(run, **({"verified": False} | options))


def test_no_toolchain(run, monkeypatch):
    def missing(name):
        raise ToolchainError("No compiler for the firmware.", "Install one.")

    monkeypatch.setattr(export_module, "find_toolchain", missing)
    with pytest.raises(ToolchainError, match="No compiler"):
        export_pair(run)
    unproved(run)  # a folder that says that it is not verified needs none


def board_file(tmp_path, key, value):
    """A shipped board with one other figure."""
    text = files("zeroshot.cost").joinpath("boards", "nucleo-f446re.toml").read_text(encoding="utf-8")
    changed, count = re.subn(rf"(?m)^{key} = [0-9].*$", f"{key} = {value}", text)
    assert count == 1
    path = tmp_path / "own.toml"
    path.write_text(changed)
    return str(path)


def test_boards_that_are_too_small(run, tmp_path):
    with pytest.raises(InfeasibleError, match=r"arena of .* the tightest layer is row \d of the big net, .* from"):
        unproved(run, board=board_file(tmp_path, "sram_bytes", 1000))
    with pytest.raises(InfeasibleError, match="Weights and tables"):
        unproved(run, board=board_file(tmp_path, "flash_bytes", 2000))
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    pytest.importorskip("ziglang", reason="needs the mcu extra")
    with pytest.raises(InfeasibleError, match="of flash on a cortex-m4"):
        export_pair(run, images=1, board=board_file(tmp_path, "flash_bytes", 6000))
    assert not (run / "firmware").exists()


def test_folders_in_use(run):
    found = unproved(run)
    with pytest.raises(RunError, match="is not empty"):
        unproved(run)
    (found.folder / "mine").write_text("x")
    with pytest.raises(RunError, match="changed since: mine"):
        unproved(run, force=True)
    (found.folder / "mine").unlink()
    unproved(run, force=True)
    for folder in (run, run / "firmware", run.parent):
        with pytest.raises(RunError, match="No export made"):
            unproved(run, out=folder, force=True)
    assert unproved(run, out=run / "elsewhere").folder == run / "elsewhere"
