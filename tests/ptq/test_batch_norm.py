"""Batch normalization folded and estimated anew, against torch."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from qlab.course.exercises import model_layers
from qlab.ptq import BatchNorm, fold_batch_norm, reestimate_batch_norm
from qlab.training.quantized_module import QuantizedLayer
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


def modules(W: np.ndarray, b: np.ndarray, n: BatchNorm) -> tuple[nn.Module, nn.Module]:
    """Return the layer and its normalization as torch's modules, ready to be evaluated."""
    if W.ndim == 2:
        layer, normalization = nn.Linear(*W.shape[::-1]), nn.BatchNorm1d(len(W), eps=n.eps)
    else:
        layer, normalization = nn.Conv2d(*W.shape[1::-1], 3), nn.BatchNorm2d(len(W), eps=n.eps)
    layer.weight.data, layer.bias.data = torch.tensor(W), torch.tensor(b)
    arrays = (torch.tensor(np.array(a)) for a in (n.gamma, n.beta, n.mean, n.variance))
    normalization.weight.data, normalization.bias.data = next(arrays), next(arrays)
    normalization.running_mean, normalization.running_var = arrays
    return layer.eval(), normalization.eval()


SHAPES = pytest.mark.parametrize("shape", [(5, 6), (5, 2, 3, 3)])


def drawn(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    return rng.normal(size=shape).astype(np.float32), rng.normal(size=5).astype(np.float32)


def assert_folded_alike(found: Sequence[torch.Tensor], W: np.ndarray, b: np.ndarray) -> None:
    """torch's float32 √ and 1/√ may miss the last digit; a few roundings follow."""
    n, roundings = norm(), 8 * 2.0**-24
    theirs, bias_there = (a.detach().numpy() for a in found)
    folded, bias = fold_batch_norm(W, b, n)
    np.testing.assert_allclose(folded, theirs, rtol=roundings)
    size = (np.abs(b) + np.abs(n.mean)) * np.abs(n.gain) + np.abs(n.beta)
    assert (np.abs(bias - bias_there) <= roundings * size).all()


@SHAPES
def test_the_folded_layer_is_that_of_torchs_fusion(shape: tuple[int, ...]) -> None:
    W, b = drawn(shape)
    fuse = fuse_linear_bn_eval if len(shape) == 2 else fuse_conv_bn_eval
    fused = fuse(*modules(W, b, norm()))
    assert_folded_alike((fused.weight, fused.bias), W, b)


@SHAPES
def test_what_training_folds_is_the_librarys(shape: tuple[int, ...]) -> None:
    """There the normalization has taken the place of the layer's own bias."""
    W, b = drawn(shape)
    linear, normalization = modules(W, b, norm())
    layer = QuantizedLayer(linear, nn.Identity(), None, batch_norm=True).eval()
    layer.norm = normalization
    assert_folded_alike(layer.folded(), W, np.zeros_like(b))


def test_what_the_exercise_teaches_is_the_librarys() -> None:
    (W, b), n = drawn((5, 6)), norm()
    found = model_layers.fold_batch_norm(W, b, n.gamma, n.beta, n.mean, n.variance, n.eps)
    for taught, ours in zip(found, fold_batch_norm(W, b, n), strict=True):
        np.testing.assert_array_equal(taught, ours)


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
