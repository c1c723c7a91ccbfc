"""The exported C on this machine, with address and undefined-behaviour checks where the compiler has them."""

import subprocess
import tempfile
from pathlib import Path
from string import Template

import numpy as np

from zeroshot.errors import VerifyError
from zeroshot.firmware.answers import Answers, Images, check_images
from zeroshot.firmware.c_cascade import Cascade, cascade_sources, template
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
    values = {
        "name": "cascade", "NAME": "CASCADE", "host_arguments": "little" if cascade.shares_input else "little, big",
    }  # fmt: skip
    sources = cascade_sources(cascade, "cascade") | {"host.c": Template(template("host.c")).substitute(values)}
    n = len(images)
    stream = np.concatenate([images.little.reshape(n, -1), images.big.reshape(n, -1)], axis=1).tobytes()
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "cascade"
        sanitized = build_host(sources, program, sanitize=sanitize)
        try:
            done = subprocess.run([program], input=stream, capture_output=True, timeout=SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise VerifyError(f"The cascade did not run on this machine: {error}.", "Free some memory?") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise VerifyError(f"The cascade failed on this machine: {' '.join(said[:3])}", "This is a defect; report it.")
    return _parse(done.stdout, n, cascade.little.classes), sanitized


def _parse(raw: bytes, n: int, classes: int) -> Answers:
    size = 6 + 2 * classes
    if len(raw) != n * size:
        raise VerifyError(f"The cascade answered {len(raw) // size} images of {n}.", "This is a defect; report it.")
    rows = np.frombuffer(raw, np.uint8).reshape(n, size).astype(np.int64)
    logits = np.frombuffer(raw, np.int8).reshape(n, size)[:, 6:].astype(np.int64)
    return Answers(
        rows[:, 0] + 256 * rows[:, 1], rows[:, 2] + 256 * rows[:, 3], rows[:, 4], rows[:, 5],
        logits[:, :classes], logits[:, classes:],
    )  # fmt: skip
