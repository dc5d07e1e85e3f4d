"""Exact one-dimensional k-means: against kmeans1d, against all partitions, against itself."""

import itertools

import kmeans1d
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlab import networks
from qlab.codebooks import STARTS, kmeans, lloyd, lloyd_steps, partition
from qlab.core import PerAxis
from tests.strategies import float32_arrays, unchecked


def squared_error(W: np.ndarray, coded) -> float:
    """Σ(x − level)², the means in float64 so that their rounding does not count."""
    x, codes = W.astype(np.float64).ravel(), coded.codes.ravel()
    return sum(float(np.sum((x[codes == c] - x[codes == c].mean()) ** 2)) for c in set(codes))


def run_error(x: np.ndarray, n: np.ndarray, edges: np.ndarray) -> float:
    runs = [slice(i, j) for i, j in itertools.pairwise(edges)]
    return sum(float(np.sum(n[r] * (x[r] - np.average(x[r], weights=n[r])) ** 2)) for r in runs)


def oracle(x: np.ndarray, k: int) -> float:
    codes, means = kmeans1d.cluster(x.astype(np.float64), k)
    return float(np.sum((x.astype(np.float64) - np.array(means)[codes]) ** 2))


def slack(x: np.ndarray) -> float:
    """Return what the docstring grants: 1e-12 of Σ(x − median)²."""
    y = x.astype(np.float64)
    return 1e-12 * float(np.sum((y - np.median(y)) ** 2)) + 1e-300


KINDS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "heavy tails": lambda rng, n: rng.standard_cauchy(n),
    "few values": lambda rng, n: rng.integers(0, 40, n) * 1.0,
    "even steps": lambda rng, n: np.arange(n) * 1.0,
    "two far hills": lambda rng, n: rng.normal(size=n) + 1e3 * (np.arange(n) % 2),
    "twins": lambda rng, n: np.tile(rng.normal(size=-(-n // 2)), 2)[:n] + np.arange(n) // 2 % 2 * 9,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bits", [1, 3, 5])
def test_no_clustering_is_better_says_kmeans1d(kind, bits) -> None:
    for seed, n in enumerate((7, 60, 700, 4000)):
        x = KINDS[kind](np.random.default_rng(seed), n).astype(np.float32)
        k = min(2**bits, len(np.unique(x)))
        assert squared_error(x, kmeans(x, bits=bits)) <= oracle(x, k) + 2 * slack(x)


@given(
    float32_arrays(st.tuples(st.integers(1, 9)), low=-100, high=100),
    st.integers(1, 2),
)
@settings(max_examples=60)
def test_no_partition_is_better(x, bits) -> None:
    values, counts = np.unique(x.astype(np.float64), return_counts=True)
    k = min(2**bits, len(values))
    inner = itertools.combinations(range(1, len(values)), k - 1)
    best = min(run_error(values, counts, np.array([0, *cut, len(values)])) for cut in inner)
    assert squared_error(x, kmeans(x, bits=bits)) <= best + 2 * slack(x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("first", "later"), [(2, 2), (7, 300), (40, 10**4), (10**6, 1)])
@pytest.mark.parametrize("most", [3000, 10**6])
def test_coarse_to_fine_finds_what_all_places_at_once_find(
    kind, first, later, most, monkeypatch
) -> None:
    for seed in range(2):
        x = KINDS[kind](np.random.default_rng(seed), 300).astype(np.float32).astype(np.float64)
        values, counts = np.unique(x, return_counts=True)
        for k in (1, 2, 5, 17):
            monkeypatch.setattr(partition, "_MOST", 0)  # divide and conquer over all places
            all_at_once = partition.boundaries(values, counts, k)
            monkeypatch.setattr(partition, "_MOST", most)
            found = partition.boundaries(values, counts, k, first=first, later=later)
            assert found[0] == 0
            assert found[-1] == len(values)
            assert (np.diff(found) > 0).all()
            a, b = (run_error(values, counts, edges) for edges in (all_at_once, found))
            assert b == pytest.approx(a, rel=1e-9, abs=2 * slack(x))


@pytest.mark.parametrize("kind", KINDS)
def test_many_runs_and_few_values_are_no_exception(kind, monkeypatch) -> None:
    x = KINDS[kind](np.random.default_rng(9), 200).astype(np.float32).astype(np.float64)
    values, counts = np.unique(x, return_counts=True)
    for k in (2, len(values) // 3, len(values) // 2, len(values) - 2, len(values) - 1):
        found = partition.boundaries(values, counts, k)
        with monkeypatch.context() as patch:
            patch.setattr(partition, "_MOST", 0)
            all_at_once = partition.boundaries(values, counts, k)
        assert (np.diff(found) > 0).all()
        assert (np.diff(all_at_once) > 0).all()
        a, b = (run_error(values, counts, edges) for edges in (all_at_once, found))
        assert b == pytest.approx(a, rel=1e-9, abs=2 * slack(x))


def test_no_run_is_empty_where_errors_drown_in_rounding() -> None:
    rng = np.random.default_rng(1)
    values = np.sort(rng.normal(size=90) + 1e7 * (np.arange(90) % 2))
    for k in range(80, 90):
        found = partition.boundaries(values, np.ones(90, int), k)
        assert (np.diff(found) > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_no_cell_of_the_best_partition_promises_more_than_it_leaves(kind) -> None:
    for seed, k in itertools.product(range(4), (2, 3, 5, 8)):
        rng = np.random.default_rng(seed)
        x = KINDS[kind](rng, 300).astype(np.float32).astype(np.float64)
        values, counts = np.unique(x, return_counts=True)
        counts *= rng.integers(1, 50, len(counts)) ** 2
        best = partition.boundaries(values, counts, k)
        error = run_error(values, counts, best)
        sums = partition._Sums.of(values, counts)
        for first in (1, 2, 4, 8, 16, 32):
            runs = partition._Runs.coarse(sums, k, first)
            c = sums.bound(runs, sums.slack(runs.i, runs.j))
            ahead, behind = runs.least(c, sums.left, sums.right)
            here = (runs.i <= best[runs.m]) & (best[runs.m] <= runs.j)
            assert here.sum() == k + 1
            assert (ahead + behind)[here].max() <= error + 1e-12 * (sums.left + sums.right)


def test_as_many_runs_as_numbers_are_one_number_each() -> None:
    found = partition.boundaries(np.arange(5.0), np.ones(5, int), 5)
    assert found.tolist() == [0, 1, 2, 3, 4, 5]


def test_a_layer_of_weights_is_clustered_as_kmeans1d_does() -> None:
    W = networks.load("lenet_300_100").weights["fc2"]  # 30,000
    assert squared_error(W, kmeans(W, bits=5)) <= oracle(W.ravel(), 32) + 2 * slack(W)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("bits", [2, 4])
def test_lloyd_ends_in_a_local_optimum_that_is_no_better(start, bits) -> None:
    x = np.random.default_rng(3).standard_t(3, 2000).astype(np.float32)
    local = lloyd(x, bits=bits, start=STARTS[start])
    best = squared_error(x, kmeans(x, bits=bits))
    assert squared_error(x, local) > best * 1.001  # not noise: another optimum
    means = [x[local.codes == c].mean(dtype=np.float64) for c in set(local.codes)]
    occurring = local.levels[sorted(set(local.codes))]
    assert np.allclose(means, occurring, rtol=1e-6)  # nothing moves any more: float32's rounding


def test_lloyds_error_never_rises() -> None:
    values, counts = np.unique(np.random.default_rng(4).normal(size=999), return_counts=True)
    start = STARTS["random"](values, counts, 8, np.random.default_rng(0))
    errors = [error for error, _ in lloyd_steps(values, counts, start)]
    assert len(errors) > 3
    assert (np.diff(errors) <= 1e-12).all()


VALUES, COUNTS, START = np.array([0.0, 1.0, 10.0]), np.ones(3, int), np.array([0.0, 1.0])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"levels": np.array([0.0, np.nan])}, "levels must be finite, got 1 NaN"),
        ({"values": np.array([0.0, np.nan, 1.0])}, "values must be finite, got 1 NaN"),
        ({"values": np.array([1.0, 0.0, 10.0])}, "values must be one row of ascending numbers"),
        ({"levels": START[::-1]}, "levels must be one row of ascending numbers"),
        ({"levels": START[:0]}, "levels must be one row of ascending numbers"),
        ({"levels": [0.0, 1.0]}, "levels must be a NumPy float array"),
        ({"counts": np.ones(3)}, "counts must be a NumPy array of integers"),
        ({"counts": np.zeros(3, int)}, "counts must be at least 1"),
        ({"counts": np.ones(2, int)}, r"counts must be at least 1, one for each value, got .*\(2,"),
    ],
)
def test_lloyd_is_given_numbers_that_it_can_end_with(wrong, sentence) -> None:
    given = {"values": VALUES, "counts": COUNTS, "levels": START, **wrong}
    with unchecked(), pytest.raises((TypeError, ValueError), match=f"^lloyd_steps: {sentence}"):
        lloyd_steps(**given)  # refused when called, not at the first step


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"start": "linear"}, r"start must be a function, .*codebooks\.STARTS\['linear'\]"),
        ({"start": None}, "start must be a function"),
        ({"iterations": "a"}, "iterations must be an integer"),
        ({"iterations": 1.5}, "iterations must be an integer"),
        ({"iterations": -1}, "iterations must be at least 0"),
        ({"seed": "a"}, "seed must be an integer"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"start": lambda *_: np.full(4, np.nan)}, "levels must be finite"),
    ],
)
def test_lloyds_own_arguments_are_checked(wrong, sentence) -> None:
    with unchecked(), pytest.raises((TypeError, ValueError), match=f"^lloyd(_steps)?: {sentence}"):
        lloyd(np.arange(9, dtype=np.float32), bits=2, **wrong)


@pytest.mark.parametrize("far", [-1e25, 1e25])
def test_an_outlier_does_not_blur_the_means_of_the_others(far) -> None:
    near = np.random.default_rng(6).normal(5, 1, 50)
    values, counts = np.unique(np.append(near, far), return_counts=True)
    *_, (_, levels) = lloyd_steps(values, counts, np.sort([far, 5.0]))
    assert np.sort([far, near.mean()]) == pytest.approx(levels, rel=1e-12)


def test_lloyd_ends_where_rounding_moves_the_levels_in_a_circle(monkeypatch) -> None:
    turns = itertools.cycle([1.0, -1.0])

    def rounding(x, *_):  # of the mean: up and down by turns, as the last bit may go
        return x + 1e-15 * next(turns)

    monkeypatch.setattr(np, "minimum", rounding)
    steps = list(itertools.islice(lloyd_steps(VALUES, COUNTS, START), 99))
    assert 2 <= len(steps) < 9


def test_the_mean_of_equal_numbers_is_that_number() -> None:
    tenth = np.array([0.1, 5.0])
    ((_, levels),) = lloyd_steps(tenth, np.array([3, 1]), tenth)  # 3·0.1/3 is above 0.1 in floats
    assert levels.tolist() == [0.1, 5.0]


@given(float32_arrays(st.tuples(st.integers(1, 30))), st.integers(1, 3), st.integers(0, 99))
@settings(max_examples=50)
def test_lloyd_ends_with_any_numbers(x, bits, seed) -> None:
    values, counts = np.unique(x.astype(np.float64), return_counts=True)
    k = min(2**bits, len(values))
    start = STARTS["random"](values, counts, k, np.random.default_rng(seed))
    steps = list(itertools.islice(lloyd_steps(values, counts, start), 99))
    assert len(steps) < 99
    levels = steps[-1][1]
    assert (np.diff(levels) >= 0).all()
    assert values[0] <= levels[0] and levels[-1] <= values[-1]


def test_lloyd_is_pure_and_its_seed_changes_a_random_start() -> None:
    x = np.random.default_rng(5).normal(size=300).astype(np.float32)
    a, b, c = (lloyd(x, bits=3, start=STARTS["random"], seed=s).levels for s in (0, 0, 1))
    assert (a == b).all()
    assert (a != c).any()


def test_few_values_are_their_own_levels() -> None:
    W = np.array([3.0, -1.0, 3.0, 0.5], np.float32)
    coded = kmeans(W, bits=4)
    assert (coded.dequantize() == W).all()
    assert coded.levels.shape == (16,)


def test_each_row_has_a_table_of_its_own() -> None:
    W = np.random.default_rng(6).normal(size=(3, 50)).astype(np.float32)
    coded = kmeans(W, bits=2, granularity=PerAxis(0))
    assert coded.levels.shape == (3, 4)
    for row, levels in zip(W, coded.levels, strict=True):
        assert (kmeans(row, bits=2).levels == levels).all()


def test_negative_iterations_are_refused() -> None:
    with pytest.raises(ValueError, match="iterations must be at least 0, got iterations=-1"):
        lloyd(np.ones(3), iterations=-1)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_zero_is_a_level_and_the_others_are_the_best_for_the_rest(bits: int) -> None:
    rng = np.random.default_rng(bits)
    W = rng.normal(0.2, 1, 400).astype(np.float32)
    W[rng.random(400) < 0.7] = 0
    coded = kmeans(W, bits=bits, zero=True)
    assert coded.levels.shape == (2**bits,) and 0 in coded.levels
    assert (coded.dequantize()[W == 0] == 0).all()
    _, best = kmeans1d.cluster(W[W != 0].astype(np.float64), 2**bits - 1)
    others = coded.levels[coded.levels != 0]
    np.testing.assert_allclose(others, best, rtol=1e-6)
