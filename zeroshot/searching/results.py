"""What a search returns: ranked pairs with error bars, the best single net beside each, and the fronts."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from zeroshot.accuracy.model import Z80, AccuracyModel
from zeroshot.cascade.copula import Coupling, cascade_accuracy
from zeroshot.cascade.pairs import Budgets, Pairs
from zeroshot.cost.nets import NetCosts, Platform
from zeroshot.types import FloatArray, Int64Array

Row = dict[str, Any]


@dataclass(frozen=True)
class Population:
    """Nets that can be listed.

    Attributes:
        names: Short specs.
        costs: Of the same length.
        accuracy: (n_nets,) float64, expected, fractions.
    """

    names: list[str]
    costs: NetCosts
    accuracy: FloatArray


@dataclass(frozen=True)
class SearchResult:
    """A finished search. Tables are lists of rows with equal keys, ready for pandas or csv.

    Attributes:
        pairs: The best pairs, best first.
        front: The Pareto front of pairs over the chosen objectives.
        singles: The Pareto front of single nets, accuracy against latency, inside the same budgets.
        nets: Every candidate with its costs and static scores.
        trained: The nets that were trained for a few epochs to anchor the accuracies, and what was expected of them.
        accuracy_model: Name of the accuracy model, with the number of trained nets if it was anchored.
        n_pairs: Pairs ranked.
        n_feasible: Of these, inside every budget.
        n_probed: Nets scored by forward and backward passes.
        undefined: Proxy -> number of probed nets on which it has no meaning; they rank last.
        seconds: Wall time.
        remarks: What the user should know, plain English.
        config: The resolved settings.
        run: The run folder, if one was asked for.
    """

    pairs: list[Row]
    front: list[Row]
    singles: list[Row]
    nets: list[Row] = field(repr=False)
    trained: list[Row]
    accuracy_model: str
    n_pairs: int
    n_feasible: int
    n_probed: int
    undefined: dict[str, int]
    seconds: float
    remarks: list[str]
    config: Row
    run: Path | None = None

    def summary(self) -> Row:
        """What `zeroshot search --json` prints."""
        return {
            "n_pairs": self.n_pairs, "n_feasible": self.n_feasible, "n_probed": self.n_probed,
            "seconds": round(self.seconds, 3), "run": str(self.run) if self.run else None,
            "accuracy_model": self.accuracy_model, "cascade_model": self.config["cascade_model"],
            "engine": self.config["engine"], "undefined": self.undefined, "remarks": self.remarks,
            "trained": self.trained, "pairs": self.pairs, "singles": self.singles,
        }  # fmt: skip

    def plot(self, path: str | Path) -> None:
        """Draw the fronts, expected latency against expected accuracy, pairs against single nets, as a PNG."""
        from zeroshot.searching.plot import plot_fronts

        Path(path).write_bytes(plot_fronts(self))


def net_spread(accuracy: FloatArray, sd: float) -> FloatArray:
    """Standard deviation of an accuracy whose probit has standard deviation sd."""
    mu = ndtri(accuracy)
    return np.asarray((ndtr(mu + sd) - ndtr(mu - sd)) / 2, np.float64)


def pair_spread(
    a_l: FloatArray, a_b: FloatArray, p: FloatArray, model: AccuracyModel, coupling: Coupling
) -> tuple[FloatArray, FloatArray]:
    """Standard deviations of pair accuracies: from the two nets (independent), and with the task's part added."""
    mu_l, mu_b = ndtri(a_l), ndtri(a_b)

    def half_range(d_l: float, d_b: float) -> FloatArray:
        up = cascade_accuracy(ndtr(mu_l + d_l), ndtr(mu_b + d_b), p, coupling)
        return (up - cascade_accuracy(ndtr(mu_l - d_l), ndtr(mu_b - d_b), p, coupling)) / 2

    nets = np.hypot(half_range(model.sd_net, 0.0), half_range(0.0, model.sd_net))
    return nets, np.hypot(nets, half_range(model.sd_task, model.sd_task))


def single_fits(costs: NetCosts, platform: Platform, budgets: Budgets) -> npt.NDArray[np.bool_]:
    """Which nets meet the budgets alone: no second model, no kept input, no escalation."""
    fits = costs.flash + platform.runtime[costs.ops] <= budgets.flash
    fits &= costs.arena + costs.persistent <= budgets.sram
    fits &= costs.latency <= min(budgets.latency, budgets.worst_latency)
    return np.asarray(fits & (costs.energy <= budgets.energy))


def single_front(nets: Population, fits: npt.NDArray[np.bool_]) -> Int64Array:
    """Rows of the fitting nets that no other fitting net beats in both latency and accuracy, by rising latency."""
    rows = np.flatnonzero(fits)
    rows = rows[np.lexsort((-nets.accuracy[rows], nets.costs.latency[rows]))]
    best = np.maximum.accumulate(np.concatenate([[-np.inf], nets.accuracy[rows]]))[:-1]
    return rows[nets.accuracy[rows] > best]


def pair_rows(
    pairs: Pairs, littles: Population, bigs: Population, singles: Population, front: Int64Array,
    model: AccuracyModel, coupling: Coupling,
) -> list[Row]:  # fmt: skip
    """Pairs as rows, each beside the best single net at the same expected latency.

    Args:
        pairs: The pairs; indices point into littles and bigs.
        littles: The little candidates.
        bigs: The big candidates.
        singles: The nets that may stand alone.
        front: Their Pareto front, by rising latency.
        model: Gives the error bars: 80 % intervals.
        coupling: The copula's constants.
    """
    a_l, a_b = littles.accuracy[pairs.little], bigs.accuracy[pairs.big]
    net_sd, sd = pair_spread(a_l, a_b, pairs.p, model, coupling)
    at = np.searchsorted(singles.costs.latency[front], pairs.latency, side="right") - 1
    rows = []
    for i in range(len(pairs)):
        row: Row = {
            "rank": i + 1, "little": littles.names[pairs.little[i]], "big": bigs.names[pairs.big[i]],
            "accuracy": pairs.accuracy[i],
            "accuracy_low": max(0.0, pairs.accuracy[i] - Z80 * sd[i]),
            "accuracy_high": min(1.0, pairs.accuracy[i] + Z80 * sd[i]),
            "little_accuracy": a_l[i], "big_accuracy": a_b[i], "escalation_rate": pairs.p[i],
            "latency_ms": pairs.latency[i], "worst_latency_ms": pairs.worst_latency[i],
            "energy_mj": pairs.energy[i], "worst_energy_mj": pairs.worst_energy[i],
            "macs": pairs.macs[i], "flash_bytes": pairs.flash[i], "sram_bytes": pairs.sram[i],
            "single": None, "single_accuracy": None, "single_latency_ms": None,
            "gain": None, "gain_error": None, "pays": None,
        }  # fmt: skip
        if at[i] >= 0:
            single = front[at[i]]
            accuracy = singles.accuracy[single]
            gain = pairs.accuracy[i] - accuracy
            error = Z80 * np.hypot(net_sd[i], net_spread(accuracy, model.sd_net))
            row |= {
                "single": singles.names[single], "single_accuracy": accuracy,
                "single_latency_ms": singles.costs.latency[single],
                "gain": gain, "gain_error": error, "pays": bool(gain > 0),
            }  # fmt: skip
        rows.append({key: _plain(value) for key, value in row.items()})
    return rows


def single_rows(nets: Population, index: Int64Array, platform: Platform, model: AccuracyModel) -> list[Row]:
    """Single nets as rows."""
    costs = nets.costs.take(index)
    sd = np.hypot(net_spread(nets.accuracy[index], model.sd_net), net_spread(nets.accuracy[index], model.sd_task))
    return [
        {key: _plain(value) for key, value in {
            "net": nets.names[index[i]], "accuracy": nets.accuracy[index[i]],
            "accuracy_low": max(0.0, nets.accuracy[index[i]] - Z80 * sd[i]),
            "accuracy_high": min(1.0, nets.accuracy[index[i]] + Z80 * sd[i]),
            "latency_ms": costs.latency[i], "energy_mj": costs.energy[i], "macs": costs.macs[i],
            "flash_bytes": costs.flash[i] + platform.runtime[costs.ops[i]],
            "sram_bytes": costs.arena[i] + costs.persistent[i],
        }.items()}
        for i in range(len(index))
    ]  # fmt: skip


def net_rows(names: list[str], costs: NetCosts, columns: dict[str, FloatArray]) -> list[Row]:
    """Candidates as rows: name, costs, then further columns."""
    table = {
        "latency_ms": costs.latency, "energy_mj": costs.energy, "macs": costs.macs, "model_flash_bytes": costs.flash,
        "arena_bytes": costs.arena, "persistent_bytes": costs.persistent, "input_bytes": costs.input,
        "holding_bytes": costs.holding, **columns,
    }  # fmt: skip
    return [{"net": name, **{key: _plain(column[i]) for key, column in table.items()}} for i, name in enumerate(names)]


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
