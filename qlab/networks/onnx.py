"""ONNX: a network as a graph with QuantizeLinear and DequantizeLinear around what is quantized.

    x → Q → DQ → Conv(·, DQ(q_w), DQ(b)) → Relu → Q → DQ → MaxPool → Q → DQ → …              (1)

The graph says in floats what `IntegerNetwork` computes in integers; a runtime recognises the
pattern DQ → layer → Q and runs the layer in 8 bits. Codes, scales, zero points and 32-bit biases
are those of the network, so nothing is calibrated again.

Weights are written as uint8 around 128 unless told otherwise. The values are the same, but on
processors without VNNI the runtime's kernel for uint8 × int8 adds pairs of products in 16 bits,
which saturate: `python -m benchmarks onnx` counts the predictions that this changes.

The package `onnx` is imported on first use: ``pip install 'qlab[onnx]'``.

Source: ONNX operators QuantizeLinear and DequantizeLinear, opset 21; ONNX Runtime, "Quantize ONNX
models", representation format QDQ.
"""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np
from jaxtyping import Shaped

from qlab.core import PerAxis, QParams
from qlab.networks.arguments import told
from qlab.networks.files import write_whole
from qlab.networks.integer import IntegerNetwork
from qlab.networks.integer_layers import IntegerLayer, code_type
from qlab.networks.layers import Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU
from qlab.networks.network import Network

OPSET = 21  # the first with 16-bit codes
Weights = Literal["uint8", "int8"]


def to_onnx(net: Network | IntegerNetwork, weights: Weights = "uint8") -> bytes:
    """Return a network as an ONNX model, eq. (1).

    Parameters
    ----------
    net
        In integers, or in floats: then the graph has no Q and DQ.
    weights
        How 8-bit weights are written; the values are the same.

    Returns
    -------
    bytes
        A checked model with input ``images`` (N, C, H, W) and output ``logits`` (N, classes).

    Raises
    ------
    ModuleNotFoundError
        If the package onnx is not installed.
    TypeError
        If `net` is another thing.
    ValueError
        If a layer has no ONNX form, or `weights` is another word.

    Examples
    --------
    >>> from qlab.networks import build
    >>> model = to_onnx(build("student_30", np.random.default_rng(0)))
    >>> len(model) > 4 * 24_790        # float32 weights and biases
    True
    """
    if weights not in ("uint8", "int8"):
        raise ValueError(f"to_onnx: weights must be 'uint8' or 'int8', got {weights!r}.")
    if not isinstance(net, Network | IntegerNetwork):
        remedy = (
            "A Quantized has its floats in .network; IntegerNetwork.from_quantized makes integers."
        )
        raise TypeError(
            f"to_onnx: net must be a Network or an IntegerNetwork, got {told(net)}. {remedy}"
        )
    graph = _Graph(_onnx(), weights)
    if isinstance(net, IntegerNetwork):
        model = graph.integer(net)
    else:
        model = graph.floating(net)
    return model


def save_onnx(net: Network | IntegerNetwork, path: Path | str, weights: Weights = "uint8") -> Path:
    """Write a network as an ONNX file: all of it, or nothing.

    Parameters
    ----------
    net, weights
        As for `to_onnx`.
    path
        Usually ``NAME.onnx``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ModuleNotFoundError
        If the package onnx is not installed.
    ValueError
        As `to_onnx`.
    OSError
        If the file can't be written.
    """
    return write_whole(Path(path), to_onnx(net, weights))


def _onnx() -> ModuleType:
    try:
        return importlib.import_module("onnx")
    except ModuleNotFoundError as error:
        if error.name != "onnx":
            raise
        raise ModuleNotFoundError(
            "to_onnx: expected the package onnx, got none installed. "
            "Run: pip install 'qlab[onnx]'.",
            name="onnx",
        ) from None


class _Graph:
    """Nodes and constants, written one after the other; `x` names what the next node reads."""

    def __init__(self, onnx: ModuleType, weights: Weights) -> None:
        self.onnx, self.weights = onnx, weights
        self.nodes: list[object] = []
        self.constants: list[object] = []
        self.x = "images"

    def floating(self, net: Network) -> bytes:
        """Write float layers."""
        for layer in net.layers:
            if isinstance(layer, Linear | Conv2d):
                W = self.constant(f"{layer.name}.weight", layer.weight)
                b = self.constant(f"{layer.name}.bias", layer.bias)
                self.weighted(layer, W, b)
            else:
                self.plain(layer)
        return self.model(net)

    def integer(self, net: IntegerNetwork) -> bytes:
        """Write Q and DQ before the first layer and after each, eq. (1)."""
        narrow = [k for k in net.integer_layers if k.reach >= 2 ** (k.accumulator_bits - 1)]
        if narrow and narrow[0].accumulator_bits < 32:
            raise ValueError(
                "to_onnx: accumulators must have 32 bits, which is what a runtime sums in, got "
                f"{narrow[0].accumulator_bits} (name={narrow[0].name!r}). Take .with_arithmetic("
                "accumulator_bits=32)."
            )
        twin, grid = net.simulated, net.entering
        held = {k.name: k for k in net.layers if isinstance(k, IntegerLayer)}
        grids = {"images": self.grid("images", grid)}
        self.quantized(grids["images"])
        current = "images"
        layers = [k for k in twin.layers if type(k).__name__ != "FakeQuantize"]
        for k, layer in enumerate(layers):
            if isinstance(layer, Linear | Conv2d):
                self.weighted(layer, *self.dequantized(held[layer.name]))
                current = layer.name
                grids[current] = self.grid(current, held[current].leaving)
            else:
                self.plain(layer)
            rectified_next = k + 1 < len(layers) and isinstance(layers[k + 1], ReLU)
            if not rectified_next:  # a rectifier belongs to the layer before it
                self.quantized(grids[current])
        return self.model(twin)

    def weighted(self, layer: Linear | Conv2d, W: str, b: str) -> None:
        """Write a layer that holds weights."""
        if isinstance(layer, Linear):
            self.node("Gemm", layer.name, [self.x, W, b], transB=1)
            return
        pads = [layer.padding] * 4
        self.node("Conv", layer.name, [self.x, W, b], strides=[layer.stride] * 2, pads=pads)

    def plain(self, layer: Layer) -> None:
        """Write a layer without weights."""
        match layer:
            case ReLU():
                self.node("Relu", layer.name, [self.x])
            case MaxPool2d(size=k):
                self.node("MaxPool", layer.name, [self.x], kernel_shape=[k, k], strides=[k, k])
            case Flatten():
                self.node("Flatten", layer.name, [self.x], axis=1)
            case _:
                raise ValueError(
                    f"to_onnx: each layer must be one of Linear, Conv2d, ReLU, MaxPool2d and "
                    f"Flatten, got {type(layer).__name__} (name={layer.name!r}). "
                    "Export fake quantization as an IntegerNetwork."
                )

    def quantized(self, grid: list[str]) -> None:
        """Write Q and DQ behind what was written last."""
        before = self.x
        self.node("QuantizeLinear", f"{before}.q", [before, *grid])
        self.node("DequantizeLinear", f"{before}.dq", [self.x, *grid])

    def grid(self, name: str, qparams: QParams) -> list[str]:
        """Write the scale and zero point of activations."""
        z = qparams.zero_point.astype(code_type(qparams.spec))
        scale = self.constant(f"{name}.scale", qparams.scale)
        return [scale, self.constant(f"{name}.zero_point", z)]

    def dequantized(self, layer: IntegerLayer) -> tuple[str, str]:
        """Write the codes of weights and biases, each with its DQ."""
        name, codes, z = layer.name, layer.codes, layer.weight.zero_point
        signed = layer.weight.spec.signed
        if self.weights == "uint8" and signed:
            codes, z = codes.astype(np.int16) + 128, z + 128
        elif self.weights == "int8" and not signed:
            codes, z = codes.astype(np.int16) - 128, z - 128
        axis = {"axis": 0} if isinstance(layer.weight.spec.granularity, PerAxis) else {}
        zero = z.astype(self.weights)
        inputs = [
            self.constant(f"{name}.weight.codes", codes.astype(self.weights)),
            self.constant(f"{name}.weight.scale", layer.weight.scale),
            self.constant(f"{name}.weight.zero_point", zero),
        ]
        kept = self.x
        self.node("DequantizeLinear", f"{name}.weight", inputs, **axis)
        s = np.broadcast_to(layer.entering.scale * layer.weight.scale, layer.bias.shape)
        inputs = [
            self.constant(f"{name}.bias.codes", layer.bias),
            self.constant(f"{name}.bias.scale", s.astype(np.float32)),
            self.constant(f"{name}.bias.zero_point", np.zeros(len(s), np.int32)),
        ]
        self.node("DequantizeLinear", f"{name}.bias", inputs, axis=0)
        self.x = kept
        return f"{name}.weight", f"{name}.bias"

    def constant(self, name: str, array: Shaped[np.ndarray, "..."]) -> str:
        """Write an array and return its name."""
        held = np.ascontiguousarray(array).reshape(array.shape)  # 0-d stays 0-d
        self.constants.append(self.onnx.numpy_helper.from_array(held, name))
        return name

    def node(self, kind: str, name: str, inputs: list[str], **attributes: object) -> None:
        """Write a node; what follows reads its output."""
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [name], name, **attributes))
        self.x = name

    def model(self, net: Network) -> bytes:
        """Close the graph, name its ends and have it checked."""
        helper, real = self.onnx.helper, self.onnx.TensorProto.FLOAT
        self.node("Identity", "logits", [self.x])
        ends = [
            helper.make_tensor_value_info(name, real, ["n", *shape])
            for name, shape in (("images", net.input_shape), ("logits", net.shapes[-1]))
        ]
        graph = helper.make_graph(self.nodes, net.name, ends[:1], ends[1:], self.constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=10,
            producer_name="qlab",
        )
        self.onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString()
