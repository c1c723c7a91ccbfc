"""A program that is killed at a known write, or at any moment."""

import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path
from typing import Any

import pytest


class Killed(BaseException):
    """As abrupt as a signal: no handler of ours catches it."""


@contextmanager
def killed_before_write(number: int) -> Iterator[None]:
    """What is done inside ends before file `number`, counted from 0, gets its name; it must come to that."""
    real, count = os.replace, 0

    def replace_or_die(*args: Any) -> None:
        nonlocal count
        count += 1
        if count == number + 1:
            raise Killed
        real(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", replace_or_die)
        with pytest.raises(Killed):
            yield


@dataclass(frozen=True)
class Kill:
    """When a process is killed.

    Attributes:
        how: "before" or "after" a file gets its name, "within" the writing of one, "unlink" before one is removed, or
            "time" after so many hundredths of the time that the work takes.
        number: Of that event, counted from 0; of "time" the hundredths.
    """

    how: str
    number: int

    def __str__(self) -> str:
        return f"{self.how}-{self.number}"


def killed(kill: Kill, work: Callable[[], object], seconds: float) -> bool:
    """Do some work in a child process that a signal kills, which no handler catches: whether it came to that.

    Args:
        kill: When.
        work: What; what it raises is printed, and fails the test.
        seconds: That the work takes without a kill.
    """
    child = os.fork()
    if child == 0:
        code = 3
        try:
            if kill.how != "time":
                _die_at(kill)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    if kill.how == "time":
        time.sleep(seconds * kill.number / 100)
        os.kill(child, signal.SIGKILL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"the work failed, not to be killed: {kill}"
            return os.WIFSIGNALED(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise AssertionError(f"the child hangs at {kill}")


def _die_at(kill: Kill) -> None:
    """Let this process kill itself at an event."""
    count = -1

    def now() -> bool:
        nonlocal count
        count += 1
        return count == kill.number

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    replace, fdopen, unlink = os.replace, os.fdopen, os.unlink

    def replacing(*args: Any) -> None:
        last = now()
        if last and kill.how == "before":
            die()
        replace(*args)
        if last:
            die()

    def unlinking(*args: Any, **more: Any) -> None:
        if now():
            die()
        unlink(*args, **more)

    def opening(*args: Any, **more: Any) -> Any:
        file = fdopen(*args, **more)
        if not now():
            return file
        return _Half(file)

    if kill.how in ("before", "after"):
        os.replace = replacing
    elif kill.how == "unlink":
        os.unlink = unlinking
    elif kill.how == "within":
        os.fdopen = opening


class _Half:
    """A file of which half is written, and no more ever is."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def __enter__(self) -> "_Half":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, raw: bytes) -> None:
        self.file.write(raw[: len(raw) // 2])
        self.file.flush()
        os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """A disk that takes so many bytes more, of what is written whole or appended."""
    left, fdopen, opened = size, os.fdopen, Path.open

    class Full:
        """A file on it."""

        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def write(self, raw: Any) -> int:
            nonlocal left
            fits = raw[:left]
            left -= len(fits)
            self.file.write(fits)
            if len(fits) < len(raw):
                raise OSError(ENOSPC, os.strerror(ENOSPC))
            return len(raw)

    def opening(path: Path, mode: str = "r", *args: Any, **more: Any) -> Any:
        file = opened(path, mode, *args, **more)
        return Full(file) if mode in ("a", "w", "wb") else file

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdopen", lambda *args, **more: Full(fdopen(*args, **more)))
        patch.setattr(Path, "open", opening)
        yield
