import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.ao.quantization import HistogramObserver as TorchHistogram

from qlab.core import PerAxis, QParams, QuantSpec, fake_quantize
from qlab.ranges import HistogramObserver, PercentileObserver, minmax, mse, percentile
from tests.strategies import AWKWARD, float32_arrays, unchecked

SPEC = QuantSpec(bits=8)
AFFINE = QuantSpec(bits=4, signed=False, symmetric=False)


def seen(observer, pieces):
    for piece in pieces:
        observer.observe(piece)
    return observer


def squared_error(x: np.ndarray, qparams: QParams) -> float:
    return float(np.mean((x.astype(np.float64) - fake_quantize(x, qparams)) ** 2))


@given(st.lists(float32_arrays(), min_size=1, max_size=5), st.integers(2, 64), st.randoms())
def test_the_histogram_does_not_depend_on_how_the_stream_was_cut_or_ordered(
    pieces, bins, random
) -> None:
    whole = np.concatenate([piece.ravel() for piece in pieces])
    at_once = seen(HistogramObserver(SPEC, bins), [whole])
    shuffled = pieces.copy()
    random.shuffle(shuffled)
    cut = seen(HistogramObserver(SPEC, bins), shuffled)
    np.testing.assert_array_equal(at_once.counts, cut.counts)
    np.testing.assert_array_equal(at_once.middles, cut.middles)
    assert (at_once.width, at_once.zeros, at_once.seen) == (cut.width, cut.zeros, whole.size)
    assert len(at_once.counts) <= bins


@given(float32_arrays(low=-100, high=100), st.integers(2, 40))
def test_each_value_is_counted_in_the_bin_that_holds_it(x: np.ndarray, bins: int) -> None:
    observer = seen(HistogramObserver(SPEC, bins), [x])
    w, held = observer.width, {}
    for value in x.ravel().tolist():
        if value:
            held[np.floor(value / w)] = held.get(np.floor(value / w), 0) + 1
    assert sorted(held.values()) == sorted(observer.counts[observer.counts > 0].tolist())
    assert np.log2(w) == round(np.log2(w))
    low, high = float(x.min(initial=0)), float(x.max(initial=0))
    finer = np.floor(high / (w / 2)) - np.floor(low / (w / 2)) + 1
    assert finer > bins or w == 2.0**-149  # no finer width would do


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("observer", [HistogramObserver, PercentileObserver])
def test_awkward_arrays_give_a_grid(name: str, observer) -> None:
    for symmetric in (True, False):
        found = observer(QuantSpec(bits=4, symmetric=symmetric))
        found.observe(AWKWARD[name])
        if AWKWARD[name].size:
            assert found.calculate_qparams().scale > 0


@pytest.mark.parametrize("spec", [SPEC, AFFINE, QuantSpec(bits=3)])
def test_its_squared_error_is_that_of_the_search_on_all_values_within_a_bin(spec) -> None:
    x = np.random.default_rng(0).standard_t(3, (10, 2000)).astype(np.float32)
    observer = seen(HistogramObserver(spec), x)
    ours, best = (squared_error(x, q) for q in (observer.calculate_qparams(), mse(x, spec)))
    # each candidate's root mean squared error is known to half a bin
    assert np.sqrt(ours) <= np.sqrt(best) + observer.width


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("draw", ["normal", "laplace", "rectified"])
def test_it_is_at_least_as_good_as_torchs_within_a_bin(draw: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = (rng.laplace if draw == "laplace" else rng.normal)(0, 1, (8, 4000)).astype(np.float32)
    if draw == "rectified":
        x = np.maximum(x, 0)
    spec = QuantSpec(bits=8, signed=False, symmetric=False)
    ours, theirs = HistogramObserver(spec), TorchHistogram(dtype=torch.quint8)
    for piece in x:
        ours.observe(piece)
        theirs(torch.from_numpy(piece))
    scale, zero_point = theirs.calculate_qparams()
    reference = QParams(np.array(scale.item()), np.array(int(zero_point.item())), spec)
    found = squared_error(x, ours.calculate_qparams())
    assert np.sqrt(found) <= np.sqrt(squared_error(x, reference)) + ours.width


@given(st.integers(0, 1000), st.floats(50, 100))
@settings(max_examples=40)
def test_a_percentile_is_that_of_all_values_within_a_bin(seed: int, percent: float) -> None:
    x = np.random.default_rng(seed).normal(0, 1, (4, 500)).astype(np.float32)
    x[0, :100] = 0
    for spec in (SPEC, AFFINE):
        observer = seen(PercentileObserver(spec, percent), x)
        steps = spec.quant_max if spec.symmetric else spec.levels - 1
        ours, whole = (q.scale.item() for q in (observer.calculate_qparams(),
                                                percentile(x, spec, percent)))  # fmt: skip
        tails = np.sort(np.abs(x).ravel() if spec.symmetric else x.ravel())
        gap = np.diff(tails)[-len(tails) // 2 :].max()  # a rank is rounded up to the next value
        ends = 1 if spec.symmetric else 2
        lower = np.diff(tails)[: len(tails) // 2].max() if ends == 2 else 0
        assert abs(ours - whole) * steps <= ends * observer.width + gap + lower + 1e-5


def test_the_hundredth_percentile_is_minmax_exactly() -> None:
    x = np.random.default_rng(1).normal(0, 1, (5, 300)).astype(np.float32)
    for spec in (SPEC, AFFINE, QuantSpec(signed=False)):
        found = seen(PercentileObserver(spec, 100), x).calculate_qparams()
        expected = minmax(x, spec)
        assert (found.scale, found.zero_point) == (expected.scale, expected.zero_point)


@pytest.mark.parametrize("observer", [HistogramObserver, PercentileObserver])
def test_rows_and_bad_numbers_are_refused(observer) -> None:
    name = observer.__name__
    with pytest.raises(ValueError, match=rf"{name}: granularity must be PerTensor\(\)"):
        observer(QuantSpec(granularity=PerAxis(0)))
    with pytest.raises(ValueError, match=f"{name}: bins must be at least 2, got bins=1"):
        observer(SPEC, bins=1)
    with pytest.raises(ValueError, match="candidates must be at least 1"):
        HistogramObserver(SPEC, candidates=0)
    with pytest.raises(ValueError, match="percent must lie in 0 … 100, above 0, got percent=0"):
        PercentileObserver(SPEC, percent=0)
    with (
        unchecked(),
        pytest.raises(TypeError, match="PercentileObserver: percent must be a number"),
    ):
        PercentileObserver(SPEC, percent="9")
