import numpy as np
import pytest
from hypothesis import given, settings

from qlab.core import PerAxis, PerGroup, PerTensor, QParams, QuantSpec, fake_quantize, quantize
from qlab.ranges import least_squares_mapping, minmax, mse
from tests.strategies import SPECS, float32_arrays


def squared_error(x: np.ndarray, qparams) -> float:
    return float(np.sum((x.astype(np.float64) - fake_quantize(x, qparams)) ** 2))


@given(float32_arrays(low=-100, high=100), SPECS)
@settings(max_examples=80)
def test_it_is_never_worse_than_minmax(x: np.ndarray, spec: QuantSpec) -> None:
    found, start = (f(x, spec) for f in (least_squares_mapping, minmax))
    # in steps an error is known to float32's rounding of x in steps, at most 2^16 · 2^-24
    slack = x.size * (np.abs(x).max(initial=0) * 2.0**-22) ** 2
    least = squared_error(x, start)
    assert squared_error(x, found) <= least + slack + 2 * np.sqrt(slack * least)


def symmetric_by_loop(x: list[float], highest: int, rounds: int) -> float:
    s = max(abs(v) for v in x) / highest
    for _ in range(rounds):
        q = [max(-highest, min(highest, round(v / s))) for v in x]  # ties to even
        s = sum(v * k for v, k in zip(x, q, strict=True)) / sum(k * k for k in q)
    return s


@pytest.mark.parametrize("bits", [2, 3, 5])
@pytest.mark.parametrize("rounds", [1, 4, 20])
def test_symmetric_it_is_the_loop_of_equations_1_and_2(bits: int, rounds: int) -> None:
    x = np.random.default_rng(bits).normal(0, 1, 200).astype(np.float32)
    found = least_squares_mapping(x, QuantSpec(bits=bits), rounds).scale.item()
    expected = symmetric_by_loop(x.tolist(), 2 ** (bits - 1) - 1, rounds)
    assert found == pytest.approx(expected, rel=1e-5)  # sums of 200 in float32


@pytest.mark.parametrize("seed", range(5))
def test_at_its_end_no_other_scale_and_zero_point_fit_the_codes_better(seed: int) -> None:
    x = np.random.default_rng(seed).gamma(2, 1, 400).astype(np.float32) - 1
    spec = QuantSpec(bits=3, symmetric=False)
    found = least_squares_mapping(x, spec, 200)
    q = quantize(x, found).astype(np.float64)
    best = min(
        float(np.sum((x - np.dot(x, q - z) / np.dot(q - z, q - z) * (q - z)) ** 2))
        for z in range(spec.quant_min, spec.quant_max + 1)
        if np.dot(x, q - z) > 0
    )
    assert squared_error(x, found) <= best * (1 + 1e-5)


@pytest.mark.parametrize("granularity", [PerTensor(), PerAxis(0), PerAxis(1), PerGroup(30)])
def test_it_beats_minmax_on_data_with_tails(granularity) -> None:
    x = np.random.default_rng(0).standard_t(3, (40, 100)).astype(np.float32)
    spec = QuantSpec(bits=3, granularity=granularity)
    ours, whole = (squared_error(x, f(x, spec)) for f in (least_squares_mapping, minmax))
    assert ours < whole


@pytest.mark.parametrize(("bits", "outlier"), [(2, 3), (3, 5)])
def test_the_zero_point_moves_where_no_step_at_the_old_one_does_as_well(bits, outlier) -> None:
    spec, moved = QuantSpec(bits=bits, signed=False, symmetric=False), 0
    for seed in range(20):
        x = np.random.default_rng(seed).normal(0, 1, 300).astype(np.float32)
        x[0] = outlier
        found, start = least_squares_mapping(x, spec, 200), minmax(x, spec)
        if found.zero_point == start.zero_point:
            continue
        moved += 1
        held = min(
            squared_error(x, QParams(np.array(s), start.zero_point, spec))
            for s in np.linspace(0.2, 1, 400) * start.scale
        )
        assert squared_error(x, found) < held
    assert moved >= 5


def test_an_exact_grid_is_left_alone() -> None:
    x = (np.arange(-7, 8) * 0.25).astype(np.float32)
    assert least_squares_mapping(x, QuantSpec(bits=4)).scale == np.float32(0.25)
    assert mse(x, QuantSpec(bits=4)).scale == np.float32(0.25)


def test_tiles_add_up_to_the_whole_row() -> None:
    x = np.random.default_rng(1).normal(0, 1, 100_000).astype(np.float32)
    found = least_squares_mapping(x, QuantSpec(bits=2), 3).scale.item()
    assert found == pytest.approx(symmetric_by_loop(x.tolist(), 1, 3), rel=1e-5)
