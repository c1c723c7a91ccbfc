"""Which nets the zoo holds: a seeded draw from the `mcu` space, stratified so that every beginning of it is one too.

Net i of the draw takes the i-th van der Corput stratum of log MACs: the first 2, 4, 8, ... nets divide the whole range
evenly, so a zoo whose training was cut short is a smaller sample of the same kind. What else is spread evenly (the
block that does most of the work, the resolution, the flash) is dealt from packs that are shuffled again whenever one
is used up, which keeps it independent of the MACs.

A second draw, made in the same way with another seed, holds further nets to calibrate on; none of it is held out.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from zeroshot.bench.pair_truth import HALVES
from zeroshot.cost.boards import load_board
from zeroshot.cost.counts import layer_macs, layer_outputs, macs, per_net
from zeroshot.cost.engines import engine_names, load_engine
from zeroshot.cost.nets import net_costs, platform
from zeroshot.net import BLOCKS, LayerTable, layer_table, spec_of
from zeroshot.resolution import shorter
from zeroshot.runs.files import write_file
from zeroshot.spaces import McuSpace
from zeroshot.types import BoolArray, FloatArray, Int32Array, Int64Array

LOWEST, HIGHEST = 0.05e6, 15e6  # MACs
NETS = 128  # a power of two: every stratum of 1/128 of log MACs holds one net
MORE = 64  # of the second draw; likewise
REPEATED, REPEATS_AFTER = 12, 60  # nets trained with two more seeds, and before which net these stand
FLASH, SRAM = 1 << 20, 256 << 10  # bytes of the device, for a net alone
# Activations that a net writes at most. Training time follows these more than the MACs; without the limit the few
# nets above it, wide bottlenecks at full resolution, would take about a fifth of it.
WRITTEN = 160_000
SIDE, CHANNELS, CLASSES = 32, 3, 10
KINDS = (*BLOCKS, "any")
THIRDS = 3  # of the candidates by flash
POOL = 120_000  # nets drawn for each number of stages


@dataclass(frozen=True)
class Entry:
    """One training of the zoo.

    Attributes:
        position: Of the net in the draws, from 0; a net's repeats have its position.
        net: Short spec.
        seed: Of the training.
        half: `calibration` or `held-out`.
        kind: Block that does more than half of the body's MACs; `any` was drawn whatever does.
        macs: Of one inference.
    """

    position: int
    net: str
    seed: int
    half: str
    kind: str
    macs: int


def van_der_corput(n: int) -> list[int]:
    """The numbers 0..n-1 in the order of their mirrored bits; n is a power of two.

    >>> van_der_corput(8)
    [0, 4, 2, 6, 1, 5, 3, 7]
    """
    bits = n.bit_length() - 1
    return [int(f"{i:0{bits}b}"[::-1], 2) if bits else 0 for i in range(n)]


def packs(count: int, rng: np.random.Generator) -> Iterator[int]:
    """Numbers below a count without end, each as often as the others: shuffled packs, one after the other."""
    while True:
        yield from rng.permutation(count).tolist()


def plan(seed: int = 0) -> list[Entry]:
    """All trainings in their order: `NETS` nets, the repeats before net `REPEATS_AFTER`, and `MORE` to calibrate on."""
    nets = _nets(NETS, np.random.default_rng(seed))
    first = [
        Entry(i, name, 0, half, kind, int(count))
        for i, ((name, kind, count), half) in enumerate(zip(nets, _halves(nets, seed), strict=True))
    ]
    again = [Entry(**{**asdict(entry), "seed": s}) for s in (1, 2) for entry in first[:REPEATED]]
    more = [
        Entry(i, name, 0, HALVES[0], kind, int(count))
        for i, (name, kind, count) in enumerate(_nets(MORE, np.random.default_rng([seed, 2])), NETS)
    ]
    return [*first[:REPEATS_AFTER], *again, *first[REPEATS_AFTER:], *more]


def _nets(n: int, rng: np.random.Generator) -> list[tuple[str, str, int]]:
    """Spec, kind and MACs of each of n nets, in the order of the draw; n is a power of two."""
    space = McuSpace.for_images(SIDE)
    pool = _Pool.drawn(space, n, rng)
    kinds, sides, thirds = packs(len(KINDS), rng), packs(len(space.resolutions), rng), packs(THIRDS, rng)
    chosen = []
    for stratum in van_der_corput(n):
        kind, side = KINDS[next(kinds)], shorter(space.resolutions[next(sides)])
        row = pool.pick(stratum, kind, side, next(thirds), rng)
        chosen.append((str(spec_of(pool.values[row])), kind, int(pool.macs[row])))
    return chosen


@dataclass(frozen=True)
class _Pool:
    """Nets that fit the device, one column each.

    Attributes:
        values: Spec array.
        macs: Of one inference.
        flash: Bytes of weights.
        share: (n_nets, blocks) float64, share of the body's MACs in each block type.
        stratum: Of log MACs.
    """

    values: Int32Array
    macs: Int64Array
    flash: Int64Array
    share: FloatArray
    stratum: Int64Array

    @staticmethod
    def drawn(space: McuSpace, strata: int, rng: np.random.Generator) -> "_Pool":
        """Draw equally many nets of every number of stages, and as many again from the small end of the space."""
        small = McuSpace(
            space.resolutions, space.stem_widths[:2], blocks=space.blocks, widths=space.widths[:5], depths=(1, 2)
        )
        parts = [each.sample(POOL, rng, s) for each in (space, small) for s in (2, 3, 4)]
        values = np.unique(np.concatenate(parts), axis=0)
        table = layer_table(values, CHANNELS, CLASSES)
        count = macs(table)
        kept = np.flatnonzero((count >= LOWEST) & (count < HIGHEST))
        values = values[kept]
        table = layer_table(values, CHANNELS, CLASSES)
        rows = np.flatnonzero(_fits(table))
        share = _shares(values, table)
        count = macs(table)
        place = np.log(count / LOWEST) / np.log(HIGHEST / LOWEST)
        flash = _flash(table)
        stratum = (place * strata).astype(np.int64)
        return _Pool(values[rows], count[rows], flash[rows], share[rows], stratum[rows])

    def pick(self, stratum: int, kind: str, side: int, third: int, rng: np.random.Generator) -> int:
        """A row of the stratum and kind, as near to the resolution as there is, from one third by flash."""
        fitting = self.stratum == stratum
        if kind != "any":
            fitting &= self.share[:, BLOCKS.index(kind)] > 0.5
        rows = np.flatnonzero(fitting)
        away = np.abs(self.values[rows, 0] - side)
        rows = rows[away == away.min()]
        rows = rows[np.argsort(self.flash[rows], kind="stable")]
        part = np.array_split(rows, THIRDS)[third]
        return int(rng.choice(part if len(part) else rows))


def _fits(table: LayerTable) -> BoolArray:
    """Whether a net alone fits the device under both engines, and trains in bearable time."""
    board = load_board("nucleo-l4r5zi")  # of its costs only those are used that no board changes
    fits = per_net(table, layer_outputs(table)) <= WRITTEN
    for name in engine_names():
        engine = load_engine(name)
        costs = net_costs(table, board, engine)
        fits &= costs.flash + platform(board, engine, CLASSES).runtime[costs.ops] <= FLASH
        fits &= costs.arena + costs.persistent <= SRAM
    return fits


def _flash(table: LayerTable) -> Int64Array:
    return net_costs(table, load_board("nucleo-l4r5zi"), load_engine(engine_names()[0])).flash


def _shares(values: Int32Array, table: LayerTable) -> FloatArray:
    """Share of each block type in the MACs of the stages, (n_nets, blocks) float64."""
    # Stages' blocks, repeated for each of their cells; cell 0 is the stem, cells after the last stage the head.
    net = np.repeat(np.arange(len(table)), np.diff(table.ptr))
    cell = table.column("cell").astype(np.int64)
    ends = np.cumsum(values[:, 9::6], axis=1)  # (n_nets, stages), number of the last cell of each stage
    stage = (cell[:, None] > ends[net]).sum(axis=1)
    inside = (cell > 0) & (stage < values[net, 3])
    block = values[net, np.minimum(5 + 6 * stage, values.shape[1] - 6)]
    work = layer_macs(table) * inside
    by_block = np.stack([per_net(table, work * (block == b)) for b in range(len(BLOCKS))], axis=1)
    return np.asarray(by_block / by_block.sum(axis=1, keepdims=True), np.float64)


def _halves(nets: Sequence[tuple[str, str, int]], seed: int) -> list[str]:
    """The half of each net, by minimisation: each goes where nets like it, among those before, are fewer.

    Like it are nets of its kind, of its resolution, and of its part of log MACs in halves, quarters, eighths and
    sixteenths (Pocock and Simon 1975 allot patients so). Of two equal halves the seed chooses.
    """
    rng = np.random.default_rng([seed, 1])
    lean: dict[tuple[str, object], int] = defaultdict(int)  # second half minus first half
    out = []
    for name, kind, count in nets:
        place = np.log(count / LOWEST) / np.log(HIGHEST / LOWEST)
        traits = [("kind", kind), ("side", name.split("-")[0]), *((str(k), int(place * k)) for k in (2, 4, 8, 16))]
        total = sum(lean[trait] for trait in traits)
        coin = int(rng.integers(2))
        which = coin if total == 0 else int(total < 0)
        for trait in traits:
            lean[trait] += 2 * which - 1
        out.append(HALVES[which])
    return out


def write_plan(path: Path, entries: Sequence[Entry]) -> None:
    """Store the plan as a table."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(Entry.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(entry) for entry in entries)
    write_file(path, text.getvalue())


def read_plan(path: Path) -> list[Entry]:
    """Read what `write_plan` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Entry(int(row["position"]), row["net"], int(row["seed"]), row["half"], row["kind"], int(row["macs"]))
            for row in csv.DictReader(file)
        ]
