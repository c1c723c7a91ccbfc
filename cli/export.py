"""`zeroshot export`: one call of the engine's export_pair."""

from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.units import kib

from ._options import option
from ._output import aligned, emit, progress, prose
from ._pairs import three

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from zeroshot.firmware.device import Needs
    from zeroshot.firmware.export import ExportResult


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a search whose pairs were quantised.")],
    pair: Annotated[int, option("--pair", "RANK", "Which pair of the run.")] = 1,
    out: Annotated[
        str | None, option("--out", "DIR", "Folder to write.", show_default="RUN/firmware/pair-RANK")
    ] = None,
    name: Annotated[str, option("--name", "NAME", "Prefix of C functions and files.")] = "cascade",
    data: Annotated[
        str | None, option("--data", "DATA", "The data of the search; needed for a file or folder.")
    ] = None,
    board: Annotated[
        str | None, option("--board", "NAME", "Whose memory it must fit.", show_default="the search's")
    ] = None,
    images: Annotated[int, option("--images", "N", "Test images that are verified.")] = 200,
    core: Annotated[
        list[str] | None, option("--core", "NAME", "Emulated core; may be repeated.", show_default="cortex-m4")
    ] = None,
    toolchain: Annotated[
        str | None, option("--toolchain", "NAME", "zig or gcc.", show_default="what is installed")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Prove that it computes what was evaluated.")
    ] = True,
    force: Annotated[bool, option("--force", "", "Replace an earlier export there.")] = False,
    json: Annotated[bool, option("--json", "", "Print one JSON object.")] = False,
    quiet: Annotated[bool, option("--quiet", "", "No progress; print only where the firmware is.")] = False,
) -> None:
    """Write a quantised pair as C firmware and .tflite models, verified on an emulated core.

    Test images run through the integer reference, TFLite Micro, the C on this machine and on emulated cores: all
    logits, answers and escalations must be equal, or nothing is written.
    """
    from zeroshot.firmware.export import export_pair

    with progress(quiet) as bar:
        result = export_pair(
            run, pair, out=out, name=name, data=data, board=board, images=images,
            cores=tuple(core or ("cortex-m4",)), toolchain=toolchain, verified=verify, force=force, progress=bar,
        )  # fmt: skip
    emit(
        result.summary(), lambda screen: _print(screen, result), json=json,
        quiet=str(result.folder) if quiet else None,
    )  # fmt: skip


HEADERS = (
    ("", ""), ("little", "Minstr."), ("big", "Minstr."), ("predicted", "Minstr."), ("little", "ms"), ("both", "ms"),
    ("flash", ""), ("RAM", ""),
)  # fmt: skip


def _print(screen: "Console", result: "ExportResult") -> None:
    prose(screen, f"Pair {result.rank} as firmware", "bold")
    screen.print(f"    little {result.little}")
    limits = sorted(set(result.thresholds))
    less = f"{limits[0]}" if len(limits) == 1 else f"{limits[0]} to {limits[-1]}, by class,"
    screen.print(f"    big    {result.big}, where the two largest int8 logits are less than {less} apart")
    proof = result.verification
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
        for who in proof.missing:
            prose(screen, f"note: not compared with {who}.", "yellow")
        if proof.needs:
            _table(screen, result, proof.needs)
    screen.print(f"Firmware: {result.folder}", style="bold")
    screen.print("  README.md, src/, main.c, Makefile, CMakeLists.txt, models/*.tflite, Arduino zip, zephyr/")


def _table(screen: "Console", result: "ExportResult", needs: "Sequence[Needs]") -> None:
    lines = [*zip(*HEADERS, strict=True), *(_needs(result, each) for each in needs)]
    texts = aligned(lines, screen.width, left=1)
    screen.print("\n" + "\n".join(texts[:2]), style="dim")
    screen.print("\n".join(texts[2:]))
    on = f" ms: by the cycles an instruction of {result.board.name}." if result.board else ""
    prose(
        screen,
        f"Minstr.: millions of instructions, counted; predicted: the cost model's for both nets on a Cortex-M4."
        f"{on} RAM: arena, input and stack.",
        "dim",
    )


def _needs(result: "ExportResult", needs: "Needs") -> list[str]:
    proof = result.verification
    predicted = sum(map(sum, proof.predicted)) if proof else 0.0
    times = result.milliseconds(needs)
    shown = [three(each) for each in times] if times and needs.core == "cortex-m4" else ["-", "-"]
    counts = (sum(needs.little), sum(needs.big), predicted)
    return [
        needs.core, *(f"{count / 1e6:.2f}" for count in counts), *shown, kib(needs.code + needs.constants),
        kib(needs.static + needs.stack),
    ]  # fmt: skip
