"""The exported C on this machine, with address and undefined-behaviour checks where the compiler has them."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from string import Template

import numpy as np

from zeroshot.errors import VerifyError
from zeroshot.firmware.answers import Answers, Images, check_images
from zeroshot.firmware.c_cascade import Cascade, cascade_sources
from zeroshot.firmware.c_files import template
from zeroshot.firmware.calls import MOST, calls, parse_calls
from zeroshot.firmware.decisions import Said, Samples
from zeroshot.firmware.toolchain import build_host

SECONDS = 3600


def host_answers(cascade: Cascade, images: Images, *, sanitize: bool = True) -> tuple[Answers, bool]:
    """Run the exported C natively.

    Args:
        cascade: The pair.
        images: For both nets.
        sanitize: Stop at the first invalid access or undefined operation, where the compiler can tell.

    Returns:
        The answers, and whether the program was sanitized.

    Raises:
        UsageError: The images do not fit.
        ToolchainError: There is no compiler, or it failed.
        VerifyError: The program failed, with what a sanitizer said.
    """
    check_images(cascade, images)
    sources = cascade_sources(cascade, "cascade") | {"host.c": host_main(cascade, "cascade")}
    raw, sanitized = _run(sources, stream(images), sanitize)
    return parse_answers(raw, len(images), cascade.little.classes), sanitized


def host_decisions(
    cascade: Cascade, samples: Samples, sizes: Sequence[int], *, sanitize: bool = True
) -> tuple[list[Said], bool]:
    """Feed the exported C natively; the rest as `host_answers`.

    Args:
        cascade: The pair with its stream.
        samples: As `zeroshot.firmware.decisions.decisions` takes them.
        sizes: Samples of each call.
        sanitize: As there.

    Returns:
        What each call says, and whether the program was sanitized.
    """
    sources = cascade_sources(cascade, "cascade") | {"host.c": stream_main("cascade")}
    raw, sanitized = _run(sources, calls(samples, sizes), sanitize)
    return parse_calls(raw, len(sizes)), sanitized


def _run(sources: dict[str, str], given: bytes, sanitize: bool) -> tuple[bytes, bool]:
    """What a program writes, and whether it was sanitized."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "cascade"
        sanitized = build_host(sources, program, sanitize=sanitize)
        try:
            done = subprocess.run([program], input=given, capture_output=True, timeout=SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise VerifyError(f"The cascade did not run on this machine: {error}.", "Free some memory?") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise VerifyError(f"The cascade failed on this machine: {' '.join(said[:3])}", "This is a defect; report it.")
    return done.stdout, sanitized


def stream_main(name: str) -> str:
    """The main that reads calls and writes what they say."""
    return Template(template("host_stream.c")).substitute(name=name, NAME=name.upper(), most=MOST)


def host_main(cascade: Cascade, name: str) -> str:
    """The main that reads images and writes answers."""
    arguments = "little" if cascade.shares_input else "little, big"
    return Template(template("host.c")).substitute(name=name, NAME=name.upper(), host_arguments=arguments)


def stream(images: Images) -> bytes:
    """Images as that main reads them: each for the little net, then for the big one."""
    n = len(images)
    return np.concatenate([images.little.reshape(n, -1), images.big.reshape(n, -1)], axis=1).tobytes()


def parse_answers(raw: bytes, n: int, classes: int) -> Answers:
    """Answers as that main writes them.

    Raises:
        VerifyError: There are more or fewer than n.
    """
    size = 6 + 2 * classes
    if len(raw) != n * size:
        raise VerifyError(f"The cascade answered {len(raw) // size} images of {n}.", "This is a defect; report it.")
    rows = np.frombuffer(raw, np.uint8).reshape(n, size).astype(np.int64)
    logits = np.frombuffer(raw, np.int8).reshape(n, size)[:, 6:].astype(np.int64)
    return Answers(
        rows[:, 0] + 256 * rows[:, 1], rows[:, 2] + 256 * rows[:, 3], rows[:, 4], rows[:, 5],
        logits[:, :classes], logits[:, classes:],
    )  # fmt: skip
