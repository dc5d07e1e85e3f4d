import numpy as np
import pytest
import torch
import torch.nn.functional as F

from qlab.networks import (
    Outcome,
    cross_entropy,
    divergence,
    error_rate,
    fewest_bytes,
    output_error,
)
from tests.strategies import unchecked

RNG = np.random.default_rng(0)
SEEN = Outcome(
    RNG.normal(0, 5, (40, 10)).astype(np.float32),
    RNG.normal(0, 5, (40, 10)).astype(np.float32),
    RNG.integers(0, 10, 40),
    bytes=100,
)


def test_cross_entropy_and_divergence_are_torchs() -> None:
    logits, reference = (torch.from_numpy(a).double() for a in (SEEN.logits, SEEN.reference))
    labels = torch.from_numpy(SEEN.labels)
    assert cross_entropy(SEEN) == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-12)
    log_q, log_p = logits.log_softmax(1), reference.log_softmax(1)
    theirs = F.kl_div(log_q, log_p, log_target=True, reduction="batchmean").item()
    assert divergence(SEEN) == pytest.approx(theirs, rel=1e-12)


def test_output_error_and_error_rate_are_their_sums() -> None:
    difference = SEEN.logits.astype(np.float64) - SEEN.reference.astype(np.float64)
    assert output_error(SEEN) == pytest.approx(sum(d @ d for d in difference) / 40, rel=1e-12)
    wrong = sum(row.argmax() != k for row, k in zip(SEEN.logits, SEEN.labels, strict=True))
    assert error_rate(SEEN) == wrong / 40


def test_a_perfect_copy_has_no_error_and_no_divergence() -> None:
    same = Outcome(SEEN.reference, SEEN.reference, SEEN.labels)
    assert output_error(same) == divergence(same) == 0


def test_logits_that_do_not_go_together_are_refused() -> None:
    logits = SEEN.logits
    for other, labels in ((logits[:3], SEEN.labels), (logits, SEEN.labels[:3])):
        with unchecked(), pytest.raises(ValueError, match="one shape and a label for each row"):
            Outcome(logits, other, labels)
    with pytest.raises(ValueError, match="and 0 labels"):
        Outcome(logits[:0], logits[:0], SEEN.labels[:0])


def test_huge_logits_do_not_overflow() -> None:
    huge = Outcome(SEEN.logits * 1e5, SEEN.reference * 1e5, SEEN.labels)
    assert np.isfinite([cross_entropy(huge), divergence(huge), output_error(huge)]).all()


def test_fewest_bytes_is_the_bytes_until_too_many_errors() -> None:
    right = np.eye(10, dtype=np.float32)
    labels = np.arange(10)
    one_wrong = right.copy()
    one_wrong[0] = right[1]
    seen = Outcome(one_wrong, right, labels, bytes=7)
    assert fewest_bytes(0.1)(seen) == 7
    assert fewest_bytes(0.09)(seen) == np.inf
    with pytest.raises(ValueError, match="within must be at least 0, got within=-1"):
        fewest_bytes(-1)
