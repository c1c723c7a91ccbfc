"""Inference engines: what a runtime costs in code, tables, RAM and instructions, read from `engines.toml`.

Instructions are those of a Cortex-M4; a board turns them into cycles, with a factor for each engine.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from zeroshot.errors import UsageError, unknown
from zeroshot.runs.schema import parse_toml, read_as

# What `zeroshot` itself will write as firmware; the runtime of the other one alone takes 100 KB of flash.
DEFAULT_ENGINE = "c99"

# Operator classes of the instruction model, in the order of the compiled kernel's coefficient rows. A
# `first_conv` is a convolution over fewer than four channels: kernels cannot read four operands at once.
CLASSES = ("conv", "first_conv", "pointwise", "depthwise", "add", "avgpool", "linear")

ORIGINS = ("published:", "fitted:", "guess:")


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An inference runtime. Every figure's origin is in `sources`.

    Attributes:
        name: Key in `engines.toml`.
        title: For people.
        planner: One of `zeroshot.cost.arena.PLANNERS`: `greedy`, TensorFlow Lite Micro's arena plan; `in-place`, that
            of the generated C; or `bound`, the largest sum of live tensors.
        input_in_arena: Whether a cascade's arena is planned over both nets, so that the image waits inside it for the
            big net; else a copy of it waits beside the arena.
        flash_base: Bytes of runtime code without operator kernels.
        flash_kernel: Bytes of code for each kind in `net.OPS`, paid once however many nets use it.
        flash_layer: Bytes of model tables for each layer, beside a byte a weight.
        flash_channel: Bytes of model tables for each output channel (bias, multiplier, shift).
        ram_base: Bytes of persistent RAM for each net.
        ram_layer: Bytes of persistent RAM for each layer.
        ram_channel: Bytes of persistent RAM for each output channel.
        ram_tap: Bytes of scratch a net keeps for each input value under a kernel of its largest convolution.
        instructions: For each of `CLASSES` the instructions of one MAC and of one output element. Without
            MACs, the first figure counts an addition's outputs and an average pooling's inputs.
        block: Output pixels that the kernels of dense layers compute at once: MACs and outputs count for whole blocks.
        gather: For some of `CLASSES` the instructions for each output pixel, each kernel tap of each output pixel,
            each input value that these taps copy, and each tap and each value once more of pixels whose kernel
            reaches over the edge, paid however many filters there are: kernels copy the patch under the kernel before
            they multiply. Others copy nothing.
        depthwise: Instructions of depthwise layers for each output row of a channel, each weight, and each input
            value, beside those for MACs and outputs.
        stall: For each of `CLASSES` the cycles an instruction relative to a dense convolution.
        layer_instructions: Fixed cost of calling one layer.
        policy_instructions_per_class: Cost of the escalation decision (logit gap), each class.
        sources: Figure -> `published: ...`, `fitted: ...` or `guess: ...`.
    """

    name: str
    title: str
    planner: str
    input_in_arena: bool
    flash_base: int
    flash_kernel: dict[str, int]
    flash_layer: int
    flash_channel: int
    ram_base: int
    ram_layer: int
    ram_channel: int
    ram_tap: int
    instructions: dict[str, tuple[float, float]]
    block: int
    gather: dict[str, tuple[float, ...]]
    depthwise: tuple[float, float, float]
    stall: dict[str, float]
    layer_instructions: float
    policy_instructions_per_class: float
    sources: dict[str, str]


@cache
def _shipped() -> dict[str, Any]:
    return parse_toml(files("zeroshot.cost").joinpath("engines.toml").read_text(encoding="utf-8"), "engines.toml")


def engine_names() -> tuple[str, ...]:
    """Names of the shipped engines; the first is the default."""
    return tuple(_shipped())


def load_engine(name: str) -> Engine:
    """Read a shipped engine.

    >>> load_engine("tflm-cmsis-nn").planner
    'greedy'

    Raises:
        UsageError: No such engine; the hint names the nearest.
    """
    if name.lower() not in _shipped():
        raise unknown("engine", name, engine_names())
    values, where = _shipped()[name.lower()], f"engine {name}"
    engine = read_as(Engine, values, where, name=name.lower())
    check_sources(figures(values), engine.sources, where)
    return engine


def figures(values: Mapping[str, Any]) -> list[str]:
    """Dotted names of the numbers in a TOML table: what needs a source.

    >>> figures({"title": "x", "clock_mhz": 64, "cycles": {"c99": 1.5}})
    ['clock_mhz', 'cycles.c99']
    """
    names = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            names += [f"{key}.{inner}" for inner in value] if key != "sources" else []
        elif not isinstance(value, str):
            names.append(key)
    return names


def check_sources(names: Iterable[str], sources: Mapping[str, str], where: str) -> None:
    """Insist that every figure says where it comes from; the source of a table covers the figures in it.

    Raises:
        UsageError: A figure has no source, or one that does not say how it was come by.
    """
    for name in names:
        source = sources.get(name, sources.get(name.split(".")[0]))
        if source is None:
            raise UsageError(f"{where} has no source for {name}.", f'Add to [sources]: "{name}" = "guess: ...".')
        if not source.startswith(ORIGINS):
            raise UsageError(f"The source of {name} in {where} must start with {', '.join(ORIGINS)}.")
