"""Numbers in the questions of lab 07 are what the library computes."""

import numpy as np
import pytest

from qlab import data, metrics, networks
from qlab.core import QuantSpec
from qlab.course.questions import lab_07

NET = "lenet_300_100"


def test_bytes_of_the_warm_up() -> None:
    net = networks.load(NET)
    assert net.weights["fc3"].size == 1_000
    a, b = (networks.layer_bytes(net, "fc3", QuantSpec(bits=bits)) for bits in (2, 4))
    assert lab_07.WARM_UP[2].right == b - a == 250


def test_the_factor_between_the_mean_eigenvalues() -> None:
    traces = networks.stored_traces(NET)
    assert (round(traces["fc3"].value, 2), round(traces["fc1"].value, 2)) == (3.01, 9.51)
    assert traces["fc1"].weights == 235_200
    factor = traces["fc3"].mean / traces["fc1"].mean
    assert lab_07.EXPLAIN[1].right == pytest.approx(factor, abs=0.1)


def test_the_best_sum_has_the_worse_network() -> None:
    table = networks.stored_sensitivity(NET)
    budget = networks.budget_at(table, 2.25)
    greedy, exact = networks.greedy(table, budget), networks.exact(table, budget)
    assert exact.loss < greedy.loss
    ways = [networks.priced(table, dict(zip(table.layers, np.add(way, 1).tolist(), strict=True)))
            for way in np.ndindex(8, 8, 8)]  # fmt: skip
    assert len(ways) == 512
    assert min(way.loss for way in ways if way.cost <= budget) == pytest.approx(exact.loss)
    found = {}
    for name, one in (("greedy", greedy), ("exact", exact)):
        small = networks.quantize_mixed(networks.load(NET), one.bits).network
        found[name] = metrics.accuracy(small, data.load("mnist").test)
    for name, low, high in (("greedy", 94.27, 95.15), ("exact", 92.14, 93.16)):
        assert 100 * found[name].low == pytest.approx(low, abs=0.03)
        assert 100 * found[name].high == pytest.approx(high, abs=0.03)
        assert f"{low} to" in lab_07.EXPLAIN[0].options["It is noise."]


def test_scan_and_hessian_disagree_at_two_bits_and_half_of_fc1_becomes_zero() -> None:
    most = {
        criterion: networks.stored_sensitivity(NET, criterion).loss[:, 1].argmax()
        for criterion in ("cross_entropy", "hessian")
    }
    assert most == {"cross_entropy": 0, "hessian": 2}
    small = networks.quantize_mixed(networks.load(NET), {"fc1": 2}).network
    assert 0.4 < metrics.sparsity(small.weights["fc1"]) < 0.9
