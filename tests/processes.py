"""The program in a process of its own, and interrupts that reach it at a known moment."""

import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

PROGRAM = (sys.executable, "-c", "from zeroshot.cli import main; main()")


def interrupted(arguments: tuple, when: Callable[[], bool], env: Mapping[str, str] | None = None) -> str:
    """What a command says on stderr that is interrupted as soon as `when` holds; it ends as an interrupt should."""
    process = subprocess.Popen(
        [*PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "COLUMNS": "80"} if env is None else env,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None and not when():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    return err


def continuation(err: str) -> list[str]:
    """The words behind `zeroshot` of the command that an interrupted one names last."""
    program, *words = shlex.split(err.splitlines()[-1].removeprefix("hint: continue with: "))
    assert program == "zeroshot"
    return words


def on_a_terminal(args: Sequence[str], env: Mapping[str, str]) -> str:
    """What a command prints on a terminal, stdout and stderr together."""
    master, slave = pty.openpty()
    process = subprocess.Popen([*PROGRAM, *args], env=env, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    parts = []
    while True:
        try:
            parts.append(os.read(master, 65536))
        except OSError:  # the other end is closed
            break
        if not parts[-1]:
            break
    os.close(master)
    assert process.wait(timeout=60) == 0
    return b"".join(parts).decode()
