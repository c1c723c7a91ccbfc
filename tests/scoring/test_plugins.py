"""Plug-ins are named without being imported, and can be switched off."""

from importlib.metadata import EntryPoint

import pytest

from zeroshot.errors import UsageError
from zeroshot.scoring import plugins
from zeroshot.scoring.plugins import listed_plugins, load_proxies


@pytest.fixture
def installed(monkeypatch):
    """A plug-in of somebody else, one that takes our name, and the names of those that were imported."""
    ours = EntryPoint("builtin", "zeroshot.proxies", plugins.GROUP)
    others = [EntryPoint("extra", "somewhere", plugins.GROUP), EntryPoint("builtin", "elsewhere", plugins.GROUP)]
    imported = []

    def load(self, load=EntryPoint.load):
        if self.value == "zeroshot.proxies":
            return load(self)
        imported.append(self.value)
        raise ImportError("no such module")

    monkeypatch.setattr(EntryPoint, "load", load)
    monkeypatch.setattr(plugins, "entry_points", lambda group: (*others, ours))
    return imported


def test_plugins_are_named_and_not_imported(installed, monkeypatch):
    monkeypatch.delenv("ZEROSHOT_PLUGINS", raising=False)
    assert [(each.name, each.provider.module, each.on) for each in listed_plugins()] == [
        ("builtin", "elsewhere", True), ("extra", "somewhere", True),
    ]  # fmt: skip
    assert installed == []
    with pytest.raises(UsageError, match="cannot be loaded"):
        load_proxies(["macs"])
    assert installed == ["elsewhere"]


def test_plugins_that_are_off_are_not_imported(installed, monkeypatch):
    monkeypatch.setenv("ZEROSHOT_PLUGINS", "none")
    assert {each.on for each in listed_plugins()} == {False}
    assert [proxy.name for proxy in load_proxies(["macs"])] == ["macs"]
    assert installed == []
    monkeypatch.setenv("ZEROSHOT_PLUGINS", "mine, extra")
    assert {each.name: each.on for each in listed_plugins()} == {"builtin": False, "extra": True}
    with pytest.raises(UsageError, match="somewhere"):
        load_proxies(["macs"])
    assert installed == ["somewhere"]
