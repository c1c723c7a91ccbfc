"""What each torch operator is in a LayerTable: one visible table of handlers for `zeroshot.tracing.trace`."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import fx

from zeroshot.net import ADD, AVGPOOL, CONV, DEPTHWISE, LINEAR, NO_TENSOR, POINTWISE

IMAGE, MAP, FLAT = ("n", "c", "h", "w"), ("n", "c", "hw"), ("n", "c")  # axes of (n, C, H, W), (n, C, H W), (n, F)


@dataclass(frozen=True)
class Value:
    """A tensor of the net while it is traced, without its batch axis.

    Attributes:
        tensor: Row that writes it, `INPUT`, or `NO_TENSOR` for zeros.
        channels: Its channels, or features once it is flat.
        height: Pixels; without the zeros of a padding that the next layer takes up.
        width: Pixels.
        axes: Names of its axes in torch, which views permute and merge.
        foldable: Whether a batch norm may still be folded into the layer that wrote it.
        padded: Whether a padding waits for the layer that takes it up.
        steps: Of the rows and columns that the next layer reads, which becomes its stride.
    """

    tensor: int
    channels: int
    height: int
    width: int
    axes: tuple[str, ...] = IMAGE
    foldable: bool = False
    padded: bool = False
    steps: tuple[int, int] = (1, 1)


class NotALayer(Exception):  # noqa: N818 - a reason, which `trace` turns into an error with the layer's name
    """An operator that no row of a LayerTable describes: the reason, and what would work."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


@dataclass
class Tape:
    """The rows so far, and the value of every node of the graph."""

    rows: list[list[int]]
    values: dict[fx.Node, Value]

    def value(
        self, node: Any, axes: Sequence[str] = (), padding: bool = False, steps: bool = False  # noqa: ANN401
    ) -> Value:  # fmt: skip
        """The traced tensor of an argument, checked for what the operator can take."""
        found = self.values.get(node) if isinstance(node, fx.Node) else None
        if found is None:
            raise NotALayer("an operand is a constant", "fold constants into a layer's weights or into the data")
        if found.padded and not padding:
            raise NotALayer("it reads a padding", "pad directly before a convolution or a pooling")
        if found.steps != (1, 1) and not steps:
            raise NotALayer("it reads a part of the pixels", "skip pixels directly before a 1x1 convolution")
        if axes and found.axes != axes:
            shape = "(n, channels, height, width)" if axes == IMAGE else "(n, features)"
            raise NotALayer(f"its input is not {shape}", "permute back, or flatten, before it")
        return found

    def put(
        self, op: int, x: Value, out: Value, kernel: Sequence[int] = (1, 1), stride: int = 1, groups: int = 1,
        residual: int = NO_TENSOR,
    ) -> Value:  # fmt: skip
        """Add a row from `x` to `out`; returns `out` as that row's tensor."""
        self.rows.append(
            [op, x.height, x.width, out.height, out.width, x.channels, out.channels, *kernel, stride, groups, x.tensor,
             residual, 0]
        )  # fmt: skip
        return replace(out, tensor=len(self.rows) - 1)


Arguments = Mapping[str, Any]  # an operator's arguments by the names of its schema, defaults filled in
Handler = Callable[[Tape, fx.Node, Arguments], Value]


def shape_of(node: fx.Node) -> tuple[int, ...]:
    """Static shape of a node's tensor."""
    return tuple(map(int, node.meta["val"].shape))


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    numbers = [value] if isinstance(value, int) else list(value)
    return numbers[0], numbers[-1]


def _stride(value: int | Sequence[int], out: Value) -> int:
    """The one stride of both axes; that of an axis with one position left says nothing."""
    down, right = _pair(value)
    if out.height == 1 or out.width == 1:
        return right if out.height == 1 else down
    if down != right:
        raise NotALayer(f"its stride differs between the axes ({down} and {right})", "use one stride for both")
    return down


def _written(node: fx.Node) -> Value:
    """A node's output, image-shaped, whose row is yet to be written."""
    _, channels, height, width = shape_of(node)
    return Value(NO_TENSOR, channels, height, width)


def _alone(node: fx.Node) -> bool:
    """Whether nothing but this node reads its first operand."""
    return len(node.all_input_nodes[0].users) == 1


def _conv(tape: Tape, node: fx.Node, args: Arguments) -> Value:
    kernel = shape_of(args["weight"])[2:]
    x = tape.value(args["input"], IMAGE, padding=True, steps=kernel == (1, 1))
    groups = int(args["groups"])
    op = CONV
    if groups == 1 and kernel == (1, 1):
        op = POINTWISE
    elif groups == x.channels > 1:
        op = DEPTHWISE
    out = _written(node)
    stride = _stride(args["stride"], out) * _stride(x.steps, out)
    return tape.put(op, x, replace(out, foldable=True), kernel, stride, groups)


def _linear(tape: Tape, node: fx.Node, args: Arguments) -> Value:
    x = tape.value(args["input"], FLAT)
    return tape.put(LINEAR, x, Value(NO_TENSOR, shape_of(node)[1], 1, 1, FLAT, foldable=True))


def _batch_norm(tape: Tape, node: fx.Node, args: Arguments) -> Value:
    x = tape.value(args["input"])
    if args["training"]:
        raise NotALayer("it uses the statistics of its batch", "track running statistics, which fold into a layer")
    if x.foldable and _alone(node):
        return x
    # A sum, a pooling, or an output that others read as well: an element-wise pass, `add` with one operand.
    return tape.put(ADD, x, replace(x, foldable=False))


def _activation(tape: Tape, node: fx.Node, args: Arguments) -> Value:
    return replace(tape.value(node.args[0]), foldable=False)


def _clamp(tape: Tape, node: fx.Node, args: Arguments) -> Value:
    if args["min"] != 0:
        raise NotALayer("it clamps below at another value than zero", "use nn.ReLU or nn.ReLU6")
    return _activation(tape, node, args)


def _copy(tape: Tape, node: fx.Node, args: Arguments) -> Value:
    x = tape.value(node.args[0])
    return replace(x, foldable=x.foldable and _alone(node))


def _dropout(tape: Tape, node: fx.Node, args: Arguments) -> Value:
    if args["train"]:
        raise NotALayer("it drops activations in evaluation mode, too", "use nn.Dropout")
    return _copy(tape, node, args)


def _add(tape: Tape, node: fx.Node, args: Arguments) -> Value:
    if args["other"] == 0:  # what sum([...]) starts with
        return _copy(tape, node, args)
    a, b = tape.value(args["self"]), tape.value(args["other"])
    shapes = shape_of(args["self"])[1:], shape_of(args["other"])[1:]
    if args["alpha"] != 1:
        raise NotALayer("it scales an operand", "scale with a batch norm")
    if shapes[0] != shapes[1] or a.axes != b.axes:
        raise NotALayer(f"it broadcasts {shapes[0]} and {shapes[1]}", "add tensors of one shape")
    if NO_TENSOR in (a.tensor, b.tensor):
        return replace(b if a.tensor == NO_TENSOR else a, foldable=False)
    return tape.put(ADD, a, replace(a, foldable=False), residual=b.tensor)


def _cat(tape: Tape, node: fx.Node, args: Arguments) -> Value:
    out, *parts = [tape.value(part) for part in args["tensors"]]
    if out.axes[args["dim"]] != "c":
        raise NotALayer("it joins along another axis than the channels", "join channels")
    for part in parts:
        out = tape.put(ADD, out, replace(out, channels=out.channels + part.channels), residual=part.tensor)
    return replace(out, foldable=False)


def _pool(tape: Tape, node: fx.Node, args: Arguments) -> Value:
    x = tape.value(args["self"], IMAGE, padding=True)
    kernel = _pair(args["kernel_size"])
    out = _written(node)
    return tape.put(AVGPOOL, x, out, kernel, _stride(args["stride"] or kernel, out))


def _adaptive_pool(tape: Tape, node: fx.Node, args: Arguments) -> Value:
    x = tape.value(args["self"], IMAGE)
    height, width = _pair(args["output_size"])
    if (height, width) == (1, 1):
        return _global_pool(tape, x)
    if (height, width) == (x.height, x.width):
        return _copy(tape, node, args)
    if x.height % height or x.width % width:
        raise NotALayer(f"{x.height}x{x.width} pixels do not divide into {height}x{width}", "pool to divisors")
    kernel = x.height // height, x.width // width
    out = replace(x, height=height, width=width, foldable=False)
    return tape.put(AVGPOOL, x, out, kernel, _stride(kernel, out))


def _global_pool(tape: Tape, x: Value) -> Value:
    return tape.put(AVGPOOL, x, replace(x, height=1, width=1, foldable=False), (x.height, x.width))


def _reduce(tape: Tape, node: fx.Node, args: Arguments) -> Value:
    x = tape.value(args["self"])
    dim = args.get("dim")
    dims = [dim] if isinstance(dim, int) else dim or range(len(x.axes))
    if sorted("".join(x.axes[dim] for dim in dims)) != ["h", "w"]:
        raise NotALayer("it reduces other axes than height and width", "reduce these two: a global pooling")
    return replace(_global_pool(tape, x), axes=x.axes if args["keepdim"] else FLAT)


def _view(tape: Tape, node: fx.Node, args: Arguments) -> Value:
    """Any reshape that flattens all, or keeps channels apart from pixels: no number moves."""
    before, after = shape_of(node.all_input_nodes[0]), shape_of(node)
    if before == after:
        return _copy(tape, node, args)
    x = replace(tape.value(node.args[0]), foldable=False)
    features = x.channels * x.height * x.width
    if after == (before[0], features):
        return Value(x.tensor, features, 1, 1, FLAT)
    if x.axes[1] == "c" and after == (before[0], x.channels, x.height * x.width):
        return replace(x, axes=MAP)
    if x.axes[1] == "c" and after == (before[0], x.channels, x.height, x.width):
        return replace(x, axes=IMAGE)
    raise NotALayer(f"it rearranges {before[1:]} into {after[1:]}", "flatten, or keep channels, height and width")


def _permute(tape: Tape, node: fx.Node, args: Arguments) -> Value:
    x = tape.value(args["self"])
    order = list(range(len(x.axes)))
    if "dims" in args:
        order = [int(axis) for axis in args["dims"]]
    else:
        i, j = args["dim0"], args["dim1"]
        order[i], order[j] = order[j], order[i]
    axes = tuple(x.axes[axis] for axis in order)
    if axes[0] != "n":
        raise NotALayer("it moves the batch axis", "keep the batch first")
    return replace(x, axes=axes, foldable=False)


def _pad(tape: Tape, node: fx.Node, args: Arguments) -> Value:
    x = tape.value(args["self"], IMAGE)
    if args.get("mode", "constant") != "constant" or args["value"] not in (None, 0):
        raise NotALayer("it pads with other values than zero", "pad with zeros")
    if len(args["pad"]) > 4 or min(args["pad"]) < 0:
        raise NotALayer("it pads channels, or crops", "pad height and width only")
    return replace(x, padded=True, foldable=False)


def _slice(tape: Tape, node: fx.Node, args: Arguments) -> Value:
    """Every n-th row or column from the first on, which is the stride of the 1x1 convolution that reads them."""
    x = tape.value(args["self"], IMAGE, steps=True)
    axis, whole = int(args["dim"]), shape_of(args["self"])
    if axis < 2 or args["start"] not in (None, 0) or (args["end"] is not None and args["end"] < whole[axis]):
        raise NotALayer("it cuts pixels or channels off", "let a convolution or a pooling make them fewer")
    steps = list(x.steps)
    steps[axis - 2] *= int(args["step"])
    return replace(x, steps=(steps[0], steps[1]), foldable=False)


def _zeros(tape: Tape, node: fx.Node, args: Arguments) -> Value:
    return replace(tape.value(node.args[0]), tensor=NO_TENSOR, foldable=False)


def _multiply(tape: Tape, node: fx.Node, args: Arguments) -> Value:
    if args["other"] == 0:  # how some nets write zeros
        return _zeros(tape, node, args)
    raise NotALayer(NO_ROW, HINTS["mul"])


def getitem(tape: Tape, node: fx.Node) -> Value:
    """The values of a pooling that also returns indices."""
    source, index = node.args
    if index != 0 or not isinstance(source, fx.Node):
        raise NotALayer("it uses the indices of a max pooling", "use the values only")
    return tape.values[source]


_TABLE: tuple[tuple[str, Handler], ...] = (
    ("conv2d", _conv),
    ("linear", _linear),
    ("batch_norm", _batch_norm),
    ("relu relu_ relu6 relu6_ hardtanh hardtanh_", _activation),
    ("clamp clamp_ clamp_min clamp_min_", _clamp),
    ("add add_", _add),
    ("cat concat concatenate", _cat),
    ("avg_pool2d max_pool2d max_pool2d_with_indices", _pool),
    ("adaptive_avg_pool2d adaptive_max_pool2d", _adaptive_pool),
    ("mean amax", _reduce),
    ("view reshape flatten unflatten squeeze unsqueeze _unsafe_view", _view),
    ("permute transpose", _permute),
    ("pad constant_pad_nd", _pad),
    ("dropout dropout_ feature_dropout feature_dropout_ alpha_dropout", _dropout),
    ("contiguous clone detach detach_ alias to", _copy),
    ("slice", _slice),
    ("zeros_like", _zeros),
    ("mul mul_", _multiply),
)
# Name of an aten operator, without its overload -> what it is in a LayerTable.
HANDLERS: Mapping[str, Handler] = {name: handler for names, handler in _TABLE for name in names.split()}
NO_ROW = "no row of a LayerTable describes it"
_PRODUCT = "a LayerTable has no products of tensors: use blocks without squeeze-and-excitation or attention"
_NORM = "use nn.BatchNorm2d, which folds into a convolution"
HINTS: Mapping[str, str] = {
    **dict.fromkeys(("mul", "matmul", "bmm", "scaled_dot_product_attention"), _PRODUCT),
    **dict.fromkeys(("softmax", "log_softmax"), "let the net return logits"),
    **dict.fromkeys(("layer_norm", "group_norm", "instance_norm"), _NORM),
    **dict.fromkeys(("silu", "hardswish", "gelu", "elu", "sigmoid", "tanh", "leaky_relu", "prelu"), "use nn.ReLU"),
}
GETITEM = operator.getitem
