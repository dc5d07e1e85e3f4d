import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from torch.nn.utils import prune

from qlab.pruning import magnitude
from tests.strategies import unchecked

NETWORK = {
    "fc1": np.random.default_rng(1).standard_normal((30, 40)).astype(np.float32),
    "fc2": 0.1 * np.random.default_rng(2).standard_normal((10, 30)).astype(np.float32),
}


def module(W: np.ndarray) -> torch.nn.Module:
    layer = torch.nn.Linear(W.shape[1], W.shape[0])
    layer.weight = torch.nn.Parameter(torch.from_numpy(W.copy()))
    return layer


@given(st.floats(0, 1))
def test_a_layer_is_masked_as_by_torch_l1_unstructured(sparsity: float) -> None:
    theirs = prune.l1_unstructured(module(NETWORK["fc1"]), "weight", sparsity).weight_mask
    assert_array_equal(magnitude(NETWORK["fc1"], sparsity), theirs.numpy() == 1)


@given(st.floats(0, 1))
def test_a_network_is_masked_as_by_torch_global_unstructured(sparsity: float) -> None:
    layers = {name: module(W) for name, W in NETWORK.items()}
    prune.global_unstructured(
        [(layer, "weight") for layer in layers.values()], prune.L1Unstructured, amount=sparsity
    )
    for name, mask in magnitude(NETWORK, sparsity, scope="global").items():
        assert_array_equal(mask, layers[name].weight_mask.numpy() == 1)


def test_per_layer_every_layer_loses_the_same_share_and_globally_the_smaller_one_more() -> None:
    by_layer = magnitude(NETWORK, 0.5)
    globally = magnitude(NETWORK, 0.5, scope="global")
    assert {name: mask.mean() for name, mask in by_layer.items()} == {"fc1": 0.5, "fc2": 0.5}
    assert globally["fc2"].mean() < 0.5 < globally["fc1"].mean()
    assert sum(np.count_nonzero(~mask) for mask in globally.values()) == 750


def test_golden_the_smallest_of_three_goes_not_the_first() -> None:
    assert_array_equal(magnitude(np.array([0.6, -0.3, 0.5]), 1 / 3), [True, False, True])


def test_float64_weights_are_ranked_as_float64() -> None:
    W = np.array([1.0, 1.0 - 2.0**-40])  # equal in float32
    assert_array_equal(magnitude(W, 0.5), [True, False])


def test_an_unknown_scope_is_refused() -> None:
    with (
        unchecked(),
        pytest.raises(ValueError, match=r'scope must be "layer" or "global", got scope=\'all\''),
    ):
        magnitude(NETWORK, 0.5, scope="all")


def test_a_torch_tensor_is_refused() -> None:
    with (
        unchecked(),
        pytest.raises(TypeError, match=r"^magnitude: W must be a NumPy float array, got a torch"),
    ):
        magnitude(torch.ones(3), 0.5)
