import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from torch.nn.utils import prune

from qlab.pruning import filters

W = np.random.default_rng(0).standard_normal((21, 4, 3, 3)).astype(np.float32)


@given(st.floats(0, 1))
def test_filters_are_masked_as_by_torch_ln_structured(sparsity: float) -> None:
    layer = torch.nn.Conv2d(4, 21, 3)
    layer.weight = torch.nn.Parameter(torch.from_numpy(W.copy()))
    theirs = prune.ln_structured(layer, "weight", sparsity, n=2, dim=0).weight_mask
    assert_array_equal(filters(W, sparsity), theirs.numpy() == 1)


def test_matrices_of_a_network_stay_whole() -> None:
    masks = filters({"conv1": W, "fc1": np.ones((5, 6))}, 0.5)
    assert masks["fc1"].all()
    assert masks["conv1"].all(axis=(1, 2, 3)).sum() == 21 - 10


def test_an_array_that_is_no_convolution_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"filters: W must have 4 dimensions, got shape \(3, 4\)\."
    ):
        filters(np.ones((3, 4)), 0.5)
