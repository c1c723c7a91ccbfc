"""The text of journey.md: a summary, how expectations fared, and a table a setting."""

from collections.abc import Sequence
from statistics import mean, stdev

import numpy as np

from benchmarks.journey.judging import FLOAT, INT8, MOST, Bench, Judged, Nets
from benchmarks.journey.plan import BEFORE, CALIBRATED, TRAINED, Pick
from benchmarks.journey.results import (
    BY_HAND,
    CALIBRATED_PAIR,
    CALIBRATED_SINGLE,
    FIRST_PAIR,
    MACS,
    PAIRS,
    RANDOM,
    SINGLE,
    Result,
    nets_of,
)
from benchmarks.journey.settings import BOARD, COUNTED, ENGINE, EPOCHS, KIB, OTHERS, trained_as
from benchmarks.script import table
from zeroshot.cascade.measure import Interval

DASH, IN_FLOAT = "–", "\\*"
HAND_PAIR = "best hand-made pair"
CHOICES: dict[str, tuple[str, ...]] = {  # of the summary: heads -> what picks' roles begin with
    "first pair": (FIRST_PAIR,), "best of first three": (PAIRS,), "search's single": (SINGLE,),
    "calibrated, first pair": (CALIBRATED_PAIR,), "calibrated, single": (CALIBRATED_SINGLE,),
    "best hand-made net": (BY_HAND,), HAND_PAIR: (), "MACs alone": (MACS,), "random pair": (RANDOM,),
}  # fmt: skip
Lines = list[str]


def report(found: Sequence[Result]) -> str:
    """The whole page."""
    planned, left = (sum(len(each) for each in of) for of in ([r.picks for r in found], [r.missing for r in found]))
    epochs = ", ".join(f"{count} on {task}" for task, count in OTHERS.items())
    lines = [
        "# What the search picks, trained", "",
        f"{len(found)} settings, each a task under budgets on the {BOARD} with {ENGINE}. Every net is trained in full "
        f"({EPOCHS} epochs; {epochs}) and quantised by calibration alone. **{planned - left} of {planned} picks are "
        "trained**" + ("." if not left else "; the others are missing below, and what is best so far may change."), "",
        "- A pair's threshold comes from validation images: the largest escalation rate that keeps the latency budget, "
        f"at most {100 * MOST:.0f} %, and less than what makes the big net alone cheaper. Figures are of test images. "
        "Where these are another population (other speakers), figures of validation images come first: those chose "
        "epochs and thresholds, so they flatter everybody a little.",
        "- Everything keeps the same budgets. `by hand`: the largest net of each family that does; `by hand, pair`: "
        "the best of all pairs of the task's hand-made nets that do together, those made for its other budgets too. "
        f"`calibrated`: of the same search with `--calibrate {TRAINED}`, which trains so many nets briefly. "
        "Where one of several is shown, validation images chose it: the best of the first three pairs, of the "
        "hand-made nets, of the hand-made pairs, and of the pair and the single net that MACs alone would pick.",
        "- Accuracies in %, differences in points, all with 80 % intervals: of one net or pair exact binomial, of "
        "differences a bootstrap over images with both answers to them. They hold the trainings fixed, those with "
        "seed 0; `seeds` has mean and standard deviation over trainings.",
        f"- Int8 where all nets concerned have int8 answers; {IN_FLOAT} marks figures in float.", "",
        *_where(found),
        "## Summary", "", *_summary(found), "",
        "`(1 of 3)`: so many of those to choose from are trained.", "",
        "## Flattery", "",
        "Accuracy that the search expected minus measured, points; in brackets where the measured one lies outside the "
        "expected 80 % interval. On validation images where the test half is another population.", "",
        *_flattery(found), "",
    ]  # fmt: skip
    for each in found:
        lines += _setting(each)
    return "\n".join(lines).rstrip() + "\n"


def _where(found: Sequence[Result]) -> Lines:
    benches = [each.bench for each in found if each.bench]
    machines = {
        form: list(dict.fromkeys(name for bench in benches for name in bench.stored.machines[form]))
        for form in (FLOAT, INT8)
    }
    said = [f"{verb} on {' and '.join(machines[form])}"
            for form, verb in ((FLOAT, "trained"), (INT8, "quantised")) if machines[form]]  # fmt: skip
    return [f"Nets were {', '.join(said)}.", ""] if said else []


def _summary(found: Sequence[Result]) -> Lines:
    rows = []
    for each in found:
        for part in each.parts:
            cells = [_cell(each, part, head) for head in CHOICES]
            rows.append([each.setting.name, _images(each, part), *cells])
    return table(["setting", "images", *CHOICES], rows)


def _cell(result: Result, part: str, head: str) -> str:
    bench = result.bench
    candidates = list(result.hand_pairs) if head == HAND_PAIR else result.of(*CHOICES[head])
    best = bench.best(candidates) if bench else None
    if bench is None or best is None:
        return DASH
    judged, trained = bench.judge(best, part), sum(map(bench.trained, candidates))
    some = f" ({trained} of {len(candidates)})" if trained < len(candidates) else ""
    return f"{_percent(judged.accuracy)}{_mark(judged.form)}{some}"


def _flattery(found: Sequence[Result]) -> Lines:
    expecting = {(FIRST_PAIR,), (SINGLE,), (CALIBRATED_PAIR,), (CALIBRATED_SINGLE,)}
    heads = {roles[0]: head for head, roles in CHOICES.items() if roles in expecting}
    rows = []
    known: dict[str, list[float]] = {head: [] for head in heads}
    for each in found:
        if all(pick.expected is None for pick in each.picks):
            continue
        cells = []
        for head in heads:
            pick = next((pick for pick in each.picks if pick.role == head), None)
            cells.append(DASH)
            if pick is None or pick.expected is None or each.bench is None or not each.trained(pick):
                continue
            judged = each.bench.judge(nets_of(pick), each.parts[0])
            miss = pick.expected - judged.accuracy
            known[head].append(miss)
            cell = f"{_points(miss)}{_mark(judged.form)}"
            inside = pick.low is not None and pick.high is not None and pick.low <= judged.accuracy <= pick.high
            cells[-1] = cell if inside else f"({cell})"
        rows.append([each.setting.name, _images(each, each.parts[0]), *cells])
    means = [f"**{_points(mean(known[head]))}** of {len(known[head])}" if known[head] else DASH for head in heads]
    return table(["setting", "images", *heads.values()], [*rows, ["mean", "", *means]])


def _setting(result: Result) -> Lines:
    setting, task = result.setting, trained_as(result.setting.task)
    least = f"{setting.flash // KIB} KiB of flash, {setting.sram // KIB} KiB of SRAM, {setting.latency:g} ms expected"
    if setting.board == COUNTED:
        least = (
            f"{setting.flash // KIB} KiB of weights and biases, {setting.sram // KIB} KiB of live tensors, image "
            f"included, {setting.latency:g} M expected MACs, each counted as a nanosecond"
        )
    lines = [
        f"## {setting.name}", "", f"{task.about}, {task.epochs} epochs; {least}. {_picked(result)}", "",
    ]  # fmt: skip
    if result.missing:
        roles = "; ".join(pick.role for pick in result.missing)
        lines += [f"Not trained yet: {len(result.missing)} of {len(result.picks)}: {roles}.", ""]
    shown = [(pick, nets_of(pick)) for pick in result.picks if result.trained(pick)]
    if result.hand_pair:
        trained = sum(result.bench is not None and result.bench.trained(nets) for nets in result.hand_pairs)
        role = f"{BY_HAND}pair, best of {trained}"
        shown.append((Pick(setting.name, role, *result.hand_pair), result.hand_pair))
    if result.bench is None or not shown:
        return lines
    for part in result.parts:
        if len(result.parts) > 1:
            population = "like those of the training" if part == "validation" else "of another population"
            lines += [f"On {part} images, {population}:", ""]
        lines += [*_table(result, result.bench, shown, part), ""]
    lines += [f"- {pick.role}: `{pick.little}`" + (f" + `{pick.big}`" if pick.big else "") for pick, _ in shown]
    return [*lines, ""]


def _picked(result: Result) -> str:
    """By which search."""
    found = []
    named = [(begin, f"those called `{begin.strip(', ')}`") for begin in (CALIBRATED, BEFORE)]
    for role, words in ((PAIRS, "Pairs and single net"), *named):
        pick = next((pick for pick in result.picks if pick.role.startswith(role)), None)
        if pick is not None:
            found.append(
                f"{words} are of a search with the strategy `{pick.strategy}`, by the constants of {pick.constants}"
            )
    return "; ".join(found) + "." if found else ""


def _table(result: Result, bench: Bench, shown: Sequence[tuple[Pick, Nets]], part: str) -> Lines:
    rivals = {"net": result.hand_made, "pair": result.hand_pair}
    heads = ["picked", "expected", "float", "int8", "seeds", "big runs", "ms", "M MACs",
             *(f"against best hand-made {what}" for what in rivals)]  # fmt: skip
    rows = []
    for pick, nets in shown:
        judged = bench.judge(nets, part)
        forms = [
            _accuracy(bench.judge(nets, part, form)) if bench.stored.has(nets, form) else DASH for form in (FLOAT, INT8)
        ]
        rate = DASH if judged.rate is None else f"{100 * judged.rate:.1f} %"
        rows.append([
            pick.role, _expected(pick), *forms, _over_seeds(bench.seeds(nets, part)), rate, f"{judged.latency:.1f}",
            f"{judged.macs / 1e6:.2f}", *(_difference(bench, nets, rival, part) for rival in rivals.values()),
        ])  # fmt: skip
    return table(heads, rows)


def _images(result: Result, part: str) -> str:
    return f"{len(result.bench.stored.labels[part]):,} {part}" if result.bench else part


def _difference(bench: Bench, nets: Nets, rival: Nets | None, part: str) -> str:
    if rival is None or nets == rival:
        return DASH
    found = bench.difference(nets, rival, part)
    low, high = found.interval
    return f"{_points(found.gain)} ({_points(low)} to {_points(high)}){_mark(found.form)}"


def _accuracy(judged: Judged) -> str:
    return f"{_percent(judged.accuracy)} {_between(judged.interval)}"


def _expected(pick: Pick) -> str:
    if pick.expected is None:
        return DASH
    ends = "" if pick.low is None or pick.high is None else f" {_between((pick.low, pick.high))}"
    return f"{100 * pick.expected:.1f}{ends}"


def _over_seeds(accuracies: Sequence[float]) -> str:
    if len(accuracies) < 2:  # noqa: PLR2004 - one has no spread
        return DASH
    return f"{_percent(mean(accuracies))} ± {_percent(stdev(accuracies))} ({len(accuracies)})"


def _between(ends: Interval) -> str:
    return f"({100 * ends[0]:.1f} to {100 * ends[1]:.1f})"


def _percent(x: float) -> str:
    return f"{100 * x:.2f}"


def _points(x: float) -> str:
    return f"{100 * x:+.2f}" if np.isfinite(x) else DASH


def _mark(form: str) -> str:
    return IN_FLOAT if form == FLOAT else ""
