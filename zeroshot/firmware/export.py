"""One quantised pair of a run as verified firmware: the last step of the journey."""

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zeroshot.cascade.policy import DEFAULT_POLICY
from zeroshot.cost.boards import Board, load_board
from zeroshot.data import Dataset, resized
from zeroshot.errors import InfeasibleError, RunError, UsageError, VerifyError, call
from zeroshot.firmware.answers import Images
from zeroshot.firmware.c_cascade import OVERREAD, Cascade
from zeroshot.firmware.c_model import model_bytes
from zeroshot.firmware.device import Needs
from zeroshot.firmware.folder import VERIFICATION, check_target, write_project
from zeroshot.firmware.pack import pack
from zeroshot.firmware.project import check_name, project_files
from zeroshot.firmware.qemu import MACHINES
from zeroshot.firmware.toolchain import CORES, find_toolchain
from zeroshot.firmware.verify import ENGINE, Verification, verify
from zeroshot.int8.execute import quantize_pixels, run
from zeroshot.net import INPUT, OPS
from zeroshot.quantization.quantize import INT8, QuantizedNet, load_quantized
from zeroshot.runs.reading import read_search
from zeroshot.training.run_data import run_dataset
from zeroshot.types import Progress
from zeroshot.units import kib

Row = dict[str, Any]
FEWEST = 200  # images of a verification, where the data have so many
EVERY = 2**31  # pairs: all that the run lists


@dataclass(frozen=True, eq=False)
class ExportResult:
    """An exported pair.

    Attributes:
        folder: Where it lies.
        rank: Of the pair in the run.
        little: Name of the little net.
        big: Name of the big net.
        thresholds: One for each answer of the little net; escalates where the gap of int8 logits is below it.
        verification: What was proved, or None.
        board: The run's board, or None.
        escalation_rate: Of the test images, measured when the pair was quantised.
    """

    folder: Path
    rank: int
    little: str
    big: str
    thresholds: tuple[int, ...]
    verification: Verification | None
    board: Board | None = field(repr=False)
    escalation_rate: float

    def milliseconds(self, needs: Needs) -> tuple[float, float] | None:
        """Little net alone and both nets on the board, by its cycles an instruction; None without a board."""
        board = self.board
        if board is None or ENGINE not in board.cycles_per_instruction:
            return None
        per_ms = board.clock_mhz * 1000 / board.cycles_per_instruction[ENGINE]
        little = (sum(needs.little) + needs.decision) / per_ms
        return little, little + sum(needs.big) / per_ms

    def summary(self) -> Row:
        """What `zeroshot export --json` prints."""
        verification = self.verification.summary() if self.verification else None
        times = {n.core: self.milliseconds(n) for n in self.verification.needs} if self.verification else {}
        return {
            "folder": str(self.folder), "rank": self.rank, "little": self.little, "big": self.big,
            "threshold_int8": " ".join(map(str, shortest(self.thresholds))), "escalation_rate": self.escalation_rate,
            "board": self.board.name if self.board else None,
            "milliseconds": {core: list(each) if each else None for core, each in times.items()},
            "verification": verification,
        }  # fmt: skip


def export_pair(
    run_folder: str | Path,
    pair: int = 1,
    *,
    out: str | Path | None = None,
    name: str = "cascade",
    data: str | Path | Dataset | None = None,
    board: str | None = None,
    images: int = FEWEST,
    cores: tuple[str, ...] = ("cortex-m4",),
    toolchain: str | None = None,
    verified: bool = True,
    force: bool = False,
    progress: Progress | None = None,
) -> ExportResult:
    """Write the firmware of one quantised pair, proved equal to what was evaluated.

    Args:
        run_folder: Of a search whose pairs were trained and quantised.
        pair: Its rank in the run.
        out: Folder to write; by default `firmware/pair-<rank>` in the run.
        name: Prefix of C functions and files.
        data: The data of the search, or where they are; None for a named set that the run knows.
        board: Whose memory the firmware must fit; by default the run's.
        images: Test images that are verified.
        cores: Emulated cores, as `zeroshot.firmware.verify.verify` knows them.
        toolchain: `zig` or `gcc`; by default the first that is installed.
        verified: Whether to verify; else the folder says that it was not.
        force: Replace an earlier export in the folder.
        progress: Called with what is being done, steps done, steps in all.

    Raises:
        UsageError: A value is out of range or an unknown name, or the pair's policy is none that a device has.
        RunError: The run has no such pair, it is not quantised, its data are others, or the folder is in use.
        InfeasibleError: The firmware does not fit the board.
        ToolchainError: A compiler or the emulator is missing.
        VerifyError: The firmware computes anything else than what was evaluated; nothing is written.
    """
    path = Path(run_folder)
    check_name(name)
    _check(images, cores)
    target = Path(out) if out is not None else path / "firmware" / f"pair-{pair}"
    check_target(target, force=force)
    compiler = find_toolchain(toolchain) if verified else None
    config, _ = read_search(path)
    row = quantised_row(path, pair)
    its_board = load_board(board or config["board"]) if board or "board" in config else None
    cascade, nets = quantised_pair(path, row)
    if its_board is not None:
        _check_board(cascade, its_board)
    given = first_images(cascade, nets, run_dataset(config, data), images)
    proof = None
    if compiler is not None:
        proof = verify(cascade, given, cores=cores, toolchain=compiler, progress=progress or (lambda *_: None))
    if its_board is not None and proof is not None:
        _check_needs(proof, its_board)
    files = project_files(cascade, given, name, proof)
    if proof is not None:
        files[VERIFICATION] = (json.dumps(proof.summary(), indent=1) + "\n").encode()
    write_project(files, target, force=force)
    rate = float(row["escalation_rate_int8"])
    return ExportResult(target, pair, nets[0].name, nets[1].name, cascade.thresholds, proof, its_board, rate)


def _check(images: int, cores: tuple[str, ...]) -> None:
    if images < 1:
        raise UsageError(f"Images to verify must be 1 or more, not {images}.", f"{FEWEST} is the default.")
    known = list(CORES | MACHINES)
    unknown = [core for core in cores if core not in known]
    if unknown or not cores:
        raise UsageError(f"Unknown core {', '.join(unknown) or '(none)'}.", f"Known: {', '.join(known)}.")


def quantised_row(run_folder: Path, rank: int) -> dict[str, str]:
    """What `zeroshot quantize` wrote of a pair.

    Raises:
        RunError: Nothing was quantised, there is no such pair, or the table is damaged.
        UsageError: Its policy is none that a device has.
    """
    path = run_folder / INT8 / "pairs.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = {int(row["rank"]): row for row in csv.DictReader(file)}
    except FileNotFoundError as error:
        raise RunError(
            f"The nets of the run in {run_folder} are not quantised.", f"Quantise them: {call('quantize', run_folder)}"
        ) from error
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise RunError(
            f"{path} cannot be read: {error}.", f"Quantise again: {call('quantize', run_folder, force=True)}."
        ) from error
    if rank not in rows:
        known = ", ".join(map(str, sorted(rows))) or "none"
        raise RunError(f"The run has no quantised pair {rank}.", f"Its quantised pairs: {known}.")
    row = rows[rank]
    missing = {"little_model", "big_model", "policy", "threshold_int8", "escalation_rate_int8"} - set(row)
    if missing:
        raise RunError(
            f"{path} lacks {', '.join(sorted(missing))}.",
            f"Quantise again: {call('quantize', run_folder, force=True)}.",
        )
    if row["policy"] != DEFAULT_POLICY:
        raise UsageError(
            f"Pair {rank} escalates by {row['policy']}; firmware decides in integers, by {DEFAULT_POLICY} alone.",
            f"Choose other thresholds: {call('quantize', run_folder, resume=True, policy=DEFAULT_POLICY)}.",
        )
    return row


def shortest(thresholds: tuple[int, ...]) -> tuple[int, ...]:
    """One threshold where all classes have the same, else all."""
    return thresholds[:1] if len(set(thresholds)) == 1 else thresholds


def quantised_pair(run_folder: Path, row: Row) -> tuple[Cascade, list[QuantizedNet]]:
    """A pair of `quantised_row` as it is exported, and its nets.

    Raises:
        RunError: A net is missing or damaged, or the thresholds are not one for all classes or one each.
    """
    nets = [load_quantized(run_folder / INT8, row[f"{role}_model"]) for role in ("little", "big")]
    little, big = (net.int8 for net in nets)
    try:
        found = tuple(map(int, row["threshold_int8"].split()))
        thresholds = found * little.classes if len(found) == 1 else found
        return Cascade(little, big, thresholds, nets[0].pixels, nets[1].pixels), nets
    except (ValueError, UsageError) as error:
        raise RunError(
            f"Pair {row['rank']} has no thresholds of a device: {error}.",
            f"Quantise again: {call('quantize', run_folder, force=True)}.",
        ) from error


def first_images(cascade: Cascade, nets: list[QuantizedNet], dataset: Dataset, count: int) -> Images:
    """The first test images for both nets, on which the reference must give what was stored at quantisation.

    Raises:
        VerifyError: It gives anything else.
    """
    found = []
    for net in nets:
        pixels = resized(dataset.x_test[:count], net.int8.spec.resolution)
        inputs = quantize_pixels(net.pixels, pixels)
        if not np.array_equal(run(net.int8, inputs), net.outputs["test"][: len(inputs)]):
            raise VerifyError(
                f"{net.name} answers test images otherwise than when it was quantised.",
                "Quantise the run again with `force=True`.",
            )
        found.append(inputs)
    return Images(found[0], found[0] if cascade.shares_input else found[1])


def _check_board(cascade: Cascade, board: Board) -> None:
    """Insist that weights and arena fit, before anything is built."""
    plan = cascade.plan()
    if plan.bytes + OVERREAD > board.sram_bytes:
        number, row = plan.tightest
        net = (cascade.little, cascade.big)[number]
        raise InfeasibleError(
            f"The arena of {kib(plan.bytes)} does not fit the {kib(board.sram_bytes)} of {board.name}: the tightest "
            f"layer is row {row} of the {('little', 'big')[number]} net, {_tensors(net, row)}.",
            "Take a pair with a smaller big net, or another `board`.",
        )
    flash = sum(model_bytes(pack(net)) for net in (cascade.little, cascade.big))
    if flash > board.flash_bytes:
        raise InfeasibleError(
            f"Weights and tables of {kib(flash)} do not fit the {kib(board.flash_bytes)} of flash of {board.name}.",
            "Take a pair with smaller nets, or another `board`.",
        )


def _tensors(net: Any, row: int) -> str:  # noqa: ANN401 - an Int8Net
    table = net.table.rows[row]
    op, height, width, out_height, out_width, channels, filters = (int(x) for x in table[:7])
    source = int(net.table.column("source")[row])
    origin = "the input" if source == INPUT else f"the output of row {source}"
    return f"{OPS[op]} from {height}x{width}x{channels} ({origin}) to {out_height}x{out_width}x{filters}"


def _check_needs(proof: Verification, board: Board) -> None:
    for needs in proof.needs:
        flash, ram = needs.code + needs.constants, needs.static + needs.stack
        for what, used, there in (("flash", flash, board.flash_bytes), ("RAM", ram, board.sram_bytes)):
            if used > there:
                raise InfeasibleError(
                    f"The firmware needs {kib(used)} of {what} on a {needs.core}; {board.name} has {kib(there)}.",
                    "Take a pair with smaller nets, or another `board`.",
                )
