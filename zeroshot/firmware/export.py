"""One quantised pair of a run as verified firmware: the last step of the journey."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from zeroshot.cascade.policy import DEFAULT_POLICY
from zeroshot.cost.boards import Board, load_board
from zeroshot.data import Dataset, resized
from zeroshot.errors import RunError, UsageError, VerifyError, call
from zeroshot.firmware.answers import Images
from zeroshot.firmware.c_cascade import Cascade
from zeroshot.firmware.device import Needs
from zeroshot.firmware.escalation import Budget, Watch
from zeroshot.firmware.facts import Facts, milliseconds
from zeroshot.firmware.fit import check_firmware, check_models
from zeroshot.firmware.folder import VERIFICATION, check_target, recover, write_project
from zeroshot.firmware.options import ExportOptions
from zeroshot.firmware.project import project_files
from zeroshot.firmware.stream import Stream
from zeroshot.firmware.toolchain import find_toolchain
from zeroshot.firmware.verify import Verification, verify
from zeroshot.frontend.c_names import check_prefix
from zeroshot.frontend.options import AnyFrontEnd
from zeroshot.frontend.sensor import sensor_of
from zeroshot.int8 import execute
from zeroshot.int8.decision import Bias, parse_bias
from zeroshot.options import takes_options
from zeroshot.quantization.quantize import QuantizedNet, load_quantized
from zeroshot.runs.files import json_text
from zeroshot.runs.front_end import read_front_end
from zeroshot.runs.layout import INT8, firmware_of
from zeroshot.runs.lock import alone_in
from zeroshot.runs.reading import read_config, read_quantization
from zeroshot.runs.rows import QuantizedPair
from zeroshot.training.run_data import run_dataset
from zeroshot.types import Progress


@dataclass(frozen=True, eq=False)
class Firmware:
    """An exported pair.

    Attributes:
        folder: Where it lies.
        rank: Of the pair in the run.
        little: Name of the little net.
        big: Name of the big net.
        thresholds: One for each answer of the little net; escalates where the gap of int8 logits is below it.
        biases: Of each class, of the little and of the big net, in steps of their int8 logits; empty for none.
        verification: What was proved, or None.
        board: The run's board, or None.
        escalation_rate: Of the test images, measured when the pair was quantised.
    """

    folder: Path
    rank: int
    little: str
    big: str
    thresholds: tuple[int, ...]
    biases: tuple[Bias, Bias]
    verification: Verification | None
    board: Board | None = field(repr=False)
    escalation_rate: float

    def milliseconds(self, needs: Needs) -> tuple[float, float] | None:
        """Little net alone and both nets on the board, by its cycles an instruction; None without a board."""
        return milliseconds(self.board, needs)

    def summary(self) -> dict[str, Any]:
        """What `zeroshot export --json` prints."""
        verification = self.verification.summary() if self.verification else None
        times = {n.core: self.milliseconds(n) for n in self.verification.needs} if self.verification else {}
        return {
            "folder": str(self.folder), "rank": self.rank, "little": self.little, "big": self.big,
            "threshold_int8": " ".join(map(str, shortest(self.thresholds))), "little_bias": list(self.biases[0]),
            "big_bias": list(self.biases[1]), "escalation_rate": self.escalation_rate,
            "board": self.board.name if self.board else None,
            "milliseconds": {core: list(each) if each else None for core, each in times.items()},
            "verification": verification,
        }  # fmt: skip


@takes_options(ExportOptions)
def export(
    run: str | Path,
    options: ExportOptions,
    *,
    progress: Progress | None = None,
) -> Firmware:
    """Write the firmware of one quantised pair, proved equal to what was evaluated.

    Where the run's data are recordings or sensor logs, it has their front end and takes samples.

    Args:
        run: Folder of a search whose pairs were trained and quantised.
        options: What is asked for, and how.
        progress: Called with what is being done, steps done, steps in all.

    Raises:
        UsageError: A value is out of range or an unknown name, the pair's policy is none that a device has, or its nets
            do not take the front end's picture.
        RunError: The run has no such pair, it is not quantised, its data are others, or the folder is in use.
        InfeasibleError: The firmware does not fit the board.
        ToolchainError: A compiler or the emulator is missing.
        VerifyError: The firmware computes anything else than what was evaluated; nothing is written.
    """
    with alone_in(Path(run)):
        return _export(Path(run), options, progress or (lambda what, done, total: None))


def _export(folder: Path, options: ExportOptions, report: Progress) -> Firmware:
    target = _checked_folder(folder, options)
    compiler = find_toolchain(options.toolchain) if options.verify else None
    config = read_config(folder)
    pair = find_pair(folder, options.pair)
    name = options.board or config.get("board")
    board = load_board(name) if name else None
    cascade, nets = load_cascade(folder, pair)
    cascade = replace(cascade, limit=options.limit, stream=_stream(read_front_end(folder), options))
    if board is not None:
        check_models(cascade, board)
    dataset = run_dataset(config, options.data)
    shape = dataset.x_test.shape
    cascade = replace(
        cascade, class_names=dataset.class_names, frame=shape[1:3],
        budget=Budget(options.budget, options.burst) if options.budget else None,
        watch=Watch.over(options.watch, pair.int8.escalation_rate) if options.watch else None,
    )  # fmt: skip
    images = first_images(cascade, nets, dataset, options.images)
    verification = None
    if compiler is not None:
        verification = verify(
            cascade, images, cores=options.cores, toolchain=compiler, progress=report,
            samples=dataset.features.samples if dataset.features else None,
        )  # fmt: skip
    if board is not None and verification is not None:
        check_firmware(verification, board)
    needs = verification.needs if verification is not None else ()
    facts = Facts(dataset.name, shape[1:], len(dataset.x_test), pair.int8, board, needs)
    files = project_files(cascade, images, options.name, verification, facts)
    if verification is not None:
        files[VERIFICATION] = json_text(verification.summary(), indent=1).encode()
    write_project(files, target, force=options.force)
    return Firmware(
        folder=target, rank=options.pair, little=nets[0].name, big=nets[1].name, thresholds=cascade.thresholds,
        biases=(cascade.little_bias, cascade.big_bias),
        verification=verification, board=board, escalation_rate=pair.int8.escalation_rate,
    )  # fmt: skip


def _checked_folder(run: Path, asked: ExportOptions) -> Path:
    """The folder to write, after what can be said before any work."""
    check_prefix(asked.name)
    if not asked.cores:
        raise UsageError("There is no core to verify on.", "Name one, or leave the proof out with `verify=False`.")
    target = Path(asked.out) if asked.out is not None else run / firmware_of(asked.pair)
    recover(target)
    check_target(target, force=asked.force)
    return target


def _stream(front_end: AnyFrontEnd | None, asked: ExportOptions) -> Stream | None:
    """How samples are decided on; None where there are none."""
    if front_end is not None:
        return Stream(sensor_of(front_end), asked.every, asked.smooth, asked.smoothing)
    if (asked.every, asked.smooth) != (1, 1):
        raise UsageError(
            "The run's data are pictures: no samples come, so no answers are smoothed or left out.",
            "Leave out `every` and `smooth`.",
        )
    return None


def find_pair(run: Path, rank: int) -> QuantizedPair:
    """A quantised pair of a run that a device can decide as it was evaluated.

    Raises:
        RunError: Nothing was quantised, there is no such pair, or the table is damaged.
        UsageError: Its policy is none that a device has.
    """
    pairs = {pair.predicted.rank: pair for pair in read_quantization(run)}
    if rank not in pairs:
        known = ", ".join(map(str, sorted(pairs))) or "none"
        raise RunError(f"The run has no quantised pair {rank}.", f"Its quantised pairs: {known}.")
    policy = pairs[rank].policy
    if policy != DEFAULT_POLICY:
        raise UsageError(
            f"Pair {rank} escalates by {policy}; firmware decides in integers, by {DEFAULT_POLICY} alone.",
            f"Choose other thresholds: {call('quantize', run, resume=True, policy=DEFAULT_POLICY)}.",
        )
    return pairs[rank]


def load_cascade(run: Path, pair: QuantizedPair) -> tuple[Cascade, list[QuantizedNet]]:
    """A pair as it is exported, and its nets, little and big.

    Raises:
        RunError: A net is missing or damaged, the thresholds are not one for all classes or one each, or a bias is none
            of a net.
    """
    nets = [load_quantized(run / INT8, name) for name in (pair.models.little, pair.models.big)]
    little, big = (net.int8 for net in nets)
    try:
        steps = tuple(map(int, str(pair.int8.threshold).split()))
        thresholds = steps * little.classes if len(steps) == 1 else steps
        biases = parse_bias(pair.little_bias), parse_bias(pair.big_bias)
        return Cascade(
            little, big, thresholds, nets[0].pixels, nets[1].pixels, little_bias=biases[0], big_bias=biases[1]
        ), nets
    except (ValueError, UsageError) as error:
        raise RunError(
            f"Pair {pair.predicted.rank} has no thresholds of a device, or no such biases: {error}.",
            f"Quantise again: {call('quantize', run, force=True)}.",
        ) from error


def first_images(cascade: Cascade, nets: list[QuantizedNet], dataset: Dataset, count: int) -> Images:
    """The first test images for both nets, on which the reference must give what was stored at quantisation.

    Raises:
        VerifyError: It gives anything else.
    """
    inputs = []
    for net in nets:
        pixels = execute.quantize_pixels(net.pixels, resized(dataset.x_test[:count], net.int8.spec.resolution))
        if not np.array_equal(execute.run(net.int8, pixels), net.outputs["test"][: len(pixels)]):
            raise VerifyError(
                f"{net.name} answers test images otherwise than when it was quantised.",
                "Quantise the run again with `force=True`.",
            )
        inputs.append(pixels)
    return Images(inputs[0], inputs[0] if cascade.shares_input else inputs[1])


def shortest(thresholds: tuple[int, ...]) -> tuple[int, ...]:
    """One threshold where all classes have the same, else all."""
    return thresholds[:1] if len(set(thresholds)) == 1 else thresholds
