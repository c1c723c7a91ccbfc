"""How well pairs can be picked before any net is trained: every figure from the stored zoo, in about a minute.

    python benchmarks/pair_truth.py            prints the tables; writes results/pair_truth.md and two plots
    python benchmarks/pair_truth.py --fit      also fits the constants that are shipped (zeroshot/constants.toml)

Constants are fitted on the calibration nets of the zoo alone, and judged on the held-out ones. Where so few nets are
trained that a table would say nothing, it says so.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from zeroshot.types import FloatArray

HERE = Path(__file__).parent
FOLDER = HERE / "pair_truth"
sys.path[:0] = [str(HERE), str(FOLDER)]

import numpy as np  # noqa: E402
import report as show  # noqa: E402
from contest import (  # noqa: E402
    Contest,
    Regret,
    contest,
    in_order,
    known_ways,
    predicted_ways,
    regret_of,
    regrets,
    shares_of,
)
from couplings import Curves, accuracies, constant, curves, judge_pairs, own_errors, test_families  # noqa: E402
from drawing import read_plan  # noqa: E402
from evaluation import (  # noqa: E402
    TRAINED,
    Predicted,
    carried,
    couplings_on,
    judge_anchored,
    pairs_covered,
    pairs_from,
    predictions,
    proxies_alone,
    searched,
    singles,
    training_free,
    transfer,
)
from figures import plot_fronts, plot_predicted  # noqa: E402
from fitting import Constants, check_enough, fit, to_text, write  # noqa: E402
from market import MARKETS, Market, Terms, market  # noqa: E402
from predictors import judge  # noqa: E402
from regroup import DIGITS, SHOWN, WHOLE, read_anchors  # noqa: E402
from study import FEW, Sample, label_noise, load_sample, zoo_sha256  # noqa: E402

from zeroshot.bench.pair_truth import Zoo  # noqa: E402
from zeroshot.bench.truth_files import LABELS  # noqa: E402
from zeroshot.errors import UsageError, ZeroshotError  # noqa: E402
from zeroshot.runs.folder import RunFolder, processor  # noqa: E402

CONSTANTS = HERE.parent / "zeroshot" / "constants.toml"
RESULTS = HERE / "results"
FEWER = (16, 32, 64)  # calibration nets
TRAINED_PAIRS = 3  # as `zeroshot train` does by default
Contests = dict[Terms, tuple[Contest, Contest]]


def head(whole: Zoo, calibration: Sample, held: Sample, planned: int) -> show.Lines:
    """What everything below stands on."""
    noise, repeated = label_noise(whole)
    machines = sorted({str(net.about.get("machine", {}).get("processor", "?")) for net in whole.nets})
    noise_line = (
        f"Between seeds a net's test accuracy differs by {100 * noise:.2f} points (standard deviation, {repeated} "
        "nets): no prediction can do better."
        if repeated else "No net has a second seed yet: how well a prediction could do at best is not known."
    )  # fmt: skip
    return [
        "# Pairs predicted before training, against pairs of trained nets", "",
        f"{len(whole)} of {planned} trainings are there: {len(calibration)} calibration and {len(held)} held-out nets "
        f"of seed 0, trained on {', '.join(machines)}; CIFAR-10, 5 epochs.",
        f"SHA-256 of the zoo: {zoo_sha256(whole)[:16]}. Constants are fitted on the calibration nets, figures are of "
        "the held-out ones unless said otherwise. Accuracies are on test images; a point is a percentage point.",
        noise_line, "",
    ]  # fmt: skip


def study_singles(calibration: Sample, held: Sample, found: Constants, anchor: float) -> show.Lines:
    """Single nets: ways, constants, error bars."""
    numbers = [n for n in TRAINED if n <= len(held) // 2]
    return [
        "## Single nets", "",
        f"Left: {len(calibration)} calibration nets, cross-validated. Right: {len(held)} held-out.", "",
        *show.single_table(found.judged, singles(calibration, held, found, anchor)), *show.constants_lines(found),
        "## Each proxy alone", "",
        "Signed correlations with accuracy on the test images; nets on which a proxy is undefined rank last. The last "
        f"column compares with {show.number(found.judged['ridge over features'].rmse)} of the features alone.", "",
        *show.proxy_table(proxies_alone(calibration, held)),
        "## Anchored by N trainings", "",
        "N held-out nets, chosen by design, are trained and measured on validation images; the others are judged. "
        "Task and recipe are the zoo's own, so there is little left to learn here; see the other tasks below.", "",
        *show.anchored_table([judge_anchored(held, found.model, anchor, n) for n in numbers]),
    ]  # fmt: skip


def study_coupling(calibration: Sample, held: Sample, found: Constants, own: Curves, other: Curves) -> show.Lines:
    """Pairs from true single accuracies."""
    tried = couplings_on(held, other, found.coupling, constant(own))
    exact = own_errors(other, held.accuracy)
    return [
        "## Pairs, true single accuracies given", "",
        f"Both nets held out, p = .05 ... .60. With each pair's own best gamma and kappa the error would be "
        f"{100 * exact:.2f} points: the copula's shape.", "",
        *show.fit_table(tried, "gamma and kappa"),
        "Cross-validated on the calibration nets, both nets of each judged pair unseen by the fit:", "",
        *show.family_table(families := test_families(calibration, own)), *show.family_verdict(families),
    ]  # fmt: skip


def study_pairs(held: Sample, given: Mapping[str, Predicted], found: Constants, other: Curves) -> show.Lines:
    """Pairs from predicted single accuracies."""
    covered = {name: pairs_covered(other, each, found.coupling) for name, each in given.items()}
    return ["## Pairs, single accuracies predicted", "",
            *show.fit_table(pairs_from(held, other, given, found.coupling), "single accuracies", covered)]  # fmt: skip


def searching(
    on: Market, held: Sample, untrained: FloatArray, found: Constants, anchor: float, budgets: FloatArray
) -> list[Regret]:
    """What a user of the search has: pairs that are trained before one is taken, and `--calibrate N`."""

    def calibrating(n: int) -> Callable[[float], FloatArray]:
        def values(budget: float) -> FloatArray:
            def merit(accuracy: FloatArray) -> list[int]:
                return in_order(on, on.predicted(accuracy, found.coupling), budget)

            its = searched(held, found.model, anchor, n, merit)
            return on.predicted(accuracies(its.mu), found.coupling)

        return values

    numbers = [n for n in TRAINED[1:] if n <= len(held) // 2]
    first = f"no training, best of the first {TRAINED_PAIRS} pairs"
    return [
        regret_of(on, first, lambda _: untrained, budgets, TRAINED_PAIRS),
        *(regret_of(on, f"--calibrate {n}", calibrating(n), budgets) for n in numbers),
    ]  # fmt: skip


def study_budgets(
    calibration: Sample, held: Sample, given: Mapping[str, Predicted], found: Constants, anchor: float
) -> tuple[show.Lines, Contests]:
    """Regret, and joint against separate against single."""
    lines: show.Lines = []
    contests: Contests = {}
    values = None
    for terms in MARKETS:
        on = market(held, terms)
        budgets, shares = on.budgets(), shares_of(calibration, on)
        values = values or {name: on.predicted(accuracies(each.mu), found.coupling) for name, each in given.items()}
        lines += [
            f"## Budgets: {terms.name}", "",
            f"{len(on.little):,} pairs of {len(held)} nets. Regret, points: accuracy of the best pair and threshold "
            "inside the budget minus that of the pair which the prediction picks. The best is the best on these very "
            "test images, which flatters it.", "",
            *show.regret_table(terms, budgets.tolist(), [
                *regrets(on, values, budgets), *searching(on, held, values["no training"], found, anchor, budgets),
            ]),
        ]  # fmt: skip
        singly = accuracies(given["no training"].mu)
        contests[terms] = (
            contest(held, known_ways(on, budgets, shares), budgets),
            contest(held, predicted_ways(on, singly, found.coupling, budgets, shares), budgets),
        )
        lines += [
            "Accuracy on test images, %. The separate way gives the little net "
            f"{100 * shares[0]:.0f} % of the budget and plans that {100 * shares[1]:.0f} % of the inputs escalate: its "
            "best case on the calibration nets. Choices by the truth see one half of the test images and are judged on "
            "the other. The mean over budgets is the hypervolume over log cost, by its width. Intervals "
            "are over zoos of resampled nets, with new choices; such a zoo has about 63 % of the nets, so what the "
            "whole one gives may lie outside.", "",
            *show.contest_table(terms, *contests[terms]),
        ]  # fmt: skip
    return lines, contests


def study_size(
    calibration: Sample, held: Sample, found: Constants, other: Curves, anchors: Mapping[str, float]
) -> show.Lines:
    """The same from fewer calibration nets: the first of the draw, which are a sample of the same kind."""
    markets, rows = [market(held, terms) for terms in MARKETS], []
    for n in (*(n for n in FEWER if n < len(calibration)), len(calibration)):
        part = calibration.take(np.arange(n))
        its = found if n == len(calibration) else fit(part, curves(part), anchors)
        mu = training_free(held, its.model, anchors[WHOLE]).mu
        fitted = judge_pairs(other, accuracies(mu), its.coupling, held.zoo.macs())
        values = [on.predicted(accuracies(mu), its.coupling) for on in markets]
        losses = [
            regret_of(on, "no training", lambda _, each=each: each, on.budgets())
            for on, each in zip(markets, values, strict=True)
        ]
        rows.append((n, its, judge(mu, held.mu), fitted, losses))
    return [
        "## How many calibration nets", "",
        "Held-out nets and pairs, nothing trained for them, from constants fitted to the first calibration nets alone "
        "(way and trust chosen on these too). Regret hangs on few picks: read it with the errors beside it.", "",
        *show.size_table(rows),
    ]  # fmt: skip


def study_transfer(
    calibration: Sample, held: Sample, found: Constants, own: Curves, anchors: Mapping[str, float]
) -> show.Lines:
    """Other tasks."""
    lines = [
        "## Another task", "",
        "CIFAR-10's classes in groups, from the stored answers: right is an answer in the right group, confidence "
        "stays. No net was trained for these tasks: accuracies carry over more kindly than to a new data set, "
        "couplings less, since a net in doubt between two classes of one group is sure of the group and does not know "
        "it. Task constants come from the other groupings, on the calibration nets.", "",
    ]  # fmt: skip
    for task in SHOWN:
        lines += show.transfer_lines(transfer(calibration, held, found, constant(own), anchors, task))
    return lines


def study_digits(folder: Path, found: Constants, own: Curves, anchor: float) -> show.Lines:
    """Another data set."""
    if not (folder / "zoo" / LABELS).exists():
        return ["## Another data set", "", "No net is trained on digits yet.", ""]
    sample, _ = load_sample(folder / "zoo", folder, channels=1)
    if len(sample) < FEW:
        return ["## Another data set", "", *show.too_few(len(sample), "a table of digits")]
    parts = {part: len(truth) for part, truth in sample.zoo.labels.items()}
    return [
        "## Another data set", "",
        f"{len(sample)} held-out nets trained on handwritten digits, 30 epochs of 1,295 images of 8x8 grey pixels, "
        f"enlarged; {parts['validation']} validation and {parts['test']} test images. All nets are within a few points "
        "of each other, and an image is "
        f"{100 / parts['test']:.2f} points: ranks say little here, levels and error bars do.", "",
        *show.transfer_lines(carried(sample, found, constant(own), anchor, DIGITS)),
    ]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Learnt:
    """What was read and fitted.

    Attributes:
        whole: Every trained net.
        calibration: Nets that constants are fitted to.
        held: The held-out ones.
        anchors: Task -> how hard it is.
        own: Curves of pairs of the calibration nets; None where there are too few.
        found: The constants; None likewise.
    """

    whole: Zoo
    calibration: Sample
    held: Sample
    anchors: dict[str, float]
    own: Curves | None = None
    found: Constants | None = None


def learn(zoo: Path, table: Path = FOLDER) -> Learnt:
    """Read a zoo and fit to its calibration nets.

    Args:
        zoo: Folder of trained nets.
        table: Folder of scores and anchors.

    Raises:
        RunError: The zoo or its scores cannot be read.
    """
    sample, whole = load_sample(zoo, table)
    calibration, held = sample.of("calibration"), sample.of("held-out")
    read = Learnt(whole, calibration, held, read_anchors(table))
    if min(len(calibration), len(held)) < FEW:
        return read
    own = curves(calibration)
    return replace(read, own=own, found=fit(calibration, own, read.anchors))


def run(
    zoo: Path, results: Path, constants: Path, fitting: bool, draft: bool, table: Path = FOLDER,
    digits: Path = FOLDER / "digits",
) -> int:  # fmt: skip
    """All of it.

    Args:
        zoo: Folder of trained nets.
        results: Where the report and the plots go.
        constants: File that --fit writes.
        fitting: Whether to.
        draft: Also from too few nets.
        table: Folder of scores and anchors.
        digits: Folder of the other data set's nets and scores.

    Raises:
        RunError: The zoo or its scores cannot be read.
        UsageError: Too few nets for what was asked.
    """
    started = time.perf_counter()
    results.mkdir(parents=True, exist_ok=True)
    learnt = learn(zoo, table)
    calibration, held, anchors = learnt.calibration, learnt.held, learnt.anchors
    own, found = learnt.own, learnt.found
    lines = head(learnt.whole, calibration, held, len(read_plan(FOLDER / "plan.csv")))
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
        given = predictions(calibration, held, found, anchors[WHOLE])
        lines += study_singles(calibration, held, found, anchors[WHOLE])
        lines += study_coupling(calibration, held, found, own, other)
        lines += study_pairs(held, given, found, other)
        tables, contests = study_budgets(calibration, held, given, found, anchors[WHOLE])
        lines += tables + study_size(calibration, held, found, other, anchors)
        lines += study_transfer(calibration, held, found, own, anchors)
        lines += study_digits(digits, found, own, anchors[DIGITS])
        titles = {"no training": "single nets predicted without training",
                  f"{TRAINED[2]} trained": f"single nets predicted after {TRAINED[2]} trainings",
                  "true single accuracies": "true accuracies of the single nets"}  # fmt: skip
        panels = {title: accuracies(given[name].mu) for name, title in titles.items() if name in given}
        plot_predicted(other, panels, found.coupling, results / "pair_truth_predicted.png")
        plot_fronts(contests, results / "pair_truth_fronts.png")
    lines.append(f"{time.perf_counter() - started:.0f} s on {processor()}, from stored data.")
    text = "\n".join(lines) + "\n"
    RunFolder(results, made_here=False).write("pair_truth.md", text)
    print(text)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true", help="fit the shipped constants on the calibration nets")
    parser.add_argument("--draft", action="store_true", help="also from too few nets; marked as a draft")
    parser.add_argument("--zoo", type=Path, default=FOLDER / "zoo")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--constants", type=Path, default=CONSTANTS, help="what --fit writes")
    given = parser.parse_args()
    try:
        return run(given.zoo, given.results, given.constants, given.fit, given.draft)
    except ZeroshotError as error:
        print(error.message, error.hint, sep="\n", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
