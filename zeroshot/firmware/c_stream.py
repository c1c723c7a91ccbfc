"""The C of a stream inside a cascade's: what is kept between hops, the front end, the smoothed decision."""

import math
from string import Template

from zeroshot.firmware.c_bias import score_values
from zeroshot.firmware.c_files import template
from zeroshot.firmware.stream import Stream

MARGINS = {
    "none": "int8 steps of the net that answered",
    "mean": "2^14 are an int8 step of the net with the larger ones, summed over the last {} decisions",
    "majority": "of the last {} decisions",
}


def front_end_name(stream: Stream, name: str) -> str:
    """What functions and files of the front end begin with."""
    return f"{name}_{stream.sensor.kind}"


def front_end_sources(stream: Stream, name: str) -> dict[str, str]:
    """Files of the front end; the kernels' header has its ZS_DSP."""
    return stream.sensor.sources(front_end_name(stream, name), f'#include "{name}_kernels.h"\n')


def stream_values(
    stream: Stream | None, factors: tuple[int, int], between: int, columns: int, name: str, *, biased: bool = False
) -> dict[str, str]:
    """Texts for the templates of a cascade.

    Args:
        stream: Without one all texts are empty.
        factors: Of the little and the big net's scores.
        between: Where in the arena the front end's scratch lies.
        columns: Of the table of pixels, one a channel or one for all.
        name: What functions begin with.
        biased: Whether classes have a decision bias.
    """
    if stream is None:
        keys = ("include", "state", "restart", "feed", "declarations", "start", "context", "one")
        return {f"stream_{key}": "" for key in keys}
    values = _values(stream, name) | {
        "factors": ", ".join(map(str, factors)), "table_row": table_row(columns), **score_values(biased),
        "scratch": f", (int32_t *)(void *)(context->arena + {between})" if stream.sensor.scratch else "",
    }  # fmt: skip
    values["quantise"] = _filled(f"stream_{'relative' if stream.sensor.relative else 'newest'}.c", values)
    values["smoothing"] = _filled(f"smooth_{_smoothing(stream)}.c", values)
    return {
        "stream_include": f'\n#include "{front_end_name(stream, name)}.h"',
        "stream_state": _filled("stream_state.c", values),
        "stream_restart": "\n    restart(context);",
        "stream_feed": _filled("stream.c", values).rstrip("\n"),
        "stream_declarations": _filled("stream.h", values),
        "stream_start": " No samples.",
        "stream_context": _filled("stream_context.h", values),
        "stream_one": _filled("stream_one.c", values).rstrip("\n"),
    }


def table_row(columns: int, value: str = "i") -> str:
    """What is added to a pixel in C to find it in the table: its channel's row, where channels have their own.

    Args:
        columns: Of the table.
        value: In C, which value of an image the pixel is.
    """
    return f"({value} % {columns}) * 256 + " if columns > 1 else ""


def _filled(name: str, values: dict[str, object]) -> str:
    return Template(template(name)).substitute(values)


def _smoothing(stream: Stream) -> str:
    return stream.smoothing if stream.smooth > 1 else "none"


def _past(stream: Stream, name: str) -> str:
    """Members of the context that hold past decisions."""
    if stream.smooth == 1:
        return ""
    known = "\n    uint32_t known, place; /* of past decisions; where the next one goes */"
    if stream.smoothing == "majority":
        return f"{known}\n    uint16_t past[{stream.smooth}];"
    one = f"int8_t past[{stream.smooth}][{name.upper()}_CLASSES];"
    return f"{known}\n    uint8_t past_escalated[{stream.smooth}];\n    {one}"


def _values(stream: Stream, name: str) -> dict[str, object]:
    sensor, smooth = stream.sensor, stream.smooth
    smallest, relative, size = sensor.asked.smallest, sensor.relative, math.prod(sensor.shape)
    return {
        "name": name, "NAME": name.upper(), "front": front_end_name(stream, name), "first": sensor.first,
        "every": stream.every, "every_words": "one" if stream.every == 1 else f"{stream.every} of them",
        "hop": sensor.hop, "axes": sensor.axes, "sample_rate": f"{sensor.asked.sample_rate:g}", "smooth": smooth,
        "margin_words": MARGINS[_smoothing(stream)].format(smooth),
        "smooth_words": f", smoothed over the last {smooth} decisions" if smooth > 1 else "",
        "forget": "context->known = 0;\n    context->place = 0;" if smooth > 1 else "",
        "past": _past(stream, name),
        "old_bytes": size - sensor.renewed, "new_bytes": sensor.renewed, "pixels": size,
        "to_pixel": f" + {-smallest}" if smallest else "", "type": f"{sensor.asked.output}_t",
        "kept": "context->arena" if relative else f"{name}_input_r(context)",  # as `plan_arena` lays them
        "each_hop": "" if relative else "quantise_newest(context);\n        ",
        "each_decision": "quantise_relative(context, stream);\n            " if relative else "",
    }  # fmt: skip
