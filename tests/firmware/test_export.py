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
from zeroshot.errors import InfeasibleError, RunError, ToolchainError, UsageError, VerifyError
from zeroshot.firmware import export as export_module
from zeroshot.firmware.export import export
from zeroshot.firmware.options import ExportOptions
from zeroshot.frontend.options import FrontEnd
from zeroshot.quantization.quantize import quantize
from zeroshot.runs.folder import to_toml
from zeroshot.runs.front_end import stored
from zeroshot.training.train import train

from ..run_folders import listed_pair, run_folder

pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")
LITTLE, BIG, SMALL = "r8-s4/2-c3w8x1", "r8-s8-m3e2w8x1", "r6-s4-c3w8x1"


def make(folder):
    pairs = [listed_pair(1, LITTLE, BIG), listed_pair(2, SMALL, BIG)]
    run = run_folder(folder, pairs, board="nucleo-f446re")
    train(run, top=len(pairs), epochs=1, jobs=1)
    quantize(run, epochs=0)
    return run


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return make(tmp_path_factory.mktemp("original") / "run")


@pytest.fixture
def run(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run")


def unproved(run, **options):
    return export(run, verify=False, **options)


def quantised(run):
    with (run / "int8" / "pairs.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def table(run, **changes):
    """Change columns of the first quantised pair."""
    (run / "int8" / "digests.json").unlink(missing_ok=True)  # the change is meant
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
    found = export(run, images=30)
    assert found.folder == run / "firmware" / "pair-1"
    row = quantised(run)[0]
    assert (found.little, found.big, found.thresholds) == (LITTLE, BIG, (int(row["threshold_int8"]),) * 10)
    stored = json.loads((found.folder / "verification.json").read_text())
    assert stored["images"] == 30
    assert stored == json.loads(json.dumps(found.verification.summary()))
    assert in_c([row["threshold_int8"]] * 10) in (found.folder / "src" / "cascade.h").read_text()
    (needs,) = found.verification.needs
    board = load_board("nucleo-f446re")
    little, both = found.milliseconds(needs)
    per_ms = board.clock_mhz * 1000 / board.cycles_per_instruction["c99"]
    assert both - little == pytest.approx(sum(needs.big) / per_ms)
    assert little == pytest.approx((sum(needs.little) + needs.decision) / per_ms)
    assert found.summary()["milliseconds"]["cortex-m4"] == [little, both]


def test_the_folder_tells_what_the_run_knows(run):
    """Board, accuracies and names of classes; frames where a net is smaller than the data's images."""
    row = quantised(run)[1]
    folder = unproved(run, pair=2, name="eye").folder
    text = (folder / "README.md").read_text()
    assert load_board("nucleo-f446re").title in text
    for column in ("accuracy_int8", "little_accuracy_int8", "big_accuracy_int8", "escalation_rate_int8"):
        assert f"{100 * float(row[column]):.1f} %" in text
    assert "eye_little_frame(frame, eye_little_input());" in text
    assert "eye_big_quantise(frame, eye_big_input());" in text
    names = (folder / "src" / "eye_names.c").read_text()
    assert [line.strip(' ",;}') for line in names.splitlines() if line.startswith("    ")] == list("0123456789")
    assert "#define EYE_FRAME_HEIGHT 8\n" in (folder / "src" / "eye.h").read_text()


def test_a_budget_and_a_watch_reach_the_device(run):
    header = (unproved(run, budget=10, burst=3, watch=100).folder / "src" / "cascade.h").read_text()
    assert "#define CASCADE_BUDGET 10 " in header
    assert "#define CASCADE_BURST 3 " in header
    rate = float(quantised(run)[0]["escalation_rate_int8"])
    assert f"#define CASCADE_EXPECTED_RATE {round(rate * 2**24)}\n" in header
    assert "moving over 128 calls" in header
    assert "tokens" not in (unproved(run, force=True).folder / "src" / "cascade.h").read_text()


def in_c(thresholds):
    return f"THRESHOLDS {{{', '.join(map(str, thresholds))}}}"


def test_a_threshold_a_class_reaches_the_device(run):
    """As they were quantised; and ten different ones, each in its place."""
    quantize(run, rate=0.3, per_class=True, resume=True)
    chosen = tuple(map(int, quantised(run)[0]["threshold_int8"].split()))
    assert len(chosen) == 10
    different = (7, 0, 256, 3, 41, 1, 90, 8, 255, 2)
    for thresholds in (chosen, different):
        table(run, threshold_int8=" ".join(map(str, thresholds)))
        firmware = unproved(run, force=True)
        assert firmware.thresholds == thresholds
        assert in_c(thresholds) in (firmware.folder / "src" / "cascade.h").read_text()
    assert firmware.summary()["threshold_int8"] == "7 0 256 3 41 1 90 8 255 2"


def test_options_may_come_in_one_object(run):
    asked = ExportOptions(pair=2, name="eye", verify=False)
    firmware = export(run, asked)
    assert (firmware.rank, firmware.little, firmware.folder) == (2, SMALL, run / "firmware" / "pair-2")
    assert (firmware.folder / "src" / "eye.c").is_file()
    assert export(run, asked, name="ear", force=True).folder == firmware.folder
    assert not (firmware.folder / "src" / "eye.c").exists()
    assert (firmware.folder / "src" / "ear.c").is_file()


# Its picture is as large as the digits.
FRONT_END = FrontEnd(sample_rate=4000, frame_ms=10, hop_ms=5, window_ms=45, bands=8, highest_hz=1990)


def with_front_end(run, front_end=FRONT_END):
    """The run, as if a front end had made its pictures."""
    path = run / "config.toml"
    path.write_text(path.read_text() + to_toml({"front_end": stored(front_end)}))
    return run


def test_a_front_end_comes_along(run):
    """And is proved with noise, as these data have no samples: the decisions are those of the nets on its pictures."""
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    pytest.importorskip("ziglang", reason="needs the mcu extra")
    found = export(with_front_end(run), images=2, smooth=3, every=2, limit=4)
    stream = found.verification.stream
    assert (stream.source, stream.samples, stream.decisions) == ("noise", (9 + 2 * 29) * 20, 30)
    header = (found.folder / "src" / "cascade.h").read_text()
    assert "cascade_feed(const int16_t *samples, uint32_t count, cascade_decision *decision);" in header
    assert "smoothed over the last 3 decisions" in header
    assert "every\n * 2 of them" in header
    assert "#define CASCADE_LIMIT 4 " in header
    assert json.loads((found.folder / "verification.json").read_text())["stream"]["decisions"] == stream.decisions
    assert found.summary()["verification"]["stream"]["hop"] == stream.hop


def test_front_ends_and_options_that_do_not_fit(run):
    for wrong in ({"smooth": 2}, {"every": 3}):
        with pytest.raises(UsageError, match="data are pictures"):
            unproved(run, **wrong)
    with_front_end(run)
    with pytest.raises(UsageError, match="takes pictures of 6x6x1, the front end makes 8x8x1"):
        unproved(run, pair=2)
    with pytest.raises(UsageError, match="Unknown smoothing 'median'"):
        unproved(run, smoothing="median")
    assert not (run / "firmware").exists()


def test_a_limit_of_pictures(run):
    text = (unproved(run, limit=7).folder / "src" / "cascade.h").read_text()
    assert "thresholds as exported, a limit of 7, counters at zero" in text


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
    assert caught.value.hint == f"Quantise them: `zeroshot.quantize({str(run)!r})`."


def test_policies_that_no_device_has(run):
    table(run, policy="entropy", threshold_int8="-0.3")
    with pytest.raises(UsageError, match="Pair 1 escalates by entropy") as caught:
        unproved(run)
    assert "resume=True, policy='logit-gap'" in caught.value.hint


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"rank": "first"}, "row 1 has 'first' for rank"), ({"policy": None}, "row 1 has no column policy"),
     ({"little_model": None}, "no column little_model"), ({"threshold_int8": None}, "no column threshold_int8"),
     ({"escalation_rate_int8": "often"}, "'often' for escalation_rate"),
     ({"escalation_rate_int8": "nan"}, "'nan' for escalation_rate, which is no number")],
)  # fmt: skip
def test_damaged_tables(run, changes, words):
    rows = [
        {key: value for key, value in (row | changes).items() if value is not None} for row in quantised(run)
    ]  # fmt: skip
    (run / "int8" / "digests.json").unlink(missing_ok=True)  # the change is meant
    with (run / "int8" / "pairs.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(RunError, match="cannot be read") as caught:
        unproved(run)
    assert words in caught.value.message
    assert caught.value.hint == f"Quantise again: `zeroshot.quantize({str(run)!r}, force=True)`."


def test_a_quantisation_that_was_interrupted(run):
    (run / "int8" / "pairs.csv").unlink()
    with pytest.raises(RunError, match=r"was not finished: it has no pairs\.csv"):
        unproved(run)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"images": 0}, "`images` must be at least 1"),
        ({"images": 2.5}, "`images` is 2.5"),
        ({"pair": 0}, "`pair` must be at least 1"),
        ({"cores": ("cortex-m5",)}, "Unknown core 'cortex-m5'"),
        ({"cores": "cortex-m4, z80"}, "Unknown core 'z80'"),
        ({"cores": ()}, "no core to verify on"),
        ({"core": "cortex-m4"}, "Unknown option 'core'"),
        ({"name": "int"}, "cannot be the prefix"),
        ({"board": "none-such"}, "Unknown board"),
        ({"toolchain": "iar"}, "Unknown toolchain"),
    ],
)
def test_values_out_of_range(run, options, words):
    with pytest.raises(UsageError, match=words):
        unproved(run, **options)


def test_no_toolchain(run, monkeypatch):
    def missing(name):
        raise ToolchainError("No compiler for the firmware.", "Install one.")

    monkeypatch.setattr(export_module, "find_toolchain", missing)
    with pytest.raises(ToolchainError, match="No compiler"):
        export(run)
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
        export(run, images=1, board=board_file(tmp_path, "flash_bytes", 6000))
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
