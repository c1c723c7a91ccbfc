"""The proxies that are installed, the built-in ones and third parties' alike, found through entry points."""

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from zeroshot.errors import UsageError, unknown
from zeroshot.probe import Proxy

GROUP = "zeroshot.proxies"


def load_proxies(names: Sequence[str] | None = None) -> tuple[Proxy, ...]:
    """Find proxies by name.

    A provider declares an entry point in the group `zeroshot.proxies` that names a module (or object) with a
    table `PROXIES`.

    Args:
        names: Names in the order wanted, repeated ones once; None for all, provider by provider.

    Raises:
        UsageError: A name is unknown, two providers use one name, or a provider cannot be used.
    """
    known: dict[str, tuple[Proxy, EntryPoint]] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name != "builtin", entry.name)):
        for proxy in _table(entry):
            if proxy.name in known:
                first = known[proxy.name][1]
                raise UsageError(
                    f"Proxy {proxy.name!r} is provided twice, by {_label(first)} and by {_label(entry)}.",
                    "Uninstall one of the two, or ask its author to rename the proxy.",
                )
            known[proxy.name] = (proxy, entry)
    wanted = dict.fromkeys(known if names is None else names)
    for name in wanted:
        if name not in known:
            raise unknown("proxy", name, known)
    return tuple(known[name][0] for name in wanted)


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
