"""The figures that stand in sentences: name -> what results/ says now."""

import re
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.stored import cell, found, record, records, section, tables, text

TRUTH, BENCH, PAIR, FIRMWARE = "pair_truth.md", "proxy_bench.csv", "cifar10_pair.md", "cifar10_firmware.md"
MACS, LATENCY = "Budgets: expected MACs", "Budgets: expected latency"
ERROR = "MAE, points"
TASKS = ("cifar10", "cifar100", "imagenet16-120")
ALL, EVERY, ALIVE = "all cells", "cells with every proxy", "no dead operations"
FUSION, WHOLE, UNSEEN = "fuse: graph + jacob_cov + az_nas", "fixed, all rows", "fixed, other half"
FIXED = {"rows are": WHOLE}
NEW = "new nets, ms a net"
FIRST_PAIR = "search_cifar10_pairs.csv"


class Cell(NamedTuple):
    """A cell of a table as it stands there, without a plus sign or a unit."""

    name: str
    heading: str
    row: str
    column: str
    table: int = 0

    def __call__(self) -> str:
        """What it says."""
        return cell(*self).removeprefix("+").removesuffix("%").strip()


class Found(NamedTuple):
    """Words of a file, found by a regular expression of one group."""

    name: str
    pattern: str

    def __call__(self) -> str:
        """What stands there."""
        (group,) = found(*self)
        return group


def number(source: Callable[[], str], digits: str, factor: float = 1.0) -> Callable[[], str]:
    """A figure with other digits, or in another unit."""
    return lambda: format(float(source()) * factor, digits)


def elsewhere(task: str) -> str:
    """The data set whose labels a combination is chosen by, to be judged on `task`."""
    return "cifar100" if task == "cifar10" else "cifar10"


def slashed(values: list[str]) -> str:
    """Three correlations, those of `TASKS`."""
    return " / ".join(f"{float(value):.3f}" for value in values)


def scores(nets: str, proxy: str, column: str = "spearman, all") -> Callable[[], str]:
    """A proxy's correlations on NAS-Bench-201."""
    return lambda: slashed([record(BENCH, nets=nets, task=task, proxy=proxy)[column] for task in TASKS])


def against(nets: str, other: str, column: str, kind: str = WHOLE) -> Callable[[], str]:
    """A column of the paired comparison of the fusion with another score."""
    name = "proxy_bench_against.csv"
    return lambda: slashed([record(name, nets=nets, task=t, score=other, **{"rows are": kind})[column] for t in TASKS])


def ahead(nets: str, other: str, kind: str = WHOLE) -> Callable[[], str]:
    """By how much the fusion is ahead, with intervals."""

    def shown() -> str:
        name, rows = "proxy_bench_against.csv", {"rows are": kind}
        each = [record(name, nets=nets, task=task, score=other, **rows) for task in TASKS]
        return ", ".join(f"{float(r['ahead']):+.3f} ({float(r['low']):+.3f} to {float(r['high']):+.3f})" for r in each)

    return shown


def chosen(nets: str, on: str | None = None) -> Callable[[], str]:
    """The correlation of parts that were chosen on some labels, by default those of another data set."""
    name = "proxy_bench_choices.csv"
    return lambda: slashed(
        [record(name, nets=nets, **{"chosen on": on or elsewhere(t), "reported on": t})["spearman"] for t in TASKS]
    )


def frozen(nets: str) -> Callable[[], str]:
    """The same of weights that were found with 500 labels of another data set."""
    name = "proxy_bench_frozen.csv"
    return lambda: slashed(
        [
            record(name, nets=nets, labels="500", **{"found on": elsewhere(t), "reported on": t})["spearman"]
            for t in TASKS
        ]
    )


def over_seeds(score: str) -> Callable[[], str]:
    """The least and the largest standard deviation over seeds, of the three data sets."""

    def shown() -> str:
        row = tables(section("proxy_bench.md", "Over seeds"))[0][f"`{score}`"]
        each = sorted(value.split(" ± ")[1].split()[0] for head, value in row.items() if "mean" in head)
        return each[0] if each[0] == each[-1] else f"{each[0]} to {each[-1]}"

    return shown


def alone(name: str) -> Callable[[], str]:
    """A proxy's correlation with accuracy on calibration and held-out nets of the zoo."""
    halves = ("calibration", "held-out")
    return lambda: " and ".join(cell(TRUTH, "Each proxy alone", name, f"Spearman, {half}") for half in halves)


def next_alone() -> str:
    """The best proxy beside MACs. AZ-NAS's complexity is the number of MACs again."""
    return next(n for n in tables(section(TRUTH, "Each proxy alone"))[0] if n not in ("macs", "az_complexity"))


def helpful(place: int) -> tuple[str, str]:
    """The proxy that helps most beside the layers' features (0), or second most (1), and the error with it."""
    column = "added to features: RMSE, mu"
    each = tables(section(TRUTH, "Each proxy alone"))[0].items()
    error, name = sorted((row[column], name) for name, row in each if row[column][0].isdigit())[place]
    return name, error


def gain(by: str, other: str, cost: str) -> tuple[str, str, str, str]:
    """Joint search minus another way, in points: the figure, the ends of its interval, and who wins."""
    start = text(TRUTH).index(f"## {cost}")
    pattern = rf"chosen by the {by}: joint minus {other} (\S+) points \(80 %: (\S+) to (\S+)\): (.+)"
    match = re.compile(pattern).search(text(TRUTH), start)
    if match is None:
        raise LookupError(f"{TRUTH} does not say {pattern!r} under {cost!r}.")
    value, low, high, wins = (group.removeprefix("+") for group in match.groups())
    return value, low, high, wins


def proxy_speed(row: str, column: str) -> str:
    """Milliseconds of one thread a net, in the mcu space."""
    return f"{float(cell('proxy_speed.md', 'mcu space', row, column)):,.0f}"


def mobilenet(column: str) -> float:
    """Milliseconds of the MobileNetV2 that was measured on a Cortex-M7 with CMSIS-NN."""
    return float(cell("cost_model.md", "mbv2-w0.3-r64", "cmsis_nn", column))


def bf16(pick: Callable[[list[float]], float]) -> Callable[[], str]:
    """How many times as fast bf16 is on one thread, of the net where this is least or largest."""

    def shown() -> str:
        speed = {}
        for line in text("training_speed.md").splitlines():
            parts = [part.strip() for part in line.strip("|").split("|")]
            if len(parts) == 6 and parts[3] == "1":
                speed[parts[0], parts[2]] = float(parts[4].replace(",", ""))
        return f"{pick([speed[net, 'bf16'] / speed[net, 'fp32'] for net, kind in speed if kind == 'fp32']):.2f}"

    return shown


def first_pair(column: str, digits: str, factor: float = 1.0) -> Callable[[], str]:
    """A figure of the first pair of the stored search."""
    return lambda: format(float(records(FIRST_PAIR)[0][column]) * factor, digits)


FIGURES: dict[str, Callable[[], str]] = {
    # The search that the README shows
    "search.pairs": Found("search_cifar10.txt", r"([\d,]+) pairs ranked"),
    "search.inside": Found("search_cifar10.txt", r"\(([\d,]+) inside every budget"),
    "search.seconds": Found("search_cifar10.txt", r"nets probed, (\S+) s\."),
    "search.rate": first_pair("escalation_rate", ".1f", 100),
    "search.latency": first_pair("latency_ms", ".0f"),
    "search.worst": first_pair("worst_latency_ms", ".0f"),
    "search.accuracy": first_pair("accuracy", ".1f", 100),
    "search.single": first_pair("single_accuracy", ".1f", 100),
    "search.gain": first_pair("gain", ".1f", 100),
    "search.gain_error": first_pair("gain_error", ".1f", 100),
    # The zoo of trained nets
    "zoo.trainings": Found(TRUTH, r"(\d+) of \d+ trainings are there"),
    "zoo.calibration": Found(TRUTH, r"trainings are there: (\d+) calibration"),
    "zoo.held_out": Found(TRUTH, r"calibration and (\d+) held-out nets"),
    "zoo.pairs": Cell(TRUTH, "Pairs, single accuracies predicted", "no training", "pairs"),
    "zoo.seeds": Found(TRUTH, r"test accuracy differs by (\S+) points"),
    "single.spearman": Cell(TRUTH, "Single nets", "fitted model", "Spearman"),
    "single.error": Cell(TRUTH, "Single nets", "fitted model", "held-out MAE"),
    "single.error.unmixed": Cell(TRUTH, "Single nets", "ridge over features and the readout", "held-out MAE"),
    "ridge.calibration": Cell(TRUTH, "Single nets", "ridge over features", "Spearman (1)"),
    "ridge.held_out": Cell(TRUTH, "Single nets", "ridge over features", "Spearman"),
    "readout.calibration": Cell(TRUTH, "Single nets", "ridge over features and the readout", "Spearman (1)"),
    "readout.held_out": Cell(TRUTH, "Single nets", "ridge over features and the readout", "Spearman"),
    "trust.static": number(Found(TRUTH, r"Trust in fused ranks: (\S+) "), ".0f", 100),
    "trust.default": number(Found(TRUTH, r"static proxies\), (\S+) \(default"), ".0f", 100),
    "pairs.error": Cell(TRUTH, "Pairs, single accuracies predicted", "no training", ERROR),
    "copula.error": Cell(TRUTH, "Pairs, true single accuracies given", "fitted", ERROR),
    "copula.constant": Cell(TRUTH, "Pairs, true single accuracies given", "constant gamma and kappa", ERROR),
    "copula.independence": Cell(TRUTH, "Pairs, true single accuracies given", "independence (kappa = 0)", ERROR),
    "copula.two.kendall": Cell(TRUTH, "animals or vehicles", "fitted", "Kendall, equal p", 1),
    "copula.two.kendall.constant": Cell(
        TRUTH, "animals or vehicles", "constant gamma and kappa", "Kendall, equal p", 1
    ),
    "regret.macs": Cell(TRUTH, MACS, "no training", "mean"),
    "regret.latency": Cell(TRUTH, LATENCY, "no training", "mean"),
    "regret.macs.layers": Cell(TRUTH, MACS, "no training, layers alone", "mean"),
    "regret.latency.layers": Cell(TRUTH, LATENCY, "no training, layers alone", "mean"),
    "regret.macs.calibrated": Cell(TRUTH, MACS, "--calibrate 8", "mean"),
    "regret.latency.calibrated": Cell(TRUTH, LATENCY, "--calibrate 8", "mean"),
    **{
        f"regret.{cost}.{nets}": lambda nets=nets, cost=cost: cell(
            TRUTH, "How many calibration nets", nets, f"regret, {cost.replace('macs', 'MACs')}: mean (worst)"
        ).split()[0]
        for nets in ("16", "32", "64", "128")
        for cost in ("macs", "latency")
    },
    "error.64": Cell(TRUTH, "How many calibration nets", "64", ERROR),
    "error.32": Cell(TRUTH, "How many calibration nets", "32", ERROR),
    "error.128": Cell(TRUTH, "How many calibration nets", "128", ERROR),
    "digits.nets": Found(TRUTH, r"(\d+) held-out nets trained on handwritten digits"),
    "digits.error": Cell(TRUTH, "digits", "0", ERROR),
    "digits.error.8": Cell(TRUTH, "digits", "8", ERROR),
    "digits.error.16": Cell(TRUTH, "digits", "16", ERROR),
    "digits.bars": Cell(TRUTH, "digits", "0", "in 80 % bars"),
    "digits.bars.8": Cell(TRUTH, "digits", "8", "in 80 % bars"),
    "digits.bars.16": Cell(TRUTH, "digits", "16", "in 80 % bars"),
    "bars.nets": Cell(TRUTH, "Anchored by N trainings", "0", "net's part alone"),
    "bars.nets.task": Cell(TRUTH, "Anchored by N trainings", "0", "in 80 % bars"),
    "bars.pairs": Cell(TRUTH, "Pairs, single accuracies predicted", "no training", "nets' part alone"),
    "bars.pairs.task": Cell(TRUTH, "Pairs, single accuracies predicted", "no training", "in 80 % bars"),
    "gain.single": lambda: gain("truth", "single", MACS)[0],
    "gain.single.low": lambda: gain("truth", "single", MACS)[1],
    "gain.single.high": lambda: gain("truth", "single", MACS)[2],
    "gain.separate": lambda: gain("truth", "separate", MACS)[0],
    "gain.separate.low": lambda: gain("truth", "separate", MACS)[1],
    "gain.separate.high": lambda: gain("truth", "separate", MACS)[2],
    # Proxies on the zoo
    **{
        f"alone.{name}": alone(name)
        for name in ("macs", "swap", "logsynflow", "reg_swap", "zen_running", "zico", "linear_readout")
    },
    "alone.next": lambda: f"`{next_alone()}`",
    "alone.next.score": lambda: alone(next_alone())(),
    "features.error": Found(TRUTH, r"The last column compares with (\S+) of the features alone"),
    "helpful.first": lambda: f"`{helpful(0)[0]}`",
    "helpful.second": lambda: f"`{helpful(1)[0]}`",
    "helpful.first.error": lambda: helpful(0)[1],
    "helpful.second.error": lambda: helpful(1)[1],
    # Proxies on NAS-Bench-201
    "nb201.ahead.az_nas": ahead(ALL, "az_nas"),
    "nb201.equal.rows": number(
        lambda: record("proxy_bench_against.csv", nets=EVERY, task="cifar10", score="vkdnw_agg", **FIXED)["rows"],
        ",.0f",
    ),
    "nb201.equal.fusion": against(EVERY, "vkdnw_agg", "fusion"),
    "nb201.equal.vkdnw": against(EVERY, "vkdnw_agg", "spearman"),
    "nb201.ahead.vkdnw": ahead(EVERY, "vkdnw_agg"),
    "nb201.ahead.vkdnw.unseen": ahead(EVERY, "vkdnw_agg", UNSEEN),
    **{f"nb201.every.{name}": scores(EVERY, name) for name in ("ntk_cond", "gradsign", "grasp", "linear_readout")},
    "nb201.every.linear_readout.top": scores(EVERY, "linear_readout", "spearman, top 5 %"),
    "nb201.alive.fusion": chosen(ALIVE, WHOLE),
    "nb201.alive.chosen": chosen(ALIVE),
    "nb201.alive.frozen": frozen(ALIVE),
    "nb201.seeds.fusion": over_seeds(FUSION),
    "nb201.seeds.jacob_cov": over_seeds("jacob_cov"),
    # Cost model and generated C
    "cost.latency.error": Found("cost_model.md", r"not used in any fit: MAPE (\S+)%"),
    "cost.latency.nets": Found("cost_model.md", r"not used in any fit: MAPE \S+%, bias \S+, n = (\d+)"),
    "cost.latency.worst": lambda: cell("cost_model.md", "Whole nets", "CNN_1", "error").strip("-%"),
    "cost.instructions": lambda: cell("instruction_model.md", "Whole nets", "held out", "MAPE").strip("%"),
    "cost.resnet8": Cell("firmware.md", "Instructions of one inference", "ResNet8", "C99 cortex-m4"),
    "cost.resnet8.tflm": Cell("firmware.md", "Instructions of one inference", "ResNet8", "TFLM + CMSIS-NN, M4"),
    "cost.mobilenet.m7": lambda: f"{100 * (mobilenet('model, ms') / mobilenet('measured, ms') - 1):.0f}",
    # The pair that was chosen by hand
    "pair.images": Found(FIRMWARE, r"sanitizers, \d+ s \| ([\d,]+) \|"),
    "pair.differ": Found(FIRMWARE, r"sanitizers, \d+ s \| [\d,]+ \| (\d+) \|"),
    "pair.flash": Cell(FIRMWARE, "", "code, weights and tables", "", 1),
    "pair.ram": Cell(FIRMWARE, "", "RAM, stack of 288 bytes included", "", 1),
    "pair.instructions.little": Cell(FIRMWARE, "", "instructions, little net alone", "", 1),
    "pair.instructions.both": Cell(FIRMWARE, "", "instructions, both", "", 1),
    "pair.instructions": Cell(FIRMWARE, "", "instructions, expected", "", 1),
    "pair.arena": Found(PAIR, r"little \+ rival has \S+ KiB and (\S+) KiB"),
    # Training and pruning
    "pruning.behind": Found("pruning.md", r"ahead in 0 of 8 rows, on average -(\S+) points"),
    "pruning.wins": Found("pruning.md", r"all 12 epochs pruning is ahead in (\d+ of \d+) rows"),
    "pruning.ahead.short": Found(
        "pruning.md", r"for 4 epochs pruning is ahead in \d+ of \d+ rows, on average \+(\S+) "
    ),
    "pruning.wins.short": Found("pruning.md", r"for 4 epochs pruning is ahead in (\d+ of \d+) rows"),
    # Speed
    "speed.bf16.least": bf16(min),
    "speed.bf16.most": bf16(max),
    "speed.proxies.shared": lambda: proxy_speed("forward and backward, all above (26)", "shared, median"),
    "speed.proxies.alone": lambda: proxy_speed("forward and backward, all above (26)", "alone, median"),
    "speed.readout": lambda: proxy_speed("`linear_readout`", "shared, median"),
    "speed.naswot": lambda: proxy_speed("`naswot`", "shared, median"),
    "speed.zico": lambda: proxy_speed("`zico`", "shared, median"),
    "speed.one": lambda: f"{float(cell('proxy_speed.md', 'Threads', '1 thread(s), 1 process', NEW)):.0f}",
    "speed.both": lambda: f"{float(cell('proxy_speed.md', 'Threads', '1 thread, 2 processes that are up', NEW)):.0f}",
    "speed.plain.both": Found("training_speed.md", r"x1/2-c3w64x1/2` \| 1\.29 \| bf16 \| 2 \| (\S+) \|"),
    "speed.plain.one": Found("training_speed.md", r"x1/2-c3w64x1/2` \| 1\.29 \| bf16 \| 1 \| (\S+) \|"),
    "speed.depthwise": Found("training_speed.md", r"\| 1\.20 \| bf16 \| 2 \| (\S+) \|"),
    "speed.resnet8": Found("training_speed.md", r"\| 12\.50 \| bf16 \| 2 \| (\S+) \|"),
    **{
        f"search.{data}.{how}": Found("speed.md", rf"shortlist 64, {data}, {words} \| (\S+) s")
        for data in ("digits", "cifar10")
        for how, words in (("cold", "nothing compiled"), ("warm", "compiled before"), ("jobs", "--jobs 2"))
    },
    "speed.million": number(Found("speed.md", r"1,000 x 1,000 pairs, no budget \| (\S+) s"), ".3f"),
}
