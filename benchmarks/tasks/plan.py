"""Which trainings: nets of the zoo on other tasks, other nets on CIFAR-10, and some of both for longer.

A pure function of the zoo's plan and of `nets.py`, so there is no file of it.
"""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.pair_truth.drawing import read_plan
from benchmarks.tasks.data import LONG, TASKS, Task
from benchmarks.tasks.nets import ON_EVERY_TASK, others
from zeroshot.runs.checkpoints import stem

HERE = Path(__file__).parent
ZOO_PLAN = HERE.parent / "pair_truth" / "plan.csv"
OTHER = "other"  # what stands where nets of the zoo name their half
FROM_ZOO = 32  # nets of the draw on every task, its first: a power of two divides the range of MACs evenly
OTHERS_FROM = 1000  # position of the first net that the zoo lacks
LONG_NETS, LONG_OTHERS = 24, 8  # of the zoo, and one in so many of the others
AGAIN = 4  # one net in so many is trained with a second seed
CHECKED = 16  # nets of the zoo that are trained again by another machine, to compare


@dataclass(frozen=True)
class Training:
    """One training.

    Attributes:
        task: What on and how.
        net: Short spec.
        seed: Of the training.
        position: Of the net: as in the zoo's plan, or from `OTHERS_FROM` on; None where no plan numbers it for good.
        half: As in the zoo's plan; `other` for other nets.
        family: `zoo`, or as `nets.others` has it.
        folder: Name of the folder of what is stored.
    """

    task: Task
    net: str
    seed: int
    position: int | None
    half: str
    family: str
    folder: str

    @property
    def name(self) -> str:
        """Of the stored files, without suffix: the position, or the spec where there is none."""
        net = stem(self.net) if self.position is None else f"{self.position:04d}"
        return f"{net}-s{self.seed}"


@dataclass(frozen=True)
class _Net:
    net: str
    position: int
    half: str
    family: str

    def on(self, task: Task, seed: int = 0, folder: str | None = None) -> Training:
        return Training(task, self.net, seed, self.position, self.half, self.family, folder or task.name)


def plan() -> list[Training]:
    """All trainings, the more important first: a plan that was cut short is worth most."""
    zoo = [_Net(e.net, e.position, e.half, "zoo") for e in read_plan(ZOO_PLAN) if e.seed == 0]
    rest = [_Net(net, OTHERS_FROM + i, OTHER, family) for i, (net, family) in enumerate(others().items())]
    everywhere = zoo[:FROM_ZOO] + [net for net in rest if net.net in ON_EVERY_TASK]
    cifar10 = TASKS["cifar10"]
    tasks = [task for task in TASKS.values() if task is not cifar10]
    real, derived = [task for task in tasks if task.real], [task for task in tasks if not task.real]
    costly = [TASKS["grey"], TASKS["sixteen"]]
    return [
        *(net.on(task) for task in real for net in everywhere),
        *(net.on(task, 1) for task in real for net in everywhere[::AGAIN]),
        *(net.on(cifar10) for net in rest),
        *(net.on(task) for task in derived if task not in costly for net in everywhere),
        *(net.on(cifar10, folder="check") for net in zoo[:CHECKED]),
        *(net.on(LONG) for net in (*zoo[:LONG_NETS], *rest[::LONG_OTHERS])),
        *(net.on(task) for task in costly for net in everywhere),
        *(net.on(task, 1) for task in derived for net in everywhere[::AGAIN]),
        *(net.on(cifar10, 1) for net in rest[::AGAIN]),
    ]
