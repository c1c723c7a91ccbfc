"""The package's C files."""

from importlib.resources import files


def template(name: str) -> str:
    """A file of the package's c folder."""
    return files("zeroshot.firmware").joinpath("c", name).read_text(encoding="utf-8")
