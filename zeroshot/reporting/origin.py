"""Where the figures come from: settings, versions, hashes, and how long each stage took."""

from typing import Any

from zeroshot.reporting.contents import Contents
from zeroshot.reporting.tables import TextTable
from zeroshot.runs import layout


def settings(found: Contents) -> TextTable:
    """The stored config of the search."""
    return TextTable(["setting", "value"], [[key, _text(value)] for key, value in found.config.items()], left=2)


def versions(found: Contents) -> TextTable:
    """Machine and packages of the search."""
    packages = found.environment.get("packages")
    plain = {key: value for key, value in found.environment.items() if key != "packages"}
    both = plain | (packages if isinstance(packages, dict) else {})
    return TextTable(["what", "version"], [[key, _text(value)] for key, value in both.items()], left=2)


def times(found: Contents) -> TextTable | None:
    """Seconds that each stage took, as far as the run tells."""
    names = {"": "search", layout.MODELS: "train", layout.INT8: "quantize"}
    took = [(names[name], summary.get("seconds")) for name, summary in found.summaries.items()]
    took += [(f"compress {each.source}", each.seconds) for each in found.pruned]
    lines = [[name, f"{seconds:.1f}"] for name, seconds in took if isinstance(seconds, int | float)]
    return TextTable(["stage", "seconds"], lines) if lines else None


def remarks(found: Contents) -> list[str]:
    """What the stages told their user."""
    every = [summary.get("remarks") or [] for summary in found.summaries.values()]
    every += [each.remarks for each in found.pruned]
    return list(dict.fromkeys(str(remark) for some in every for remark in some))


def _text(value: Any) -> str:  # noqa: ANN401 - what TOML and JSON hold
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
