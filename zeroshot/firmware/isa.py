"""What the emulator must know of a core's instruction set: registers, the calling convention, lengths of instructions.

unicorn, of an optional extra, is imported only inside these functions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zeroshot.errors import unknown

RISCV = "rv32imc"
_MODELS = {
    "cortex-m0plus": "M0", "cortex-m3": "M3", "cortex-m4": "M4", "cortex-m7": "M7", "cortex-m33": "M33",
}  # fmt: skip


@dataclass(frozen=True)
class Isa:
    """Of one core; numbers are unicorn's.

    Attributes:
        architecture: Of an emulator.
        mode: Of it.
        model: Of the core.
        arguments: Registers of a call's first four arguments; the first takes the result.
        stack: Stack pointer.
        link: Register with the address to return to.
        counter: Program counter.
        thumb: What is added to addresses of code.
        instructions: How many there are in a run of code.
    """

    architecture: int
    mode: int
    model: int
    arguments: tuple[int, ...]
    stack: int
    link: int
    counter: int
    thumb: int
    instructions: Callable[[bytes], int]


def isa_of(core: str) -> Isa:
    """The instruction set of a core; unicorn must be installed.

    Raises:
        UsageError: It is not known.
    """
    if core == RISCV:
        return _riscv()
    if core not in _MODELS:
        raise unknown("core", core, [*_MODELS, RISCV])
    return _arm(_MODELS[core])


def _arm(model: str) -> Isa:
    import unicorn as uc
    from unicorn import arm_const as arm

    return Isa(
        uc.UC_ARCH_ARM, uc.UC_MODE_THUMB | uc.UC_MODE_MCLASS, _named(arm, f"UC_CPU_ARM_CORTEX_{model}"),
        arguments=tuple(_named(arm, f"UC_ARM_REG_R{i}") for i in range(4)), stack=arm.UC_ARM_REG_SP,
        link=arm.UC_ARM_REG_LR, counter=arm.UC_ARM_REG_PC, thumb=1, instructions=thumb_instructions,
    )  # fmt: skip


def _riscv() -> Isa:
    import unicorn as uc
    from unicorn import riscv_const as riscv

    return Isa(
        uc.UC_ARCH_RISCV, uc.UC_MODE_RISCV32, riscv.UC_CPU_RISCV32_ANY,
        arguments=tuple(_named(riscv, f"UC_RISCV_REG_A{i}") for i in range(4)), stack=riscv.UC_RISCV_REG_SP,
        link=riscv.UC_RISCV_REG_RA, counter=riscv.UC_RISCV_REG_PC, thumb=0, instructions=riscv_instructions,
    )  # fmt: skip


def _named(constants: Any, name: str) -> int:  # noqa: ANN401 - a module without types
    return int(getattr(constants, name))


def thumb_instructions(code: bytes) -> int:
    """Instructions in a run of Thumb code: those of 32 bits start with 0b11101, 0b11110 or 0b11111."""
    count = at = 0
    while at < len(code):
        at += 4 if code[at + 1] >> 3 in (0b11101, 0b11110, 0b11111) else 2
        count += 1
    return count


def riscv_instructions(code: bytes) -> int:
    """Instructions in a run of RISC-V code: those of 32 bits end in 0b11."""
    count = at = 0
    while at < len(code):
        at += 4 if code[at] & 3 == 3 else 2
        count += 1
    return count
