"""The stages of a run's training: nets on their own, nets with a teacher, pairs finetuned for each other.

A stage needs the finished nets of the one before, and within a stage nets are trained side by side. Which version of
a net a pair ends up with does not depend on how many pairs are trained.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zeroshot.runs.rows import PairForecast
from zeroshot.training._plan import Plan
from zeroshot.training._with_teacher import lesson_job
from zeroshot.training.batches import Split
from zeroshot.training.cascade_loss import Tuned
from zeroshot.training.distillation import taught
from zeroshot.training.options import CascadeTuning, Distillation
from zeroshot.training.side_by_side import net_macs, train_all
from zeroshot.training.train_net import load_net
from zeroshot.training.trained import TrainedNet
from zeroshot.training.trainer import Job
from zeroshot.training.tune_pair import tuned_job
from zeroshot.types import Progress

Models = dict[str, TrainedNet]  # role -> net
FORWARD = 1 / 3  # of a training step's work; backward takes two thirds


def nets_of(pair: PairForecast, singles: bool) -> dict[str, str]:
    """Role -> net of a pair: `little`, `big`, and `single` where there is one and it is wanted."""
    nets = {"little": pair.little, "big": pair.big}
    return nets | {"single": pair.single} if singles and pair.single is not None else nets


def all_nets(pairs: Sequence[PairForecast], singles: bool) -> list[str]:
    """The nets of some pairs, each once, in the order of the pairs."""
    return list(dict.fromkeys(net for pair in pairs for net in nets_of(pair, singles).values()))


def teachers(pairs: Sequence[PairForecast], singles: bool, distil: Distillation | None) -> dict[str, str]:
    """Net -> its teacher, of the nets that have one.

    With `big`, a net that is little in several pairs learns from the big net of the best-ranked one, and so does the
    single net that stands beside a pair: a verdict must not count as the cascade's what a teacher gave. A net that is
    big as well is trained on its own too, as a teacher.
    """
    if distil is None:
        return {}
    if distil.teacher == "self":
        return {net: net for net in all_nets(pairs, singles)}
    teacher_of: dict[str, str] = {}
    for pair in pairs:
        for role, net in nets_of(pair, singles).items():
            if role != "big":
                teacher_of.setdefault(net, pair.big)
    return teacher_of


def tunable(pair: PairForecast) -> bool:
    """Whether a pair decides anything: it does not where no input escalates, or every one."""
    return 0 < pair.escalation_rate < 1


@dataclass(frozen=True)
class Training:
    """What a run's training has to do.

    Attributes:
        pairs: Best first.
        singles: Also the single nets beside the pairs.
        jobs: Net -> its training on its own, of all nets of the pairs.
        plan: What is asked for.
        policy: Score that decides on escalation.
    """

    pairs: Sequence[PairForecast]
    singles: bool
    jobs: Mapping[str, Job]
    plan: Plan
    policy: str

    @property
    def teacher_of(self) -> dict[str, str]:
        """See `teachers`."""
        return teachers(self.pairs, self.singles, self.plan.distil)

    @property
    def plain(self) -> list[str]:
        """Nets that are trained on their own: those without a teacher, those that teach, and those that are big."""
        teacher_of = self.teacher_of
        needed = {*teacher_of.values(), *(pair.big for pair in self.pairs)}
        return [net for net in self.jobs if net not in teacher_of or net in needed]

    def relative_cost(self) -> tuple[float, float]:
        """What lessons cost beside the training of every net on its own, estimated by MACs.

        Returns:
            The work of an epoch of everything, and the work of the finetune, both over that of an epoch of every net.
        """
        size = dict(zip(self.jobs, net_macs(list(self.jobs.values())), strict=True))
        own = sum(size[net] for net in self.plain)
        with_teacher = sum(size[net] + FORWARD * size[teacher] for net, teacher in self.teacher_of.items())
        tuned = sum((1 + FORWARD) * (size[pair.little] + size[pair.big]) for pair in self.pairs if tunable(pair))
        epochs = self.plan.cascade_aware.epochs if self.plan.cascade_aware else 0
        whole = sum(size.values())
        return (own + with_teacher) / whole, epochs * tuned / whole


@dataclass(frozen=True)
class SideBySide:
    """Where nets are trained.

    Attributes:
        data: The split.
        folder: Where the nets are kept.
        n_processes: Nets trained side by side.
        report: Progress; each stage counts its epochs from 0.
    """

    data: Split
    folder: Path
    n_processes: int
    report: Progress

    def train(self, jobs: Sequence[Job], what: str) -> dict[str, TrainedNet]:
        """Name -> net, trained now or before."""
        if jobs:
            train_all(jobs, self.data, self.folder, min(self.n_processes, len(jobs)), self.report, what)
        return {job.name: load_net(self.folder, job.name, job) for job in jobs}


def train_stages(training: Training, place: SideBySide) -> tuple[list[Models], list[TrainedNet]]:
    """Train everything that is asked for, or go on with what is in the folder.

    Returns:
        The final nets of each pair by role, and every net that was trained, in the order of the stages.

    Raises:
        ZeroshotError: As `train_net`.
    """
    trained = place.train([training.jobs[net] for net in training.plain], "training")
    students = dict(_students(training, trained))
    trained |= place.train(list(students.values()), "distilling")
    models = [_models(training, pair, students, trained) for pair in training.pairs]
    if training.plan.cascade_aware is not None:
        trained |= _tune(training, training.plan.cascade_aware, models, place)
    return models, list(trained.values())


def _students(training: Training, trained: Mapping[str, TrainedNet]) -> Iterator[tuple[str, Job]]:
    """Nets that have a teacher, each with its training."""
    how = training.plan.distil
    if how is not None:
        for net, teacher in training.teacher_of.items():
            yield net, lesson_job(training.jobs[net], taught(net, trained[teacher], how))


def _models(
    training: Training, pair: PairForecast, students: Mapping[str, Job], trained: Mapping[str, TrainedNet]
) -> Models:
    """The versions of a pair's nets: a big net that teaches stays as it is."""
    how = training.plan.distil
    stays = "big" if how is not None and how.teacher == "big" else ""
    return {
        role: trained[students[net].name if net in students and role != stays else net]
        for role, net in nets_of(pair, training.singles).items()
    }


def _tune(
    training: Training, how: CascadeTuning, models: list[Models], place: SideBySide
) -> dict[str, TrainedNet]:  # fmt: skip
    """Finetune the pairs, all little nets first, and put the results into `models`."""
    tuned: dict[str, TrainedNet] = {}
    before = [dict(each) for each in models]
    for role, partner in (("little", "big"), ("big", "little")):
        jobs = {}
        for i, pair in enumerate(training.pairs):
            if tunable(pair):
                lesson = Tuned(
                    start=before[i][role], teacher=models[i][partner], partner=before[i][partner].name, role=role,
                    how=how, rate=pair.escalation_rate, policy=training.policy,
                )  # fmt: skip
                jobs[i] = tuned_job(training.jobs[getattr(pair, role)], lesson)
        done = place.train(list(jobs.values()), "finetuning")
        for i, job in jobs.items():
            models[i][role] = done[job.name]
        tuned |= done
    return tuned
