"""Nets that a user names as FILE.py:FUNCTION: the file is executed, as Python would, and the function called."""

import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

from zeroshot.data.torchvision import import_torchvision
from zeroshot.errors import UsageError, ZeroshotError, unknown

if TYPE_CHECKING:
    from torch import nn

T = TypeVar("T")


def load_nets(targets: Sequence[str], seed: int = 0) -> "dict[str, nn.Module]":
    """Nets from a user's own files, each file executed once.

    The global generator of torch is seeded before each file and each function, so that a net has the same
    weights every time and whatever else is loaded; its state is put back afterwards. Files beside the named
    one can be imported.

    Args:
        targets: `FILE.py:NAME`, the name of a function without arguments that returns a `torch.nn.Module`, of a
            class of modules that takes none, or of a module itself. Repeated ones count once.
        seed: Of torch's generator.

    Raises:
        UsageError: A target has no name in it, the file or the name does not exist, the function needs
            arguments, or what it gives is no module.
        ZeroshotError: The user's code raises; the message has its error and line.
    """
    files: dict[Path, ModuleType] = {}
    nets = {}
    for target in dict.fromkeys(targets):
        path, name = _parts(target)
        with _beside(path):
            if path not in files:
                files[path] = _seeded(lambda path=path: _execute(path), path, seed)  # type: ignore[misc]
            maker = _named(files[path], path, name)
            nets[target] = _net(maker, path, name, seed)
    return nets


def _parts(target: str) -> tuple[Path, str]:
    file, colon, name = target.rpartition(":")
    if not colon or not name.isidentifier():
        raise UsageError(f"{target!r} names no function.", f"Write FILE.py:FUNCTION, like {file or target}:my_net.")
    path = Path(file).expanduser().resolve()
    if not path.is_file():
        problem = "is a folder, not a Python file" if path.is_dir() else "does not exist"
        near = sorted(each.name for each in path.parent.glob("*.py"))[:5] if path.parent.is_dir() else []
        raise UsageError(f"{file} {problem}.", f"There is {', '.join(near)}." if near else "Check the path.")
    if path.suffix != ".py":
        raise UsageError(f"{file} is not a Python file.", "Its name must end in .py.")
    return path, name


def _execute(path: Path) -> ModuleType:
    # A name of its own: a user's random.py must not become everybody's.
    name = f"zeroshot_user_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} cannot be imported.", "Its name must end in .py.")
    if "torchvision" in path.read_text(encoding="utf-8", errors="replace"):
        import_torchvision()  # where its compiled operators do not fit torch, the user's own import would fail
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and the like look their module up
    spec.loader.exec_module(module)
    return module


def _named(module: ModuleType, path: Path, name: str) -> object:
    from torch import nn

    if name in vars(module):
        return vars(module)[name]
    known = [
        each for each, value in vars(module).items()
        if not each.startswith("_")
        and (isinstance(value, nn.Module) or (callable(value) and getattr(value, "__module__", "") == module.__name__))
    ]  # fmt: skip
    if not known:
        raise UsageError(f"{path} defines no function {name!r}, nor any other.", "Write one that returns a net.")
    raise unknown("function", name, known, f"In {path}.")


def _net(maker: object, path: Path, name: str, seed: int) -> "nn.Module":
    from torch import nn

    if isinstance(maker, nn.Module):
        return maker
    if not callable(maker):
        raise UsageError(
            f"{name} in {path} is no function, but of type {type(maker).__name__}.",
            "Name a function that returns a net.",
        )
    try:
        needed = [p.name for p in inspect.signature(maker).parameters.values()
                  if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]  # fmt: skip
    except ValueError:  # written in C, and without a signature
        needed = []
    if needed:
        raise UsageError(f"{name} in {path} takes arguments: {', '.join(needed)}.",
                         "Write a function without any that calls it.")  # fmt: skip
    made = _seeded(maker, path, seed)
    if not isinstance(made, nn.Module):
        raise UsageError(
            f"{name} in {path} returns a {type(made).__name__}, not a torch.nn.Module.", "Return the net itself."
        )
    return made


def _seeded(call: Callable[[], T], path: Path, seed: int) -> T:
    """Call the user's code with a known random state, and make what it raises an error with its line."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        try:
            return call()
        except (Exception, SystemExit) as error:  # their code may raise anything
            raise ZeroshotError(
                f"{_place(error, path)} raises {_reason(error)}", "Run the file with Python."
            ) from error


def _place(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno},"
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if frame.filename == str(path)]
    return f"{path}, line {mine[-1].lineno}," if mine else str(path)


def _reason(error: BaseException) -> str:
    text = (error.msg if isinstance(error, SyntaxError) else str(error)).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else f"{type(error).__name__}."


@contextmanager
def _beside(path: Path) -> Iterator[None]:
    """Let the file import its neighbours while its code runs, as `python FILE` would."""
    before = list(sys.path)
    sys.path.insert(0, str(path.parent))
    try:
        yield
    finally:
        sys.path[:] = before
