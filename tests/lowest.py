"""Prints the lowest versions that pyproject.toml promises to work with, as constraints for pip: `make test-lowest`."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement


def lowest(requirements: list[str]) -> list[str]:
    """`name==version` of every `name>=version`; what has no lower bound stays free.

    >>> lowest(["numpy>=2.0", "zeroshot-mcu[export]", "rich>=13,<20"])
    ['numpy==2.0', 'rich==13']
    """
    out = []
    for each in map(Requirement, requirements):
        bounds = [bound.version for bound in each.specifier if bound.operator in (">=", "==")]
        out += [f"{each.name}=={bounds[0]}" for _ in bounds[:1]]
    return out


if __name__ == "__main__":
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    print("\n".join(lowest(project["dependencies"])))
