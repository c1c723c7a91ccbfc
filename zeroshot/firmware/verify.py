"""Proof by execution: the exported firmware computes what was evaluated, number for number.

Test images go through the integer reference, TFLite Micro (where its wheel is installed), the exported C on this
machine with sanitizers, and the same C on emulated cores. All logits, answers, gaps and escalations must be equal.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from zeroshot.cost.engines import load_engine
from zeroshot.cost.latency import layer_instructions
from zeroshot.errors import ToolchainError
from zeroshot.firmware.answers import Answers, Images, check_images, compare, reference_answers, tflm_answers
from zeroshot.firmware.c_cascade import Cascade
from zeroshot.firmware.decisions import Said, Samples, compare_decisions
from zeroshot.firmware.device import Device, Needs
from zeroshot.firmware.emulate import has_unicorn
from zeroshot.firmware.facts import ENGINE
from zeroshot.firmware.host import host_answers, host_decisions
from zeroshot.firmware.qemu import MACHINES, has_qemu, qemu_answers, qemu_decisions
from zeroshot.firmware.stream_proof import StreamProof, feed
from zeroshot.firmware.toolchain import CORES, Toolchain, find_toolchain, has_host_compiler
from zeroshot.net import OPS
from zeroshot.types import Progress


@dataclass(frozen=True)
class Verification:
    """What was compared, and what the firmware needs.

    Attributes:
        images: How many ran.
        escalated: How many of them the big net answered.
        equal: Who agreed with the integer reference in every number.
        missing: Who could not be asked, with the reason.
        needs: One a core, but for those that QEMU emulated.
        predicted: The cost model's instructions of each layer of the little and of the big net.
        layers: Operator and short description of each layer of both nets.
        stream: What was compared of a cascade that is fed with samples.
    """

    images: int
    escalated: int
    equal: tuple[str, ...]
    missing: tuple[str, ...]
    needs: tuple[Needs, ...]
    predicted: tuple[tuple[float, ...], tuple[float, ...]]
    layers: tuple[tuple[str, ...], tuple[str, ...]]
    stream: StreamProof | None = None

    def summary(self) -> dict[str, Any]:
        """The same as plain values for JSON."""
        values = asdict(self)
        if self.stream is None:
            del values["stream"]
        return values


def verify(
    cascade: Cascade, images: Images, *, cores: Sequence[str] = ("cortex-m4",), toolchain: Toolchain | None = None,
    host: bool = True, samples: Samples | None = None, progress: Progress = lambda what, done, total: None,
) -> Verification:  # fmt: skip
    """Compare all executions of a cascade.

    Args:
        cascade: The pair.
        images: Test images; 200 or more say something about decisions near the threshold.
        cores: Names of `zeroshot.firmware.toolchain.CORES`, or cortex-m55; QEMU emulates the latter, and also others
            where unicorn is not installed.
        toolchain: Cross compiler; by default the first that is installed.
        host: Also build and run for this machine.
        samples: Of test windows in a row, for a cascade that is fed with samples; without them noise of changing level.
        progress: Called with what is being done, steps done and steps in all.

    Raises:
        VerifyError: Two executions differ, or one failed; nothing of the firmware should be used then.
        ToolchainError: Compiler or emulator are missing.
        UsageError: The images do not fit, or a core is not known.
    """
    check_images(cascade, images)
    toolchain = toolchain or find_toolchain()
    steps = 2 + host + len(cores)
    progress("integer reference", 0, steps)
    expected = reference_answers(cascade, images)
    equal, missing, needs = [], [], []
    fed = feed(cascade, cascade.stream, samples) if cascade.stream else None
    hops: dict[str, int] = {}

    def check(who: str, answers: Answers, said: list[Said] | None = None) -> None:
        compare(who, expected, answers)
        if fed is not None and said is not None:
            compare_decisions(who, fed.expected, said)
        equal.append(who)

    progress("TFLite Micro", 1, steps)
    from_tflm = tflm_answers(cascade, images)
    if from_tflm is None:
        missing.append("TFLite Micro: its wheel is not installed (pip install tflite-micro)")
    else:
        check("TFLite Micro", from_tflm)
    if host and has_host_compiler():
        progress("C on this machine", 2, steps)
        from_host, sanitized = host_answers(cascade, images)
        said = host_decisions(cascade, fed.samples, fed.sizes)[0] if fed else None
        check("C on this machine" + (", sanitized" if sanitized else ""), from_host, said)
    elif host:
        missing.append("C on this machine: it has no C compiler")
    for i, core in enumerate(cores):
        progress(f"C on an emulated {core}", 2 + host + i, steps)
        if core in MACHINES and (core not in CORES or not has_unicorn()) and has_qemu():
            answers = qemu_answers(cascade, images, core, toolchain)
            said = qemu_decisions(cascade, fed.samples, fed.sizes, core, toolchain) if fed else None
            check(f"C on a {core} in QEMU, {toolchain.name}", answers, said)
            continue
        if core in MACHINES and core not in CORES:
            raise ToolchainError(f"Only QEMU emulates a {core}, and it is not installed.", "Install qemu-system-arm.")
        device = Device(cascade, core, toolchain)
        said = device.decisions(fed.samples, fed.sizes) if fed else None
        check(f"C on an emulated {core}, {toolchain.name}", device.answers(images), said)
        device.check_pixels()
        device.check_frames()
        if fed is not None:
            hops[core] = device.hop_instructions(fed.stream)
        needs.append(device.needs(images))
    progress("verified", steps, steps)
    return Verification(
        images=len(images), escalated=int(expected.escalated.sum()), equal=tuple(equal), missing=tuple(missing),
        needs=tuple(needs), predicted=_predicted(cascade), layers=_layers(cascade),
        stream=fed.proof(cascade.little.classes, hops) if fed else None,
    )  # fmt: skip


def _predicted(cascade: Cascade) -> tuple[tuple[float, ...], tuple[float, ...]]:
    engine = load_engine(ENGINE)
    little, big = (
        tuple(float(x) for x in layer_instructions(net.table, engine)) for net in (cascade.little, cascade.big)
    )
    return little, big


def _layers(cascade: Cascade) -> tuple[tuple[str, ...], tuple[str, ...]]:
    def words(row: Any) -> str:  # noqa: ANN401 - one row of a table
        op, height, width, _, _, c_in, c_out, high, wide, stride = (int(x) for x in row[:10])
        return f"{OPS[op]} {high}x{wide}/{stride} {height}x{width}x{c_in} -> {c_out}"

    little, big = (tuple(map(words, net.table.rows)) for net in (cascade.little, cascade.big))
    return little, big
