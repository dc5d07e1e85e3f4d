"""What the Integer instrument shows is what the library computes, and plain Python adds."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from qlab import data, metrics, networks
from qlab.core import PerAxis, QuantSpec, dequantize
from qlab.live import Integer
from qlab.live.integer_arithmetic import network_of, tally
from qlab.live.integer_state import IntegerState
from qlab.live.integer_steps import binary
from qlab.live.worker import finish
from qlab.networks import IntegerNetwork
from tests.live.driving import (
    assert_control_moves_everything,
    assert_refuses_answers,
    assert_shown,
    pictures,
    run_code,
    send,
    standing_in,
    stations,
)

TRAITS = list(IntegerState.settings())
NEEDS = {"overflow": {"accumulator_bits": 16}}
MNIST = data.load("mnist")


@pytest.fixture(scope="module")
def instrument():
    return Integer()


@pytest.fixture
def integer(instrument):
    instrument.reset()
    return instrument


def by_library(s):
    """The same network from the calibration split, as the copied code makes it."""
    return IntegerNetwork.from_calibration(
        networks.load(s.network),
        MNIST.calibration,
        QuantSpec(bits=s.weight_bits, granularity=PerAxis(0)),
        QuantSpec(bits=s.activation_bits, signed=False, symmetric=False),
        accumulator_bits=s.accumulator_bits,
        overflow=s.overflow,
        multiplier_bits=s.multiplier_bits,
    )


def by_python(s, layer, q):
    """One sum and its five steps, with plain Python integers."""
    low, high = -(2 ** (s.accumulator_bits - 1)), 2 ** (s.accumulator_bits - 1) - 1
    z = int(layer.entering.zero_point)
    row = [int(w) for w in layer.codes[s.neuron].ravel()]
    products = [(int(a) - z) * w for a, w in zip(q.ravel(), row, strict=True)]
    bias = int(layer.bias[s.neuron])
    held = min(max(bias, low), high) if s.overflow == "saturate" else bias
    for p in products:
        held += p
        if s.overflow == "saturate":
            held = min(max(held, low), high)
    held = (held - low) % (high - low + 1) + low
    m, e = (int(np.broadcast_to(a.ravel(), len(layer.codes))[s.neuron]) for a in _parts(layer))
    rescaled = round_half_even(held * m, 31 - e)
    y = rescaled + int(layer.leaving.zero_point)
    return {
        "products": products,
        "sum": bias + sum(products),
        "register": held,
        "rescaled": rescaled,
        "code": min(max(y, layer.lowest), layer.leaving.spec.quant_max),
    }


def _parts(layer):
    return layer.multiplier.m, layer.multiplier.e


def round_half_even(p: int, shift: int) -> int:
    floor, rest = p >> shift, p & ((1 << shift) - 1)
    twice = 2 * rest
    return floor + (twice > 1 << shift or (twice == 1 << shift and floor % 2 == 1))


def assert_equals_library(integer):
    r, s = integer.result, integer.state
    net = by_library(s)
    q = net.encode(MNIST.test[s.image : s.image + 1].images)
    layer = next(k for k in net.integer_layers if k.name == s.layer)
    if layer.codes.ndim == 2:
        expected = by_python(s, layer, net.enter(s.layer, q))
        assert r.walk.products.tolist() == expected["products"]
        assert int(r.walk.sums[-1]) == expected["sum"]
        assert integer.values["accumulator"].value == expected["register"]
        assert r.walk.rescaled == expected["rescaled"]
        assert integer.values["code"].value == expected["code"]
    done = {run.name: run for run in net.run(q)}
    at = (0, s.neuron, *r.walk.place)
    assert integer.values["accumulator"].value == done[s.layer].accumulators[at]
    assert integer.values["code"].value == done[s.layer].codes[at]
    assert_array_equal(r.logits, dequantize(net.codes(q)[0], net.leaving))
    assert_array_equal(integer.figures["logits"].artists[-1].get_ydata(), r.logits)
    rows = integer.rows(network_of(s))
    draw = MNIST.test[rows]
    assert integer.values["accuracy"].value == metrics.accuracy(net, draw).value
    assert integer.values["simulated_accuracy"].value == pytest.approx(
        metrics.accuracy(net.simulated, draw).value, abs=1 / len(rows)
    )
    counts = net.count(draw.images)
    total = sum(c.accumulators for c in counts.values())
    for name in ("overflows", "saturated"):
        share = sum(getattr(c, name) for c in counts.values()) / total
        assert integer.values[name].value == share
    wide = net.with_arithmetic(accumulator_bits=32, multiplier_bits=31, overflow="wrap")
    needs = {name: c.bits for name, c in wide.count(draw.images).items()}
    assert r.needs == needs
    assert integer.values["needed"].value == needs[s.layer]
    assert integer.values["worst_case"].value >= needs[s.layer]
    assert integer.values["floats"].value == 0


@pytest.mark.parametrize("trait", [t for t in TRAITS if t != "network"])
def test_every_control_moves_pictures_and_numbers_to_what_the_library_computes(integer, trait):
    assert integer.state.offer(NEEDS.get(trait, {})) == []
    assert_control_moves_everything(integer, trait, lambda: assert_equals_library(integer))


@pytest.mark.parametrize("network", ["mlp_784_128_10", "lenet_5"])
def test_every_control_works_in_every_network(integer, network):
    send(integer, "network", network)
    assert_equals_library(integer)
    for trait in TRAITS[:-1]:
        if trait == "network":
            continue
        integer.state.offer({trait: stations(integer, trait)[0]})
        assert_shown(integer)
    assert integer.state.overflow == "wrap"
    send(integer, "overflow", "saturate")
    assert_equals_library(integer)


def test_the_slider_of_neurons_ends_where_the_layer_ends(integer):
    slider = integer.controls["neuron"]
    assert (slider.max, slider.value) == (299, 66)
    send(integer, "layer", "fc3")
    assert (slider.max, slider.value, integer.message) == (9, 0, "")
    assert integer.state.from_query("layer=fc1&neuron=250") == []
    assert (slider.max, slider.value) == (299, 250)
    (refused,) = integer.state.from_query("layer=fc2&neuron=251")
    assert refused == "neuron: 0 to 99 is expected in fc2, got 251. It becomes 0."


def test_the_register_wraps_where_the_picture_says_it_does(integer):
    send(integer, "accumulator_bits", 20)
    w = integer.result.walk
    assert w.sums[-1] == 571_760 and w.registers[-1] == 571_760 - 2**20
    pictures(integer)
    low, high, _, true, register, last, words = integer.figures["sum"].artists
    assert (low.get_ydata()[0], high.get_ydata()[0]) == (-(2**19), 2**19 - 1)
    assert low.get_visible() and high.get_visible() and words.get_text() == ""
    assert_array_equal(true.get_ydata(), w.sums)
    assert_array_equal(register.get_ydata(), w.registers)
    assert last.get_ydata() == [w.registers[-1]]
    assert "the true sum is 571,760" in integer.values["accumulator"].note
    assert "The true sum is 571,760: it takes 21 bits" in integer.five.value
    send(integer, "overflow", "saturate")
    assert integer.result.walk.registers.max() == 2**19 - 1
    integer.reset()
    send(integer, "accumulator_bits", 32)
    pictures(integer)
    assert "1,024 × higher" in words.get_text() and not high.get_visible()
    assert integer.figures["sum"].mpl.axes[0].get_ylim()[1] == 2**21


def test_the_gauge_is_what_was_counted(integer):
    send(integer, "accumulator_bits", 20)
    pictures(integer)
    r = integer.result
    used, over, worst, _ = integer.figures["gauge"].artists
    bits = np.array([r.walk.bits, r.reach_bits, *r.needs.values(), 24])
    assert_array_equal(over.get_data().values[::2], bits)
    assert_array_equal(used.get_data().values[::2], np.minimum(bits, [20] * 5 + [31]))
    assert worst.get_xdata()[2:5].tolist() == list(r.worst.values()) == [24, 22, 21]


def test_the_five_steps_are_in_the_table_with_their_bits(integer):
    send(integer, "layer", "fc3")
    w, table = integer.result.walk, integer.five.value
    for value, bits in ((w.registers[-1], 24), (w.rescaled, 32), (w.code, 16)):
        assert f"{int(value):,}".replace("-", "−") in table
        assert binary(int(value), bits) in table
    assert "codes out int16" in table and "float32" not in table
    assert 'five steps\nstep,integer,binary,type,real\n"1. ' in integer.csv()
    assert int(binary(-5, 16).replace(" ", ""), 2) == 2**16 - 5


def test_all_test_images_replace_the_estimate(integer):
    integer.state.offer({"network": "mlp_784_128_10", "accumulator_bits": 20})
    integer.settle(everything=False)
    shown = integer.values["accuracy"]
    assert (shown.n, shown.source) == (10_000, "measured")
    assert integer.values["needed"].n == integer.values["overflows"].n == 10_000
    assert "beyond noise" in shown.note
    printed = run_code(integer)
    assert {"accuracy", "overflows", "needed", "accumulator", "code"} <= set(printed)
    for name, number in printed.items():
        assert number == pytest.approx(float(integer.values[name].value), rel=1e-12), name


def test_processors_with_bits_enough_are_run_once(integer):
    before = set(integer.tallies)
    integer.state.offer({"weight_bits": 7, "activation_bits": 7})
    for bits in (24, 25, 32):
        send(integer, "accumulator_bits", bits)
        assert_equals_library(integer)
    (new,) = set(integer.tallies) - before
    assert new[-2] == "base"
    send(integer, "multiplier_bits", 3)
    assert len(set(integer.tallies) - before) == 2


def test_a_curve_fills_itself_over_the_widths(integer):
    integer.state.offer({"network": "mlp_784_128_10", "weight_bits": 5})
    for _ in integer._sketch(integer.state.copy(), [24, 20, 16]):
        pass
    known = integer._known(integer.result)
    assert [p.accumulator_bits for p in known] == [16, 20, 24]
    assert integer.csv().count("accuracy against accumulator") == 1


@pytest.mark.parametrize("weight_bits", [8, 5])
def test_sums_of_the_first_layer_that_are_known_change_no_count_in_any_register(
    integer, weight_bits
):
    integer.state.offer({"network": "mlp_784_128_10", "weight_bits": weight_bits})
    s = integer.state.copy()
    integer.tallies.clear()
    finish(integer._sums(s))
    assert (s.network, s.weight_bits, s.activation_bits) in integer.first
    rows = integer.evaluation.order[:60]  # not in the order in which they were summed up
    for bits, overflow in ((32, "wrap"), (18, "wrap"), (12, "wrap"), (18, "saturate")):
        net = network_of(s.copy(accumulator_bits=bits, overflow=overflow))
        found = finish(integer._kept(("not kept", bits, overflow), net, s, rows))
        plain = finish(tally(net, MNIST.test[rows]))
        assert_array_equal(found.classes, plain.classes)
        assert found.counts == plain.counts
        for name, (low, high) in plain.ends.items():
            assert_array_equal(found.ends[name], (low, high))


def test_presets_teach_something_that_is_so(integer):
    r = {}
    for preset in integer.PRESETS:
        integer.choose(preset)
        assert integer.message == "" and preset.lesson
        r[preset.name] = integer.result
    assert len(r) >= 4

    wide = r["32 bits, as processors have"]
    assert wide.worst["fc1"] == 24 and wide.overflows[0] == 0
    assert metrics.within_noise(wide.accuracy, wide.reference)

    wrap, stay = r["20 bits, wrapping"], r["20 bits, saturating"]
    assert wrap.overflows[0] > 0 and stay.overflows[0] > 0
    assert wrap.walk.registers[-1] < 0 < wrap.walk.sums[-1]
    assert stay.walk.registers[-1] > 0
    net = by_library(
        integer.state.copy(**{**integer.PRESETS[1].values, "network": "lenet_300_100"})
    )
    images = MNIST.test[:1000]
    low, high = (
        metrics.accuracy(net.with_arithmetic(accumulator_bits=20, overflow=how), images).value
        for how in ("wrap", "saturate")
    )
    assert low < high - 0.005

    small = r["4 bits fit in 16"]
    assert max(small.worst.values()) == 15 and small.overflows[0] == 0

    shift = r["A shift alone"]
    assert shift.walk.m == 2**30  # a power of two
    assert np.abs(shift.logits - shift.float_logits).max() > 1
    assert shift.logits.argmax() == shift.float_logits.argmax()

    channel = r["A channel that saturates its codes"]
    assert len(channel.walk.place) == 2 and channel.saturated[0] > 0


def requantize(acc, m, shift, z, low, high):
    p = acc.astype(np.int64) * m
    return np.clip(z + ((p + (np.int64(1) << (shift - 1))) >> shift), low, high)


def forgot_z(acc, m, shift, z, low, high):
    return requantize(acc, m, shift, 0, low, high)


@pytest.mark.parametrize("at", ["layer=fc1", "layer=fc3", "accumulator_bits=16&overflow=saturate"])
def test_a_right_function_in_the_place_of_the_librarys_makes_no_difference(integer, at):
    assert integer.state.from_query(at) == []
    with standing_in(integer, "integer.requantize", requantize) as standing:
        assert (standing.works, standing.trouble, standing.difference) == (True, "", None)
        own = standing.results[integer.state.key()]
        assert_array_equal(own.logits, integer.result.logits)
        assert own.accuracy == integer.result.accuracy


def test_a_right_function_works_in_a_convolution(integer):
    integer.state.offer({"network": "lenet_5", "layer": "conv2"})
    with standing_in(integer, "integer.requantize", requantize) as standing:
        assert (standing.works, standing.trouble, standing.difference) == (True, "", None)
        assert standing.results[integer.state.key()].walk.code == integer.result.walk.code


def test_a_wrong_function_is_shown_beside_and_its_first_difference_is_named(integer):
    send(integer, "layer", "fc3")
    before = pictures(integer)
    with standing_in(integer, "integer.requantize", forgot_z) as standing:
        found = standing.difference
        z = integer.result.walk.zero_point
        assert z != 0 and found.reference - found.other == z
        assert (found.place, found.count) == ("fc3, output 0 of the test image", found.of)
        assert "yours: " in integer.values["code"].note
        moved = {n for n, p in pictures(integer).items() if not np.array_equal(p, before[n])}
        assert moved == {"logits"}
    for name, pixels in pictures(integer).items():
        assert_array_equal(pixels, before[name])


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda acc, *_: None, "returned nothing"),
        (lambda acc, *_: acc[:3], r"returned shape \(3, 300\)"),
        (lambda acc, *_: acc / 7, "with a fraction"),
        (lambda acc, *_: acc * np.inf, "infinity or NaN"),
        (lambda acc, *_: acc * 1e9, "beyond 32 bits"),
    ],
)
def test_what_a_function_cannot_mean_is_one_sentence_and_the_librarys_is_shown(
    integer, answer, sentence
):
    assert_refuses_answers(integer, "integer.requantize", answer, sentence)
