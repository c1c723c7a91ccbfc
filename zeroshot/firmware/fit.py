"""Whether firmware fits a board's memory."""

from zeroshot.cost.boards import Board
from zeroshot.errors import InfeasibleError
from zeroshot.firmware.c_cascade import OVERREAD, Cascade
from zeroshot.firmware.c_model import model_bytes
from zeroshot.firmware.pack import pack
from zeroshot.firmware.verify import Verification
from zeroshot.int8.net import Int8Net
from zeroshot.net import INPUT, OPS
from zeroshot.units import kib


def check_models(cascade: Cascade, board: Board) -> None:
    """Insist that weights and arena fit, before anything is built.

    Raises:
        InfeasibleError: They do not.
    """
    plan = cascade.plan()
    if plan.bytes + OVERREAD > board.sram_bytes:
        raise InfeasibleError(
            f"The arena of {kib(plan.bytes)} does not fit the {kib(board.sram_bytes)} of {board.name}: "
            f"{_tightest(cascade, *plan.tightest)}.",
            "Take a pair with a smaller big net, or another `board`.",
        )
    flash = sum(model_bytes(pack(net)) for net in (cascade.little, cascade.big))
    flash += cascade.stream.sensor.tables if cascade.stream else 0
    if flash > board.flash_bytes:
        raise InfeasibleError(
            f"Weights and tables of {kib(flash)} do not fit the {kib(board.flash_bytes)} of flash of {board.name}.",
            "Take a pair with smaller nets, or another `board`.",
        )


def check_firmware(verification: Verification, board: Board) -> None:
    """Insist that what was built fits, with all its code and stack.

    Raises:
        InfeasibleError: It does not.
    """
    for needs in verification.needs:
        flash, ram = needs.code + needs.constants, needs.static + needs.stack
        for memory, used, size in (("flash", flash, board.flash_bytes), ("RAM", ram, board.sram_bytes)):
            if used > size:
                raise InfeasibleError(
                    f"The firmware needs {kib(used)} of {memory} on a {needs.core}; {board.name} has {kib(size)}.",
                    "Take a pair with smaller nets, or another `board`.",
                )


def _tightest(cascade: Cascade, number: int, row: int) -> str:
    if number == 2:
        return "the front end needs the most of it"
    net = (cascade.little, cascade.big)[number]
    return f"the tightest layer is row {row} of the {('little', 'big')[number]} net, {_layer(net, row)}"


def _layer(net: Int8Net, row: int) -> str:
    table = net.table.rows[row]
    op, height, width, out_height, out_width, channels, filters = (int(x) for x in table[:7])
    source = int(net.table.column("source")[row])
    origin = "the input" if source == INPUT else f"the output of row {source}"
    return f"{OPS[op]} from {height}x{width}x{channels} ({origin}) to {out_height}x{out_width}x{filters}"
