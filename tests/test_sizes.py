"""Small pieces: how long files are, how many values a call takes, how deep imports go."""

import ast
from pathlib import Path
from statistics import median

import pytest

from .sources import ROOT, tree

FOLDERS = ("zeroshot", "proxies", "cli", "benchmarks", "tests")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
LONGEST, MEDIAN, VALUES = 400, 150, 8


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_files_are_short():
    assert len(FILES) > 300
    assert {str(path.relative_to(ROOT)): lines(path) for path in FILES if lines(path) > LONGEST} == {}
    for folder in FOLDERS:
        assert median(lines(path) for path in FILES if path.is_relative_to(ROOT / folder)) <= MEDIAN


@pytest.mark.parametrize("folder", ["zeroshot", "proxies", "benchmarks"])
def test_no_call_takes_more_than_eight_values_without_names(folder):
    """Commands are left out: typer calls them by name."""
    found = {}
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef):
                count = len(node.args.posonlyargs) + len(node.args.args)
                if count > VALUES:
                    found[f"{path.relative_to(ROOT)}:{node.name}"] = count
    assert found == {}


def fields(node: ast.ClassDef) -> int:
    """Fields that a dataclass takes by position."""
    made = [ast.unparse(each) for each in node.decorator_list if "dataclass" in ast.unparse(each)]
    if not made or "kw_only=True" in made[0] or "init=False" in made[0]:
        return 0
    return sum(isinstance(each, ast.AnnAssign) and "ClassVar" not in ast.unparse(each) for each in node.body)


def test_no_constructor_is_given_more_than_eight_values_without_names():
    """A dataclass may have more fields; whoever makes one of those names them."""
    large = {
        node.name
        for path in FILES
        if "tests" not in path.relative_to(ROOT).parts
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and fields(node) > VALUES
    }
    assert {"NetCosts", "SearchResult"} & large or len(large) > 3
    found = []
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                if name in large and len(node.args) > VALUES:
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno} {name}")
    assert found == []
