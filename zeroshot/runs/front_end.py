"""The front end in a run's config: how a device makes pictures of sound or motion, whole and in integers."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zeroshot.errors import RunError, UsageError, call
from zeroshot.frontend.options import AnyFrontEnd, FrontEnd, Motion, ScaledMotion, Scaling
from zeroshot.runs import layout
from zeroshot.runs.reading import read_config

SOUND, MOTION = "sound", "motion"


def stored(front_end: AnyFrontEnd) -> dict[str, Any]:
    """A front end as a table of the config, of plain values."""
    if isinstance(front_end, FrontEnd):
        values = {name: value for name, value in front_end.values().items() if value is not None}
        return {"kind": SOUND, **values}
    scaling = {name: list(each) for name, each in asdict(front_end.scaling).items()}
    named = {"names": list(front_end.axes), "step": list(front_end.step)}
    return {"kind": MOTION, **front_end.motion.values(), **scaling, **named}


def read_front_end(run: str | Path) -> AnyFrontEnd | None:
    """What made the pictures that the nets of a run see; None where they are images.

    Raises:
        RunError: There is no run, it has another format, or its config is damaged.
    """
    table = read_config(Path(run)).get(layout.FRONT_END)
    if table is None:
        return None
    try:
        return _read(dict(table))
    except (UsageError, KeyError, TypeError, ValueError) as error:
        again = call("search", ..., run=str(run), force=True)
        raise RunError(
            f"{Path(run) / layout.CONFIG} has no front end that can be read: {error}.", f"Search again: {again}."
        ) from error


def _read(table: dict[str, Any]) -> AnyFrontEnd:
    kind = table.pop("kind")
    if kind == SOUND:
        return FrontEnd.of(table)
    if kind != MOTION:
        raise UsageError(f"its kind is {kind!r}")
    lists: Mapping[str, tuple[Any, ...]] = {
        name: tuple(table.pop(name)) for name in ("multipliers", "shifts", "names", "step")
    }  # fmt: skip
    motion = Motion.of(table)
    if {len(each) for each in lists.values()} != {motion.axes}:
        raise UsageError(f"it has {motion.axes} axes, and factors of another number")
    scaling = Scaling(tuple(map(int, lists["multipliers"])), tuple(map(int, lists["shifts"])))
    return ScaledMotion(motion, scaling, tuple(map(str, lists["names"])), tuple(map(float, lists["step"])))
