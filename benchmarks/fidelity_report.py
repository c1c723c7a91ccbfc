"""The tables and the plot of `fidelity.py`, from stored scores."""

import numpy as np

from benchmarks.fidelity_agreement import (
    COUNTERPARTS,
    RELATIVES,
    Agreement,
    Scores,
    Table,
    against,
    ceilings_of,
    correlation,
    gather,
    scores_of,
)
from benchmarks.fidelity_plot import plot
from benchmarks.script import RESULTS
from zeroshot.runs.files import write_file
from zeroshot.runs.folder import processor
from zeroshot.scoring.plugins import load_proxies
from zeroshot.spaces import nasbench201


def report(rows: list[dict[str, str]], published: dict[int, dict[str, float]], cells: list[int]) -> None:
    """Print the tables and keep them, and a plot, beside the scores."""
    table = gather(rows, cells)
    names = [p.name for p in load_proxies()]
    lines = [
        "# Fidelity and stability of the proxies",
        "",
        f"NAS-Bench-201 cells of NAS-Bench-Suite-Zero's CIFAR-10 table, drawn with seed 0; {processor()}, one thread.",
        "Spearman rank correlations, signed; in brackets 95 % percentile bootstrap intervals over cells (2,000",
        "resamples). Scores: batches of 64 real images, torch's default initialisation as in the published scores,",
        "unless said otherwise. A cell that either side gives no score is left out of a pair.",
        "",
        *fidelity_lines(table, published),
        "",
        *stability_lines(table, published, names),
        "",
        *batch_lines(table, published),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    write_file(RESULTS / "fidelity.md", text)
    plot(table, published, names, RESULTS / "fidelity.png")


def fidelity_lines(table: Table, published: dict[int, dict[str, float]]) -> list[str]:
    """Ours against Suite-Zero's."""
    out = [
        "## Against NAS-Bench-Suite-Zero's precomputed scores",
        "",
        "Ceiling: our own rank correlation between two runs that differ in weights *and* images, on the same cells. "
        "First in our protocol (balanced classes, every cell the same images), then as a shuffled loader serves them "
        "(every cell images of its own, classes as they come): the published epe_nas is distributed as those. "
        "Last, both sides' correlation with accuracy. That the published scores are on 64 images and torch's default "
        "initialisation is read off their values (jacov, nwot and l2_norm), not off a document.",
        "",
        "| ours | theirs | needs | cells | Spearman | 95 % | bar | | ceiling | own images | accuracy: ours | theirs |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, (theirs, needs, bar) in COUNTERPARTS.items():
        value, low, high, n = against(table, published, name, theirs)
        both, own = ceilings_of(table, name)
        ceilings = ["exact", ""] if needs == "static" else [_number(both[0]), _number(own[0])]
        shared = {cell: published[cell][theirs] for cell in scores_of(table, name)}
        accuracy = {cell: scores["accuracy"] for cell, scores in published.items()}
        # The other way round: `correlation` knows failures by its second argument.
        quality = [correlation(scores_of(table, name), accuracy)[0], correlation(accuracy, shared)[0]]
        met = "met" if value >= bar else "below"
        cols = [f"`{name}`", theirs, needs, str(n), _number(value), _interval(low, high), f"{bar:.2f}"]
        out.append("| " + " | ".join([*cols, met, *ceilings, *map(_number, quality)]) + " |")
    out += [
        "",
        "Other protocols under the same name, for the record:",
        "",
        "| ours | theirs | cells | Spearman | 95 % |",
    ]
    out.append("|---|---|---|---|---|")
    for name, theirs in RELATIVES.items():
        value, low, high, n = against(table, published, name, theirs)
        out.append(f"| `{name}` | {theirs} | {n} | {_number(value)} | {_interval(low, high)} |")
    return [*out, "", *reasons(table, published)]


def stability_lines(table: Table, published: dict[int, dict[str, float]], names: list[str]) -> list[str]:
    """Every proxy between seeds, between draws of images, and with accuracy."""
    accuracy = {cell: scores["accuracy"] for cell, scores in published.items()}
    out = [
        "## Stability, and correlation with accuracy",
        "",
        "Between two seeds (weights, noise; same images) and between two draws of images (same weights), on the cells "
        "given as n; with the test accuracy after 200 epochs on CIFAR-10, under torch's default initialisation and "
        "under that of a search (Kaiming-normal, fan-in). `ntk_cond` on 16 images, aggregates over the cells that "
        "have all parts. No score: cells on which the proxy is undefined.",
        "",
        "| proxy | seeds | images | n | accuracy | 95 % | cells | no score | accuracy, Kaiming | cells |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    fixed = {p.name for p in load_proxies() if p.cost == "static"}
    for name in names:
        main = scores_of(table, name)
        value, low, high, n = correlation(main, accuracy)
        seeds, images = (
            correlation(main, scores_of(table, name, seed="1")),
            correlation(main, scores_of(table, name, batch="1")),
        )
        kaiming = correlation(scores_of(table, name, init="kaiming"), accuracy)
        undefined = sum(not np.isfinite(v) for v in main.values())
        stable = ["exact", "exact", ""] if name in fixed else [_number(seeds[0]), _number(images[0]), str(seeds[3])]
        start = ["", ""] if name in fixed else [_number(kaiming[0]), str(kaiming[3])]
        cols = [f"`{name}`", *stable, _number(value), _interval(low, high), str(n), str(undefined)]
        out.append("| " + " | ".join([*cols, *start]) + " |")
    return out


def batch_lines(table: Table, published: dict[int, dict[str, float]]) -> list[str]:
    """Smaller batches, on the cells that have them."""
    out = [
        "## Batch size",
        "",
        "Spearman with our own scores on 64 images, with the published ones (64 images too), and with accuracy.",
        "",
        "| proxy | cells | own, 16 | own, 32 | theirs, 16 | theirs, 32 | theirs, 64 | acc., 16 | acc., 32 | acc., 64 |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, (theirs, _, _) in COUNTERPARTS.items():
        small = scores_of(table, name, images="16")
        if name in ("params", "macs", "macs_bn_relu_pool") or not small:
            continue
        sizes = [scores_of(table, name, images=n) for n in ("16", "32", "64")]
        sizes[2] = {cell: value for cell, value in sizes[2].items() if cell in small}
        cols = [_number(correlation(size, sizes[2])[0]) for size in sizes[:2]]
        for column in (theirs, "accuracy"):
            other = {cell: scores[column] for cell, scores in published.items()}
            cols += [_number(correlation(size, other)[0]) for size in sizes]
        out.append("| " + " | ".join([f"`{name}`", str(len(small)), *cols]) + " |")
    return out


def reasons(table: Table, published: dict[int, dict[str, float]]) -> list[str]:
    """Why a figure is below its bar or below 1, with the figures that show it."""
    ours, theirs = scores_of(table, "l2_norm"), {cell: scores["l2_norm"] for cell, scores in published.items()}
    cells = [cell for cell in ours if np.isfinite(ours[cell])]
    digits = nasbench201.decode(cells)
    convolutions = ((digits == 2) | (digits == 3)).sum(1)
    x, y = np.array([ours[c] for c in cells]), np.array([theirs[c] for c in cells])
    apart = convolutions[:, None] > convolutions
    alike = float(((x[:, None] > x) & (y[:, None] > y))[apart].mean())
    lines = ["What lies behind the figures:", ""]
    lines.append(
        f"- `l2_norm`: a cell's norm follows from its number of convolutions alone, up to the draw of the weights "
        f"({len(set(convolutions.tolist()))} groups). Of pairs of cells from different groups {alike:.1%} are in the "
        f"same order here and there; within a group the order is a lottery, here as there. Largest relative "
        f"difference of a cell: {np.max(np.abs(x / y - 1)):.1%}."
    )
    lines.append(
        "- `macs`: their counter adds 1 for a ReLU, 2 for a batch-normalised and 9 for a pooled number; with these "
        "(`macs_bn_relu_pool`, made here for the check) the order is theirs exactly."
    )
    for name, (column, needs, bar) in COUNTERPARTS.items():
        value = against(table, published, name, column)[0]
        if needs == "data" and value < bar:
            lines.append(f"- `{name}`: {_noise(table, published, name, column)}")
    lines.append(
        "- `fisher_fan_in` is their `fisher`: a channel counts once for each of its weights. `zen_running` is their "
        "`zen`: batch norm's running variance after two passes from 1. `synflow` is the logarithm of theirs without "
        "batch norm, as stored there."
    )
    return lines


def _noise(table: Table, published: dict[int, dict[str, float]], name: str, column: str) -> str:
    """The same cells: two runs of ours, and one of ours with theirs."""
    both, own = ceilings_of(table, name)
    theirs = {cell: scores[column] for cell, scores in published.items()}
    lone = scores_of(table, name, batch="own0")
    run, first = correlation(lone, theirs), scores_of(table, name)
    text = (
        f"as far as this shows, noise of a single draw of weights and images. Two runs of ours agree with {_with(both)}"
    )
    if run[3] >= 10:
        text += f", with images of each cell's own with {_with(own)}; one of those with theirs {_with(run)}"
    text += f". Median and share below 0: {_spread(first, first)} here"
    if run[3] >= 10:
        text += f", with images of each cell's own {_spread(lone, lone)}"
    return f"{text}, {_spread(theirs, first)} there."


def _spread(scores: Scores, cells: Scores) -> str:
    values = np.array([scores[cell] for cell in cells])
    return f"{np.median(values):.3g} and {(values < 0).mean():.0%}"


def _with(found: Agreement) -> str:
    value, low, high, n = found
    return f"{_number(value)} {_interval(low, high)} ({n} cells)"


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"


def _interval(low: float, high: float) -> str:
    return "" if np.isnan(low) else f"[{low:.3f}, {high:.3f}]"
