"""The cascade-aware finetune of a pair: first the little net beside the big one as it is, then the big one."""

from pathlib import Path

from zeroshot.cascade.policy import DEFAULT_POLICY, POLICIES
from zeroshot.errors import unknown
from zeroshot.training._with_teacher import LessonJob, lesson_job
from zeroshot.training.batches import Split
from zeroshot.training.cascade_loss import Tuned
from zeroshot.training.options import CascadeTuning
from zeroshot.training.train_net import job_of, train_job
from zeroshot.training.trained import TrainedNet
from zeroshot.training.trainer import Job
from zeroshot.types import Progress


def tune_pair(
    little: TrainedNet,
    big: TrainedNet,
    data: Split,
    rate: float,
    tuning: CascadeTuning | None = None,
    seed: int = 0,
    *,
    policy: str = DEFAULT_POLICY,
    threads: int = 1,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> tuple[TrainedNet, TrainedNet]:
    """Finetune two trained nets for each other. The same call gives the same weights, as `train_net`.

    The little net learns to be sure where the big one cannot help and unsure where it does; the big one then learns
    most from what the little one escalates. The formulas are at the head of `zeroshot.training.cascade_loss`. Each
    keeps the weights of its best epoch by the cascade's accuracy on the validation images at the rate, those from
    before included; its files have names of their own (`TrainedNet.name`), so the nets from before stay.

    Args:
        little: Runs always.
        big: Runs on what the little one escalates.
        data: The split that both were trained on.
        rate: Escalation rate to tune for, between 0 and 1.
        tuning: How; by default `CascadeTuning()`.
        seed: Batches and augmentation derive from it.
        policy: Score that decides on escalation.
        threads: Of torch.
        folder: Where checkpoints and results are kept; None keeps nothing.
        resume: Go on with what is in that folder.
        progress: Called after each epoch with what is being done, how many are done, of how many, both nets together.

    Returns:
        The little and the big net.

    Raises:
        UsageError: The rate is 0 or 1, an unknown policy, or the nets are for other data.
        TrainError: The loss becomes NaN.
        RunError: As `train_net`.
    """
    if policy not in POLICIES:
        raise unknown("escalation policy", policy, POLICIES)
    how, where = tuning or CascadeTuning(), Path(folder) if folder is not None else None

    def after(done_before: int) -> Progress | None:
        return None if progress is None else lambda what, done, total: progress(what, done_before + done, 2 * total)

    jobs = [job_of(net.net, data.dataset, net.recipe, seed, threads) for net in (little, big)]
    first = tuned_job(jobs[0], Tuned(little, big, big.name, "little", how, rate, policy))
    tuned_little = train_job(first, data, where, resume, after(0))
    second = tuned_job(jobs[1], Tuned(big, tuned_little, little.name, "big", how, rate, policy))
    return tuned_little, train_job(second, data, where, resume, after(how.epochs))


def tuned_job(job: Job, lesson: Tuned) -> LessonJob:
    """The finetune of a net that this job had trained, at its own share of the learning rate.

    Raises:
        UsageError: The rate is 0 or 1, or the teacher is for other data.
    """
    lesson.soft  # noqa: B018 - an impossible rate is told before anything is trained
    top = (job.recipe.lr or 0.0) * lesson.how.lr
    return lesson_job(job, lesson, epochs=lesson.how.epochs, lr=top, patience=0)
