import math
from pathlib import Path

import numpy as np
import onnxruntime.quantization.calibrate as calibrate
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlab.core import PerAxis, QuantSpec
from qlab.ranges import kl, minmax
from qlab.ranges.kl import divergences, threshold


def literal(counts: list[int], levels: int) -> list[float]:
    """The rule as it is written, one threshold, one group and one bin after the other."""
    found = []
    for i in range(levels, len(counts) + 1):
        p = list(counts[:i])
        p[-1] += sum(counts[i:])
        q = [0.0] * i
        m = i // levels
        for g in range(levels):
            group = range(g * m, (g + 1) * m if g < levels - 1 else i)
            filled = [j for j in group if p[j] > 0]
            mass = sum(counts[j] for j in group)
            for j in filled:
                q[j] = mass / len(filled)
        n, n_i = sum(p), sum(counts[:i])
        divergence = 0.0
        for j in range(i):
            if p[j] == 0:
                continue
            if q[j] == 0:
                divergence = math.inf
                break
            divergence += p[j] / n * math.log((p[j] / n) / (q[j] / n_i))
        found.append(divergence)
    return found


COUNTS = st.lists(st.integers(0, 9), min_size=2, max_size=40).filter(lambda c: c[-1] > 0)


@given(COUNTS, st.data())
def test_every_divergence_is_that_of_the_rule_read_literally(counts, data) -> None:
    levels = data.draw(st.integers(2, len(counts)))
    np.testing.assert_allclose(
        divergences(np.array([counts]), levels)[0], literal(counts, levels), rtol=1e-9, atol=1e-12
    )


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(20, 200))
@settings(max_examples=30)
def test_no_threshold_has_less_divergence_than_the_one_chosen(seed, bits, bins) -> None:
    x = np.random.default_rng(seed).standard_t(3, 500).astype(np.float32)
    x[::7] = 0
    y = np.abs(x[x != 0]).astype(np.float64)
    top, B, L = y.max(), min(bins, len(x)), 2 ** (bits - 1)
    counts = [0] * B
    for value in y.tolist():
        counts[min(int(value / top * B), B - 1)] += 1
    high = (2 ** (bits - 1) - 1) * kl(x, QuantSpec(bits=bits), bins).scale.item()
    i = round(high / top * B)
    assert high == pytest.approx(i * top / B, rel=1e-6)  # the edge of a bin
    by_loop = literal(counts, L) if L < B else [0.0] * B
    assert by_loop[i - L] <= min(by_loop) + 1e-12


FINE = 2520 * 1000  # magnitudes that a count stands for below; a multiple of 1 … 10


def divergence_of_onnxruntime(
    c: np.ndarray, levels: int, i: int, monkeypatch: pytest.MonkeyPatch
) -> float:
    """What its entropy calibrater computes for a threshold behind bin i, an odd number.

    Its histogram has both signs, and its windows grow from the middle on both sides: c begins where
    the window of i bins does, and left of it there is nothing.
    """
    half = i // 2
    middle = max(half, len(c) - half - 1)
    counts = np.zeros(2 * middle + 1, np.int64)
    counts[middle - half : middle - half + len(c)] = c
    edges = np.linspace(-1, 1, len(counts) + 1).astype(np.float32)
    entropy, found = calibrate.entropy, {}

    def noting(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        found[len(p)] = divergence = entropy(p, q)
        return divergence

    monkeypatch.setattr(calibrate, "entropy", noting)
    collector = calibrate.HistogramCollector("entropy", True, len(counts), levels, 99.999, "same")
    collector.get_entropy_threshold((counts, edges, edges[0], edges[-1], edges[-1]), levels)
    monkeypatch.undo()
    return float(found[i])


@pytest.mark.parametrize("levels", [3, 5, 31])
@pytest.mark.parametrize("m", [1, 3, 5, 7])
@pytest.mark.parametrize("beyond", [0, 9])
def test_the_divergence_is_that_of_onnx_runtimes_calibrater(
    levels: int, m: int, beyond: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal at thresholds of m·L bins, L and m odd, once two differences are taken away.

    - Where P is empty ONNX Runtime leaves Q the share of its group, so that Q has a larger total,
      N'; only the normalization sees it, and adds ln(N'/N_i).
    - It replaces empty bins by 0.0001 of a count and cuts Q to whole counts: counts are multiplied,
      here by FINE, so that neither is seen. The divergence itself does not change with that.

    What is left: a rest of bins behind m·L. ONNX Runtime counts it to the last group but gives it
    no Q; here, as in MXNet's code, from which its own is taken, the group's share is Q there, too.
    And of equal thresholds it takes the narrowest, here the widest is taken.
    """
    rng = np.random.default_rng(levels * m)
    i = levels * m
    c = rng.integers(0, 50, i + beyond) * rng.integers(0, 2, i + beyond)
    c[[0, i - 1, -1]] = 7  # no last group is empty: there it is infinite, and smoothed elsewhere
    groups = c[:i].reshape(levels, m)
    mass, filled = groups.sum(axis=1), np.count_nonzero(groups, axis=1)
    larger = np.sum(mass * m / np.maximum(filled, 1)) / mass.sum()
    theirs = divergence_of_onnxruntime(c * FINE, levels, i, monkeypatch)
    ours = divergences(c[None], levels)[0, i - levels]
    # P and Q are float32 there: four roundings each of terms P·(1 + |ln P/Q|), |ln| < ln(50·i)
    assert ours + np.log(larger) == pytest.approx(theirs, abs=8 * 2.0**-24 * (1 + np.log(50 * i)))
    if m > 1 or beyond:
        assert theirs > 0.1


@pytest.mark.parametrize("bits", [3, 4, 5])
def test_divergences_are_those_of_modelopts_calibrator(bits: int) -> None:
    """Equal at whole multiples of L; between them ModelOpt spaces its groups evenly.

    Where bin i is empty and something lies beyond, its P has mass that its Q has not: infinite
    there; here Q has a share of the last group, for P is what decides which bins are filled.
    """
    golden = np.load(Path(__file__).parents[1] / "golden" / "modelopt_0.47.0.npz")
    L, bins = 2 ** (bits - 1), int(golden["bins"])
    i = np.arange(L, bins + 1, L)
    for x, theirs in zip(golden["X"], golden[f"divergences_{bits}"], strict=True):
        y = np.abs(x).astype(np.float64)
        c = np.histogram(y, bins, range=(0, y.max()))[0]
        ours = divergences(c[None], L)[0, i - L]
        empty = (c[i - 1] == 0) & (np.cumsum(c)[i - 1] < c.sum())
        np.testing.assert_array_equal(np.isinf(theirs), empty)
        # sums of at most 64 terms p·ln, each at most ln 250, in float64
        np.testing.assert_allclose(ours[~empty], theirs[~empty], rtol=0, atol=64 * 2.0**-52 * 6)


def test_the_divergence_is_zero_only_where_groups_are_even_and_nothing_is_cut() -> None:
    even = np.array([[4, 4, 2, 2]])
    assert divergences(even, 2)[0, -1] == pytest.approx(0, abs=1e-15)
    assert (divergences(even, 2)[0, :-1] > 0).all()


def test_an_empty_group_beside_outliers_is_infinite() -> None:
    assert divergences(np.array([[5, 0, 0, 1]]), 2)[0, 0] == np.inf


def test_each_side_has_the_levels_that_minmax_gives_it() -> None:
    x = np.random.default_rng(0).normal(0.5, 1, 20_000).astype(np.float32)
    spec = QuantSpec(bits=6, signed=False, symmetric=False)
    z = int(minmax(x, spec).zero_point)
    ends = [
        float(threshold(np.maximum(side, 0)[None], L)[0])
        for side, L in ((-x, z + 1), (x, 63 - z + 1))
    ]
    assert kl(x, spec).scale.item() == pytest.approx(sum(ends) / 63, rel=1e-6)


def test_as_many_levels_as_bins_see_no_rounding_and_keep_the_whole_range() -> None:
    x = np.random.default_rng(1).standard_t(2, 5000)
    assert kl(x, QuantSpec(bits=12)).scale == minmax(x, QuantSpec(bits=12)).scale
    assert kl(x, QuantSpec(bits=8), bins=128).scale == minmax(x, QuantSpec(bits=8)).scale


def test_outliers_are_cut_and_a_uniform_sample_is_not() -> None:
    rng = np.random.default_rng(2)
    tails = np.append(rng.normal(0, 1, 100_000), [25.0, -30.0])
    assert 127 * kl(tails, QuantSpec()).scale.item() < 6
    even = rng.uniform(-1, 1, 100_000)
    assert 127 * kl(even, QuantSpec()).scale.item() > 0.98


def test_a_short_row_has_no_more_bins_than_values() -> None:
    W = np.random.default_rng(3).normal(0, 1, (3, 40)).astype(np.float32)
    found = kl(W, QuantSpec(bits=3, granularity=PerAxis(0)))
    assert (
        found.scale.tolist() == kl(W, QuantSpec(bits=3, granularity=PerAxis(0)), 40).scale.tolist()
    )
