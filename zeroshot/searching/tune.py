"""The first step of TinyNAS: which part of the space holds the best nets that a board has room for.

Lin et al. (MCUNet, NeurIPS 2020, arXiv 2007.10319) tell spaces apart by the multiply-accumulates of nets that meet a
board's budgets: the more on average, the better the nets to be found. A sub-space here is one input side and five
neighbouring widths of the space. Beside their rule stands ours: what the layers of these nets are expected to reach.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import ndtr

from zeroshot import data as datasets
from zeroshot.accuracy.model import CERTAIN, KNOWN_TASKS, STATIC, AccuracyModel
from zeroshot.cascade.rank_pairs import Budgets
from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import load_engine
from zeroshot.cost.nets import Platform, platform
from zeroshot.data import Dataset
from zeroshot.errors import InfeasibleError
from zeroshot.options import takes_options
from zeroshot.resolution import shorter
from zeroshot.runs.tables import Rows, Table
from zeroshot.searching.find import layer_judge
from zeroshot.searching.plot import new_axes, png
from zeroshot.searching.population import single_fits
from zeroshot.searching.roles import tightest
from zeroshot.searching.space import space_for
from zeroshot.searching.strategies.archive import needs_of
from zeroshot.searching.task import traits_of
from zeroshot.searching.tune_options import TuneOptions
from zeroshot.spaces import McuSpace
from zeroshot.training.recipe import Recipe
from zeroshot.types import FloatArray, Int64Array
from zeroshot.units import to_bytes, to_ms

CIFAR10_STEPS = 10_530  # of 30 epochs of 45,000 images, 128 a step
WIDTHS = 5  # neighbouring choices of a sub-space
FEWEST = 10  # nets that must fit before a sub-space is named: fewer say nothing of a mean


@dataclass(frozen=True)
class SubSpace:
    """A part of a space, and what is known of its nets that meet the budgets alone; None where none was drawn.

    Attributes:
        side: Of the input, pixels; of a rectangle the shorter one, of a signal its length.
        narrowest: Of its widths.
        widest: Of its widths.
        drawn: Nets, equally many of each number of stages.
        fits: Of these, nets that meet the budgets.
        macs_10: Multiply-accumulates of one inference: the quantile 0.1 of the nets that fit.
        macs_50: Their median.
        macs_90: Their quantile 0.9.
        macs_mean: Their mean.
        accuracy: Mean of what they are expected to reach by their layers, a fraction.
        accuracy_best: The most that is expected of one.
    """

    side: int
    narrowest: int
    widest: int
    drawn: int
    fits: int
    macs_10: float | None = None
    macs_50: float | None = None
    macs_90: float | None = None
    macs_mean: float | None = None
    accuracy: float | None = None
    accuracy_best: float | None = None

    def __str__(self) -> str:
        return f"{self.side} px, widths {self.narrowest} to {self.widest}"


@dataclass(frozen=True, eq=False)
class TunedSpace:
    """All sub-spaces of a space under some budgets.

    Attributes:
        parts: The sub-spaces.
        largest: The one whose nets have the most multiply-accumulates on average: the rule of TinyNAS.
        likeliest: The one whose nets are expected to reach the most on average.
        space: The whole.
        board: Name.
        engine: Name.
        macs: Of each sub-space's fitting nets, sorted, as many arrays as there are parts.
    """

    parts: Rows[SubSpace]
    largest: SubSpace
    likeliest: SubSpace
    space: McuSpace = field(repr=False)
    board: str
    engine: str
    macs: list[Int64Array] = field(repr=False)

    def summary(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "board": self.board, "engine": self.engine, "largest": asdict(self.largest),
            "likeliest": asdict(self.likeliest), "parts": [asdict(part) for part in self.parts],
        }  # fmt: skip

    def restricted(self, part: SubSpace) -> McuSpace:
        """A sub-space as a space of its own."""
        return sub_space(self.space, part.side, part.narrowest, part.widest)

    def plot(self) -> bytes:
        """How the multiply-accumulates of fitting nets are spread in each sub-space, a PNG file."""
        axes = new_axes()
        sides = list(dict.fromkeys(part.side for part in self.parts))
        for part, macs in zip(self.parts, self.macs, strict=True):
            named = part in (self.largest, self.likeliest)
            rule = " and ".join(name for name in ("largest", "likeliest") if part is getattr(self, name))
            axes.step(
                macs / 1e6, np.arange(1, len(macs) + 1) / max(len(macs), 1), where="post",
                color=f"C{sides.index(part.side)}", lw=2 if named else 0.7, alpha=1 if named else 0.5,
                label=f"{part}: {rule}" if named else None,
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_xlabel(f"multiply-accumulates of nets that fit {self.board} (millions)", parse_math=False)
        axes.set_ylabel("share of these nets")
        axes.grid(True, lw=0.3, alpha=0.6)
        axes.legend(loc="upper left", fontsize=8)
        return png(axes.figure)


@takes_options(TuneOptions, "data", "board")
def tune_space(options: TuneOptions) -> TunedSpace:
    """Tell the sub-spaces of a space apart by their nets that meet a board's budgets alone: of `mcu`, or `mcu1d`.

    Args:
        options: For what, and how many nets to look at.

    Raises:
        UsageError: An unknown board or engine, or a value out of range.
        DataError: The data cannot be used.
        InfeasibleError: Hardly any net that was drawn fits.
    """
    board, engine = load_board(options.board), load_engine(options.engine)
    model, space, channels, classes = _task(options)
    budgets = Budgets(
        flash=min(to_bytes(options.flash, "`flash`"), board.flash_bytes),
        sram=min(to_bytes(options.sram, "`sram`"), board.sram_bytes),
        latency=to_ms(options.latency, "`latency`"),
    )
    target = platform(board, engine, classes)
    rng = np.random.default_rng(options.seed)
    return tuned(space, model, target, budgets, channels, classes, options.nets, rng)


def tuned(
    space: McuSpace, model: AccuracyModel, target: Platform, budgets: Budgets, channels: int, classes: int, nets: int,
    rng: np.random.Generator,
) -> TunedSpace:  # fmt: skip
    """The sub-spaces of any space.

    Args:
        space: The whole.
        model: Of the task, by layers.
        target: Where nets run.
        budgets: That each net has to meet alone.
        channels: Of the images.
        classes: Of the data.
        nets: To draw from each sub-space.
        rng: The only source of randomness.

    Raises:
        InfeasibleError: Fewer than ten nets of each sub-space fit; the message names the tightest budget.
    """
    judge, floor = layer_judge(model, channels, classes, target), max(1 / classes, model.guessed)
    stages = range(space.min_stages, space.max_stages + 1)
    parts, found, least = [], [], []
    for part in sub_spaces(space):
        values = np.concatenate([part.sample(-(-nets // len(stages)), rng, each) for each in stages])
        judged = judge(values)
        fits = single_fits(judged.costs, target, budgets)
        macs, accuracy = judged.costs.macs[fits], np.clip(ndtr(judged.mu[fits]), floor, CERTAIN)
        parts.append(_described(part, len(values), macs, accuracy))
        found.append(np.sort(macs))
        least.append(needs_of(judged.costs, target).min(axis=0))
    known = [part for part in parts if part.fits >= FEWEST]
    if not known:
        raise _infeasible(np.min(least, axis=0), budgets)
    return TunedSpace(
        parts=Rows(Table(SubSpace), parts),
        largest=max(known, key=lambda part: part.macs_mean or 0.0),
        likeliest=max(known, key=lambda part: part.accuracy or 0.0),
        space=space,
        board=target.board.name,
        engine=target.engine.name,
        macs=found,
    )


def sub_spaces(space: McuSpace) -> Iterator[McuSpace]:
    """Each input side with each run of neighbouring widths."""
    widths = sorted(space.widths)
    for side in sorted(set(map(shorter, space.resolutions))):
        for first in range(max(len(widths) - WIDTHS, 0) + 1):
            yield sub_space(space, side, widths[first], widths[first : first + WIDTHS][-1])


def sub_space(space: McuSpace, side: int, narrowest: int, widest: int) -> McuSpace:
    """The nets of one input side between two widths; a stem wider than the widest stage of all is none of them."""
    stems = [width for width in sorted(space.stem_widths) if narrowest <= width <= widest]
    return replace(
        space,
        resolutions=tuple(each for each in space.resolutions if shorter(each) == side),
        stem_widths=tuple(stems) or (max(space.stem_widths),),
        widths=tuple(width for width in sorted(space.widths) if narrowest <= width <= widest),
    )


def _described(part: McuSpace, drawn: int, macs: Int64Array, accuracy: FloatArray) -> SubSpace:
    empty = SubSpace(shorter(part.resolutions[0]), part.widths[0], part.widths[-1], drawn, len(macs))
    if not len(macs):
        return empty
    low, middle, high = np.quantile(macs, (0.1, 0.5, 0.9)).tolist()
    return replace(
        empty, macs_10=low, macs_50=middle, macs_90=high, macs_mean=float(macs.mean()), accuracy=float(accuracy.mean()),
        accuracy_best=float(accuracy.max()),
    )  # fmt: skip


def _infeasible(least: FloatArray, budgets: Budgets) -> InfeasibleError:
    found = tightest(dict(zip(("latency", "flash", "sram"), least.tolist(), strict=True)), budgets)
    return InfeasibleError(
        f"Hardly any net that was drawn fits; `{found.name}` is the tightest budget: it allows {found.limit}, and the "
        f"least that a net takes of it is {found.need}.",
        f"Raise `{found.name}`, draw more `nets`, or choose another board or engine.",
    )


def _task(options: TuneOptions) -> tuple[AccuracyModel, McuSpace, int, int]:
    """What is expected of nets, then the space, channels and classes of the images."""
    if options.data is None:
        known = next(task for task in KNOWN_TASKS if task.name == "cifar10")
        model = STATIC.on(known.traits(CIFAR10_STEPS))
        return model, McuSpace.for_images(options.side or 32), options.channels or 3, options.classes or 10
    given = options.data
    dataset = given if isinstance(given, Dataset) else datasets.load(str(given), options.seed)
    model = STATIC.on(traits_of(dataset, options.seed, Recipe.epochs))
    return model, space_for(dataset, None)[1], dataset.channels, dataset.classes
