"""The chapters of the report, each from what was read and fitted."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks.pair_truth import report as show
from benchmarks.pair_truth.contest import (
    Contest,
    Regret,
    contest,
    in_order,
    known_ways,
    predicted_ways,
    regret_of,
    regrets,
    shares_of,
    whatever_the_budget,
)
from benchmarks.pair_truth.couplings import Curves, accuracies, constant, judge_pairs, own_errors, test_families
from benchmarks.pair_truth.evaluation import (
    TRAINED,
    Predicted,
    couplings_on,
    first_stage,
    judge_anchored,
    pairs_covered,
    pairs_from,
    proxies_alone,
    searched,
    singles,
    training_free,
    transfer,
)
from benchmarks.pair_truth.fitting import Constants
from benchmarks.pair_truth.market import MARKETS, Market, Terms, market
from benchmarks.pair_truth.predictors import BASELINES, judge
from benchmarks.pair_truth.regroup import SHOWN
from benchmarks.pair_truth.study import Sample, label_noise, zoo_sha256
from benchmarks.tasks.levels import TaskNets
from zeroshot.bench.pair_truth import Zoo
from zeroshot.types import FloatArray

FEWER = (16, 32, 64)  # calibration nets
CALIBRATED = (8,)  # trainings, where picks are among the nets
TRAINED_PAIRS = 3  # as `zeroshot train` does by default
FEW_PROBED = (2, 4, 12)  # of each role; a search gives half of its places to them
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


def study_singles(calibration: Sample, held: Sample, found: Constants) -> show.Lines:
    """Single nets: ways, constants, error bars."""
    numbers = [n for n in TRAINED if n <= len(held) // 2]
    return [
        "## Single nets", "",
        f"Left: {len(calibration)} calibration nets, cross-validated. Right: {len(held)} held-out.", "",
        *show.single_table(found.judged, singles(calibration, held, found)), *show.constants_lines(found),
        "## Each proxy alone", "",
        "Signed correlations with accuracy on the test images; nets on which a proxy is undefined rank last. The last "
        f"column compares with {show.number(found.judged['ridge over features'].rmse)} of the features alone.", "",
        *show.proxy_table(proxies_alone(calibration, held)),
        "## Anchored by N trainings", "",
        "N held-out nets, chosen by design, are trained and measured on validation images; the others are judged. "
        "Task and recipe are the zoo's own, so there is little left to learn here; see the other tasks below.", "",
        *show.anchored_table([judge_anchored(held, found.model, n) for n in numbers]),
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
    covered = {name: pairs_covered(held, other, each, found.coupling) for name, each in given.items()}
    return ["## Pairs, single accuracies predicted", "",
            *show.fit_table(pairs_from(held, other, given, found.coupling), "single accuracies", covered)]  # fmt: skip


def searching(
    on: Market, held: Sample, untrained: FloatArray, found: Constants, budgets: FloatArray,
    trained: Sequence[int] = TRAINED[1:],
) -> list[Regret]:  # fmt: skip
    """What a user of the search has: pairs that are trained before one is taken, and `--calibrate N`."""

    def calibrating(n: int) -> Callable[[float], FloatArray]:
        def values(budget: float) -> FloatArray:
            def merit(accuracy: FloatArray) -> list[int]:
                return in_order(on, on.predicted(accuracy, found.coupling, budget), budget)

            its = searched(held, found.model, n, merit)
            return on.predicted(accuracies(its.mu), found.coupling, budget)

        return values

    numbers = [n for n in trained if n <= len(held) // 2]
    first = f"no training, best of the first {TRAINED_PAIRS} pairs"
    return [
        regret_of(on, first, whatever_the_budget(untrained), budgets, TRAINED_PAIRS),
        *(regret_of(on, f"--calibrate {n}", calibrating(n), budgets) for n in numbers),
    ]  # fmt: skip


def few_probed(
    on: Market, layers: FloatArray, probed: FloatArray, budgets: FloatArray, counts: Sequence[int] = FEW_PROBED
) -> list[Regret]:  # fmt: skip
    """What a search loses that probes few nets: the first little and big ones, so many of each, by layers alone.

    Args:
        on: The market.
        layers: (n_pairs, levels), expected before probing.
        probed: (n_pairs, levels), expected if all nets are probed.
        budgets: (n,).
        counts: Nets of each role.
    """

    def of_few(n: int) -> Callable[[float], FloatArray]:
        def values(budget: float) -> FloatArray:
            order = in_order(on, layers, budget)
            little, big = (list(dict.fromkeys(order[role::2]))[:n] for role in (0, 1))
            seen = np.isin(on.little, little) & np.isin(on.big, big)
            return np.where(seen[:, None], probed, -np.inf)

        return values

    return [
        regret_of(on, "layers alone", whatever_the_budget(layers), budgets),
        *(regret_of(on, f"{n} little and {n} big nets probed", of_few(n), budgets) for n in counts),
    ]


def study_budgets(
    calibration: Sample, held: Sample, given: Mapping[str, Predicted], found: Constants
) -> tuple[show.Lines, Contests]:
    """Regret, and joint against separate against single."""
    lines: show.Lines = []
    contests: Contests = {}
    for terms in MARKETS:
        on = market(held, terms)
        budgets, shares = on.budgets(), shares_of(calibration, on)
        values = {name: on.predicted(accuracies(each.mu), found.coupling) for name, each in given.items()}
        lines += [
            f"## Budgets: {terms.name}", "",
            f"{len(on.little):,} pairs of {len(held)} nets. Regret, points: accuracy of the best pair and threshold "
            "inside the budget minus that of the pair which the prediction picks. The best is the best on these very "
            "test images, which flatters it.", "",
            *show.regret_table(terms, budgets.tolist(), [
                *regrets(on, values, budgets), *searching(on, held, values["no training"], found, budgets),
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


def study_picks(calibration: Sample, held: Sample, others: Sample, found: Constants) -> show.Lines:
    """Regret where a search lives: with the field's nets, extremes and earlier favourites among those to choose from.

    Args:
        calibration: Nets that the constants are fitted to.
        held: Held-out nets.
        others: Nets of other kinds.
        found: Constants that saw neither.
    """
    title = "## Budgets, with picks among the nets"
    if not np.array_equal(held.zoo.labels["test"], others.zoo.labels["test"]):
        return [title, "", "Left out: the other nets answered other images than these.", ""]
    both, rows = held.joined(others), np.arange(len(calibration))
    guides = {"no training": training_free(both, found.model).mu}
    layers = first_stage(both, found.static).mu
    guides |= {name: way(calibration.inputs, rows, calibration.mu)(both.inputs) for name, way in BASELINES.items()}
    lines: show.Lines = [
        title, "",
        f"The {len(held)} held-out nets and {len(others)} that the sampler hardly draws: the field's families, "
        "extremes, hand-made nets, and what earlier models liked best. Constants are fitted to the calibration nets "
        "alone, so that no guide has seen any of them. Regret as above. `no training` probes all nets; a search probes "
        "those few that layers alone put first, and half of its places go to nets of the best pairs.", "",
    ]  # fmt: skip
    for terms in MARKETS:
        on = market(both, terms)
        budgets = on.budgets()
        values = {name: on.predicted(accuracies(mu), found.coupling) for name, mu in guides.items()}
        lines += [f"{len(on.little):,} pairs; {terms.name}:", "", *show.regret_table(terms, budgets.tolist(), [
            *regrets(on, values, budgets),
            *few_probed(on, on.predicted(accuracies(layers), found.coupling), values["no training"], budgets),
            *searching(on, both, values["no training"], found, budgets, CALIBRATED),
        ])]  # fmt: skip
    return lines


def study_size(
    calibration: Sample, held: Sample, found: Constants, other: Curves, refit: Callable[[Sample], Constants]
) -> show.Lines:
    """The same from fewer calibration nets: the first of the draw, which are a sample of the same kind."""
    markets, rows = [market(held, terms) for terms in MARKETS], []
    for n in (*(n for n in FEWER if n < len(calibration)), len(calibration)):
        part = calibration.take(np.arange(n))
        its = found if n == len(calibration) else refit(part)
        mu = training_free(held, its.model).mu
        fitted = judge_pairs(other, accuracies(mu), its.coupling, held.zoo.macs())
        values = [on.predicted(accuracies(mu), its.coupling) for on in markets]
        losses = [
            regret_of(on, "no training", whatever_the_budget(each), on.budgets())
            for on, each in zip(markets, values, strict=True)
        ]
        rows.append((n, its, judge(mu, held.mu), fitted, losses))
    return [
        "## How many calibration nets", "",
        "Held-out nets and pairs, nothing trained for them, from constants fitted to the first calibration nets alone, "
        "without nets of other kinds. Regret hangs on few picks: read it with the errors beside it.", "",
        *show.size_table(rows),
    ]  # fmt: skip


def study_transfer(held: Sample, found: Constants, own: Curves, tasks: Sequence[TaskNets]) -> show.Lines:
    """Other tasks."""
    lines = [
        "## Another task", "",
        "CIFAR-10's classes in groups, from the stored answers: right is an answer in the right group, confidence "
        "stays. No net was trained for these tasks: accuracies carry over more kindly than to a new data set, "
        "couplings less, since a net in doubt between two classes of one group is sure of the group and does not know "
        "it. Levels come from the other tasks and groupings. Tasks with trainings of their own are in tasks.md.", "",
    ]  # fmt: skip
    for task in SHOWN:
        lines += show.transfer_lines(transfer(held, found, constant(own), tasks, task))
    return lines
