"""Every grid and every repair of the library is in Quantize's menus and shows what it gives."""

import functools
import threading

import numpy as np
import pytest

from qlab import codebooks, coding, core, data, metrics, networks, ptq, ranges
from qlab.live import Quantize
from qlab.live import quantize as quantize_module
from qlab.live.quantize_background import Jobs
from qlab.live.quantize_look import extreme_scales
from qlab.live.quantize_size import huffman
from qlab.live.quantize_state import (
    FOLDED,
    GRANULARITIES,
    GRIDS,
    IN_TIME,
    REPAIR_IMAGES,
    REPAIR_OPTIONS,
    REPAIRS,
    UNSCALED,
    QuantizeState,
)
from qlab.live.worker import finish
from tests.live.driving import assert_shown, pictures, readings, run_code, send, standing_in

LAYER = "fc3"  # 1,000 weights: everything is quick
CODEBOOKS = [name for name in GRIDS if name != "affine"]


@pytest.fixture(scope="module")
def instrument():
    return Quantize(layer=LAYER)


@pytest.fixture
def quantize(instrument):
    instrument.reset()
    instrument.state.offer({"layer": LAYER})
    return instrument


def arrive(quantize):
    """Wait for what is being computed, and for nothing else."""
    while quantize.result.waiting:
        quantize.worker.flush(0)


@functools.cache
def of_floats(network):
    """What every grid is compared with, on all test images."""
    return metrics.accuracy(networks.load(network), data.load("mnist").test)


def small_by_library(s):
    net, mnist = networks.load(s.network), data.load("mnist")
    if s.grid != "affine":
        given = {"bits": s.width()}
        if s.granularity != "own":
            given["granularity"] = GRANULARITIES[s.granularity][1]
        small = networks.code_weights(net, codebooks.METHODS[s.grid], [s.layer], **given)
        return net, small, small.coded
    spec = core.QuantSpec(
        bits=s.bits, symmetric=s.symmetric, granularity=GRANULARITIES[s.granularity][1]
    )
    calibration = mnist.calibration[:REPAIR_IMAGES]
    if s.repair in FOLDED:
        net = {
            "equalization": lambda: networks.equalize(net),
            "smoothquant": lambda: networks.fold_smoothquant(net, mnist.calibration),
            "awq": lambda: networks.fold_awq(
                net, spec, calibration, method=ranges.METHODS[s.method]
            ),
        }[s.repair]()
        small = networks.quantize_weights(net, spec, ranges.METHODS[s.method], layers=[s.layer])
    else:
        options = REPAIR_OPTIONS.get(s.repair, {})
        method = functools.partial(
            ptq.METHODS[s.repair], method=ranges.METHODS[s.method], **options
        )
        small = networks.repair(net, spec, method, calibration, [s.layer])
    return net, small, small.qparams


def assert_equals_library(quantize):
    r, s = quantize.result, quantize.state
    net, small, stored = small_by_library(s)
    W, W_hat = (n.weights[s.layer].ravel() for n in (net, small.network))
    assert not r.waiting
    assert r.errors == metrics.errors(W, W_hat)
    assert r.level_counts.sum() == W.size
    test = data.load("mnist").test
    assert r.accuracy == metrics.accuracy(small.network, test)
    assert r.reference == of_floats(s.network)
    repaired = getattr(small, "repaired", {})
    beside = [a for k in repaired.values() for a in (k.offset, k.input_scale) if a is not None]
    more = 4 * sum(a.size for a in beside)
    assert r.bytes == metrics.bytes_packed(small.network, stored).total + more
    if repaired:
        plain = metrics.bytes_packed(small.network, stored)
        own = sum(k.bytes.total for k in repaired.values())
        assert r.bytes == own + plain.values + plain.biases  # as each record counts itself
    if s.grid != "identity":
        codes = networks.codes_of(small)[s.layer]
        words = len(coding.huffman_encode(codes))
        assert r.huffman == r.bytes - small.bytes.codes + words
        assert r.entropy == pytest.approx(
            coding.entropy(np.unique(codes, return_counts=True)[1]), rel=1e-12
        )


def test_the_menus_hold_every_method_of_the_library():
    assert set(GRIDS) == {"affine", *codebooks.METHODS}
    assert set(REPAIRS) == {"none", "equalization", *ptq.METHODS}
    assert all(words != name for menu in (GRIDS, REPAIRS) for name, words in menu.items())


@pytest.mark.parametrize("grid", CODEBOOKS)
def test_every_grid_shows_and_prints_what_the_library_computes(quantize, grid):
    before, numbers = pictures(quantize), readings(quantize)
    send(quantize, "grid", grid)
    quantize.settle(everything=False)
    assert_shown(quantize)
    assert quantize.waits.value == ""
    assert_equals_library(quantize)
    moved = {n for n, p in pictures(quantize).items() if not np.array_equal(p, before[n])}
    assert {"weights", "stairs"} <= moved
    assert readings(quantize)["sqnr"] != numbers["sqnr"]
    printed = run_code(quantize)
    assert printed.keys() >= {n for n in quantize.values if not n.startswith("time_")}
    for name in printed:
        assert printed[name] == pytest.approx(float(quantize.values[name].value), rel=1e-12)


@pytest.mark.parametrize("grid", CODEBOOKS)
def test_every_bit_width_and_every_block_that_a_grid_offers_is_one_that_it_has(quantize, grid):
    send(quantize, "grid", grid)
    s = quantize.state
    possible = s.possible_bits()
    assert set(possible) <= set(codebooks.BITS[grid])
    assert set(codebooks.BITS[grid]) - set(possible) == set(
        range(IN_TIME.get(grid, 99) + 1, max(codebooks.BITS[grid]) + 1)
    )
    ends = {possible[0], possible[-1]} if len(possible) > 1 else set()
    for bits in ends:
        send(quantize, "bits", bits)
        arrive(quantize)
        assert (quantize.result.bits, quantize.message) == (bits, "")
    for granularity in s.allowed("granularity") if grid not in UNSCALED else []:
        send(quantize, "granularity", granularity)
        arrive(quantize)
        net, small, stored = small_by_library(s)
        W, W_hat = (n.weights[s.layer].ravel() for n in (net, small.network))
        assert quantize.result.errors == metrics.errors(W, W_hat)
        assert quantize.result.bytes == metrics.bytes_packed(small.network, stored).total


@pytest.mark.parametrize("repair", [name for name in REPAIRS if name != "none"])
def test_every_repair_shows_and_prints_what_the_library_computes(quantize, repair):
    quantize.state.offer({"bits": 3, "granularity": "axis", "method": "mse", "symmetric": False})
    before = readings(quantize)
    send(quantize, "repair", repair)
    quantize.settle(everything=False)
    assert_shown(quantize)
    assert_equals_library(quantize)
    assert readings(quantize) != before
    printed = run_code(quantize)
    for name in printed:
        assert printed[name] == pytest.approx(float(quantize.values[name].value), rel=1e-12)


@pytest.mark.parametrize("repair", [*FOLDED, "gptq"])
def test_a_repair_works_beside_quantized_activations(quantize, repair):
    quantize.state.offer({"bits": 3, "repair": repair, "activation_bits": 4, "whole": True})
    quantize.settle(everything=False)
    printed = run_code(quantize)
    assert printed.keys() >= {"accuracy", "bytes"}
    for name, number in printed.items():
        assert number == pytest.approx(float(quantize.values[name].value), rel=1e-12)


def test_smoothquant_rounds_inputs_divided_by_the_factors_that_its_weights_are_multiplied_by(
    quantize,
):
    settings = {"network": "mlp_784_128_10", "layer": "fc2", "bits": 4, "activation_bits": 3}
    quantize.state.offer({**settings, "repair": "smoothquant"})
    arrive(quantize)
    net, calibration = networks.load("mlp_784_128_10"), data.load("mnist").calibration
    X, W = networks.activations(net, calibration.images)["fc2"], net.weights["fc2"]
    t = np.sqrt(X.max(axis=0) / np.abs(W).max(axis=0))  # eq. 4 of arXiv:2211.10438, α = ½
    t[X.max(axis=0) == 0] = 1
    acting = quantize.network_of(quantize.state)
    assert acting.layer("fc2_input").qparams.scale == pytest.approx((X / t).max() / 7, rel=1e-5)
    step = np.abs(W * t).max() / 7
    assert np.abs(acting.weights["fc2"] - W * t).max() <= step / 2 * (1 + 1e-5)
    assert "X/t and W·t" in quantize.notes.value
    send(quantize, "repair", "none")
    assert quantize.notes.value == ""


@pytest.mark.parametrize("grid", GRIDS)
def test_only_controls_that_mean_something_are_on_the_page(quantize, grid):
    send(quantize, "grid", grid)
    shown = {n for n, c in quantize.controls.items() if c.layout.display != "none"}
    assert shown == quantize.state.used()
    assert ("repair" in shown) == (grid == "affine")
    assert ("bits" in shown) == (grid == "affine" or len(codebooks.BITS[grid]) > 1)
    if "bits" in shown:
        possible = quantize.state.possible_bits()
        bits = quantize.controls["bits"]
        assert (bits.min, bits.max, bits.value) == (possible[0], possible[-1], quantize.state.bits)


def test_bits_that_a_grid_lacks_are_stepped_over_in_the_direction_of_the_hand(quantize):
    send(quantize, "grid", "minifloat")
    for sent, becomes in ((5, 6), (7, 8), (7, 6), (5, 4), (8, 8)):
        send(quantize, "bits", sent)
        assert (quantize.state.bits, quantize.controls["bits"].value) == (becomes, becomes)
        assert quantize.message == ""


def test_a_repair_that_needs_equal_groups_is_not_offered_others(quantize):
    send(quantize, "repair", "gptq")
    assert quantize.state.allowed("granularity") == ["tensor", "axis"]
    assert "rounding" not in quantize.state.used()


@pytest.mark.parametrize(
    ("settings", "hollow"),
    [({}, False), ({"network": "lenet_5"}, True), ({"repair": "gptq"}, True)],
)
def test_the_curve_says_where_its_points_stay_hollow(quantize, settings, hollow):
    quantize.state.offer(settings)
    assert ("stays hollow until" in quantize.headings["curve"].value) == hollow


def test_what_takes_long_is_said_and_the_controls_stay_alive(quantize, monkeypatch):
    gate = threading.Event()

    def slow(W, X, spec, **options):
        gate.wait(20)
        return ptq.gptq(W, X, spec, **options)

    monkeypatch.setitem(ptq.METHODS, "gptq", slow)
    quantize.jobs = Jobs()
    quantize.results.clear()
    quantize.state.offer({"bits": 2, "repair": "gptq"})
    assert quantize.result.waiting  # and not the twenty seconds of the gate
    assert "GPTQ is being computed" in quantize.waits.value
    assert quantize.values["accuracy"].note == "of the plain grid, for now"
    plain = quantize.result
    quantize.worker.flush(0.05)
    assert quantize.result.waiting and not quantize.settled
    send(quantize, "bits", 5)  # a hand that moves on is answered, the job dropped
    send(quantize, "repair", "none")
    assert not quantize.result.waiting and quantize.waits.value == ""
    quantize.state.offer({"bits": 2, "repair": "gptq"})
    assert quantize.result.waiting and quantize.result.errors == plain.errors
    gate.set()
    quantize.settle(everything=False)
    assert not quantize.result.waiting and quantize.waits.value == ""
    assert_equals_library(quantize)


def test_a_repair_that_rounds_shows_its_own_staircase(quantize):
    quantize.state.offer({"repair": "gptq", "bits": 2})
    arrive(quantize)
    stairs = quantize.result.stairs
    send(quantize, "rounding", "stochastic")  # means nothing beside this repair
    arrive(quantize)
    np.testing.assert_array_equal(quantize.result.stairs, stairs)


def test_pictures_of_what_is_still_computed_are_not_kept_for_other_settings(quantize, monkeypatch):
    holds = threading.Event()
    monkeypatch.setattr(Quantize, "_work", lambda self, s, pause: holds.wait(20))
    monkeypatch.setattr(quantize, "jobs", Jobs())
    quantize.state.offer({"grid": "kmeans", "bits": 2, "method": "minmax"})
    first = quantize.figures["stairs"].image.value
    send(quantize, "method", "mse")  # of the plain quantizer that is shown until then
    assert quantize.result.waiting and quantize.figures["stairs"].image.value != first
    holds.set()


def test_a_repair_that_fails_is_one_sentence(quantize, monkeypatch):
    def broken(W, X, spec, **options):
        raise ValueError("gptq: this layer cannot be repaired.")

    monkeypatch.setitem(ptq.METHODS, "gptq", broken)
    quantize.jobs = Jobs()
    quantize.results.clear()
    quantize.state.offer({"bits": 7, "repair": "gptq"})
    quantize.settle(everything=False)
    assert quantize.message.startswith("gptq: this layer cannot be repaired.")
    send(quantize, "repair", "none")
    assert quantize.message == ""


def test_a_job_that_nobody_waits_for_is_not_begun():
    gate, ran = threading.Event(), []
    jobs = Jobs()
    first = jobs.ask("first", lambda pause: gate.wait(20))
    second = jobs.ask("second", lambda pause: ran.append(1))
    jobs.only("first")
    gate.set()
    assert first.ready(5)
    assert second.ended.wait(5)
    assert ran == []
    assert jobs.ask("second", lambda pause: 2).ready(5)


def test_five_meters_stand_side_by_side_with_their_provenance(quantize):
    quantize.reset()
    quantize.settle(everything=False)
    finish(quantize._time(quantize.state))
    values = quantize.values
    net = networks.load("lenet_300_100")
    assert values["bytes_memory"].value == metrics.bytes_dense(net).total
    assert values["bytes"].value < values["bytes_memory"].value / 7
    assert values["bytes_huffman"].value < values["bytes"].value
    assert values["macs"].value == sum(row.macs for row in net.summary().rows)
    assert values["bit_operations"].value == 4 * 32 * values["macs"].value
    for name in ("float", "simulated"):
        time_ = values[f"time_{name}"]
        assert (time_.source, time_.n) == ("measured", quantize_module.REPEATS)
        assert 0 < time_.low <= time_.value <= time_.high
    small = networks.quantize_weights(net, core.QuantSpec(bits=4))
    size = metrics.bytes_packed(net, small.qparams)
    words = sum(len(coding.huffman_encode(q)) for q in small.codes.values())
    assert values["bytes_huffman"].value == size.total - size.codes + words
    assert finish(huffman(quantize.state, small))[0] == values["bytes_huffman"].value
    send(quantize, "activation_bits", 8)
    assert quantize.values["bit_operations"].value == 4 * 8 * values["macs"].value


def test_the_scale_of_least_squares_can_be_the_learners(quantize):
    quantize.state.offer({"bits": 2, "repair": "least_squares", "granularity": "axis"})
    quantize.settle(everything=False)
    name = "repair.least_squares_scale"
    with standing_in(quantize, name, lambda w, q: (w @ q) / (q @ q)) as standing:
        assert (standing.works, standing.trouble, standing.difference) == (True, "", None)
        standing = quantize.stand_in(name, lambda w, q: abs(w).max() / abs(q).max())
        found = standing.difference
        W, small = (
            networks.load("lenet_300_100").weights[LAYER],
            quantize.by_library(quantize.state).small,
        )
        q = small.codes[LAYER].astype(float)
        assert found.reference == pytest.approx(W[0].astype(float) @ q[0] / (q[0] @ q[0]))
        assert found.other == pytest.approx(abs(W[0]).max())
        assert (found.place, found.count, found.of) == (f"scale of {LAYER}[0]", 10, 10)
        for answer, said in ((lambda w, q: None, "nothing"), (lambda w, q: -1.0, "above 0")):
            standing = quantize.stand_in(name, answer)
            assert said in standing.trouble
        send(quantize, "repair", "none")
        assert "Least-squares scale" in quantize.standing.note


def test_the_widest_and_the_narrowest_staircase_are_those_of_the_blocks(quantize):
    quantize.state.offer({"grid": "nf4", "granularity": "axis"})
    quantize.settle(everything=False)
    coded = quantize.by_library(quantize.state).small.coded[LAYER]
    gaps = coded.scale * (coded.levels[-1] - coded.levels[0]) / (len(coded.levels) - 1)
    assert quantize.result.steps == pytest.approx((gaps.min(), gaps.max()))
    W_hat = coded.dequantize()
    for stairs, row in zip(quantize.result.stairs, (gaps.argmin(), gaps.argmax()), strict=True):
        assert np.isin(stairs, W_hat[row]).all()
        assert (np.diff(stairs) >= 0).all()
    narrow, wide = extreme_scales(
        {"a": core.QParams(np.array([1.0, 3.0]), np.zeros(2, int), core.QuantSpec(
            granularity=core.PerAxis(0)))}
    )  # fmt: skip
    assert (narrow.scale, wide.scale) == (1, 3)


def test_a_new_state_of_bits_that_fit_is_kept_whatever_comes_with_a_link(quantize):
    s = QuantizeState()
    assert s.from_query("grid=minifloat&bits=4") == [] and s.bits == 4
    assert s.from_query("grid=xnor") == [] and s.width() == 1
    assert s.from_query("grid=affine&bits=12") == [] and s.width() == 12
    assert s.from_query("grid=kmeans") == [] and s.bits == 7
    refused = s.from_query("grid=<script>&repair=none")
    assert len(refused) == 1 and refused[0].startswith("grid: one of affine, identity")
