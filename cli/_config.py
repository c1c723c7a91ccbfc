"""Where a setting comes from: its default, a TOML file, the environment, or a flag; the later one wins."""

import tomllib
from pathlib import Path
from typing import Any

import typer

from zeroshot.errors import UsageError, unknown

Kinds = tuple[type, ...]
TEXT: Kinds = (str,)
NAMES: Kinds = (str, list)
WHOLE: Kinds = (int,)
NUMBER: Kinds = (int, float)
QUANTITY: Kinds = (str, int, float)

# What a TOML file may hold: the options of `zeroshot search`, and the types that are taken for each.
SETTINGS: dict[str, Kinds] = {
    "data": TEXT, "board": TEXT, "engine": TEXT, "space": TEXT,
    "flash": QUANTITY, "sram": QUANTITY, "latency": QUANTITY, "energy": QUANTITY, "worst_latency": QUANTITY,
    "escalation": NUMBER, "nets": WHOLE, "top": WHOLE, "per_net": WHOLE, "shortlist": WHOLE,
    "proxies": NAMES, "objectives": NAMES, "batch": WHOLE, "calibrate": WHOLE,
    "calibrate_epochs": WHOLE, "seed": WHOLE, "jobs": WHOLE, "run": TEXT,
}  # fmt: skip

EXPECTED = {
    TEXT: 'text, like board = "nucleo-f446re"',
    NAMES: 'a list of names, like proxies = ["zico", "params"]',
    WHOLE: "a whole number",
    NUMBER: "a number",
    QUANTITY: 'a quantity, like latency = "50ms"',
}


def variable(name: str) -> str:
    """The environment variable of a setting. ZEROSHOT_DATA is taken: the tests and benchmarks keep their data there.

    >>> variable("worst_latency"), variable("data")
    ('ZEROSHOT_WORST_LATENCY', 'ZEROSHOT_DATASET')
    """
    return "ZEROSHOT_DATASET" if name == "data" else f"ZEROSHOT_{name.upper()}"


def load_file(ctx: typer.Context, value: str | None) -> str | None:
    """Callback of --config: make the file's settings the defaults of the command's options."""
    if value is not None and not ctx.resilient_parsing:
        ctx.default_map = read(Path(value))
    return value


def read(path: Path) -> dict[str, Any]:
    """Settings of a TOML file, checked.

    Raises:
        UsageError: The file cannot be read, is broken, or holds an unknown key or a value of the wrong type.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"Cannot read the config file {path}: {error.strerror}.", "Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}.", "Correct that line.") from error
    return {key.replace("-", "_"): _checked(key, value, path) for key, value in values.items()}


def _checked(key: str, value: object, path: Path) -> object:
    name = key.replace("-", "_")
    if name not in SETTINGS:
        raise unknown("setting", key, SETTINGS, f"In {path}.")
    kinds = SETTINGS[name]
    names = value if isinstance(value, list) else []
    # A bool is an int to Python, but nobody means 1 when writing true.
    if isinstance(value, bool) or not isinstance(value, kinds) or not all(isinstance(each, str) for each in names):
        raise UsageError(f"{key} in {path} is {value!r}.", f"It must be {EXPECTED[kinds]}.")
    return ",".join(names) if isinstance(value, list) else value
