import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlab import data, metrics, networks
from qlab.core import QuantSpec
from qlab.networks import (
    Sensitivity,
    budget_at,
    exact,
    front,
    greedy,
    priced,
    quantize_mixed,
    sensitivity,
    uniform,
)
from tests.strategies import unchecked

BITS = (2, 3, 4, 5, 6, 8)
LAYERS = ("conv1", "conv2", "fc1", "fc2")


def table(seed: int, layers: int = 4, ties: bool = False) -> Sensitivity:
    """Losses that mostly fall with bits, costs that mostly grow, as measured ones do."""
    rng = np.random.default_rng(seed)
    loss = rng.exponential(1, (layers, 1)) * 2.0 ** -np.array(BITS) + rng.normal(
        0, 0.02, (layers, len(BITS))
    )
    cost = rng.integers(10, 400, (layers, 1)) * np.array(BITS) + rng.integers(0, 9, loss.shape)
    if ties:
        loss, cost = np.round(loss, 1), cost // 300
    return Sensitivity(tuple(f"l{k}" for k in range(layers)), BITS, loss, cost)


def enumerated(t: Sensitivity) -> list[tuple[int, float]]:
    """Cost and loss of all 6^4 ways."""
    rows = range(len(t.layers))
    return [
        (sum(int(t.cost[k, a[k]]) for k in rows), sum(float(t.loss[k, a[k]]) for k in rows))
        for a in itertools.product(range(len(t.bits)), repeat=len(t.layers))
    ]


@given(st.integers(0, 10_000), st.booleans(), st.floats(0, 1))
@settings(max_examples=40)
def test_exact_is_the_best_of_all_ways_within_the_budget(seed, ties, share) -> None:
    t = table(seed, ties=ties)
    ways = enumerated(t)
    least, most = min(c for c, _ in ways), max(c for c, _ in ways)
    budget = least + int(share * (most - least))
    best = min(loss for cost, loss in ways if cost <= budget)
    found = exact(t, budget)
    assert found.cost <= budget
    assert found.loss == pytest.approx(best, abs=1e-12)
    at = [BITS.index(found.bits[name]) for name in t.layers]
    assert found.cost == sum(int(t.cost[k, j]) for k, j in enumerate(at))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ties", [True, False])
def test_the_front_is_that_of_all_ways(seed: int, ties: bool) -> None:
    t = table(seed, ties=ties)
    expected, least = [], np.inf
    for cost, loss in sorted(enumerated(t)):
        if loss < least - 1e-12:
            expected.append((cost, loss))
            least = loss
    found = [(one.cost, one.loss) for one in front(t)]
    assert [c for c, _ in found] == [c for c, _ in expected]
    np.testing.assert_allclose([x for _, x in found], [x for _, x in expected], atol=1e-12)


@given(st.integers(0, 10_000), st.floats(0, 1))
@settings(max_examples=40)
def test_greedy_meets_the_budget_and_never_beats_exact(seed: int, share: float) -> None:
    t = table(seed)
    least, most = int(t.cost.min(axis=1).sum()), int(t.cost.max(axis=1).sum())
    budget = least + int(share * (most - least))
    found = greedy(t, budget)
    assert found.cost <= budget
    assert exact(t, budget).loss <= found.loss + 1e-12


def test_uniform_is_the_most_bits_that_fit_and_never_beats_exact() -> None:
    t = table(1)
    totals = t.cost.sum(axis=0)
    for j, bits in enumerate(BITS):
        found = uniform(t, int(totals[j]))
        assert set(found.bits.values()) == {bits}
        assert exact(t, int(totals[j])).loss <= found.loss + 1e-12


def test_there_is_a_table_where_greedy_is_not_the_best() -> None:
    gaps = [
        greedy(t, budget).loss - exact(t, budget).loss
        for t in map(table, range(20))
        for budget in [int(t.cost.sum(axis=0)[2])]
    ]
    assert max(gaps) > 1e-6


@pytest.mark.parametrize("method", [uniform, greedy, exact])
def test_a_budget_that_nothing_meets_names_the_smallest_that_can(method) -> None:
    t = table(2)
    if method is uniform:
        least = int(t.cost.sum(axis=0).min())
    else:
        least = int(t.cost.min(axis=1).sum())
    with pytest.raises(ValueError, match=f"^{method.__name__}: budget must be at least {least} "):
        method(t, least - 1)
    assert method(t, least).cost == least  # and it can


@pytest.mark.parametrize("method", [uniform, greedy, exact])
@pytest.mark.parametrize("wrong", [1.5, 1e9, None, True, "x", [9], np.ones(2)], ids=repr)
def test_a_budget_that_is_no_whole_number_is_refused(method, wrong) -> None:
    name = method.__name__
    with unchecked(), pytest.raises(TypeError, match=f"^{name}: budget must be a whole number, g"):
        method(table(0), wrong)
    with unchecked():  # one of NumPy's is whole
        assert method(table(0), np.int64(10**9)) == method(table(0), 10**9)


def test_forty_layers_are_exact_within_a_second_of_work() -> None:
    t = table(3, layers=40)
    budget = int(t.cost.sum(axis=0)[2])
    found = exact(t, budget)
    assert found.cost <= budget and found.loss <= greedy(t, budget).loss


def test_the_network_takes_the_bytes_that_the_allocation_says() -> None:
    net, mnist = networks.load("lenet_5"), data.load("mnist")
    t = sensitivity(net, mnist.calibration[:50])
    assert t.layers == LAYERS
    budget = 431_080 * 3 // 8
    found = exact(t, budget)
    small = quantize_mixed(net, found.bits)
    assert metrics.bytes_packed(small.network, small.qparams).total == found.cost <= budget
    assert {name: q.spec.bits for name, q in small.qparams.items()} == found.bits


def test_one_number_of_bits_everywhere_is_quantize_weights() -> None:
    net = networks.load("mlp_784_128_10")
    mixed = quantize_mixed(net, {"fc1": 3, "fc2": 3})
    plain = networks.quantize_weights(net, QuantSpec(bits=3), networks.quantization.ranges.mse)
    for name in net.weights:
        np.testing.assert_array_equal(mixed.codes[name], plain.codes[name])
    only = quantize_mixed(net, {"fc2": 2})
    assert only.network.weights["fc1"] is net.weights["fc1"]
    with pytest.raises(ValueError, match="layers must be among fc1, fc2, got fc7"):
        quantize_mixed(net, {"fc7": 2})


def test_an_allocation_of_ones_own_is_priced_as_the_solvers_are() -> None:
    t = table(4)
    for found in (greedy(t, budget_at(t, 3)), uniform(t, budget_at(t, 5))):
        assert priced(t, found.bits) == found
    for wrong in ({"l0": 2}, dict.fromkeys(t.layers, 7), {**dict.fromkeys(t.layers, 2), "l9": 2}):
        with pytest.raises(ValueError, match="priced: bits must name l0, l1, l2, l3 with bits out"):
            priced(t, wrong)


def test_a_budget_at_whole_bits_is_the_uniform_cost_and_between_them_on_a_line() -> None:
    t = table(5)
    totals = t.cost.sum(axis=0)
    for j, bits in enumerate(BITS):
        assert budget_at(t, bits) == totals[j]
    assert budget_at(t, 7) == (totals[4 + 1] + totals[4]) // 2
    assert budget_at(t, 3.5) == (totals[1] + totals[2]) // 2
    slope = totals[1] - totals[0]
    assert budget_at(t, 1.5) == totals[0] + np.floor(-0.5 * slope)
    assert budget_at(t, 9) == totals[5] + (totals[5] - totals[4]) // 2
    odd = Sensitivity(("a",), (2, 4), np.zeros((1, 2)), np.array([[100, 105]]))
    assert [budget_at(odd, bits) for bits in (1, 3, 5)] == [97, 102, 107]  # never more
    for wrong in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="budget_at: bits must be above 0"):
            budget_at(t, wrong)
    for wrong in ("3", None, True, [3]):
        with unchecked(), pytest.raises(TypeError, match="budget_at: bits must be a number, got"):
            budget_at(t, wrong)


def test_what_is_no_table_and_no_dictionary_of_bits_is_refused() -> None:
    for f, *more in ((uniform, 9), (greedy, 9), (exact, 9), (budget_at, 3), (priced, {}), (front,)):
        with unchecked(), pytest.raises(TypeError, match=f"^{f.__name__}: table must be a Sens"):
            f(None, *more)
    for wrong in (None, 4, [4, 4]):
        with unchecked(), pytest.raises(TypeError, match="priced: bits must be a dictionary by"):
            priced(table(0), wrong)
