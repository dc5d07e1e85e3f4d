"""Codes and levels that do not belong together are refused; those that do come back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlab.codebooks import Coded, kmeans, nearest_level
from qlab.core import PerAxis, PerGroup, pack, unpack
from tests.strategies import float32_arrays, unchecked

LEVELS = np.array([-1.0, 0.0, 2.0], np.float32)
CODES = np.array([[0, 2], [1, 1]])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"codes": np.array([0, 3])}, "codes must lie in 0 … 2, got 0 … 3"),
        ({"codes": np.array([-1, 0])}, "codes must lie in 0 … 2, got -1 … 0"),
        ({"levels": np.array([1.0, 0.0])}, "levels must be finite and ascend"),
        ({"levels": np.array([0.0, np.nan])}, "levels must be finite and ascend"),
        ({"levels": np.zeros(5)}, "1 ≤ k ≤ 2"),
        ({"levels": np.zeros(0)}, "1 ≤ k ≤ 2"),
        ({"bits": 0}, "1 ≤ k ≤ 2"),
        ({"levels": np.zeros((3, 2)), "granularity": PerAxis(0)}, "2 blocks need as many tables"),
        ({"scale": np.ones(2)}, r"scale must be \(\) for PerTensor"),
        ({"scale": np.array(0.0)}, "scale must be finite and positive"),
        ({"scale": np.array(np.inf)}, "scale must be finite and positive"),
    ],
)
def test_what_does_not_belong_together_is_refused(wrong, sentence) -> None:
    with pytest.raises(ValueError, match=f"^Coded: .*{sentence}"):
        Coded(**{"codes": CODES, "levels": LEVELS, "bits": 2, **wrong})


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"codes": np.array([0.7])}, "codes must be a NumPy array of integers"),
        ({"codes": np.array([0.0])}, "codes must be a NumPy array of integers"),
        ({"codes": np.array([True])}, "codes must be a NumPy array of integers"),
        ({"codes": np.array([2**32])}, "codes must lie in 0 … 2"),
        ({"codes": np.array([-(2**32)])}, "codes must lie in 0 … 2"),
        ({"bits": 2.5}, "bits must be an integer, got bits=2.5"),
        ({"bits": "2"}, "bits must be an integer"),
        ({"bits": None}, "bits must be an integer"),
        ({"bits": 10**12}, "bits at most 32"),
        ({"table": 0.5}, "table must be an integer"),
        ({"scale_bits": -1}, "scale_bits must be at least 0"),
        ({"granularity": "axis"}, r"granularity must be PerTensor\(\)"),
    ],
)
def test_nothing_is_cut_to_an_integer(wrong, sentence) -> None:
    with unchecked(), pytest.raises((TypeError, ValueError), match=f"^Coded: .*{sentence}"):
        Coded(**{"codes": CODES, "levels": LEVELS, "bits": 2, **wrong})


@pytest.mark.parametrize(
    ("x", "levels", "sentence"),
    [
        (np.array([np.nan]), LEVELS, "x must be finite, got 1 NaN"),
        ([0.5], LEVELS, "x must be a NumPy float array"),
        (np.array([1]), LEVELS, "x must be a NumPy float array"),
        (LEVELS, np.array([0.0, np.nan]), "levels must be finite, got 1 NaN"),
        (LEVELS, np.array([0.0, np.inf]), "levels must be finite"),
        (LEVELS, [0.0, 1.0], "levels must be a NumPy float array"),
        (LEVELS, np.array([1.0, 0.0, 2.0]), r"levels must be one row .*\(3,\), steps down: 1"),
        (LEVELS, np.zeros(0), r"levels must be one row .*got shape \(0,\)"),
        (LEVELS, np.zeros((1, 2)), r"levels must be one row .*got shape \(1, 2\)"),
    ],
)
def test_the_nearest_of_what_is_no_row_of_numbers_is_refused(x, levels, sentence) -> None:
    with unchecked(), pytest.raises((TypeError, ValueError), match=f"^nearest_level: {sentence}"):
        nearest_level(x, levels)


def test_a_record_shares_no_memory_and_cannot_be_written() -> None:
    codes, levels = CODES.copy(), LEVELS.copy()
    coded = Coded(codes=codes, levels=levels, bits=2)
    codes[:], levels[:] = 0, 0
    assert coded.dequantize().tolist() == [[-1, 2], [0, 0]]
    with pytest.raises(ValueError, match="read-only"):
        coded.codes[0, 0] = 1


def test_a_table_of_each_group_and_a_scale_are_applied() -> None:
    coded = Coded(
        codes=np.array([[0, 1, 1], [1, 0, 0]]),
        levels=np.array([[0, 1], [2, 3], [4, 5], [6, 7]], np.float32),
        scale=np.array([[1, 10], [100, 1000]], np.float32),
        granularity=PerGroup(2),
        bits=1,
    )
    assert coded.dequantize().tolist() == [[0, 1, 30], [500, 400, 6000]]
    assert (coded.bytes.codes, coded.bytes.scales, coded.bytes.levels) == (1, 16, 32)


@given(float32_arrays(low=-10, high=10), float32_arrays(st.tuples(st.integers(1, 9)), -10, 10))
def test_no_level_is_nearer(x, table) -> None:
    levels = np.sort(table)
    chosen = np.abs(x.astype(np.float64) - levels[nearest_level(x, levels)])
    every = np.abs(x.astype(np.float64)[..., None] - levels)
    assert (chosen <= every.min(axis=-1) + 1e-12).all()


@given(float32_arrays(), float32_arrays(st.tuples(st.integers(1, 9))))
def test_counting_levels_and_searching_them_agree_to_the_bit(x, table) -> None:
    levels = np.sort(table)
    middles = ((levels[1:].astype(np.float64) + levels[:-1]) / 2).astype(np.float32)
    x = np.concatenate([x.ravel(), middles, np.nextafter(middles, np.float32(0))])  # ties, too
    assert (nearest_level(x, levels) == nearest_level(x.astype(np.float64), levels)).all()


@given(float32_arrays(low=-10, high=10), st.integers(1, 8))
def test_codes_are_packed_and_come_back(W, bits) -> None:
    coded = kmeans(W, bits=bits)
    packed = pack(coded.codes, bits, signed=False)
    assert len(packed) == coded.bytes.codes
    assert (unpack(packed, bits, W.size, signed=False).reshape(W.shape) == coded.codes).all()
