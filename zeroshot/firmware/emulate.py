"""Firmware on an emulated Cortex-M: functions called from here, memory read and written, instructions counted.

The emulator is unicorn (GPL-2), an optional extra that is imported only inside these functions. It executes
instructions, not cycles: no wait states, no pipeline. A predicated instruction counts whether or not it takes effect.
"""

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from zeroshot.errors import ToolchainError, VerifyError, pip_install, unknown
from zeroshot.firmware.elf import Elf, Symbol

FLASH, RAM, SPACE = 0x0, 0x20000000, 16 * 2**20  # as in c/emulate.ld
RETURN = 0x00FFF000  # where functions return to; never executed
DATA = RAM + SPACE // 2  # images and results, far from the firmware's own memory
STACK = 64 * 2**10  # bytes that are painted
GUARD = 4096  # bytes behind the firmware's memory that must stay untouched
PAINT = 0xA5


@dataclass(frozen=True)
class Counts:
    """Instructions of one call.

    Attributes:
        total: Of the whole call.
        parts: From each entry into one of the marked functions to the next one; the rest before the first is not in it.
    """

    total: int
    parts: tuple[int, ...]


class Core:
    """One emulated core with a firmware image in its memory."""

    def __init__(self, elf: Elf, core: str) -> None:
        self.elf = elf
        uc, arm = _unicorn()
        models = {
            "cortex-m0plus": arm.UC_CPU_ARM_CORTEX_M0, "cortex-m3": arm.UC_CPU_ARM_CORTEX_M3,
            "cortex-m4": arm.UC_CPU_ARM_CORTEX_M4, "cortex-m7": arm.UC_CPU_ARM_CORTEX_M7,
            "cortex-m33": arm.UC_CPU_ARM_CORTEX_M33,
        }  # fmt: skip
        if core not in models:
            raise unknown("core", core, models)
        self._arm, self._block = arm, uc.UC_HOOK_BLOCK
        self._error: type[Exception] = uc.UcError
        self._uc: Any = uc.Uc(uc.UC_ARCH_ARM, uc.UC_MODE_THUMB | uc.UC_MODE_MCLASS)
        self._uc.ctl_set_cpu_model(models[core])
        self._uc.mem_map(FLASH, SPACE)
        self._uc.mem_map(RAM, SPACE)
        for address, raw in elf.segments:
            self._uc.mem_write(address, raw)
        self._end = max([RAM, *(s.address + s.size for s in elf.sections if s.address >= RAM)])
        self.write(self._end, bytes([PAINT]) * GUARD)
        self.write(RAM + SPACE - STACK, bytes([PAINT]) * STACK)

    def read(self, address: int, size: int) -> bytes:
        """Bytes of memory."""
        return bytes(self._uc.mem_read(address, size))

    def write(self, address: int, raw: bytes) -> None:
        """Change bytes of memory."""
        self._uc.mem_write(address, raw)

    def symbol(self, name: str) -> Symbol:
        """A function or object of the image.

        Raises:
            VerifyError: There is none of that name.
        """
        if name not in self.elf.symbols:
            raise VerifyError(f"The firmware has no symbol {name}.", "Build it with symbols.")
        return self.elf.symbols[name]

    def call(self, function: str, *arguments: int) -> int:
        """Call a function with up to four integers or addresses; returns register 0.

        Raises:
            VerifyError: The core faulted, did not return, or wrote behind its memory.
        """
        arm, uc = self._arm, self._uc
        registers = (arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1, arm.UC_ARM_REG_R2, arm.UC_ARM_REG_R3)
        for register, value in zip(registers, arguments, strict=False):
            uc.reg_write(register, value & 0xFFFFFFFF)
        uc.reg_write(arm.UC_ARM_REG_SP, RAM + SPACE)
        uc.reg_write(arm.UC_ARM_REG_LR, RETURN | 1)
        try:
            uc.emu_start(self.symbol(function).address | 1, RETURN)
        except self._error as error:
            raise VerifyError(
                f"The emulated core failed in {function}: {error}.", "This is a defect; report it."
            ) from error
        if uc.reg_read(arm.UC_ARM_REG_PC) != RETURN:
            raise VerifyError(f"{function} did not return on the emulated core.", "This is a defect; report it.")
        if self.read(self._end, GUARD) != bytes([PAINT]) * GUARD:
            raise VerifyError(f"{function} wrote behind the firmware's memory.", "This is a defect; report it.")
        return int(uc.reg_read(arm.UC_ARM_REG_R0))

    def counted(self, function: str, *arguments: int, marks: Iterable[str] = ()) -> Counts:
        """Call a function and count its instructions; arguments and errors as `call`.

        Args:
            function: Its name.
            arguments: Integers or addresses.
            marks: Functions whose entries start a new part.
        """
        entries = {self.elf.symbols[name].address for name in marks if name in self.elf.symbols}
        lengths: dict[int, int] = {}
        parts = [0]

        def block(uc: Any, address: int, size: int, _: object) -> None:  # noqa: ANN401 - unicorn's own type
            # A block is a run of instructions up to a branch; which one starts at an address never changes.
            length = lengths.get(address)
            if length is None:
                length = lengths[address] = _instructions(uc.mem_read(address, size))
            if address in entries:
                parts.append(0)
            parts[-1] += length

        hook = self._uc.hook_add(self._block, block)
        self._uc.ctl_flush_tb()  # blocks that were translated without the hook
        try:
            self.call(function, *arguments)
        finally:
            self._uc.hook_del(hook)
            self._uc.ctl_flush_tb()
        return Counts(sum(parts), tuple(parts[1:]))

    def stack_bytes(self) -> int:
        """How deep the calls so far went: painted bytes of the stack that were overwritten."""
        painted = self.read(RAM + SPACE - STACK, STACK)
        untouched = len(painted) - len(painted.lstrip(bytes([PAINT])))
        return STACK - untouched


def _instructions(code: bytes) -> int:
    """Instructions in a run of Thumb code: those of 32 bits start with 0b11101, 0b11110 or 0b11111."""
    count = at = 0
    while at < len(code):
        at += 4 if code[at + 1] >> 3 in (0b11101, 0b11110, 0b11111) else 2
        count += 1
    return count


def has_unicorn() -> bool:
    """Whether it is installed."""
    return importlib.util.find_spec("unicorn") is not None


def _unicorn() -> tuple[Any, Any]:
    try:
        import unicorn
        from unicorn import arm_const
    except ImportError as error:
        raise ToolchainError("Emulating a core needs unicorn, which is not installed.", pip_install("mcu")) from error
    return unicorn, arm_const
