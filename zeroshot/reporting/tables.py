"""The page's plain tables: measured pairs, int8 nets, pruned nets, anchors, firmware."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zeroshot.errors import RunError, UsageError
from zeroshot.firmware.folder import VERIFICATION
from zeroshot.firmware.verify import Verification
from zeroshot.reporting.contents import Contents, Export
from zeroshot.runs import words
from zeroshot.runs.rows import QUANTIZED_PAIRS, TRAINED_PAIRS
from zeroshot.runs.schema import read_as
from zeroshot.runs.words import in_kib, percent
from zeroshot.units import kib, si, three

Lines = list[list[str]]


@dataclass(frozen=True)
class TextTable:
    """A table of texts; the first `left` columns are aligned to the left."""

    heads: list[str]
    lines: Lines
    left: int = 1


def _heads(pairs: Sequence[tuple[str, str]]) -> list[str]:
    return [" ".join(each).strip() for each in pairs]


def measured(found: Contents) -> dict[int, TextTable]:
    """Rank -> predicted beside measured, as the command line shows it."""
    lines: dict[int, Lines] = {}
    for pair in found.trained or []:
        row = TRAINED_PAIRS.plain(pair)
        lines[pair.predicted.rank] = [words.measured_cells(row, kind) for kind in ("predicted", "test")]
    for quantized in found.quantized or []:
        row = QUANTIZED_PAIRS.plain(quantized)
        lines[quantized.predicted.rank] = [words.measured_cells(row, kind) for kind in ("predicted", "float", "int8")]
    heads = _heads(words.MEASURED[1:])
    return {rank: TextTable(heads, [line[1:] for line in each]) for rank, each in lines.items()}


def verdicts(found: Contents) -> dict[int, list[str]]:
    """Rank -> what could be shipped instead of a measured pair, and whether the pair pays."""
    told = {pair.predicted.rank: (TRAINED_PAIRS.plain(pair), "test", "") for pair in found.trained or []}
    for pair in found.quantized or []:
        told[pair.predicted.rank] = (QUANTIZED_PAIRS.plain(pair), "int8", "_int8")
    return {rank: _verdict(*each) for rank, each in told.items()}


def _verdict(row: dict[str, Any], kind: str, suffix: str) -> list[str]:
    found = [f"Escalates where the little net's {row['policy']} is below {row[f'threshold{suffix}']}."]
    for size in ("little", "big"):
        if row.get(f"{size}_bias"):
            found.append(f"To the {size} net's outputs for each class is added: {row[f'{size}_bias']}.")
    if row[f"rival{suffix}"] is not None:
        found.append(f"Instead could be shipped {words.rival(row, kind, suffix)}: the pair {row[f'verdict{suffix}']}.")
    return [*found, *(f"{each[:1].upper()}{each[1:]}." for each in words.caveats(row, kind, suffix))]


def int8_nets(found: Contents) -> TextTable | None:
    """Float against int8 of each net."""
    if not found.quantized_nets:
        return None
    lines = [
        [net.name, *(f"{100 * v:.2f}" if v is not None else "-" for v in (
            net.float_test_accuracy, net.ptq_test_accuracy, net.qat_test_accuracy,
        )), f"{net.seconds:.1f}"]
        for net in found.quantized_nets
    ]  # fmt: skip
    return TextTable(["net", "float %", "int8, calibrated %", "int8, finetuned %", "seconds"], lines)


def trained_nets(found: Contents) -> TextTable | None:
    """The trained nets."""
    if not found.trained_nets:
        return None
    lines = [
        [net.net, net.stage or "on its own", percent(net.validation_accuracy), percent(net.test_accuracy),
         f"{net.best_epoch} of {net.epochs}", f"{net.seconds:.1f}"]
        for net in found.trained_nets
    ]  # fmt: skip
    return TextTable(["net", "trained", "validation %", "test %", "best epoch", "seconds"], lines, left=2)


def pruned_nets(found: Contents) -> list[tuple[str, TextTable]]:
    """Each pruned net: what it was made of, and its rounds."""
    heads = ["round", "net", "MACs", "weights KiB", "flash KiB", "latency ms", "validation %", "test %"]
    out = []
    for summary in found.pruned:
        lines = [
            [str(net.round), net.net, si(net.macs), in_kib(net.weights), in_kib(net.flash), three(net.latency_ms),
             percent(net.validation_accuracy), percent(net.test_accuracy)]
            for net in summary.nets
        ]  # fmt: skip
        out.append((f"{summary.source}, pruned by {summary.saliency}", TextTable(heads, lines, left=2)))
    return out


def anchors(found: Contents) -> TextTable | None:
    """Nets that were trained briefly, expected beside measured."""
    if not found.calibration:
        return None
    lines = [
        [net.net, net.chosen, *map(percent, (net.expected_before, net.expected, net.measured)),
         f"{net.validation_images:,}", str(net.epochs)]
        for net in found.calibration
    ]  # fmt: skip
    heads = ["net", "chosen for", "expected %", "anchored %", "measured %", "validation images", "epochs"]
    return TextTable(heads, lines, left=2)


@dataclass(frozen=True)
class Firmware:
    """An exported pair: where it lies, what was verified in sentences, and its sizes."""

    title: str
    proofs: list[str]
    missing: list[str]
    sizes: TextTable | None


def firmware(export: Export) -> Firmware:
    """What is known of an export.

    Raises:
        RunError: Its verification is damaged.
    """
    title = f"Pair {export.rank}: {export.folder}"
    if export.verification is None:
        return Firmware(title, [], ["Nothing was verified."], None)
    try:
        proof = read_as(Verification, export.verification, str(export.folder / VERIFICATION))
    except UsageError as error:
        raise RunError(error.message, "Export the pair again with `force=True`.") from error
    told = f"{proof.images} test images, {proof.escalated} escalated: every logit, answer and escalation as in the "
    heads = ["core", "little M instr.", "big M instr.", "flash", "RAM", "arena", "stack"]
    lines = [
        [each.core, f"{sum(each.little) / 1e6:.2f}", f"{sum(each.big) / 1e6:.2f}", kib(each.code + each.constants),
         kib(each.static + each.stack), kib(each.arena), kib(each.stack)]
        for each in proof.needs
    ]  # fmt: skip
    return Firmware(
        title, [f"{told}integer reference, by {', '.join(proof.equal)}."],
        [f"Not compared with {who}." for who in proof.missing], TextTable(heads, lines) if lines else None,
    )  # fmt: skip
