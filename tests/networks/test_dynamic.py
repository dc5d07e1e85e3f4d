import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qlab import core, data, metrics, networks, ranges
from qlab.core import PerAxis, PerGroup, PerTensor, QuantSpec
from qlab.networks import DynamicQuantize, build, quantize_dynamically
from tests.strategies import float32_arrays

BATCH = QuantSpec(bits=8, signed=False, symmetric=False)
ROW = QuantSpec(bits=8, signed=False, symmetric=False, granularity=PerAxis(0))


def images(n: int = 20) -> np.ndarray:
    return data.load("mnist").calibration[:n].images


@given(float32_arrays(low=-100, high=100), st.sampled_from(sorted(ranges.METHODS)), st.booleans())
@settings(max_examples=60)
def test_a_batch_gets_what_its_own_range_gives_and_is_left_alone(x, method, rows) -> None:
    spec, before = ROW if rows else BATCH, x.copy()
    layer = DynamicQuantize("d", spec, ranges.METHODS[method])
    y = layer.forward(x)
    if len(x):
        np.testing.assert_array_equal(y, core.fake_quantize(x, ranges.METHODS[method](x, spec)))
    np.testing.assert_array_equal(x, before)
    assert y.shape == x.shape and not y[x == 0].any()


def test_torch_chooses_the_same_scale_and_zero_point_for_a_batch() -> None:
    for seed in range(20):
        x = np.random.default_rng(seed).normal(seed - 10, 5, (8, 30)).astype(np.float32)
        scale, zero_point = torch._choose_qparams_per_tensor(torch.from_numpy(x), False)
        found = DynamicQuantize("d", BATCH).qparams(x)
        assert found.scale.item() == pytest.approx(scale, rel=4 * 2.0**-24)
        assert found.zero_point == zero_point


def test_per_row_an_image_does_not_see_its_neighbours() -> None:
    net = quantize_dynamically(networks.load("mlp_784_128_10"), ROW)
    x = images()
    together = net.run(x, 0, 2)  # the first quantized input, before sums of another order
    np.testing.assert_array_equal(together[3:5], net.run(x[3:5], 0, 2))
    loud = x.copy()
    loud[0] *= 100
    np.testing.assert_array_equal(net.run(loud, 0, 2)[1:], together[1:])


def test_per_batch_one_loud_image_coarsens_all() -> None:
    net = quantize_dynamically(networks.load("mlp_784_128_10"), BATCH)
    x = images()
    loud = x.copy()
    loud[0] *= 100
    assert (net.run(loud, 0, 2)[1:] != net.run(x, 0, 2)[1:]).any()


def test_the_ranges_are_those_of_what_enters_on_the_way() -> None:
    net, x = quantize_dynamically(networks.load("lenet_5"), ROW), images(5)
    found = networks.dynamic_ranges(net, x)
    assert list(found) == ["conv1_input", "conv2_input", "fc1_input", "fc2_input"]
    for name, qparams in found.items():
        entering = net.run(x, 0, net.index(name))
        np.testing.assert_array_equal(qparams.scale, ranges.minmax(entering, ROW).scale)
        assert qparams.scale.shape == (5,)


def test_8_bits_found_on_the_fly_are_within_noise_of_float() -> None:
    mnist = data.load("mnist")
    sample = mnist.validation[:1000]
    for name in ("mlp_784_128_10", "lenet_300_100"):
        net = networks.load(name)
        for spec in (BATCH, ROW):
            small = quantize_dynamically(net, spec)
            now, was = (metrics.accuracy(k, sample) for k in (small, net))
            assert metrics.within_noise(now, was)


def test_at_few_bits_a_range_a_row_errs_less_than_a_range_a_batch() -> None:
    net, x = networks.load("lenet_300_100"), images(200)
    logits, error = net.predict(x), {}
    for rows in (True, False):
        spec = QuantSpec(bits=3, signed=False, granularity=PerAxis(0) if rows else PerTensor())
        small = quantize_dynamically(net, spec)
        error[rows] = float(((small.predict(x) - logits) ** 2).mean())
    assert error[True] < error[False]


def test_it_replaces_static_ranges_and_can_be_taken_out_again() -> None:
    old, calibration = networks.load("mlp_784_128_10"), data.load("mnist").calibration[:20]
    static = networks.quantize_activations(old, calibration, BATCH)
    dynamic = quantize_dynamically(static, ROW)
    assert [k.name for k in dynamic.layers] == [k.name for k in static.layers]
    assert sum(isinstance(k, DynamicQuantize) for k in dynamic.layers) == 2
    again = networks.quantize_activations(dynamic, calibration, BATCH)
    np.testing.assert_array_equal(again.predict(images()), static.predict(images()))
    bare = networks.without_fake_quantize(dynamic)
    assert bare.layers == old.layers


def test_only_the_named_layers_are_dynamic_and_an_unknown_one_is_refused() -> None:
    net = build("lenet_5", np.random.default_rng(0))
    one = quantize_dynamically(net, ROW, layers=["fc1"])
    assert [k.name for k in one.layers if isinstance(k, DynamicQuantize)] == ["fc1_input"]
    for wrong in ("fc9", "relu1"):
        with pytest.raises(ValueError, match=f"among conv1, conv2, fc1, fc2, got '{wrong}'"):
            quantize_dynamically(net, ROW, layers=[wrong])


@pytest.mark.parametrize("granularity", [PerAxis(1), PerAxis(-1), PerGroup(8)])
def test_a_scale_inside_the_sum_is_refused(granularity) -> None:
    with pytest.raises(ValueError, match=r"granularity must be PerTensor.* or PerAxis"):
        DynamicQuantize("d", QuantSpec(granularity=granularity))


@pytest.mark.parametrize("spec", [BATCH, ROW])
def test_a_file_keeps_how_ranges_are_found_and_refuses_a_method_it_cannot_name(
    tmp_path, spec
) -> None:
    net = quantize_dynamically(networks.load("mlp_784_128_10"), spec, ranges.sigma)
    again = networks.read(networks.save(net, tmp_path / "d.safetensors"))
    np.testing.assert_array_equal(again.predict(images(5)), net.predict(images(5)))
    layer = again.layer("fc1_input")
    assert isinstance(layer, DynamicQuantize)
    assert (layer.spec, layer.method) == (spec, ranges.sigma)
    own = quantize_dynamically(net, spec, lambda x, spec: ranges.minmax(x, spec))
    with pytest.raises(TypeError, match=r"must be one of qlab\.ranges\.METHODS, got another"):
        networks.save(own, tmp_path / "own.safetensors")


def test_no_images_come_out_as_none() -> None:
    net = quantize_dynamically(build("mlp_784_128_10", np.random.default_rng(0)), BATCH)
    assert net.predict(np.zeros((0, 1, 28, 28), np.float32)).shape == (0, 10)


def test_onnx_runtime_finds_the_same_codes_scale_and_zero_point() -> None:
    """DynamicQuantizeLinear: uint8, a range widened to hold 0, ties to even."""
    nodes = [onnx.helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"])]
    info = onnx.helper.make_tensor_value_info
    into = [info("x", onnx.TensorProto.FLOAT, [None])]
    kinds = (onnx.TensorProto.UINT8, onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8)
    out = [
        onnx.helper.make_tensor_value_info(n, k, None) for n, k in zip("qsz", kinds, strict=True)
    ]
    opset = [onnx.helper.make_opsetid("", 11)]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "dynamic", into, out), opset_imports=opset, ir_version=8
    )
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for seed in range(30):
        rng = np.random.default_rng(seed)
        x = rng.normal(rng.uniform(-3, 3), rng.uniform(0.1, 9), 257).astype(np.float32)
        q, scale, zero_point = session.run(None, {"x": x})
        ours = DynamicQuantize("d", BATCH).qparams(x)
        assert ours.scale.item() == pytest.approx(float(scale), rel=4 * 2.0**-24)
        assert ours.zero_point == zero_point
        codes = core.quantize(x, ours)
        tie = np.abs(np.abs(x / scale - np.floor(x / scale)) - 0.5) < 1e-4  # 1/s rounds elsewhere
        np.testing.assert_array_equal(codes[~tie], q[~tie])
        assert np.abs(codes - q.astype(int)).max() <= 1
