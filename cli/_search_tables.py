"""A finished search for people: the listed pairs, the front beside single nets, and where the figures come from."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from zeroshot.runs import layout
from zeroshot.runs.classes import class_words
from zeroshot.runs.words import accuracy, budgets, gain, in_kib, percent, verdict
from zeroshot.units import si, three

from ._dialect import spoken
from ._output import aligned, prose

if TYPE_CHECKING:
    from rich.console import Console

    from zeroshot.runs.rows import CalibrationNet, PredictedPair
    from zeroshot.searching.plan import SearchPlan
    from zeroshot.searching.results import SearchResult

FILES = ", ".join(
    (layout.PAIRS, layout.FRONT, layout.SINGLES, layout.CANDIDATES, layout.CLASSES, layout.SUMMARY, layout.FRONT_PLOT)
)  # fmt: skip
TRAINED = f", {layout.CALIBRATION}"
FRONT_POINTS = 6
HEADERS = (
    ("", "#"), ("accuracy", "%"), ("gain", "points"), ("big", "runs %"), ("latency", "ms"), ("worst", "ms"),
    ("energy", "mJ"), ("worst", "mJ"), ("", "MACs"), ("flash", "KiB"), ("SRAM", "KiB"),
)  # fmt: skip


# Objective -> its header, and the cell of a pair.
COSTS: "dict[str, tuple[tuple[str, str], Callable[[PredictedPair], str]]]" = {
    "latency": (("latency", "ms"), lambda pair: three(pair.latency_ms)),
    "worst_latency": (("worst", "ms"), lambda pair: three(pair.worst_latency_ms)),
    "energy": (("energy", "mJ"), lambda pair: three(pair.energy_mj)),
    "macs": (("", "MACs"), lambda pair: si(pair.macs)),
    "flash": (("flash", "KiB"), lambda pair: in_kib(pair.flash_bytes)),
    "sram": (("SRAM", "KiB"), lambda pair: in_kib(pair.sram_bytes)),
}


def print_result(screen: "Console", result: "SearchResult") -> None:
    """Print a search: title, pairs, front, remarks, origin of the figures, run folder."""
    config, n = result.config, len(result.pairs)
    best = {0: "No pair", 1: "The best pair"}.get(n, f"The best {n} pairs")
    prose(screen, f"{best} for {config['data']} on {config['board']}", "bold")
    prose(screen, f"{budgets(config)}\n")
    if result.pairs:
        _print_pairs(screen, result.pairs)
    if result.front:
        _print_front(screen, result)
    if result.trained:
        _print_trained(screen, result.trained)
    prose(screen, class_words(result.classes), "dim")
    for remark in result.remarks:
        prose(screen, f"note: {spoken(remark)}", "yellow")
    prose(
        screen,
        f"{_where_from(config['epochs'], result.trained)} Model {result.accuracy_model}, {config['cascade_model']}; "
        f"± is an 80 % interval. Costs are of {config['engine']} on {config['board']}.",
    )
    probed = f"{result.n_probed} nets probed" if result.n_probed else "by static proxies alone"
    pairs = f"{result.n_pairs:,} pair{'s' if result.n_pairs != 1 else ''}"
    prose(
        screen,
        f"{pairs} ranked ({result.n_feasible:,} inside every budget), {probed}, {result.seconds:.1f} s.",
    )
    if result.run is not None:
        screen.print(f"Run folder: {result.run}", style="bold")
        prose(screen, f"  {FILES}{TRAINED if result.trained else ''}")


def print_plan(screen: "Console", plan: "SearchPlan") -> None:
    """Print what a search would do."""
    config = plan.config
    screen.print(f"Would search {config['data']} on {config['board']}; nothing was done.", style="bold")
    screen.print(f"  space    {plan.space:,} nets, of which {plan.candidates:,} candidates are drawn")
    for role in ("little", "big"):
        if config[role] is not None:
            screen.print(f"  {role:<8} {config[role]}, in every pair")
    if config["from"] is not None:
        screen.print(f"  from     the nets of {config['from']}")
    screen.print(f"  pairs    {plan.pairs:,} ranked, {plan.probed_nets} nets probed at most")
    if plan.trained_nets is None:
        screen.print("  trained  a few nets, a minute's worth, on data unlike those that accuracies were learnt from")
    elif plan.trained_nets:
        screen.print(f"  trained  {plan.trained_nets} nets for a few epochs each, minutes that are not in the time")
    screen.print(f"  budgets  {budgets(config)}")
    screen.print(f"  proxies  {', '.join(config['proxies'])}")
    screen.print(f"  time     about {plan.seconds_about} s")
    how = " (resumed)" if plan.resumes else " (an earlier run there would be replaced)" if plan.replaces else ""
    prose(screen, f"  writes   {plan.run}{how}: {FILES}{TRAINED if plan.trained_nets != 0 else ''}")


def _print_pairs(screen: "Console", pairs: "Sequence[PredictedPair]") -> None:
    texts = aligned([*zip(*HEADERS, strict=True), *map(_figures, pairs)], screen.width)
    screen.print("\n".join(texts[:2]), style="dim")
    for row, text in zip(pairs, texts[2:], strict=True):
        screen.print(text, style="bold")
        screen.print(f"    little {percent(row.little_accuracy)}  {row.little}")
        screen.print(f"    big    {percent(row.big_accuracy)}  {row.big}")
        if row.single is None:
            screen.print("    single    -  no single net is as fast")
        else:
            screen.print(f"    single {percent(row.single_accuracy)}  {row.single}  ", end="")
            screen.print(f"the pair {verdict(row)}", style="green" if row.pays else "yellow")
    prose(
        screen,
        "\nlittle, big: the pair, and what each net is expected to reach alone. single: the best single net "
        "that is no slower than the pair on average; gain is what the pair adds to it.\n",
        "dim",
    )


def _figures(row: "PredictedPair") -> list[str]:
    cells = [three(cost) for cost in (row.latency_ms, row.worst_latency_ms, row.energy_mj, row.worst_energy_mj)]
    sizes = [in_kib(row.flash_bytes), in_kib(row.sram_bytes)]
    return [
        f"{row.rank:2}", accuracy(row), gain(row), percent(row.escalation_rate), *cells, si(row.macs),
        *sizes,
    ]  # fmt: skip


def _print_front(screen: "Console", result: "SearchResult") -> None:
    front, n = result.front, min(FRONT_POINTS, len(result.front))
    chosen = [front[round(i * (len(front) - 1) / max(n - 1, 1))] for i in range(n)]
    costs = [COSTS[name] for name in result.config["objectives"] if name != "accuracy"]
    headers = [
        *(header for header, _ in costs),
        ("pair", "%"),
        ("big", "runs %"),
        ("single", "%"),
        ("gain", "points"),
    ]
    rows = [
        [
            *(cell(row) for _, cell in costs), accuracy(row), percent(row.escalation_rate),
            percent(row.single_accuracy), gain(row),
        ]
        for row in chosen
    ]  # fmt: skip
    texts = aligned([*zip(*headers, strict=True), *rows], screen.width)
    prose(screen, f"Pareto front of pairs beside the best single nets, {n} of {len(front)} points", "bold")
    screen.print("\n".join(texts[:2]), style="dim")
    screen.print("\n".join(texts[2:]) + "\n")


def _print_trained(screen: "Console", rows: "Sequence[CalibrationNet]") -> None:
    headers = (("expected", "%"), ("anchored", "%"), ("measured", "%"), ("chosen", "for"))
    figures = [[*map(percent, (row.expected_before, row.expected, row.measured)), row.chosen] for row in rows]
    texts = aligned([*zip(*headers, strict=True), *figures], screen.width)
    prose(
        screen,
        f"{_nets(len(rows))} trained for {_epochs(rows[0].epochs)}, measured on {rows[0].validation_images:,} "
        "validation images",
        "bold",
    )
    screen.print("\n".join(texts[:2]), style="dim")
    for row, text in zip(rows, texts[2:], strict=True):
        screen.print(f"{text}  {row.net}")
    screen.print()


def _where_from(epochs: int, trained: "Sequence[CalibrationNet]") -> str:
    expected = f"Accuracy is what is expected of {_epochs(epochs)} of training, not measured"
    if not trained:
        return f"{expected}: none of these nets was trained."
    return f"{expected}: anchored by {_nets(len(trained))} that were trained for {_epochs(trained[0].epochs)}."


def _nets(n: int) -> str:
    return f"{n} net{'s' if n != 1 else ''}"


def _epochs(n: int) -> str:
    return f"{n} epoch{'s' if n != 1 else ''}"
