"""Rules of the house that no other test sees: import arrows, private modules, nothing dangerous, errors with words."""

import ast
from pathlib import Path

import pytest

from .sources import BENCHMARKS, ENGINE, MODULES, ROOT, imports, tree

# Rooms, low to high: a room is a package, or a module that lies flat; those of one line are one room. A room imports
# only rooms on lines above its own, and of another package never a module whose name starts with an underscore.
ROOMS = (
    "errors types _quiet units options resolution workers strided",
    "frontend",
    "net build",
    "tracing",
    "data signals",
    "runs",
    "spaces",
    "constants cost",
    "cascade",
    "int8",
    "probing",
    "scoring",
    "testing",
    "accuracy",
    "training",
    "searching",
    "pruning",
    "quantization",
    "firmware daily",
    "bench reporting",
)
# Reads the pickles that others publish through an Unpickler that looks nothing up; its own tests hold it to that.
CONVERTER, NO_CODE = "zeroshot.bench.official", {"Unpickler", "UnpicklingError"}
PROXIES_MAY = {"zeroshot.net", "zeroshot.probing.probe", "zeroshot.cost.counts", "zeroshot.errors", "zeroshot.types"}
LISTS = {"zeroshot.proxies": {"zeroshot.scoring.plugins"}}  # the package, called, lists what is installed


def room(name: str) -> int | None:
    """The line of `ROOMS` that a module stands in; None for the package itself, which loads its names when asked."""
    package = name.split(".")[1] if "." in name else ""
    return next((height for height, names in enumerate(ROOMS) if package in names.split()), None)


def private(name: str, other: str) -> bool:
    """Whether a module belongs to another package alone."""
    mine, theirs = name.split(".")[1:2], other.split(".")
    return theirs[1:2] != mine and any(part.startswith("_") for part in theirs[2:])


def test_the_reader_of_imports_sees_every_form(tmp_path, monkeypatch):
    """Else the tests below could not fail."""
    path = tmp_path / "x.py"
    path.write_text(
        "import a.b\nfrom . import net\nfrom .cost import Sibling\nfrom zeroshot.data import load\n"
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from t import T\nelse:\n    import e\n"
        "def f():\n    from zeroshot.probing import probe\n    try:\n        import late\n"
        "    except ImportError:\n        pass\n"
    )
    monkeypatch.setitem(MODULES, "zeroshot.x", path)
    run = {"a.b", "zeroshot.net", "zeroshot.cost", "zeroshot.data", "typing", "e", "zeroshot.probing.probe", "late"}
    assert imports("zeroshot.x") == run
    assert imports("zeroshot.x", for_types=True) == run | {"t"}


def test_every_module_of_the_engine_has_a_room():
    assert {name for name in set(ENGINE) - {"zeroshot"} if room(name) is None} == set()
    assert len(ENGINE) > 20
    assert len(ROOMS) <= 20


@pytest.mark.parametrize("name", sorted(set(ENGINE) - {"zeroshot"}))
def test_a_room_imports_only_rooms_below_it(name):
    """Imports inside functions and for type checkers alone included."""
    ours = {other for other in imports(name, for_types=True) if other.startswith("zeroshot.")}
    assert {other for other in ours if room(other) is None or room(other) > room(name)} == set()


def test_the_package_itself_is_asked_for_names_in_few_places():
    """It loads what it is asked for, whatever the room: the later stages as methods of a result, and the version."""
    asking = {name for name in set(ENGINE) - {"zeroshot"} if "zeroshot" in imports(name, for_types=True)}
    assert asking == {"zeroshot.runs.steps", "zeroshot.firmware.tflite", "zeroshot.frontend.c_text"}
    by_name = {name for name in ENGINE if "import_module" in MODULES[name].read_text(encoding="utf-8")}
    assert by_name <= {"zeroshot", "zeroshot.data.torchvision"}


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"zeroshot"}))
def test_a_package_keeps_its_private_modules(name):
    assert {other for other in imports(name) if other in MODULES and private(name, other)} == set()


def private_uses(path: Path) -> set[str]:
    """What a module takes from zeroshot that is not public: modules and names with an underscore, attributes of others.

    Attributes of `self` and `cls` are a module's own; what another object keeps to itself may be zeroshot's.
    """
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if hidden(alias.name)}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names if hidden(f"{node.module}.{alias.name}")}
        elif isinstance(node, ast.Attribute) and hidden(node.attr) and ast.unparse(node.value) not in ("self", "cls"):
            found.add(ast.unparse(node))
    return found


def hidden(name: str) -> bool:
    """Whether a dotted name has a part with one underscore in front."""
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def test_private_uses_are_seen(tmp_path):
    """Else the test below could not fail."""
    path = tmp_path / "x.py"
    path.write_text(
        "import zeroshot._a\nfrom zeroshot import _b\nfrom zeroshot.c._d import e\nfrom zeroshot.f import _g\n"
        "from zeroshot.h import i\nself._mine = i\ni._j()\ni.__name__\n"
    )
    assert private_uses(path) == {"zeroshot._a", "zeroshot._b", "zeroshot.c._d.e", "zeroshot.f._g", "i._j"}


@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_benchmarks_use_what_is_public(name):
    assert private_uses(BENCHMARKS[name]) == set()


def test_nothing_but_commands_uses_the_page_of_a_run():
    """The package itself and the results' methods load it by its name, when they are asked for it."""
    users = {name for name in MODULES if any(each.startswith("zeroshot.reporting") for each in imports(name))}
    assert {name for name in users if not name.startswith("zeroshot.reporting")} == {"zeroshot.cli.report"}


def test_benchmarks_are_found_and_nothing_of_the_wheel_knows_them():
    assert {"benchmarks", "benchmarks.cifar10", "benchmarks.pair_truth.__main__"} <= set(BENCHMARKS)
    used = {(name, other) for name in MODULES for other in imports(name) if other.split(".")[0] == "benchmarks"}
    assert used == set()


def test_few_modules_lie_flat():
    flat = {path.name for path in (ROOT / "zeroshot").glob("*.py")}
    assert len(flat) <= 12
    assert len({name for name in flat if name.startswith("_") and name != "__init__.py"}) <= 3


def test_no_module_imports_itself_in_a_circle():
    """Depth-first search over all modules, imports inside functions included."""
    graph = {name: sorted(imports(name) & set(MODULES)) for name in MODULES}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            for other in graph[name]:
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())
    assert done == set(MODULES)


def test_the_engine_knows_neither_its_proxies_nor_its_commands():
    upward = {
        (name, other)
        for name in ENGINE
        for other in imports(name)
        if other.startswith(("zeroshot.proxies", "zeroshot.cli", "proxies", "cli."))
    }
    assert upward == set()


def test_proxies_import_only_what_a_proxy_needs():
    names = [name for name in MODULES if name.startswith("zeroshot.proxies")]
    assert len(names) >= 6
    for name in names:
        ours = {other for other in imports(name) if other.split(".")[0] == "zeroshot"}
        assert {other for other in ours if not other.startswith("zeroshot.proxies")} <= PROXIES_MAY | LISTS.get(
            name, set()
        )


@pytest.mark.parametrize("package", ["zeroshot.proxies", "zeroshot.cli"])
def test_siblings_are_imported_relatively_and_the_engine_absolutely(package):
    """The folders are not importable under their own names: `import cli` must never work."""
    for name in MODULES:
        if name != package and not name.startswith(f"{package}."):
            continue
        for node in ast.walk(tree(MODULES[name])):
            if isinstance(node, ast.Import):
                assert not [a.name for a in node.names if a.name.startswith((package, "cli", "proxies"))]
            elif isinstance(node, ast.ImportFrom):
                assert node.level <= 1
                assert node.level or not (node.module or "").startswith((package, "cli", "proxies"))


def test_the_engine_imports_absolutely():
    relative = [
        (name, node.lineno)
        for name, path in ENGINE.items()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


@pytest.mark.parametrize("name", sorted(MODULES))
def test_nothing_dangerous_or_unwanted_is_used(name):
    """No click beside typer, no pickles, no code from strings, no print in the engine, no assert for input."""
    found = []
    unwanted = {other.split(".")[0] for other in imports(name)} & {"click", "pickle", "cloudpickle", "dill"}
    assert unwanted == ({"pickle"} if name == CONVERTER else set())
    for node in ast.walk(tree(MODULES[name])):
        if isinstance(node, ast.Assert):
            found.append(("assert", node.lineno))
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pickle" and node.attr not in NO_CODE:
            found.append((node.attr, node.lineno))
        elif isinstance(node, ast.ExceptHandler) and node.type is None:
            found.append(("bare except", node.lineno))
        elif isinstance(node, ast.Call):
            called, given = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
            if called == "torch.load" and given.get("weights_only") != "True":
                found.append((called, node.lineno))
            if called.endswith("np.load") and given.get("allow_pickle", "False") != "False":
                found.append((called, node.lineno))
            if called in {"eval", "exec"} or (called == "print" and name in ENGINE):
                found.append((called, node.lineno))
            if given.get("shell") == "True":
                found.append(("shell", node.lineno))
    assert found == []


def test_package_exceptions_always_carry_a_message():
    """Every `raise` of one of ours, and every one that is built, has a message that is not empty."""
    ours = {n.name for n in ast.walk(tree(MODULES["zeroshot.errors"])) if isinstance(n, ast.ClassDef)}
    ours |= {"ProxyUndefined"}
    assert {"ZeroshotError", "UsageError", "RunError"} <= ours
    seen = 0
    for name, path in MODULES.items():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name):
                assert node.exc.id not in ours, f"{name}:{node.lineno}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ours:
                seen += 1
                message = node.args[0] if node.args else None
                assert message is not None, f"{name}:{node.lineno}"
                assert not (isinstance(message, ast.Constant) and not message.value), f"{name}:{node.lineno}"
    assert seen > 30
