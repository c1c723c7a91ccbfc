"""The tables and blocks of output that the documents show: name -> Markdown, from what stands in results/."""

from collections.abc import Callable

from benchmarks.prose_sources import (
    ALL,
    BENCH,
    CARRY,
    ERROR,
    FUSION,
    LATENCY,
    MACS,
    PAIR,
    PICKS,
    TASKS,
    TRUTH,
    UNSEEN,
    as_it_stands,
    elsewhere,
    gain,
)
from benchmarks.stored import Row, blocks, cell, found, markdown, record, records, section, tables, text

# Ways to predict: what the documents call them -> their rows under "Single nets" and elsewhere.
WAYS = {
    "shipped, no training": ("fitted model", "no training"),
    "MACs only": ("MACs only", "MACs only"),
    "params only": ("params only", "params only"),
    "depth only": ("depth only", "depth only"),
}


FAMILIES = "other nets, each family left out"


BUDGETS, AMONG_PICKS = ((MACS, 0), (LATENCY, 0)), ((PICKS, 0), (PICKS, 1))  # headings, and tables below them


def _lost(way: str, places: tuple[tuple[str, int], ...] = BUDGETS) -> str:
    """Mean regret under budgets of MACs, and of latency."""
    return " and ".join(cell(TRUTH, heading, way, "mean", table) for heading, table in places)


def _journey() -> list[list[str]]:
    """What the search picks, trained in full and in int8, of the settings of which all rivals are trained too."""
    columns = ("first pair", "best hand-made net", "best hand-made pair")
    found = []
    for row in blocks(section("journey.md", "Summary"))[0]:
        complete = all(row[column][-1].isdigit() for column in columns)  # no mark that something is missing
        if row["images"].endswith("test") and complete:
            found.append([row["setting"], *(row[column] for column in columns)])
    if not found:
        return []
    first, net, pair = (", ".join(f"{each[0]} {each[i]}" for each in found) for i in (1, 2, 3))
    return [["first pair of a search, trained in full, int8, %", first, f"best hand-made net {net}; pair {pair}"]]


def _few_macs() -> list[str]:
    """Pairs of a search for CIFAR-10 under a budget of operations, and the pair that was made for a larger one."""
    cells = [cell("journey.md", "cifar10-5M", f"pair {i}", "int8").split() for i in (1, 2, 3)]
    accuracy, macs = found(
        "cifar10_pair.md", r"finetuned \| little \+ rival \| one threshold \| (\S+) % .*? % \| (\S+) M \|"
    )
    return [
        "CIFAR-10, int8, 5 M expected MACs, 96 KiB of weights, 64 KiB of RAM: first three pairs of a search",
        f"{', '.join(words[0] for words in cells)} %",
        f"{accuracy} % a pair made by hand, {macs} M MACs",
    ]


def survived(search: str) -> str:
    """Points that a search's first pairs have over those of 1,000 + 1,000 random nets once trained."""
    return f"{cell('strategies.md', 'What survives training', search, 'measured gain', 1)} points"


def headlines() -> str:
    """Figures of the README, each beside what it is measured against."""
    single, pairs = "Single nets", "Pairs, true single accuracies given"
    resnet8 = tables(section("firmware.md", "Instructions of one inference"))[0]["ResNet8"]
    return markdown(
        ["", "zeroshot", "baseline"],
        [
            [
                "order of 64 trained nets, Spearman correlation",
                cell(TRUTH, single, "fitted model", "Spearman"),
                f"{cell(TRUTH, single, 'MACs only', 'Spearman')} number of MACs",
            ],
            [
                f"order of {cell(CARRY, 'How far predictions carry', FAMILIES, 'nets')} nets, the field's families and "
                "what earlier searches liked best, each family unseen",
                cell(CARRY, "How far predictions carry", FAMILIES, "size"),
                f"{cell(CARRY, 'How far predictions carry', FAMILIES, 'macs')} number of MACs",
            ],
            [
                "first pairs over those of a search among 1,000 + 1,000 random nets, all trained",
                survived("evolution, 1,000 + 1,000"),
                f"{survived('random, 10,000 + 10,000')} random",
            ],
            [
                "nets inside 80 % intervals, ten tasks, each predicted by the others",
                f"{found(CARRY, 'Inside the 80 % bars are (.*?) % of all nets')[0]} %",
                f"at least {found(CARRY, 'of these tasks, at least (.*?) % in each')[0]} % on each task",
            ],
            [
                "accuracy lost to the best pair, mean over 12 budgets of MACs, and of latency",
                f"{_lost('no training')} points",
                f"{_lost('MACs only')} number of MACs, {_lost('random')} at random",
            ],
            ["the same, after eight short trainings", f"{_lost('--calibrate 8')} points", ""],
            [
                "lost without training where these families can be chosen, too",
                f"{_lost('no training', AMONG_PICKS)} points",
                f"{_lost('MACs only', AMONG_PICKS)} number of MACs, {_lost('random', AMONG_PICKS)} at random",
            ],
            *_journey(),
            _few_macs(),
            [
                "error of a pair's accuracy, its two nets' accuracies given",
                f"{cell(TRUTH, pairs, 'fitted', ERROR)} points",
                f"{cell(TRUTH, pairs, 'independence (kappa = 0)', ERROR)} if the nets erred independently",
            ],
            [
                "instructions of ResNet8 in int8, Cortex-M4",
                f"{resnet8['C99 cortex-m4']} M, generated C",
                f"{resnet8['TFLM + CMSIS-NN, M4']} M, TensorFlow Lite Micro with CMSIS-NN",
            ],
        ],
    )


def first_pair() -> str:
    """The command of the stored search and the first pair of its output."""
    lines = text("search_cifar10.txt").splitlines()
    second = next(i for i, line in enumerate(lines) if line.startswith(" 2 "))
    return "\n".join(["```text", *lines[:second], "```"])


def search_output() -> str:
    """The same, with what stands below the tables."""
    lines = text("search_cifar10.txt").splitlines()
    last = next(i for i, line in enumerate(lines) if line.startswith("Accuracy is what"))
    return "\n".join([first_pair().removesuffix("```") + "...", "", *lines[last : last + 3], "```"])


def predictions() -> str:
    """How well single nets and pairs are predicted, beside counting alone."""
    singles, pairs = (tables(section(TRUTH, name))[0] for name in ("Single nets", "Pairs, single accuracies predicted"))
    macs, latency = (tables(section(TRUTH, name))[0] for name in (MACS, LATENCY))
    rows: dict[str, Callable[[str, str], str]] = {
        "single nets, Spearman": lambda s, p: singles[s]["Spearman"],
        "single nets, mean error, points": lambda s, p: singles[s]["held-out MAE"],
        "pairs, mean error, points": lambda s, p: pairs[p][ERROR],
        "pairs, Kendall tau at equal escalation rate": lambda s, p: pairs[p]["Kendall, equal p"],
        "pairs, Kendall tau at equal cost": lambda s, p: pairs[p]["Kendall, equal cost"],
        "regret, points, mean over 12 budgets of MACs": lambda s, p: macs[p]["mean"],
        "regret, points, mean over 12 budgets of latency, with flash and SRAM": lambda s, p: latency[p]["mean"],
    }
    body = [[label, *(value(*way) for way in WAYS.values())] for label, value in rows.items()]
    return markdown(["64 held-out nets", *WAYS], body)


def copula() -> str:
    """Errors of the copula, of a constant correlation and of independence, on several tasks."""
    places = {
        "held-out pairs, CIFAR-10": ("Pairs, true single accuracies given", 0),
        "CIFAR-10 grouped into five classes": ("five superclasses", 1),
        "CIFAR-10 grouped into two classes": ("animals or vehicles", 1),
    }
    ways = ("fitted", "constant gamma and kappa", "independence (kappa = 0)")
    body = [[label, *(cell(TRUTH, at, way, ERROR, n) for way in ways)] for label, (at, n) in places.items()]
    trained = tables(section(CARRY, "Pairs"))[0]
    body += [[f"{task}, trained for it", *(row[way] for way in ("fitted", "constant", "independence"))]
             for task, row in trained.items()]  # fmt: skip
    return markdown(["the copula's mean error, points", "fitted", "constant", "independence"], body)


def spaces() -> str:
    """Rank correlations of the size and of single proxies in several populations."""
    heads = ["nets", "size", "macs", "params", "naswot", "swap"]
    found = tables(section(CARRY, "How far predictions carry"))[0]
    return markdown(["Spearman correlation", *heads], [[name, *(row[h] for h in heads)] for name, row in found.items()])


def tasks() -> str:
    """Tasks that were predicted by the others."""
    heads = ["nets", "best - worst", "median", "bias", "MAE", "in 80 % bars", "seeds allow", "size", "macs"]
    found = tables(section(CARRY, "Tasks"))[0]
    return markdown(["task", *heads], [[name, *(row[h] for h in heads)] for name, row in found.items()])


def calibrating() -> str:
    """First choices with and without trainings."""
    heads = ["regret", "worst population", "its error", "its bias", "error of untrained nets"]
    found = tables(section(CARRY, "First choices, and a few trainings"))[0]
    return markdown(["first choice", *heads], [[name, *(row[h] for h in heads)] for name, row in found.items()])


def journey() -> str:
    """The journey's summary."""
    rows = blocks(section("journey.md", "Summary"))[0]
    return markdown(list(rows[0]), [list(row.values()) for row in rows])


def regret() -> str:
    """Regret of several ways to pick a pair."""
    ways = {
        "a random pair": "random",
        "by MACs alone": "MACs only",
        "from layers alone, nothing probed": "no training, layers alone",
        "shipped, no training": "no training",
        "the same, best of the first three, as `zeroshot train` trains them": "no training, best of the first 3 pairs",
        "`--calibrate 8`": "--calibrate 8",
        "`--calibrate 16`": "--calibrate 16",
        "true accuracies of the single nets": "true single accuracies",
    }
    columns = [tables(section(TRUTH, MACS))[0], tables(section(TRUTH, LATENCY))[0], *tables(section(TRUTH, PICKS))]
    body = [
        [label, *(f"{of[way]['mean']} ({of[way]['worst']})" if way in of else "–" for of in columns)]
        for label, way in ways.items()
    ]
    heads = ["MACs", "latency, with flash and SRAM", "MACs, picks among the nets", "latency, picks among the nets"]
    return markdown(["regret, points, mean (worst) over 12 budgets", *heads], body)


def joint() -> str:
    """What searching both nets jointly gains."""
    ways = {"the truth, on one half of the images, judged on the other": "truth", "the prediction": "prediction"}

    def shown(by: str, other: str, cost: str) -> str:
        value, low, high, wins = gain(by, other, cost)
        return f"{value} ({low} to {high})" + (", no clear winner" if wins == "no clear winner" else "")

    heads = [
        "chosen by",
        "over little and big chosen separately: equal MACs", "equal latency, with flash and SRAM",
        "over the best single net: equal MACs", "equal latency, with flash and SRAM",
    ]  # fmt: skip
    body = [
        [label, *(shown(by, other, cost) for other in ("separate", "single") for cost in (MACS, LATENCY))]
        for label, by in ways.items()
    ]
    return markdown(heads, body)


# ---- NAS-Bench-201


def _correlations(rows: list[Row], whole: str = "spearman", best: str = "top 5 %") -> list[str]:
    return [f"{float(row[whole]):.3f} ({float(row[best]):.3f})" for row in rows]


def _score(proxy: str) -> list[str]:
    rows = [record(BENCH, nets=ALL, task=task, proxy=proxy) for task in TASKS]
    return _correlations(rows, "spearman, all", "spearman, top 5 %")


def best_single() -> str:
    """The one score, not a combination, that is best on all three data sets.

    Raises:
        LookupError: There are several, and the table must say so.
    """
    best = set()
    for task in TASKS:
        rows = [r for r in records(BENCH) if (r["nets"], r["task"]) == (ALL, task)]
        single = [r for r in rows if not r["proxy"].startswith(("fuse: ", "az_nas"))]
        best.add(max(single, key=lambda r: float(r["spearman, all"]))["proxy"])
    if len(best) != 1:
        raise LookupError(f"No one score is best: {best}.")
    return best.pop()


def nasbench201() -> str:
    """Correlations with accuracy on NAS-Bench-201: without labels, with those of another data set, with a few."""
    own = {
        "number of parameters": "params", "naswot": "naswot", "zico": "zico",
        f"{best_single()}, the best single one": best_single(), "AZ-NAS, its four parts": "az_nas",
        "four counts of the graph, equal votes": "fuse: graph", "fusion of nine parts, equal votes": FUSION,
    }  # fmt: skip
    rows = [[label, *_score(proxy)] for label, proxy in own.items()]
    choices, weights = "proxy_bench_choices.csv", "proxy_bench_frozen.csv"
    unseen = [record(choices, nets=ALL, **{"chosen on": UNSEEN, "reported on": task}) for task in TASKS]
    other = [record(choices, nets=ALL, **{"chosen on": elsewhere(task), "reported on": task}) for task in TASKS]
    learnt = [
        record(weights, nets=ALL, labels="500", **{"found on": elsewhere(task), "reported on": task}) for task in TASKS
    ]
    rows += [
        ["the same, on the half of the functions that was not looked at", *_correlations(unseen)],
        ["parts chosen by labels of another data set, other half of the functions", *_correlations(other)],
        ["weights found with 500 labels of another data set", *_correlations(learnt)],
    ]
    for labels in (25, 100, 1000):
        kind = {"inputs of": "graph + scores", "labels": str(labels), "model": "gaussian process"}
        process = [record("proxy_bench_calibrated.csv", nets=ALL, task=task, **kind) for task in TASKS]
        rows.append([f"Gaussian process on graph and scores, {labels:,} labels", *_correlations(process)])
    return markdown(["Spearman, all cells (best 5 %)", "CIFAR-10", "CIFAR-100", "ImageNet16-120"], rows)


def fidelity() -> str:
    """Our scores against those of NAS-Bench-Suite-Zero."""
    kept = ["theirs (1)", "cells", "Spearman", "95 %", "bar", "ceiling"]
    table = tables(section("fidelity.md", "Against NAS-Bench-Suite-Zero"))[0]
    heads = ["ours", "theirs", *("target" if name == "bar" else name for name in kept[1:])]
    return markdown(heads, [[ours, *(row[name] for name in kept)] for ours, row in table.items()])


# ---- generated C, a pair chosen by hand, training, speed


def generated_c() -> str:
    """Instructions of one inference, and bytes on a Cortex-M4."""
    inference, memory = (
        tables(section("firmware.md", name))[0] for name in ("Instructions of one inference", "Memory, bytes")
    )
    rows = []
    for net, row in inference.items():
        dsp = sorted({row[f"C99 cortex-{core}"] for core in ("m4", "m7", "m33")}, key=float)
        held = memory[net]
        rows.append(
            [f"{net}, {row['MACs']} M MACs", row["C99 cortex-m0plus"], row["C99 cortex-m3"]]
            + [dsp[0] if len(dsp) == 1 else f"{dsp[0]} to {dsp[-1]}", row["TFLM + CMSIS-NN, M4"]]
            + [
                held[column]
                for column in ("arena of the C99", "arena of TFLM", "code", "C99 flash, KiB", "TFLM flash, KiB")
            ]
        )
    heads = [
        "net", "Cortex-M0+", "Cortex-M3", "Cortex-M4, M7, M33", "TFLM, M4", "arena", "arena of TFLM", "code",
        "flash, KiB", "flash with TFLM, KiB",
    ]  # fmt: skip
    return markdown(heads, rows)


def _pair(rule: str, big: str = "rival") -> tuple[str, str, str, str]:
    """Of the finetuned nets: accuracy, the same with its interval, expected MACs, and the share that escalates."""
    columns = r"(\S+) % \| \[(\S+), (\S+)\] \| (\S+ %) \| (\S+ M) \|"
    accuracy, low, high, share, macs = found(PAIR, rf"\| 0 \| finetuned \| little . {big} \| {rule} \| {columns}")
    percent = f"{float(accuracy):.1f} %"
    return percent, f"{percent} [{float(low):.1f}, {float(high):.1f}]", macs, share


def by_hand() -> str:
    """The int8 pair for CIFAR-10 that was chosen by hand."""
    nets = {
        name: found(PAIR, rf"\| 0 \| {name} \| `\S+` \| (\S+ M) \| (\S+ KiB) \| .* \| (\S+) % \|\n")
        for name in ("little", "single", "rival")
    }
    alone = {name: [f"{float(accuracy):.1f} %", macs, weights] for name, (macs, weights, accuracy) in nets.items()}
    small, both = found(PAIR, r"little \+ big has (\S+ KiB) and \S+ KiB, little \+ rival has (\S+ KiB) and")
    rates = tables(text(PAIR))[3]
    rows = [
        ["little net of inverted bottlenecks, alone", *alone["little"]],
        ["large net of inverted bottlenecks, alone", *alone["rival"]],
    ]
    for words, rule in (("threshold set", "one threshold"), ("a threshold a class, set", "a threshold a class")):
        _, accuracy, macs, share = _pair(rule)
        start = "the pair of both" if rule == "one threshold" else "the same"
        rows.append([f"{start}, {words} on validation images: large runs for {share}", accuracy, macs, both])
    for share in ("48.3 %", "18.1 %", "13.1 %"):
        row = rates[share]
        accuracy = f"{float(row['accuracy'].split()[0]):.1f} %"
        rows.append([f"the same, rate picked on test images: {share}", accuracy, row["expected MACs"], both])
    _, accuracy, macs, share = _pair("one threshold", "big")
    rows += [
        [f"the little net with a residual net of 15.9 M MACs, which runs for {share}", accuracy, macs, small],
        ["one residual net, taught by the same teacher", *alone["single"]],
        ["for comparison: ResNet8 of the ST model zoo", "85.6 %", "12.5 M", ""],
    ]
    return markdown(["int8, CIFAR-10 test images", "accuracy", "expected MACs", "weights"], rows)


def training() -> str:
    """What options of `zeroshot train` buy."""
    options = {
        "`zeroshot train --distil big`: the big net teaches the little one": "distilled",
        "`--cascade-aware 4`: the two are finetuned for each other, 4 epochs more": "cascade-aware",
        "both, 4 epochs more": "distilled, cascade-aware",
        "`--distil self`: every net teaches itself": "self-distilled",
        "for comparison: no option, 4 epochs more": "plain, longer",
    }
    rows = []
    for label, way in options.items():
        points = cell("pair_training.md", "Points against the plain pair", way, "mean of all")
        verdict = cell("pair_training.md", "Points against the plain pair", way, "")
        rows.append([label, points, verdict])
    return markdown(["option", "points", ""], rows)


TABLES: dict[str, Callable[[], str]] = {
    "headlines": headlines, "search.first": first_pair,
    "search": search_output, "predictions": predictions, "spaces": spaces, "tasks": tasks,
    "calibrating": calibrating, "journey": journey,
    "copula": copula, "regret": regret,
    "joint": joint, "nasbench201": nasbench201, "fidelity": fidelity, "generated-c": generated_c, "by-hand": by_hand,
    "training": training, "rare": as_it_stands("rare.md", "The pair"), "speed": as_it_stands("speed.md"),
}  # fmt: skip
