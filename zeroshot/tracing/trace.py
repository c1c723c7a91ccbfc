"""Any user's `torch.nn.Module` -> LayerTable, so that costs and static proxies serve nets that no space made.

torch.export writes down the operators that a forward pass executes; each is a row, or free:

- batch norm is folded into the convolution or fully connected layer before it; after anything else, or where others
  read that layer's output too, it is an `add` row with one operand: an element-wise pass without MACs or weights;
- ReLU, ReLU6 and clamping at zero are free, fused into the operator before. That is optimistic for a value that is
  also read without its ReLU (pre-activation nets), for which a runtime needs one tensor more;
- padding with zeros belongs to the convolution or pooling that reads it, dropout and views are nothing;
- poolings of both kinds are `avgpool` rows with their kernel; a mean over height and width is a global one;
- joining channels is an `add` row whose output has the channels of both operands, for n operands n - 1 rows: the
  peak of live tensors is exact, the time for n > 2 an upper bound.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from zeroshot.errors import UsageError
from zeroshot.net import CELL, INPUT, LayerTable
from zeroshot.tracing._operators import GETITEM, HANDLERS, HINTS, NO_ROW, NotALayer, Tape, Value, getitem

# Two images, so that an axis of one is never the batch.
BATCH = 2
_SUPPORTED = "Supported: convolutions, batch norm, ReLU, linear, addition, joining channels, pooling, views, dropout."


def trace(module: nn.Module, input_shape: tuple[int, int, int]) -> LayerTable:
    """Lay out a module as rows of layers, in the order in which a forward pass in evaluation mode executes them.

    Operators whose results are not used are rows as well. `counts.params` of the table supposes, as for the nets of
    `build`, that convolutions have a batch norm instead of a bias; MACs, weights and arena need no such assumption.

    Args:
        module: Any module that torch.export can trace, from a batch of images to logits, in either mode. Its modes,
            parameters and buffers are left as they were.
        input_shape: (channels, height, width) of one image.

    Returns:
        The table of one net. `cell` numbers runs of layers: each numbered child that has children of its own
        (`layer1.0` of a ResNet) is one, and so is what lies between such blocks.

    Raises:
        UsageError: torch.export fails (control flow on values, a wrong shape), or an operator is none that a
            LayerTable describes; the message names it and the layer that it comes from.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 6 * 6, 10))
    >>> trace(net, (3, 8, 8)).column("out_channels").tolist()
    [8, 10]
    """
    if len(input_shape) != 3 or min(input_shape) < 1:
        raise UsageError(f"An input shape is (channels, height, width), not {tuple(input_shape)}.")
    graph, image = _export(module, input_shape)
    tape = Tape([], {})
    paths: list[str] = []  # the layer that each row comes from
    used: set[fx.Node] = set()
    result = None
    for node in graph.nodes:
        if node.op == "placeholder" and node.name == image:
            tape.values[node] = Value(INPUT, *input_shape)
        elif node.op == "call_function" and not _is_constant(tape, node):
            path = _path(node)
            _check_weight(node, path, used)
            tape.values[node] = value = _value(tape, node, path)
            if _name(node).endswith("_"):
                tape.values[node.all_input_nodes[0]] = value
            paths += [path] * (len(tape.rows) - len(paths))
        elif node.op == "output":
            result = _result(tape, node)
    if result is None or not tape.rows or result.tensor != len(tape.rows) - 1:
        raise UsageError("The module does not return the output of its last layer.", "Remove layers without effect.")
    rows = np.array(tape.rows, np.int32)
    rows[:, CELL] = _cells(module, paths)
    return LayerTable(rows, np.array([0, len(rows)], np.int64))


def _export(module: nn.Module, input_shape: tuple[int, ...]) -> tuple[fx.Graph, str]:
    """The module's graph in evaluation mode, and the name of the node that is its input."""
    like = next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0))
    images = torch.zeros(BATCH, *input_shape, dtype=like.dtype, device=like.device)
    try:
        with _evaluating(module), torch.no_grad():
            program = torch.export.export(module, (images,), strict=False)
    except Exception as error:  # the module's own code runs here, and may raise anything
        raise _export_error(error) from error
    return program.graph, program.graph_signature.user_inputs[0]


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode; afterwards every part has its own mode again, which `train()` would not give back."""
    parts = list(module.modules())
    modes = [part.training for part in parts]
    module.eval()
    try:
        yield
    finally:
        for part, mode in zip(parts, modes, strict=True):
            part.training = mode


def _export_error(error: Exception) -> UsageError:
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
    hint = "The module must take one batch of images (n, channels, height, width) of this shape."
    if "data-dependent" in str(error):
        hint = "Its control flow depends on values of tensors; a net for a microcontroller has none."
    return UsageError(f"torch.export cannot trace this module: {type(error).__name__}: {reason}", hint)


def _value(tape: Tape, node: fx.Node, path: str) -> Value:
    name = _name(node)
    try:
        if node.target is GETITEM:
            return getitem(tape, node)
        if name not in HANDLERS:
            raise NotALayer(NO_ROW, HINTS.get(name.rstrip("_"), _SUPPORTED))
        return HANDLERS[name](tape, node, _arguments(node))
    except NotALayer as problem:
        where = f"layer {path!r}" if path else "the outermost forward"
        hint = problem.hint[0].upper() + problem.hint[1:]
        raise UsageError(f"{name} in {where} cannot be laid out: {problem.reason}.", hint.rstrip(".") + ".") from None


def _arguments(node: fx.Node) -> dict[str, Any]:
    """The arguments of an operator's call by the names of its schema, defaults filled in."""
    names = node.target._schema.arguments  # type: ignore[union-attr]
    given = dict(zip((argument.name for argument in names), node.args, strict=False)) | dict(node.kwargs)
    return {argument.name: given.get(argument.name, argument.default_value) for argument in names}


def _is_constant(tape: Tape, node: fx.Node) -> bool:
    """Whether a node only computes with parameters and buffers, checks something, or unpacks what nobody reads."""
    if _name(node).startswith(("_assert", "sym_")) or (node.target is GETITEM and not node.users):
        return True
    return not any(source in tape.values for source in node.all_input_nodes)


def _check_weight(node: fx.Node, path: str, used: set[fx.Node]) -> None:
    """Refuse layers that are applied twice: a LayerTable would count their weights twice."""
    weight = node.args[1] if _name(node) in ("conv2d", "linear") else None
    if not isinstance(weight, fx.Node):
        return
    if weight in used:
        raise UsageError(
            f"Layer {path!r} uses weights a second time; a LayerTable would count them twice.",
            "Give every application a layer of its own.",
        )
    used.add(weight)


def _name(node: fx.Node) -> str:
    """An operator's name without namespace and overload: `conv2d`."""
    schema = getattr(node.target, "_schema", None)
    return str(schema.name).rpartition(":")[2] if schema else getattr(node.target, "__name__", str(node.target))


def _path(node: fx.Node) -> str:
    """Dotted name of the module that an operator comes from; empty for the outermost."""
    stack = node.meta.get("nn_module_stack") or {"": ("", None)}
    path: str = list(stack.values())[-1][0]
    return path.partition("@")[0]  # torch marks the second call of a module with @1


def _result(tape: Tape, node: fx.Node) -> Value | None:
    outputs = node.args[0]
    if not isinstance(outputs, tuple) or len(outputs) != 1 or not isinstance(outputs[0], fx.Node):
        raise UsageError("The module does not return one tensor.", "Wrap it so that it returns the logits alone.")
    return tape.values.get(outputs[0])


def _cells(module: nn.Module, paths: list[str]) -> list[int]:
    """A number for each row, higher by one wherever another block begins."""
    numbers = [0]
    blocks = [_block(module, path) for path in paths]
    for before, block in zip(blocks, blocks[1:], strict=False):
        numbers.append(numbers[-1] + (block != before))
    return numbers


def _block(module: nn.Module, path: str) -> str:
    """The outermost numbered module around a layer that is not a layer itself; empty outside of such."""
    parts = path.split(".")
    for end, part in enumerate(parts, 1):
        prefix = ".".join(parts[:end])
        if part.isdigit() and any(True for _ in module.get_submodule(prefix).children()):
            return prefix
    return ""
