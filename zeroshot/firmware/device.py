"""The exported cascade on an emulated core: its answers, and what it needs there."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from zeroshot.data import resized
from zeroshot.errors import VerifyError
from zeroshot.firmware.answers import Answers, Images, check_images
from zeroshot.firmware.c_cascade import Cascade, cascade_sources
from zeroshot.firmware.c_model import kernel_symbol
from zeroshot.firmware.calls import RECORD, pieces, said, signal
from zeroshot.firmware.decisions import Said, Samples
from zeroshot.firmware.elf import Elf
from zeroshot.firmware.emulate import DATA, Core
from zeroshot.firmware.stream import Stream
from zeroshot.firmware.toolchain import Toolchain, build_firmware
from zeroshot.int8.execute import quantize_pixels
from zeroshot.types import Int8Array

NAME = "cascade"
NEVER, ALWAYS = 0, 256  # thresholds
_HEAD = 7  # bytes of a result before its logits
_RESULT = DATA  # images lie behind it
_IMAGES = DATA + 2**16


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a cascade needs on a core.

    Attributes:
        core: One of `zeroshot.firmware.toolchain.CORES`.
        little: Instructions of each layer of the little net.
        big: Instructions of each layer of the big net.
        decision: Instructions of a call with both nets that no layer executes: copying the image, deciding.
        arena: Bytes of the static arena.
        touched: Bytes of it up to the highest one that a call with both nets writes.
        stack: Bytes of stack.
        code: Bytes of instructions in flash.
        constants: Bytes of constants in flash: weights, parameters, tables, initial values of variables.
        static: Bytes of RAM beside the stack; the arena is part of them.
    """

    core: str
    little: tuple[int, ...] = field(repr=False)
    big: tuple[int, ...] = field(repr=False)
    decision: int
    arena: int
    touched: int
    stack: int
    code: int
    constants: int
    static: int


class Device:
    """A cascade built for one core and loaded into its emulator."""

    def __init__(self, cascade: Cascade, core: str, toolchain: Toolchain) -> None:
        self.cascade, self.core_name = cascade, core
        inputs = [f"{NAME}_input"] if cascade.shares_input else [f"{NAME}_little_input", f"{NAME}_big_input"]
        kept = [
            f"{NAME}_predict",
            f"{NAME}_init",
            f"{NAME}_set_threshold",
            f"{NAME}_set_limit",
            f"{NAME}_count",
            *([f"{NAME}_rate", f"{NAME}_drift"] if cascade.watch else []),
            *inputs,
        ]
        kept += [f"{NAME}_{prefix}quantise" for prefix, _, _ in cascade.pixel_tables]
        kept += [f"{NAME}_{prefix}frame" for prefix, _, _ in cascade.resizes]
        kept += [f"{NAME}_feed"] if cascade.stream else []
        self.elf: Elf = build_firmware(cascade_sources(cascade, NAME), kept, core, toolchain)
        self.core = Core(self.elf, core)

    def load(self, little: Int8Array, big: Int8Array) -> list[int]:
        """Put one image into memory for both nets; returns the arguments of a call."""
        self.core.write(_IMAGES, little.tobytes())
        if self.cascade.shares_input:
            return [_IMAGES, _RESULT]
        self.core.write(_IMAGES + little.size, big.tobytes())
        return [_IMAGES, _IMAGES + little.size, _RESULT]

    def answers(self, images: Images) -> Answers:
        """Run images with the exported thresholds, then with one that asks the net which did not answer.

        Raises:
            UsageError: The images do not fit.
            VerifyError: The core failed.
        """
        check_images(self.cascade, images)
        classes = self.cascade.little.classes
        heads = np.empty((len(images), _HEAD), np.uint8)
        logits = np.empty((2, len(images), classes), np.int8)
        for i in range(len(images)):
            arguments = self.load(images.little[i], images.big[i])
            self.core.call(f"{NAME}_init")
            heads[i], answer = self._predict(arguments)
            escalated = int(heads[i, 5] != 0)
            logits[escalated, i] = answer
            self.core.call(f"{NAME}_set_threshold", NEVER if escalated else ALWAYS)
            logits[1 - escalated, i] = self._predict(arguments)[1]
        wide = heads.astype(np.int64)
        return Answers(
            wide[:, 0] + 256 * wide[:, 1], wide[:, 2] + 256 * wide[:, 3], wide[:, 4], wide[:, 5],
            logits[0].astype(np.int64), logits[1].astype(np.int64),
        )  # fmt: skip

    def _predict(self, arguments: list[int]) -> tuple[npt.NDArray[np.uint8], Int8Array]:
        """Head and logits of a result."""
        self.core.call(f"{NAME}_predict", *arguments)
        raw = self.core.read(_RESULT, _HEAD + self.cascade.little.classes)
        return np.frombuffer(raw[:_HEAD], np.uint8), np.frombuffer(raw[_HEAD:], np.int8)

    def decisions(self, samples: Samples, sizes: Sequence[int]) -> list[Said]:
        """What each call with so many samples says, from a fresh start.

        Raises:
            UsageError: The pieces are not the whole of the samples, or too long.
            VerifyError: The core failed.
        """
        self.core.call(f"{NAME}_init")
        out = []
        for piece in pieces(samples, sizes):
            self.core.write(_IMAGES, piece.tobytes())
            count = self.core.call(f"{NAME}_feed", _IMAGES, len(piece), _RESULT)
            out.append(said(count, self.core.read(_RESULT, RECORD.size)))
        return out

    def hop_instructions(self, stream: Stream) -> int:
        """Instructions of a hop outside of the nets, with the picture that a decision needs; errors as `decisions`."""
        self.core.call(f"{NAME}_init")
        samples, hop = signal(stream, 1), stream.sensor.hop
        before = hop * (stream.sensor.first - 1) if stream.sensor.relative else 0  # else every hop does the same
        for start in range(0, before, hop):
            self.core.write(_IMAGES, samples[start : start + hop].tobytes())
            self.core.call(f"{NAME}_feed", _IMAGES, hop, _RESULT)
        self.core.write(_IMAGES, samples[before : before + hop].tobytes())
        nets = (self.cascade.little, self.cascade.big)
        marks = {kernel_symbol(int(op), NAME) for net in nets for op in net.table.column("op")}
        counts = self.core.counted(f"{NAME}_feed", _IMAGES, hop, _RESULT, marks=marks)
        return counts.total - sum(counts.parts)

    def check_pixels(self) -> None:
        """Insist that raw pixels become the same int8 on the device, for every value of every channel.

        Raises:
            VerifyError: One differs.
        """
        for prefix, table, net in self.cascade.pixel_tables:
            name = f"{NAME}_{prefix}quantise"
            shape = net.input_shape
            places = shape[0] * shape[1]
            for first in range(0, 256, places):
                values = (np.arange(first, first + places) % 256).astype(np.uint8)
                pixels = np.repeat(values, shape[2])
                self.core.write(_IMAGES, pixels.tobytes())
                self.core.call(name, _IMAGES, _IMAGES + pixels.size)
                written = np.frombuffer(self.core.read(_IMAGES + pixels.size, pixels.size), np.int8)
                if not np.array_equal(written.reshape(places, shape[2]), table[values]):
                    raise VerifyError(f"{name} turns pixels into other numbers than the reference.", "Report this.")

    def check_frames(self) -> None:
        """Insist that a frame of noise becomes the image that training would make of it.

        Raises:
            VerifyError: It does not.
        """
        for prefix, table, resize in self.cascade.resizes:
            frame = np.random.default_rng(1).integers(0, 256, resize.frame, np.uint8)
            expected = quantize_pixels(table, resized(frame[None], resize.image[:2]))[0]
            self.core.write(_IMAGES, frame.tobytes())
            self.core.call(f"{NAME}_{prefix}frame", _IMAGES, _IMAGES + frame.size)
            if self.core.read(_IMAGES + frame.size, expected.size) != expected.tobytes():
                raise VerifyError(f"{NAME}_{prefix}frame makes other images than training.", "Report this.")

    def needs(self, images: Images) -> Needs:
        """Count instructions and memory of a call with both nets, on the first image; errors as `answers`."""
        check_images(self.cascade, images)
        arguments = self.load(images.little[0], images.big[0])
        arena = self.core.symbol("arena")
        touched = 0
        for paint in (0x55, 0xAA):  # a byte that is written as it was is seen with the other paint
            self.core.write(arena.address, bytes([paint]) * arena.size)
            self._let_both_run()
            self.core.call(f"{NAME}_predict", *arguments)
            touched = max(touched, len(self.core.read(arena.address, arena.size).rstrip(bytes([paint]))))
        nets = (self.cascade.little, self.cascade.big)
        marks = {kernel_symbol(int(op), NAME) for net in nets for op in net.table.column("op")}
        self._let_both_run()
        counts = self.core.counted(f"{NAME}_predict", *arguments, marks=marks)
        rows = [len(net.table.rows) for net in nets]
        if len(counts.parts) != sum(rows):
            raise VerifyError(f"{len(counts.parts)} layers ran instead of {sum(rows)}.", "This is a defect; report it.")
        return Needs(
            core=self.core_name, little=counts.parts[: rows[0]], big=counts.parts[rows[0] :],
            decision=counts.total - sum(counts.parts), arena=arena.size, touched=touched,
            stack=self.core.stack_bytes(), code=self.elf.size(".text"), constants=self.elf.size(".rodata", ".data"),
            static=self.elf.size(".data", ".bss"),
        )  # fmt: skip

    def _let_both_run(self) -> None:
        """Whatever ran before: a start afresh fills the budget."""
        self.core.call(f"{NAME}_init")
        self.core.call(f"{NAME}_set_limit", 0)
        self.core.call(f"{NAME}_set_threshold", ALWAYS)
