"""The wheel, built for real: what it holds, what it claims, what it tells pip."""

import importlib.metadata
import subprocess
import sys
import tomllib
import zipfile

import pytest

import zeroshot

from .sources import FOLDERS, MODULES, ROOT


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Built from a copy, so that nothing is left in the tree."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    tracked = ["pyproject.toml", "README.md", "LICENSE"]
    for path in [ROOT / name for name in tracked if (ROOT / name).exists()]:
        (source / path.name).write_bytes(path.read_bytes())
    for folder in ("zeroshot", "proxies", "cli"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and (path.suffix in {".py", ".toml", ".typed"} or path.parent.name in {"c", "templates"}):
                target = source / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    build = "import sys, setuptools.build_meta as b; print(b.build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(out)], capture_output=True, text=True, timeout=120, cwd=source, check=False
    )
    assert done.returncode == 0, done.stderr
    (path,) = out.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_the_wheel_holds_every_module_under_its_import_name_and_no_other(wheel):
    expected = set()
    for package, folder in FOLDERS.items():
        for path in folder.rglob("*.py"):
            expected.add("/".join([*package.split("."), *path.relative_to(folder).parts]))
    assert {name for name in wheel.namelist() if name.endswith(".py")} == expected
    assert len(expected) > 30


def test_the_wheel_claims_no_other_top_level_name(wheel):
    """A wheel with a module called cli overwrites other people's."""
    top = {name.split("/")[0] for name in wheel.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"zeroshot"}
    assert len(top) == 2


def test_the_wheel_holds_the_data_files(wheel):
    names = set(wheel.namelist())
    boards = {f"zeroshot/cost/boards/{path.name}" for path in (ROOT / "zeroshot/cost/boards").glob("*.toml")}
    assert len(boards) >= 5
    assert boards | {"zeroshot/constants.toml", "zeroshot/cost/engines.toml", "zeroshot/py.typed"} <= names
    rooms = ("firmware", "frontend")
    sources = {
        f"zeroshot/{room}/c/{path.name}" for room in rooms for path in (ROOT / "zeroshot" / room / "c").iterdir()
    }
    templates = {f"zeroshot/reporting/templates/{p.name}" for p in (ROOT / "zeroshot/reporting/templates").iterdir()}
    assert {"page.html", "style.css", "script.js"} <= {name.rpartition("/")[2] for name in templates}
    assert templates <= names
    assert len(sources) >= 14
    assert sources <= names
    assert not [name for name in names if name.endswith((".nbi", ".nbc", ".pyc"))]


def test_the_wheel_has_its_licence_and_entry_points(wheel):
    """Sections are read as a packaging tool does; the project file is the oracle."""
    (licence,) = [name for name in wheel.namelist() if name.endswith("LICENSE")]
    assert "Apache License" in wheel.read(licence).decode()
    (name,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    lines = wheel.read(name).decode().split()
    assert lines.index("[zeroshot.proxies]") < lines.index("builtin") + 1
    assert "[console_scripts]" in lines
    assert "zeroshot.cli:main" in lines
    (name,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
    metadata = wheel.read(name).decode()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"Name: {project['name']}\nVersion: {zeroshot.__version__}\n" in metadata
    assert "License-Expression: Apache-2.0" in metadata


def test_the_package_list_of_the_project_file_is_complete():
    """A forgotten subpackage is silently absent from the wheel."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert set(listed) >= {name for name, path in MODULES.items() if path.name == "__init__.py"}
    assert len(listed) == len(set(listed))


def test_the_version_stands_in_one_place():
    """Whoever installs reads it from the package; nothing else holds a copy that could differ."""
    assert "version" not in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version:" not in (ROOT / "CITATION.cff").read_text().replace("cff-version:", "")
    assert importlib.metadata.version("zeroshot-mcu") == zeroshot.__version__
