"""What the Grids instrument shows is what the library computes."""

import functools
import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from qlab import codebooks, core, metrics, networks
from qlab.live import Grids, grids_tables
from qlab.live.grids_pictures import BINS
from qlab.live.grids_placing import MOST_STEMS
from qlab.live.grids_state import FORMATS, INTEGERS, TABLES, GridsState
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

TRAITS = list(GridsState.settings())
PRESET_SHIFTS = "Powers of two: more bits, hardly any better"
NEEDS = {
    "fraction_bits": {"format": "fixed"},
    "scaled": {"format": "e4m3"},
    "code_bits": {"format": "apot"},
    "start": {"format": "lloyd", "code_bits": 6},
    "block": {"format": "nf4"},
}


@pytest.fixture(scope="module")
def instrument():
    return Grids()


@pytest.fixture
def grids(instrument):
    instrument.reset()
    return instrument


def weights(s):
    return networks.load("lenet_300_100").weights[s.layer]


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


@functools.cache
def clustered(layer, kind, bits):
    W = networks.load("lenet_300_100").weights[layer]
    if kind == "kmeans":
        return codebooks.kmeans(W, bits=bits)
    return codebooks.lloyd(W, bits=bits, start=codebooks.STARTS[kind])


def coded_by_library(s):
    """The same table made by the library's own functions, none of them kept in a file."""
    W, b = weights(s), s.code_bits
    blocks = {
        "layer": core.PerTensor(),
        "row": core.PerAxis(0),
        "64": core.PerGroup(64),
        "32": core.PerGroup(32),
    }[s.block]
    match s.format:
        case "kmeans":
            return clustered(s.layer, "kmeans", b)
        case "lloyd":
            return clustered(s.layer, s.start, b)
        case "nf4" | "fixed_point" | "power_of_two" | "apot":
            return codebooks.METHODS[s.format](W, bits=b, granularity=blocks)
        case "piecewise_linear":
            return codebooks.piecewise_linear(W, bits=b)
        case "ternary" | "twn":
            return codebooks.METHODS[s.format](W, granularity=blocks)
        case "binary":
            return codebooks.xnor(W, granularity=blocks)
        case "bnn":
            return codebooks.bnn(W)
        case "mxfp6_e3m2":
            return codebooks.mx(W, format=codebooks.E3M2)
        case "mxfp8_e5m2":
            return codebooks.mx(W, format=core.E5M2)
    return codebooks.mx(W, bits=int(s.format[-1]))


def placed_by_library(s):
    """Levels, weights on them, and the numbers that only one of the two kinds has."""
    W = weights(s).ravel()
    if s.format not in TABLES:
        grid = by_library(s)
        levels = core.levels(grid)
        bits = {"e4m3": 8, "e5m2": 8, "e2m1": 4}.get(s.format, s.bits)
        bare = s.format == "fixed" or (s.format in ("e4m3", "e5m2", "e2m1") and not s.scaled)
        side = 0 if bare else 4 + (-(-bits // 8) if s.format == "asymmetric" else 0)
        numbers = {"codes": 2**bits, "gap_at_1": core.gap(grid, 1.0), "side": side}
        numbers["clipped"] = np.mean((W < levels.min()) | (W > levels.max()))
        numbers["bits_a_weight"] = 8 * (-(-W.size * bits // 8) + side) / W.size
        return levels, core.round_to(W, grid), 1, numbers
    coded = coded_by_library(s)
    scale = np.ones((), np.float32) if coded.scale is None else coded.scale
    own = core.spread(scale, coded.granularity, coded.codes.shape)
    beyond = (weights(s) < coded.levels[0] * own) | (weights(s) > coded.levels[-1] * own)
    numbers = {
        "codes": 2**coded.bits,
        "side": coded.bytes.scales + coded.bytes.levels,
        "clipped": beyond.mean(),
        "bits_a_weight": 8 * coded.bytes.total / W.size,
    }
    levels = np.unique(coded.levels) * scale.max()
    return levels, coded.dequantize().ravel(), scale.size, numbers


def assert_equals_library(grids):
    r, s = grids.result, grids.state
    W = weights(s).ravel()
    levels, W_hat, blocks, numbers = placed_by_library(s)
    expected = numbers | {
        "levels": len(levels),
        "smallest": min((float(x) for x in levels if x > 0), default=np.inf),
        "largest": levels.max(),
        "zeros": np.mean(W_hat == 0),
        "sqnr": metrics.sqnr(W, W_hat),
    }
    assert readings(grids) == pytest.approx(expected, rel=1e-12)  # a share summed another way
    pictures(grids)  # a kept frame moves no artist
    # the pictures' own data
    assert r.counts.sum() == W.size
    held, counts = np.unique(W_hat, return_counts=True)
    if blocks == 1 and len(levels) <= MOST_STEMS:
        assert_array_equal(r.held, levels)
    if blocks * len(levels) <= MOST_STEMS:
        assert_array_equal(r.held[r.counts > 0], held)
        assert_array_equal(r.counts[r.counts > 0], counts)
        stems = grids.figures["levels"].artists[0].get_xdata()[::3]
        assert_array_equal(stems, held.astype(float))
    ticks = grids.figures["levels"].artists[1].get_xdata()[::3]
    assert np.isin(ticks, levels.astype(float)).all()
    limit = 1.04 * np.abs(W).max() if s.axis == "linear" else 1e5
    inside = levels[np.abs(levels) <= limit]
    assert len(ticks) > 0 or s.format == "bnn"  # whose levels lie outside
    if s.axis == "linear" and np.diff(levels).min() > 2 * limit / 600:  # no two on one place
        assert_array_equal(ticks, inside.astype(float))
    dots = grids.figures["errors"].artists[0]
    x = np.array(dots.get_xdata())
    sample = grids.layers[s.layer].sample
    assert_array_equal(x, W[sample])
    assert_array_equal(dots.get_ydata(), np.abs(W_hat[sample] - x))
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
    assert_equals_library(grids)
    for trait in grids.state.used() - {"format"}:
        for value in stations(grids, trait):
            grids.reset()
            grids.state.offer({"format": format, "layer": "fc2", trait: value})
            assert_shown(grids)
            assert_equals_library(grids)


def test_two_bits_leave_two_slopes_no_tail_and_the_page_says_so(grids):
    send(grids, "format", "kmeans")
    send(grids, "code_bits", 2)
    send(grids, "format", "piecewise_linear")
    assert (grids.state.code_bits, grids.result.levels) == (3, 7)
    send(grids, "code_bits", 2)
    assert grids.state.code_bits == 3
    assert grids.message.startswith("code_bits: one of 3, 4, 5, 6 is expected here, got 2.")
    grids.settle()  # what is computed ahead leaves 2 bits out
    assert "computed" not in grids.message


def test_the_kept_tables_are_those_that_the_library_computes():
    W = networks.load("lenet_300_100").weights
    for layer in W:
        for kind in grids_tables.KINDS:
            for bits in (2, 4, 6):
                kept = grids_tables.table(W[layer], layer, kind, bits)
                assert_array_equal(kept, clustered(layer, kind, bits).levels)


def test_other_weights_than_the_kept_ones_get_a_table_of_their_own():
    W = np.random.default_rng(0).normal(size=(8, 9)).astype(np.float32)
    for kind in grids_tables.KINDS:
        found = grids_tables.table(W, "fc1", kind, 2)
        assert_array_equal(found, grids_tables.computed(W, kind, 2))


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
    grids.state.offer({"layer": "fc3"})
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
        "format=kmeans&code_bits=5",
        "format=lloyd&code_bits=6&start=random&layer=fc2",
        "format=nf4&block=64&layer=fc2",
        "format=power_of_two&block=row",
        "format=apot&code_bits=6&layer=fc3",
        "format=piecewise_linear&code_bits=5&layer=fc2",
        "format=ternary&block=32&layer=fc3",
        "format=twn",
        "format=binary&block=row&layer=fc2",
        "format=bnn&layer=fc3",
        "format=mxfp4&layer=fc2",
        "format=mxfp6&layer=fc3",
        "format=mxfp8&layer=fc2",
    ],
)
def test_copied_code_prints_the_same_numbers(grids, settings):
    assert grids.state.from_query(settings) == []
    grids.settle(everything=False)
    printed = run_code(grids)
    assert set(printed) == set(grids.values)
    for name, number in printed.items():
        assert number == pytest.approx(float(grids.values[name].value), rel=1e-12)
    assert len(grids.code().strip().splitlines()) <= 14


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

    def other(name, **settings):
        grids.choose(next(p for p in grids.PRESETS if p.name == name))
        assert grids.state.offer(settings) == []
        return grids.result

    made = r["A table made for these weights"]
    even = {"format": "symmetric", "bits": 4, "low": -0.34, "high": 0.34}
    assert made.sqnr > other("A table made for these weights", **even).sqnr + 8.5
    assert made.side == 64
    stuck = r["Lloyd's iterations got stuck"]
    assert other("Lloyd's iterations got stuck", format="kmeans").sqnr > stuck.sqnr + 2
    assert other("Lloyd's iterations got stuck", start="density").sqnr > stuck.sqnr + 0.5
    assert r["NF4, as it is used"].total * 8 / W.size == pytest.approx(4.5, abs=0.05)
    assert other("NF4, as it is used", block="row").total * 8 / W.size < 4.05
    shifts = r[PRESET_SHIFTS]
    assert shifts.sqnr < other(PRESET_SHIFTS, code_bits=4).sqnr + 0.5
    assert other(PRESET_SHIFTS, format="apot").sqnr > shifts.sqnr + 10
    rule = r["Three values"]
    assert 0 < other("Three values", format="ternary").sqnr - rule.sqnr < 0.3
    one = r["One bit"]
    assert (one.zeros, one.levels) == (0, 2)
    assert other("One bit", format="bnn").sqnr < 0 < one.sqnr


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


@pytest.mark.parametrize("format", [*INTEGERS, "kmeans", "apot", "power_of_two", "ternary", "bnn"])
def test_a_right_function_in_the_place_of_the_librarys_makes_no_difference(grids, format):
    grids.state.offer({"format": format, "layer": "fc2"})
    with standing_in(grids, "grids.nearest_level", nearest) as standing:
        assert (standing.works, standing.trouble, standing.difference) == (True, "", None)
        own = standing.results[grids.state.key()]
        assert own.sqnr == pytest.approx(grids.result.sqnr, rel=1e-5)  # ties may fall otherwise


def test_a_wrong_function_is_shown_beside_and_its_first_difference_is_marked(grids):
    grids.state.offer({"layer": "fc3"})
    W = networks.load("lenet_300_100").weights["fc3"]
    levels, right = core.levels(grids.state.grid()), core.round_to(W, grids.state.grid())
    before = pictures(grids)
    with standing_in(grids, "grids.nearest_level", lambda x, levels: np.zeros_like(x)) as standing:
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
    assert_refuses_answers(grids, "grids.nearest_level", answer, sentence)


def test_a_function_rests_where_it_has_nothing_to_do(grids):
    def fixed(x, m, n):
        return np.rint(x * 2.0**n) / 2.0**n

    with standing_in(grids, "grids.fixed_point", fixed) as standing:
        assert "for fixed point" in standing.note and not standing.works
        send(grids, "format", "fixed")
        assert standing.works and standing.difference is None
        send(grids, "fraction_bits", 9)  # 4 bits then end at 1/64
        assert standing.difference is not None
    grids.reset()
    with standing_in(grids, "grids.nearest_level", nearest) as standing:
        send(grids, "bits", 9)
        assert "256 levels" in standing.note and not standing.works


def assign(x, levels):
    return np.abs(x[..., None] - levels).argmin(axis=-1)


def rule(W):
    size = np.abs(W)
    kept = size > 0.7 * size.mean()
    return np.sign(W) * kept * size[kept].mean()


@pytest.mark.parametrize("format", ["kmeans", "lloyd", "piecewise_linear", "binary"])
def test_right_codes_make_no_difference(grids, format):
    grids.state.offer({"format": format, "layer": "fc3"})
    with standing_in(grids, "codebooks.assign", assign) as standing:
        assert (standing.works, standing.trouble, standing.difference) == (True, "", None)
        standing = grids.stand_in("codebooks.assign", lambda x, levels: assign(x, levels[:2]))
        assert standing.difference is not None or format == "binary"
        standing = grids.stand_in("codebooks.assign", lambda x, levels: assign(x, levels) + 99)
        assert re.search(r"codes 99 … \d+; a table of \d+ levels has 0 …", standing.trouble)
        standing = grids.stand_in("codebooks.assign", lambda x, levels: assign(x, levels) * 1.0)
        assert "whole numbers" in standing.trouble


def test_twns_rule_by_hand_makes_no_difference_and_a_wrong_one_does(grids):
    grids.state.offer({"format": "twn"})
    with standing_in(grids, "codebooks.ternary", rule) as standing:
        assert (standing.works, standing.trouble, standing.difference) == (True, "", None)
        standing = grids.stand_in("codebooks.ternary", lambda W: np.sign(W) * np.abs(W).mean())
        assert standing.difference.count > 0.4 * standing.difference.of
        assert "yours: 0.00 %" in grids.values["zeros"].note
        send(grids, "block", "row")
        assert "one scale for the whole layer" in standing.note and not standing.works
        send(grids, "format", "kmeans")
        assert not standing.works


@pytest.mark.parametrize("settings", ["format=nf4&block=64", "format=twn", "format=symmetric"])
def test_codes_rest_where_there_is_no_one_table(grids, settings):
    assert grids.state.from_query(settings) == []
    with standing_in(grids, "codebooks.assign", assign) as standing:
        assert standing.note.startswith("Your function is for") or not standing.works
        assert not standing.works


def test_the_table_lists_the_levels(grids):
    grids.state.offer({"format": "e2m1"})
    assert "levels\nvalue\n-6.0\n-4.0\n" in grids.csv()
    grids.state.offer({"format": "asymmetric", "bits": 16})
    assert grids.csv().rstrip().endswith("levels\nvalue")
