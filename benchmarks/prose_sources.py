"""Where a figure comes from: a cell, words, or what follows from several; the ways that prose_figures.py uses."""

import re
from collections.abc import Callable
from dataclasses import astuple, dataclass

from benchmarks.stored import cell, found, record, records, section, tables, text

CARRY = "tasks.md"
NASBENCH = "NAS-Bench-201, weights of the zoo"
CHOSEN = "sizes of features and probed scores, ranks mixed in"
TRUTH, BENCH, PAIR, FIRMWARE = "pair_truth.md", "proxy_bench.csv", "cifar10_pair.md", "cifar10_firmware.md"
SOUND, SOUND_M4 = "frontend.md", "Instructions on a Cortex-M4"
MACS, LATENCY = "Budgets: expected MACs", "Budgets: expected latency"
PICKS = "Budgets, with picks among the nets"
ERROR = "MAE, points"
TASKS = ("cifar10", "cifar100", "imagenet16-120")
ALL, EVERY, ALIVE = "all cells", "cells with every proxy", "no dead operations"
FUSION, WHOLE, UNSEEN = "fuse: graph + jacob_cov + az_nas", "fixed, all rows", "fixed, other half"
FIXED = {"rows are": WHOLE}
LARGE, ST_RESNET8 = 6.42, 12.5  # M MACs of the large net, and of the ST model zoo's ResNet8
MOBILENET, PICO = "MobileNetV1-0.25@96, 7.49 M", "raspberry-pi-pico"
NEW = "new nets, ms a net"
FIRST_PAIR = "search_cifar10_pairs.csv"


@dataclass(frozen=True)
class Cell:
    """A cell of a table as it stands there, without a plus sign or a unit."""

    name: str
    heading: str
    row: str
    column: str
    table: int = 0

    def __call__(self) -> str:
        """What it says."""
        return cell(*astuple(self)).removeprefix("+").removesuffix("%").strip()


@dataclass(frozen=True)
class Found:
    """Words of a file, found by a regular expression of one group."""

    name: str
    pattern: str

    def __call__(self) -> str:
        """What stands there."""
        (group,) = found(*astuple(self))
        return group


def number(source: Callable[[], str], digits: str, factor: float = 1.0) -> Callable[[], str]:
    """A figure with other digits, or in another unit."""
    return lambda: format(float(source()) * factor, digits)


def as_it_stands(name: str, heading: str = "") -> Callable[[], str]:
    """All tables of a file, or those under one heading."""
    return lambda: "\n".join(
        line for line in (section(name, heading) if heading else text(name)).splitlines() if line.startswith("|")
    )


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


def percent(source: Callable[[], str]) -> Callable[[], str]:
    """A percentage with its sign, without the sign of percent."""
    return lambda: source().removesuffix("%").strip()


def counted(net: str, engine: str) -> Callable[[], str]:
    """Error of the predicted instructions of a net, in percent."""
    return Found("cost_model.md", rf"\| {net} \| {engine} \| \S+ \| \S+ \| (\S+)% \|")


def ratio(board: str, measured: str, place: int) -> Callable[[], str]:
    """How far a predicted latency is off a measured one, in percent: of ResNet8 (0), of MobileNetV1-0.25 (1)."""
    pattern = rf"\| {board} \| {measured}.*? \| .*\((\S+)\) \| .*\((\S+)\) \|"
    return lambda: f"{100 * float(found('cost_model.md', pattern)[place]) - 100:+.0f}"


def vendors() -> list[float]:
    """Predicted over measured latencies on chips with engines of others, which are no oracle for ours."""
    lines = section("cost_model.md", "tflm-cmsis-nn predicted / measured").splitlines()
    return [
        float(r) for line in lines if re.search(r"ST v|ST 9|Plumerai", line) for r in re.findall(r"\((\d\S+)\)", line)
    ]


def operators(device: str, kind: str) -> Callable[[], str]:
    """Mean error of the shipped board file on single operators, in percent."""
    return Found("cost_model.md", rf"\| {device} \| \d+ \| {kind} \| .* \| MAPE (\S+)%, bias \S+ n = \d+ \|\n")


def n_operators(device: str) -> int:
    """How many of them were measured."""
    lines = [
        line for line in text("cost_model.md").splitlines() if line.startswith(f"| {device} | ") and "MAPE" in line
    ]
    return sum(int(line.split("n = ")[2].split()[0]) for line in lines if line.count("n = ") == 2)


def minus_rival(rule: str) -> str:
    """Points of the finetuned pair of inverted bottlenecks minus its large net, with an interval."""
    value, low, high = found(PAIR, rf"finetuned \| little . rival \| {rule} .* (\S+) \[(\S+), (\S+)\], [a-z ]+ \|\n")
    return f"{value}, {low} to {high}"


def pair_macs(rule: str) -> float:
    """Expected M MACs of the same pair."""
    return float(found(PAIR, rf"finetuned \| little . rival \| {rule} [^M]* (\S+) M \|")[0])


def at_rate(rate: str) -> tuple[float, float]:
    """Accuracy in percent and M MACs of the same pair on its curve over test images."""
    row = tables(text(PAIR))[3][rate]
    return float(row["accuracy"].split()[0]), float(row["expected MACs"].split()[0])


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


def mean_regret(nets: str, cost: str) -> Callable[[], str]:
    """Mean regret over budgets of a cost, with constants of so many calibration nets."""
    return lambda: cell(TRUTH, "How many calibration nets", nets, f"regret, {cost}: mean (worst)").split()[0]
