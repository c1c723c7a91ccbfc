"""How far predictions carry, from stored answers: python -m benchmarks.tasks, half a minute.

ZEROSHOT_DATA holds nasbench201/. Prints results/tasks.md and writes it.
"""

import sys
import time

from benchmarks.pair_truth.couplings import constant, curves
from benchmarks.pair_truth.predictors import TRUST
from benchmarks.pair_truth.run import FOLDER, learn
from benchmarks.script import RESULTS, Arguments, exit_code, parser
from benchmarks.tasks import calibrating, halving
from benchmarks.tasks import report as show
from benchmarks.tasks.levels import CIFAR10, read_task
from benchmarks.tasks.longer import chapter as longer_chapter
from benchmarks.tasks.nasbench201 import load_cells
from benchmarks.tasks.traits import read_traits
from benchmarks.tasks.when_report import chapter
from zeroshot.accuracy.model import PROBED
from zeroshot.cascade.copula import PRIOR_COUPLING
from zeroshot.runs.files import write_file
from zeroshot.runs.folder import processor


def main(arguments: Arguments = None) -> None:
    parser("tasks", __doc__).parse_args(arguments)
    started = time.perf_counter()
    learnt = learn(FOLDER / "zoo", fitted=False)
    found = show.spaces(learnt.calibration, learnt.held, learnt.others, load_cells())
    own = [task for task in learnt.tasks if task.weight == 1 and task.name != CIFAR10]
    judged = [show.judge_task(task, learnt.tasks, PROBED) for task in own]
    groups = [show.judge_task(task, learnt.tasks, PROBED) for task in learnt.tasks if task.weight < 1]
    whole = PROBED.on(read_traits()[CIFAR10])
    on_cifar10 = [
        calibrating.world(name, sample, whole)
        for name, sample in (("zoo, held-out half", learnt.held), ("other nets", learnt.others))
    ]
    worlds = [*on_cifar10, *calibrating.worlds(own, learnt.tasks, PROBED)]
    lines = [
        "# How far predictions carry", "",
        "Signed Spearman correlations of accuracy with the size that a search gives nets, and with single proxies. "
        "What the size is made of was chosen by the worse of two populations, the zoo's calibration half "
        "(cross-validated) and NAS-Bench-201; the receptive field, the balance of the work, its segments and the "
        "fewest channels came in, and the stem left, with the other nets and picks of searches in view, and the way in "
        "which the readout counts was decided with all of this page in view.", "",
        *show.space_table(found, ("size", *show.ALONE)),
        "## Other choices", "",
        f"The size as shipped, with a trust of {TRUST} in the fused ranks, and what else could have been taken.", "",
        *show.space_table(found, tuple(show.READ)),
        "## Tasks", "",
        "Each task is predicted by levels that were fitted to the others. Accuracies and errors in points. "
        "`first net`: expected minus measured accuracy of the net that was expected highest. `seeds allow`: the "
        "correlation with these accuracies that a perfect prediction would have, from nets trained twice. Where the "
        "test half is another population (other speakers, other logs, another share of the sick), nets are judged on "
        "validation images.", "",
        *show.task_table(judged),
        f"Inside the 80 % bars are {100 * show.pooled(judged):.0f} % of all nets of these tasks, at least "
        f"{100 * min(each.covered for each in judged):.0f} % in each.", "",
        *longer_chapter(),
        "## CIFAR-10's classes in groups", "",
        "From the answers of the zoo's calibration nets, on which the size was fitted: levels and bars say something, "
        "ranks do not.", "",
        *show.task_table(groups),
        "## First choices, and a few trainings", "",
        "Mean over two populations of CIFAR-10 and the tasks whose test half is like their training half, each with "
        "constants that never saw its nets, and over budgets of MACs and of latency. A first choice is a pair or a net "
        "alone, whichever is expected to be better. `regret`: accuracy of the best choice on these test images minus "
        "that of the first choice; `its error` and `its bias`: expected minus measured. Training a net is looking at "
        "its validation accuracy.", "",
        *calibrating.lines(worlds),
        "## More nets for fewer epochs", "",
        "The same first choices, among nets that were looked at, by what the trainings are spent on: taken at once, in "
        "the order in which no training would pick them. What is known of a net that was cut short is its lowest loss "
        "on validation images so far and its size, weighed as on the other populations.", "",
        *halving.lines(worlds),
        "## Pairs", "",
        "Mean error in points of pairs at escalation rates of 5 to 60 %, the true accuracies of their nets given: the "
        "copula with the shipped constants, with one gamma and kappa for all pairs of CIFAR-10, and with none.", "",
        *show.coupling_lines(own, PRIOR_COUPLING, constant(curves(learnt.calibration))),
        *chapter(learnt.calibration, learnt.held, read_task(CIFAR10), learnt.whole, own),
        f"{time.perf_counter() - started:.0f} s on {processor()}, from stored answers.",
    ]  # fmt: skip
    text = "\n".join(lines) + "\n"
    write_file(RESULTS / "tasks.md", text)
    print(text)


if __name__ == "__main__":
    sys.exit(exit_code(main))
