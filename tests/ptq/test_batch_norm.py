"""Batch normalization folded and estimated anew, against torch."""

import numpy as np
import pytest
import torch

from qlab.ptq import BatchNorm, fold_batch_norm, reestimate_batch_norm
from tests.strategies import unchecked


def norm(channels: int = 5, eps: float = 1e-3) -> BatchNorm:
    rng = np.random.default_rng(0)
    gamma, beta, mean = (rng.normal(size=channels).astype(np.float32) for _ in range(3))
    return BatchNorm(gamma, beta, mean, rng.uniform(0.1, 2, channels).astype(np.float32), eps)


def in_torch(n: BatchNorm, y: np.ndarray, training: bool = False) -> np.ndarray:
    arrays = [torch.tensor(np.array(a)) for a in (n.mean, n.variance, n.gamma, n.beta)]
    return torch.nn.functional.batch_norm(
        torch.tensor(y), *arrays, training=training, eps=n.eps
    ).numpy()


@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 4, 3)])
def test_applying_is_torchs_batch_norm(shape: tuple[int, ...]) -> None:
    y = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    np.testing.assert_allclose(norm().apply(y), in_torch(norm(), y), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 6), (5, 2, 3, 3)])
def test_the_folded_layer_gives_what_both_gave(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    W, b = rng.normal(size=shape).astype(np.float32), rng.normal(size=5).astype(np.float32)
    folded, bias = fold_batch_norm(W, b, norm())
    x = rng.normal(size=(8, *shape[1:], *([4, 4] if len(shape) == 4 else []))).astype(np.float32)
    if len(shape) == 4:
        x = rng.normal(size=(8, 2, 6, 6)).astype(np.float32)
        apply = lambda w, c: torch.nn.functional.conv2d(*map(torch.tensor, (x, w, c))).numpy()  # noqa: E731
    else:
        apply = lambda w, c: x @ w.T + c  # noqa: E731
    np.testing.assert_allclose(
        apply(folded, bias), in_torch(norm(), apply(W, b)), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("shape", [(50, 5), (20, 5, 4, 3)])
def test_estimated_anew_it_normalizes_as_torch_does_in_training(shape: tuple[int, ...]) -> None:
    y = (3 + 2 * np.random.default_rng(3).normal(size=shape)).astype(np.float32)
    found = reestimate_batch_norm(y, norm())
    assert found.gamma is not None
    np.testing.assert_array_equal(found.gamma, norm().gamma)
    np.testing.assert_allclose(
        found.apply(y), in_torch(norm(), y, training=True), rtol=1e-4, atol=1e-4
    )


def test_bad_input_is_refused_with_one_sentence() -> None:
    one = np.ones(3, np.float32)
    with pytest.raises(
        ValueError, match=r"^BatchNorm: gamma, beta, mean, variance must be equally"
    ):
        BatchNorm(one, one[:2], one, one)
    with pytest.raises(ValueError, match=r"^BatchNorm: variance must not be negative and eps must"):
        BatchNorm(one, one, one, -one)
    with pytest.raises(ValueError, match="eps=0"):
        BatchNorm(one, one, one, one, eps=0.0)
    with pytest.raises(ValueError, match=r"^BatchNorm: mean must be finite"):
        BatchNorm(one, one, one * np.float32(np.nan), one)
    good = BatchNorm(one, one, one, one)
    with pytest.raises(ValueError, match=r"^fold_batch_norm: W must be \(out, …\)"):
        fold_batch_norm(np.ones((2, 4)), np.ones(2), good)
    with pytest.raises(ValueError, match=r"^reestimate_batch_norm: y must be \(n, 3, …\)"):
        reestimate_batch_norm(np.ones((4, 2)), good)
    with pytest.raises(ValueError, match="and not empty"):
        reestimate_batch_norm(np.ones((0, 3)), good)
    with unchecked(), pytest.raises(TypeError, match="y must be a NumPy float array"):
        reestimate_batch_norm([[1.0, 2.0, 3.0]], good)
