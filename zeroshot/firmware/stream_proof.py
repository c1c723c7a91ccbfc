"""Samples that all executions of a cascade are fed, what they must say, and what is told of it."""

from dataclasses import dataclass, field

from zeroshot.firmware.c_cascade import Cascade
from zeroshot.firmware.calls import signal, uneven
from zeroshot.firmware.decisions import Said, Samples, decisions, newest
from zeroshot.firmware.stream import Stream

NOISE, WINDOWS = "noise", "test windows in a row"
DECISIONS = {NOISE: 30, WINDOWS: 100}  # that they are fed for, at most


@dataclass(frozen=True)
class StreamProof:
    """Of a cascade that is fed with samples: what was compared, and what that needs.

    Attributes:
        source: What was fed, `NOISE` or `WINDOWS`.
        samples: How many were fed.
        decisions: That all came to.
        escalated: How many of them the big net made.
        kept: Bytes of the arena that outlive a call.
        scratch: Bytes of the arena that the front end shares with the nets.
        smoothing: Bytes of RAM of past decisions.
        tables: Bytes of the front end's constants in flash.
        hop: Core -> instructions of a hop beside the nets; with relative levels, of one that ends with a decision.
    """

    source: str
    samples: int
    decisions: int
    escalated: int
    kept: int
    scratch: int
    smoothing: int
    tables: int
    hop: dict[str, int]


@dataclass(frozen=True, eq=False)
class Fed:
    """Samples in pieces, and what the reference says after each.

    Attributes:
        stream: Of the cascade.
        source: What the samples are.
        samples: All of them.
        sizes: Samples of each piece.
        expected: What each is answered with.
    """

    stream: Stream
    source: str
    samples: Samples = field(repr=False)
    sizes: list[int] = field(repr=False)
    expected: list[Said] = field(repr=False)

    def proof(self, classes: int, hop: dict[str, int]) -> StreamProof:
        """What is told, once all have said the same; `hop` as of `StreamProof`."""
        sensor, said = self.stream.sensor, [each for _, each in self.expected if each]
        return StreamProof(
            source=self.source, samples=len(self.samples), decisions=len(said),
            escalated=sum(each.escalated for each in said), kept=sensor.kept, scratch=sensor.scratch,
            smoothing=self.stream.bytes_of_smoothing(classes), tables=sensor.tables, hop=hop,
        )  # fmt: skip


def feed(cascade: Cascade, stream: Stream, samples: Samples | None = None) -> Fed:
    """Samples of test windows in pieces no longer than a hop; without them noise.

    Raises:
        DataError: The samples are of another type or shape.
    """
    source = NOISE if samples is None else WINDOWS
    most = DECISIONS[source]
    samples = signal(stream, most) if samples is None else samples[: stream.samples_for(most)]
    sizes = uneven(stream, len(samples))
    return Fed(stream, source, samples, sizes, newest(stream, decisions(cascade, samples), sizes))
