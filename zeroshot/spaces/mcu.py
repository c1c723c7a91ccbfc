"""The `mcu` space: a 3x3 stem, two to four stages of one block type each, and a head, for int8 kernels on an MCU.

For signals, images of height 1, it is `mcu1d`: the same blocks with kernels of 1xk, and longer ones.

Every net has a number: the space maps `range(count)` one to one onto its nets, so that sampling uniformly is drawing
integers, enumerating is counting, and a sub-space is the same class with fewer choices.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

import numpy as np

from zeroshot.errors import UsageError
from zeroshot.net import BLOCKS, NET_FIELDS, STAGE_FIELDS, NetSpec, spec_array, spec_of
from zeroshot.resolution import Resolution, packed, resolution_of, sides, worded
from zeroshot.spaces import sizes
from zeroshot.spaces._variation import change_one, keep_pixels, mix, redrawn
from zeroshot.spaces.canonical import canonical
from zeroshot.types import Int32Array, Int64Array

LINES = (3, 5, 7, 9)  # kernels of signals, for which a longer one costs less than in two dimensions
# A stage's block and expansion, one choice.
BLOCK_CHOICES = (("c", 1), ("d", 1), ("m", 1), ("m", 2), ("m", 3), ("m", 4), ("m", 6), ("b", 1))


@dataclass(frozen=True)
class _Group:
    """Nets of one resolution and number of stages: a plain mixed-radix product."""

    resolution: Resolution
    stages: int
    patterns: Int32Array  # (n_patterns, 1 + stages) strides of the stem and of each stage
    size: int


@dataclass(frozen=True)
class McuSpace:
    """Choices for every field of a `NetSpec`; all combinations whose last feature map keeps at least 2x2 pixels.

    Of a signal, which has one pixel along an axis, it keeps two along the other. The stride limit removes nets that
    only differ in strides over a single pixel, where a stride does nothing.

    >>> tiny = McuSpace((8,), (8,), (1,), 2, 2, (("c", 1),), (3,), (8, 16), (1,), (1,), (0,))
    >>> tiny.count(), [str(net) for net in tiny.enumerate()][:2]
    (4, ['r8-s8-c3w8x1-c3w8x1', 'r8-s8-c3w8x1-c3w16x1'])
    """

    resolutions: tuple[Resolution, ...] = (16, 24, 32)
    stem_widths: tuple[int, ...] = (8, 12, 16, 24, 32)
    stem_strides: tuple[int, ...] = (1, 2)
    min_stages: int = 2
    max_stages: int = 4
    blocks: tuple[tuple[str, int], ...] = BLOCK_CHOICES
    kernels: tuple[int, ...] = (3, 5, 7)
    widths: tuple[int, ...] = (8, 12, 16, 24, 32, 48, 64, 96, 128)
    depths: tuple[int, ...] = (1, 2, 3, 4)
    strides: tuple[int, ...] = (1, 2)
    heads: tuple[int, ...] = (0, 64, 128, 256)

    def __post_init__(self) -> None:
        object.__setattr__(self, "resolutions", tuple(resolution_of(*sides(each)) for each in self.resolutions))
        if not 0 < self.count() < 2**63:
            raise UsageError(f"A space must have between 1 and 2^63 nets, not {self.count():,}.", "Change its choices.")

    @classmethod
    def for_images(cls, image: Resolution) -> "McuSpace":
        """The space for images of a size: its resolutions follow the data, with their aspect ratio, the rest is fixed.

        Raises:
            UsageError: See `zeroshot.spaces.sizes.of_images`.
        """
        return cls(resolutions=sizes.of_images(image))

    @classmethod
    def for_signals(cls, signal: Resolution) -> "McuSpace":
        """The space for signals of a length, given as (1, samples): their lengths follow the data.

        Raises:
            UsageError: See `zeroshot.spaces.sizes.of_signals`.
        """
        return cls(resolutions=sizes.of_signals(signal), kernels=LINES)

    @property
    def codes(self) -> tuple[int, ...]:
        """The resolutions as a spec array has them."""
        return tuple(map(packed, self.resolutions))

    @cached_property
    def _groups(self) -> list[_Group]:
        per_stage = len(self.blocks) * len(self.kernels) * len(self.widths) * len(self.depths)
        groups = []
        for resolution, stages in product(self.resolutions, range(self.min_stages, self.max_stages + 1)):
            choices = product(self.stem_strides, *[self.strides] * stages)
            strided = [side for side in sides(resolution) if side > 1] or [1]
            kept = [c for c in choices if -(-min(strided) // prod(c)) >= 2]
            patterns = np.array(kept, np.int32).reshape(len(kept), stages + 1)
            size = len(kept) * len(self.stem_widths) * len(self.heads) * per_stage**stages
            groups.append(_Group(resolution, stages, patterns, size))
        return groups

    def count(self) -> int:
        """Number of nets, exactly."""
        return sum(group.size for group in self._groups)

    def decode(self, numbers: Int64Array) -> Int32Array:
        """Spec array of the nets with these numbers: (n,) int64 in `range(count)` -> (n, 5 + 6 * max_stages) int32.

        Raises:
            UsageError: A number outside the space.
        """
        numbers = np.asarray(numbers, np.int64)
        groups = self._groups
        ends = np.cumsum([group.size for group in groups])
        if len(numbers) and (numbers.min() < 0 or numbers.max() >= ends[-1]):
            raise UsageError(f"Net numbers run from 0 to {ends[-1] - 1}.")
        which = np.searchsorted(ends, numbers, side="right")
        out = np.zeros((len(numbers), NET_FIELDS + STAGE_FIELDS * self.max_stages), np.int32)
        for g, group in enumerate(groups):
            rows = np.flatnonzero(which == g)
            if len(rows):
                out[rows] = self._decode_group(numbers[rows] - (ends[g] - group.size), group)
        return out

    def _decode_group(self, rest: Int64Array, group: _Group) -> Int32Array:
        depths, widths, kernels = (np.array(c, np.int32) for c in (self.depths, self.widths, self.kernels))
        blocks, expansions = np.array([(BLOCKS.index(b), e) for b, e in self.blocks], np.int32).T
        out = np.zeros((len(rest), NET_FIELDS + STAGE_FIELDS * self.max_stages), np.int32)
        for s in reversed(range(group.stages)):
            start = NET_FIELDS + STAGE_FIELDS * s
            for column, table in ((4, depths), (3, widths), (1, kernels)):
                rest, digit = np.divmod(rest, len(table))
                out[:, start + column] = table[digit]
            rest, digit = np.divmod(rest, len(blocks))
            out[:, start], out[:, start + 2] = blocks[digit], expansions[digit]
        rest, head = np.divmod(rest, len(self.heads))
        pattern, stem = np.divmod(rest, len(self.stem_widths))
        strides = group.patterns[pattern]
        out[:, 0], out[:, 3] = packed(group.resolution), group.stages
        out[:, 1], out[:, 2] = np.array(self.stem_widths, np.int32)[stem], strides[:, 0]
        out[:, 4] = np.array(self.heads, np.int32)[head]
        out[:, NET_FIELDS + 5 : NET_FIELDS + STAGE_FIELDS * group.stages : STAGE_FIELDS] = strides[:, 1:]
        return out

    def encode(self, net: NetSpec) -> int:
        """The number of a net.

        Raises:
            UsageError: The net is not in the space; the message names the first field that is not a choice.
        """
        offset = 0
        for group in self._groups:
            if group.resolution == net.resolution and group.stages == len(net.stages):
                return offset + self._encode_in(net, group)
            offset += group.size
        raise UsageError(
            f"{net} is not in this space: no nets of {len(net.stages)} stages at {worded(net.resolution)} px."
        )

    def _encode_in(self, net: NetSpec, group: _Group) -> int:
        strides = (net.stem_stride, *(stage.stride for stage in net.stages))
        digits: list[tuple[str, object, list[object]]] = [
            ("strides", strides, [tuple(map(int, p)) for p in group.patterns]),
            ("stem width", net.stem_width, list(self.stem_widths)),
            ("head", net.head, list(self.heads)),
        ]
        for i, stage in enumerate(net.stages, 1):
            digits += [
                (f"block of stage {i}", (stage.block, stage.expansion), list(self.blocks)),
                (f"kernel of stage {i}", stage.kernel, list(self.kernels)),
                (f"width of stage {i}", stage.width, list(self.widths)),
                (f"depth of stage {i}", stage.depth, list(self.depths)),
            ]
        number = 0
        for name, value, choices in digits:
            if value not in choices:
                raise UsageError(f"{net} is not in this space: {name} {value} is not one of its choices.")
            number = number * len(choices) + choices.index(value)
        return number

    def __contains__(self, net: NetSpec) -> bool:
        try:
            self.encode(net)
        except UsageError:
            return False
        return True

    def sample(self, n: int, rng: np.random.Generator, stages: int | None = None) -> Int32Array:
        """Draw n nets uniformly, with replacement, as a spec array.

        Args:
            n: Number of nets.
            rng: The only source of randomness.
            stages: Only nets with so many stages. Nearly all nets of the whole space have the most stages.
        """
        if stages is None:
            return self.decode(rng.integers(0, self.count(), n))
        groups = self._groups
        sizes = np.array([group.size if group.stages == stages else 0 for group in groups])
        starts = np.concatenate([[0], np.cumsum([group.size for group in groups])[:-1]])
        if not sizes.sum():
            raise UsageError(f"This space has no nets of {stages} stages.")
        drawn = rng.integers(0, sizes.sum(), n)
        which = np.searchsorted(np.cumsum(sizes), drawn, side="right")
        return self.decode(drawn - (np.cumsum(sizes) - sizes)[which] + starts[which])

    def enumerate(self) -> list[NetSpec]:
        """Every net, in the order of their numbers; for sub-spaces that fit into memory.

        Raises:
            UsageError: More than a million nets.
        """
        if self.count() > 1_000_000:
            raise UsageError(f"{self.count():,} nets are too many to list.", "Narrow the choices or sample.")
        return [spec_of(row) for row in self.decode(np.arange(self.count()))]

    def smallest(self) -> "McuSpace":
        """The sub-space of nets at the low end of every size: it holds the cheapest net of the space."""
        return McuSpace(
            resolutions=(min(self.resolutions, key=lambda each: prod(sides(each))),),
            stem_widths=(min(self.stem_widths),),
            stem_strides=self.stem_strides,
            min_stages=self.min_stages,
            max_stages=self.min_stages,
            blocks=self.blocks,
            kernels=(min(self.kernels),),
            widths=(min(self.widths),),
            depths=(min(self.depths),),
            strides=self.strides,
            heads=(min(self.heads),),
        )

    def corner(self) -> Int32Array:
        """The nets of `smallest`, as a spec array."""
        smallest = self.smallest()
        values = smallest.decode(np.arange(smallest.count()))
        return np.pad(values, ((0, 0), (0, STAGE_FIELDS * (self.max_stages - smallest.max_stages))))

    def canonical(self, nets: Int32Array) -> Int64Array:
        """A key for each net of a spec array, see `zeroshot.spaces.canonical`."""
        return canonical(nets)

    def mutate(self, nets: Int32Array, rng: np.random.Generator) -> Int32Array:
        """Change one field of each net to another choice, or add or drop last stages; the result is in the space.

        Args:
            nets: (n, 5 + 6 * max_stages) int32 spec array of nets of this space.
            rng: The only source of randomness.

        Raises:
            UsageError: The space has one net only.
        """
        if self.count() < 2:
            raise UsageError("A space of one net has no mutants.")
        stages = range(self.min_stages, self.max_stages + 1)
        of_net = (self.codes, self.stem_widths, self.stem_strides, tuple(stages), self.heads)
        choices = [np.array(c, np.int32) for c in (*of_net, self.kernels, self.widths, self.depths, self.strides)]
        blocks = np.array([(BLOCKS.index(b), e) for b, e in self.blocks], np.int32)
        return redrawn(
            nets,
            lambda rows: change_one(nets[rows], choices, blocks, lambda wanted: self._of_stages(wanted, rng), rng),
            lambda rows, new: (new != nets[rows]).any(axis=1) & keep_pixels(new),
        )

    def _of_stages(self, wanted: Int32Array, rng: np.random.Generator) -> Int32Array:
        """A random net for each number of stages."""
        out = np.zeros((len(wanted), NET_FIELDS + STAGE_FIELDS * self.max_stages), np.int32)
        for stages in np.unique(wanted).tolist():
            rows = np.flatnonzero(wanted == stages)
            out[rows] = self.sample(len(rows), rng, stages)
        return out

    def crossover(self, a: Int32Array, b: Int32Array, rng: np.random.Generator) -> Int32Array:
        """A child of each pair of nets: every field, and every stage as a whole, from one parent; it is in the space.

        Args:
            a: (n, 5 + 6 * max_stages) int32 spec array of nets of this space.
            b: Of the same shape.
            rng: The only source of randomness.
        """
        return redrawn(a, lambda rows: mix(a[rows], b[rows], rng), lambda _, new: keep_pixels(new))

    def array(self, nets: list[NetSpec]) -> Int32Array:
        """Spec array of nets, padded to the width of this space."""
        values = spec_array(nets)
        out = np.zeros((len(nets), NET_FIELDS + STAGE_FIELDS * self.max_stages), np.int32)
        out[:, : values.shape[1]] = values
        return out
