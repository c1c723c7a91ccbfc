"""The C of what is optional about escalations: a budget of them, and a watch over how often they are wanted."""

from string import Template

from zeroshot.firmware.c_files import template
from zeroshot.firmware.escalation import RATE_BITS, Budget, Watch


def escalation_values(budget: Budget | None, watch: Watch | None, name: str) -> dict[str, str]:
    """Texts for the templates of a cascade; empty where something is not asked for."""
    first, second = _budget(budget, name.upper()), _watch(watch, name)
    return {key: first[key] + second[key] for key in first}


KEYS = ("constants", "context", "start", "each", "cap", "spend", "functions", "one", "declarations")


def _texts(**given: str) -> dict[str, str]:
    return {f"escalation_{key}": given.get(key, "") for key in KEYS}


def _budget(budget: Budget | None, upper: str) -> dict[str, str]:
    if budget is None:
        return _texts()
    full = f"(uint32_t){budget.full}"
    return _texts(
        constants=(
            f"#define {upper}_BUDGET {budget.calls} /* calls for each escalation: each brings a token */\n"
            f"#define {upper}_BURST {budget.burst} /* escalations for which tokens are saved up at most */\n"
        ),
        context="\n    uint32_t tokens;",
        start=f"\n    context->tokens = {full};",
        each=f"    context->tokens += context->tokens < {full};\n",
        cap=f" || context->tokens < {upper}_BUDGET",
        spend=f"\n        context->tokens -= {upper}_BUDGET;",
    )


def _watch(watch: Watch | None, name: str) -> dict[str, str]:
    if watch is None:
        return _texts()
    low, high = watch.band
    values = {
        "name": name, "NAME": name.upper(), "calls": 2**watch.bits, "expected": watch.start, "low": low, "high": high,
    }  # fmt: skip
    functions, one, declarations = (
        Template(template(file)).substitute(values) for file in ("watch.c", "watch_one.c", "watch.h")
    )
    return _texts(
        context="\n    int32_t rate;",
        start=f"\n    context->rate = {name.upper()}_EXPECTED_RATE;",
        each=(
            f"    context->rate += ((gap < context->thresholds[result->label] ? (int32_t)1 << {RATE_BITS} : 0) - "
            f"context->rate) >>\n                     {watch.bits};\n"
        ),
        functions=functions, one=one, declarations=declarations,
    )  # fmt: skip
