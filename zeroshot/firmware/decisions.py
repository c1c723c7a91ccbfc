"""The reference of a stream: what a cascade decides of samples, in integers, hop by hop."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zeroshot.cascade.policy import logit_gap
from zeroshot.errors import UsageError, VerifyError
from zeroshot.firmware.c_cascade import Cascade
from zeroshot.firmware.escalation import Escalation
from zeroshot.firmware.stream import Stream, score_factors
from zeroshot.int8.decision import biased
from zeroshot.int8.execute import quantize_pixels, run
from zeroshot.types import BoolArray, Int64Array

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Decision:
    """What the cascade says after a hop.

    Attributes:
        hop: Hops since the start, this one counted: the window ends with it.
        label: The answer, smoothed where that was asked for.
        margin: The largest score minus the second largest; `Stream` says what scores are.
        answer: The answer to this window alone.
        escalated: Whether the big net gave it.
        capped: Whether the big net was wanted, but a limit on escalations did not let it run.
    """

    hop: int
    label: int
    margin: int
    answer: int
    escalated: bool
    capped: bool


Said = tuple[int, Decision | None]  # how many decisions fell in a call, and the newest of them


def stream_of(cascade: Cascade) -> Stream:
    """The stream that a cascade is fed with.

    Raises:
        UsageError: It is fed with pictures.
    """
    if cascade.stream is None:
        raise UsageError("This cascade takes pictures, no samples.", "Give it the front end of its data.")
    return cascade.stream


def decisions(cascade: Cascade, samples: Samples) -> list[Decision]:
    """All decisions on a recording, from a fresh start; the generated C comes to the same, however it is cut.

    Args:
        cascade: The pair with its stream.
        samples: (n,) int16 of sound, (n, axes) int16 of motion.

    Raises:
        UsageError: The cascade has no stream.
        DataError: The samples are of another type or shape.
    """
    stream = stream_of(cascade)
    pictures = stream.sensor.pictures(samples)[:: stream.every]
    if not len(pictures) or cascade.little_pixels is None:
        return []
    images = quantize_pixels(cascade.little_pixels, pictures)
    logits = run(cascade.little, images).astype(np.int64)
    sure = biased(logits, cascade.little_bias)
    unsure = logit_gap(sure) < np.asarray(cascade.thresholds)[sure.argmax(axis=1)]
    state = Escalation(cascade.limit, cascade.budget)
    escalated = np.array([state.step(wanted) for wanted in unsure.tolist()])
    logits[escalated] = run(cascade.big, images[escalated])
    for up, bias in ((False, cascade.little_bias), (True, cascade.big_bias)):
        logits[escalated == up] += np.asarray(bias or 0)
    out = []
    for i, scores in enumerate(_scores(stream, logits, escalated, score_factors(cascade.little, cascade.big))):
        second, largest = np.sort(scores)[-2:].tolist()
        out.append(Decision(
            stream.sensor.first + i * stream.every, int(scores.argmax()), largest - second, int(logits[i].argmax()),
            bool(escalated[i]), bool(unsure[i] and not escalated[i]),
        ))  # fmt: skip
    return out


def _scores(stream: Stream, wide: Int64Array, escalated: BoolArray, factors: tuple[int, int]) -> Iterable[Int64Array]:
    """(classes,) for each decision, from (n, classes) logits with their bias."""
    if stream.smooth == 1:
        yield from wide
        return
    if stream.smoothing == "mean":
        each = wide * np.asarray(factors)[escalated.astype(int), None]
    else:
        each = np.eye(wide.shape[1], dtype=np.int64)[wide.argmax(axis=1)]
    last: deque[Int64Array] = deque(maxlen=stream.smooth)
    for one in each:
        last.append(one)
        yield np.sum(list(last), axis=0)


def newest(stream: Stream, said: Sequence[Decision], sizes: Iterable[int]) -> list[Said]:
    """What calls with so many samples say of a recording: how many decisions fell, and the last of them."""
    out: list[Said] = []
    hops = [each.hop for each in said]
    taken = known = 0
    for size in sizes:
        taken += size
        before, known = known, bisect_right(hops, taken // stream.sensor.hop)
        out.append((known - before, said[known - 1] if known > before else None))
    return out


def compare_decisions(who: str, expected: Sequence[Said], found: Sequence[Said]) -> None:
    """Insist that two computations say the same after every call.

    Raises:
        VerifyError: They do not; the message names the first call that differs.
    """
    for i, (ours, theirs) in enumerate(zip(expected, found, strict=False)):
        if ours != theirs:
            raise VerifyError(
                f"{who} differs from the integer reference in call {i} of a stream: {theirs} instead of {ours}.",
                "This is a defect; do not ship this firmware. Report it with the exported folder.",
            )
    if len(expected) != len(found):
        raise VerifyError(f"{who} answered {len(found)} calls of {len(expected)}.", "This is a defect; report it.")
