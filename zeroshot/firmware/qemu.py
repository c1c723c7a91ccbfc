"""Firmware on whole boards that QEMU emulates, where qemu-system-arm is installed: a second opinion, and the M55.

The same main as for this machine reads images and writes answers, through files that semihosting lends the board.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from string import Template

from zeroshot.errors import ToolchainError, VerifyError, unknown
from zeroshot.firmware.answers import Answers, Images, check_images
from zeroshot.firmware.c_cascade import Cascade, cascade_sources
from zeroshot.firmware.c_files import template
from zeroshot.firmware.calls import calls, parse_calls
from zeroshot.firmware.decisions import Said, Samples
from zeroshot.firmware.host import host_main, parse_answers, stream, stream_main
from zeroshot.firmware.toolchain import Toolchain, link

QEMU = "qemu-system-arm"
# Core -> machine, start and bytes of read-only memory, start and bytes of RAM.
MACHINES = {
    "cortex-m3": ("mps2-an385", 0x0, 4 * 2**20, 0x20000000, 4 * 2**20),
    "cortex-m4": ("mps2-an386", 0x0, 4 * 2**20, 0x20000000, 4 * 2**20),
    "cortex-m7": ("mps2-an500", 0x0, 4 * 2**20, 0x20000000, 4 * 2**20),
    "cortex-m55": ("mps3-an547", 0x10000000, 512 * 2**10, 0x31000000, 4 * 2**20),
}
SECONDS = 3600


def has_qemu() -> bool:
    """Whether it is installed."""
    return shutil.which(QEMU) is not None


def qemu_answers(cascade: Cascade, images: Images, core: str, toolchain: Toolchain) -> Answers:
    """Run a cascade on an emulated board.

    Args:
        cascade: The pair.
        images: For both nets.
        core: One of `MACHINES`.
        toolchain: What compiles.

    Raises:
        UsageError: Unknown core, or the images do not fit.
        ToolchainError: QEMU or the compiler are missing, or failed.
        VerifyError: The board did not answer.
    """
    check_images(cascade, images)
    sources = cascade_sources(cascade, "cascade") | {"host.c": host_main(cascade, "cascade")}
    raw = _run(sources, stream(images), core, toolchain)
    return parse_answers(raw, len(images), cascade.little.classes)


def qemu_decisions(
    cascade: Cascade, samples: Samples, sizes: Sequence[int], core: str, toolchain: Toolchain
) -> list[Said]:
    """Feed a cascade on an emulated board; arguments and errors as `qemu_answers` and `host_decisions`."""
    sources = cascade_sources(cascade, "cascade") | {"host.c": stream_main("cascade")}
    return parse_calls(_run(sources, calls(samples, sizes), core, toolchain), len(sizes))


def _run(sources: dict[str, str], given: bytes, core: str, toolchain: Toolchain) -> bytes:
    """What a program for this machine, with a main in host.c, writes on a board."""
    if core not in MACHINES:
        raise unknown("core", core, MACHINES)
    qemu = shutil.which(QEMU)
    if qemu is None:
        raise ToolchainError(f"{QEMU} is not installed; only it emulates boards.", f"Install {QEMU}.")
    machine, rom, rom_bytes, ram, ram_bytes = MACHINES[core]
    script = Template(template("board.ld")).substitute(
        rom=hex(rom), rom_bytes=hex(rom_bytes), ram=hex(ram), ram_bytes=hex(ram_bytes)
    )
    sources = sources | {
        "host.c": sources["host.c"].replace("<stdio.h>", '"stdio.h"'),
        "semihost.c": template("semihost.c"),
        "stdio.h": template("semihost_stdio.h"),
    }
    image = link(sources, ["reset"], core, toolchain, script)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "firmware.elf").write_bytes(image)
        (Path(folder) / "images.bin").write_bytes(given)
        command = [
            qemu, "-M", machine, "-nographic", "-monitor", "none", "-serial", "none", "-semihosting-config",
            "enable=on,target=native", "-kernel", "firmware.elf",
        ]  # fmt: skip
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, timeout=SECONDS, check=False)
            raw = (Path(folder) / "answers.bin").read_bytes()
        except (OSError, subprocess.TimeoutExpired) as error:
            raise VerifyError(f"The emulated board {machine} gave no answers: {error}.", "Report this.") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise VerifyError(f"The emulated board {machine} failed: {' '.join(said[:2])}", "This is a defect; report it.")
    return raw
