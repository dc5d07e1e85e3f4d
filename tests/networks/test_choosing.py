import numpy as np
import pytest

from qlab import data, metrics, networks
from qlab.core import PerAxis, PerTensor, QuantSpec
from qlab.networks import (
    Candidate,
    FakeQuantize,
    Outcome,
    candidates,
    choose,
    error_rate,
    fewest_bytes,
    output_error,
)

NET = networks.load("mlp_784_128_10")
SPLIT = data.load("mnist").calibration[:200]


def test_the_best_by_the_criterion_is_chosen_and_every_score_is_kept() -> None:
    tried = candidates(bits=(2, 3), granularities=(PerTensor(), PerAxis(0)))
    found = choose(NET, SPLIT, tried, output_error)
    assert [c for c, _ in found.scores] == tried
    reference = NET.predict(SPLIT.images)
    for candidate, score in found.scores:
        small = networks.quantize_weights(
            NET, candidate.weights, networks.quantization.ranges.METHODS[candidate.method]
        )
        seen = Outcome(small.network.predict(SPLIT.images), reference, SPLIT.labels)
        assert score == output_error(seen)
    least = min(score for _, score in found.scores)
    assert dict(found.scores)[found.candidate] == least
    logits = found.quantized.network.predict(SPLIT.images)
    assert output_error(Outcome(logits, reference, SPLIT.labels)) == least


def test_on_a_tie_the_earlier_candidate_stays() -> None:
    tried = candidates(bits=(8, 7, 9), methods=("minmax",))
    assert choose(NET, SPLIT, tried, lambda seen: 1.0).candidate == tried[0]


def test_fewest_bytes_finds_the_smallest_that_is_good_enough() -> None:
    tried = candidates(bits=(8, 6, 5, 4, 3, 2, 1), methods=("mse",))
    found = choose(NET, SPLIT, tried, fewest_bytes(0.02))
    finite = {c.weights.bits: score for c, score in found.scores if np.isfinite(score)}
    assert found.candidate.weights.bits == min(finite)
    size = metrics.bytes_packed(found.quantized.network, found.quantized.qparams).total
    assert finite[found.candidate.weights.bits] == size
    was = NET.predict(SPLIT.images)
    before = error_rate(Outcome(was, was, SPLIT.labels))
    now = found.quantized.network.predict(SPLIT.images)
    assert error_rate(Outcome(now, now, SPLIT.labels)) <= before + 0.02


def test_activations_are_chosen_too() -> None:
    four = QuantSpec(bits=4, signed=False, symmetric=False)
    tried = candidates(bits=(8,), methods=("minmax", "mse"), activations=(None, four))
    found = choose(NET, SPLIT, tried, output_error)
    assert found.candidate.activations is None  # float is nearer to float
    only = choose(NET, SPLIT, [c for c in tried if c.activations], output_error)
    held = [k for k in only.quantized.network.layers if isinstance(k, FakeQuantize)]
    assert [k.qparams.spec for k in held] == [four, four]


def test_choosing_on_test_images_on_nothing_or_among_nothing_is_refused() -> None:
    tried = candidates()
    with pytest.raises(ValueError, match=r"choose how to quantize, got .role='test'"):
        choose(NET, data.load("mnist").test, tried)
    with pytest.raises(ValueError, match="calibration must hold images"):
        choose(NET, SPLIT[:0], tried)
    with pytest.raises(ValueError, match=r"^choose: candidates must be at least one, got none"):
        choose(NET, SPLIT, [])
    with pytest.raises(ValueError, match="at least one candidate must have a finite score"):
        choose(NET, SPLIT, candidates(bits=(1,), methods=("minmax",)), fewest_bytes(0))


@pytest.mark.parametrize("name", ["method", "rounding", "activation_method"])
def test_an_unknown_name_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(ValueError, match=f"Candidate: {name} must be one of .*got {name}='best'"):
        Candidate(weights=QuantSpec(), **{name: "best"})
