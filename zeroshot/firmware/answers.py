"""What a cascade answers to images, by whatever computes it, and the comparison of two such computations."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from zeroshot.cascade.policy import logit_gap
from zeroshot.errors import UsageError, VerifyError
from zeroshot.firmware.c_cascade import Cascade
from zeroshot.firmware.tflite import to_tflite
from zeroshot.int8.decision import biased
from zeroshot.int8.execute import run
from zeroshot.int8.net import Int8Net
from zeroshot.types import Int8Array, Int64Array

TFLM_ARENA = 16 * 2**20  # bytes, more than any net here needs


@dataclass(frozen=True, eq=False)
class Images:
    """Test images as each net reads them; `big` is `little` itself where both read the same.

    Attributes:
        little: (n, height, width, channels) int8.
        big: (n, height, width, channels) int8.
    """

    little: Int8Array = field(repr=False)
    big: Int8Array = field(repr=False)

    def __len__(self) -> int:
        return len(self.little)


@dataclass(frozen=True, eq=False)
class Answers:
    """Of n images; both nets' logits are there whether or not the big net was asked.

    Attributes:
        label: (n,) of the cascade.
        little_label: (n,) of the little net.
        gap: (n,) int8 steps between the little net's two largest logits, each with its class's bias.
        escalated: (n,) 0 or 1.
        little: (n, classes) logits.
        big: (n, classes) logits.
    """

    label: Int64Array = field(repr=False)
    little_label: Int64Array = field(repr=False)
    gap: Int64Array = field(repr=False)
    escalated: Int64Array = field(repr=False)
    little: Int64Array = field(repr=False)
    big: Int64Array = field(repr=False)

    def __len__(self) -> int:
        return len(self.label)


def check_images(cascade: Cascade, images: Images) -> None:
    """Insist that images fit the nets.

    Raises:
        UsageError: They do not, or there are none.
    """
    for net, given in ((cascade.little, images.little), (cascade.big, images.big)):
        if given.dtype != np.int8 or given.shape[1:] != net.input_shape or not len(given):
            raise UsageError(
                f"Images of {net.spec} must be (n, {', '.join(map(str, net.input_shape))}) int8, "
                f"not {given.shape} {given.dtype}."
            )
    if len(images.little) != len(images.big):
        raise UsageError(f"{len(images.little)} images of one net and {len(images.big)} of the other.")
    if cascade.shares_input and not np.array_equal(images.little, images.big):
        raise UsageError("Both nets read the same image, but two different ones are given.")


def decide(cascade: Cascade, little: npt.ArrayLike, big: npt.ArrayLike) -> Answers:
    """The cascade's answers from both nets' int8 logits, each (n, classes)."""
    first, second = np.asarray(little, np.int64), np.asarray(big, np.int64)
    own, other = biased(first, cascade.little_bias), biased(second, cascade.big_bias)
    label = own.argmax(axis=1)
    gap = logit_gap(own).astype(np.int64)
    up = gap < np.asarray(cascade.thresholds)[label]
    return Answers(np.where(up, other.argmax(axis=1), label), label, gap, up.astype(np.int64), first, second)


def reference_answers(cascade: Cascade, images: Images) -> Answers:
    """By the integer reference."""
    return decide(cascade, run(cascade.little, images.little), run(cascade.big, images.big))


def tflm_answers(cascade: Cascade, images: Images) -> Answers | None:
    """By TFLite Micro from the `.tflite` files; None where its wheel is not installed.

    Raises:
        UsageError: The files cannot be written.
    """
    try:
        from tflite_micro.python.tflite_micro import runtime
    except ImportError:
        return None

    def outputs(net: Int8Net, inputs: Int8Array) -> Int8Array:
        interpreter = runtime.Interpreter.from_bytes(to_tflite(net), arena_size=TFLM_ARENA)
        logits = np.empty((len(inputs), net.classes), np.int8)
        for i in range(len(inputs)):
            interpreter.set_input(inputs[i : i + 1], 0)
            interpreter.invoke()
            logits[i] = interpreter.get_output(0)[0]
        return logits

    return decide(cascade, outputs(cascade.little, images.little), outputs(cascade.big, images.big))


def compare(who: str, expected: Answers, other: Answers) -> None:
    """Insist that two computations agree in every number.

    Args:
        who: What computed `other`, for the message.
        expected: By the integer reference.
        other: By that one.

    Raises:
        VerifyError: They differ; the message names the first difference and how many images differ in all.
    """
    if len(expected) != len(other):
        raise VerifyError(f"{who} answered {len(other)} images of {len(expected)}.", "This is a defect; report it.")
    for name, what in (
        ("little", "logit {} of the little net"), ("big", "logit {} of the big net"), ("gap", "gap"),
        ("little_label", "answer of the little net"), ("escalated", "escalation"), ("label", "answer"),
    ):  # fmt: skip
        ours, theirs = getattr(expected, name), getattr(other, name)
        wrong = np.argwhere(ours != theirs)
        if len(wrong):
            at = tuple(wrong[0])
            where = what.format(at[1]) if len(at) > 1 else what
            raise VerifyError(
                f"{who} differs from the integer reference: image {at[0]}, {where}: {theirs[at]} instead of "
                f"{ours[at]}; {len(np.unique(wrong[:, 0]))} of {len(expected)} images differ so.",
                "This is a defect; do not ship this firmware. Report it with the exported folder.",
            )
