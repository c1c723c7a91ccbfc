"""What is searched: tasks, budgets, a space that can be listed; and which strategies look at how many nets."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.journey.settings import BOARD, ENGINE, KIB, SETTINGS
from zeroshot.accuracy.model import KNOWN_TASKS, STATIC, AccuracyModel
from zeroshot.cascade.rank_pairs import Budgets
from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import load_engine
from zeroshot.cost.nets import NetCosts, Platform, net_costs, platform
from zeroshot.net import layer_table
from zeroshot.searching.find import layer_judge
from zeroshot.searching.roles import Roles
from zeroshot.searching.strategies import Goal
from zeroshot.searching.tune import CIFAR10_STEPS, tuned
from zeroshot.spaces import McuSpace
from zeroshot.types import Int32Array

CLASSES, RATE = 10, 0.5
DEFAULT = 1000  # candidates of a role, as `zeroshot search` has them
# 23,328 nets: three resolutions, blocks of three kinds, two stages.
LISTED = McuSpace(
    resolutions=(16, 24, 32),
    stem_widths=(8, 16, 32),
    stem_strides=(1, 2),
    min_stages=2,
    max_stages=2,
    blocks=(("c", 1), ("d", 1), ("m", 4)),
    kernels=(3,),
    widths=(16, 32, 64),
    depths=(1, 2),
    strides=(1, 2),
    heads=(0,),
)


@dataclass(frozen=True)
class Case:
    """One task under one budget on a NUCLEO-L4R5ZI with the portable engine.

    Attributes:
        name: Short.
        task: Of the tasks that levels were fitted to.
        side: Of its images, pixels.
        channels: Of its images.
        limits: Of a pair: flash and SRAM in KiB, expected latency in ms.
        listed: Whether the space is `LISTED`, not that of the images.
        rule: By which part of the space nets are looked for in, see `zeroshot.searching.tune`; empty for the whole.
    """

    name: str
    task: str
    side: int
    channels: int
    limits: tuple[float, float, float]
    listed: bool = False
    rule: str = ""

    @property
    def budgets(self) -> Budgets:
        """The limits; the big net runs at most half of the time."""
        flash, sram, latency = self.limits
        return Budgets(flash=flash * KIB, sram=sram * KIB, latency=latency, escalation=RATE)

    @property
    def platform(self) -> Platform:
        """Where nets run."""
        return platform(load_board(BOARD), load_engine(ENGINE), CLASSES)

    @property
    def space(self) -> McuSpace:
        """Where nets are looked for."""
        whole = LISTED if self.listed else McuSpace.for_images(self.side)
        if not self.rule:
            return whole
        found = tuned(
            whole, self.model, self.platform, self.budgets, self.channels, CLASSES, DEFAULT, np.random.default_rng(0)
        )
        return found.restricted(getattr(found, self.rule))

    @property
    def model(self) -> AccuracyModel:
        """What is expected of nets by their layers, on this task."""
        return STATIC.on(next(each for each in KNOWN_TASKS if each.name == self.task).traits(STEPS[self.task]))

    def goal(self, nets: int, scored: int) -> Goal:
        """What a strategy is told."""

        def cost_of(values: Int32Array) -> NetCosts:
            return net_costs(layer_table(values, self.channels, CLASSES), target.board, target.engine)

        target, space = self.platform, self.space
        judge = layer_judge(self.model, self.channels, CLASSES, target)
        return Goal(
            space=space,
            judge=judge,
            cost_of=cost_of,
            roles=Roles.of(space, cost_of, target, self.budgets),
            nets=nets,
            scored=scored,
            seeds=space.array([]),
            start=space.array([]),
            least_sd=self.model.sd_net,
            floor=1 / CLASSES,
        )


STEPS = {"cifar10": CIFAR10_STEPS, "digits": 480}  # of the trainings that accuracies are expected of: 30 epochs, 40
CASES = (
    *(
        Case(each.name, each.task, 32, 3, (each.flash // KIB, each.sram // KIB, each.latency))
        for each in SETTINGS
        if each.task == "cifar10"
    ),
    Case("digits-5ms", "digits", 8, 1, (2048, 640, 5.0)),
    Case("listed-60ms", "cifar10", 32, 3, (112, 64, 60.0), listed=True),
)

# The same in the part of the space that `zeroshot tune-space` names, by the rule of TinyNAS and by ours.
COMPARED = (("uniform", 10_000), ("evolution", 10_000))  # strategies, and nets that they may score
RULES = {"largest": "the largest nets", "likeliest": "the highest expectation"}
TUNED = tuple(
    replace(case, name=f"{case.name}, {rule}", rule=rule)
    for case in CASES for rule in RULES if case.name in ("cifar10-60ms", "cifar10-25ms")
)  # fmt: skip


@dataclass(frozen=True, order=True)
class Work:
    """One run of a strategy.

    Attributes:
        case: Name of the case.
        strategy: Name of the strategy.
        nets: Candidates of each role.
        scored: Nets that it may score; 0 for `random`, which draws what it needs.
        seed: The one seed.
    """

    case: str
    strategy: str
    nets: int
    scored: int
    seed: int


def plan(seeds: int, names: tuple[str, ...], *, long: bool) -> Iterator[Work]:
    """All runs; the long ones, which are asked for, with three seeds at most."""
    for case in CASES:
        for seed in range(seeds):
            yield Work(case.name, "random", DEFAULT, 0, seed)
            for name in names[1:]:
                for scored in (300, 1000, 3000) if case.listed else (1000, 10_000):
                    yield Work(case.name, name, DEFAULT, scored, seed)
        for seed in range(min(seeds, 3) if long and not case.listed else 0):
            yield Work(case.name, "random", 10 * DEFAULT, 0, seed)
            yield Work(case.name, "stratified", DEFAULT, 100_000, seed)
            yield Work(case.name, "evolution", DEFAULT, 30_000, seed)
            yield Work(case.name, "evolution", DEFAULT, 100_000, seed)
    for case in TUNED:
        for seed in range(seeds):
            for name, scored in COMPARED:
                yield Work(case.name, name, DEFAULT, scored, seed)
