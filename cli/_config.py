"""Where an option comes from: its default, a TOML file, the environment, or a flag; the later one wins."""

from typing import Any

import typer

from zeroshot.options import Options, read_toml, spelled


def variable(name: str) -> str:
    """The environment variable of an option. ZEROSHOT_DATA is taken: the tests and benchmarks keep their data there.

    >>> variable("worst_latency"), variable("data")
    ('ZEROSHOT_WORST_LATENCY', 'ZEROSHOT_DATASET')
    """
    return "ZEROSHOT_DATASET" if name == "data" else f"ZEROSHOT_{spelled(name).upper()}"


def config_file(stage: type[Options], panel: str) -> Any:  # noqa: ANN401 - as typer.Option
    """--config: a TOML file whose values become the defaults of the command's options.

    Args:
        stage: Whose options the file may hold.
        panel: Heading of --config in the help.
    """

    def load(ctx: typer.Context, path: str | None) -> str | None:
        if path is not None and not ctx.resilient_parsing:
            ctx.default_map = _defaults(stage, path)
        return path

    return typer.Option(
        "--config", envvar="ZEROSHOT_CONFIG", show_envvar=False, metavar="FILE", is_eager=True, callback=load,
        help="TOML file of settings, named as these options.", rich_help_panel=panel,
    )  # fmt: skip


def _defaults(stage: type[Options], path: str) -> dict[str, Any]:
    """Checked values of the file, as they would be typed."""
    given = stage.checked(read_toml(path), f"In {path}.")
    return {name: ",".join(value) if isinstance(value, tuple) else value for name, value in given.items()}
