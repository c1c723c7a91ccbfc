"""The tables and the plot of `fidelity.py`, from stored scores."""

import csv
import gzip
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from zeroshot.runs.folder import processor
from zeroshot.scoring.plugins import load_proxies
from zeroshot.scoring.population import score_static
from zeroshot.spaces import nasbench201
from zeroshot.types import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Scores = dict[int, float]
Table = dict[tuple[str, str, str, str, str], Scores]  # (proxy, init, seed, batch seed, images) -> cell -> score

RESULTS = Path(__file__).with_name("results")
RESAMPLES, RESAMPLING_SEED = 2000, 0
FAILED = -1e7  # Suite-Zero writes -1e8 where a score could not be computed

# Suite-Zero's column, what it needs, and the bar.
COUNTERPARTS = {
    "params": ("params", "static", 0.99),
    "macs": ("flops", "static", 0.99),
    "macs_bn_relu_pool": ("flops", "static", 0.99),
    "l2_norm": ("l2_norm", "data-free", 0.99),
    "synflow": ("synflow", "data-free", 0.99),
    "zen_running": ("zen", "data-free", 0.99),
    "naswot": ("nwot", "data", 0.90),
    "grad_norm": ("grad_norm", "data", 0.90),
    "snip": ("snip", "data", 0.90),
    "plain": ("plain", "data", 0.90),
    "grasp": ("grasp", "data", 0.90),
    "fisher_fan_in": ("fisher", "data", 0.90),
    "jacob_cov": ("jacov", "data", 0.90),
    "epe_nas": ("epe_nas", "data", 0.90),
}
# Same name elsewhere, another formula: shown so that nobody has to guess what the difference costs.
RELATIVES = {
    "fisher": "fisher", "zen": "zen", "logsynflow": "synflow", "synflow_bn": "synflow", "grad_norm_global": "grad_norm",
}  # fmt: skip


def read_published(folder: Path) -> dict[int, dict[str, float]]:
    """Suite-Zero's scores and the trained accuracy of every cell that it covers, by published index."""
    with gzip.open(folder / "suite_zero_cifar10.csv.gz", "rt") as file:
        found = {int(row.pop("index")): {k: float(v) for k, v in row.items()} for row in csv.DictReader(file)}
    with gzip.open(folder / "accuracy.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            if int(row["index"]) in found:
                found[int(row["index"])]["accuracy"] = float(row["c10_test200"])
    return found


def spearman(a: FloatArray, b: FloatArray) -> FloatArray:
    """Signed rank correlation of each row of `a` with that row of `b`: (m, n) twice -> (m,); NaN for a constant."""
    a, b = (rankdata(x, axis=1) - (x.shape[1] + 1) / 2 for x in (a, b))
    with np.errstate(invalid="ignore"):
        return np.asarray((a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1)))


def correlation(a: Scores, b: Scores) -> tuple[float, float, float, int]:
    """Spearman over the cells that both have, its 95 % percentile bootstrap interval, and their number."""
    cells = [c for c in sorted(a) if c in b and np.isfinite(a[c]) and np.isfinite(b[c]) and b[c] > FAILED]
    if len(cells) < 10:
        return np.nan, np.nan, np.nan, len(cells)
    x, y = np.array([a[c] for c in cells]), np.array([b[c] for c in cells])
    rows = np.random.default_rng(RESAMPLING_SEED).integers(0, len(cells), (RESAMPLES, len(cells)))
    if len(set(x.tolist())) < 2:
        return np.nan, np.nan, np.nan, len(cells)
    low, high = np.nanquantile(spearman(x[rows], y[rows]), (0.025, 0.975))
    return float(spearman(x[None], y[None])[0]), float(low), float(high), len(cells)


def gather(rows: list[dict[str, str]], cells: list[int]) -> Table:
    """The stored scores, and the static ones and the aggregates that follow from them."""
    table: Table = {}
    for row in rows:
        at = (row["proxy"], row["init"], row["seed"], row["batch_seed"], row["images"])
        table.setdefault(at, {})[int(row["index"])] = float(row["value"])
    digits = nasbench201.decode(cells)
    proxies = load_proxies()
    static = [p for p in proxies if p.cost == "static"]
    values = dict(zip((p.name for p in static), score_static(nasbench201.layer_table(digits), static).T, strict=True))
    values["params"] = nasbench201.params(digits).astype(float)  # its table folds batch norm in, see layer_table
    values["macs_bn_relu_pool"] = values["macs"] + elementwise(digits)
    starts = {at[1:] for at in table}
    for name, column in values.items():
        for start in starts:
            table[(name, *start)] = dict(zip(cells, column.tolist(), strict=True))
    for proxy in proxies:
        for start in starts if proxy.cost == "aggregate" else ():
            parts = [_of(table, part, *start) for part in proxy.parts]
            shared = [c for c in cells if all(c in part for part in parts)]
            if shared:
                total = proxy.function(np.array([[part[c] for part in parts] for c in shared]))
                table[(proxy.name, *start)] = dict(zip(shared, total.tolist(), strict=True))
    return table


def elementwise(digits: npt.NDArray[np.int32]) -> FloatArray:
    """What Suite-Zero's `flops` counts besides MACs, of the cells: 1 a ReLU, 2 a batch norm, 9 a pooled number."""
    per_edge = nasbench201.CELLS * sum(w * (32 >> stage) ** 2 for stage, w in enumerate(nasbench201.WIDTHS))
    convolutions = ((digits == 2) | (digits == 3)).sum(1)
    return np.asarray(per_edge * (3.0 * convolutions + 9.0 * (digits == 4).sum(1)))


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
    (RESULTS / "fidelity.md").write_text(text)
    plot(table, published, names)


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
        shared = {cell: published[cell][theirs] for cell in _of(table, name)}
        accuracy = {cell: scores["accuracy"] for cell, scores in published.items()}
        # The other way round: `correlation` knows failures by its second argument.
        quality = [correlation(_of(table, name), accuracy)[0], correlation(accuracy, shared)[0]]
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
        main = _of(table, name)
        value, low, high, n = correlation(main, accuracy)
        seeds, images = correlation(main, _of(table, name, seed="1")), correlation(main, _of(table, name, batch="1"))
        kaiming = correlation(_of(table, name, init="kaiming"), accuracy)
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
        small = _of(table, name, images="16")
        if name in ("params", "macs", "macs_bn_relu_pool") or not small:
            continue
        sizes = [_of(table, name, images=n) for n in ("16", "32", "64")]
        sizes[2] = {cell: value for cell, value in sizes[2].items() if cell in small}
        cols = [_number(correlation(size, sizes[2])[0]) for size in sizes[:2]]
        for column in (theirs, "accuracy"):
            other = {cell: scores[column] for cell, scores in published.items()}
            cols += [_number(correlation(size, other)[0]) for size in sizes]
        out.append("| " + " | ".join([f"`{name}`", str(len(small)), *cols]) + " |")
    return out


def reasons(table: Table, published: dict[int, dict[str, float]]) -> list[str]:
    """Why a figure is below its bar or below 1, with the figures that show it."""
    ours, theirs = _of(table, "l2_norm"), {cell: scores["l2_norm"] for cell, scores in published.items()}
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
    lone = _of(table, name, batch="own0")
    run, first = correlation(lone, theirs), _of(table, name)
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


def _with(found: tuple[float, float, float, int]) -> str:
    value, low, high, n = found
    return f"{_number(value)} {_interval(low, high)} ({n} cells)"


def ceilings_of(table: Table, name: str) -> tuple[tuple[float, float, float, int], tuple[float, float, float, int]]:
    """Two runs of ours with other weights and images: all cells on the same images, each cell on its own."""
    both = correlation(_of(table, name, seed="1"), _of(table, name, batch="1"))
    return both, correlation(_of(table, name, batch="own0"), _of(table, name, seed="1", batch="own1"))


def against(
    table: Table, published: dict[int, dict[str, float]], name: str, theirs: str
) -> tuple[float, float, float, int]:
    """Our scores' correlation with a published column."""
    return correlation(_of(table, name), {cell: scores[theirs] for cell, scores in published.items()})


def plot(table: Table, published: dict[int, dict[str, float]], names: list[str]) -> None:
    """Two panels of bars with intervals: against the published scores, and with accuracy."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    colours = {"static": "#8c8c8c", "data-free": "#2a78b5", "data": "#d9822b"}
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 8), layout="constrained")
    shown = list(reversed(COUNTERPARTS.items()))
    for row, (name, (theirs, needs, bar)) in enumerate(shown):
        _bar(left, row, against(table, published, name, theirs), colours[needs])
        left.plot([bar, bar], [row - 0.42, row + 0.42], color="black", lw=1.5)
        both, own = (ceiling[0] for ceiling in ceilings_of(table, name))
        ceiling = own if np.isfinite(own) else both
        if needs != "static" and np.isfinite(ceiling):
            left.plot(ceiling, row, "D", color="white", mec="black", ms=6, zorder=5)
    left.set_yticks(range(len(shown)), [name for name, _ in shown])
    left.set_xlim(0, 1.02)
    left.set_title("with NAS-Bench-Suite-Zero's precomputed scores")
    left.set_xlabel("Spearman, 95 % interval; line: the bar; diamond: our own two runs")
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in colours.values()]
    left.legend(handles, list(colours), loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=3, frameon=False)
    accuracy = {cell: scores["accuracy"] for cell, scores in published.items()}
    found = {name: correlation(_of(table, name), accuracy) for name in names}
    order = sorted((n for n in names if np.isfinite(found[n][0])), key=lambda n: found[n][0])
    baseline = ("params", "macs", "depth")
    for row, name in enumerate(order):
        _bar(right, row, found[name], "#444444" if name in baseline else "#5aa469")
    right.set_yticks(range(len(order)), order, fontsize=8)
    right.axvline(0, color="black", lw=0.8)
    right.set_title("with CIFAR-10 test accuracy (dark: size alone)")
    right.set_xlabel("Spearman, 95 % interval")
    for axes in (left, right):
        axes.grid(axis="x", alpha=0.3)
        axes.margins(y=0.01)
    fig.savefig(RESULTS / "fidelity.png", dpi=110)
    plt.close(fig)


def _bar(axes: "Axes", row: int, found: tuple[float, float, float, int], colour: str) -> None:
    value, low, high, _ = found
    axes.barh(row, value, color=colour, height=0.7, zorder=2)
    axes.plot([low, high], [row, row], color="black", lw=1, zorder=3)


def _of(
    table: Table, name: str, init: str = "default", seed: str = "0", batch: str = "0", images: str = "64"
) -> Scores:
    scores = table.get((name, init, seed, batch, images), {})
    return scores or (table.get((name, init, seed, batch, "16"), {}) if name == "ntk_cond" else {})


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"


def _interval(low: float, high: float) -> str:
    return "" if np.isnan(low) else f"[{low:.3f}, {high:.3f}]"
