"""Layers, sizes and names of nets, from the definitions of the blocks."""

import math
from itertools import product

INPUT, NO_TENSOR = -1, -2


def same_padding(size, kernel, stride):
    """TFLite's ComputePaddingWithOffset for SAME: (before, after)."""
    out = (size + stride - 1) // stride
    total = (out - 1) * stride + kernel - size
    total = total if total > 0 else 0
    before = total // 2
    offset = total % 2
    return before, before + offset


def layer_rows(spec, channels, classes):
    """One dict a layer, in the order of execution, from the definitions of the blocks."""
    rows = []

    def layer(op, source, out_channels, cell, kernel=1, stride=1, groups=1, residual=NO_TENSOR, pooled=False):
        image = {"out_height": spec.height, "out_width": spec.width, "out_channels": channels}
        feed = image if source == INPUT else rows[source]
        high, wide = feed["out_height"], feed["out_width"]
        kernel_h, kernel_w = (high, wide) if pooled else (kernel, kernel)
        # Of a signal, which has one pixel along an axis, kernels have one, too.
        if spec.height == 1 and spec.width > 1:
            kernel_h = 1
        if spec.width == 1 and spec.height > 1:
            kernel_w = 1
        rows.append(
            {
                "op": op,
                "height": high,
                "width": wide,
                "out_height": 1 if pooled else math.ceil(high / stride),
                "out_width": 1 if pooled else math.ceil(wide / stride),
                "in_channels": feed["out_channels"],
                "out_channels": out_channels,
                "kernel_h": kernel_h,
                "kernel_w": kernel_w,
                "stride": stride,
                "groups": groups,
                "source": source,
                "residual": residual,
                "cell": cell,
            }
        )
        return len(rows) - 1

    def spatial(source, width, cell, kernel, stride):
        return layer("pointwise" if kernel == 1 else "conv", source, width, cell, kernel, stride)

    at = layer("conv", INPUT, spec.stem_width, 0, 3, spec.stem_stride)
    cell = 0
    for stage in spec.stages:
        for depth in range(stage.depth):
            cell += 1
            stride = stage.stride if depth == 0 else 1
            entry, k, width = at, stage.kernel, stage.width
            came_in = rows[entry]["out_channels"]
            same_shape = came_in == width and stride == 1
            if stage.block == "c":
                at = spatial(entry, width, cell, k, stride)
            elif stage.block == "d":
                at = layer("depthwise", entry, came_in, cell, k, stride, came_in)
                at = layer("pointwise", at, width, cell)
            elif stage.block == "m":
                hidden = came_in * stage.expansion
                if stage.expansion > 1:
                    at = layer("pointwise", at, hidden, cell)
                at = layer("depthwise", at, hidden, cell, k, stride, hidden)
                at = layer("pointwise", at, width, cell)
                if same_shape:
                    at = layer("add", at, width, cell, residual=entry)
            else:
                at = spatial(entry, width, cell, k, stride)
                body = spatial(at, width, cell, k, 1)
                skip = entry if same_shape else layer("pointwise", entry, width, cell, 1, stride)
                at = layer("add", body, width, cell, residual=skip)
    cell += 1
    if spec.head:
        at = layer("pointwise", at, spec.head, cell)
    at = layer("avgpool", at, rows[at]["out_channels"], cell, pooled=True)
    layer("linear", at, classes, cell)
    return rows


def count_layers(rows):
    """(MACs, weights, parameters) of one net by the textbook formulas, layer by layer."""
    total_macs = total_weights = total_params = 0
    for row in rows:
        if row["op"] in ("add", "avgpool"):
            continue
        weights = 0
        for _ in range(row["out_channels"]):
            weights += row["kernel_h"] * row["kernel_w"] * (row["in_channels"] // row["groups"])
        total_weights += weights
        total_macs += weights * row["out_height"] * row["out_width"]
        bias_or_norm = row["out_channels"] * (1 if row["op"] == "linear" else 2)
        total_params += weights + bias_or_norm
    return total_macs, total_weights, total_params


def enumerate_space(space):
    """Short specs of all nets of a space, by nested loops over its choices."""
    names = []
    for resolution, stem, stem_stride, head in product(
        space.resolutions, space.stem_widths, space.stem_strides, space.heads
    ):
        stage_choices = list(product(space.blocks, space.kernels, space.widths, space.depths, space.strides))
        for count in range(space.min_stages, space.max_stages + 1):
            for stages in product(stage_choices, repeat=count):
                high, wide = (resolution, resolution) if isinstance(resolution, int) else resolution
                name = f"r{high}" if high == wide else f"r{high}x{wide}"
                left = []  # on axes of more than one pixel
                for side in (each for each in (high, wide) if each > 1):
                    side = math.ceil(side / stem_stride)
                    for *_, stride in stages:
                        side = math.ceil(side / stride)
                    left.append(side)
                if min(left, default=1) < 2:
                    continue
                parts = [name, f"s{stem}" + ("/2" if stem_stride == 2 else "")]
                for (block, expansion), kernel, width, depth, stride in stages:
                    expand = f"e{expansion}" if block == "m" else ""
                    parts.append(f"{block}{kernel}{expand}w{width}x{depth}" + ("/2" if stride == 2 else ""))
                names.append("-".join(parts + ([f"h{head}"] if head else [])))
    return names
