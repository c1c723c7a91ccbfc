"""What an export can be asked for: the Python call and the command line are made from it."""

from collections.abc import Iterable
from dataclasses import dataclass

from zeroshot.firmware.smoothing import MOST_SMOOTHED, SMOOTHINGS
from zeroshot.options import Options, option

FEWEST = 200  # images of a verification, where the data have so many
STREAM = "Samples as they come"


def _cores() -> Iterable[str]:
    from zeroshot.firmware.isa import RISCV
    from zeroshot.firmware.qemu import MACHINES
    from zeroshot.firmware.toolchain import CORES

    return [*(CORES | MACHINES), RISCV]


def _toolchains() -> Iterable[str]:
    from zeroshot.firmware.toolchain import TOOLCHAINS

    return TOOLCHAINS


@dataclass(frozen=True, kw_only=True)
class ExportOptions(Options):
    """How one quantised pair of a run becomes firmware.

    Attributes:
        pair: Its rank in the run.
        out: Folder to write; by default `firmware/pair-<rank>` in the run.
        name: Prefix of C functions and files.
        data: The data of the search, or where they are; None for a named set that the run knows.
        board: Whose memory the firmware must fit, a name or a .toml file; by default the run's.
        images: Test images that are verified; 200 or more say something about decisions near the threshold.
        cores: Emulated cores; QEMU emulates a cortex-m55, and others where unicorn is not installed.
        toolchain: `zig` or `gcc`; by default the first that is installed.
        verify: Whether to verify; else the folder says that it was not.
        force: Replace an earlier export in the folder.
        limit: Escalations in a row at most; 0 is no limit.
        budget: Calls for each escalation on average; 0 is no budget.
        burst: Escalations that a budget lets come at once, after calls without any.
        watch: Calls that the moving rate of escalations is over, rounded up to a power of two; 0 watches none.
        every: Of a stream: hops from one decision to the next.
        smooth: Of a stream: decisions that an answer is smoothed over; 1 does not.
        smoothing: `mean` of the nets' scores, or `majority` of their answers.
    """

    pair: int = option(1, "Which pair of the run.", metavar="RANK", least=1)
    out: str | None = option(None, "Folder to write.", metavar="DIR", shown="RUN/firmware/pair-RANK")
    name: str = option("cascade", "Prefix of C functions and files.", metavar="NAME")
    data: object = option(None, "The data of the search; needed for a file or folder.", metavar="DATA")
    board: str | None = option(None, "Whose memory it must fit.", metavar="NAME", shown="the search's")
    images: int = option(FEWEST, "Test images that are verified.", metavar="N", least=1)
    cores: tuple[str, ...] = option(
        ("cortex-m4",), "Emulated core; may be repeated.", metavar="NAME", one="core", names=_cores
    )
    toolchain: str | None = option(
        None, "zig or gcc.", metavar="NAME", names=_toolchains, shown="what is installed"
    )  # fmt: skip
    verify: bool = option(True, "Prove that it computes what was evaluated.", flag="--verify/--no-verify")
    force: bool = option(False, "Replace an earlier export there.")
    limit: int = option(0, "Escalations in a row at most; 0: no limit.", metavar="N", least=0, most=2**32 - 1)
    budget: int = option(0, "Calls for each escalation on average; 0: no cap.", metavar="N", least=0, most=65_535)
    burst: int = option(4, "Escalations at once within the budget.", metavar="N", least=1, most=65_535)
    watch: int = option(0, "Calls that a watch over escalations covers; 0: none.", metavar="N", least=0, most=65_536)
    every: int = option(1, "Hops from one decision to the next.", metavar="N", panel=STREAM, least=1, most=65_535)
    smooth: int = option(
        1, "Smooth over so many decisions.", metavar="N", panel=STREAM, least=1, most=MOST_SMOOTHED
    )  # fmt: skip
    smoothing: str = option(
        "mean", "mean of the scores or majority of the answers.", metavar="NAME", panel=STREAM,
        names=lambda: SMOOTHINGS,
    )  # fmt: skip
