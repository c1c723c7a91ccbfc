"""What a search is about: its options with every name looked up, before any work is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import isfinite
from typing import Any

from zeroshot import data as datasets
from zeroshot.accuracy.model import prior_for
from zeroshot.cascade.copula import PRIOR_COUPLING
from zeroshot.cascade.metric import metric_of
from zeroshot.cascade.rank_pairs import Budgets, check_objectives
from zeroshot.cost.boards import Board, load_board
from zeroshot.cost.engines import load_engine
from zeroshot.cost.nets import NetCosts, Platform, net_costs, platform
from zeroshot.data import Dataset
from zeroshot.data.memory import check_option
from zeroshot.errors import UsageError
from zeroshot.net import NetSpec, layer_table
from zeroshot.options import spelled
from zeroshot.probing.probe import Proxy
from zeroshot.runs.front_end import stored
from zeroshot.runs.layout import FRONT_END, SIGNALS
from zeroshot.scoring.plugins import load_proxies, with_parts
from zeroshot.searching.options import SearchOptions
from zeroshot.searching.roles import Roles
from zeroshot.searching.space import seen, space_for
from zeroshot.searching.start import StartNets, start_nets
from zeroshot.signals.folder_options import SignalOptions
from zeroshot.spaces import McuSpace
from zeroshot.spaces.canonical import canonical
from zeroshot.types import Int32Array
from zeroshot.units import to_bytes, to_mj, to_ms

# Options that the stored config leaves out: the result depends on neither, and limits stand there resolved.
# How signals are read is a table of its own, of what was given.
# Measured: searches of 500 and 20,000 nets, and of 10 and 30,000 listed pairs, at their peaks.
NET_BYTES, SCORED_BYTES, PROBED_BYTES, PAIR_BYTES = 12 << 10, 1 << 10, 64 << 10, 2 << 10
NOT_STORED = ("run", "jobs", *(each.name for each in fields(Budgets)), *SignalOptions.declared())


@dataclass(frozen=True)
class ProxySet:
    """The proxies of a search, by what they need.

    Attributes:
        asked: Those whose ranks make the order.
        static: Of the layer table, asked for or part of an aggregate.
        probed: Of passes over the nets, asked for or part of an aggregate; none without a shortlist.
        aggregates: Of the scores of others; none where nothing is probed.
    """

    asked: tuple[Proxy, ...]
    static: tuple[Proxy, ...]
    probed: tuple[Proxy, ...]
    aggregates: tuple[Proxy, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of those asked for."""
        return tuple(p.name for p in self.asked)


@dataclass(frozen=True)
class SearchProblem:
    """Everything that a search needs beside the images.

    Attributes:
        options: As given.
        channels: Of the images.
        classes: Of the data.
        platform: Board, engine, and what is paid once on them.
        space: What nets are drawn from.
        budgets: Limits of every pair.
        proxies: What nets are scored with.
        little: The little net of all pairs, if it is fixed.
        big: The big net of all pairs, if it is fixed.
        seeds: Nets that are always candidates.
        start: What an earlier run has to start from; None without one.
        scored: Nets that the strategy may score; None where that is not said, or not counted yet.
        config: What decides the result, as it is stored: plain values.
    """

    options: SearchOptions
    channels: int
    classes: int
    platform: Platform
    space: McuSpace
    budgets: Budgets
    proxies: ProxySet
    little: NetSpec | None
    big: NetSpec | None
    seeds: tuple[NetSpec, ...]
    start: StartNets | None
    scored: int | None
    config: dict[str, Any]

    @cached_property
    def roles(self) -> Roles:
        """Who may be the little and who the big net of a pair."""
        return Roles.of(self.space, self.cost_of, self.platform, self.budgets, self.little, self.big)

    @property
    def free(self) -> int:
        """Roles that are not fixed."""
        return 2 - len(self.roles.fixed)

    def counted(self, scored: int) -> "SearchProblem":
        """The same, where the strategy may score so many nets in the time that it has."""
        return replace(self, scored=scored, config=self.config | {"scored": scored})

    def cost_of(self, values: Int32Array) -> NetCosts:
        """Costs of the nets of a spec array."""
        return net_costs(layer_table(values, self.channels, self.classes), self.platform.board, self.platform.engine)


def resolve(options: SearchOptions) -> tuple[SearchProblem, Dataset]:
    """Look up what the options name, and load the data.

    Raises:
        UsageError: An unknown name, or proxies or objectives that do not suffice.
        DataError: The data cannot be used.
        InfeasibleError: No pair with the fixed nets meets the budgets.
        RunError: The run to start from cannot be read.
    """
    check_objectives(options.objectives)
    check_memory(options)
    board, engine = load_board(options.board), load_engine(options.engine)
    proxies = choose_proxies(options.proxies, probing=options.shortlist > 0)
    budgets = _budgets(options, board)
    dataset = _loaded(options)
    metric_of(options.metric, dataset.class_names)  # trainings choose by it, hours later
    pictures = seen(dataset, options.square)
    target = platform(board, engine, dataset.classes)
    space_name, space = space_for(pictures, options.space)
    start = None if options.from_ is None else start_nets(options.from_, space_name, space)
    problem = SearchProblem(
        options=options,
        channels=dataset.channels,
        classes=dataset.classes,
        platform=target,
        space=space,
        budgets=budgets,
        proxies=proxies,
        little=None if options.little is None else known_net("little", options.little, space),
        big=None if options.big is None else known_net("big", options.big, space),
        seeds=known_seeds(options.seeds, space),
        start=start,
        scored=options.scored,
        config=_config(options, dataset, target, budgets, proxies, start) | {"space": space_name},
    )
    problem.roles.check_fixed()
    return problem, pictures


def check_memory(options: SearchOptions) -> None:
    """Refuse by its name what needs more memory than there is.

    Raises:
        UsageError: A number is too large.
    """
    pairs = min(options.top, options.nets**2)
    sizes = {
        "nets": options.nets * NET_BYTES, "scored": (options.scored or 0) * SCORED_BYTES,
        "shortlist": min(options.shortlist, options.nets) * PROBED_BYTES, "top": pairs * PAIR_BYTES,
    }  # fmt: skip
    for name, size in sizes.items():
        check_option(size, name, getattr(options, name))


def _loaded(options: SearchOptions) -> Dataset:
    """The data that the options name.

    Raises:
        UsageError: They are loaded already, and it is said how.
    """
    signals = options.signals()
    if not isinstance(options.data, Dataset):
        return datasets.load(str(options.data), options.seed, signals)
    for name in signals.given():
        raise UsageError(
            f"`{name}` says how a folder is read, and {options.data.name} is read already.",
            "Give it to `zeroshot.load`.",
        )
    return options.data


def known_seeds(names: Sequence[str], space: McuSpace) -> tuple[NetSpec, ...]:
    """The nets with these short specs.

    Raises:
        UsageError: One is no spec or is not in the space, or two compute the same.
    """
    nets = tuple(known_net("seeds", name, space) for name in names)
    seen: dict[bytes, str] = {}
    for name, row in zip(names, canonical(space.array(list(nets))), strict=True):
        if row.tobytes() in seen:
            other = seen[row.tobytes()]
            raise UsageError(f"`seeds`: {name} and {other} are the same net.", "Name each once.")
        seen[row.tobytes()] = name
    return nets


def known_net(option: str, name: str, space: McuSpace) -> NetSpec:
    """The net with this short spec.

    Raises:
        UsageError: It is no spec, or is not in the space.
    """
    net = NetSpec.parse(name)
    try:
        space.encode(net)
    except UsageError as error:
        raise UsageError(f"`{option}`: {error.message}", "`zeroshot.spaces()` lists the choices.") from None
    return net


def choose_proxies(names: Sequence[str], *, probing: bool) -> ProxySet:
    """Load proxies by name; `all` alone stands for every installed one.

    Args:
        names: Of those whose ranks are fused.
        probing: Whether any net is probed.

    Raises:
        UsageError: An unknown name, or none of them is static.
    """
    asked = load_proxies(None if tuple(names) == ("all",) else names)
    # An aggregate brings its parts along; they are computed, but only what was asked for is fused.
    needed = with_parts(asked)
    if not any(p.cost == "static" for p in asked):
        raise UsageError("The first ranking of all pairs needs a static proxy.", "Add macs, params or nn_degree.")
    static, probed = (tuple(p for p in needed if (p.cost == "static") is kind) for kind in (True, False))
    if not (probing and probed):
        return ProxySet(asked, static, probed=(), aggregates=())
    return ProxySet(asked, static, probed, aggregates=tuple(p for p in asked if p.cost == "aggregate"))


def _budgets(options: SearchOptions, board: Board) -> Budgets:
    return Budgets(
        flash=min(to_bytes(options.flash, "`flash`"), board.flash_bytes),
        sram=min(to_bytes(options.sram, "`sram`"), board.sram_bytes),
        latency=to_ms(options.latency, "`latency`"),
        energy=to_mj(options.energy, "`energy`"),
        worst_latency=to_ms(options.worst_latency, "`worst_latency`"),
        escalation=options.escalation,
    )


def _config(
    options: SearchOptions, dataset: Dataset, target: Platform, budgets: Budgets, proxies: ProxySet,
    start: StartNets | None,
) -> dict[str, Any]:  # fmt: skip
    """The options as given, and what became of those that name something or are a limit."""
    given = {spelled(name): value for name, value in options.values().items() if name not in NOT_STORED}
    features = dataset.features
    # A file may be called like a named set and is another.
    by_name = (dataset.name if isinstance(options.data, Dataset) else options.data) in datasets.SOURCES
    resolved: Mapping[str, Any] = {
        "data": dataset.name, "data_by_name": by_name, "data_sha256": dataset.digest,
        "board": target.board.name, "engine": target.engine.name,
        **{f"{name}_limit": limit if isfinite(limit) else None for name, limit in vars(budgets).items()},
        "proxies": [f"{p.name}@{p.version}" for p in proxies.asked],
        "accuracy_model": prior_for(p.name for p in proxies.probed).name, "cascade_model": PRIOR_COUPLING.name,
        "from_sha256": None if start is None else start.digest,
        SIGNALS: None if features is None else features.options,
        FRONT_END: None if dataset.front_end is None else stored(dataset.front_end),
    }  # fmt: skip
    return given | dict(resolved)
