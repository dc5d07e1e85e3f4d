"""What the Quantize instrument shows is what the library computes."""

import numpy as np
import pytest

from qlab import core, data, metrics, networks, ranges
from qlab.live import Quantize
from qlab.live.evaluation import share
from qlab.live.quantize_pictures import points
from qlab.live.quantize_state import GRANULARITIES, QuantizeState
from tests.live.driving import (
    assert_control_moves_everything,
    run_code,
    send,
)

OWN_TESTS = {"grid", "repair"}  # computed in the background: test_quantize_grids.py
NEEDS = {"input_range": {"activation_bits": 2}}  # what makes a control mean something
NEEDS |= {"bias_bits": {"whole": True}, "output_bits": {"whole": True}}
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
    if s.whole and s.bias_bits != "float":
        grid = core.QuantSpec(bits=s.bias_bits)
        acting = acting.with_weights(
            {}, {k: core.fake_quantize(b, ranges.minmax(b, grid)) for k, b in net.biases.items()}
        )
    if s.activation_bits != "float":
        blocks = core.PerAxis(0) if s.input_range == "row" else core.PerTensor()
        asym = core.QuantSpec(
            bits=s.activation_bits, signed=False, symmetric=False, granularity=blocks
        )
        if s.input_range == "static":
            grids = networks.quantize_activations(net, mnist.calibration, asym)
            acting = grids.with_weights(small.network.weights, acting.biases)
        else:
            acting = networks.quantize_dynamically(acting, asym)
    if s.whole and s.output_bits != "float":
        logits = net.predict(mnist.calibration.images)
        grid = ranges.minmax(logits, core.QuantSpec(bits=s.output_bits, symmetric=False))
        acting = acting.with_layers([*acting.layers, networks.FakeQuantize("output", grid)])
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
    biases = small.bytes.biases
    if s.whole and s.bias_bits != "float":
        biases = sum(4 + -(-b.size * s.bias_bits // 8) for b in net.biases.values())
    packed = metrics.bytes_packed(net, small.qparams)
    assert instrument.values["bytes"].value == packed.total - packed.biases + biases
    test = data.load("mnist").test
    rows = slice(None) if r.full else np.random.default_rng(0).permutation(10_000)[: r.accuracy.n]
    sample = test[rows]
    batch = 50 if s.input_range == "batch" else None
    now = acting.predict(sample.images, batch).argmax(axis=1)
    assert r.accuracy == share(now == sample.labels, r.accuracy.source)
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

    quantize.state.offer(NEEDS.get(trait, {}))
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
    assert drawn.image.value == drawn._encode(drawn.pixels())  # sent to the page, too
    solid, now = drawn.artists[3], drawn.artists[4]
    np.testing.assert_array_equal(solid.get_ydata(), y)
    assert now.get_xdata() == [5.0]


@pytest.mark.parametrize(
    "settings",
    [
        "bits=4",
        "bits=3&layer=fc2&granularity=axis&method=mse&symmetric=false",
        "bits=6&activation_bits=3&rounding=stochastic&granularity=group",
        "bits=4&activation_bits=2&input_range=row",
        "bits=4&activation_bits=2&input_range=batch&layer=fc1",
        "activation_bits=4&whole=true&bias_bits=3&output_bits=4",
        "activation_bits=4&input_range=row&whole=true&bias_bits=float",
        "granularity=axis&repair=equalization&whole=true&output_bits=float",
    ],
)
def test_copied_code_prints_the_settled_numbers(quantize, settings):
    assert quantize.state.from_query(settings) == []
    quantize.settle(everything=False)
    printed = run_code(quantize)
    assert set(printed) == set(quantize.values)  # before any time was taken
    for name, number in printed.items():
        assert number == pytest.approx(float(quantize.values[name].value), rel=1e-12)
    lines = quantize.code().strip().splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) <= (14 if settings == "bits=4" else 23)


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
    wrong = {name: 1 - value for name, value in accuracy.items()}
    assert wrong["Activations too"] > 3.5 * wrong["A range for each image"]
    quantize.choose(next(p for p in quantize.PRESETS if p.name == "A range for each image"))
    send(quantize, "input_range", "batch")
    between = quantize.result.accuracy.value
    assert accuracy["Activations too"] < between < accuracy["A range for each image"]
    assert wrong["SmoothQuant"] < 0.5 * wrong["Activations too"]
    quantize.state.offer({"repair": "none", "activation_bits": "float", "bits": 2, "method": "mse"})
    without = quantize.result.accuracy.value
    send(quantize, "repair", "smoothquant")
    assert quantize.result.accuracy.value < without - 0.02
    assert accuracy["The whole model at 8 bits"] > 0.97
    quantize.choose(quantize.PRESETS[-1])
    assert quantize.values["change"].note == "within noise"
    send(quantize, "output_bits", 2)
    assert quantize.result.accuracy.value < 0.75


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
