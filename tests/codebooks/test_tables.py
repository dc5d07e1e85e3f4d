"""Grids that their papers fix: printed tables, the authors' construction, ml_dtypes, hands."""

import itertools

import ml_dtypes
import numpy as np
import pytest
import torch

from qlab.codebooks import (
    E2M3,
    E3M2,
    apot_levels,
    dorefa,
    e5m2,
    learned,
    minifloat,
    mx,
    mxfp6_e3m2,
    mxfp8_e5m2,
    nf4,
    normal_levels,
    piecewise_linear,
    power_of_two,
    two_slopes,
)
from qlab.core import E5M2, PerAxis, PerGroup, PerTensor, levels
from tests.strategies import unchecked

NF4 = [  # arXiv:2305.14314, appendix E
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
    *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
    *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
]
ML_DTYPES = {4: "float4_e2m1fn", 6: "float6_e2m3fn", 8: "float8_e4m3fn"}


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_golden_the_table_of_nf4() -> None:
    assert np.abs(normal_levels(4) - NF4).max() < 2e-7  # printed from float32 arithmetic


def test_nf4_is_the_nearest_level_of_each_block_of_64() -> None:
    W = normal(3, 128)
    found = nf4(W).dequantize()
    for row, start in itertools.product(range(3), (0, 64)):
        block = W[row, start : start + 64].astype(np.float64)
        s = np.abs(block).max()
        nearest = np.abs(block[:, None] / s - NF4).argmin(axis=1)
        expected = np.array(NF4)[nearest] * s
        assert found[row, start : start + 64] == pytest.approx(expected, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("bits", range(2, 9))
def test_normal_levels_ascend_and_zero_is_one_of_them(bits) -> None:
    found = normal_levels(bits)
    assert (np.diff(found) > 0).all()
    assert len(found) == 2**bits
    assert 0 in found
    assert (found[0], found[-1]) == (-1, 1)


def authors_apot(magnitude_bits: int) -> np.ndarray:
    """Return the authors' `build_power_value`, for the widths that it has: 2 to 6."""
    a, b, c = [0.0], [0.0], [0.0]
    for i in range(3):
        if magnitude_bits == 2:
            a.append(2.0 ** (-i - 1))
        elif magnitude_bits == 4:
            a.append(2.0 ** (-2 * i - 1))
            b.append(2.0 ** (-2 * i - 2))
        elif magnitude_bits == 6:
            a.append(2.0 ** (-3 * i - 1))
            b.append(2.0 ** (-3 * i - 2))
            c.append(2.0 ** (-3 * i - 3))
        elif magnitude_bits == 3:
            if i < 2:
                a.append(2.0 ** (-i - 1))
            else:
                b.append(2.0 ** (-i - 1))
                a.append(2.0 ** (-i - 2))
        elif i < 2:
            a.append(2.0 ** (-2 * i - 1))
            b.append(2.0 ** (-2 * i - 2))
        else:
            c.append(2.0 ** (-2 * i - 1))
            a.append(2.0 ** (-2 * i - 2))
            b.append(2.0 ** (-2 * i - 3))
    sums = np.unique([sum(t) for t in itertools.product(set(a), set(b), set(c))])
    return sums / sums.max()


@pytest.mark.parametrize("bits", [3, 4, 5, 6, 7])
def test_apot_levels_are_those_of_the_authors(bits) -> None:
    found = apot_levels(bits)
    assert found[found >= 0] == pytest.approx(authors_apot(bits - 1), rel=1e-12)
    assert (found == -found[::-1]).all()


@pytest.mark.parametrize("bits", [2, 4, 6])
def test_a_power_of_two_is_nearest_and_every_scale_is_one(bits) -> None:
    W = normal(40, seed=1)
    coded = power_of_two(W, bits=bits)
    n = np.floor(np.log2(4 / 3 * np.abs(W).max()))
    magnitudes = [0.0, *np.exp2(n - np.arange(2 ** (bits - 1) - 1))]
    expected = [min(magnitudes, key=lambda m: (abs(abs(w) - m), m)) for w in W.astype(float)]
    assert np.abs(coded.dequantize()).tolist() == expected
    assert np.log2(coded.scale) % 1 == 0


def test_the_breakpoint_is_the_best_of_all_that_are_tried() -> None:
    W = np.random.default_rng(2).standard_t(3, (4, 50)).astype(np.float32)
    for granularity in (PerTensor(), PerAxis(0), PerGroup(16)):

        def error(found, W=W) -> float:
            return float(np.sum((W.astype(np.float64) - found.dequantize()) ** 2))

        tried = [
            error(piecewise_linear(W, granularity=granularity, breakpoint=i / 64))
            for i in range(1, 64)
        ]
        found = error(piecewise_linear(W, granularity=granularity))
        assert found == pytest.approx(min(tried), rel=1e-5)  # levels in float32


@pytest.mark.parametrize("bits", range(3, 9))
def test_two_slopes_have_half_of_the_levels_on_each_side_of_the_breakpoint(bits) -> None:
    found = two_slopes(bits, 0.25)
    steps = np.diff(found[found >= 0])
    half = 2 ** (bits - 2)
    assert steps[:half] == pytest.approx(0.25 / half)
    assert steps[half:] == pytest.approx(0.75 / (half - 1))


@pytest.mark.parametrize("breakpoint", [0.0, 1.0, -0.5, 5.0, np.nan])
def test_a_breakpoint_outside_is_refused(breakpoint) -> None:
    with pytest.raises(ValueError, match="breakpoint must lie between 0 and 1, got breakpoint="):
        piecewise_linear(np.ones(3), breakpoint=breakpoint)
    with pytest.raises(ValueError, match="two_slopes: r must lie between 0 and 1, got r="):
        two_slopes(3, breakpoint)


def test_two_slopes_are_asked_for_in_numbers_and_need_three_bits() -> None:
    for bits in (2, 9):  # two leave no tail: −1 and 1 would be missing
        with pytest.raises(ValueError, match=f"two_slopes: bits must be among .*got bits={bits}"):
            two_slopes(bits, 0.5)
    for wrong in ("x", None):
        with unchecked(), pytest.raises(TypeError, match="two_slopes: bits must be an integer"):
            two_slopes(wrong, 0.5)
        with unchecked(), pytest.raises(TypeError, match="two_slopes: r must be a number"):
            two_slopes(3, wrong)
    with (
        unchecked(),
        pytest.raises(TypeError, match="piecewise_linear: breakpoint must be a number"),
    ):
        piecewise_linear(np.ones(3), breakpoint="x")


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_minifloats_are_those_of_ml_dtypes(bits) -> None:
    W = normal(5, 200, seed=3)
    coded = minifloat(W, bits=bits, granularity=PerAxis(0))
    s = coded.scale[:, None]
    kind = np.dtype(getattr(ml_dtypes, ML_DTYPES[bits]))
    y = np.clip((W.astype(np.float64) / s).astype(np.float32), coded.levels[0], coded.levels[-1])
    assert (coded.dequantize() == y.astype(kind).astype(np.float32) * s).all()


def test_the_two_other_formats_are_those_of_ml_dtypes() -> None:
    y = np.linspace(-30, 30, 1001, dtype=np.float32)
    for format, name in ((E3M2, "float6_e3m2fn"), (E5M2, "float8_e5m2"), (E2M3, "float6_e2m3fn")):
        top = levels(format)[-1]
        x = np.append(np.clip(y, -top, top), top).astype(np.float32)  # absmax top: scale 1
        found = minifloat(x, format=format).dequantize()
        assert (found == x.astype(np.dtype(getattr(ml_dtypes, name))).astype(np.float32)).all()
    assert e5m2(y).bits == 8


MX = {kind: (mx, bits) for bits, kind in ML_DTYPES.items()}
MX |= {"float6_e3m2fn": (mxfp6_e3m2, 6), "float8_e5m2": (mxfp8_e5m2, 8)}


@pytest.mark.parametrize("name", MX)
def test_mx_is_a_floor_scale_and_a_saturating_cast_in_blocks_of_32(name) -> None:
    W = normal(4, 64, seed=4) * np.float32(37)
    method, bits = MX[name]
    coded = method(W, bits=bits)
    assert coded.bits == bits
    kind = np.dtype(getattr(ml_dtypes, name))
    largest = float(ml_dtypes.finfo(kind).max)
    for row, group in itertools.product(range(4), range(2)):
        block = W[row, 32 * group : 32 * group + 32]
        s = 2.0 ** (np.floor(np.log2(np.abs(block).max())) - np.floor(np.log2(largest)))
        assert coded.scale[row, group] == s
        assert float(np.float32(s).astype(ml_dtypes.float8_e8m0fnu)) == s  # one byte holds it
        cast = np.clip(block / np.float32(s), -largest, largest).astype(kind).astype(np.float32)
        assert (coded.dequantize()[row, 32 * group : 32 * group + 32] == cast * s).all()


def test_mxfp4_takes_four_bits_and_a_quarter() -> None:
    assert 8 * mx(normal(8, 320)).bytes.total / 2560 == 4.25


@pytest.mark.parametrize("bits", range(2, 9))
def test_dorefa_is_the_papers_formula_in_torch(bits) -> None:
    W = normal(200, seed=5)
    t = torch.tanh(torch.from_numpy(W).double())
    r = t / (2 * t.abs().max()) + 0.5
    n = 2**bits - 1
    expected = 2 * torch.round(n * r) / n - 1
    assert dorefa(W, bits=bits).dequantize() == pytest.approx(expected.numpy(), abs=1e-6)
    rescaled = dorefa(W, bits=bits, rescale=True).dequantize()
    assert np.abs(rescaled).max() == pytest.approx(np.abs(W).max())


def test_given_levels_are_sorted_and_the_nearest_is_taken() -> None:
    W = normal(100, seed=6)
    table = np.array([0.7, -1.2, 0.1], np.float32)
    expected = [min(table.tolist(), key=lambda c: (abs(w - c), c)) for w in W.tolist()]
    assert learned(W, bits=2, levels=table).dequantize().tolist() == expected


@pytest.mark.parametrize("table", [np.zeros(5), np.zeros(0), np.zeros((2, 2))])
def test_levels_that_are_no_table_are_refused(table) -> None:
    with (
        unchecked(),
        pytest.raises(ValueError, match="levels must be 1 to 4 numbers for 2 bits, got shape"),
    ):
        learned(np.ones(3), bits=2, levels=table)
