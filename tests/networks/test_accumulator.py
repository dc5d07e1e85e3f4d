"""Narrow registers against plain Python integers; a sum followed product by product."""

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qlab import data, networks
from qlab.core import QParams, QuantSpec
from qlab.networks import (
    OVERFLOWS,
    IntegerLayer,
    IntegerNetwork,
    bits_for,
    fixed_point,
    follow,
    to_onnx,
)
from qlab.networks.accumulator import extremes, limits, saturated, walk, wrapped
from tests.strategies import unchecked

BITS = st.integers(2, 32)
U8 = QuantSpec(bits=8, signed=False, symmetric=False)
MNIST = data.load("mnist")


def by_python(bias: int, products: list[int], bits: int, overflow: str) -> list[int]:
    """The register after each product, one Python integer after the other."""
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    def fitted(a: int) -> int:
        if overflow == "saturate":
            return min(max(a, low), high)
        return (a - low) % 2**bits + low

    held = [fitted(bias)]
    for product in products:
        held.append(fitted(held[-1] + product))
    return held


def grid(s: float, z: int, spec: QuantSpec = U8) -> QParams:
    return QParams(np.array(s), np.array(z), spec)


def layer(rng: np.random.Generator, shape: tuple[int, ...], bits: int, overflow: str, **more):
    return IntegerLayer(
        name="one",
        codes=rng.integers(-127, 128, shape).astype(np.int8),
        bias=rng.integers(-3000, 3000, shape[0]).astype(np.int32),
        entering=grid(0.01, 7),
        weight=grid(0.02, 0, QuantSpec()),
        leaving=grid(0.5, 3),
        accumulator_bits=bits,
        overflow=overflow,
        **more,
    )


@given(
    st.integers(-(2**30), 2**30),
    st.lists(st.integers(-(255**2), 255**2), max_size=30),
    BITS,
    st.sampled_from(OVERFLOWS),
)
@example(60, [100, -100], 8, "saturate")
@example(-128, [-1, 1], 8, "wrap")
def test_a_register_is_what_python_integers_give(bias, products, bits, overflow) -> None:
    got = walk(bias, np.array(products, np.int64), bits, overflow)
    assert got.tolist() == by_python(bias, products, bits, overflow)


@given(st.integers(0, 2**32 - 1), BITS, st.sampled_from(OVERFLOWS))
@settings(max_examples=40)
@example(seed=0, bits=32, overflow="saturate")
@example(seed=0, bits=12, overflow="saturate")
def test_every_sum_of_a_layer_is_what_python_integers_give(seed, bits, overflow) -> None:
    rng = np.random.default_rng(seed)
    one = layer(rng, (3, int(rng.integers(1, 12))), bits, overflow)
    q = rng.integers(0, 256, (2, one.codes.shape[1])).astype(np.uint8)
    done = one.trace(q)
    wrong = 0
    for i in range(2):
        for o in range(3):
            products = [(int(a) - 7) * int(w) for a, w in zip(q[i], one.codes[o], strict=True)]
            bias = int(one.bias[o])
            expected = by_python(bias, products, bits, overflow)[-1]
            assert done.accumulators[i, o] == expected
            wrong += expected != bias + sum(products)
    assert done.overflows == wrong
    np.testing.assert_array_equal(one.forward(q), done.codes)


@pytest.mark.parametrize("bits", [10, 14, 32])
def test_a_convolution_saturates_place_by_place(bits: int) -> None:
    rng = np.random.default_rng(bits)
    one = layer(rng, (2, 2, 3, 2), bits, "saturate", stride=2, padding=1)
    q = rng.integers(0, 256, (2, 2, 6, 5)).astype(np.uint8)
    x = np.pad(q.astype(int) - 7, ((0, 0), (0, 0), (1, 1), (1, 1)))
    done = one.trace(q)
    for n, o, i, j in np.ndindex(done.accumulators.shape):
        window = x[n, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 2]
        products = (window * one.codes[o]).ravel().tolist()
        expected = by_python(int(one.bias[o]), products, bits, "saturate")[-1]
        assert done.accumulators[n, o, i, j] == expected


def test_a_saturating_register_of_more_than_32_bits_of_sum_keeps_to_its_ends() -> None:
    steps = np.full((1, 33_100), 255, np.int64)
    columns = np.full((33_100, 1), 255, np.int64)
    assert saturated(steps, columns, np.array([5]), 32).tolist() == [[2**31 - 1]]


def test_wrapping_forgives_on_the_way_and_saturating_does_not() -> None:
    up = np.array([100, 100, -100, -100])
    assert walk(0, up, 8, "wrap")[-1] == 0
    assert walk(0, up, 8, "saturate")[-1] == -73  # 127 − 200


@given(st.integers(-(2**40), 2**40), st.integers(-(2**40), 2**40))
def test_bits_for_is_the_smallest_register_that_holds_both(a: int, b: int) -> None:
    low, high = min(a, b, 0), max(a, b, 0)
    bits = bits_for(min(a, b), max(a, b))
    assert limits(bits)[0] <= low <= high <= limits(bits)[1]
    assert bits == 1 or not limits(bits - 1)[0] <= low <= high <= limits(bits - 1)[1]


@given(st.integers(0, 2**32 - 1), st.integers(-3, 0), st.integers(0, 3))
@settings(max_examples=30)
def test_the_extremes_are_reached_and_nothing_lies_beyond(seed: int, low: int, high: int) -> None:
    rng = np.random.default_rng(seed)
    W, b = rng.integers(-9, 10, (2, 3)), rng.integers(-20, 20, 2)
    every = np.array(np.meshgrid(*[range(low, high + 1)] * 3)).reshape(3, -1)
    sums = W @ every + b[:, None]
    lowest, highest = extremes(W, low, high, b)
    assert lowest.tolist() == sums.min(axis=1).tolist()
    assert highest.tolist() == sums.max(axis=1).tolist()


@pytest.fixture(scope="module")
def small() -> IntegerNetwork:
    return IntegerNetwork.from_calibration(networks.load("lenet_300_100"), MNIST.calibration[:128])


def test_the_extremes_of_a_layer_hold_what_images_reach(small: IntegerNetwork) -> None:
    counts = small.count(MNIST.test[:50].images)
    for one in small.integer_layers:
        lowest, highest = one.extremes
        assert lowest <= counts[one.name].lowest <= counts[one.name].highest <= highest
        assert max(-lowest, highest) <= one.reach


@pytest.mark.parametrize("overflow", OVERFLOWS)
def test_as_many_bits_as_the_worst_case_needs_change_nothing(small, overflow: str) -> None:
    q = small.encode(MNIST.test[:30].images)
    need = max(bits_for(-one.reach, one.reach) for one in small.integer_layers)
    wide = small.with_arithmetic(accumulator_bits=need, overflow=overflow)
    np.testing.assert_array_equal(wide.codes(q), small.codes(q))
    narrow = small.with_arithmetic(accumulator_bits=12, overflow=overflow)
    assert (narrow.codes(q) != small.codes(q)).any()
    assert sum(run.overflows for run in narrow.run(q)) > 0


def test_other_arithmetic_leaves_codes_and_network_as_they_were(small: IntegerNetwork) -> None:
    other = small.with_arithmetic(accumulator_bits=10, overflow="saturate", multiplier_bits=3)
    assert {(k.accumulator_bits, k.overflow, k.multiplier_bits) for k in other.integer_layers} == {
        (10, "saturate", 3)
    }
    assert {k.accumulator_bits for k in small.integer_layers} == {32}
    for a, b in zip(small.integer_layers, other.integer_layers, strict=True):
        np.testing.assert_array_equal(a.codes, b.codes)
    made = IntegerNetwork.from_calibration(
        networks.load("lenet_300_100"),
        MNIST.calibration[:128],
        accumulator_bits=10,
        overflow="saturate",
        multiplier_bits=3,
    )
    q = small.encode(MNIST.test[:10].images)
    np.testing.assert_array_equal(made.codes(q), other.codes(q))


@pytest.mark.parametrize("name", ["lenet_300_100", "lenet_5"])
@pytest.mark.parametrize(("bits", "overflow"), [(32, "wrap"), (14, "wrap"), (14, "saturate")])
def test_a_sum_that_is_followed_ends_in_the_layers_accumulator_and_code(name, bits, overflow):
    net = IntegerNetwork.from_calibration(
        networks.load(name), MNIST.calibration[:64], accumulator_bits=bits, overflow=overflow
    )
    q = net.encode(MNIST.test[:1].images)
    for one in net.layers:
        if isinstance(one, IntegerLayer):
            done = one.trace(q)
            for o in (0, 7):
                found = follow(one, q, o)
                at = (0, o, *found.place)
                assert found.registers[-1] == done.accumulators[at]
                assert found.code == done.codes[at]
                true = one.sums(q)
                assert found.sums[-1] == true[at] == found.sums[0] + found.products.sum()
                assert abs(found.sums[-1]) == np.abs(true[0, o]).max()
            if found.place:
                here = follow(one, q, 3, (1, 2))
                assert (here.code, here.place) == (done.codes[0, 3, 1, 2], (1, 2))
        q = one.forward(q) if isinstance(one, IntegerLayer) else net.moved(one, q)


@given(st.floats(2.0**-20, 2.0**10), st.integers(1, 31))
def test_a_multiplier_of_few_bits_is_within_half_a_unit_and_ends_in_zeros(real, bits) -> None:
    multiplier = fixed_point(real, bits)
    m, e = int(multiplier.m), int(multiplier.e)
    assert m % 2 ** (31 - bits) == 0
    assert 2**30 <= m < 2**31
    assert abs(float(multiplier.value) - real) <= 2.0 ** (e - bits) / 2


def test_a_multiplier_of_one_bit_is_a_shift() -> None:
    assert [float(fixed_point(x, 1).value) for x in (0.3, 0.7, 0.76)] == [0.25, 0.5, 1.0]


REFUSED = {
    "overflow": ({"overflow": "trap"}, "overflow must be one of wrap, saturate, got 'trap'"),
    "multiplier": ({"multiplier_bits": 32}, "multiplier_bits must be 1 to 31, got 32"),
    "accumulator": ({"accumulator_bits": 1}, "accumulator_bits must be 2 to 32, got 1"),
    "unknown": ({"accumulator": 8}, "with_arithmetic: one of .* expected, got 'accumulator'"),
}


@pytest.mark.parametrize(("more", "told"), REFUSED.values(), ids=REFUSED)
def test_arithmetic_that_does_not_exist_is_refused(small, more, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        small.with_arithmetic(**more)


@pytest.mark.parametrize("part", ["accumulator_bits", "multiplier_bits"])
@pytest.mark.parametrize("bits", ["8", 8.0, None, True])
def test_bits_that_are_no_integer_are_refused_in_one_sentence(small, part: str, bits) -> None:
    said = f"^IntegerLayer: {part} must be an integer, got {part}={re.escape(repr(bits))}.$"
    with unchecked(), pytest.raises(TypeError, match=said):
        small.with_arithmetic(**{part: bits})


@pytest.mark.parametrize("part", ["requantization", "overflow"])
def test_arithmetic_that_is_no_word_is_refused_in_one_sentence(small, part: str) -> None:
    with unchecked(), pytest.raises(ValueError, match=rf"{part} must be one of .*, got \['wrap'\]"):
        small.with_arithmetic(**{part: ["wrap"]})


def test_following_nowhere_is_refused(small: IntegerNetwork) -> None:
    first, q = small.integer_layers[0], np.zeros((1, 784), np.uint8)
    with pytest.raises(ValueError, match="q must hold one image, got 2"):
        follow(first, np.zeros((2, 784), np.uint8), 0)
    with pytest.raises(ValueError, match="output must be 0 to 299, got 300"):
        follow(first, q, 300)
    with pytest.raises(ValueError, match=r"place must lie within \(\), got \(0,\)"):
        follow(first, q, 0, (0,))
    with pytest.raises(ValueError, match="overflow must be one of wrap, saturate"):
        walk(0, np.array([1]), 8, "trap")


def test_a_narrow_accumulator_that_may_overflow_is_not_exported(small: IntegerNetwork) -> None:
    with pytest.raises(ValueError, match="accumulators must have 32 bits"):
        to_onnx(small.with_arithmetic(accumulator_bits=12))
    assert to_onnx(small.with_arithmetic(accumulator_bits=31)) == to_onnx(small)


def test_wrapped_values_are_congruent_and_inside() -> None:
    sums = np.arange(-1000, 1000)
    got = wrapped(sums, 6)
    assert ((got - sums) % 64 == 0).all()
    assert (got.min(), got.max()) == limits(6)
