"""Both parts of the error, from sorted values, are those of quantizing every value."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlab import core, metrics, ranges
from qlab.core import QuantSpec
from qlab.ranges import Magnitudes
from tests.strategies import float32_arrays, unchecked


def by_hand(x: np.ndarray, clip: float, spec: QuantSpec) -> tuple[float, float]:
    """The two sums over x̂ as the library quantizes, value by value."""
    grid = core.qparams_between(-clip if spec.signed else 0.0, clip, spec)
    square = (x - core.fake_quantize(x, grid)).astype(np.float64) ** 2
    out = np.abs(x) > float(grid.scale) * max(spec.quant_max, 1)
    return float(square[out].sum() / x.size), float(square[~out].sum() / x.size)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("signed", [True, False])
def test_errors_and_levels_are_those_of_fake_quantize(bits: int, signed: bool) -> None:
    x = np.random.default_rng(bits).laplace(0, 1, 4001).astype(np.float32)
    x[::3] = 0
    x = x if signed else np.abs(x)
    spec, seen = QuantSpec(bits=bits, signed=signed), Magnitudes(x)
    clips = np.array([0.05, 0.7, 2.0, seen.largest])
    got = seen.errors(clips, spec)
    for k, clip in enumerate(clips):
        # x − x̂ is rounded to float32: an error e of x moves by at most 2^−24·|x|
        slack = 2.0**-23 * seen.largest * np.sqrt(got.total[k]) + 1e-13
        assert (got.clipping[k], got.rounding[k]) == pytest.approx(
            by_hand(x, clip, spec), rel=1e-6, abs=slack
        )
        grid = core.qparams_between(-clip if signed else 0.0, clip, spec)
        levels, counts = seen.held(clip, spec)
        codes = np.abs(core.quantize(x, grid))
        assert counts.tolist() == np.bincount(codes.ravel(), minlength=len(levels)).tolist()
        assert levels == pytest.approx(float(grid.scale) * np.arange(len(levels)))
        assert seen.beyond(clip) == np.count_nonzero(np.abs(x) > np.float32(clip))


@given(float32_arrays(low=-1e3, high=1e3), st.integers(2, 8), st.floats(0.01, 1e3))
def test_the_parts_are_never_negative_and_counts_are_all_values(x, bits: int, clip: float) -> None:
    spec, seen = QuantSpec(bits=bits), Magnitudes(x)
    errors = seen.errors(np.array([clip]), spec)
    assert (errors.clipping >= 0).all()
    assert (errors.rounding >= 0).all()
    assert (errors.rounding <= (1 + 1e-6) * (clip / spec.quant_max / 2) ** 2 + 1e-9).all()
    assert seen.held(clip, spec)[1].sum() == x.size


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_at_the_largest_value_nothing_is_clipped(bits: int) -> None:
    for largest in np.random.default_rng(bits).uniform(1, 2, 200).astype(np.float32):
        seen = Magnitudes(np.append(np.float32(0.5), largest))  # the scale is rounded: s · L is not
        assert seen.errors(np.array([seen.largest]), QuantSpec(bits=bits)).clipping[0] == 0
        assert seen.beyond(seen.largest) == 0


def test_the_best_of_a_hundred_is_what_the_search_finds() -> None:
    x = np.random.default_rng(0).laplace(0, 1, 20_000).astype(np.float32)
    for bits in (2, 3, 4, 6):
        spec, seen = QuantSpec(bits=bits), Magnitudes(x)
        clips = seen.largest * np.arange(1, 101) / 100
        best = clips[seen.errors(clips, spec).total.argmin()]
        assert float(ranges.mse(x, spec).scale) * spec.quant_max == pytest.approx(best, rel=1e-6)
        grid = core.qparams_between(-best, best, spec)
        total = seen.errors(np.array([best]), spec).total[0]
        assert total == pytest.approx(metrics.mse(x, core.fake_quantize(x, grid)), rel=1e-5)


def test_what_has_no_meaning_is_refused() -> None:
    seen = Magnitudes(np.array([-1.0, 2.0]))
    for spec in (QuantSpec(signed=False), QuantSpec(symmetric=False)):
        with pytest.raises(ValueError, match="spec must be symmetric, and signed"):
            seen.errors(np.ones(1), spec)
    with unchecked(), pytest.raises(TypeError, match="Magnitudes: spec must be a QuantSpec"):
        seen.errors(np.ones(1), None)
    for clips in ([1.0], np.array(["1"])):
        with unchecked(), pytest.raises(TypeError, match="clips must be a NumPy float array"):
            seen.errors(clips, QuantSpec())
    with pytest.raises(ValueError, match="clips must be finite"):
        seen.errors(np.array([np.inf]), QuantSpec())
    for ask in (seen.beyond, lambda clip: seen.held(clip, QuantSpec())):
        with unchecked(), pytest.raises(TypeError, match="Magnitudes: clip must be a number"):
            ask("x")
    with pytest.raises(ValueError, match="above 0"):
        seen.errors(np.zeros(1), QuantSpec())


def test_nothing_has_no_error() -> None:
    for x in (np.zeros(0), np.zeros(5)):
        errors = Magnitudes(x).errors(np.ones(2), QuantSpec())
        assert errors.total.tolist() == [0, 0]
