import numpy as np
import pytest

from qlab.networks import build, prune


def net():
    return build("lenet_300_100", np.random.default_rng(0))


def test_masked_weights_are_zero_and_the_others_are_kept_bit_for_bit() -> None:
    old = net()
    masks = {k: np.random.default_rng(1).random(W.shape) < 0.3 for k, W in old.weights.items()}
    new = prune(old, masks)
    for name, M in masks.items():
        W = new.weights[name]
        assert not W[~M].any()
        assert not np.signbit(W[~M]).any()  # +0, never −0: codes and files are compared by bits
        np.testing.assert_array_equal(W[M], old.weights[name][M])
        assert new.biases[name] is old.biases[name]


def test_layers_without_a_mask_are_shared() -> None:
    old = net()
    new = prune(old, {"fc2": np.zeros((100, 300), bool)})
    assert new.weights["fc1"] is old.weights["fc1"]
    assert old.weights["fc2"].any()


@pytest.mark.parametrize(
    ("masks", "error", "text"),
    [
        ({"fc9": np.ones((1,), bool)}, ValueError, "must be for fc1, fc2, fc3, got 'fc9'"),
        ({"relu1": np.ones((1,), bool)}, ValueError, "got 'relu1'"),
        ({"fc3": np.ones((100, 10), bool)}, ValueError, r"must be \(10, 100\), got \(100, 10\)"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(masks, error, text) -> None:
    with pytest.raises(error, match=text):
        prune(net(), masks)
