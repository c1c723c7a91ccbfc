"""Firmware on an emulated core: functions called from here, memory read and written, instructions counted.

The emulator is unicorn (GPL-2), an optional extra that is imported only inside these functions. It executes
instructions, not cycles: no wait states, no pipeline. A predicated instruction counts whether or not it takes effect.
"""

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from zeroshot.errors import ToolchainError, VerifyError, pip_install
from zeroshot.firmware.elf import Elf, Symbol
from zeroshot.firmware.isa import isa_of

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
        uc, isa = _unicorn(), isa_of(core)
        self._isa, self._block = isa, uc.UC_HOOK_BLOCK
        self._error: type[Exception] = uc.UcError
        self._uc: Any = uc.Uc(isa.architecture, isa.mode)
        self._uc.ctl_set_cpu_model(isa.model)
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
        """Call a function with up to four integers or addresses; returns its result.

        Raises:
            VerifyError: The core faulted, did not return, or wrote behind its memory.
        """
        isa, uc = self._isa, self._uc
        for register, value in zip(isa.arguments, arguments, strict=False):
            uc.reg_write(register, value & 0xFFFFFFFF)
        uc.reg_write(isa.stack, RAM + SPACE)
        uc.reg_write(isa.link, RETURN | isa.thumb)
        try:
            uc.emu_start(self.symbol(function).address | isa.thumb, RETURN)
        except self._error as error:
            raise VerifyError(
                f"The emulated core failed in {function}: {error}.", "This is a defect; report it."
            ) from error
        if uc.reg_read(isa.counter) != RETURN:
            raise VerifyError(f"{function} did not return on the emulated core.", "This is a defect; report it.")
        if self.read(self._end, GUARD) != bytes([PAINT]) * GUARD:
            raise VerifyError(f"{function} wrote behind the firmware's memory.", "This is a defect; report it.")
        return int(uc.reg_read(isa.arguments[0]))

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
                length = lengths[address] = self._isa.instructions(bytes(uc.mem_read(address, size)))
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


def has_unicorn() -> bool:
    """Whether it is installed."""
    return importlib.util.find_spec("unicorn") is not None


def _unicorn() -> Any:  # noqa: ANN401 - a module without types
    try:
        import unicorn
    except ImportError as error:
        raise ToolchainError("Emulating a core needs unicorn, which is not installed.", pip_install("mcu")) from error
    return unicorn
