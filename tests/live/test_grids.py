"""What the Grids instrument shows is what the library computes."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from qlab import core, metrics, networks
from qlab.live import Grids
from qlab.live.grids_pictures import BINS
from qlab.live.grids_state import FORMATS, GridsState
from tests.live.driving import (
    assert_control_moves_everything,
    assert_refuses_everything_hostile,
    assert_shown,
    pictures,
    readings,
    run_code,
    send,
    stations,
)

TRAITS = list(GridsState.settings())
NEEDS = {"fraction_bits": {"format": "fixed"}, "scaled": {"format": "e4m3"}}


@pytest.fixture(scope="module")
def instrument():
    return Grids()


@pytest.fixture
def grids(instrument):
    instrument.reset()
    return instrument


def by_library(s):
    """The same grid made by hand from the library's own functions."""
    match s.format:
        case "fixed":
            return core.FixedPoint(
                integer_bits=s.bits - 1 - s.fraction_bits, fraction_bits=s.fraction_bits
            )
        case "e4m3" | "e5m2" | "e2m1":
            grid = {"e4m3": core.E4M3, "e5m2": core.E5M2, "e2m1": core.E2M1}[s.format]
            return grid.scaled_to(max(-s.low, s.high)) if s.scaled else grid
    spec = core.QuantSpec(
        bits=s.bits, signed=s.format != "unsigned", symmetric=s.format != "asymmetric"
    )
    return core.qparams_between(s.low, s.high, spec)


def assert_equals_library(grids):
    r, s = grids.result, grids.state
    grid = by_library(s)
    W = networks.load("lenet_300_100").weights[s.layer].ravel()
    W_hat, levels = core.round_to(W, grid), core.levels(grid)
    bits = {"e4m3": 8, "e5m2": 8, "e2m1": 4}.get(s.format, s.bits)
    expected = {
        "codes": 2**bits,
        "levels": len(levels),
        "smallest": min((float(x) for x in levels if x > 0), default=np.inf),
        "largest": levels.max(),
        "gap_at_1": core.gap(grid, 1.0),
        "zeros": np.mean(W_hat == 0),
        "clipped": np.mean((W < levels.min()) | (W > levels.max())),
        "sqnr": metrics.sqnr(W, W_hat),
    }
    assert readings(grids) == pytest.approx(expected, rel=1e-12)  # a share summed another way
    pictures(grids)  # a kept frame moves no artist
    # the pictures' own data
    assert r.counts.sum() == W.size
    if len(levels) <= 512:
        assert_array_equal(r.held, levels)
        held, counts = np.unique(W_hat, return_counts=True)
        assert_array_equal(r.held[r.counts > 0], held)
        assert_array_equal(r.counts[r.counts > 0], counts)
        stems = grids.figures["levels"].artists[0].get_xdata()[::3]
        assert_array_equal(stems, held.astype(float))
    ticks = grids.figures["levels"].artists[1].get_xdata()[::3]
    assert np.isin(ticks, levels.astype(float)).all()
    limit = 1.04 * np.abs(W).max() if s.axis == "linear" else 1e5
    inside = levels[np.abs(levels) <= limit]
    assert len(ticks) > 0
    if s.axis == "linear" and np.diff(levels).min() > 2 * limit / 600:  # no two on one place
        assert_array_equal(ticks, inside.astype(float))
    dots = grids.figures["errors"].artists[0]
    assert np.isin(dots.get_xdata(), W).all()
    sample = np.array(dots.get_xdata())
    assert_array_equal(dots.get_ydata(), np.abs(core.round_to(sample, grid) - sample))
    total = np.nansum(r.rms**2 * np.bincount(grids.layers[s.layer].bins, minlength=BINS))
    assert total / W.size == pytest.approx(metrics.mse(W, W_hat), rel=1e-5)  # float32 errors


@pytest.mark.parametrize("trait", [t for t in TRAITS if t != "axis"])
def test_every_control_moves_pictures_and_numbers_to_what_the_library_computes(grids, trait):
    assert grids.state.offer(NEEDS.get(trait, {})) == []
    seen = []

    def check():
        assert_equals_library(grids)
        seen.append(grids.result)

    assert_control_moves_everything(grids, trait, check)
    assert len(seen) >= 2


@pytest.mark.parametrize("format", FORMATS)
def test_every_control_works_in_every_format(grids, format):
    send(grids, "format", format)
    for trait in TRAITS:
        for value in stations(grids, trait):
            grids.reset()
            grids.state.offer({"format": format, trait: value})
            assert_shown(grids)
            assert_equals_library(grids)


def test_the_axis_moves_the_line_alone(grids):
    send(grids, "format", "e4m3")
    before, numbers = pictures(grids), readings(grids)
    send(grids, "axis", "symlog")
    after = pictures(grids)
    assert {n for n in after if not np.array_equal(before[n], after[n])} == {"levels"}
    assert readings(grids) == numbers
    assert_equals_library(grids)
    x = grids.figures["levels"].artists[1].get_xdata()[::3]
    assert (x.min(), x.max()) == (-448, 448)


@pytest.mark.parametrize("format", FORMATS)
def test_only_controls_that_mean_something_are_on_the_page(grids, format):
    grids.reset()
    send(grids, "format", format)
    used = {n for n, c in grids.controls.items() if c.layout.display != "none"}
    assert used == grids.state.used()
    for trait in set(TRAITS) - used:
        before = readings(grids)
        for value in stations(grids, trait):
            grids.state.offer({trait: value})
            assert readings(grids) == before


@pytest.mark.parametrize(
    "settings",
    [
        "bits=4",
        "format=symmetric&bits=8&layer=fc2&low=-0.3",
        "format=unsigned&bits=3&layer=fc3",
        "format=fixed&bits=8&fraction_bits=9",
        "format=fixed&bits=1&fraction_bits=0",
        "format=e4m3",
        "format=e5m2&scaled=true&high=0.75",
        "format=e2m1&scaled=true&low=-2",
    ],
)
def test_copied_code_prints_the_same_numbers(grids, settings):
    assert grids.state.from_query(settings) == []
    grids.settle(everything=False)
    printed = run_code(grids)
    assert set(printed) == set(grids.values)
    for name, number in printed.items():
        assert number == pytest.approx(float(grids.values[name].value), rel=1e-12)
    assert len(grids.code().strip().splitlines()) <= 12


def test_presets_teach_something_that_is_so(grids):
    r = {}
    for preset in grids.PRESETS:
        grids.choose(preset)
        assert grids.message == "" and preset.lesson
        r[preset.name] = grids.result
    assert len(r) >= 4

    eight = r["Eight bits are 255 steps"]
    assert (eight.levels, eight.smallest) == (256, pytest.approx(1 / 255))

    near = r["Float8 spends its codes near zero"]
    assert near.largest == 448 and near.zeros < 0.05
    assert np.count_nonzero(np.abs(core.levels(near.grid)) <= 2) > near.levels / 2

    without = r["Fixed point without a range"]
    assert without.zeros > 0.5 and without.smallest == 1 / 16
    grids.choose(grids.PRESETS[2])
    for n in (6, 8):
        send(grids, "fraction_bits", n)
    assert grids.result.sqnr > without.sqnr + 20

    wide = r["A range eight times too wide"]
    assert eight.sqnr - wide.sqnr == pytest.approx(60 * np.log10(2), abs=0.5)  # three bits
    assert near.sqnr > wide.sqnr + 15

    grids.choose(next(p for p in grids.PRESETS if p.name == "Four bits as a float"))
    send(grids, "format", "symmetric")
    assert r["Four bits as a float"].sqnr > grids.result.sqnr + 3

    W = networks.load("lenet_300_100").weights["fc1"]
    assert r["No sign, no negative weights"].clipped == np.mean(W < 0)


def test_a_grid_that_ends_before_1_says_so(grids):
    assert grids.values["gap_at_1"].text == "∞"
    assert grids.values["gap_at_1"].note.startswith("the grid ends at ")
    send(grids, "format", "e4m3")
    assert (grids.values["gap_at_1"].text, grids.values["gap_at_1"].note) == ("0.125", "")


def test_shares_say_of_how_many_weights_and_the_rest_is_derived(grids):
    send(grids, "layer", "fc3")
    for name, value in grids.values.items():
        measured = name in ("zeros", "clipped")
        assert (value.source, value.n) == (("measured", 1000) if measured else ("derived", None))


def nearest(x, levels):
    return levels[np.abs(x[..., None] - levels).argmin(axis=-1)]


@pytest.mark.parametrize("format", FORMATS)
def test_a_right_function_in_the_place_of_the_librarys_makes_no_difference(grids, format):
    grids.state.offer({"format": format, "layer": "fc2"})
    standing = grids.stand_in("grids.nearest_level", nearest)
    try:
        assert (standing.works, standing.trouble, standing.difference) == (True, "", None)
        own = standing.results[grids.state.key()]
        assert own.sqnr == pytest.approx(grids.result.sqnr, rel=1e-5)  # ties may fall otherwise
    finally:
        grids.stand_in("grids.nearest_level", None)


def test_a_wrong_function_is_shown_beside_and_its_first_difference_is_marked(grids):
    grids.state.offer({"layer": "fc3"})
    W = networks.load("lenet_300_100").weights["fc3"]
    levels, right = core.levels(grids.state.grid()), core.round_to(W, grids.state.grid())
    before = pictures(grids)
    standing = grids.stand_in("grids.nearest_level", lambda x, levels: np.zeros_like(x))
    try:
        found = standing.difference
        first = tuple(np.argwhere(right != 0)[0])
        assert (found.index, found.given) == (first, W[first])
        assert (found.reference, found.other) == (right[first], 0.0)
        assert (found.count, found.of) == (np.count_nonzero(right), W.size)
        own = standing.results[grids.state.key()]
        assert (own.zeros, own.sqnr, own.held.tolist()) == (1.0, 0.0, [0.0])
        assert "yours: 100.00 %" in grids.values["zeros"].note
        moved = {n for n, p in pictures(grids).items() if not np.array_equal(p, before[n])}
        assert moved == {"levels", "errors"}
        assert grids.result.levels == len(levels)
    finally:
        grids.stand_in("grids.nearest_level", None)
    for name, pixels in pictures(grids).items():
        assert_array_equal(pixels, before[name])


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda x, levels: None, "returned nothing"),
        (lambda x, levels: x[:3], r"returned shape \(3,\)"),
        (lambda x, levels: x / 0, "infinity or NaN"),
        (lambda x, levels: 1 / 0 * x, "division by zero"),
    ],
)
def test_what_a_function_cannot_mean_is_one_sentence_and_the_librarys_is_shown(
    grids, answer, sentence
):
    truth = readings(grids)
    standing = grids.stand_in("grids.nearest_level", answer)
    try:
        with np.errstate(all="ignore"):
            standing.again()
        assert re.search(sentence, standing.trouble)
        assert readings(grids) == truth
    finally:
        grids.stand_in("grids.nearest_level", None)


def test_a_function_rests_where_it_has_nothing_to_do(grids):
    standing = grids.stand_in("grids.fixed_point", lambda x, m, n: np.rint(x * 2.0**n) / 2.0**n)
    try:
        assert "for fixed point" in standing.note and not standing.works
        send(grids, "format", "fixed")
        assert standing.works and standing.difference is None
        send(grids, "fraction_bits", 9)  # 4 bits then end at 1/64
        assert standing.difference is not None
        grids.reset()
        standing = grids.stand_in("grids.nearest_level", nearest)
        send(grids, "bits", 9)
        assert "256 levels" in standing.note and not standing.works
    finally:
        grids.stand_in("grids.nearest_level", None)


def test_hostile_messages_are_refused_and_controls_live(grids):
    assert_refuses_everything_hostile(grids)


def test_hostile_links_leave_the_state_alone(grids):
    before = grids.state.values()
    for link in ("?bits=17", "?low=1", "?high=0", "?format=<script>", "?low=nan", "?layer=conv1"):
        grids.say("")
        grids._follow(link)
        assert grids.state.values() == before
        assert grids.message and "<script>" not in grids._messages.value


def test_the_table_lists_the_levels(grids):
    grids.state.offer({"format": "e2m1"})
    assert "levels\nvalue\n-6.0\n-4.0\n" in grids.csv()
    grids.state.offer({"format": "asymmetric", "bits": 16})
    assert grids.csv().rstrip().endswith("levels\nvalue")


def test_a_missing_zoo_is_one_sentence_and_the_page_stands(monkeypatch):
    def missing(name):
        raise FileNotFoundError("load: the zoo lacks a file (file='x.safetensors').")

    monkeypatch.setattr(networks, "load", missing)
    page = Grids()
    assert page.message.startswith("load: the zoo lacks a file")
    assert page.children
    monkeypatch.undo()
    page.controls["bits"].value = 3
    assert page.message == ""
    assert page.figures["levels"].image.value
