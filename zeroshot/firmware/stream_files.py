"""What an exported folder has beside its C where samples are fed: a check in main.c, examples for sensors, words."""

import math
from string import Template

from zeroshot.firmware.c_cascade import Cascade
from zeroshot.firmware.c_files import template
from zeroshot.firmware.calls import STEP, TURN, signal
from zeroshot.firmware.decisions import decisions
from zeroshot.firmware.stream import Stream
from zeroshot.frontend.c_text import c_array
from zeroshot.frontend.sensor import Sensor
from zeroshot.units import kib

CHECKED = 8  # decisions of main.c
SECONDS = 0.25  # of sound that examples keep while the nets work


def stream_check(cascade: Cascade, stream: Stream, name: str) -> str:
    """The function of main.c that feeds the test signal and compares the decisions."""
    samples = signal(stream, CHECKED)
    said = decisions(cascade, samples)
    columns = (
        c_array("uint32_t", "decision_hop", [each.hop for each in said]),
        c_array("int32_t", "decision_margin", [each.margin for each in said]),
        c_array("uint16_t", "decision_label", [each.label for each in said]),
        c_array("uint8_t", "decision_escalated", [each.escalated for each in said]),
    )
    values = {
        "name": name, "NAME": name.upper(), "piece": max(1, 2 * stream.sensor.hop // 5), "turn": TURN, "step": STEP,
        "decided": len(said), "stream_values": samples.size,
        "stream_vectors": "\n".join(columns),
    }  # fmt: skip
    return Template(template("main_stream.c")).substitute(values)


def stream_examples(stream: Stream, name: str) -> dict[str, str]:
    """Path -> text: a sketch for Arduino and a program for Zephyr that feed a sensor's samples."""
    sensor = stream.sensor
    steps = ", ".join(f"{float(step)!r}f" for _, step in sensor.steps)
    values = {"name": name, "NAME": name.upper(), "axes": sensor.axes, "steps": steps}
    if sensor.kind == "sound":
        kept = SECONDS * sensor.asked.sample_rate
        values |= {"ring": 1 << (int(kept) - 1).bit_length(), "blocks": 2 + int(kept / sensor.hop)}
    return {
        path: Template(template(origin)).substitute(values)
        for path, origin in (
            (f"examples/{name}/{name}.ino", f"example_{sensor.kind}.ino"),
            ("zephyr/sample/CMakeLists.txt", "zephyr_sample.cmake"),
            ("zephyr/sample/prj.conf", f"zephyr_{sensor.kind}.conf"),
            ("zephyr/sample/src/main.c", f"zephyr_{sensor.kind}.c"),
        )
    }


def stream_words(cascade: Cascade, stream: Stream, name: str) -> str:
    """The README's section."""
    sensor, classes = stream.sensor, cascade.little.classes
    pixels, size = math.prod(sensor.shape), " x ".join(map(str, sensor.shape))
    kept = "which the nets read where it lies"
    place = f" `{name}_predict` puts its image where that picture lies: call `{name}_init` before samples follow it."
    if sensor.relative:
        kept, place = "of which the nets' input is made at each decision, levels below the loudest", ""
    scratch = f"The {sensor.scratch} bytes in which a frame is computed are those in which the nets work. "
    return (
        f"## Samples as they come\n\n```c\n{name}_decision decision;\nif ({name}_feed(samples, count, &decision)) {{\n"
        f"    /* decision.label, decision.hop, decision.margin, decision.escalated */\n}}\n```\n\n"
        f"`{name}_feed` takes any number of int16 samples{_each(sensor.axes)}. Every {sensor.hop} samples are a hop, "
        f"which moves the picture of {size} on. A decision falls after the first "
        f"{sensor.first} hops, then after every {'one' if stream.every == 1 else stream.every}; the call returns how "
        f"many fell, and tells the newest. {_smoothed(stream)}It runs the nets itself: sound or motion that comes "
        f"meanwhile must wait in a buffer of the program's, as the examples show.\n\n"
        f"Of the arena {sensor.kept} bytes are kept from call to call: the picture, {pixels} bytes, "
        f"{kept}{', and the newest samples' if sensor.kind == 'sound' else ''}. "
        f"{scratch if sensor.scratch else ''}Past decisions take {stream.bytes_of_smoothing(classes)} bytes beside "
        f"the arena, tables of the front end {kib(sensor.tables)} of flash.\n\n"
        f"`examples/{name}/{name}.ino` and `zephyr/sample` feed "
        f"{'a microphone' if sensor.kind == 'sound' else 'an accelerometer'}. Training saw samples as files held "
        f"them: give the same rate and the same unit{_units(sensor)}.{place}\n"
    )


def _each(axes: int) -> str:
    return f" of {axes} axes each" if axes > 1 else ""


def _units(sensor: Sensor) -> str:
    named = (f"{step:g} of `{' '.join(axis.replace('`', '').split())}`" for axis, step in sensor.steps)
    return f"; 1 is {', '.join(named)}" if sensor.steps else ""


def _smoothed(stream: Stream) -> str:
    if stream.smooth == 1:
        return ""
    by = "the sum of both nets' logits on one scale" if stream.smoothing == "mean" else "most answers"
    return f"Labels are those of {by} over the last {stream.smooth} decisions. "
