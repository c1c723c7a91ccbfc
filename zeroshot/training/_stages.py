"""The stages of a run's training: nets on their own, nets with a teacher, pairs finetuned for each other.

A stage needs the finished nets of the one before, and within a stage nets are trained side by side. Which version of
a net a pair ends up with does not depend on how many pairs are trained.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zeroshot.training._lesson import lesson_job
from zeroshot.training._plan import Plan
from zeroshot.training.batches import Split
from zeroshot.training.cascade_loss import Tuned
from zeroshot.training.distillation import Distillation, taught
from zeroshot.training.side_by_side import net_macs, train_all
from zeroshot.training.train_net import load_net
from zeroshot.training.trained import TrainedNet
from zeroshot.training.trainer import Job
from zeroshot.training.tune_pair import tuned_job
from zeroshot.types import Progress

Row = dict[str, Any]
Models = dict[str, TrainedNet]  # role -> net
ROLES = ("little", "big", "single")
FORWARD = 1 / 3  # of a training step's work; backward takes two thirds


def nets_of(rows: Sequence[Row], singles: bool) -> list[str]:
    """The nets of some pairs, each once, in the order of the pairs."""
    roles = ROLES if singles else ROLES[:2]
    return list(dict.fromkeys(row[role] for row in rows for role in roles if row[role] is not None))


def teachers(rows: Sequence[Row], singles: bool, distil: Distillation | None) -> dict[str, str]:
    """Net -> its teacher, of the nets that have one.

    With `big`, a net that is little in several pairs learns from the big net of the best-ranked one, and so does the
    single net that stands beside a pair: a verdict must not count as the cascade's what a teacher gave. A net that is
    big as well is trained on its own too, as a teacher.
    """
    if distil is None:
        return {}
    if distil.teacher == "self":
        return {net: net for net in nets_of(rows, singles)}
    found: dict[str, str] = {}
    for row in rows:
        for role in ("little", "single") if singles else ("little",):
            if row[role] is not None:
                found.setdefault(row[role], row["big"])
    return found


def tunable(row: Row) -> bool:
    """Whether a pair decides anything: it does not where no input escalates, or every one."""
    return 0 < float(row["escalation_rate"]) < 1


def train_stages(
    rows: Sequence[Row], singles: bool, jobs: Mapping[str, Job], plan: Plan, data: Split, folder: Path,
    n_processes: int, policy: str, report: Progress,
) -> tuple[list[Models], list[TrainedNet]]:  # fmt: skip
    """Train everything that a plan asks for, or go on with what is in the folder.

    Args:
        rows: Pairs, best first.
        singles: Also the single nets beside the pairs.
        jobs: Net -> its training on its own, of all nets of the pairs.
        plan: What is asked for.
        data: The split.
        folder: Where the nets are kept.
        n_processes: Nets trained side by side.
        policy: Score that decides on escalation.
        report: Progress; each stage counts its epochs from 0.

    Returns:
        The final nets of each pair by role, and every net that was trained, in the order of the stages.

    Raises:
        ZeroshotError: As `train_net`.
    """

    def train(some: Sequence[Job], what: str) -> dict[str, TrainedNet]:
        if some:
            train_all(some, data, folder, min(n_processes, len(some)), report, what)
        return {job.name: load_net(folder, job.name, job) for job in some}

    teacher_of = teachers(rows, singles, plan.distil)
    own = [job for net, job in jobs.items() if net not in teacher_of or net in _alone(rows, teacher_of)]
    trained = train(own, "training")
    pupils = {
        net: lesson_job(jobs[net], taught(net, trained[teacher], plan.distil or Distillation()))
        for net, teacher in teacher_of.items()
    }
    trained |= train(list(pupils.values()), "distilling")

    def model(row: Row, role: str) -> TrainedNet:
        net = row[role]
        alone = role == "big" and plan.distil is not None and plan.distil.teacher == "big"
        return trained[net if alone or net not in pupils else pupils[net].name]

    roles = ROLES if singles else ROLES[:2]
    models = [{role: model(row, role) for role in roles if row[role] is not None} for row in rows]
    if plan.cascade_aware is not None:
        trained |= _tune(rows, models, jobs, plan, policy, train)
    return models, list(trained.values())


def _alone(rows: Sequence[Row], teacher_of: Mapping[str, str]) -> set[str]:
    """Nets that are trained on their own although they have a teacher: those that teach, and those that are big."""
    return {*teacher_of.values(), *(row["big"] for row in rows)}


def _tune(
    rows: Sequence[Row], models: list[Models], jobs: Mapping[str, Job], plan: Plan, policy: str,
    train: Callable[[Sequence[Job], str], dict[str, TrainedNet]],
) -> dict[str, TrainedNet]:  # fmt: skip
    """Finetune the pairs, all little nets first, and put the results into `models`."""
    how = plan.cascade_aware
    everything: dict[str, TrainedNet] = {}
    before = [dict(each) for each in models]
    for role, other in (("little", "big"), ("big", "little")):
        tuned = {}
        for i, row in enumerate(rows):
            if how is not None and tunable(row):
                rate = float(row["escalation_rate"])
                lesson = Tuned(before[i][role], models[i][other], before[i][other].name, role, how, rate, policy)
                tuned[i] = tuned_job(jobs[row[role]], lesson)
        found = train(list(tuned.values()), "finetuning")
        for i, job in tuned.items():
            models[i][role] = found[job.name]
        everything |= found
    return everything


def dearer(rows: Sequence[Row], singles: bool, jobs: Mapping[str, Job], plan: Plan) -> tuple[float, float]:
    """What lessons cost beside the training of every net on its own, estimated by MACs.

    Returns:
        The work of an epoch of everything, and the work of the finetune, both over that of an epoch of every net.
    """
    size = dict(zip(jobs, net_macs(list(jobs.values())), strict=True))
    plain = sum(size.values())
    teacher_of = teachers(rows, singles, plan.distil)
    own = sum(m for net, m in size.items() if net not in teacher_of or net in _alone(rows, teacher_of))
    with_teacher = sum(size[net] + FORWARD * size[teacher] for net, teacher in teacher_of.items())
    tuned = sum((1 + FORWARD) * (size[row["little"]] + size[row["big"]]) for row in rows if tunable(row))
    epochs = plan.cascade_aware.epochs if plan.cascade_aware else 0
    return (own + with_teacher) / plain, epochs * tuned / plain
