"""What is measured on one network: known answers on small cases, and integers that agree."""

import numpy as np
import pytest

from qlab import data, metrics, networks
from qlab.core import QuantSpec
from qlab.course.clinic import protocol
from qlab.networks import FakeQuantize

NET = networks.load("mlp_784_128_10")
MNIST = data.load("mnist")


@pytest.mark.parametrize("bits", [8, 4])
def test_integers_compute_the_simulated_network(bits: int) -> None:
    images = MNIST.test[:200].images
    simulated = protocol.quantized(NET, bits, MNIST.calibration).predict(images)
    integers = protocol.integer_logits(NET, bits, MNIST.calibration)(images)
    # sums of up to 784 float32 products on one side, exact integers on the other; a value within
    # that rounding of a tie may take the next code, one step of fc2's input: seen in no image here
    size = float(np.abs(simulated).max())
    assert np.abs(integers - simulated).max() <= 784 * 2**-24 * size
    assert integers.dtype == np.float32


def test_weights_and_activations_are_both_quantized() -> None:
    small = protocol.quantized(NET, 3, MNIST.calibration)
    assert [type(k).__name__ for k in small.layers].count("FakeQuantize") == 2
    assert all(len(np.unique(W)) <= 7 for W in small.weights.values())
    ranges = [k.qparams.spec for k in small.layers if isinstance(k, FakeQuantize)]
    assert all(spec.bits == 3 and not spec.signed for spec in ranges)


def test_the_ranges_never_come_from_the_test_images() -> None:
    with pytest.raises(ValueError, match="other than test"):
        protocol.quantized(NET, 8, MNIST.test)


def test_packed_weights_come_back_to_the_last_bit() -> None:
    small = networks.quantize_weights(NET, QuantSpec(bits=5))
    packed = protocol.packed_codes(small)
    back = protocol.from_packed(small, packed)
    for name, W in small.network.weights.items():
        np.testing.assert_array_equal(back.weights[name], W)
    assert sum(p.nbytes for p in packed.values()) == metrics.bytes_packed(NET, small.qparams).codes


def test_noise_is_the_same_for_a_seed_stays_in_range_and_leaves_the_images_alone() -> None:
    images = MNIST.test[:5].images
    before = images.copy()
    noisy = protocol.noisy(images, 0.2)
    np.testing.assert_array_equal(noisy, protocol.noisy(images, 0.2))
    np.testing.assert_array_equal(images, before)
    assert 0 <= noisy.min() <= noisy.max() <= 1
    assert not np.array_equal(noisy, protocol.noisy(images, 0.2, seed=1))


def test_noise_has_the_deviation_that_was_asked_for() -> None:
    grey = np.full((50, 1, 28, 28), 0.5, np.float32)
    spread = float((protocol.noisy(grey, 0.1) - 0.5).std())
    assert spread == pytest.approx(0.1, abs=4 * 0.1 / np.sqrt(2 * grey.size))  # four of its own


def test_a_shift_moves_ink_to_the_right_and_loses_it_at_the_edge() -> None:
    image = np.zeros((1, 1, 2, 4), np.float32)
    image[..., 1], image[..., 3] = 1, 2
    np.testing.assert_array_equal(protocol.shifted(image, 2)[0, 0], [[0, 0, 0, 1]] * 2)


def test_calibration_is_perfect_where_confidence_is_accuracy() -> None:
    logits = np.tile(np.log([[0.75, 0.25]]), (4, 1))
    assert protocol.calibration_error(logits, np.array([0, 0, 0, 1])) == pytest.approx(0)
    assert protocol.calibration_error(logits, np.array([1, 1, 1, 1])) == pytest.approx(0.75)


def test_calibration_does_not_let_bins_cancel() -> None:
    sure, unsure = np.log([[0.9, 0.1]]), np.log([[0.6, 0.4]])
    logits = np.concatenate([sure, sure, unsure, unsure])
    labels = np.array([0, 1, 0, 0])  # 0.9 sure and half right, 0.6 sure and all right
    expected = (2 * 0.4 + 2 * 0.4) / 4
    assert protocol.calibration_error(logits, labels) == pytest.approx(expected)


def test_flips_count_changed_answers_right_or_wrong_class_by_class() -> None:
    before = np.eye(3)[[0, 0, 1, 2]]
    after = np.eye(3)[[0, 1, 1, 0]]
    assert protocol.flips(after, before, np.array([0, 0, 1, 2])) == [0.5, 0.0, 1.0]


def test_an_observation_holds_the_gap_both_ways_and_the_disturbances_where_asked() -> None:
    small = data.Dataset(
        "few",
        train=MNIST.validation[:300],
        calibration=MNIST.calibration[:100],
        validation=MNIST.validation[:100],
        test=MNIST.test[:300],
    )
    full, logits = protocol.observe(NET, 4, small)
    calm, _ = protocol.observe(NET, None, small, train_images=100, stressed=False)
    assert set(full) == {"train", "clean", "ece", *protocol.conditions()}
    assert set(calm) == {"train", "clean", "ece"}
    assert logits.shape == (300, 10)
    assert full["clean"] == pytest.approx(
        metrics.accuracy(logits, small.test.labels).value, abs=1e-6
    )
    assert calm["train"] == pytest.approx(
        metrics.accuracy(NET, MNIST.validation[:100]).value, abs=1e-6
    )
