"""Entropy, against its definition and its limits."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlab.coding import entropy
from tests.strategies import unchecked

COUNTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=40)


@given(COUNTS)
def test_entropy_is_the_mean_information_of_the_symbols(counts: list[int]) -> None:
    n = sum(counts)
    expected = sum(k / n * math.log2(n / k) for k in counts if k)
    assert entropy(np.array(counts)) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(COUNTS)
def test_no_code_of_equal_words_is_shorter_and_equal_counts_need_all_of_it(counts) -> None:
    used = np.count_nonzero(counts)
    assert 0 <= entropy(np.array(counts)) <= math.log2(max(used, 1)) + 1e-12
    assert entropy(np.full(2**5, 7)) == 5


@pytest.mark.parametrize("counts", [[], [0, 0], [9], [0, 3]])
def test_one_symbol_or_none_says_nothing(counts) -> None:
    assert entropy(np.array(counts, int)) == 0


def test_what_does_not_count_is_refused() -> None:
    for wrong, error, words in (
        (np.array([1, -2]), ValueError, "must not be negative, got -2"),
        (np.array([0.5, 0.5]), TypeError, "integers, got an array of float64"),
        (np.ones((2, 2), int), ValueError, "must be flat"),
        (np.ones(70_000, np.uint8), ValueError, "at most 65536 symbols"),
        (np.array([2**60]), ValueError, "below 2\\^46"),
    ):
        with unchecked(), pytest.raises(error, match=f"entropy: counts .*{words}"):
            entropy(wrong)
