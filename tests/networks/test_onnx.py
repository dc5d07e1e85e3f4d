"""ONNX Runtime agrees: single layers bit for bit, whole networks on every test image."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from qlab import data, networks
from qlab.core import PerAxis, PerTensor, QParams, QuantSpec
from qlab.networks import (
    OVERFLOWS,
    IntegerLayer,
    IntegerNetwork,
    Network,
    build,
    quantize_activations,
    save_onnx,
    to_onnx,
)
from qlab.networks.integer import ACTIVATIONS
from tests.repository.tree import ROOT
from tests.strategies import unchecked

MNIST = data.load("mnist")
NAMES = ["lenet_300_100", "lenet_5"]


def session(model: bytes, optimized: Path | None = None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def logits(model: bytes, images: np.ndarray) -> np.ndarray:
    return session(model).run(None, {"images": images})[0]


def one_operator(layer: IntegerLayer, q: np.ndarray) -> np.ndarray:
    """Run QLinearConv or QLinearMatMul on the codes of one layer.

    Beside uint8 codes, weights go in as uint8 around 128: every processor has an exact kernel for
    that. Beside int8 codes the operators take int8 weights alone.
    """
    offset = 128 if q.dtype == np.uint8 else 0
    W = (layer.codes.astype(np.int16) + offset).astype(q.dtype)
    z_w = (layer.weight.zero_point + offset).astype(q.dtype)
    conv = W.ndim == 4
    kind = {np.dtype("u1"): TensorProto.UINT8, np.dtype("i1"): TensorProto.INT8}
    z_y = layer.leaving.zero_point.astype(layer.forward(q[:1]).dtype)
    arrays = {
        "s_x": layer.entering.scale,
        "z_x": layer.entering.zero_point.astype(q.dtype),
        "w": W if conv else np.ascontiguousarray(W.T),
        "s_w": layer.weight.scale,
        "z_w": z_w,
        "s_y": layer.leaving.scale,
        "z_y": z_y,
    }
    more = {}
    if conv:
        arrays["b"] = layer.bias
        more = {"strides": [layer.stride] * 2, "pads": [layer.padding] * 4}
    node = helper.make_node(
        "QLinearConv" if conv else "QLinearMatMul", ["x", *arrays], ["y"], **more
    )
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", kind[q.dtype], q.shape)],
        [helper.make_tensor_value_info("y", kind[z_y.dtype], None)],
        [numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return session(model.SerializeToString()).run(None, {"x": q})[0]


def random_layer(
    rng: np.random.Generator, shape: tuple[int, ...], by_row: bool, signed: bool, **more
) -> IntegerLayer:
    """Return a layer whose codes fill the grid; QLinearMatMul adds no bias."""
    granularity = PerAxis(0) if by_row else PerTensor()
    compact = granularity.compact_shape(shape)
    x = QuantSpec(bits=8, signed=signed, symmetric=False)
    reach = 64 if signed else 127  # 2 · 255 · 64 < 2^15: no kernel saturates
    fan_in = int(np.prod(shape[1:]))
    bias = rng.integers(-(2**14), 2**14, shape[0]) if len(shape) == 4 else np.zeros(shape[0])
    return IntegerLayer(
        name="layer",
        codes=rng.integers(-reach, reach + 1, shape).astype(np.int8),
        bias=bias.astype(np.int32),
        entering=QParams(np.array(0.02), np.array(rng.integers(x.quant_min, x.quant_max)), x),
        weight=QParams(
            rng.uniform(0.001, 0.01, compact).astype(np.float32),
            np.zeros(compact, np.int32),
            QuantSpec(granularity=granularity),
        ),
        leaving=QParams(
            np.array(0.02 * 0.005 * 127 * np.sqrt(fan_in) * rng.uniform(0.3, 2), np.float32),
            np.array(rng.integers(x.quant_min, x.quant_max)),
            x,
        ),
        requantization="float32",
        **more,
    )


@settings(max_examples=30)
@given(
    st.integers(0, 2**32 - 1), st.booleans(), st.booleans(), st.integers(1, 2), st.integers(0, 2)
)
def test_a_convolution_is_qlinearconv_bit_for_bit(seed, by_row, signed, stride, padding) -> None:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 9)), int(rng.integers(1, 6)), 3, 2)
    layer = random_layer(rng, shape, by_row, signed, stride=stride, padding=padding)
    spec = layer.entering.spec
    q = rng.integers(spec.quant_min, spec.quant_max + 1, (2, shape[1], 9, 8))
    q = q.astype(np.int8 if signed else np.uint8)
    theirs = one_operator(layer, q)
    for overflow in OVERFLOWS:  # no sum comes near the ends of 32 bits
        np.testing.assert_array_equal(replace(layer, overflow=overflow).forward(q), theirs)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_a_matrix_product_is_qlinearmatmul_bit_for_bit(seed, by_row, signed) -> None:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 40)), int(rng.integers(1, 300)))
    layer = random_layer(rng, shape, by_row, signed)
    spec = layer.entering.spec
    q = rng.integers(spec.quant_min, spec.quant_max + 1, (20, shape[1]))
    q = q.astype(np.int8 if signed else np.uint8)
    np.testing.assert_array_equal(layer.forward(q), one_operator(layer, q))


def test_the_convolutions_of_lenet_5_are_qlinearconv_bit_for_bit() -> None:
    net = IntegerNetwork.from_calibration(
        networks.load("lenet_5"), MNIST.calibration[:128], requantization="float32"
    )
    q = net.encode(MNIST.test[:50].images)
    compared = 0
    for layer in net.layers:
        if isinstance(layer, IntegerLayer) and layer.codes.ndim == 4:
            np.testing.assert_array_equal(layer.forward(q), one_operator(layer, q))
            compared += layer.forward(q).size
        q = layer.forward(q) if isinstance(layer, IntegerLayer) else net.moved(layer, q)
    assert compared == 50 * (20 * 24 * 24 + 50 * 8 * 8)


# `python -m benchmarks onnx` compares LeNet-5 on all of them: half a minute of both processors
@pytest.mark.parametrize(("name", "n"), [("lenet_300_100", 10_000), ("lenet_5", 2_000)])
def test_the_exported_network_predicts_the_same_on_thousands_of_images(name: str, n: int) -> None:
    net = IntegerNetwork.from_calibration(networks.load(name), MNIST.calibration)
    images = MNIST.test.images[:n]
    assert len(images) == n
    theirs = logits(to_onnx(net), images).argmax(axis=1)
    np.testing.assert_array_equal(theirs, net.predict(images).argmax(axis=1))


@pytest.mark.parametrize("name", NAMES)
def test_rounded_as_the_runtime_rounds_the_logits_differ_by_one_code_of_16_bits(name: str) -> None:
    net = IntegerNetwork.from_calibration(
        networks.load(name), MNIST.calibration, requantization="float32"
    )
    images = MNIST.test[:1000].images
    steps = np.rint((logits(to_onnx(net), images) - net.predict(images)) / net.leaving.scale)
    assert np.abs(steps).max() <= 1  # the runtime leaves the last layer in floats, then rounds
    assert (steps != 0).mean() < 0.01


@pytest.mark.parametrize("name", NAMES)
def test_the_runtime_recognises_every_layer_but_the_last_as_8_bits(name: str, tmp_path) -> None:
    net = IntegerNetwork.from_calibration(networks.load(name), MNIST.calibration[:64])
    session(to_onnx(net), tmp_path / "optimized.onnx")
    nodes = onnx.load(tmp_path / "optimized.onnx").graph.node
    kinds = Counter(node.op_type for node in nodes)
    expected = {"lenet_300_100": {"QGemm": 2}, "lenet_5": {"QLinearConv": 2, "QGemm": 1}}
    assert expected[name].items() <= kinds.items()
    assert kinds["Conv"] == kinds["Relu"] == kinds["MaxPool"] == 0
    assert kinds["Gemm"] <= 1


def test_the_graph_holds_the_codes_and_32_bit_biases_of_the_network() -> None:
    net = IntegerNetwork.from_calibration(networks.load("lenet_5"), MNIST.calibration[:64])
    for weights, offset in (("uint8", 128), ("int8", 0)):
        model = onnx.load_from_string(to_onnx(net, weights))
        held = {a.name: numpy_helper.to_array(a) for a in model.graph.initializer}
        for layer in net.layers:
            if isinstance(layer, IntegerLayer):
                codes = held[f"{layer.name}.weight.codes"]
                assert codes.dtype == weights
                np.testing.assert_array_equal(codes.astype(int) - offset, layer.codes)
                np.testing.assert_array_equal(held[f"{layer.name}.bias.codes"], layer.bias)
        assert sum(a.nbytes for a in held.values()) < 1.05 * 431_080
        kinds = Counter(node.op_type for node in model.graph.node)
        assert kinds["QuantizeLinear"] == 1 + 2 + 2 + 1 + 2  # image, conv, pool, flatten, fc


def test_asymmetric_weights_of_four_bits_travel_too() -> None:
    spec = QuantSpec(bits=4, symmetric=False, signed=False, granularity=PerAxis(0))
    net = IntegerNetwork.from_calibration(
        networks.load("lenet_300_100"), MNIST.calibration[:128], spec, ACTIVATIONS
    )
    images = MNIST.test[:500].images
    for weights in ("uint8", "int8"):
        model = onnx.load_from_string(to_onnx(net, weights))
        theirs = ReferenceEvaluator(model).run(None, {"images": images})[0]
        np.testing.assert_array_equal(theirs.argmax(1), net.predict(images).argmax(1))


def test_a_float_network_is_exported_as_it_is() -> None:
    net = networks.load("lenet_5")
    images = MNIST.test[:200].images
    np.testing.assert_allclose(logits(to_onnx(net), images), net.predict(images), atol=2e-4)


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    net = build("student_30", np.random.default_rng(0))
    path = save_onnx(net, tmp_path / "s.onnx")
    assert path.read_bytes() == to_onnx(net)
    with pytest.raises(OSError, match="No such file"):
        save_onnx(net, tmp_path / "nowhere" / "s.onnx")
    assert list(tmp_path.iterdir()) == [path]


def test_what_has_no_form_in_onnx_is_refused_in_one_sentence() -> None:
    net = build("student_30", np.random.default_rng(0))
    fake = quantize_activations(net, MNIST.calibration[:8], QuantSpec())
    with pytest.raises(ValueError, match=r"got FakeQuantize .*as an IntegerNetwork"):
        to_onnx(fake)
    said = (
        r"^to_onnx: net must be a Network or an IntegerNetwork, got Quantized\. A Quantized has "
        r"its floats in \.network; IntegerNetwork\.from_quantized makes integers\.$"
    )
    with unchecked(), pytest.raises(TypeError, match=said):
        to_onnx(networks.quantize_weights(net, QuantSpec(bits=4)))
    with unchecked(), pytest.raises(ValueError, match="weights must be 'uint8' or 'int8'"):
        to_onnx(net, "int4")


def test_without_the_package_one_sentence_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['onnx'] = None\n"
        "import numpy as np\n"
        "from qlab.networks import build, to_onnx\n"
        "try: to_onnx(build('student_30', np.random.default_rng(0)))\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    expected = "to_onnx: expected the package onnx, got none installed. "
    assert done.stdout == expected + "Run: pip install 'qlab[onnx]'.\n"


def test_importing_networks_does_not_import_onnx() -> None:
    program = "import sys, qlab.networks; print('onnx' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_a_network_of_your_own_keeps_its_name() -> None:
    net = build("student_30", np.random.default_rng(0))
    named = Network("mine", net.layers, net.input_shape)
    assert onnx.load_from_string(to_onnx(named)).graph.name == "mine"
