"""What the exercises of lab 12 ask for is what the library does, and what hands compute."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qlab import metrics, pruning
from qlab.course.exercises.pruning import magnitude
from qlab.course.exercises.pruning_global import global_magnitude
from qlab.course.exercises.pruning_step import masked_step
from qlab.course.exercises.sizes import bitmap_bytes, relative_index
from tests.strategies import settings  # noqa: F401 its profile has no deadline

SEEDS, SHARES = st.integers(0, 10**6), st.floats(0, 1)
BY_HAND = np.array(
    [
        [0.6, -0.2, 0.1, 0.0, 1.5],
        [-1.5, 0.3, 0.25, -0.6, 0.9],
        [0.2, 0.8, -0.4, 0.75, -0.1],
        [0.05, -0.9, 1.1, -0.3, 0.5],
        [-0.7, 0.4, -1.2, 0.15, -0.25],
    ]
)


def with_ties(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-6, 7, shape) / 4


def test_the_matrix_of_the_lab_keeps_the_ten_that_a_hand_keeps() -> None:
    kept = {(0, 4), (1, 0), (1, 3), (1, 4), (2, 1), (2, 3), (3, 1), (3, 2), (4, 0), (4, 2)}
    mask = magnitude(BY_HAND, 0.6)
    assert set(map(tuple, np.argwhere(mask).tolist())) == kept


@given(SEEDS, SHARES)
def test_a_mask_is_the_librarys_ties_included(seed: int, sparsity: float) -> None:
    W = with_ties(seed, 5, 7)
    np.testing.assert_array_equal(magnitude(W, sparsity), pruning.magnitude(W, sparsity))


def test_two_layers_ranked_as_one_by_hand() -> None:
    weights = {"a": np.array([[0.5, -5.0]]), "b": np.array([1.0, -3.0, 2.0, 0.7])}
    masks = global_magnitude(weights, 0.5)  # 0.5, 0.7 and 1 go
    assert {name: mask.tolist() for name, mask in masks.items()} == {
        "a": [[False, True]],
        "b": [False, True, True, False],
    }


@given(SEEDS, SHARES)
def test_masks_of_a_network_are_the_librarys_ties_included(seed: int, sparsity: float) -> None:
    weights = {"fc1": with_ties(seed, 4, 6), "fc2": with_ties(seed + 1, 9) / 2}
    ours = global_magnitude(weights, sparsity)
    theirs = pruning.magnitude(weights, sparsity, scope="global")
    assert ours.keys() == theirs.keys()
    for name, mask in ours.items():
        np.testing.assert_array_equal(mask, theirs[name])


@given(SEEDS)
def test_a_step_is_torchs_with_the_mask_applied_after_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    W, gradient = rng.normal(size=(2, 3, 4))
    mask = rng.random((3, 4)) < 0.5
    theirs = torch.nn.Parameter(torch.from_numpy(W.copy()))
    theirs.grad = torch.from_numpy(gradient)
    torch.optim.SGD([theirs], lr=0.125).step()
    expected = theirs.detach().numpy() * mask
    slack = np.finfo(float).eps * (np.abs(W) + np.abs(gradient)).max()  # one fused rounding less
    np.testing.assert_allclose(masked_step(W, gradient, mask, 0.125), expected, atol=slack, rtol=0)


def test_a_step_by_hand_leaves_its_arguments_alone() -> None:
    W, gradient, mask = np.array([1.0, 2.0]), np.array([0.5, 0.5]), np.array([True, False])
    assert masked_step(W, gradient, mask, 0.5).tolist() == [0.75, 0.0]
    assert (W.tolist(), gradient.tolist(), mask.tolist()) == ([1, 2], [0.5, 0.5], [True, False])


def test_ten_of_25_kept_weights_take_44_bytes() -> None:
    assert bitmap_bytes(magnitude(BY_HAND, 0.6), bits=32) == 4 + 40


@given(SEEDS, SHARES)
def test_bytes_of_a_bitmap_are_the_librarys(seed: int, sparsity: float) -> None:
    W = 1 + np.random.default_rng(seed).random((5, 13))
    mask = magnitude(W, sparsity)
    net = SimpleNamespace(weights={"fc1": W * mask}, biases={})
    assert bitmap_bytes(mask, bits=32) == metrics.bytes_bitmap(net).total


def test_golden_figure_2_of_deep_compression() -> None:
    """Han, Mao and Dally 2016, figure 2: weights at 1, 4 and 15, gaps of 3 bits, one filler."""
    mask = np.zeros(16, bool)
    mask[[1, 4, 15]] = True
    assert relative_index(mask, gap_bits=3) == 4


@given(SEEDS, st.floats(0, 0.3), st.integers(1, 8))
def test_entries_of_a_relative_index_are_the_librarys(seed, density, gap_bits) -> None:
    mask = np.random.default_rng(seed).random(300) < density
    theirs = metrics.size.relative_entries(mask.astype(float), gap_bits)
    assert relative_index(mask, gap_bits) == theirs


@pytest.mark.parametrize("gap_bits", [1, 2, 3])
def test_entries_are_what_walking_along_the_mask_counts(gap_bits: int) -> None:
    for number in range(1 << 10):
        mask = np.array([number >> place & 1 for place in range(10)], bool)
        assert relative_index(mask, gap_bits) == walked(mask, gap_bits)


def walked(mask: np.ndarray, gap_bits: int) -> int:
    """Store fillers only when a kept weight turns up behind them."""
    entries = fillers = waiting = 0
    for kept in mask.tolist():
        waiting += 1
        if kept:
            entries, fillers, waiting = entries + fillers + 1, 0, 0
        elif waiting == 2**gap_bits:
            fillers, waiting = fillers + 1, 0
    return entries
