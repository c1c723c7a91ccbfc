"""Just enough of the ELF format: the segments, sections and symbols of a 32-bit little-endian ARM image."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from zeroshot.errors import ToolchainError

_ARM, _NOBITS, _SYMTAB, _LOAD, _ALLOC = 40, 8, 2, 1, 2


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
        ToolchainError: The bytes are no 32-bit little-endian ARM ELF.
    """
    if raw[:6] != b"\x7fELF\x01\x01" or len(raw) < 52 or struct.unpack_from("<H", raw, 18)[0] != _ARM:
        raise ToolchainError("The linker's output is no 32-bit ARM ELF image.", "Check the compiler with --toolchain.")
    try:
        return _read(raw)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ToolchainError(f"The linker's output is a broken ELF image: {error}.", "Build it again.") from error


def _read(raw: bytes) -> Elf:
    program, section_at = struct.unpack_from("<II", raw, 28)
    program_size, programs, section_size, sections, names_at = struct.unpack_from("<5H", raw, 42)
    segments = []
    for i in range(programs):
        kind, offset, _, physical, stored, _ = struct.unpack_from("<6I", raw, program + i * program_size)
        if kind == _LOAD and stored:
            segments.append((physical, raw[offset : offset + stored]))
    heads = [struct.unpack_from("<10I", raw, section_at + i * section_size) for i in range(sections)]
    names = heads[names_at][4]
    kept = [
        Section(_text(raw, names + head[0]), head[3], head[5], head[1] != _NOBITS)
        for head in heads
        if head[2] & _ALLOC and head[5]
    ]
    return Elf(tuple(segments), tuple(kept), dict(_symbols(raw, heads)))


def _symbols(raw: bytes, heads: list[tuple[int, ...]]) -> Iterator[tuple[str, Symbol]]:
    for head in heads:
        if head[1] != _SYMTAB:
            continue
        strings = heads[head[6]][4]
        for at in range(head[4], head[4] + head[5], 16):
            name, value, size, info = struct.unpack_from("<IIIB", raw, at)
            if info & 15 in (0, 1, 2):  # no type (linker script), object, function
                yield _text(raw, strings + name), Symbol(value & ~1 if info & 15 == 2 else value, size)


def _text(raw: bytes, at: int) -> str:
    return raw[at : raw.index(b"\0", at)].decode()
