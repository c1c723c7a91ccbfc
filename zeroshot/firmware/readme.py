"""The README of an exported folder: what it holds, what it needs, how it is called."""

from zeroshot.firmware.c_cascade import Cascade
from zeroshot.firmware.c_model import model_bytes
from zeroshot.firmware.device import Needs
from zeroshot.firmware.facts import Facts, facts_words
from zeroshot.firmware.pack import pack
from zeroshot.firmware.recipes import context_words, frame_words, recipe_words
from zeroshot.firmware.stream_files import stream_words
from zeroshot.firmware.verify import Verification


def readme(cascade: Cascade, name: str, verification: Verification | None, facts: Facts | None = None) -> str:
    """The text; without a verification it says that nothing was verified."""
    little, big = cascade.little, cascade.big
    plan = cascade.plan()
    parts = [
        f"# {name}: a cascade of two int8 nets\n",
        f"The little net answers every image; where its largest logit is less than the threshold above its second "
        f"largest, the big net answers.{_bias(cascade)}\n\n"
        f"| | net | input | weights and tables, bytes |\n|---|---|---|---|\n"
        f"| little | `{little.spec}` | {_size(little.input_shape)} | {model_bytes(pack(little))} |\n"
        f"| big | `{big.spec}` | {_size(big.input_shape)} | {model_bytes(pack(big))} |\n\n"
        f"Both nets work in one static arena of {plan.bytes} bytes, which holds the "
        f"{'input' if cascade.shares_input else 'inputs'} as well.\n",
        *([facts_words(facts)] if facts else []),
        _calls(cascade, name),
        *([stream_words(cascade, cascade.stream, name)] if cascade.stream else []),
        *filter(None, [frame_words(cascade, name)]),
        context_words(cascade, name),
        _builds(name),
        recipe_words(name),
        _verified(verification),
    ]
    return "\n".join(parts)


def _bias(cascade: Cascade) -> str:
    """What is added to the logits before the largest is taken."""
    both = [("little", cascade.little_bias), ("big", cascade.big_bias)]
    told = [f"of the {size} net {', '.join(map(str, bias))}" for size, bias in both if any(bias)]
    return f" Before that each class's bias is added: {'; '.join(told)}." if told else ""


def _size(shape: tuple[int, int, int]) -> str:
    return " x ".join(map(str, shape))


def _calls(cascade: Cascade, name: str) -> str:
    shared = cascade.shares_input
    fill, arguments = (f"{name}_input()", f"{name}_input()") if shared else (
        f"{name}_little_input() and {name}_big_input()", f"{name}_little_input(), {name}_big_input()"
    )  # fmt: skip
    pixels = cascade.little_pixels is not None
    from_pixels = ""
    if pixels and shared:
        from_pixels = f"{name}_quantise(pixels, {name}_input()); /* raw pixels, 0 to 255, channels last */\n"
    elif pixels and cascade.big_pixels is not None:
        from_pixels = (
            f"{name}_little_quantise(small, {name}_little_input()); /* raw pixels of the little net's size */\n"
            f"{name}_big_quantise(large, {name}_big_input());\n"
        )
    return (
        f'## Calling it\n\n```c\n#include "{name}.h"\n\n{name}_result result;\n'
        f"{from_pixels or f'/* fill {fill} */' + chr(10)}"
        f"{name}_predict({arguments}, &result);\n"
        f"/* {name}_class_names[result.label], result.escalated, result.logits */\n```\n\n"
        f"Images elsewhere in memory are copied into the arena. `{name}_set_threshold` changes the threshold while the "
        f"program runs (0: never the big net, 256: always), `{name}_set_class_threshold` that of one answer of the "
        f"little net; they return 0, or -1 for any other value or label, and change nothing then. `{name}_set_limit` "
        f"limits escalations in a row, `{name}_count` counts calls and escalations, `{name}_init` starts afresh, as a "
        f"program starts without it. NULL is refused with -1, too. `{name}.h` has names for sizes, scales and "
        f"thresholds.{_guards(cascade, name)}\n"
    )


def _guards(cascade: Cascade, name: str) -> str:
    budget, watch = cascade.budget, cascade.watch
    words = ""
    if budget is not None:
        words += f" Over n calls there are n / {budget.calls} + {budget.burst} escalations at most."
    if watch is not None:
        words += (
            f" `{name}_rate` tells the share of calls that want the big net, of 2^24 and moving over {2**watch.bits} "
            f"calls, `{name}_drift` whether it has left what is expected of {watch.expected:.3g}: 1, it is larger, -1, "
            f"smaller."
        )
    return words


def _builds(name: str) -> str:
    return (
        "## Building it\n\n"
        "C99 without dependencies (C11 where a compiler has no GNU attributes): compile `src/*.c`. "
        "`make CPU=cortex-m4` builds a library with arm-none-eabi-gcc, "
        "`make check` compares this machine's build with the test vector in `main.c`; `CMakeLists.txt` does both with "
        "CMake.\n\n"
        "With the DSP extension (Cortex-M4, M7, M33) the kernels use its instructions; `-DZS_DSP=0` leaves them in "
        "plain C, with the same results. `-DZS_HOOK=my_layer` calls `int my_layer(const zs_layer *layer, int8_t "
        "*arena)` before every layer, which may run it by other kernels and return 1.\n"
    )


def _verified(verification: Verification | None) -> str:
    if verification is None:
        return "## Verified\n\nNothing: this folder was exported without verification.\n"
    v = verification
    lines = [
        "## Verified\n",
        f"{v.images} test images, of which {v.escalated} escalated: every logit, answer, gap and escalation equal to "
        f"the integer reference in\n",
        *(f"- {who}" for who in v.equal),
        *(f"- not asked: {who}" for who in v.missing),
        "",
    ]
    if v.stream is not None:
        counts = ", ".join(f"{count:,} on a {core}" for core, count in v.stream.hop.items())
        lines.append(
            f"Fed {v.stream.samples} samples ({v.stream.source}) in pieces, all but TFLite Micro came to the same "
            f"{v.stream.decisions} decisions, {v.stream.escalated} of them by the big net. Instructions of a hop "
            f"beside the nets: {counts or 'not counted'}.\n"
        )
    if v.needs:
        lines += [
            "| core | instructions little | big | decision | arena used | stack | code | constants | static RAM |",
            "|---|---|---|---|---|---|---|---|---|",
            *map(_needs, v.needs),
            "",
            "Instructions of one image on an emulated core (no wait states, no cycles), bytes elsewhere. Arena used: "
            "up to the highest byte written.\n",
            *_layers(v),
        ]
    return "\n".join(lines) + "\n"


def _needs(n: Needs) -> str:
    return (
        f"| {n.core} | {sum(n.little):,} | {sum(n.big):,} | {n.decision:,} | {n.touched:,} of {n.arena:,} | {n.stack} "
        f"| {n.code:,} | {n.constants:,} | {n.static:,} |"
    )


def _layers(v: Verification) -> list[str]:
    chosen = next((n for n in v.needs if n.core == "cortex-m4"), v.needs[0])
    lines = [
        f"Instructions a layer, counted on a {chosen.core} and predicted for a Cortex-M4 by the cost model:\n",
        "| net | layer | counted | predicted |",
        "|---|---|---|---|",
    ]
    for which, counted, predicted, names in zip(
        ("little", "big"), (chosen.little, chosen.big), v.predicted, v.layers, strict=True
    ):
        lines += [f"| {which} | {n} | {c:,} | {p:,.0f} |" for n, c, p in zip(names, counted, predicted, strict=True)]
        lines.append(f"| {which} | all | {sum(counted):,} | {sum(predicted):,.0f} |")
    return lines
