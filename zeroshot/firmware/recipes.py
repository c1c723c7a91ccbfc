"""The README's sections for a program's author: an image of a camera's frame, several cascades, builds of platforms."""

from string import Template

from zeroshot.firmware.c_cascade import Cascade
from zeroshot.firmware.c_files import template

# ITU-R 601, as Pillow turns colours to grey.
GREY = "grey = (19595u * red + 38470u * green + 7471u * blue + 32768u) >> 16; /* of uint32_t */\n"


def frame_words(cascade: Cascade, name: str) -> str:
    """How an image is made of a camera's frame; empty where none is taken, but samples."""
    channels = cascade.little.channels
    if cascade.stream is not None or channels not in (1, 3):
        return ""
    return Template(template("readme_frame.md")).substitute(
        kind="red, green and blue" if channels == 3 else "brightness", sizes=_sizes(cascade, name),
        grey=GREY if channels == 1 else "",
    )  # fmt: skip


def context_words(cascade: Cascade, name: str) -> str:
    """How several cascades run beside each other."""
    stream = cascade.stream is not None
    call = f"{name}_feed_r(&eye, samples, count, &decision)"
    if not stream:
        call = f"{name}_predict_r(&eye, {'image' if cascade.shares_input else 'little, big'}, &result)"
    return Template(template("readme_contexts.md")).substitute(
        name=name, NAME=name.upper(), call=call,
        holds="settings, counters, past decisions and where its arena is" if stream else
        "settings, counters and where its arena is",
        one_arena="" if stream else "; those that never run at once may share one",
    )  # fmt: skip


def recipe_words(name: str) -> str:
    """How the folder becomes a part of a program for four platforms."""
    return Template(template("readme_recipes.md")).substitute(name=name, NAME=name.upper())


def _sizes(cascade: Cascade, name: str) -> str:
    resizes = cascade.resizes
    if not resizes:
        which = " and ".join(f"`{name}_{prefix}quantise`" for prefix, _, _ in cascade.pixel_tables)
        return f"A frame has the size of the net's input and goes through {which or 'your own scaling'}."
    high, wide, _ = resizes[0][2].frame
    resized = {prefix for prefix, _, _ in resizes}
    calls = [
        f"{name}_{prefix}{'frame' if prefix in resized else 'quantise'}(frame, {name}_{prefix}input());"
        for prefix, _, _ in cascade.pixel_tables
    ]
    cut = any(each.frame[0] != each.frame[1] and each.image[0] == each.image[1] for _, _, each in resizes)
    return (
        f"A frame is {high} x {wide}, as the data's images are:\n\n```c\n" + "\n".join(calls) + "\n```\n\n"
        f"That resizes {'the square in its middle' if cut else 'it'} exactly as training did, in integers and without "
        f"further memory: with antialiasing, along one axis and then along the other."
    )
