"""The page as text: templates filled in, style and script inside, and a policy that lets nothing else in."""

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

STYLE, SCRIPT = "style.css", "script.js"


def page(values: Mapping[str, Any]) -> str:
    """The whole page; every value is escaped.

    Style and script are named by their hashes: text that came in some other way could neither run nor load anything.
    """
    style, script = _text(STYLE), _text(SCRIPT)
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    inside = {"style": Markup(style), "script": Markup(script), "policy": policy}
    return _environment().get_template("page.html").render({**values, **inside})


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("zeroshot.reporting"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters["code"] = code
    return made


def code(text: str) -> Markup:
    """A message of the package: what stands in backquotes is code, all else is plain text.

    >>> code("`a < b` & c")
    Markup('<code>a &lt; b</code> &amp; c')
    """
    return Markup(re.sub(r"`([^`\n]+)`", r"<code>\1</code>", str(escape(text))))


def _text(name: str) -> str:
    return files("zeroshot.reporting").joinpath("templates", name).read_text(encoding="utf-8").strip()


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
