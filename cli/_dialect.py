"""The engine's messages in the words of the command line."""

import ast
import re
import shlex

from zeroshot.options import spelled


def spoken(text: str) -> str:
    """A message of the engine as the command line says it: backquoted Python becomes options and commands.

    >>> spoken("`shortlist` must be at least 1; `force=True` replaces it: `zeroshot.train('a b', top=2)`.")
    "--shortlist must be at least 1; --force replaces it: zeroshot train 'a b' --top 2."

    What stands in backquotes and is no Python is left as it is.
    """
    return re.sub(r"`([^`\n]+)`", lambda match: _translated(match[1]) or match[0], text)


def _translated(code: str) -> str | None:
    if code.isidentifier():
        return flag_of(code)
    try:
        node = ast.parse(code if code.startswith("zeroshot.") else f"f({code})", mode="eval").body
    except SyntaxError:
        return None
    if not isinstance(node, ast.Call):
        return None
    words = [_word(each) for each in node.args] + [_option(each) for each in node.keywords]
    if isinstance(node.func, ast.Attribute):
        return " ".join(["zeroshot", node.func.attr.replace("_", "-"), *words])
    return " ".join(words) if node.keywords and not node.args else None


def flag_of(name: str) -> str:
    """The option of a Python name.

    >>> flag_of("worst_latency"), flag_of("from_")
    ('--worst-latency', '--from')
    """
    return f"--{spelled(name).replace('_', '-')}"


def _word(node: ast.expr) -> str:
    value = ast.literal_eval(node)
    return "..." if value is ... else shlex.quote(str(value))


def _option(node: ast.keyword) -> str:
    name, value = str(node.arg), ast.literal_eval(node.value)
    if isinstance(value, bool):
        return flag_of(name) if value else flag_of(f"no_{name}")
    return f"{flag_of(name)} {shlex.quote(str(value))}"
