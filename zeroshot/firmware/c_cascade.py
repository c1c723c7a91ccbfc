"""The cascade around two nets as C source: one arena, the decision, raw pixels to int8."""

from dataclasses import dataclass, field
from string import Template

import numpy as np

from zeroshot.errors import UsageError
from zeroshot.firmware.c_bias import bias_values
from zeroshot.firmware.c_constants import constants, names_source
from zeroshot.firmware.c_escalation import escalation_values
from zeroshot.firmware.c_files import template
from zeroshot.firmware.c_model import kernel_config, model_header, model_source
from zeroshot.firmware.c_stream import front_end_sources, stream_values, table_row
from zeroshot.firmware.escalation import Budget, Watch
from zeroshot.firmware.frames import Resize, frame_source, resize_of
from zeroshot.firmware.plan import ArenaPlan, plan_arena
from zeroshot.firmware.stream import Stream, score_factors
from zeroshot.frontend.c_source import dsp_block, speed_block
from zeroshot.frontend.c_text import c_array
from zeroshot.int8.decision import Bias, check_bias
from zeroshot.int8.net import Int8Net
from zeroshot.types import Int8Array

# The depthwise kernel reads whole words, up to three bytes after the last tensor.
OVERREAD = 4


@dataclass(frozen=True, eq=False)
class Cascade:
    """A quantised pair as it is exported.

    Attributes:
        little: Runs on every image.
        big: Runs where the little net's gap is below the threshold.
        thresholds: (classes,) integers, one for each answer of the little net: escalate where the largest int8 logit
            minus the second largest is below it. 0 never, 256 always.
        little_pixels: (256, channels) int8, the little net's input for raw pixel values, or None without raw pixels.
        big_pixels: The same of the big net.
        limit: Escalations in a row at most, until a program sets another limit; 0 is none.
        stream: Samples to pictures, where the cascade is to be fed with samples.
        little_bias: Added to each class's int8 logit of the little net before the largest is taken; empty for none.
        big_bias: The same of the big net.
        class_names: (classes,) as the data name them, by label; without them classes are numbered.
        budget: Escalations that calls may take on average, or None.
        watch: Over how often the big net is wanted, or None.
        frame: Height and width of the data's images, where the C is to make the nets' of them; None where it is not.
    """

    little: Int8Net
    big: Int8Net
    thresholds: tuple[int, ...]
    little_pixels: Int8Array | None = field(default=None, repr=False)
    big_pixels: Int8Array | None = field(default=None, repr=False)
    limit: int = 0
    stream: Stream | None = None
    little_bias: Bias = ()
    big_bias: Bias = ()
    class_names: tuple[str, ...] | None = field(default=None, repr=False)
    frame: tuple[int, int] | None = None
    budget: Budget | None = None
    watch: Watch | None = None

    def __post_init__(self) -> None:
        little, big = self.little, self.big
        if (little.classes, little.channels) != (big.classes, big.channels):
            raise UsageError(
                f"The nets of a cascade differ: {little.classes} and {big.classes} classes, {little.channels} and "
                f"{big.channels} channels."
            )
        if little.classes < 2:
            raise UsageError("A net of one class decides nothing.", "Export nets of 2 classes or more.")
        if len(self.thresholds) != little.classes or not all(0 <= t <= 256 for t in self.thresholds):
            raise UsageError(f"Thresholds are {little.classes} integers from 0 to 256, one a class.")
        for table in (self.little_pixels, self.big_pixels):
            if table is not None and (table.shape, table.dtype) != ((256, little.channels), np.dtype(np.int8)):
                raise UsageError(f"A table of pixels is (256, {little.channels}) int8, not {table.shape}.")
        for bias in (self.little_bias, self.big_bias):
            check_bias(bias, little.classes)
        if not 0 <= self.limit < 2**32:
            raise UsageError(f"A limit of {self.limit} escalations in a row.", "Give 0, for none, to 2^32 - 1.")
        if len(self.names) != little.classes:
            raise UsageError(f"{len(self.names)} names of {little.classes} classes.")
        if self.stream is not None:
            self._check_stream(self.stream.sensor.shape)

    def _check_stream(self, shape: tuple[int, int, int]) -> None:
        """Insist that both nets take the front end's picture as it lies there."""
        for net in (self.little, self.big):
            if net.input_shape != shape:
                raise UsageError(
                    f"{net.spec} takes pictures of {'x'.join(map(str, net.input_shape))}, the front end makes "
                    f"{'x'.join(map(str, shape))}.",
                    "On a device no picture is scaled to another size: take a pair of nets of the front end's.",
                )
        if not self.shares_input or self.little_pixels is None:
            raise UsageError(
                "A cascade that is fed with samples needs the data's pixel statistics, one input for both nets.",
                "Quantise both nets on the same data.",
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes: those of the data, or their numbers."""
        return self.class_names or tuple(map(str, range(self.little.classes)))

    @property
    def shares_input(self) -> bool:
        """Whether both nets read the same int8 image: one size, one scale, one zero point."""
        little, big = self.little, self.big
        return (little.input_shape, float(little.scale[0]), int(little.zero[0])) == (
            big.input_shape, float(big.scale[0]), int(big.zero[0]),
        )  # fmt: skip

    @property
    def pixel_tables(self) -> list[tuple[str, Int8Array, Int8Net]]:
        """Tables of raw pixels that are exported, each with the prefix of its C names and the net that it is for."""
        both = [("little_", self.little_pixels, self.little), ("big_", self.big_pixels, self.big)]
        parts = [("", self.little_pixels, self.little)] if self.shares_input else both
        return [(prefix, table, net) for prefix, table, net in parts if table is not None]

    @property
    def resizes(self) -> list[tuple[str, Int8Array, Resize]]:
        """From frames to images of another size: prefix and table as of `pixel_tables`, and the resize."""
        if self.frame is None or self.stream is not None:
            return []
        shape = (*self.frame, self.little.channels)
        made = [
            (prefix, table, resize_of(shape, net.input_shape))
            for prefix, table, net in self.pixel_tables
            if net.input_shape != shape
        ]
        return [(prefix, table, resize) for prefix, table, resize in made if resize is not None]

    def plan(self) -> ArenaPlan:
        """Where the tensors of both nets lie."""
        sensor = self.stream.sensor if self.stream else None
        return plan_arena(
            (self.little.table, self.big.table), shared_input=self.shares_input,
            kept=sensor.kept if sensor else 0, apart=sensor is not None and sensor.relative,
            between=sensor.scratch if sensor else 0,
        )  # fmt: skip


def cascade_sources(cascade: Cascade, name: str) -> dict[str, str]:
    """Source files of a cascade, file name -> text: all that is compiled, but for a main."""
    plan = cascade.plan()
    values = _values(cascade, plan, name)
    kernels = f"{name}_kernels"
    out = {
        f"{name}{end}": Template(template(origin)).substitute(values)
        for end, origin in (
            (".h", "cascade.h"), (".c", "cascade.c"), ("_one.c", "cascade_one.c"),
            ("_kernels.h", "kernels.h"), ("_kernels.c", "kernels.c"),
        )
    }  # fmt: skip
    out[f"{kernels}_config.h"] = kernel_config((cascade.little, cascade.big))
    out[f"{name}_names.c"] = names_source(cascade.names, name)
    for net, of_net, size in zip((cascade.little, cascade.big), plan.nets, ("little", "big"), strict=True):
        out[f"{name}_{size}.h"] = model_header(net, f"{name}_{size}", f"{kernels}.h")
        out[f"{name}_{size}.c"] = model_source(net, of_net, f"{name}_{size}")
    return out | (front_end_sources(cascade.stream, name) if cascade.stream else {})


def _values(cascade: Cascade, plan: ArenaPlan, name: str) -> dict[str, object]:
    little, big = cascade.little, cascade.big
    return {
        "name": name,
        "NAME": name.upper(),
        "classes": little.classes,
        "channels": little.channels,
        "channels_word": "channels" if little.channels > 1 else "one channel",
        "little_height": little.spec.height,
        "little_width": little.spec.width,
        "big_height": big.spec.height,
        "big_width": big.spec.width,
        "arena_bytes": plan.bytes + OVERREAD,
        "thresholds": ", ".join(map(str, cascade.thresholds)),
        "limit": cascade.limit,
        "dsp": dsp_block(),
        "speed": speed_block(),
        **constants(little, big, cascade.thresholds, name),
        "limit_words": f"a limit of {cascade.limit}" if cascade.limit else "no limit",
        **bias_values(cascade.little_bias, cascade.big_bias, little.classes),
        "little_logits": plan.nets[0].tensors[-1],
        "big_logits": plan.nets[1].tensors[-1],
        **(_one_input(cascade, plan, name) if cascade.shares_input else _two_inputs(plan, name)),
        **_quantise(cascade, name),
        **escalation_values(cascade.budget, cascade.watch, name),
        **stream_values(
            cascade.stream,
            score_factors(little, big),
            plan.between,
            _columns(cascade.little_pixels),
            name,
            biased=any((*cascade.little_bias, *cascade.big_bias)),
        ),
    }


def _one_input(cascade: Cascade, plan: ArenaPlan, name: str) -> dict[str, str]:
    height, width, channels = cascade.little.input_shape
    place = (
        "/* Where an image can be put to save that copy. Both nets read it there; the call overwrites it if the "
        "big net runs. */"
    )
    if cascade.stream is not None and not cascade.stream.sensor.relative:
        place = (
            f"/* Where the picture of the stream lies. An image that is given to {name}_predict takes its place: call "
            f"{name}_init\n * before samples follow. */"
        )
    return {
        "predict_comment": (
            f"/* Classify an image of {height} x {width} x {channels} int8, channels last. It is copied into the arena "
            f"unless it is\n * {name}_input() already. */"
        ),
        "predict_arguments": "const int8_t *image",
        "predict_names": "image",
        "no_images": "!image",
        "input_comment": place,
        **_places(name, {"": plan.nets[0].tensors[0]}),
        "take_inputs": f"    take(image, {name}_input_r(context), {name.upper()}_LITTLE_BYTES);",
    }


def _two_inputs(plan: ArenaPlan, name: str) -> dict[str, str]:
    sizes = ("little", "big")
    return {
        "predict_comment": (
            "/* Classify an image that is given in each net's own size and scale, int8, channels last. Both are copied "
            "into the arena\n * unless they are there already. */"
        ),
        "predict_arguments": "const int8_t *little, const int8_t *big",
        "predict_names": "little, big",
        "no_images": "!little || !big",
        "input_comment": "/* Where the images can be put to save these copies. A call may overwrite both. */",
        **_places(name, {f"{s}_": net.tensors[0] for s, net in zip(sizes, plan.nets, strict=True)}),
        "take_inputs": "\n".join(
            f"    take({s}, {name}_{s}_input_r(context), {name.upper()}_{s.upper()}_BYTES);" for s in sizes
        ),
    }


def _places(name: str, places: dict[str, int]) -> dict[str, str]:
    """Functions that tell where inputs lie in the arena, by their prefix."""

    def joined(text: str, between: str) -> str:
        return between.join(
            Template(text).substitute(name=f"{name}_{prefix}input", of=name, at=at) for prefix, at in places.items()
        )

    return {
        "input_declarations": joined("int8_t *${name}(void);\nint8_t *${name}_r(const ${of}_context *context);", "\n"),
        "input_definitions": joined(
            "int8_t *${name}_r(const ${of}_context *context)\n{\n"
            "    return is_ready(context) ? context->arena + ${at} : 0;\n}", "\n\n",
        ),
        "one_inputs": joined("int8_t *${name}(void)\n{\n    return ${name}_r(ready());\n}", "\n\n"),
    }  # fmt: skip


def _frame(cascade: Cascade, name: str) -> str:
    """Sizes of the frames that the functions of their name take."""
    if not cascade.resizes:
        return ""
    (height, width, channels), upper = cascade.resizes[0][2].frame, name.upper()
    return (
        f"#define {upper}_FRAME_HEIGHT {height}\n#define {upper}_FRAME_WIDTH {width}\n"
        f"#define {upper}_FRAME_BYTES {height * width * channels}\n"
    )


def _columns(pixels: Int8Array | None) -> int:
    """How many columns of a table of pixels are exported: one where all channels are alike."""
    return 1 if pixels is None or (pixels == pixels[:, :1]).all() else pixels.shape[1]


def _quantise(cascade: Cascade, name: str) -> dict[str, str]:
    """One function a distinct input, with its table of 256 values a channel (or one for all where they are alike)."""
    declarations, definitions = [], []
    for prefix, pixels, net in cascade.pixel_tables:
        head = f"int {name}_{prefix}quantise(const uint8_t *pixels, int8_t *image)"
        declarations.append(f"{head};")
        columns = _columns(pixels)
        table = c_array("int8_t", f"{prefix}table", pixels[:, :columns].T.reshape(-1).tolist())
        size = int(np.prod(net.input_shape))
        definitions.append(
            f"{table}\n{head}\n{{\n    uint32_t i;\n    if (!pixels || !image) {{\n        return -1;\n    }}\n"
            f"    for (i = 0; i < {size}; i++) {{\n"
            f"        image[i] = {prefix}table[{table_row(columns)}pixels[i]];\n    }}\n    return 0;\n}}\n"
        )
    for prefix, pixels, resize in cascade.resizes:
        function = f"{name}_{prefix}frame"
        declarations.append(f"int {function}(const uint8_t *frame, int8_t *image);")
        definitions.append(frame_source(resize, prefix, function, _columns(pixels)))
    return {
        "frame": _frame(cascade, name),
        "frame_words": ",\n * or a frame of the data's, resized as in training" if cascade.resizes else "",
        "quantise_declarations": "\n".join(declarations) or "/* (exported without the data's pixel statistics) */",
        "quantise_definitions": "\n".join(definitions),
    }
