"""An int8 net as a .tflite file, written with the schema's own classes: no converter, no graph to clean up.

Five operators: CONV_2D, DEPTHWISE_CONV_2D, ADD, AVERAGE_POOL_2D, FULLY_CONNECTED; int8 in, int8 out, one weight scale
an output channel, ReLU fused, padding SAME. Tensor 0 is the input and tensor t + 1 the output of row t, as in
`zeroshot.int8.net`; weights and biases come after them. Constants start at multiples of 16 bytes.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from zeroshot import __version__
from zeroshot.errors import UsageError, pip_install
from zeroshot.int8.net import Int8Net
from zeroshot.net import ADD, AVGPOOL, DEPTHWISE, LINEAR, OPS

ALIGNMENT = 16  # bytes; the schema asks for it: kernels may read constants a word or a vector at a time
SCHEMA_VERSION = 3
IDENTIFIER = b"TFL3"
# Lowest version of each operator that takes int8.
VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "ADD": 2, "AVERAGE_POOL_2D": 2, "FULLY_CONNECTED": 4}
COLUMNS = ("op", "source", "residual", "stride", "kernel_h", "kernel_w", "out_height", "out_width", "out_channels")


def to_tflite(net: Int8Net) -> bytes:
    """A net as the bytes of a .tflite file, which TFLite Micro runs to the same outputs as `zeroshot.int8.execute.run`.

    Inputs are (1, height, width, channels) int8, outputs (1, classes) int8. Nets of `one_scale_linear` are written
    with one scale for the fully connected layer, which older runtimes need.

    Raises:
        UsageError: The net has one class, or ai-edge-litert is not installed.
    """
    if net.classes < 2:
        raise UsageError(
            f"{net.spec} has {net.classes} class: it decides nothing.", "Export nets of 2 classes or more."
        )
    return _Writer(net).model()


def one_scale_linear(net: Int8Net) -> Int8Net:
    """The net with one weight scale for its whole fully connected layer, for runtimes that know no scale a class.

    This changes the net: the weights and bias of each class are rounded anew, to the largest scale of the layer
    rounded up to a power of two. A class whose scale was k times smaller is left with 1 / k of its steps. A power of
    two, because TFLite multiplies a fully connected layer's scales in float32 where there is one weight scale, and in
    float64 where there are many: this product is exact in both. All other layers stay as they are.
    """
    row = len(net.weights) - 1
    weights, scale, bias = net.weights[row], net.weight_scale[row], net.bias[row]
    if weights is None or scale is None or bias is None:
        raise UsageError(f"{net.spec} does not end in a fully connected layer.")
    common = np.float32(2.0 ** np.ceil(np.log2(np.float64(scale.max()))))
    share = scale.astype(np.float64) / np.float64(common)
    coarse = np.rint(weights * share[:, None, None, None]).astype(np.int8)
    return replace(
        net,
        weights=(*net.weights[:row], coarse),
        weight_scale=(*net.weight_scale[:row], np.full_like(scale, common)),
        bias=(*net.bias[:row], np.rint(bias * share).astype(np.int32)),
    )


class _Writer:
    """One model in the making: tensors, buffers and operator codes in the order in which they are added."""

    def __init__(self, net: Int8Net) -> None:
        try:
            import flatbuffers
            from ai_edge_litert import schema_py_generated as schema
        except ImportError as error:
            raise UsageError(
                f"Writing .tflite files needs ai-edge-litert and flatbuffers ({error}).",
                pip_install("export"),
            ) from error
        self.builder = flatbuffers.Builder(2**16)
        self.schema: Any = schema
        self.net = net
        self.columns = {name: net.table.column(name).tolist() for name in COLUMNS}
        self.tensors: list[Any] = []
        self.buffers = [self._object("Buffer")]  # buffer 0 is the empty one, of every tensor that is no constant
        self.codes: list[str] = []

    def model(self) -> bytes:
        net, rows = self.net, range(len(self.net.relu))
        self._activation("input", net.input_shape, -1)
        for row in rows[:-1]:
            height, width, channels = (self.columns[name][row] for name in ("out_height", "out_width", "out_channels"))
            self._activation(f"{OPS[self.columns['op'][row]]}_{row}", (height, width, channels), row)
        self._activation("output", (net.classes,), rows[-1])
        operators = [self._operator(row) for row in rows]
        graph = self._object(
            "SubGraph", name="main", tensors=self.tensors, inputs=[0], outputs=[len(rows)], operators=operators
        )
        model = self._object(
            "Model",
            version=SCHEMA_VERSION,
            operatorCodes=[self._code(name) for name in self.codes],
            subgraphs=[graph],
            description=f"{net.spec}, zeroshot {__version__}",
            buffers=self.buffers,
        )
        self.builder.Finish(model.Pack(self.builder), IDENTIFIER)
        return bytes(self.builder.Output())

    def _object(self, kind: str, **fields: object) -> Any:  # noqa: ANN401
        """A table of the schema, whose classes carry no types."""
        made = getattr(self.schema, f"{kind}T")()
        for name, value in fields.items():
            setattr(made, name, value)
        return made

    def _code(self, name: str) -> Any:  # noqa: ANN401
        number = getattr(self.schema.BuiltinOperator, name)
        # Readers from before 2020 know the deprecated field alone.
        return self._object("OperatorCode", builtinCode=number, deprecatedBuiltinCode=number, version=VERSIONS[name])

    def _activation(self, name: str, shape: tuple[int, ...], tensor: int) -> None:
        scale, zero = self.net.scale[tensor + 1], self.net.zero[tensor + 1]
        self._tensor(name, (1, *shape), "INT8", [float(scale)], [int(zero)], buffer=0)

    def _constant(self, name: str, values: npt.NDArray[Any], scales: npt.NDArray[np.float32], axis: int) -> int:
        little_endian = values.astype(values.dtype.newbyteorder("<"))
        self.buffers.append(_AlignedBuffer(self.schema, little_endian.tobytes()))
        kind = values.dtype.name.upper()
        zeros = [0] * len(scales)
        return self._tensor(name, values.shape, kind, scales.tolist(), zeros, len(self.buffers) - 1, axis)

    def _tensor(
        self, name: str, shape: tuple[int, ...], kind: str, scale: list[float], zero: list[int], buffer: int,
        axis: int = 0,
    ) -> int:  # fmt: skip
        quantization = self._object("QuantizationParameters", scale=scale, zeroPoint=zero, quantizedDimension=axis)
        kind = getattr(self.schema.TensorType, kind)
        self.tensors.append(
            self._object("Tensor", name=name, shape=list(shape), type=kind, buffer=buffer, quantization=quantization)
        )
        return len(self.tensors) - 1

    def _operator(self, row: int) -> Any:  # noqa: ANN401
        name, options = self._options(row)
        if name not in self.codes:
            self.codes.append(name)
        inputs = [self.columns["source"][row] + 1]
        if self.columns["op"][row] == ADD:
            inputs.append(self.columns["residual"][row] + 1)
        inputs += self._parameters(row)
        kind = type(options).__name__.removesuffix("T")
        return self._object(
            "Operator",
            opcodeIndex=self.codes.index(name),
            inputs=inputs,
            outputs=[row + 1],
            builtinOptionsType=getattr(self.schema.BuiltinOptions, kind),
            builtinOptions=options,
        )

    def _options(self, row: int) -> tuple[str, Any]:
        """Name of a row's operator and its options."""
        names = ("op", "stride", "kernel_h", "kernel_w")
        op, stride, high, wide = (self.columns[name][row] for name in names)
        kinds = self.schema.ActivationFunctionType
        activation = {"fusedActivationFunction": kinds.RELU if self.net.relu[row] else kinds.NONE}
        window = {"padding": self.schema.Padding.SAME, "strideH": stride, "strideW": stride}
        if op == ADD:
            return "ADD", self._object("AddOptions", **activation)
        if op == LINEAR:
            return "FULLY_CONNECTED", self._object("FullyConnectedOptions", **activation)
        if op == DEPTHWISE:
            options = self._object("DepthwiseConv2DOptions", depthMultiplier=1, **window, **activation)
            return "DEPTHWISE_CONV_2D", options
        if op == AVGPOOL:
            window = {"padding": self.schema.Padding.VALID, "strideH": high, "strideW": wide}
            options = self._object("Pool2DOptions", filterHeight=high, filterWidth=wide, **window, **activation)
            return "AVERAGE_POOL_2D", options
        return "CONV_2D", self._object("Conv2DOptions", **window, **activation)

    def _parameters(self, row: int) -> list[int]:
        """Tensors of a row's weights and bias, in the layout of its operator."""
        net, op = self.net, self.columns["op"][row]
        weights, scales, bias = net.weights[row], net.weight_scale[row], net.bias[row]
        if weights is None or scales is None or bias is None:
            return []
        if op == LINEAR and _is_one_power_of_two(scales):
            scales = scales[:1]
        axis = 0
        if op == DEPTHWISE:
            weights, axis = weights.transpose(3, 1, 2, 0), 3
        elif op == LINEAR:
            weights = weights.reshape(len(weights), -1)
        name = f"{OPS[op]}_{row}"
        bias_scales = net.scale[self.columns["source"][row] + 1] * scales
        return [
            self._constant(f"{name}/weights", weights, scales, axis),
            self._constant(f"{name}/bias", bias, bias_scales, 0),
        ]


class _AlignedBuffer:
    """A Buffer of the schema whose data starts at a multiple of 16 bytes; the generated class does not see to it."""

    def __init__(self, schema: Any, data: bytes) -> None:  # noqa: ANN401
        self.schema, self.data = schema, data

    def Pack(self, builder: Any) -> int:  # noqa: ANN401, N802
        """Write the buffer; called by the schema's classes under this name."""
        builder.StartVector(1, len(self.data), ALIGNMENT)
        builder.head -= len(self.data)
        builder.Bytes[builder.head : builder.head + len(self.data)] = self.data
        vector = builder.EndVector()
        self.schema.BufferStart(builder)
        self.schema.BufferAddData(builder, vector)
        return int(self.schema.BufferEnd(builder))


def _is_one_power_of_two(scales: npt.NDArray[np.float32]) -> bool:
    """Whether one scale can stand for all, and every runtime makes the same product of it (see `one_scale_linear`)."""
    return bool((scales == scales[0]).all() and np.frexp(scales[0])[0] == 0.5)
