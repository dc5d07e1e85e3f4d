import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qlab.networks import Conv2d, Flatten, Linear, MaxPool2d, ReLU
from tests.networks.slow import conv2d, dot_error, max_pool2d

seeds = st.integers(0, 2**32 - 1)


def uniform(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.uniform(-1, 1, shape).astype(np.float32)


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Conv2d, np.ndarray]:
    rng = np.random.default_rng(draw(seeds))
    channels, out = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    kh, kw = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    h, w = draw(st.integers(kh, 9)), draw(st.integers(kw, 17))
    s, pad = draw(st.integers(1, 3)), draw(st.integers(0, 2))
    layer = Conv2d("c", uniform(rng, out, channels, kh, kw), uniform(rng, out), s, pad)
    return layer, uniform(rng, draw(st.integers(0, 3)), channels, h, w)


@settings(deadline=None, max_examples=60)
@given(convolutions())
def test_conv2d_equals_its_equation_and_torch(case: tuple[Conv2d, np.ndarray]) -> None:
    layer, x = case
    W, b, s, pad = layer.weight, layer.bias, layer.stride, layer.padding
    y = layer.forward(x)
    bound = dot_error(W[0].size, 1.0)
    assert y.dtype == np.float32
    assert y.shape == (len(x), *layer.output_shape(x.shape[1:]))
    np.testing.assert_allclose(y, conv2d(x, W, b, s, pad), rtol=0, atol=bound)
    if len(x):
        oracle = torch.nn.functional.conv2d(
            torch.tensor(x), torch.tensor(W), torch.tensor(b), stride=s, padding=pad
        )
        np.testing.assert_allclose(y, oracle.numpy(), rtol=0, atol=bound)


@pytest.mark.parametrize("channels", [1, 20], ids=["columns", "rows"])
def test_conv2d_does_not_depend_on_the_order_in_memory(channels: int) -> None:
    rng = np.random.default_rng(0)
    layer = Conv2d("c", uniform(rng, 3, channels, 5, 5), uniform(rng, 3))
    x = uniform(rng, 2, channels, 14, 14)
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    first = np.ascontiguousarray(x.transpose(1, 0, 2, 3)).transpose(1, 0, 2, 3)
    for other in (last, first):
        np.testing.assert_array_equal(layer.forward(other), layer.forward(x))


@settings(deadline=None, max_examples=60)
@given(seeds, st.integers(0, 5), st.integers(1, 9), st.integers(1, 9))
def test_linear_equals_torch(seed: int, n: int, inputs: int, outputs: int) -> None:
    rng = np.random.default_rng(seed)
    layer = Linear("fc", uniform(rng, outputs, inputs), uniform(rng, outputs))
    x = uniform(rng, n, inputs)
    oracle = torch.nn.functional.linear(
        torch.tensor(x), torch.tensor(layer.weight), torch.tensor(layer.bias)
    )
    y = layer.forward(x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, oracle.numpy(), rtol=0, atol=dot_error(inputs, 1.0))


@settings(deadline=None, max_examples=60)
@given(seeds, st.integers(1, 3), st.integers(3, 8), st.integers(3, 8))
def test_max_pool2d_equals_its_equation_and_torch(seed: int, k: int, h: int, w: int) -> None:
    x = uniform(np.random.default_rng(seed), 2, 3, h, w)
    y = MaxPool2d("p", k).forward(x)
    assert y.shape[1:] == MaxPool2d("p", k).output_shape(x.shape[1:])
    np.testing.assert_array_equal(y, max_pool2d(x, k))
    np.testing.assert_array_equal(y, torch.nn.functional.max_pool2d(torch.tensor(x), k).numpy())


def test_flatten_runs_through_channels_then_rows_then_columns() -> None:
    x = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(Flatten("f").forward(last)[0], np.arange(24))


def test_relu_keeps_positives_and_zeroes_the_rest() -> None:
    x = np.array([[-2.0, -0.0, 0.0, 3.0]], np.float32)
    np.testing.assert_array_equal(ReLU("r").forward(x), [[0, 0, 0, 3]])


def test_no_layer_writes_into_its_input() -> None:
    rng = np.random.default_rng(0)
    x, v = uniform(rng, 2, 1, 8, 8), uniform(rng, 2, 8)
    x.flags.writeable = v.flags.writeable = False
    kernel = Conv2d("c", uniform(rng, 2, 1, 3, 3), uniform(rng, 2))
    for layer in (kernel, MaxPool2d("p"), ReLU("r"), Flatten("f")):
        layer.forward(x)
    Linear("fc", uniform(rng, 3, 8), uniform(rng, 3)).forward(v)


def test_macs_of_lenet_5s_layers_are_those_counted_by_hand() -> None:
    conv2 = Conv2d("conv2", np.zeros((50, 20, 5, 5)), np.zeros(50))
    assert conv2.macs((20, 12, 12)) == 50 * 8 * 8 * 20 * 5 * 5 == 1_600_000
    assert Linear("fc1", np.zeros((500, 800)), np.zeros(500)).macs((800,)) == 400_000
    assert ReLU("r").macs((500,)) == MaxPool2d("p").macs((20, 24, 24)) == 0


def test_arrays_are_float32_and_cannot_be_written_through_the_layer() -> None:
    W = np.ones((2, 3))
    layer = Linear("fc", W, np.zeros(2))
    assert layer.weight.dtype == layer.bias.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        layer.weight[0, 0] = 5
    W[0, 0] = 7  # the caller's own array stays the caller's
    assert W[0, 0] == 7


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Linear("fc", np.ones((2, 3)), np.zeros(3)), r"weight=\(2, 3\), bias=\(3,\)"),
        (lambda: Linear("fc", np.full((2, 3), np.nan), np.zeros(2)), "6 NaN or infinite of 6"),
        (lambda: Conv2d("c", np.full((1, 1, 1, 1), 1e300), np.zeros(1)), "1 NaN or infinite"),
        (lambda: Conv2d("c", np.ones((1, 1, 2, 2)), np.zeros(1), stride=0), "stride=0"),
        (lambda: Conv2d("c", np.ones((1, 1, 2, 2)), np.zeros(1), padding=-1), "padding=-1"),
        (lambda: MaxPool2d("p", 0), "size=0"),
        (lambda: Linear("fc", np.ones((2, 3)), np.zeros(2)).output_shape((4,)), r"input=\(4,\)"),
        (lambda: MaxPool2d("p", 3).output_shape((1, 2, 9)), r"MaxPool2d: input must be \(c, h, w"),
        (
            lambda: Conv2d("c", np.ones((1, 1, 5, 5)), np.zeros(1)).output_shape((1, 4, 9)),
            r"Conv2d: input must be \(in, h, w\)",
        ),
    ],
)
def test_a_layer_that_cannot_work_is_refused(make, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make()
