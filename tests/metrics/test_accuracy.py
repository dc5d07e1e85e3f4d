import numpy as np
import pytest

from qlab.metrics import accuracy, wilson
from tests.strategies import unchecked

LOGITS = np.array([[0, 1, 0], [3, 1, 2], [0, 1, 5], [9, 1, 5]], np.float32)
LABELS = np.array([1, 0, 2, 2])


class Network:
    """Answers with the logits that it was given."""

    def predict(self, images: np.ndarray, batch_size: int | None = None) -> np.ndarray:
        return LOGITS[: len(images)]


def test_logits_and_labels_network_and_split_agree() -> None:
    expected = wilson(3, 4)
    assert accuracy(LOGITS, LABELS) == expected
    assert accuracy(Network(), (np.zeros((4, 1, 2, 2)), LABELS)) == expected
    assert accuracy(LOGITS, (np.zeros((4, 1, 2, 2)), LABELS)) == expected


def test_the_source_is_handed_on() -> None:
    assert accuracy(LOGITS, LABELS, source="estimated").source == "estimated"


def test_a_network_needs_images() -> None:
    with pytest.raises(TypeError, match="a network needs images too"):
        accuracy(Network(), LABELS)


def test_what_does_not_match_is_refused() -> None:
    with unchecked(), pytest.raises(ValueError, match=r"got shapes \(4, 3\) and \(3,\)"):
        accuracy(LOGITS, LABELS[:3])
    with pytest.raises(ValueError, match="n ≥ 1 must hold"):
        accuracy(LOGITS[:0], LABELS[:0])
    with pytest.raises(ValueError, match="logits must be finite, got 1 NaN"):
        accuracy(np.array([[np.nan, 1.0]]), np.array([0]))
