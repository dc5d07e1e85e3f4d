import numpy as np
import pytest

from qlab.pruning import filters, neurons, row_norms


@pytest.mark.parametrize("shape", [(6, 5), (6, 2, 3, 3), (6, 0)])
def test_they_are_numpys_norms_of_flattened_rows(shape):
    W = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    flat = W.reshape(len(W), -1).astype(np.float64)
    np.testing.assert_allclose(row_norms(W), np.linalg.norm(flat, axis=1), rtol=1e-14)


def test_tiny_weights_do_not_underflow_to_equal_norms():
    assert (np.diff(row_norms(np.array([[1e-30], [2e-30]], np.float32))) > 0).all()


@pytest.mark.parametrize(("method", "shape"), [(neurons, (6, 5)), (filters, (6, 2, 3, 3))])
def test_every_kept_row_is_at_least_as_large_as_every_removed_one(method, shape):
    W = np.random.default_rng(1).standard_normal(shape)
    kept = method(W, 0.5).reshape(6, -1).any(axis=1)
    assert row_norms(W)[kept].min() >= row_norms(W)[~kept].max()
