"""The Python files of the house under the names that import them, and what each imports."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = {"zeroshot": ROOT / "zeroshot", "zeroshot.proxies": ROOT / "proxies", "zeroshot.cli": ROOT / "cli"}


def modules() -> dict[str, Path]:
    """Import name -> file, of everything that the wheel holds."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join([package, *parts]).removesuffix(".__init__")] = path
    return found


def benchmarks() -> dict[str, Path]:
    """Import name -> file of the scripts, which no wheel holds."""
    names = {
        path: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "benchmarks").rglob("*.py")
    }
    return {name.removesuffix(".__init__"): path for path, name in sorted(names.items())}


MODULES = modules()
BENCHMARKS = benchmarks()
ENGINE = {name: path for name, path in MODULES.items() if not name.startswith(("zeroshot.proxies", "zeroshot.cli"))}


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def executed(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below, functions included, without what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if only_for_types(child):
            for other in child.orelse:
                yield other
                yield from executed(other)
            continue
        yield child
        yield from executed(child)


@functools.cache
def imports(name: str, *, for_types: bool = False) -> set[str]:
    """Absolute names of the modules that a module imports anywhere; `from a import b` is a.b where that is a module.

    Args:
        name: Of the module.
        for_types: Also what only type checkers read.
    """
    path = MODULES[name]
    found = set()
    for node in ast.walk(tree(path)) if for_types else executed(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = name if path.name == "__init__.py" else name.rpartition(".")[0]
                stem = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*stem, *([node.module] if node.module else [])])
            below = {f"{base}.{alias.name}" for alias in node.names}
            whole = {n for n in below if n in MODULES}
            found |= whole
            found |= {base} if below - whole else set()
    return found
