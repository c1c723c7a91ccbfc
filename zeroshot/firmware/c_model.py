"""One int8 net as C source: its constants and its table of layers."""

from collections.abc import Sequence

import numpy as np

from zeroshot.firmware.pack import PackedLayer, pack
from zeroshot.firmware.plan import NetPlan
from zeroshot.frontend.c_text import c_array
from zeroshot.int8.net import Int8Net
from zeroshot.net import ADD, AVGPOOL, DEPTHWISE, NO_TENSOR, OPS, LayerTable

KERNELS = {ADD: "zs_add", AVGPOOL: "zs_pool", DEPTHWISE: "zs_depthwise"}  # all others: zs_convolve
LAYER_BYTES = 56  # of the C struct on a 32-bit core


def kernel_of(op: int) -> str:
    """Name in C of the function that runs an operator of `zeroshot.net.OPS`; `kernel_symbol` has the linker's."""
    return KERNELS.get(op, "zs_convolve")


def kernel_symbol(op: int, name: str) -> str:
    """What the linker sees of it in an export of a name."""
    return f"{name}_{kernel_of(op)}"


def model_source(net: Int8Net, plan: NetPlan, name: str) -> str:
    """The .c file of a net.

    Args:
        net: The net.
        plan: Where its tensors lie.
        name: C identifier of the table, and name of the header file.
    """
    packed = pack(net)
    parts = [f"/* {net.spec}: {len(packed)} layers. */\n", f'#include "{name}.h"\n']
    for row, layer in enumerate(packed):
        parts += _constants(layer, row)
    rows = ",\n".join(_layer(net, plan, layer, row) for row, layer in enumerate(packed))
    parts.append(f"const zs_layer {name}[{len(packed)}] = {{\n{rows}}};\n")
    return "\n".join(parts)


def model_header(net: Int8Net, name: str, kernels: str) -> str:
    """The .h file of a net; arguments as `model_source`, and the name of the kernels' header."""
    guard = f"{name.upper()}_H"
    height, width, channels = net.input_shape
    return (
        f"/* {net.spec}: input {height} x {width} x {channels}, {net.classes} outputs. */\n"
        f"#ifndef {guard}\n#define {guard}\n\n"
        f'#include "{kernels}"\n\n'
        f"extern const zs_layer {name}[{len(net.table.rows)}];\n\n"
        f"#endif\n"
    )


def model_bytes(packed: Sequence[PackedLayer]) -> int:
    """Flash of a net's constants and table on a 32-bit core, bytes, without padding between arrays."""
    return sum(layer.bytes + LAYER_BYTES for layer in packed)


def _constants(layer: PackedLayer, row: int) -> list[str]:
    out = []
    if len(layer.weights):
        out.append(c_array("int8_t", f"weights_{row}", layer.weights.tolist(), aligned=True))
        out.append(c_array("int32_t", f"bias_{row}", layer.bias.tolist()))
    if len(layer.multiplier):
        out.append(c_array("int32_t", f"multiplier_{row}", layer.multiplier.tolist()))
        out.append(c_array("int8_t", f"shift_{row}", layer.shift.tolist()))
    return out


def _layer(net: Int8Net, plan: NetPlan, layer: PackedLayer, row: int) -> str:
    columns = dict(zip(_COLUMNS, (int(net.table.column(c)[row]) for c in _COLUMNS), strict=True))
    first, second = columns["source"], columns["residual"]
    if layer.swapped:
        first, second = second, first
    has_second = second != NO_TENSOR
    op = columns["op"]
    fields: list[object] = [
        kernel_of(op),
        plan.tensors[first + 1],
        plan.tensors[second + 1] if has_second else 0,
        plan.tensors[row + 1],
        plan.scratch[row],
        f"weights_{row}" if len(layer.weights) else 0,
        f"bias_{row}" if len(layer.weights) else 0,
        f"multiplier_{row}" if len(layer.multiplier) else 0,
        f"shift_{row}" if len(layer.multiplier) else 0,
        *(columns[name] for name in ("height", "width", "in_channels", "out_height", "out_width", "out_channels")),
        columns["kernel_h"], columns["kernel_w"], columns["stride"],
        int(net.zero[first + 1]), int(net.zero[second + 1]) if has_second else 0, int(net.zero[row + 1]),
        layer.low,
    ]  # fmt: skip
    return f"    /* {row}: {OPS[op]} */\n    {{{', '.join(map(str, fields))}}}"


_COLUMNS = (
    "op", "source", "residual", "height", "width", "in_channels", "out_height", "out_width", "out_channels",
    "kernel_h", "kernel_w", "stride",
)  # fmt: skip


def kernel_config(nets: Sequence[Int8Net]) -> str:
    """The header beside the kernels: which kernels these nets use, and which form of requantisation they need."""
    used = {kernel_of(int(op)) for net in nets for op in np.unique(net.table.column("op"))}
    fast = all(layer.fast for net in nets for layer in pack(net))
    lines = ["/* What these nets need of the kernels. */"]
    for name in ("convolve", "depthwise", "add", "pool"):
        lines.append(f"#define ZS_USE_{name.upper()} {int(f'zs_{name}' in used)}")
    three = any(_has_three_taps(net.table) for net in nets)
    return "\n".join([*lines, f"#define ZS_THREE_TAPS {int(three)}", f"#define ZS_ANY_SCALE {int(not fast)}", ""])


def _has_three_taps(table: LayerTable) -> bool:
    """Whether a depthwise layer has three taps more than a multiple of four; those of squares have one more."""
    taps = table.column("kernel_h") * table.column("kernel_w")
    return bool(((table.column("op") == DEPTHWISE) & (taps % 4 == 3)).any())
