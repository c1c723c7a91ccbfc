"""Compilers for the firmware: zig from pip, arm-none-eabi-gcc where it is installed; the system's own for the host."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from zeroshot.errors import ToolchainError, pip_install, unknown
from zeroshot.firmware.c_files import template
from zeroshot.firmware.elf import Elf, read_elf
from zeroshot.firmware.isa import RISCV

# Core -> its name for zig. DSP is an option of the Cortex-M33 that its boards have.
CORES = {
    "cortex-m0plus": "cortex_m0plus", "cortex-m3": "cortex_m3", "cortex-m4": "cortex_m4", "cortex-m7": "cortex_m7",
    "cortex-m33": "cortex_m33+dsp",
}  # fmt: skip
_ZIG = CORES | {"cortex-m55": "cortex_m55-mve"}  # only QEMU emulates it
_RISCV = {RISCV: "generic_rv32+m+c"}  # as the ESP32-C3 has it
TOOLCHAINS = ("zig", "gcc")
FLAGS = (
    "-std=c99", "-O2", "-fno-unroll-loops", "-fomit-frame-pointer", "-ffreestanding", "-fno-builtin",
    "-ffunction-sections", "-fdata-sections", "-Wall", "-Wextra", "-Werror",
)  # fmt: skip
HOST_FLAGS = ("-std=c99", "-O1", "-Wall", "-Wextra", "-Werror")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
SECONDS = 300  # of one compilation
GCC = "arm-none-eabi-gcc"


@dataclass(frozen=True)
class Toolchain:
    """A cross compiler.

    Attributes:
        name: One of `TOOLCHAINS`.
        command: How it is called.
    """

    name: str
    command: tuple[str, ...]

    def target(self, core: str) -> list[str]:
        """Flags for a core.

        Raises:
            ToolchainError: It does not compile for that core.
        """
        if core in _RISCV:
            if self.name != "zig":
                raise ToolchainError(f"{self.command[0]} does not compile for a {core}.", "Use `toolchain` zig.")
            return ["-target", "riscv32-freestanding", f"-mcpu={_RISCV[core]}", "-g0"]
        if self.name == "zig":
            return ["-target", "thumb-freestanding-eabi", f"-mcpu={_ZIG[core]}", "-g0"]
        return [f"-mcpu={core}", "-mthumb"]


def find_toolchain(name: str | None = None) -> Toolchain:
    """The toolchain of a name, or else the first that is installed.

    Raises:
        UsageError: Unknown name.
        ToolchainError: It is not installed.
    """
    if name is not None and name not in TOOLCHAINS:
        raise unknown("toolchain", name, TOOLCHAINS)
    if name != "gcc" and importlib.util.find_spec("ziglang") is not None:
        return Toolchain("zig", (sys.executable, "-m", "ziglang", "cc"))
    gcc = shutil.which(GCC)
    if name != "zig" and gcc is not None:
        return Toolchain("gcc", (gcc,))
    missing = "ziglang" if name == "zig" else GCC if name == "gcc" else f"ziglang or {GCC}"
    raise ToolchainError(
        f"No compiler for the firmware: {missing} is not installed.",
        f"Install {GCC}." if name == "gcc" else pip_install("mcu"),
    )


def build_firmware(sources: dict[str, str], keep: Iterable[str], core: str, toolchain: Toolchain) -> Elf:
    """`link` for the memory of `zeroshot.firmware.emulate`, parsed; arguments and errors as there."""
    return read_elf(link(sources, keep, core, toolchain, template("emulate.ld")))


def link(sources: dict[str, str], keep: Iterable[str], core: str, toolchain: Toolchain, script: str) -> bytes:
    """Compile and link C files for a core; what the kept functions do not need is dropped.

    Args:
        sources: File name -> text; headers lie beside the .c files.
        keep: Functions that will be called; the first is the entry point.
        core: One of `CORES`, cortex-m55 or rv32imc, which zig alone compiles for.
        toolchain: What compiles.
        script: Of the linker.

    Returns:
        An ELF image.

    Raises:
        UsageError: Unknown core.
        ToolchainError: The compiler failed.
    """
    if core not in _ZIG | _RISCV:
        raise unknown("core", core, _ZIG | _RISCV)
    with tempfile.TemporaryDirectory() as folder:
        where, out = Path(folder) / "memory.ld", Path(folder) / "firmware.elf"
        files = _write(Path(folder), sources | {"freestanding.c": template("freestanding.c")})
        where.write_text(script, encoding="utf-8")
        names = list(keep)
        _run([
            *toolchain.command, *toolchain.target(core), *FLAGS, "-nostdlib", f"-Wl,-T,{where}", "-Wl,--gc-sections",
            f"-Wl,-e,{names[0]}", *(f"-Wl,-u,{name}" for name in names), "-o", str(out), *files,
            *(["-lgcc"] if toolchain.name == "gcc" else []),
        ])  # fmt: skip
        return out.read_bytes()


def build_host(sources: dict[str, str], out: Path, *, sanitize: bool = True) -> bool:
    """Compile C files with a main for this machine.

    Args:
        sources: File name -> text.
        out: The program.
        sanitize: Check addresses and undefined behaviour at run time, where the compiler can.

    Returns:
        Whether it is sanitized.

    Raises:
        ToolchainError: There is no compiler, or it failed.
    """
    command = _host_compiler()
    with tempfile.TemporaryDirectory() as folder:
        files = _write(Path(folder), sources)
        if sanitize and _sanitizes(tuple(command)):
            _run([*command, *HOST_FLAGS, *SANITIZERS, "-g", "-o", str(out), *files])
            return True
        _run([*command, *HOST_FLAGS, "-o", str(out), *files])
        return False


def has_host_compiler() -> bool:
    """Whether `build_host` finds one."""
    try:
        return bool(_host_compiler())
    except ToolchainError:
        return False


def _host_compiler() -> list[str]:
    for name in filter(None, (os.environ.get("CC"), "cc", "gcc", "clang")):
        path = shutil.which(name)
        if path is not None:
            return [path]
    if importlib.util.find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc"]
    raise ToolchainError("No C compiler for this machine was found.", pip_install("mcu"))


@cache
def _sanitizes(command: tuple[str, ...]) -> bool:
    """Whether a sanitized program builds and runs: libraries or permissions may be missing."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "sanitized.c", Path(folder) / "sanitized"
        source.write_text("int main(void) { return 0; }\n", encoding="utf-8")
        try:
            _run([*command, *SANITIZERS, "-o", str(out), str(source)])
            return subprocess.run([out], capture_output=True, timeout=SECONDS, check=False).returncode == 0
        except (ToolchainError, OSError, subprocess.TimeoutExpired):
            return False


def _write(folder: Path, sources: dict[str, str]) -> list[str]:
    for name, text in sources.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [str(folder / name) for name in sources if name.endswith(".c")]


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolchainError(f"The compiler did not run: {error}.", "Try another one with `toolchain`.") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()[-3:]
        raise ToolchainError(f"The compiler failed: {' '.join(lines[:3])}", "Try another one with `toolchain`.")
