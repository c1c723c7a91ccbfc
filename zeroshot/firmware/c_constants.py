"""Named constants of an export's header, and the names of its classes."""

from collections.abc import Iterable

from zeroshot.frontend.c_text import c_string
from zeroshot.int8.net import Int8Net


def constants(little: Int8Net, big: Int8Net, thresholds: tuple[int, ...], name: str) -> dict[str, object]:
    """Texts for the template of the header: sizes, scales, the threshold where there is one for all classes."""
    upper, out = name.upper(), {}
    lines = []
    for which, net in (("little", little), ("big", big)):
        height, width, channels = net.input_shape
        out[f"{which}_bytes"] = height * width * channels
        for what, at in (("INPUT", 0), ("OUTPUT", -1)):
            lines.append(f"#define {upper}_{which.upper()}_{what}_SCALE {c_float(float(net.scale[at]))}")
            lines.append(f"#define {upper}_{which.upper()}_{what}_ZERO ({int(net.zero[at])})")
    one = f"#define {upper}_THRESHOLD {thresholds[0]} /* of all of them */\n" if len(set(thresholds)) == 1 else ""
    return out | {"scales": "\n".join(lines), "one_threshold": one}


def c_float(value: float) -> str:
    """A float32 as a C constant that reads back as the same number: nine digits tell any two apart."""
    return f"{value:.9e}f"


def names_source(names: Iterable[str], name: str) -> str:
    """The file with the names of the classes, by label."""
    lines = ",\n".join(f"    {c_string(each)}" for each in names)
    return f'#include "{name}.h"\n\nconst char *const {name}_class_names[{name.upper()}_CLASSES] = {{\n{lines}}};\n'
