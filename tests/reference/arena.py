"""Who is in memory at which layer, and a plan that tries every offset."""

import math

from .nets import INPUT


def tensors(rows, keep_input=False):
    """(size, first row, last row) of the net's input and of every row's output."""
    last_row = len(rows) - 1
    out = []
    for t in range(-1, len(rows)):
        if t == INPUT:
            size = rows[0]["height"] * rows[0]["width"] * rows[0]["in_channels"]
        else:
            size = rows[t]["out_height"] * rows[t]["out_width"] * rows[t]["out_channels"]
        readers = [r for r, row in enumerate(rows) if t in (row["source"], row["residual"])]
        written = max(t, 0)
        stays = t == last_row or (keep_input and t == INPUT)
        out.append((size, written, last_row if stays else max([written, *readers])))
    return out


def arena_bound(rows, keep_input=False):
    """Largest sum of tensors alive at one row."""
    alive = tensors(rows, keep_input)
    return max(sum(s for s, first, last in alive if first <= row <= last) for row in range(len(rows)))


def greedy_plan(rows, alignment=16, keep_input=False):
    """Offsets of the tensors: large ones first, of equal ones the last, each at the lowest offset that is free.

    Every multiple of the alignment is tried in turn, against every tensor that was placed.
    """
    alive = tensors(rows, keep_input)
    aligned = [math.ceil(size / alignment) * alignment for size, *_ in alive]
    offsets = {}
    for t in sorted(range(len(alive)), key=lambda t: (-aligned[t], -t)):
        _, first, last = alive[t]
        rivals = [o for o in offsets if alive[o][1] <= last and first <= alive[o][2]]
        offset = 0
        while any(offset < offsets[o] + aligned[o] and offsets[o] < offset + aligned[t] for o in rivals):
            offset += alignment
        offsets[t] = offset
    return [(offsets[t], *alive[t]) for t in range(len(alive))]


def arena_greedy(rows, alignment=16, keep_input=False):
    """Highest aligned end in the greedy plan."""
    plan = greedy_plan(rows, alignment, keep_input)
    return max(offset + math.ceil(size / alignment) * alignment for offset, size, *_ in plan)


def c99_scratch(row):
    """Scratch of a generated kernel: patches of four pixels, or the taps of a row of four channels, 16 bits a value."""
    if row["op"] in ("add", "avgpool"):
        return 0
    high, wide = row["kernel_h"], row["kernel_w"]
    if row["op"] != "depthwise":
        return 4 * 2 * 4 * math.ceil(high * wide * row["in_channels"] / 4)
    columns = (row["out_width"] - 1) * row["stride"] + wide
    return 4 * 2 * (high * wide + high * columns + (row["out_height"] - 1) * row["stride"])


def arena_in_place(rows, keep_input=False):
    """Largest sum of tensors and scratch at one row, where a depthwise layer or an addition may take over an operand.

    It may where nobody reads the operand later: then the smaller of both tensors costs nothing in that row.
    """
    alive = tensors(rows, keep_input)
    peak = 0
    for i, row in enumerate(rows):
        live = [t for t, (_, first, last) in enumerate(alive) if first <= i <= last]
        total = sum(alive[t][0] for t in live) + c99_scratch(row)
        if row["op"] in ("depthwise", "add"):
            dying = [t for t in (row["source"], row["residual"]) if t >= 0 and alive[t + 1][2] == i]
            if dying:
                total -= min(alive[i + 1][0], alive[dying[0] + 1][0])
        peak = max(peak, total)
    return peak
