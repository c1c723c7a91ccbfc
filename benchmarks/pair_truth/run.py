"""All of it: read the zoo, fit on its calibration nets, judge on the others, and write what came out."""

import time
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from benchmarks.pair_truth import chapters
from benchmarks.pair_truth import report as show
from benchmarks.pair_truth.couplings import Curves, accuracies, curves
from benchmarks.pair_truth.drawing import read_plan
from benchmarks.pair_truth.evaluation import TRAINED, predictions
from benchmarks.pair_truth.figures import plot_fronts, plot_predicted
from benchmarks.pair_truth.fitting import Constants, check_enough, fit, to_text, write
from benchmarks.pair_truth.study import FEW, Sample, load_sample, zoo_sha256
from benchmarks.tasks.levels import CIFAR10, TaskNets, cifar10_tasks, read_task, stored_tasks
from benchmarks.tasks.traits import read_traits
from zeroshot.bench.pair_truth import Zoo
from zeroshot.errors import UsageError
from zeroshot.runs.files import write_file
from zeroshot.runs.folder import processor

FOLDER = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class Learnt:
    """What was read and fitted.

    Attributes:
        whole: Every trained net.
        calibration: Nets that constants are fitted to.
        held: The held-out ones.
        others: Nets that the sampler does not draw.
        tasks: CIFAR-10, groupings of its classes and other tasks, on calibration nets.
        own: Curves of pairs of the calibration nets; None where there are too few.
        found: The constants; None likewise.
    """

    whole: Zoo
    calibration: Sample
    held: Sample
    others: Sample
    tasks: tuple[TaskNets, ...]
    own: Curves | None = None
    found: Constants | None = None


def learn(zoo: Path, table: Path = FOLDER, fitted: bool = True) -> Learnt:
    """Read a zoo and fit to its calibration nets.

    Args:
        zoo: Folder of trained nets.
        table: Folder of scores.
        fitted: Whether to fit; else it is only read.

    Raises:
        RunError: The zoo or its scores cannot be read.
    """
    sample, whole = load_sample(zoo, table)
    calibration, held = sample.of("calibration"), sample.of("held-out")
    others = read_task(CIFAR10).sample
    read = Learnt(whole, calibration, held, others, (*cifar10_tasks(calibration), *stored_tasks()))
    if not fitted or min(len(calibration), len(held)) < FEW:
        return read
    own = curves(calibration)
    return replace(read, own=own, found=fit(calibration, own, others, stored_tasks()))


def on_cifar10(found: Constants) -> Constants:
    """The constants with models for CIFAR-10 and the recipe of the zoo."""
    traits = read_traits()[CIFAR10]
    return replace(found, model=found.model.on(traits), static=found.static.on(traits))


def run(
    zoo: Path, results: Path, constants: Path, fitting: bool, draft: bool, table: Path = FOLDER
) -> None:  # fmt: skip
    """All of it.

    Args:
        zoo: Folder of trained nets.
        results: Where the report and the plots go.
        constants: File that --fit writes.
        fitting: Whether to.
        draft: Also from too few nets.
        table: Folder of scores.

    Raises:
        RunError: The zoo or its scores cannot be read.
        UsageError: Too few nets for what was asked.
    """
    started = time.perf_counter()
    results.mkdir(parents=True, exist_ok=True)
    learnt = learn(zoo, table)
    calibration, held = learnt.calibration, learnt.held
    own, found = learnt.own, learnt.found
    lines = chapters.head(learnt.whole, calibration, held, len(read_plan(FOLDER / "plan.csv")))
    if fitting:
        check_enough(len(calibration), draft)
        if found is None:
            raise UsageError(f"Even a draft needs {FEW} nets in each half.", "Train more nets.")
    if own is None or found is None:
        lines += show.too_few(min(len(calibration), len(held)), "any table")
    else:
        other = curves(held)
        if fitting:
            write(constants, to_text(found, zoo_sha256(learnt.whole), date.today().isoformat(), draft))
        found = on_cifar10(found)
        given = predictions(calibration, held, found)
        lines += chapters.study_singles(calibration, held, found)
        lines += chapters.study_coupling(calibration, held, found, own, other)
        lines += chapters.study_pairs(held, given, found, other)
        tables, contests = chapters.study_budgets(calibration, held, given, found)
        alone = on_cifar10(fit(calibration, own, None, stored_tasks()))
        lines += tables + chapters.study_picks(calibration, held, learnt.others, alone)
        lines += chapters.study_size(
            calibration, held, found, other, lambda part: on_cifar10(fit(part, curves(part), None, stored_tasks()))
        )
        lines += chapters.study_transfer(held, found, own, learnt.tasks)
        titles = {"no training": "single nets predicted without training",
                  f"{TRAINED[2]} trained": f"single nets predicted after {TRAINED[2]} trainings",
                  "true single accuracies": "true accuracies of the single nets"}  # fmt: skip
        panels = {title: accuracies(given[name].mu) for name, title in titles.items() if name in given}
        plot_predicted(other, panels, found.coupling, results / "pair_truth_predicted.png")
        plot_fronts(contests, results / "pair_truth_fronts.png")
    lines.append(f"{time.perf_counter() - started:.0f} s on {processor()}, from stored data.")
    text = "\n".join(lines) + "\n"
    write_file(results / "pair_truth.md", text)
    print(text)
