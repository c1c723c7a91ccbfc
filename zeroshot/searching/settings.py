"""The settings of a search: names looked up, quantities read, values checked, before any work is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from zeroshot import data as datasets
from zeroshot.accuracy.model import prior_for
from zeroshot.cascade.copula import PRIOR_COUPLING
from zeroshot.cascade.pairs import Budgets, check_objectives
from zeroshot.cost.boards import Board, load_board
from zeroshot.cost.engines import Engine, load_engine
from zeroshot.cost.nets import NetCosts, Platform, net_costs, platform
from zeroshot.data import Dataset
from zeroshot.errors import UsageError, unknown
from zeroshot.net import layer_table
from zeroshot.probing.probe import Proxy
from zeroshot.scoring.plugins import load_proxies, with_parts
from zeroshot.spaces import SPACES, McuSpace
from zeroshot.types import Int32Array
from zeroshot.units import Quantity, to_bytes, to_mj, to_ms


@dataclass(frozen=True)
class Setting:
    """Everything a search needs, resolved and checked.

    Attributes (those that do not explain themselves):
        static: Proxies of the layer table, asked for or part of an aggregate.
        probed: Proxies of passes over the nets, asked for or part of an aggregate.
        aggregates: Proxies of the scores of others.
        fused: Names of the proxies asked for, whose ranks make the order.
        calibrate: Nets to train for a few epochs each, to anchor the accuracies; 0 trains none.
        calibrate_epochs: How many; None leaves it to the data.
    """

    channels: int
    classes: int
    board: Board
    engine: Engine
    space: McuSpace
    platform: Platform
    budgets: Budgets
    static: tuple[Proxy, ...]
    probed: tuple[Proxy, ...]
    aggregates: tuple[Proxy, ...]
    fused: tuple[str, ...]
    objectives: tuple[str, ...]
    nets: int
    top: int
    per_net: int
    shortlist: int
    batch: int
    calibrate: int
    calibrate_epochs: int | None
    seed: int
    jobs: int | None
    config: dict[str, Any]

    def cost_of(self, values: Int32Array) -> NetCosts:
        """Costs of the nets of a spec array."""
        return net_costs(layer_table(values, self.channels, self.classes), self.board, self.engine)


def resolve(
    data: str | Path | Dataset, board: str, engine: str, space: str, flash: Quantity, sram: Quantity,
    latency: Quantity, energy: Quantity, worst_latency: Quantity, escalation: float, nets: int, top: int, per_net: int,
    shortlist: int, proxies: Sequence[str], objectives: Sequence[str], batch: int, calibrate: int,
    calibrate_epochs: int | None, seed: int, jobs: int | None,
) -> tuple[Setting, Dataset]:  # fmt: skip
    """Check the arguments of `zeroshot.search` and load the data.

    Raises:
        UsageError: Unknown name or a value out of range.
        DataError: The data cannot be used.
    """
    counts = {"nets": nets, "top": top, "per_net": per_net, "jobs": 1 if jobs is None else jobs, "batch": batch}
    for name, value in counts.items():
        if value < 1:
            raise UsageError(f"`{name}` must be at least 1, not {value}.", "Give a larger number.")
    if shortlist < 0 or seed < 0:
        raise UsageError("`shortlist` and `seed` must not be negative.", "Give 0 or more.")
    if not 0 <= calibrate <= nets:
        raise UsageError(f"`calibrate` must be from 0 to `nets`, not {calibrate}.", "Eight nets are a good start.")
    if calibrate_epochs is not None and not (calibrate and calibrate_epochs >= 1):
        raise UsageError(
            f"`calibrate_epochs` {calibrate_epochs} is for nets that `calibrate` trains, 1 or more.",
            "For example `calibrate=8`, `calibrate_epochs=5`.",
        )
    if not 0 < escalation <= 1:
        raise UsageError(f"`escalation` {escalation} is not a rate between 0 and 1.", "For 30 % write 0.3.")
    check_objectives(tuple(objectives))
    its_board, its_engine = load_board(board), load_engine(engine)
    if space not in SPACES:
        raise unknown("space", space, SPACES)
    chosen = load_proxies(proxies)
    # An aggregate brings its parts along; they are computed, but only what was asked for is fused.
    needed = with_parts(chosen)
    static = tuple(p for p in needed if p.cost == "static")
    aggregates = tuple(p for p in chosen if p.cost == "aggregate") if shortlist else ()
    probed = tuple(p for p in needed if p.cost != "static") if shortlist else ()
    if not any(p.cost == "static" for p in chosen):
        raise UsageError("The first ranking of all pairs needs a static proxy.", "Add macs, params or nn_degree.")
    budgets = Budgets(
        flash=min(to_bytes(flash, "`flash`"), its_board.flash_bytes),
        sram=min(to_bytes(sram, "`sram`"), its_board.sram_bytes),
        latency=to_ms(latency, "`latency`"), energy=to_mj(energy, "`energy`"),
        worst_latency=to_ms(worst_latency, "`worst_latency`"), escalation=escalation,
    )  # fmt: skip
    dataset = data if isinstance(data, Dataset) else datasets.load(str(data), seed)
    limits = {f"{k}_limit": v if isfinite(v) else None for k, v in vars(budgets).items()}
    # A file may be called like a named set and is another.
    by_name = (dataset.name if isinstance(data, Dataset) else data) in datasets.SOURCES
    config = {
        "data": dataset.name, "data_by_name": by_name, "data_sha256": dataset.digest,
        "board": its_board.name, "engine": its_engine.name,
        "space": space, **limits, "nets": nets, "top": top, "per_net": per_net, "shortlist": shortlist,
        "proxies": [f"{p.name}@{p.version}" for p in chosen], "objectives": list(objectives), "batch": batch,
        "calibrate": calibrate, "calibrate_epochs": calibrate_epochs, "seed": seed,
        "accuracy_model": prior_for(p.name for p in probed).name, "cascade_model": PRIOR_COUPLING.name,
    }  # fmt: skip
    setting = Setting(
        dataset.channels, dataset.classes, its_board, its_engine, SPACES[space](dataset.side),
        platform(its_board, its_engine, dataset.classes), budgets, static, probed, aggregates,
        tuple(p.name for p in chosen), tuple(objectives),
        nets, top, per_net, shortlist, batch, calibrate, calibrate_epochs, seed, jobs, config,
    )  # fmt: skip
    return setting, dataset
