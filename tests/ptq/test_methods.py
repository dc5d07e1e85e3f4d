"""What holds for every repair that a menu offers."""

from functools import partial

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qlab.core import PerAxis, PerGroup, PerTensor, QuantSpec
from qlab.ptq import METHODS, Repaired, output_error
from tests.ptq.layers import layer, spec
from tests.strategies import LARGEST, unchecked

QUICK = METHODS | {"adaround": partial(METHODS["adaround"], iterations=5)}


@pytest.mark.parametrize("name", QUICK)
@given(
    seed=st.integers(0, 10**6), bits=st.integers(1, 8), signed=st.booleans(),
    symmetric=st.booleans(), out=st.integers(1, 4),
    granularity=st.sampled_from([PerTensor(), PerAxis(0), PerAxis(-2), PerGroup(3)]),
)  # fmt: skip
@example(8, 1, False, True, 1, PerTensor())  # no weight above 0: the grid holds 0 alone
@settings(max_examples=25)
def test_codes_lie_within_the_grid_and_arguments_stay(
    name, seed, bits, signed, symmetric, out, granularity
) -> None:
    W, X = layer(seed, out, width=6, n=5)
    W.flags.writeable = X.flags.writeable = False  # a write would raise
    grid = QuantSpec(bits=bits, signed=signed, symmetric=symmetric, granularity=granularity)
    repaired = QUICK[name](W, X, grid)
    assert isinstance(repaired, Repaired)
    assert repaired.codes.shape == W.shape
    assert grid.quant_min <= repaired.codes.min() <= repaired.codes.max() <= grid.quant_max
    W_hat = repaired.dequantize()
    assert W_hat.dtype == np.float32
    assert np.isfinite(W_hat).all()
    assert np.isfinite(repaired.bias_shift).all()
    with unchecked():  # the types of all this were checked above
        again = QUICK[name](W, X, grid)
    np.testing.assert_array_equal(again.codes, repaired.codes)  # nothing random


@pytest.mark.parametrize("name", QUICK)
def test_a_large_grid_leaves_the_weights(name: str) -> None:
    W, X = layer()
    repaired = QUICK[name](W, X, spec(16))
    s = np.abs(W).max() / (2**15 - 1)
    ratio = 1.0 if repaired.input_scale is None else float(
        repaired.input_scale.max() / repaired.input_scale.min())  # fmt: skip
    # GPTQ and AdaRound move a weight by more than half a step where others make up for it
    assert np.abs(repaired.dequantize() - W).max() <= 200 * s * ratio
    assert output_error(W, repaired.dequantize(), X) < 1e-4 * output_error(W, 0 * W, X)


HOSTILE = {
    "zero weights": (np.zeros((3, 4)), np.ones((5, 4))),
    "zero inputs": (np.ones((3, 4)), np.zeros((5, 4))),
    "one of each": (np.ones((1, 1)), np.ones((1, 1))),
    "constant": (np.full((3, 4), 0.7), np.full((5, 4), 0.3)),
    "tiny": (np.full((3, 4), 1e-40), np.full((5, 4), 1e-40)),
    "all negative": (np.full((3, 4), -0.7), np.full((5, 4), -0.3)),
    "outlier": (np.append(np.ones(11), 1e6).reshape(3, 4), np.eye(4)),
    "large": (np.linspace(-1e15, 1e15, 12).reshape(3, 4), np.eye(4) * 1e15),
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("name", QUICK)
def test_awkward_layers_come_back_finite(name: str, case: str) -> None:
    W, X = (a.astype(np.float32) for a in HOSTILE[case])
    for symmetric in (True, False):
        repaired = QUICK[name](W, X, spec(3, symmetric=symmetric))
        assert np.isfinite(repaired.dequantize()).all()
        assert np.isfinite(repaired.bias_shift).all()


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize(
    ("W", "message"),
    [
        (np.full((2, 4), np.nan, np.float32), r"{}: W must be finite, got 8 NaN or infinite of 8"),
        (np.ones((0, 4), np.float32), r"{}: W must be \(out, in\) and not empty, got shape=\(0, 4"),
        (np.ones(4, np.float32), r"{}: W must be \(out, in\) and not empty, got shape=\(4,\)"),
        (np.full((2, 4), LARGEST, float) * 10, r"{}: W must be finite, got 8 NaN or infinite"),
    ],
)
def test_weights_that_are_none_are_refused(name: str, W: np.ndarray, message: str) -> None:
    with unchecked(), pytest.raises(ValueError, match="^" + message.format(name)):
        QUICK[name](W, np.ones((3, 4), np.float32), spec())


@pytest.mark.parametrize("name", QUICK)
def test_inputs_that_do_not_fit_are_refused(name: str) -> None:
    W, X = layer()
    for bad, text in (
        (X[:, :7], r"X must be \(n, 8\), as wide as W, with at least one row, got shape=\(64, 7\)"),
        (X[:0], r"with at least one row, got shape=\(0, 8\)"),
        (X[0], r"X must be \(n, 8\), as wide as W"),
        (np.full((5, 8), np.inf, np.float32), "X must be finite"),
    ):
        with unchecked(), pytest.raises(ValueError, match=f"^{name}: .*{text}"):
            QUICK[name](W, bad, spec())
    for bad in (X.tolist(), None, "x", X.astype(int)):
        with unchecked(), pytest.raises(TypeError, match=f"^{name}: X must be a NumPy float array"):
            QUICK[name](W, bad, spec())


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("wrong", [None, 4, QuantSpec])
def test_what_is_no_spec_is_refused(name: str, wrong: object) -> None:
    with unchecked(), pytest.raises(TypeError, match=f"^{name}: spec must be a QuantSpec, got "):
        QUICK[name](*layer(), wrong)


@pytest.mark.parametrize("name", QUICK)
def test_a_range_by_name_is_told_where_ranges_are(name: str) -> None:
    with unchecked(), pytest.raises(TypeError, match=rf"^{name}: method .*ranges\.METHODS\['mse'"):
        QUICK[name](*layer(), spec(), method="mse")


@pytest.mark.parametrize("name", QUICK)
def test_groups_that_do_not_divide_a_row_are_refused_with_those_that_do(name: str) -> None:
    W, X = layer(width=128)
    with pytest.raises(ValueError, match=(
        rf"^{name}: group_size must divide in_features, got group_size=48, in_features=128\. "
        r"Try 32 or 64\.")):  # fmt: skip
        QUICK[name](W, X, spec(granularity=PerGroup(48)))
    with pytest.raises(ValueError, match=rf"^{name}: granularity must be PerTensor\(\)"):
        QUICK[name](W, X, spec(granularity=PerAxis(1)))


@pytest.mark.parametrize("name", QUICK)
def test_a_torch_tensor_is_refused_with_the_remedy(name: str) -> None:
    import torch

    with unchecked(), pytest.raises(TypeError, match=rf"{name}: W must.*W\.detach\(\)\.numpy"):
        QUICK[name](torch.ones(2, 4), np.ones((3, 4), np.float32), spec())
