"""What the Microscope shows is what the library computes, weight by weight."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from qlab import core, data, metrics, networks, ranges
from qlab.core import PerAxis, PerGroup, PerTensor
from qlab.course.exercises import exercise
from qlab.live import Microscope
from qlab.live.microscope_pictures import reach
from qlab.live.microscope_slide import COLUMNS, ROWS, slide
from qlab.live.microscope_state import MicroscopeState
from tests.live.driving import (
    assert_control_moves_everything,
    assert_refuses_answers,
    assert_shown,
    pictures,
    readings,
    run_code,
    send,
    standing_in,
    stations,
)

TRAITS = list(MicroscopeState.settings())
GRANULARITY = {"tensor": PerTensor(), "row": PerAxis(0)}
GRANULARITY |= {f"group{size}": PerGroup(size) for size in (16, 32, 64)}
FEW = {"bits", "symmetric", "granularity", "row", "column", "image"}  # on the small layer


@pytest.fixture(scope="module")
def instrument():
    return Microscope()


@pytest.fixture
def scope(instrument):
    instrument.reset()
    return instrument


def by_library(s):
    """Weights, codes, values, scales and zero points of the layer, as rows."""
    W = networks.load(s.network).weights[s.layer]
    spec = core.QuantSpec(
        bits=s.bits, symmetric=s.symmetric, granularity=GRANULARITY[s.granularity]
    )
    qparams = ranges.METHODS[s.method](W, spec)
    q = core.quantize(W, qparams)
    parts = (W, q, core.dequantize(q, qparams), *qparams.expand(W.shape))
    return qparams, *(np.broadcast_to(a, W.shape).reshape(len(W), -1) for a in parts)


def block_of(s, columns):
    """The columns and rows that share a scale with the weight."""
    if s.granularity == "tensor":
        return slice(None), slice(None)
    size = columns if s.granularity == "row" else int(s.granularity[5:])
    first = s.column // size * size
    return s.row, slice(first, min(first + size, columns))


def windows_of(x, row):
    """A linear layer's input; for a filter the patch at which its answer is largest."""
    s, layer = row
    if x.ndim == 1:
        return x
    W, b = layer.weight[s], layer.bias[s]
    kh, kw = W.shape[1:]
    places = [(p, q) for p in range(x.shape[1] - kh + 1) for q in range(x.shape[2] - kw + 1)]
    answers = [abs((W * x[:, p : p + kh, q : q + kw]).sum() + b) for p, q in places]
    p, q = places[int(np.argmax(answers))]
    return x[:, p : p + kh, q : q + kw].ravel()


def assert_equals_library(scope):
    s, net = scope.state, networks.load(scope.state.network)
    qparams, W, q, W_hat, scale, zero = by_library(s)
    i, j = s.row, s.column
    block = block_of(s, W.shape[1])
    image = data.load("mnist").test[np.array([s.image])].images
    x = windows_of(net.run(image, 0, net.index(s.layer))[0], (i, net.layer(s.layer)))
    z, z_hat = (float(net.biases[s.layer][i]) + v[i].astype(float) @ x for v in (W, W_hat))
    one = type("Net", (), {"weights": {"w": W}, "biases": {}})()
    bytes_ = metrics.bytes_packed(one, {"w": qparams}).total
    error = float(W_hat[i, j]) - float(W[i, j])
    expected = {
        "value": W[i, j],
        "scale": scale[i, j],
        "zero_point": zero[i, j],
        "code": q[i, j],
        "value_back": W_hat[i, j],
        "error": error,
        "error_in_steps": error / scale[i, j],
        "sqnr_block": metrics.sqnr(W[block], W_hat[block]),
        "sqnr_layer": metrics.sqnr(W, W_hat),
        "narrowest": scale.min(),
        "widest": scale.max(),
        "bytes": bytes_,
        "bits_per_weight": 8 * bytes_ / W.size,
        "x": x[j],
        "product": float(W[i, j]) * x[j],
        "product_back": float(W_hat[i, j]) * x[j],
        "share": float(W[i, j]) * x[j] / z,
        "sum": z,
        "sum_back": z_hat,
        "sum_change": z_hat - z,
    }
    assert readings(scope) == pytest.approx(expected, rel=1e-6, abs=1e-9)
    pictures(scope)  # a kept frame moves no artist
    assert_pictures_hold(scope, W, q, W_hat, scale, zero)


def assert_pictures_hold(scope, W, q, W_hat, scale, zero):
    """The pictures' own data are those of the cells, the levels and the rows."""
    r, s = scope.result, scope.state
    on = slide(s.network, s.layer)
    window = on.cells(on.window_of(s.row, s.column))
    held = window >= 0
    shown = {"weights": W, "back": W_hat, "codes": q - zero, "errors": (W_hat - W) / scale}[s.show]
    np.testing.assert_allclose(r.cells[held], shown.ravel()[window[held]], rtol=1e-6)
    assert np.isnan(r.cells[~held]).all()
    # the first bit counts −2^(b−1)
    worth = np.array([2.0**k for k in reversed(range(s.bits))])
    worth[0] *= -1
    assert r.bits @ worth == r.code
    boxes = scope.figures["code"].artists
    noughts = next(a for a in boxes if getattr(a, "get_marker", lambda: "")() == "$0$")
    assert len(noughts.get_xdata()) == s.bits - np.count_nonzero(r.bits)
    line = scope.figures["sums"].artists[0].get_ydata()
    assert line[-1] == pytest.approx(scope.values["sum"].value)
    assert np.abs(line).max() <= reach(r)


@pytest.mark.parametrize("trait", [t for t in TRAITS if t not in ("show", "method", "network")])
def test_every_control_moves_pictures_and_numbers_to_what_the_library_computes(scope, trait):
    scope.state.offer({"layer": "fc2" if trait in FEW else "fc1", "column": 200})
    assert_control_moves_everything(scope, trait, lambda: assert_equals_library(scope))


def test_every_network_and_layer_can_be_looked_at(scope):
    for network in stations(scope, "network"):
        scope.reset()
        send(scope, "network", network)
        for layer in stations(scope, "layer"):
            scope.state.offer({"layer": layer, "granularity": "group16", "bits": 3, "row": 9})
            send(scope, "column", 20)
            assert_shown(scope)
            assert_equals_library(scope)
            assert scope.controls["row"].max == len(networks.load(network).weights[layer]) - 1


@pytest.mark.parametrize("granularity", ["tensor", "row", "group64"])
def test_every_range_ends_at_the_librarys_and_says_so_while_it_is_computed(scope, granularity):
    scope.state.offer({"layer": "fc3", "granularity": granularity, "bits": 3})
    for method in ranges.METHODS:
        scope.results.clear()
        send(scope, "method", method)
        if scope.result.whole is None:
            assert scope.values["sqnr_layer"].text == "not defined"
            assert scope.values["sqnr_layer"].note == "being computed …"
            assert scope.figures["scales"].artists[-1].get_visible()
        scope.settle(everything=False)
        assert not scope.figures["scales"].artists[-1].get_visible()
        assert_equals_library(scope)


def test_what_the_colours_show_moves_the_cells_alone(scope):
    send(scope, "bits", 5)
    before, numbers = pictures(scope), readings(scope)
    for kind in ("weights", "back", "errors"):
        send(scope, "show", kind)
        after = pictures(scope)
        assert {n for n in after if not np.array_equal(before[n], after[n])} == {"cells"}
        assert readings(scope) == numbers
        assert_equals_library(scope)


def cell(scope, row, column):
    """Where a cell of the picture is, as fractions of it."""
    figure = scope.figures["cells"]
    pictures(scope)  # staged as shown
    ax = figure.mpl.axes[0]
    x, y = ax.transData.transform((column + 0.5, row + 0.5))
    width, height = figure.mpl.bbox.size
    return {"name": "cells", "x": float(x / width), "y": float(1 - y / height)}


def click(scope, **place):
    scope.page._handle_custom_msg({"do": "pick", **place}, [])


def test_a_click_on_a_cell_looks_at_its_weight_and_the_window_stays(scope):
    click(scope, **cell(scope, 3, 5))
    window = slide("lenet_300_100", "fc1").window_of(36, 215)
    assert (scope.state.row, scope.state.column) == (window[0] + 3, window[1] + 5)
    assert slide("lenet_300_100", "fc1").window_of(scope.state.row, scope.state.column) == window
    assert_equals_library(scope)
    before = scope.state.values()
    click(scope, name="cells", x=0.01, y=0.99)  # beside the cells
    assert scope.state.values() == before


def test_a_click_between_two_kernels_of_a_filter_means_nothing(scope):
    scope.state.offer({"network": "lenet_5", "layer": "conv2", "row": 7, "column": 0})
    click(scope, **cell(scope, 2, 5))
    assert scope.state.column == 0
    click(scope, **cell(scope, 7, 8))  # the second row of kernels, the second of five
    channel, place = 6, (1, 2)
    assert scope.state.column == channel * 25 + place[0] * 5 + place[1]
    assert scope.result.place == (7, channel, *place)


def test_a_click_on_the_other_pictures_chooses_a_row_or_a_column(scope):
    click(scope, name="scales", x=0.13 + 0.83 * 0.502, y=0.5)
    assert scope.state.row == 150
    click(scope, name="sums", x=0.13 + 0.83 * 0.2505, y=0.5)
    assert scope.state.column == 196
    click(scope, name="sums", x=0.13 + 0.83 * 0.9999, y=0.5)
    assert scope.state.column == 783
    click(scope, name="code", x=0.5, y=0.5)  # takes no click
    assert (scope.state.row, scope.state.column) == (150, 783)


@pytest.mark.parametrize("granularity", GRANULARITY)
def test_the_outline_goes_around_the_weights_that_share_its_scale(scope, granularity):
    scope.state.offer({"layer": "fc2", "granularity": granularity, "row": 30, "column": 290})
    window = slide("lenet_300_100", "fc2").cells((24, 288))
    assert window.shape == (ROWS, 300 - 288) and COLUMNS == 32
    pictures(scope)
    line = scope.figures["cells"].artists[1]
    inside = np.zeros((100, 300), dtype=bool)
    inside[block_of(scope.state, 300)] = True
    shown = inside.ravel()[window]
    edges = len(line.get_xdata()) // 3
    padded = np.pad(shown, 1).astype(int)
    assert edges == np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum()
    expected = {"tensor": "all of fc2", "row": "row 30", "group64": "row 30, columns 256 to 299"}
    expected |= {f"group{size}": "row 30, columns 288 to 299" for size in (16, 32)}
    assert scope.values["scale"].note == f"of {expected[granularity]}"


def test_the_words_below_the_bits_give_the_value_back(scope):
    for bits, symmetric in ((1, True), (3, False), (4, True), (16, False)):
        scope.state.offer({"bits": bits, "symmetric": symmetric, "granularity": "row"})
        pictures(scope)
        words = scope.figures["code"].artists[-1].get_text().replace("−", "-")
        found = re.search(r"\((-?\d+) ([-+]) (\d+)\) × (\S+) = (\S+)$", words)
        code, sign, z, s, back = found.groups()
        zero = int(z) if sign == "-" else -int(z)
        r = scope.result
        assert (int(code), zero) == (r.code, r.zero_point)
        assert (float(s), float(back)) == pytest.approx((r.scale, r.back), rel=5e-3)


def test_a_weight_beyond_the_grid_is_said_to_be_clipped(scope):
    scope.state.offer({"bits": 4, "method": "percentile"})
    assert scope.values["error"].note == "clipped" and scope.result.clipped
    assert abs(scope.values["error_in_steps"].value) > 0.5
    scope.state.offer({"method": "minmax"})
    assert scope.values["error"].note == ""


@pytest.mark.parametrize(
    "settings",
    [
        "bits=4",
        "layer=fc3&granularity=group64&row=9&column=99&symmetric=false&bits=3",
        "layer=fc2&granularity=row&method=mse&bits=2&row=27",
        "network=lenet_5&layer=conv2&granularity=group16&row=34&column=386&image=3",
        "network=mlp_784_128_10&layer=fc1&granularity=group32&row=9&column=321&bits=16",
    ],
)
def test_copied_code_prints_the_same_numbers(scope, settings):
    assert scope.state.from_query(settings) == []
    scope.settle(everything=False)
    printed = run_code(scope)
    assert set(printed) == set(scope.values)
    for name, number in printed.items():
        assert number == pytest.approx(float(scope.values[name].value), rel=1e-6, abs=1e-9), name


def test_presets_teach_something_that_is_so(scope):
    r = {}
    for preset in scope.PRESETS:
        scope.choose(preset)
        assert scope.message == "" and preset.lesson
        r[preset.name] = scope.result
    W = networks.load("lenet_300_100").weights["fc1"]
    one, own = r["One row sets the step"], r["A scale for this row"]
    group = r["Groups of 16"]
    assert np.abs(W).max(axis=1).argmax() == 36
    assert np.abs(W[75]).max() < 0.081
    codes = core.quantize(W, ranges.minmax(W, one.spec))
    assert 0.6 < np.mean(codes[75] == 0) < 0.7
    assert len(np.unique(codes[75])) == 5
    assert (round(one.scale, 3), round(own.scale, 4)) == (0.048, 0.0115)
    assert group.scale < own.scale and 8 * group.bytes / group.weights == 6.0
    assert own.whole.wide == (pytest.approx(one.scale), 36)
    assert r["A negative code"].binary == "1100"
    shifted = r["A zero point at work"]
    assert shifted.zero_point == 1
    row = networks.load("lenet_300_100").weights["fc3"][9]
    assert (round(float(row.min()), 2), round(float(row.max()), 2)) == (-0.53, 0.19)
    assert np.mean(row > row.max() - 1e-6) < 0.02
    assert r["A filter"].patch


def test_sources_are_named(scope):
    for name, value in scope.values.items():
        assert value.source == ("cited" if name == "value" else "derived")


def test_a_layer_without_that_row_moves_it_and_a_link_hears_of_it(scope):
    send(scope, "layer", "fc3")
    assert (scope.state.row, scope.state.column, scope.message) == (9, 99, "")
    scope.reset()
    scope._follow("?layer=fc3&row=400")
    assert scope.state.row == 9
    assert "row: a whole number from 0 to 9 is expected in fc3, got 400" in scope.message


def test_sliders_end_where_the_layer_does_and_come_back_with_it(scope):
    rows = scope.controls["row"]
    assert (rows.max, rows.value) == (299, 36)
    scope.choose(next(p for p in scope.PRESETS if p.values.get("layer") == "fc3"))
    assert (rows.max, rows.value) == (9, 9)
    scope.reset()
    assert (rows.max, rows.value) == (299, 36)
    scope.state.offer({"network": "lenet_5", "layer": "fc1", "row": 499, "column": 799})
    assert (rows.max, rows.value, scope.controls["column"].value) == (499, 499, 799)


def test_the_tables_list_the_cells_and_the_rows(scope):
    scope.state.offer({"layer": "fc3", "granularity": "row"})
    text = scope.csv()
    assert "cells (codes)\nrow,column,value\n0,96," in text
    assert "scales over minmax of the layer\nrow,for itself,least used,greatest used\n0," in text


# -- a learner's function in the place of the library's -------------------------------


@pytest.mark.parametrize("name", ["fake_quantize_groups", "group_scales"])
@pytest.mark.parametrize("layer", ["fc2", "fc3"])
def test_a_right_function_in_the_place_of_the_librarys_makes_no_difference(scope, name, layer):
    name = f"granularity.{name}"
    scope.state.offer({"layer": layer, "granularity": "group64", "bits": 3})
    with standing_in(scope, name, exercise(name).reference) as standing:
        assert (standing.works, standing.trouble, standing.difference) == (True, "", None)
        own = standing.results[scope.state.key()]
        assert own.whole.sqnr == pytest.approx(scope.result.whole.sqnr, rel=1e-5)


def test_a_wrong_function_is_shown_beside_and_its_first_difference_is_named(scope):
    name = "granularity.fake_quantize_groups"
    scope.state.offer({"layer": "fc2", "granularity": "group64", "row": 30, "column": 200})
    before = pictures(scope)
    _, W, _, W_hat, *_ = by_library(scope.state)
    with standing_in(scope, name, lambda W, scales, size, bits: np.zeros_like(W)) as standing:
        found = standing.difference
        first = tuple(np.argwhere(W_hat != 0)[0])
        assert (found.index, found.given) == (first, pytest.approx(W[first]))
        assert (found.reference, found.other) == (pytest.approx(W_hat[first]), 0.0)
        assert found.count == np.count_nonzero(W_hat)
        moved = {n for n, p in pictures(scope).items() if not np.array_equal(p, before[n])}
        assert moved >= {"cells", "sums"}
        assert "yours: 0.00 dB" in scope.values["sqnr_layer"].note
    for figure, pixels in pictures(scope).items():
        assert_array_equal(pixels, before[figure])


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda W, bits, size: None, "returned nothing"),
        (lambda W, bits, size: W[:3], r"returned shape \(3, 300\)"),
        (lambda W, bits, size: np.full((100, 5), np.nan), "infinity or NaN"),
        (lambda W, bits, size: np.zeros((100, 5)), "not above zero"),
        (lambda W, bits, size: 1 / 0, "division by zero"),
    ],
)
def test_what_a_function_cannot_mean_is_one_sentence_and_the_librarys_is_shown(
    scope, answer, sentence
):
    scope.state.offer({"layer": "fc2", "granularity": "group64"})
    assert_refuses_answers(scope, "granularity.group_scales", answer, sentence)


def test_a_function_rests_where_it_has_nothing_to_do(scope):
    scope.state.offer({"layer": "fc2"})
    with standing_in(scope, "granularity.group_scales", lambda *_: np.ones((100, 5))) as standing:
        for more, said in (
            ({}, "for groups"),
            ({"granularity": "group64", "symmetric": False}, "symmetric codes"),
            ({"symmetric": True, "bits": 1}, "2 bits and more"),
            ({"bits": 4, "method": "sigma"}, "range to minmax"),
        ):
            scope.state.offer(more)
            assert said in standing.note and not standing.works
