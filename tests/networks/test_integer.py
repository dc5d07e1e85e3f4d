"""Integer-only inference against loops over Python's integers, its float twin, and the dtypes."""

import re
import sys
from fractions import Fraction
from functools import partial
from types import FrameType

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qlab import core, data, metrics, networks, ptq, ranges
from qlab.core import PerAxis, PerGroup, PerTensor, QParams, QuantSpec
from qlab.networks import (
    OVERFLOWS,
    REQUANTIZATIONS,
    Conv2d,
    Flatten,
    IntegerLayer,
    IntegerNetwork,
    Linear,
    MaxPool2d,
    Network,
    Quantized,
    ReLU,
    build,
)
from qlab.networks.integer import ACTIVATIONS
from qlab.networks.requantize import Multiplier
from tests.strategies import unchecked

MNIST = data.load("mnist")
CALIBRATION = MNIST.calibration[:128]
U8 = QuantSpec(bits=8, signed=False, symmetric=False)


def power_of_two(x: np.ndarray, spec: QuantSpec) -> QParams:
    """Minmax with each scale rounded up to a power of two."""
    found = ranges.minmax(x, spec)
    s = np.exp2(np.ceil(np.log2(found.scale)))
    return QParams(np.asarray(s), found.zero_point, spec)


def integer(name: str, **more) -> IntegerNetwork:
    return IntegerNetwork.from_calibration(networks.load(name), CALIBRATION, **more)


def per_tensor(s: float, z: int, spec: QuantSpec = U8) -> QParams:
    return QParams(np.array(s), np.array(z), spec)


def every_kind(
    rng: np.random.Generator,
    requantization: str = "half_even",
    activations: QuantSpec = ACTIVATIONS,
    front: bool = True,
) -> IntegerNetwork:
    """Return a small network with all layers and asymmetric weights; a rectifier in front or not.

    Without it pixels are negative, so that the padded code is not 0; with signed activations the
    rectifier behind the convolution cuts codes that the grid would keep.
    """
    by_row = QuantSpec(bits=5, symmetric=False, granularity=PerAxis(0))
    net = Network(
        "every",
        (
            *([ReLU("r0")] if front else []),
            Conv2d("c", rng.standard_normal((3, 2, 3, 2)), rng.standard_normal(3), 2, 1),
            MaxPool2d("p", 2),
            ReLU("r1"),
            Flatten("f"),
            Linear("fc", rng.standard_normal((4, 12)), rng.standard_normal(4)),
        ),
        (2, 9, 8),
    )
    images = rng.standard_normal((9, 2, 9, 8)).astype(np.float32)
    split = data.Split(images, np.zeros(9, np.int64), "calibration")
    return IntegerNetwork.from_calibration(
        net, split, by_row, activations, requantization=requantization, logits=U8
    )


def round_half_even(acc: int, layer: IntegerLayer, o: int) -> int:
    s_x, s_w, s_y = (np.float32(a) for a in (layer.entering.scale, 0, layer.leaving.scale))
    s_w = np.broadcast_to(layer.weight.scale, len(layer.codes))[o]
    return round(acc * Fraction(float(s_x * s_w / s_y)))


def layer_by_loops(layer: IntegerLayer, q: np.ndarray) -> np.ndarray:
    """Equations (1) and (2), one Python integer after the other, for one image."""
    z_x, z_y = int(layer.entering.zero_point), int(layer.leaving.zero_point)
    z_w = np.broadcast_to(layer.weight.zero_point, len(layer.codes))
    low = (
        max(z_y, layer.leaving.spec.quant_min) if layer.rectified else layer.leaving.spec.quant_min
    )

    def finish(acc: int, o: int) -> int:
        y = z_y + round_half_even(acc + int(layer.bias[o]), layer, o)
        return min(max(y, low), layer.leaving.spec.quant_max)

    W = layer.codes.astype(object) - z_w.astype(object).reshape(-1, *[1] * (layer.codes.ndim - 1))
    x = q.astype(object) - z_x
    if W.ndim == 2:
        return np.array([finish(sum(x * W[o]), o) for o in range(len(W))])
    pad, s, (_, _, kh, kw) = layer.padding, layer.stride, W.shape
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)), constant_values=0)
    height, width = (x.shape[1] - kh) // s + 1, (x.shape[2] - kw) // s + 1
    return np.array(
        [
            [
                [
                    finish((x[:, i * s : i * s + kh, j * s : j * s + kw] * W[o]).sum(), o)
                    for j in range(width)
                ]
                for i in range(height)
            ]
            for o in range(len(W))
        ]
    )


def network_by_loops(net: IntegerNetwork, q: np.ndarray) -> np.ndarray:
    for layer in net.layers:
        match layer:
            case IntegerLayer():
                q = layer_by_loops(layer, q)
            case MaxPool2d(size=k):
                c, h, w = q.shape
                q = np.array(
                    [
                        [
                            [
                                q[a, i * k : i * k + k, j * k : j * k + k].max()
                                for j in range(w // k)
                            ]
                            for i in range(h // k)
                        ]
                        for a in range(c)
                    ]
                )
            case ReLU():
                q = np.maximum(q, int(net.entering.zero_point))
            case Flatten():
                q = q.reshape(-1)
    return q


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**32 - 1),
    signed=st.booleans(),
    symmetric=st.booleans(),
    front=st.booleans(),
)
@example(seed=0, signed=True, symmetric=True, front=False)
@example(seed=0, signed=True, symmetric=True, front=True)
@example(seed=0, signed=False, symmetric=False, front=False)
def test_a_network_is_what_loops_over_integers_give(seed, signed, symmetric, front) -> None:
    rng = np.random.default_rng(seed)
    spec = QuantSpec(bits=8, signed=signed, symmetric=symmetric)
    net = every_kind(rng, activations=spec, front=front)
    q = rng.integers(spec.quant_min, spec.quant_max + 1, (2, 2, 9, 8))
    q = q.astype(np.int8 if signed else np.uint8)
    expected = np.array([network_by_loops(net, image) for image in q])
    np.testing.assert_array_equal(net.codes(q), expected)


@pytest.mark.parametrize("granularity", [PerTensor(), PerAxis(0)], ids=str)
@pytest.mark.parametrize("name", ["lenet_300_100", "lenet_5"])
def test_with_scales_of_powers_of_two_it_is_its_float_twin_bit_for_bit(name, granularity) -> None:
    net = integer(
        name,
        weights=QuantSpec(bits=8, granularity=granularity),
        method=power_of_two,
        weight_method=power_of_two,
    )
    images = MNIST.test[:300].images
    assert max(count.peak for count in net.count(images).values()) < 2**24  # exact in float32
    np.testing.assert_array_equal(net.predict(images), net.simulated.predict(images))


@pytest.mark.parametrize("requantization", REQUANTIZATIONS)
@pytest.mark.parametrize("name", ["lenet_300_100", "lenet_5"])
def test_a_layer_differs_from_its_float_twin_by_one_code_and_rarely(name, requantization) -> None:
    net = integer(name, requantization=requantization, logits=U8)
    q = net.encode(MNIST.test[:100].images)
    for layer in net.layers:
        if not isinstance(layer, IntegerLayer):
            q = net.moved(layer, q)
            continue
        x = core.dequantize(q, layer.entering)
        twin = net.simulated.layer(layer.name).forward(x)
        if layer.rectified:
            twin = np.maximum(twin, 0)
        q = layer.forward(q)
        steps = q.astype(np.int64) - core.quantize(twin, layer.leaving)
        assert np.abs(steps).max() <= 1
        # Two roundings differ where the value, in codes, is nearer to a tie than their errors:
        # float32 sums are off by fan_in + 2 units of 2^-24, of at most 256 codes; gemmlowp's first
        # rounding by half a unit of 2^e.
        off = (layer.steps.shape[1] + 2) * 2.0**-24 * 256
        off += 2.0 ** int(layer.multiplier.e.max()) / 2 if requantization == "gemmlowp" else 0
        assert (steps != 0).mean() <= 2 * off


@pytest.mark.parametrize("name", ["lenet_300_100", "lenet_5", "mlp_784_128_10"])
def test_eight_bits_without_a_float_are_as_accurate_as_floats(name: str) -> None:
    net, small = networks.load(name), integer(name)
    one, other = (
        metrics.accuracy(net, MNIST.test[:2000]),
        metrics.accuracy(small, MNIST.test[:2000]),
    )
    assert metrics.within_noise(one, other)
    assert (
        net.predict(MNIST.test[:2000].images).argmax(1)
        == small.predict(MNIST.test[:2000].images).argmax(1)
    ).mean() > 0.995


class Watched(np.ndarray):
    """An integer array that notes the dtype of all that is computed from it."""

    seen: set[str] = set()  # noqa: RUF012 (one test at a time)

    def __array_finalize__(self, parent: object) -> None:
        Watched.seen.add(self.dtype.name)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **more):
        plain = [np.asarray(a) if isinstance(a, np.ndarray) else a for a in inputs]
        Watched.seen.update(np.asarray(a).dtype.name for a in plain)
        if out is not None:
            more["out"] = tuple(np.asarray(a) for a in out)
        result = getattr(ufunc, method)(*plain, **more)
        if out is not None:
            return out[0]
        return np.asarray(result).view(Watched)


def watched(net: IntegerNetwork) -> IntegerNetwork:
    """Let all that a layer computes with take notes."""
    for layer in net.layers:
        if isinstance(layer, IntegerLayer):
            for part in ("steps", "bias"):
                object.__setattr__(layer, part, getattr(layer, part).view(Watched))
            m, e = layer.multiplier.m, layer.multiplier.e
            object.__setattr__(layer, "multiplier", Multiplier(m.view(Watched), e.view(Watched)))
    return net


INTEGERS = {"int8", "uint8", "int16", "uint16", "int32", "int64", "bool"}


def floats_on_the_way(net: IntegerNetwork, q: np.ndarray) -> tuple[set[str], set[str]]:
    """Return what was computed, by dtype, and the functions with a float in a variable."""
    Watched.seen = set()
    floating = set()

    def watch(frame: FrameType, event: str, argument: object):
        if "qlab" not in frame.f_code.co_filename:
            return None
        for name, value in [*frame.f_locals.items(), ("return", argument)]:
            number = isinstance(value, np.ndarray | np.generic | float)
            if number and not np.issubdtype(np.asarray(value).dtype, np.integer):
                if np.asarray(value).dtype != np.bool_:
                    floating.add(f"{frame.f_code.co_name}.{name}")
        return watch

    before = sys.gettrace()
    sys.settrace(watch)
    try:
        with unchecked():
            net.codes(q)
            net.run(q)
    finally:
        sys.settrace(before)
    return Watched.seen, floating


@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("requantization", REQUANTIZATIONS)
def test_no_float_enters_between_the_codes_of_an_image_and_those_of_its_logits(
    requantization: str, overflow: str
) -> None:
    net = every_kind(np.random.default_rng(0), requantization)
    net = watched(net.with_arithmetic(accumulator_bits=10, overflow=overflow))
    q = np.random.default_rng(1).integers(0, 256, (3, 2, 9, 8)).astype(np.uint8).view(Watched)
    seen, floating = floats_on_the_way(net, q)
    assert {"uint8", "int32", "int64"} <= seen <= INTEGERS
    assert floating == set()


def test_the_watch_sees_a_float(monkeypatch: pytest.MonkeyPatch) -> None:
    net = watched(every_kind(np.random.default_rng(0)))
    q = np.random.default_rng(1).integers(0, 256, (3, 2, 9, 8)).astype(np.uint8).view(Watched)
    honest = IntegerLayer._rescaled

    def lazy(self, acc):
        return honest(self, np.rint(acc * 1.0).astype(np.int64))

    monkeypatch.setattr(IntegerLayer, "_rescaled", lazy)
    seen, _ = floats_on_the_way(net, q)
    assert "float64" in seen

    def hidden(self, acc):
        scaled = np.asarray(acc) * 1.0
        return honest(self, scaled.astype(np.int64))

    monkeypatch.setattr(IntegerLayer, "_rescaled", hidden)
    hidden.__code__ = hidden.__code__.replace(co_filename="qlab/hidden.py")
    _, floating = floats_on_the_way(net, q)
    assert floating == {"hidden.scaled"}


def test_codes_weights_biases_and_accumulators_have_the_types_they_are_sold_as() -> None:
    net = integer("lenet_5")
    q = net.encode(MNIST.test[:2].images)
    done = net.run(q)
    assert q.dtype == np.uint8
    assert [run.name for run in done] == ["conv1", "conv2", "fc1", "fc2"]
    assert {run.accumulators.dtype.name for run in done} == {"int32"}
    assert [run.codes.dtype.name for run in done] == ["uint8"] * 3 + ["int16"]
    held = [layer for layer in net.layers if isinstance(layer, IntegerLayer)]
    assert {layer.codes.dtype.name for layer in held} == {"int8"}
    assert {layer.bias.dtype.name for layer in held} == {"int32"}
    np.testing.assert_array_equal(done[-1].codes, net.codes(q))


@pytest.mark.parametrize("bits", [2, 8, 12, 16, 20])
def test_a_small_accumulator_wraps_and_every_overflow_is_counted(bits: int) -> None:
    full, small = integer("lenet_300_100"), integer("lenet_300_100", accumulator_bits=bits)
    images = MNIST.test[:40].images
    true = full.run(full.encode(images))[0].accumulators.astype(np.int64)
    half = 2 ** (bits - 1)
    wrapped = (true + half) % (2 * half) - half
    first = small.run(small.encode(images))[0]
    np.testing.assert_array_equal(first.accumulators, wrapped)
    assert first.overflows == (wrapped != true).sum() > 0
    counts = small.count(images)
    assert counts["fc1"].overflows == first.overflows
    assert counts["fc1"].bits <= bits


def test_a_sum_beyond_32_bits_is_counted_and_wraps() -> None:
    rng = np.random.default_rng(0)
    W = np.full((1, 70_000), 127, np.int8)
    layer = IntegerLayer(
        name="wide",
        codes=W,
        bias=np.array([5], np.int32),
        entering=per_tensor(1.0, 0),
        weight=per_tensor(1.0, 0, QuantSpec()),
        leaving=per_tensor(2.0**20, 0, QuantSpec(bits=16)),
    )
    q = rng.integers(250, 256, (3, 70_000)).astype(np.uint8)
    true = [int(sum(map(int, row))) * 127 + 5 for row in q]
    done = layer.trace(q)
    assert done.overflows == 3
    expected = [(t + 2**31) % 2**32 - 2**31 for t in true]
    assert done.accumulators[:, 0].tolist() == expected
    np.testing.assert_array_equal(layer.forward(q), done.codes)


def test_no_image_reaches_more_than_what_the_weights_allow() -> None:
    net = integer("lenet_5")
    for count in net.count(MNIST.test[:100].images).values():
        assert count.peak <= count.reach < 2**31
        assert count.overflows == 0
        assert -(2 ** (count.bits - 1)) <= count.lowest <= count.highest < 2 ** (count.bits - 1)
        assert count.peak >= 2 ** (count.bits - 2)


def test_saturated_codes_are_counted_and_rectified_ones_are_not() -> None:
    spec = QuantSpec(bits=4, signed=False)
    more = {
        "codes": np.array([[1]], np.int8),
        "bias": np.zeros(1, np.int32),
        "entering": per_tensor(1.0, 0, QuantSpec()),
        "weight": per_tensor(1.0, 0, QuantSpec()),
        "leaving": per_tensor(1.0, 0, spec),
    }
    q = np.array([[-3], [2], [15], [16], [99]], np.int8)
    bare = IntegerLayer(name="bare", **more).trace(q)
    rectified = IntegerLayer(name="rectified", rectified=True, **more).trace(q)
    assert bare.codes[:, 0].tolist() == rectified.codes[:, 0].tolist() == [0, 2, 15, 15, 15]
    assert (bare.saturated, rectified.saturated) == (3, 2)


def test_a_dead_row_leaves_its_bias_room() -> None:
    W = np.array([[0.0, 0.0], [1e-12, 0.0], [1.0, -1.0]], np.float32)
    net = Network("dead", (Flatten("f"), Linear("fc", W, np.array([0.7, -0.3, 0.1]))), (1, 1, 2))
    images = np.random.default_rng(0).random((20, 1, 1, 2), np.float32)
    split = data.Split(images, np.zeros(20, np.int64), "calibration")
    small = IntegerNetwork.from_calibration(net, split)
    np.testing.assert_allclose(small.predict(images), net.predict(images), atol=0.01)


def test_codes_found_elsewhere_are_taken_as_they_are() -> None:
    net = networks.load("lenet_300_100")
    quantized = networks.quantize_weights(net, QuantSpec(bits=4, granularity=PerAxis(0)))
    entering = {
        name: ranges.minmax(x, ACTIVATIONS)
        for name, x in networks.activations(net, CALIBRATION.images).items()
    }
    leaving = ranges.minmax(net.predict(CALIBRATION.images), QuantSpec(bits=16))
    small = IntegerNetwork.from_quantized(quantized, entering, leaving)
    for layer in small.layers:
        if isinstance(layer, IntegerLayer):
            np.testing.assert_array_equal(layer.codes, quantized.codes[layer.name])
    partly = networks.quantize_weights(net, QuantSpec(bits=4), layers=["fc1"])
    with pytest.raises(ValueError, match="each layer must have codes, got none for 'fc2'"):
        IntegerNetwork.from_quantized(partly, entering, leaving)
    with pytest.raises(ValueError, match="a grid of what enters it, got none for 'fc1'"):
        IntegerNetwork.from_quantized(quantized, {}, leaving)


@pytest.mark.parametrize("name", ptq.METHODS)
def test_codes_of_a_repair_are_converted_where_they_mean_all_and_refused_where_not(name) -> None:
    net, spec = networks.load("mlp_784_128_10"), QuantSpec(bits=4, granularity=PerAxis(0))
    method = partial(ptq.adaround, iterations=5) if name == "adaround" else ptq.METHODS[name]
    repaired = networks.repair(net, spec, method, CALIBRATION[:20])
    entering = {
        layer: ranges.minmax(x, ACTIVATIONS)
        for layer, x in networks.activations(net, CALIBRATION[:20].images).items()
    }
    leaving = ranges.minmax(net.predict(CALIBRATION[:20].images), QuantSpec(bits=16))
    told = {
        "hqq": "got real offsets beside the codes (name='fc1'). Repair without them: qlab.ptq.gptq",
        "smoothquant": "got factors of the inputs beside the codes (name='fc1'). Let the layer "
        "before take them over: qlab.networks.fold_smoothquant or fold_awq",
    }
    if name in ("hqq", "smoothquant", "awq"):
        words = told["hqq" if name == "hqq" else "smoothquant"]
        said = f"IntegerNetwork: weights must be (q − z)·s, {words}"
        with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
            IntegerNetwork.from_quantized(repaired, entering, leaving)
        return
    small = IntegerNetwork.from_quantized(repaired, entering, leaving)
    for layer, W in repaired.network.weights.items():
        np.testing.assert_array_equal(small.simulated.weights[layer], W)


def test_a_network_that_is_not_quantized_has_no_codes_to_convert() -> None:
    said = r"^from_quantized: quantized must be a Quantized, got Network\. qlab\.networks\.quantize"
    with unchecked(), pytest.raises(TypeError, match=said):
        IntegerNetwork.from_quantized(networks.load("mlp_784_128_10"), {}, per_tensor(1.0, 0))


def test_a_bias_that_does_not_fit_beside_given_codes_is_refused() -> None:
    layer = Linear("fc", np.array([[1e-12, 0.0]]), np.array([1.0]))
    net = Network("dead", (Flatten("f"), layer), (1, 1, 2))
    quantized = networks.quantize_weights(net, QuantSpec())
    with pytest.raises(ValueError, match=r"bias must fit in 2\^30 steps .* \(name='fc'\)"):
        IntegerNetwork.from_quantized(quantized, {"fc": per_tensor(1.0, 0)}, per_tensor(1.0, 0))


def test_images_and_codes_are_left_as_they_were() -> None:
    net, images = integer("lenet_300_100"), MNIST.test[:3].images.copy()
    before, q = images.copy(), net.encode(images)
    kept = q.copy()
    net.predict(images), net.codes(q), net.run(q)
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(q, kept)
    assert net.codes(q[:0]).shape == (0, 10)


def test_calibrating_on_test_images_is_refused() -> None:
    with pytest.raises(ValueError, match="integer network, got"):
        IntegerNetwork.from_calibration(networks.load("lenet_300_100"), MNIST.test)


REFUSED = {
    "weights of 9 bits": ({"weights": QuantSpec(bits=9)}, "at most 8 bits"),
    "weights in groups": ({"weights": QuantSpec(granularity=PerGroup(8))}, "stays inside the sum"),
    "weights by column": ({"weights": QuantSpec(granularity=PerAxis(1))}, "stays inside the sum"),
    "activations of 9 bits": ({"activations": QuantSpec(bits=9)}, "entering codes must have"),
    "requantization": ({"requantization": "up"}, "must be one of half_even, gemmlowp, float32"),
    "accumulator": ({"accumulator_bits": 33}, "accumulator_bits must be 2 to 32, got 33"),
}


@pytest.mark.parametrize(("more", "told"), REFUSED.values(), ids=REFUSED)
def test_what_integers_cannot_do_is_refused_in_one_sentence(more, told: str) -> None:
    net = build("mlp_784_128_10", np.random.default_rng(0))
    with pytest.raises(ValueError, match=told) as error:
        IntegerNetwork.from_calibration(net, CALIBRATION[:8], **more)
    assert "\n" not in str(error.value)


def test_a_network_without_weights_and_an_empty_calibration_are_refused() -> None:
    bare = Network("bare", (Flatten("f"),), (1, 28, 28))
    with pytest.raises(ValueError, match="must have a layer with weights"):
        IntegerNetwork.from_calibration(bare, CALIBRATION[:8])
    with pytest.raises(ValueError, match="calibration must hold images"):
        IntegerNetwork.from_calibration(networks.load("lenet_300_100"), CALIBRATION[:0])
    with pytest.raises(ValueError, match="must have a layer with weights"):
        IntegerNetwork.from_quantized(Quantized(bare, {}, {}), {}, per_tensor(1.0, 0))


def test_codes_that_are_none_are_refused() -> None:
    net = integer("lenet_300_100")
    with unchecked():
        with pytest.raises(TypeError, match=r"codes must be an integer array, got float32"):
            net.codes(np.zeros((1, 1, 28, 28), np.float32))
        with pytest.raises(TypeError, match="got list"):
            net.codes([1, 2])
        with pytest.raises(ValueError, match=r"codes must be \(N, 1, 28, 28\)"):
            net.codes(np.zeros((1, 784), np.uint8))
        with pytest.raises(ValueError, match="codes must lie in 0 … 255, got -1"):
            net.codes(np.full((1, 1, 28, 28), -1))
