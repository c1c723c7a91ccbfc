"""Where every tensor of a cascade lies in its one static arena, decided offline.

The little net runs first, the big net perhaps after it, so their tensors share the same bytes. An input that both read
stays untouched until the big net's first layer has read it. Tensors are placed one after another at the lowest free
offset; which order is best is found by trying: largest first, then random ones, until the plan is as small as the
largest sum of tensors alive at once, which no plan beats.

The kernels write two kinds of output over their input: a depthwise layer's, and an addition's over one of its operands,
where nobody reads that input later. And they use scratch memory, which lives for one layer.

A stream's picture is the nets' input where it lies, and is kept while and after they run, with what its front end needs
of the past behind it; the scratch of the front end lies where the nets work, as it runs before them. Where nets see
levels below the picture's loudest, what is kept lies apart from their input, which is made for each decision and may be
written over as any tensor.
"""

import random
from dataclasses import dataclass

from zeroshot.cost.arena import in_place, scratch_bytes
from zeroshot.errors import UsageError
from zeroshot.net import HEIGHT, IN_CH, INPUT, OUT_CH, OUT_HEIGHT, OUT_WIDTH, RESIDUAL, SOURCE, WIDTH, LayerTable

ALIGNMENT = 8  # bytes: kernels load two words at a time
TRIES = 1000


@dataclass(frozen=True)
class NetPlan:
    """Offsets of one net's memory, bytes from the start of the arena.

    Attributes:
        tensors: Index t + 1 for tensor t; the net's input comes first.
        scratch: One a row; 0 where the row uses none.
    """

    tensors: tuple[int, ...]
    scratch: tuple[int, ...]


@dataclass(frozen=True)
class ArenaPlan:
    """One arena for both nets.

    Attributes:
        bytes: Its size.
        bound: The largest sum of tensors alive at once, bytes: no plan is smaller.
        tightest: The step of `bound`: net (0 little, 1 big) and row; (the number of nets, 0) while none runs.
        nets: Of the little and the big net (or of the only one).
        shared_input: Whether both nets read one input.
        between: Offset of the scratch that is used while no net runs.
    """

    bytes: int
    bound: int
    tightest: tuple[int, int]
    nets: tuple[NetPlan, ...]
    shared_input: bool
    between: int = 0


@dataclass
class _Piece:
    """Bytes that are needed during a run of steps."""

    size: int
    first: int
    last: int


def plan_arena(
    tables: tuple[LayerTable, ...], *, shared_input: bool, kept: int = 0, apart: bool = False, between: int = 0,
    seed: int = 0,
) -> ArenaPlan:  # fmt: skip
    """Plan the arena of one net or of a cascade of two.

    Args:
        tables: One net's table each, in the order in which they run.
        shared_input: Whether the nets read the same input; else each has one of its own.
        kept: Bytes at the start of the arena that outlive all steps, the little net's input first; 0 where it does not.
        apart: Whether the little net's input is not among these.
        between: Bytes of scratch while no net runs.
        seed: Of the orders that are tried.

    Raises:
        UsageError: No net, or more than two.
    """
    if len(tables) not in (1, 2):
        raise UsageError(f"An arena is planned for one net or two, not {len(tables)}.")
    groups, where = _pieces(tables, shared_input, 0 if apart else kept, between)
    if apart and kept:  # before all others, whose numbers stay
        groups.insert(0, [_Piece(_aligned(kept), 0, sum(len(table.rows) for table in tables))])
        where = {which: group + 1 for which, group in where.items()}
    bound, step = _bound(groups)
    # What outlives all lies first: in the middle it would cut the rest in two.
    offsets, total = _search(groups, bound, random.Random(seed), fixed=int(kept > 0))
    nets, at = [], 0
    tightest = (len(tables), 0)
    for number, table in enumerate(tables):
        rows = len(table.rows)
        nets.append(
            NetPlan(
                tuple(offsets[where[number, "tensor", t]] for t in range(rows + 1)),
                tuple(
                    offsets[where[number, "scratch", r]] if (number, "scratch", r) in where else 0 for r in range(rows)
                ),
            )
        )
        if at <= step < at + rows:
            tightest = (number, step - at)
        at += rows
    return ArenaPlan(
        total, bound, tightest, tuple(nets), shared_input and len(tables) == 2, offsets[-1] if between else 0
    )


def _pieces(
    tables: tuple[LayerTable, ...], shared_input: bool, kept: int, between: int
) -> tuple[list[list[_Piece]], dict[tuple[int, str, int], int]]:
    """Groups of pieces that start at one offset, and the group of every tensor and scratch.

    The first group is that of the first input, the last one that of `between`. Steps count the rows of all nets, and
    one behind them where no net runs. Pieces of one group are never alive together but in the step that turns one into
    the other.
    """
    groups: list[list[_Piece]] = []
    where: dict[tuple[int, str, int], int] = {}
    at = 0
    end = sum(len(table.rows) for table in tables)
    for number, table in enumerate(tables):
        rows = table.rows.tolist()
        shares = in_place(table).tolist()
        last = _last_reads(rows)
        for t in range(-1, len(rows)):
            size = rows[0][HEIGHT] * rows[0][WIDTH] * rows[0][IN_CH] if t == INPUT else _output(rows[t])
            piece = _Piece(_aligned(size), at + max(t, 0), at + last[t + 1])
            if t == INPUT and number == 0 and kept:
                piece.size, piece.last = max(piece.size, _aligned(kept)), end
            if t == INPUT and number == 1:
                if shared_input:
                    where[1, "tensor", 0] = where[0, "tensor", 0]
                    groups[0][0].last = max(groups[0][0].last, piece.last)
                    continue
                piece.first = 0  # both inputs are there from the start
            into = shares[t] if t >= 0 else INPUT - 1
            if into >= 0:
                where[number, "tensor", t + 1] = where[number, "tensor", into + 1]
                groups[where[number, "tensor", t + 1]].append(piece)
                continue
            where[number, "tensor", t + 1] = len(groups)
            groups.append([piece])
        for r, size in enumerate(scratch_bytes(table).tolist()):
            if size:
                where[number, "scratch", r] = len(groups)
                groups.append([_Piece(_aligned(size), at + r, at + r)])
        at += len(rows)
    if between:
        groups.append([_Piece(_aligned(between), end, end)])
    return groups, where


def _output(row: list[int]) -> int:
    return row[OUT_HEIGHT] * row[OUT_WIDTH] * row[OUT_CH]


def _last_reads(rows: list[list[int]]) -> list[int]:
    """Row that last needs each tensor, index t + 1; the net's output is needed to the end."""
    last = [0, *range(len(rows))]
    for r, row in enumerate(rows):
        for tensor in (row[SOURCE], row[RESIDUAL]):
            if tensor >= INPUT:
                last[tensor + 1] = r
    return last


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _bound(groups: list[list[_Piece]]) -> tuple[int, int]:
    """Largest sum of live bytes and its step; pieces of one group that meet in a step share their bytes."""
    steps = 1 + max(piece.last for group in groups for piece in group)
    live = [0] * steps
    for group in groups:
        for step in range(min(p.first for p in group), max(p.last for p in group) + 1):
            live[step] += max((p.size for p in group if p.first <= step <= p.last), default=0)
    return max(live), live.index(max(live))


def _search(groups: list[list[_Piece]], bound: int, rng: random.Random, fixed: int) -> tuple[list[int], int]:
    """Offsets and bytes of the best order found; the first `fixed` groups come first in all."""
    head = list(range(fixed))
    order = sorted(range(fixed, len(groups)), key=lambda g: -max(p.size for p in groups[g]))
    best, best_total = _place(groups, head + order)
    for _ in range(TRIES):
        if best_total <= bound:
            break
        tried = order.copy()
        for _ in range(rng.randint(1, 4)):
            i, j = rng.randrange(len(tried)), rng.randrange(min(len(tried), 12))
            tried.insert(j, tried.pop(i))
        offsets, total = _place(groups, head + tried)
        if total <= best_total:  # walk on from equally good orders as well
            order, best, best_total = tried, offsets, total
    return best, best_total


def _place(groups: list[list[_Piece]], order: list[int]) -> tuple[list[int], int]:
    """First fit in this order: offset of each group, and the bytes used."""
    offsets = [-1] * len(groups)
    placed: list[tuple[int, list[_Piece]]] = []
    total = 0
    for g in order:
        taken = sorted(
            (start - mine.size, start + theirs.size)  # offsets between these, exclusive, collide
            for start, other in placed
            for mine in groups[g]
            for theirs in other
            if mine.first <= theirs.last and theirs.first <= mine.last
        )
        offset = 0
        for low, high in taken:
            if low < offset < high:
                offset = high
        offsets[g] = offset
        placed.append((offset, groups[g]))
        total = max(total, offset + max(p.size for p in groups[g]))
    return offsets, total
