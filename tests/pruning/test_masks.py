from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from qlab.pruning import METHODS, keep_largest
from tests.strategies import float32_arrays, unchecked

SHARES = st.floats(0, 1)
# few different values, so that most draws have ties
SCORES = float32_arrays().flatmap(
    lambda x: st.sampled_from([x, np.round(np.clip(x, -2, 2)), np.zeros_like(x)])
)


@given(SCORES, SHARES)
def test_the_mask_is_that_of_a_stable_sort(scores: np.ndarray, sparsity: float) -> None:
    zeros = round(sparsity * scores.size)
    expected = np.ones(scores.size, bool)
    expected[np.argsort(scores, axis=None, kind="stable")[:zeros]] = False
    assert_array_equal(keep_largest(scores, sparsity), expected.reshape(scores.shape))


@given(float32_arrays(), SHARES)
@pytest.mark.parametrize("name", ["magnitude", "random"])
def test_exactly_the_rounded_share_is_zero_and_the_argument_unchanged(name, W, sparsity) -> None:
    before = W.copy()
    mask = METHODS[name](W, sparsity)
    assert mask.dtype == bool and mask.shape == W.shape
    assert np.count_nonzero(~mask) == round(sparsity * W.size)
    assert_array_equal(W, before)


@pytest.mark.parametrize("name", METHODS)
def test_a_higher_sparsity_removes_what_a_lower_one_removed(name: str) -> None:
    W = np.random.default_rng(0).standard_normal((20, 5, 3, 3) if name == "filters" else (20, 45))
    masks = [METHODS[name](W, share) for share in (0, 0.3, 0.6, 0.9, 1)]
    for fewer, more in pairwise(masks):
        assert not (more & ~fewer).any()
    assert masks[0].all() and not masks[-1].any()


def test_golden_of_equal_weights_the_first_go() -> None:
    assert_array_equal(keep_largest(np.ones(5), 0.4), [False, False, True, True, True])
    assert_array_equal(keep_largest(np.ones(5), 0.5), [False, False, True, True, True])  # 2.5 → 2


@pytest.mark.parametrize("name", METHODS)
def test_a_bad_sparsity_is_refused(name: str) -> None:
    W = np.ones((2, 2, 1, 1)) if name == "filters" else np.ones((2, 2))
    with pytest.raises(
        ValueError, match=rf"^{name}: sparsity must lie in 0 … 1, got sparsity=90\. Is it"
    ):
        METHODS[name](W, 90)
    for bad in (-0.1, float("nan"), 1e9):
        with pytest.raises(ValueError, match="sparsity must lie in 0 … 1"):
            METHODS[name](W, bad)
    for wrong in ("x", None, True):
        with unchecked(), pytest.raises(TypeError, match=f"^{name}: sparsity must be a number"):
            METHODS[name](W, wrong)


@pytest.mark.parametrize("name", METHODS)
def test_nan_is_refused_and_the_layer_named(name: str) -> None:
    with pytest.raises(
        ValueError, match=rf"^{name}: fc2 must be finite, got 1 NaN or infinite of 4\."
    ):
        METHODS[name]({"fc1": np.ones((2, 2)), "fc2": np.array([[1, 2], [3, np.nan]])}, 0.5)


@pytest.mark.parametrize("name", METHODS)
def test_no_layers_give_no_masks(name: str) -> None:
    assert METHODS[name]({}, 0.5) == {}
