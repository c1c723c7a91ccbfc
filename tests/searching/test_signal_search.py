"""Recordings and sensor logs from the search to the firmware: read once more by every stage, alike to the last bit."""

import json
import tomllib
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

import zeroshot
from zeroshot.errors import RunError, UsageError
from zeroshot.firmware.c_cascade import cascade_sources
from zeroshot.firmware.calls import uneven
from zeroshot.firmware.device import NAME, Device
from zeroshot.firmware.export import find_pair, load_cascade
from zeroshot.firmware.stream import Stream
from zeroshot.firmware.toolchain import find_toolchain
from zeroshot.frontend.options import FrontEnd, ScaledMotion
from zeroshot.frontend.sensor import sensor_of
from zeroshot.runs.front_end import read_front_end
from zeroshot.searching.options import SearchOptions
from zeroshot.searching.problem import resolve

from ..streams import obvious_decisions

pytestmark = pytest.mark.usefixtures("torch_on_one_thread")

WHO = "(?P<person>[a-z])_"
WORDS = {"little": "r14x40-s8/2-d3w8x1/2-d3w8x1", "big": "r14x40-s16/2-c3w32x1-c3w32x1"}
MOVES = {"little": "r1x40-s8/2-d3w8x1/2-d3w8x1", "big": "r1x40-s16-c5w24x1-c5w24x1"}


def spoken(root: Path) -> Path:
    """Ten people say three words, tones in so much noise that no net knows all words of those held out."""
    rng = np.random.default_rng(0)
    for word, hertz in (("no", 500), ("oh", 700), ("yes", 900)):
        (root / word).mkdir(parents=True)
        for i, person in enumerate("abcdefghij" * 8):
            noise = rng.standard_normal(2400) + 0.4 * np.sin(2 * np.pi * hertz * np.arange(2400) / 8000)
            wavfile.write(root / word / f"{person}_{i}.wav", 8000, np.rint(2000 * noise).astype(np.int16))
    return root


def moved(root: Path) -> Path:
    rng = np.random.default_rng(0)
    for name, hertz in (("rest", 0.0), ("run", 3.0), ("walk", 2.0)):
        (root / name).mkdir(parents=True)
        for i in range(6):
            swing = 600 * np.sin(2 * np.pi * hertz * np.arange(400) / 20)[:, None] * (1.0, 0.5, 0.0)
            rows = "".join(
                ",".join(f"{x:.0f}" for x in row) + "\n" for row in swing + 500 * rng.standard_normal((400, 3))
            )
            (root / name / f"{i}.csv").write_text(f"x[mg],y[mg],z[mg]\n{rows}")
    return root


def searched(data, **options):
    return resolve(SearchOptions(data, shortlist=0, proxies=("macs",), **options))


@pytest.mark.parametrize(
    ("make", "given", "nets", "kind"),
    [(spoken, {"groups": WHO}, WORDS, FrontEnd), (moved, {"rate": 20, "window": "2s"}, MOVES, ScaledMotion)],
    ids=["sound", "motion"],
)
def test_the_whole_way(tmp_path, make, given, nets, kind):
    folder, run = make(tmp_path / "things"), tmp_path / "run"
    found = zeroshot.search(
        str(folder), run=run, **given, **nets, shortlist=0, proxies=["macs"], calibrate=0, latency="5s", escalation=1.0
    )
    assert [(pair.little, pair.big) for pair in found.pairs] == [(nets["little"], nets["big"])]
    assert any("Nets see" in remark for remark in found.remarks)
    trained = zeroshot.train(run, data=folder, epochs=1, top=1, singles=False, threads=1, jobs=1)
    assert not any("mirrored" in remark for remark in trained.remarks)
    zeroshot.quantize(run, data=folder, epochs=1, threads=1)
    zeroshot.export(run, data=folder, verify=False, smooth=3)
    assert "cascade_feed" in (run / "firmware" / "pair-1" / "src" / "cascade.h").read_text()
    data = zeroshot.load(str(folder), **given)
    assert read_front_end(run) == data.features.front_end
    assert isinstance(read_front_end(run), kind)
    with np.load(next((run / "models").glob("*.npz"))) as outputs:
        assert [len(outputs[part]) for part in ("validation", "test")] == [len(data.validation), len(data.x_test)]
    (folder / data.class_names[0] / next(iter((folder / data.class_names[0]).iterdir()))).unlink()
    with pytest.raises(RunError, match="was changed"):
        zeroshot.train(run, data=folder, force=True)


def test_nets_see_features_at_their_own_size_and_the_config_tells_how_to_make_them(tmp_path):
    folder = spoken(tmp_path / "words")
    problem, seen = searched(str(folder), groups=WHO, bands=20, classes="yes,no")
    assert problem.space.resolutions == ((14, 20),) == (seen.resolution,)
    assert seen.class_names == ("yes", "no")
    assert problem.config["space"] == "mcu"
    assert problem.config["signals"] == {"groups": WHO, "bands": 20, "classes": ["yes", "no"]}
    assert problem.config["front_end"]["bands"] == 20
    assert not {"groups", "bands", "classes", "rate"} & set(problem.config)


def test_motion_is_searched_in_the_space_of_signals_unless_told_otherwise(tmp_path):
    folder = str(moved(tmp_path / "motion"))
    problem, _ = searched(folder, rate=20, window="2s")
    assert (problem.config["space"], problem.space.resolutions, problem.channels) == ("mcu1d", ((1, 40),), 3)
    with pytest.raises(UsageError, match="signals, which the space mcu is not for"):
        searched(folder, rate=20, space="mcu")


def test_images_have_neither_table():
    problem, _ = searched("digits")
    assert problem.config["space"] == "mcu"
    assert [problem.config[name] for name in ("signals", "front_end")] == [None, None]


def test_a_data_set_that_is_loaded_brings_its_options(tmp_path):
    folder = spoken(tmp_path / "words")
    data = zeroshot.load(str(folder), groups=WHO)
    problem, _ = searched(data)
    assert problem.config["signals"] == {"groups": WHO}
    with pytest.raises(UsageError, match="words is read already"):
        searched(data, bands=20)


def test_what_does_not_go_with_signals_is_refused(tmp_path):
    folder, run = str(spoken(tmp_path / "words")), tmp_path / "run"
    with pytest.raises(UsageError, match="crops images"):
        searched(folder, square=True)
    zeroshot.search(folder, run=run, **WORDS, shortlist=0, proxies=["macs"], calibrate=0, latency="5s", escalation=1.0)
    for given, words in (({"validation": 0.2}, "drawn by group"), ({"flip": True}, "mirrors images")):
        with pytest.raises(UsageError, match=words):
            zeroshot.train(run, data=folder, **given)


def whole_wav(path):
    """Samples of a file as a device gets them, read by scipy."""
    found, samples = wavfile.read(path)
    assert (found, samples.dtype) == (8000, np.int16)
    return samples


def whole_log(path):
    """Samples of a log of whole numbers: a sample of 1 is 1 in the unit of the file."""
    return np.loadtxt(path, delimiter=",", skiprows=1).astype(np.int16)


WAYS = {
    "sound": (spoken, ("--groups", WHO), {"groups": WHO}, WORDS, whole_wav, ("little", "10k"), "14 x 40 x 1"),
    "motion": (moved, ("--rate", 20, "--window", "2s"), {"rate": 20.0, "window": "2s"}, MOVES, whole_log,
               ("little", "2k"), "1 x 40 x 3"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", WAYS)
def test_five_commands_from_a_folder_to_a_core_that_takes_its_files(name, cli, tmp_path):
    """On an emulated Cortex-M4 the exported C decides on files of the folder as the obvious reference does."""
    make, given, stored, nets, whole, (pruned, macs), size = WAYS[name]
    make(tmp_path / "things")
    data, budget = ("--data", "things"), ("--latency", "5s", "--escalation", "1")
    fixed = [word for role, net in nets.items() for word in (f"--{role}", net)]
    ways = (
        ("search", *data, *given, "--shortlist", 0, "--calibrate", 0, *budget, "--proxies", "macs", *fixed, "--run",
         "run"),
        ("train", "run", *data, "--top", 1, "--epochs", 2),
        ("quantize", "run", *data, "--epochs", 1),
        ("compress", "run", "--pair", f"1:{pruned}", *data, "--macs", macs, "--epochs", 1),
        ("export", "run", *data, "--images", 10, "--every", 2),
    )  # fmt: skip
    for words in ways:
        result = cli(*words)
        assert result.exit_code == 0, result.output
    assert tomllib.loads(Path("run/config.toml").read_text())["signals"] == stored
    folder = Path("run/firmware/pair-1")
    proof = json.loads((folder / "verification.json").read_text())
    assert (proof["images"], proof["stream"]["source"]) == (10, "test windows in a row")
    assert f"moves the picture of {size} on" in (folder / "README.md").read_text()

    front_end = read_front_end("run")
    pair, _ = load_cascade(Path("run"), find_pair(Path("run"), 1))
    cascade = replace(pair, stream=Stream(sensor_of(front_end), every=2))
    sources = cascade_sources(cascade, NAME)
    assert {path: (folder / "src" / path).read_text() for path in sources} == sources
    device = Device(cascade, "cortex-m4", find_toolchain())
    files = sorted(Path("things").glob("*/*"))
    samples = np.concatenate([whole(path) for path in files[:: len(files) // 6]])
    expected = obvious_decisions(cascade, front_end, samples, every=2)
    said = device.decisions(samples, uneven(cascade.stream, len(samples)))
    assert len(expected) > 10
    assert [astuple(each) for _, each in said if each] == expected


def test_options_of_recordings_are_none_of_images(cli):
    wrong = cli("search", "--data", "digits", "--bands", 20, "--run", "other")
    assert wrong.exit_code == 2
    assert "--bands is for recordings, and digits holds images." in " ".join(wrong.output.split())
