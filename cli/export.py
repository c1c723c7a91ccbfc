"""`zeroshot export`: one call of the engine's `export`."""

from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.firmware.options import ExportOptions
from zeroshot.units import kib, three

from ._declared import takes
from ._options import option
from ._output import aligned, emit, progress, prose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from zeroshot.firmware.device import Needs
    from zeroshot.firmware.export import Firmware
    from zeroshot.firmware.stream_proof import StreamProof


@takes(ExportOptions)
def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a search whose pairs were quantised.")],
    options: ExportOptions,
    json: Annotated[bool, option("--json", "", "Print one JSON object.")] = False,
    quiet: Annotated[bool, option("--quiet", "", "No progress; print only where the firmware is.")] = False,
) -> None:
    """Write a quantised pair as C firmware and .tflite models, verified on an emulated core.

    Test images run through the integer reference, TFLite Micro, the C on this machine and on emulated cores: all
    logits, answers and escalations must be equal, or nothing is written.
    """
    from zeroshot.firmware import export as engine

    with progress(quiet) as bar:
        firmware = engine.export(run, options, progress=bar)
    emit(
        firmware.summary(), lambda screen: _print(screen, firmware), json=json,
        quiet=str(firmware.folder) if quiet else None,
    )  # fmt: skip


def _stream(screen: "Console", stream: "StreamProof") -> None:
    prose(
        screen,
        f"Fed {stream.samples} samples ({stream.source}), the C came to the reference's {stream.decisions} decisions. "
        f"Front end: {kib(stream.kept)} of the arena kept, {kib(stream.scratch)} shared with the nets, "
        f"{kib(stream.tables)} of tables"
        + "".join(f"; {count:,} instructions a hop on a {core}" for core, count in stream.hop.items())
        + ".",
    )  # fmt: skip


HEADERS = (
    ("", ""), ("little", "Minstr."), ("big", "Minstr."), ("predicted", "Minstr."), ("little", "ms"), ("both", "ms"),
    ("flash", ""), ("RAM", ""),
)  # fmt: skip


def _print(screen: "Console", firmware: "Firmware") -> None:
    prose(screen, f"Pair {firmware.rank} as firmware", "bold")
    screen.print(f"    little {firmware.little}")
    limits = sorted(set(firmware.thresholds))
    less = f"{limits[0]}" if len(limits) == 1 else f"{limits[0]} to {limits[-1]}, by class,"
    screen.print(f"    big    {firmware.big}, where the two largest int8 logits are less than {less} apart")
    for size, bias in zip(("little", "big"), firmware.biases, strict=True):
        if bias:
            screen.print(f"    bias   of each class of the {size} net: {' '.join(map(str, bias))}")
    proof = firmware.verification
    if proof is None:
        prose(screen, "note: nothing was verified.", "yellow")
    else:
        prose(
            screen,
            f"{proof.images} test images, {proof.escalated} escalated: every logit, answer and escalation as in the "
            "integer reference, by",
        )
        for who in proof.equal:
            screen.print(f"    {who}", style="green")
        if proof.stream is not None:
            _stream(screen, proof.stream)
        for who in proof.missing:
            prose(screen, f"note: not compared with {who}.", "yellow")
        if proof.needs:
            _table(screen, firmware, proof.needs)
    screen.print(f"Firmware: {firmware.folder}", style="bold")
    screen.print("  README.md, src/, main.c, Makefile, CMakeLists.txt, models/*.tflite, Arduino zip, zephyr/")


def _table(screen: "Console", firmware: "Firmware", needs: "Sequence[Needs]") -> None:
    lines = [*zip(*HEADERS, strict=True), *(_needs(firmware, each) for each in needs)]
    texts = aligned(lines, screen.width, left=1)
    screen.print("\n" + "\n".join(texts[:2]), style="dim")
    screen.print("\n".join(texts[2:]))
    on = f" ms: by the cycles an instruction of {firmware.board.name}." if firmware.board else ""
    prose(
        screen,
        f"Minstr.: millions of instructions, counted; predicted: the cost model's for both nets on a Cortex-M4."
        f"{on} RAM: arena, input and stack.",
        "dim",
    )


def _needs(firmware: "Firmware", needs: "Needs") -> list[str]:
    proof = firmware.verification
    predicted = sum(map(sum, proof.predicted)) if proof else 0.0
    times = firmware.milliseconds(needs)
    shown = [three(each) for each in times] if times and needs.core == "cortex-m4" else ["-", "-"]
    counts = (sum(needs.little), sum(needs.big), predicted)
    return [
        needs.core, *(f"{count / 1e6:.2f}" for count in counts), *shown, kib(needs.code + needs.constants),
        kib(needs.static + needs.stack),
    ]  # fmt: skip
