"""The proxies that are installed, the built-in ones and third parties' alike, found through entry points."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from zeroshot.errors import UsageError, unknown
from zeroshot.probing.probe import Proxy
from zeroshot.runs.tables import Rows, Table
from zeroshot.scoring.defaults import DEFAULT_PROXIES as DEFAULT_PROXIES

GROUP, BUILTIN = "zeroshot.proxies", "builtin"
VARIABLE = "ZEROSHOT_PLUGINS"


@dataclass(frozen=True)
class Provider:
    """Where a proxy comes from.

    Attributes:
        entry_point: Name of the entry point in the group `zeroshot.proxies`; `builtin` is our own.
        module: The module (or `module:object`) that the entry point names.
        distribution: What `pip install` was given; empty if the entry point belongs to no distribution.
        version: Of the distribution; empty without one.
    """

    entry_point: str
    module: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}" if self.distribution else f"{self.entry_point} ({self.module})"


@dataclass(frozen=True)
class ListedPlugin:
    """An installed plug-in.

    Attributes:
        provider: Who it is.
        on: Whether it is imported; ZEROSHOT_PLUGINS says which are: `none`, or names with commas between.
    """

    provider: Provider
    on: bool

    @property
    def name(self) -> str:
        """Of its entry point."""
        return self.provider.entry_point


@dataclass(frozen=True)
class ListedProxy:
    """An installed proxy.

    Attributes:
        name: To ask for it by.
        cost: What it needs, from cheap to dear: static, forward, backward, per-sample; an aggregate ranks several nets.
        paper: Where it was published.
        summary: What it is.
        version: Of its protocol.
        provider: Who provides it.
        needs_labels: Whether it needs the images' labels.
        batches: Of images.
        readout: Images that it needs beside its batches.
        parts: Proxies that an aggregate is made of.
    """

    name: str
    cost: str
    paper: str
    summary: str
    version: int
    provider: Provider
    needs_labels: bool
    batches: int
    readout: int
    parts: tuple[str, ...]


def load_proxies(names: Sequence[str] | None = None) -> tuple[Proxy, ...]:
    """Find proxies by name.

    A provider declares an entry point in the group `zeroshot.proxies` that names a module (or object) with a
    table `PROXIES`.

    Args:
        names: Names in the order wanted, repeated ones once; None for all, provider by provider.

    Raises:
        UsageError: A name is unknown, two providers use one name, or a provider cannot be used.
    """
    known = _installed()
    wanted = dict.fromkeys(known if names is None else names)
    for name in wanted:
        if name not in known:
            raise unknown("proxy", name, known)
    return tuple(known[name][0] for name in wanted)


def providers() -> dict[str, Provider]:
    """Proxy name -> who provides it, for every installed proxy in the order of `load_proxies`.

    Raises:
        UsageError: Two providers use one name, or a provider cannot be used.

    >>> providers()["macs"].entry_point
    'builtin'
    """
    return {name: _provider(entry) for name, (_, entry) in _installed().items()}


def with_parts(proxies: Sequence[Proxy]) -> tuple[Proxy, ...]:
    """What has to be evaluated for these proxies: aggregates are replaced by their parts, each proxy comes once.

    Raises:
        UsageError: A part is unknown, or an aggregate itself.

    >>> [proxy.name for proxy in with_parts(load_proxies(["te_nas", "macs"]))]
    ['ntk_cond', 'linear_regions', 'macs']
    """
    found: dict[str, Proxy] = {}
    for proxy in proxies:
        for part in load_proxies(proxy.parts) if proxy.parts else (proxy,):
            if part.parts:
                raise UsageError(f"Part {part.name!r} of proxy {proxy.name!r} is an aggregate.", "Name its parts.")
            found[part.name] = part
    return tuple(found.values())


def _installed() -> dict[str, tuple[Proxy, EntryPoint]]:
    known: dict[str, tuple[Proxy, EntryPoint]] = {}
    for entry in _entries():
        if not _switched_on(entry):
            continue
        for proxy in _table(entry):
            if proxy.name in known:
                first = known[proxy.name][1]
                raise UsageError(
                    f"Proxy {proxy.name!r} is provided twice, by {_label(first)} and by {_label(entry)}.",
                    "Uninstall one of the two, or ask its author to rename the proxy.",
                )
            known[proxy.name] = (proxy, entry)
    return known


def _entries() -> list[EntryPoint]:
    """Our own provider, then those of plug-ins by name."""
    return sorted(entry_points(group=GROUP), key=lambda entry: (not _is_ours(entry), entry.name))


def _switched_on(entry: EntryPoint) -> bool:
    """Whether a provider may be imported: a plug-in is somebody's code, and importing it runs it."""
    asked = os.environ.get(VARIABLE, "").strip()
    return _is_ours(entry) or not asked or (asked != "none" and entry.name in map(str.strip, asked.split(",")))


def _is_ours(entry: EntryPoint) -> bool:
    return entry.name == BUILTIN and entry.value == GROUP


def listed_plugins() -> list[ListedPlugin]:
    """The installed plug-ins, by what their packages say; none is imported for that.

    >>> [each.name for each in listed_plugins() if each.name == "builtin"]
    []
    """
    return [ListedPlugin(_provider(each), _switched_on(each)) for each in _entries() if not _is_ours(each)]


def _table(entry: EntryPoint) -> tuple[Proxy, ...]:
    try:
        provider = entry.load()
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"Proxy provider {_label(entry)} cannot be loaded: {error}.", "Reinstall or uninstall it."
        ) from error
    table = getattr(provider, "PROXIES", None)
    if not isinstance(table, tuple | list) or not all(isinstance(proxy, Proxy) for proxy in table):
        raise UsageError(f"Proxy provider {_label(entry)} has no table PROXIES = (Proxy(...), ...).")
    return tuple(table)


def _label(entry: EntryPoint) -> str:
    return f"{entry.name} ({entry.value})"


def _provider(entry: EntryPoint) -> Provider:
    found = entry.dist
    return Provider(entry.name, entry.value, found.name if found else "", found.version if found else "")


def listed_proxies() -> Rows[ListedProxy]:
    """The installed proxies, those of plug-ins too.

    >>> [proxy.paper for proxy in listed_proxies() if proxy.name == "zico"]
    ['Li et al., ICLR 2023']

    Raises:
        UsageError: A plug-in cannot be used.
    """
    sources = providers()
    return Rows(Table(ListedProxy), [
        ListedProxy(
            each.name, each.cost, each.paper, each.summary, each.version, sources[each.name],
            needs_labels=each.needs_labels, batches=each.batches, readout=each.readout, parts=each.parts,
        )
        for each in load_proxies()
    ])  # fmt: skip
