import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from torch.nn.utils import prune

from qlab.pruning import neurons

W = np.random.default_rng(0).standard_normal((37, 20)).astype(np.float32)


@given(st.floats(0, 1))
def test_rows_are_masked_as_by_torch_ln_structured(sparsity: float) -> None:
    layer = torch.nn.Linear(20, 37)
    layer.weight = torch.nn.Parameter(torch.from_numpy(W.copy()))
    theirs = prune.ln_structured(layer, "weight", sparsity, n=2, dim=0).weight_mask
    assert_array_equal(neurons(W, sparsity), theirs.numpy() == 1)


def test_golden_the_row_of_smaller_l2_norm_goes_though_its_l1_norm_is_larger() -> None:
    rows = np.array([[5.0, 0.0, 0.0], [2.0, 2.0, 2.0]])  # L2: 5, 3.46; L1: 5, 6
    assert_array_equal(neurons(rows, 0.5)[:, 0], [True, False])


def test_tiny_and_huge_rows_are_ranked_too() -> None:
    rows = np.array([[1e-40], [2e-40], [3e38], [2e38]], np.float32)
    assert_array_equal(neurons(rows, 0.75)[:, 0], [False, False, True, False])
    assert_array_equal(neurons(rows, 0.25)[:, 0], [False, True, True, True])


def test_convolutions_of_a_network_stay_whole() -> None:
    masks = neurons({"conv1": np.ones((4, 1, 3, 3)), "fc1": W}, 0.5)
    assert masks["conv1"].all()
    assert masks["fc1"].all(axis=1).sum() == 37 - 18


def test_an_array_that_is_no_matrix_is_refused() -> None:
    with pytest.raises(ValueError, match=r"neurons: W must have 2 dimensions, got shape \(3,\)\."):
        neurons(np.ones(3), 0.5)


def test_a_layer_without_inputs_has_rows_of_norm_zero() -> None:
    assert neurons(np.zeros((3, 0)), 0.5).shape == (3, 0)
