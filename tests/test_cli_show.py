"""`zeroshot proxies`, `boards`, `spaces` and `doctor`."""

import json
from importlib.metadata import version

import pytest

from zeroshot.cli import doctor
from zeroshot.cost.boards import board_names, load_board
from zeroshot.plugins import load_proxies
from zeroshot.spaces import SPACES


def shown(cli, *args):
    """The human and the JSON output of a command."""
    human, program = cli(*args), cli(*args, "--json")
    for result in (human, program):
        assert result.exit_code == 0, result.stderr
        assert result.stderr == ""
    assert "…" not in human.stdout
    assert all(len(line) <= 80 for line in human.stdout.splitlines())
    return human.stdout, json.loads(program.stdout)


def test_proxies(cli):
    text, told = shown(cli, "proxies")
    assert [(p["name"], p["cost"], p["paper"], p["summary"], p["version"]) for p in told["proxies"]] == [
        (p.name, p.cost, p.paper, p.summary, p.version) for p in load_proxies()
    ]
    ours = {"entry_point": "builtin", "module": "zeroshot.proxies", "distribution": "zeroshot-mcu"}
    assert all(p["provider"] == ours | {"version": version("zeroshot-mcu")} for p in told["proxies"])
    assert {p["name"]: tuple(p["parts"]) for p in told["proxies"]} == {p.name: p.parts for p in load_proxies()}
    assert {p["name"]: p["readout"] for p in told["proxies"] if p["readout"]} == {"linear_readout": 512}
    assert all(f"{p.name}@{p.version}" in text for p in load_proxies())


def test_boards(cli):
    text, told = shown(cli, "boards")
    assert [board["name"] for board in told["boards"]] == list(board_names())
    for name in board_names():
        board = load_board(name)
        assert f"{board.title}, {board.cpu}" in text
        (line,) = (line for line in text.splitlines() if line.startswith(f"{name} "))
        assert f" {board.clock_mhz:g} " in line
        assert f" {board.sram_bytes / 1024:g} " in line


def test_one_board_with_sources(cli):
    text, told = shown(cli, "boards", "raspberry-pi-pico")
    assert told == vars(load_board("raspberry-pi-pico"))
    words = text.split()
    for source in told["sources"].values():
        assert set(source.split()) <= set(words)
    assert "cycles_per_instruction.tflm-cmsis-nn" in words


def test_spaces(cli):
    text, told = shown(cli, "spaces", "--side", 24)
    searched = [(s["name"], s["count"]) for s in told["spaces"] if s["searched"]]
    assert searched == [(name, space(24).count()) for name, space in SPACES.items()]
    (cells,) = (space for space in told["spaces"] if not space["searched"])
    assert (cells["name"], cells["count"]) == ("nasbench201", 5**6)
    assert "15,625 published cells" in text
    assert set(cells["fields"]["operations"]) <= set(text.replace(",", " ").split())
    (mcu,) = (space for space in told["spaces"] if space["name"] == "mcu")
    assert mcu["fields"]["resolutions"] == [12, 16, 20, 24]
    assert f"{mcu['count']:,} nets for 24x24" in text
    assert shown(cli, "spaces")[1]["spaces"][0]["side"] == 32


def test_doctor(cli):
    text, told = shown(cli, "doctor")
    assert told["usable"]
    assert all(each["ok"] for each in told["packages"].values())
    assert {"torch", "numpy", "numba", "scikit-learn", "pillow"} <= set(told["packages"])
    assert told["cores_usable"] >= 1
    assert told["torch_threads"] >= 1
    assert told["kernel_cache"]["writable"]
    assert "dev" in told["extras"]
    assert "zeroshot can work here." in text


@pytest.mark.parametrize(("name", "code"), [("no-such-package", 1), ("torchvision", 0)])
def test_doctor_names_what_is_missing(cli, monkeypatch, name, code):
    real = doctor.version
    monkeypatch.setattr(doctor, "requirements", lambda: ({"numpy": "numpy>=2.0", name: f"{name}>=1"}, {"x": ["gone"]}))

    def version(wanted):
        if wanted in (name, "gone"):
            raise doctor.PackageNotFoundError(wanted)
        return real(wanted)

    monkeypatch.setattr(doctor, "version", version)
    result = cli("doctor")
    assert result.exit_code == code
    assert f'not installed -> pip install "{name}>=1"' in " ".join(result.stdout.split())
    assert "pip install -e '.[x]'" in " ".join(result.stdout.split())
    told = json.loads(cli("doctor", "--json").stdout)
    assert told["usable"] is (code == 0)
    assert told["extras"]["x"]["missing"] == ["gone"]


def test_doctor_on_a_package_that_does_not_import(cli, monkeypatch):
    def broken(name):
        raise ImportError("libthing.so: cannot open")

    monkeypatch.setattr(doctor.importlib, "import_module", broken)
    found = doctor.package("numpy", "numpy>=2.0")
    assert not found["ok"]
    assert found["fix"] == 'pip install --force-reinstall "numpy>=2.0"'


def test_requirements():
    required, extras = doctor.requirements()
    assert required["torch"].startswith("torch>=")
    assert "pytest" in extras["dev"]
    assert "pytest" not in required
