"""What the Quantize instrument shows is what the library computes."""

import numpy as np
import pytest

from qlab import core, data, metrics, networks, ranges
from qlab.live import Quantize
from qlab.live.quantize_pictures import points
from qlab.live.quantize_state import GRANULARITIES, QuantizeState
from tests.live.driving import (
    assert_control_moves_everything,
    run_code,
    send,
)

OWN_TESTS = {"grid", "repair"}  # computed in the background: test_quantize_grids.py
TRAITS = [name for name in QuantizeState.settings() if name not in OWN_TESTS]


@pytest.fixture(scope="module")
def instrument():
    return Quantize()


@pytest.fixture
def quantize(instrument):
    instrument.reset()
    return instrument


def by_library(s):
    """The same state computed from the library's own functions, step by step."""
    net, mnist = networks.load(s.network), data.load("mnist")
    spec = core.QuantSpec(
        bits=s.bits, symmetric=s.symmetric, granularity=GRANULARITIES[s.granularity][1]
    )
    rounding = (
        core.stochastic(np.random.default_rng(0))
        if s.rounding == "stochastic"
        else core.ROUNDINGS[s.rounding]
    )
    layers = None if s.layer == "all" else [s.layer]
    small = networks.quantize_weights(net, spec, ranges.METHODS[s.method], rounding, layers)
    acting = small.network
    if s.activation_bits != "float":
        asym = core.QuantSpec(bits=s.activation_bits, signed=False, symmetric=False)
        acting = networks.quantize_activations(net, mnist.calibration, asym)
        acting = acting.with_weights(small.network.weights)
    W, W_hat = (
        np.concatenate([n.weights[k].ravel() for k in small.qparams]) for n in (net, small.network)
    )
    return net, small, acting, W, W_hat


def assert_equals_library(instrument):
    r, s = instrument.result, instrument.state
    net, small, acting, W, W_hat = by_library(s)
    assert r.errors == metrics.errors(W, W_hat)
    assert instrument.values["sqnr"].value == metrics.sqnr(W, W_hat)
    assert instrument.values["mse"].value == metrics.mse(W, W_hat)
    assert instrument.values["bytes"].value == metrics.bytes_packed(net, small.qparams).total
    test = data.load("mnist").test
    rows = slice(None) if r.full else np.random.default_rng(0).permutation(10_000)[: r.accuracy.n]
    sample = test[rows]
    expected = metrics.accuracy(acting, sample, r.accuracy.source)
    assert r.accuracy == expected
    assert r.reference == metrics.accuracy(net, sample, r.accuracy.source)
    # the picture's own data
    stems = instrument.figures["weights"].artists[0].get_xdata()[::3]
    if s.granularity == "tensor" and s.bits <= 8:
        np.testing.assert_array_equal(
            np.unique(stems),
            np.unique(np.concatenate([np.unique(small.network.weights[k]) for k in small.qparams])),
        )
    assert r.level_counts.sum() == W.size
    counts = instrument.figures["error"].artists[0].get_data().values
    np.testing.assert_array_equal(counts, r.error_counts / r.error_counts.max())


@pytest.mark.parametrize("trait", TRAITS)
def test_every_control_moves_pictures_and_numbers_to_what_the_library_computes(quantize, trait):
    seen = []

    def check():
        assert_equals_library(quantize)
        seen.append(quantize.result)

    assert_control_moves_everything(quantize, trait, check)
    assert len(seen) >= (1 if trait == "network" else 2)


def test_the_estimate_gives_way_to_all_test_images(quantize):
    send(quantize, "bits", 3)
    assert quantize.values["accuracy"].source == "estimated"
    assert 250 <= quantize.values["accuracy"].n <= 1000
    quantize.settle(everything=False)
    assert quantize.values["accuracy"].source == "measured"
    assert quantize.values["accuracy"].n == quantize.values["change"].n == 10_000
    assert_equals_library(quantize)
    assert quantize.page.said.startswith("Accuracy ")


def test_the_float_reference_on_all_images_is_what_the_card_says(quantize):
    quantize.settle(everything=False)
    assert quantize.result.reference.value == networks.card("lenet_300_100")["test"]["value"]


def test_noise_is_named_where_intervals_overlap_and_only_there(quantize):
    send(quantize, "bits", 16)
    assert quantize.values["change"].note == "within noise"
    send(quantize, "bits", 1)
    assert quantize.values["change"].note == "beyond noise"


def test_flipped_images_are_those_whose_class_changed(quantize):
    send(quantize, "bits", 2)
    quantize.settle(everything=False)
    net, _, acting, _, _ = by_library(quantize.state)
    flips = quantize.result.flips
    assert len(flips) == 10
    images = data.load("mnist").test.images[[i for i, _, _ in flips]]
    assert [was for _, was, _ in flips] == net.predict(images).argmax(axis=1).tolist()
    assert [now for _, _, now in flips] == acting.predict(images).argmax(axis=1).tolist()
    words = [text.get_text() for text in quantize.figures["flips"].artists[1:]]
    assert words[0].startswith(f"{flips[0][1]} → {flips[0][2]} (is ")


def test_the_curve_fills_itself_first_hollow_then_solid(quantize):
    send(quantize, "layer", "fc3")
    send(quantize, "bits", 5)
    x, _, _, _, measured = points(quantize._known(quantize.result))
    assert 5.0 in x and not measured[x == 5.0]
    quantize.settle()
    x, y, low, high, measured = points(quantize._known(quantize.result))
    assert x.tolist() == list(range(1, 17)) and measured.all()
    assert (low <= y).all() and (y <= high).all()
    drawn = quantize.figures["curve"]
    drawn.pixels()
    solid, now = drawn.artists[3], drawn.artists[4]
    np.testing.assert_array_equal(solid.get_ydata(), y)
    assert now.get_xdata() == [5.0]


@pytest.mark.parametrize(
    "settings",
    [
        "bits=4",
        "bits=3&layer=fc2&granularity=axis&method=mse&symmetric=false",
        "bits=6&activation_bits=3&rounding=stochastic&granularity=group",
    ],
)
def test_copied_code_prints_the_settled_numbers(quantize, settings):
    assert quantize.state.from_query(settings) == []
    quantize.settle(everything=False)
    printed = run_code(quantize)
    assert set(printed) == set(quantize.values)  # before any time was taken
    for name, number in printed.items():
        assert number == pytest.approx(float(quantize.values[name].value), rel=1e-12)
    assert len(quantize.code().strip().splitlines()) <= 20


def test_presets_teach_something_that_is_so(quantize):
    accuracy = {}
    sqnr = {}
    for preset in quantize.PRESETS:
        quantize.choose(preset)
        if quantize.result.waiting:
            quantize.settle(everything=False)
        assert quantize.message == "" and preset.lesson
        accuracy[preset.name] = quantize.result.accuracy.value
        sqnr[preset.name] = quantize.result.errors.sqnr
    assert len(quantize.PRESETS) >= 4
    assert 1 - accuracy["2 bits, repaired"] < 0.6 * (1 - accuracy["2 bits, clipped"])
    assert sqnr["2 bits, repaired"] < sqnr["2 bits, clipped"]
    send(quantize, "activation_bits", "float")
    send(quantize, "bits", 3)
    assert 2.5 < sqnr["A table instead of steps"] / quantize.result.errors.sqnr < 3.5
    assert accuracy["One bit a weight"] < 0.75
    assert accuracy["8 bits are free"] > 0.97
    assert accuracy["2 bits and the outlier"] < 0.5
    assert accuracy["2 bits, clipped"] > accuracy["2 bits and the outlier"] + 0.2
    assert accuracy["Rounding down"] < accuracy["8 bits are free"] - 0.05
    assert accuracy["2 bits and the outlier"] < accuracy["Activations too"] - 0.2
    assert accuracy["Activations too"] < accuracy["8 bits are free"] - 0.02


def test_a_layer_of_another_network_falls_back_to_all(quantize):
    send(quantize, "layer", "fc3")
    others = [n for n in ("lenet_5", "mlp_784_128_10") if n in networks.ZOO]
    for name in others:
        send(quantize, "layer", "fc2")
        quantize.state.layer = "fc1"
        send(quantize, "network", name)
        assert quantize.state.layer in ("all", *networks.load(name).weights)
    quantize.reset()
    assert quantize.state.offer({"layer": "conv1"}) != []
    assert quantize.state.layer == "all"


def test_the_table_holds_settings_numbers_and_curve(quantize):
    text = quantize.csv()
    assert "bits,4\n" in text and "\naccuracy," in text and "accuracy against bits\n" in text
