"""The references of lab 04 are the library's own ranges and errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlab import ranges
from qlab.core import QuantSpec
from qlab.core.spec import SMALLEST_SCALE
from qlab.course.check import judge
from qlab.course.exercises import exercise
from qlab.course.exercises.calibration import ema_update, percentile_range
from qlab.course.exercises.calibration_aciq import aciq_clip
from qlab.course.exercises.calibration_errors import clipping_and_rounding_error
from qlab.course.exercises.calibration_search import mse_clip
from tests.strategies import float32_arrays

FLOAT32 = 2.0**-22  # the library's scales are float32: a few roundings of 2^−24


def test_ema_update_is_a_step_of_the_observer() -> None:
    rng = np.random.default_rng(0)
    spec, ends = QuantSpec(bits=8, symmetric=False), None
    observer = ranges.EMAObserver(spec, 0.1)
    for _ in range(9):
        batch = rng.normal(0, 1, 50).astype(np.float32)
        observer.observe(batch)
        ends = ema_update(ends, batch, 0.1)
        scale = observer.calculate_qparams().scale.item()
        assert 255 * scale == pytest.approx(ends[1] - ends[0], rel=FLOAT32)


@given(float32_arrays(low=-100, high=100), st.floats(50, 100))
def test_percentile_range_is_the_librarys(x, percent: float) -> None:
    if x.size == 0:
        return  # nothing has no percentile
    low, high = percentile_range(x.astype(np.float64), percent)
    low, high = min(low, 0.0), max(high, 0.0)  # a grid holds 0
    scale = ranges.percentile(x, QuantSpec(symmetric=False), percent).scale.item()
    # one rounding to float32 of each end, and of the scale
    slack = 4 * 2.0**-24 * max(abs(low), abs(high), 1e-30)
    if high - low > 255 * SMALLEST_SCALE:  # below it the library's step is no smaller
        assert 255 * scale == pytest.approx(high - low, rel=FLOAT32, abs=slack)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_both_errors_are_those_of_magnitudes(bits: int) -> None:
    x = np.random.default_rng(bits).laplace(0, 1, 500).astype(np.float32)
    spec = QuantSpec(bits=bits)
    for clip in (0.5, 2.0, 9.0):
        errors = ranges.Magnitudes(x).errors(np.array([clip]), spec)
        got = clipping_and_rounding_error(x.astype(np.float64), clip, spec.quant_max)
        assert got == pytest.approx((errors.clipping[0], errors.rounding[0]), rel=1e-4, abs=1e-12)


@pytest.mark.parametrize("bits", [2, 3, 5])
def test_the_search_is_the_librarys(bits: int) -> None:
    x = np.random.default_rng(bits).normal(0, 1, 3000).astype(np.float32)
    spec = QuantSpec(bits=bits)
    found = ranges.mse(x, spec).scale.item() * spec.quant_max
    assert mse_clip(x.astype(np.float64), spec.quant_max) == pytest.approx(found, rel=FLOAT32)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_the_formula_is_the_librarys(bits: int) -> None:
    x = np.random.default_rng(bits).laplace(0, 0.3, 3000).astype(np.float32)
    spec = QuantSpec(bits=bits)
    library = ranges.aciq(x, spec).scale.item() * spec.quant_max
    expected = min(aciq_clip(x.astype(np.float64), bits), float(np.abs(x).max()))
    assert library == pytest.approx(expected, rel=FLOAT32)


def test_other_right_ways_to_write_it_pass() -> None:
    def from_totals(x, clip, steps):
        x_hat = np.clip(np.round(x * steps / clip), -steps, steps) * clip / steps
        square = (x - x_hat) ** 2
        out = abs(x) > clip
        return square[out].sum() / x.size, np.where(out, 0, square).sum() / x.size

    def by_newton(x, bits):
        t = np.log(3 * 4.0**bits)
        for _ in range(50):
            t -= (t * np.exp(t) - 3 * 4.0**bits) / (np.exp(t) * (1 + t))
        return t * np.mean(np.abs(x))

    def all_at_once(x, steps):
        a, c = np.abs(x).ravel(), np.abs(x).max() * np.linspace(0.01, 1, 100)[:, None]
        x_hat = np.clip(np.round(a / c * steps), 0, steps) / steps * c
        return c[((a - x_hat) ** 2).mean(axis=1).argmin(), 0]

    others = {
        "calibration.ema_update": lambda ends, x, c: (
            (x.min(), x.max())
            if ends is None
            else tuple((1 - c) * np.array(ends) + c * np.array([x.min(), x.max()]))
        ),
        "calibration.percentile_range": lambda x, percent: tuple(
            np.quantile(x, [0.5 - percent / 200, 0.5 + percent / 200])
        ),
        "calibration.clipping_and_rounding_error": from_totals,
        "calibration.mse_clip": all_at_once,
        "calibration.aciq_clip": by_newton,
    }
    for name, function in others.items():
        verdict = judge(exercise(name), function)
        assert verdict.passed, verdict
