"""`zeroshot proxies`, `boards`, `spaces` and `doctor`."""

import json
import sys
from email import message_from_string
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement

from zeroshot.cli import _installation as installation
from zeroshot.cost.boards import board_names, load_board
from zeroshot.scoring.plugins import load_proxies
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
    text, told = shown(cli, "spaces", "--side", 24, "--length", 64)
    searched = [(s["name"], s["side"], s["count"]) for s in told["spaces"] if s["searched"]]
    mcu1d = SPACES["mcu1d"]((1, 64)).count()
    assert searched == [("mcu", 24, SPACES["mcu"](24).count()), ("mcu1d", 64, mcu1d)]
    assert f"{mcu1d:,} nets for signals of 64 samples" in text
    assert "1x16, 1x24, 1x32, 1x48, 1x64" in text
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
    real = installation.version
    required = {each: Requirement(f"{each}>=1") for each in ("numpy", name)}
    monkeypatch.setattr(installation, "requirements", lambda: (required, {"x": [Requirement("gone")]}))

    def version(wanted):
        if wanted in (name, "gone"):
            raise installation.PackageNotFoundError(wanted)
        return real(wanted)

    monkeypatch.setattr(installation, "version", version)
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

    monkeypatch.setattr(installation.importlib, "import_module", broken)
    found = installation.package(Requirement("numpy>=2.0"))
    assert not found["ok"]
    assert found["fix"] == 'pip install --force-reinstall "numpy>=2.0"'


def installed(monkeypatch, **versions):
    """As if these versions were installed."""
    real = installation.version
    monkeypatch.setattr(installation, "version", lambda name: versions.get(name) or real(name))


def test_doctor_on_an_outdated_package(cli, monkeypatch):
    installed(monkeypatch, numpy="1.26.4")
    result = cli("doctor")
    assert result.exit_code == 1
    assert 'numpy 1.26.4 numpy>=2.1 is needed -> pip install "numpy>=2.1"' in " ".join(result.stdout.split())
    assert "zeroshot cannot work here yet." in result.stdout
    told = json.loads(cli("doctor", "--json").stdout)
    assert [name for name, each in told["packages"].items() if not each["ok"]] == ["numpy"]
    assert not told["usable"]


def test_doctor_on_an_outdated_package_that_is_optional(cli, monkeypatch):
    installed(monkeypatch, torchvision="0.20")
    result = cli("doctor")
    assert result.exit_code == 0
    assert 'torchvision>=0.25 is needed -> pip install "torchvision>=0.25"' in " ".join(result.stdout.split())


def test_doctor_on_an_outdated_package_of_an_extra(cli, monkeypatch):
    installed(monkeypatch, ziglang="0.9.1")
    result = cli("doctor")
    assert result.exit_code == 0
    assert "outdated: ziglang 0.9.1 (ziglang>=0.17 is needed) -> In the source" in " ".join(result.stdout.split())
    told = json.loads(cli("doctor", "--json").stdout)
    assert told["extras"]["mcu"]["outdated"] == ["ziglang 0.9.1 (ziglang>=0.17 is needed)"]
    assert told["extras"]["export"] == {"missing": [], "outdated": [], "fix": None}


@pytest.mark.parametrize(
    ("found", "ok"),
    [
        ("2.0", True), ("2.0.0", True), ("2.10.1", True), ("10.0", True), ("2.1.0rc1", True), ("2.6.0+cpu", True),
        ("2.0.0rc1", False), ("1.99", False), ("3!1.0", True), ("no version", False),
    ],
)  # fmt: skip
def test_versions_are_compared_as_versions(monkeypatch, found, ok):
    installed(monkeypatch, numpy=found)
    assert installation.package(Requirement("numpy>=2.0"))["ok"] is ok
    assert (not installation.extra("x", [Requirement("numpy>=2.0")])["outdated"]) is ok


def test_doctor_without_the_library_that_reads_versions(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "packaging.requirements", None)
    result = cli("doctor")
    assert result.exit_code == 1
    assert "pip install packaging" in result.stderr


DECLARED = """Metadata-Version: 2.4
Name: zeroshot-mcu
Version: 1
Requires-Dist: everywhere>=2
Requires-Dist: here>=3; python_version >= "3.11"
Requires-Dist: elsewhere>=3; python_version < "3.11"
Provides-Extra: x
Requires-Dist: with-x>=1,<2; extra == "x"
Requires-Dist: elsewhere-with-x; python_version < "3.11" and extra == "x"
Provides-Extra: empty
"""


def test_requirements_are_those_of_this_machine(monkeypatch):
    monkeypatch.setattr(installation, "metadata", lambda name: message_from_string(DECLARED))
    required, extras = installation.requirements()
    assert {name: str(each.specifier) for name, each in required.items()} == {"everywhere": ">=2", "here": ">=3"}
    ((each,), nothing) = extras["x"], extras["empty"]
    assert (each.name, each.specifier) == ("with-x", "<2,>=1")
    assert nothing == []


def test_requirements():
    required, extras = installation.requirements()
    assert str(required["torch"].specifier).startswith(">=")
    assert "pytest" in [each.name for each in extras["dev"]]
    assert "pytest" not in required


def test_licences_of_all_that_is_used_are_listed(cli):
    """Packages that a required one needs in turn, too; the oracle is a package's own metadata."""
    rows = {each["package"]: each for each in json.loads(cli("doctor", "--licences", "--json").stdout)["licences"]}
    assert {"zeroshot-mcu", "torch", "numpy", "sympy"} <= rows.keys()  # torch needs sympy
    assert rows["zeroshot-mcu"]["licence"] == "Apache-2.0"
    assert rows["numpy"]["version"] == version("numpy")
    assert all(each["licence"] for each in rows.values())
    assert "torch" in cli("doctor", "--licences").stdout
