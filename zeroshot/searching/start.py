"""Nets of an earlier run, to go on from: on another board, inside other budgets, for other data."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from math import log, prod
from pathlib import Path

import numpy as np

from zeroshot.errors import RunError, UsageError, call
from zeroshot.net import NetSpec
from zeroshot.resolution import Resolution, sides
from zeroshot.runs import layout
from zeroshot.runs.reading import read_candidates
from zeroshot.spaces import McuSpace
from zeroshot.spaces.canonical import canonical
from zeroshot.types import Int32Array


@dataclass(frozen=True, eq=False)
class StartNets:
    """What an earlier run has to start from.

    Attributes:
        run: Its folder, as it was named.
        values: (n, columns) int32 spec array of nets of this space, each function once.
        candidates: Candidates of that run.
        digest: Of their names: the result depends on them.
    """

    run: str
    values: Int32Array
    candidates: int
    digest: str


def start_nets(run: str, space_name: str, space: McuSpace) -> StartNets:
    """The candidates of an earlier run that are nets of this space, for images of this size.

    Raises:
        RunError: The run cannot be read, or is of another space.
    """
    config, rows = read_candidates(Path(run))
    if config.get("space") != space_name:
        raise RunError(
            f"`from_`: the run in {run} is of the space {config.get('space')}, not of {space_name}.",
            "Name a run of the same space, or search in that one.",
        )
    try:
        nets = [NetSpec.parse(row.net) for row in rows]
    except UsageError as error:
        again = call("search", ..., run=run, force=True)
        raise RunError(f"{Path(run) / layout.CANDIDATES}: {error.message}", f"Search again: {again}.") from error
    values = space.array([net for net in _at_sides(nets, space.resolutions) if net in space])
    _, first = np.unique(canonical(values), axis=0, return_index=True)
    names = "\n".join(row.net for row in rows)
    return StartNets(run, values[np.sort(first)], len(rows), sha256(names.encode()).hexdigest())


def _at_sides(nets: Iterable[NetSpec], there: tuple[Resolution, ...]) -> list[NetSpec]:
    """The nets at the nearest number of pixels that there is, where the run was of other images."""
    nearest = {
        size: min(there, key=lambda each: abs(log(prod(sides(each)) / prod(sides(size)))))
        for size in {net.resolution for net in nets}
    }
    return [replace(net, resolution=nearest[net.resolution]) for net in nets]
