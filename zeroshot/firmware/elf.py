"""What the emulators need of a linked image: the segments, sections and symbols of a 32-bit little-endian ELF.

It is read by pyelftools, of an optional extra, which is imported only inside these functions.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from zeroshot.errors import ToolchainError, pip_install

_KINDS = ("STT_NOTYPE", "STT_OBJECT", "STT_FUNC")  # no type: of a linker script
_ALLOC = 2  # SHF_ALLOC


@dataclass(frozen=True)
class Section:
    """A section that takes memory on the device.

    Attributes:
        name: Its name.
        address: Where it lies.
        size: Bytes.
        stored: Whether its bytes are in the image; else they start as zeros (.bss).
    """

    name: str
    address: int
    size: int
    stored: bool


@dataclass(frozen=True)
class Symbol:
    """Address (bit 0, which marks Thumb code, is cleared) and size in bytes of a function or object."""

    address: int
    size: int


@dataclass(frozen=True, eq=False)
class Elf:
    """A linked image.

    Attributes:
        segments: Load address and bytes.
        sections: Those that take memory.
        symbols: By name.
    """

    segments: tuple[tuple[int, bytes], ...] = field(repr=False)
    sections: tuple[Section, ...]
    symbols: dict[str, Symbol] = field(repr=False)

    def size(self, *names: str) -> int:
        """Bytes of the sections whose names start with one of these."""
        return sum(section.size for section in self.sections if section.name.startswith(names))


def read_elf(raw: bytes) -> Elf:
    """Parse an image.

    Raises:
        ToolchainError: The bytes are no 32-bit little-endian ELF of ARM or RISC-V, or pyelftools is not installed.
    """
    reader, broken = _pyelftools()
    try:
        file = reader(BytesIO(raw))
        ours = (file.elfclass, file.little_endian) == (32, True) and file["e_machine"] in ("EM_ARM", "EM_RISCV")
    except broken:
        ours = False
    if not ours:
        raise ToolchainError(
            "The linker's output is no 32-bit ARM ELF or RISC-V image.", "Check the compiler with `toolchain`."
        )
    try:
        return Elf(tuple(_segments(file)), tuple(_sections(file)), dict(_symbols(file)))
    except broken as error:
        raise ToolchainError(f"The linker's output is a broken ELF image: {error}.", "Build it again.") from error


def _segments(file: Any) -> Iterator[tuple[int, bytes]]:  # noqa: ANN401 - pyelftools' own type
    for segment in file.iter_segments(type="PT_LOAD"):
        if segment["p_filesz"]:
            yield segment["p_paddr"], segment.data()


def _sections(file: Any) -> Iterator[Section]:  # noqa: ANN401
    for section in file.iter_sections():
        if section["sh_flags"] & _ALLOC and section["sh_size"]:
            yield Section(section.name, section["sh_addr"], section["sh_size"], section["sh_type"] != "SHT_NOBITS")


def _symbols(file: Any) -> Iterator[tuple[str, Symbol]]:  # noqa: ANN401
    for table in file.iter_sections(type="SHT_SYMTAB"):
        for symbol in table.iter_symbols():
            kind, value = symbol["st_info"]["type"], symbol["st_value"]
            if kind in _KINDS:
                yield symbol.name, Symbol(value & ~1 if kind == "STT_FUNC" else value, symbol["st_size"])


def _pyelftools() -> tuple[Any, tuple[type[Exception], ...]]:
    """The reader of ELF files, and what it raises on broken ones."""
    try:
        from elftools.common.exceptions import ELFError
        from elftools.elf.elffile import ELFFile
    except ImportError as error:
        raise ToolchainError("Reading images needs pyelftools, which is not installed.", pip_install("mcu")) from error
    return ELFFile, (ELFError,)
