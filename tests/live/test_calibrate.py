"""What the Calibrate instrument shows is what the library computes."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from qlab import core, data, metrics, networks, ranges
from qlab.live import Calibrate
from qlab.live.calibrate_state import DRAWS, CalibrateState
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

TRAITS = list(CalibrateState.settings())


@pytest.fixture(scope="module")
def instrument():
    return Calibrate()


@pytest.fixture
def calibrate(instrument):
    instrument.reset()
    return instrument


@pytest.fixture(scope="module")
def entering():
    """What enters each layer, by network."""
    images = data.load("mnist").calibration.images
    return {
        name: networks.activations(networks.load(name), images)
        for name in ("lenet_300_100", "lenet_5")
    }


def values_of(s, entering):
    net = networks.load(s.network)
    return net.weights[s.layer] if s.kind == "weights" else entering[s.network][s.layer]


def drawn(s, x):
    n = int(s.images)
    if s.kind == "weights" or n == 1024:
        return x
    return x[np.sort(np.random.default_rng(s.seed).permutation(1024)[:n])]


def assert_equals_library(c, entering):
    """Errors value by value, clip points by the methods themselves, accuracy on the same draw."""
    r, s = c.result, c.state
    x = values_of(s, entering)
    spec = core.QuantSpec(bits=s.bits, signed=bool(x.min() < 0))
    chosen = {
        name: float(ranges.METHODS[name](drawn(s, x), spec).scale) * spec.quant_max
        for name in r.found
    }
    assert {name: clip for name, (clip, _) in r.found.items()} == pytest.approx(chosen, rel=1e-9)
    clip = s.clip / 100 * float(np.abs(x).max()) if s.method == "hand" else chosen[s.method]
    assert r.clip == pytest.approx(clip)
    grid = core.qparams_between(-clip if spec.signed else 0.0, clip, spec)
    x_hat = core.fake_quantize(x, grid)
    outside = np.abs(x) > np.float32(float(grid.scale) * spec.quant_max)
    square = (x - x_hat).astype(np.float64) ** 2
    n = x.size
    shown = {k: v for k, v in readings(c).items() if k in ("clipped", "clipping", "rounding")}
    assert shown["clipped"] == pytest.approx(outside.mean(), abs=1 / n)
    # a value that is the clip point may be counted to either part; its error is a rounding of it
    assert shown["clipping"] == pytest.approx(square[outside].sum() / n, rel=1e-4, abs=1e-12)
    assert shown["rounding"] == pytest.approx(square[~outside].sum() / n, rel=1e-4, abs=1e-12)
    assert c.values["error"].value == pytest.approx(metrics.mse(x, x_hat), rel=1e-4)
    assert c.values["sqnr"].value == pytest.approx(metrics.sqnr(x, x_hat), abs=1e-3)
    net = networks.load(s.network)
    small = (
        networks.fake_quantize_inputs(net, {s.layer: grid})
        if s.kind == "activations"
        else net.with_weights({s.layer: x_hat})
    )
    rows = c.accuracies.evaluation.order[: r.accuracy.n]
    if r.accuracy.n <= 1000:
        test = data.load("mnist").test[rows]
        assert r.accuracy.value == metrics.accuracy(small, test).value
    # the pictures' own data
    pictures(c)  # a kept frame moves no artist
    codes = np.abs(core.quantize(x, grid)).ravel()
    counts = np.bincount(codes, minlength=len(r.level_counts))
    # x/s and (k + ½)·s round once each: a value on that edge is counted on either side of it
    edge = np.abs(np.abs(x / grid.scale) % 1 - 0.5) < 2.0**-22 * len(counts)
    assert np.abs(counts - r.level_counts).sum() <= 2 * np.count_nonzero(edge)
    assert r.seen.sum() == drawn(s, x).size
    total = c.figures["theatre"].mpl.axes[1].get_lines()[2].get_ydata()
    assert r.best[1] == total.min()
    assert r.best[1] <= r.total * (1 + 1e-9) or s.method != "hand"


@pytest.mark.parametrize("trait", [t for t in TRAITS if t not in ("network", "kind")])
def test_every_control_moves_pictures_and_numbers_to_what_the_library_computes(
    calibrate, entering, trait
):
    assert_control_moves_everything(
        calibrate, trait, lambda: assert_equals_library(calibrate, entering)
    )


def test_the_best_point_is_the_one_that_the_librarys_search_finds(calibrate, entering):
    x = entering["lenet_300_100"]["fc2"]
    for bits in (2, 4):
        send(calibrate, "bits", bits)
        spec = core.QuantSpec(bits=bits, signed=False)
        found = float(ranges.mse(x, spec).scale) * spec.quant_max
        assert calibrate.result.best[0] == pytest.approx(found, rel=1e-6)


def test_weights_and_the_other_network_are_theirs(calibrate, entering):
    for settings in (
        "kind=weights&layer=fc3&bits=2&clip=40",
        "kind=weights&network=lenet_5&layer=conv1&bits=3&method=kl",
        "network=lenet_5&layer=fc1&bits=4&images=8&clip=50",
    ):
        calibrate.reset()
        assert calibrate.state.from_query(settings) == []
        assert_shown(calibrate)
        assert_equals_library(calibrate, entering)


def test_only_controls_that_mean_something_are_on_the_page(calibrate):
    send(calibrate, "kind", "weights")
    send(calibrate, "method", "mse")
    used = {n for n, c in calibrate.controls.items() if c.layout.display != "none"}
    assert used == set(TRAITS) - {"images", "seed", "clip"}
    calibrate.settle(everything=False)
    before = readings(calibrate)
    for trait in ("images", "seed", "clip"):
        calibrate.state.offer({trait: stations(calibrate, trait)[0]})
        calibrate.settle(everything=False)
        assert readings(calibrate) == pytest.approx(before, nan_ok=True)


def test_a_slow_method_is_said_to_be_computed_and_then_is(calibrate, entering):
    calibrate.state.offer({"layer": "fc1", "images": 1024.0, "bits": 3})
    send(calibrate, "method", "mse")
    assert calibrate.values["clip"].note == "minmax, until MSE is computed"
    assert calibrate.values["mse"].note == "being computed …"
    assert calibrate.values["mse"].text == "not defined"
    assert calibrate.result.clip == calibrate.result.found["minmax"][0]
    calibrate.settle(everything=False)
    assert calibrate.values["clip"].note == ""
    assert set(calibrate.result.found) == set(ranges.METHODS)
    assert_equals_library(calibrate, entering)


def test_ten_draws_and_more_images_are_those_of_the_library(calibrate, entering):
    x = entering["lenet_300_100"]["fc2"]
    spec = core.QuantSpec(bits=4, signed=False)
    calibrate.settle()
    r = calibrate.result
    for name in ("minmax", "mse", "kl"):  # of all, three
        clips = []
        for seed in DRAWS:
            rows = np.sort(np.random.default_rng(seed).permutation(1024)[:64])
            clips.append(float(ranges.METHODS[name](x[rows], spec).scale) * 15)
        assert r.draws[name].tolist() == clips
    spread = max(r.draws["minmax"]) / min(r.draws["minmax"])
    assert calibrate.values["minmax_spread"].value == spread
    path = r.path["minmax"]
    assert path[:, 0].tolist() == [2**k for k in range(11)]
    assert path[-1, 1] == pytest.approx(x.max(), rel=1e-6)
    percentile = r.path["percentile"][:, 1]
    # what the picture teaches: minmax goes on growing, a percentile stays
    assert path[-1, 1] / path[0, 1] > 1.8
    assert percentile.max() / percentile.min() < 1.2
    assert_array_equal(
        calibrate.figures["images"].mpl.axes[0].get_lines()[1].get_ydata(), path[:, 1]
    )


def test_all_images_are_one_draw(calibrate):
    calibrate.state.offer({"images": 1024.0})
    calibrate.settle(everything=False)
    before = readings(calibrate)
    send(calibrate, "seed", 7)
    calibrate.settle(everything=False)
    assert readings(calibrate) == pytest.approx(before, nan_ok=True)


def test_accuracy_is_estimated_at_once_and_then_measured_on_all_test_images(calibrate):
    send(calibrate, "clip", 7)
    assert calibrate.values["accuracy"].source == "estimated"
    calibrate.settle(everything=False)
    accuracy = calibrate.values["accuracy"]
    assert (accuracy.source, accuracy.n) == ("measured", 10_000)
    net, x = networks.load("lenet_300_100"), calibrate.sources[calibrate.state.source]
    grid = x.grid(calibrate.result.clip, 4)
    small = networks.fake_quantize_inputs(net, {"fc2": grid})
    assert accuracy.value == metrics.accuracy(small, data.load("mnist").test).value


@pytest.mark.parametrize("at", [0.0, 0.4, 1.0])
def test_a_pointer_in_the_theatre_sets_the_clip_point_and_its_slider(calibrate, at):
    send(calibrate, "method", "mse")
    calibrate.figures["theatre"].show(calibrate.result)
    calibrate.page._hear(None, {"do": "pick", "name": "theatre", "x": at, "y": 0.1}, [])
    place = (at - 0.235) / 0.735 * 1.03
    assert calibrate.state.clip == np.clip(round(100 * place), 1, 100)
    assert calibrate.state.method == "hand"
    assert calibrate.controls["clip"].value == calibrate.state.clip
    assert calibrate.result.clip == pytest.approx(
        calibrate.state.clip / 100 * calibrate.result.largest
    )


@pytest.mark.parametrize(
    "settings",
    ["clip=40&bits=3", "method=mse&images=16&seed=3", "kind=weights&layer=fc3&bits=2&method=kl"],
)
def test_copied_code_prints_the_same_numbers(calibrate, settings):
    assert calibrate.state.from_query(settings) == []
    calibrate.settle(everything=False)
    printed = run_code(calibrate)
    assert set(calibrate.values) - set(printed) <= {
        "minmax_spread",
        "percentile_spread",
        "mse_spread",
    }
    for name, number in printed.items():
        assert number == pytest.approx(float(calibrate.values[name].value), rel=1e-5), name


def test_presets_teach_something_that_is_so(calibrate):
    shown = {}
    for preset in calibrate.PRESETS:
        calibrate.choose(preset)
        assert calibrate.message == ""
        assert preset.lesson
        calibrate.settle(everything=False)
        shown[preset.name] = calibrate.result
    assert len(shown) >= 4
    wide, cut = shown["The largest value sets the step"], shown["Two thirds of the range cut away"]
    assert wide.clipping == 0
    assert cut.total < wide.total / 3
    assert not metrics.within_noise(cut.accuracy, wide.accuracy)
    assert cut.accuracy.value > wide.accuracy.value
    calibrate.choose(next(p for p in calibrate.PRESETS if p.name == "The largest of 64 images"))
    calibrate.settle()
    spread = {k: v.max() / v.min() for k, v in calibrate.result.draws.items()}
    assert spread["minmax"] - 1 > 1.5 * max(spread["mse"] - 1, spread["percentile"] - 1)
    path = {name: clips[:, 1] for name, clips in calibrate.result.path.items()}
    grown = {name: clips[-1] / clips[6] for name, clips in path.items()}  # from 64 to all
    assert (np.diff(path["minmax"]) >= 0).all()
    assert grown["minmax"] > 1.25
    assert max(grown["mse"], grown["percentile"]) < 1.12
    many = shown["More bits, wider range"]
    assert many.best[0] > 0.8 * many.largest
    few = calibrate.sources[many.source].curve(2).total
    assert few.argmin() < 40
    aciq = shown["A formula instead of a search"]
    assert aciq.total > 1.05 * aciq.best[1]
    least = shown["Least error, not best accuracy"]
    assert least.total == pytest.approx(least.best[1], rel=1e-3)
    for method in ("kl", "aciq"):
        send(calibrate, "method", method)
        calibrate.settle(everything=False)
        other = calibrate.result
        assert other.clip > least.clip
        assert other.total > least.total
        assert other.accuracy.low > least.accuracy.high


def mine(x, steps):
    clips = np.abs(x).max() * np.arange(1, 101) / 100
    s = clips[:, None] / steps
    x_hat = np.minimum(np.round(np.abs(x) / s), steps) * s
    return clips[((np.abs(x) - x_hat) ** 2).sum(axis=1).argmin()]


@pytest.mark.parametrize("settings", ["images=8", "kind=weights&layer=fc3&bits=3"])
def test_a_right_function_in_the_place_of_the_librarys_makes_no_difference(calibrate, settings):
    calibrate.state.from_query(settings)
    with standing_in(calibrate, "calibration.mse_clip", mine) as standing:
        assert (standing.works, standing.trouble, standing.difference) == (True, "", None)


def test_a_wrong_function_is_one_more_mark_and_its_clip_point_is_told(calibrate):
    calibrate.state.offer({"images": 8.0})
    right, before = calibrate.result.found["mse"], pictures(calibrate)
    with standing_in(calibrate, "calibration.mse_clip", lambda x, _: np.abs(x).max()) as standing:
        found = standing.difference
        assert found.reference == right[0]
        assert found.other == pytest.approx(calibrate.result.found["minmax"][0])
        own = standing.results[calibrate.state.key()]
        assert own.found["mse"] == pytest.approx(own.found["minmax"])
        assert calibrate.result.found["mse"] == right
        assert "yours:" in calibrate.values["mse"].note
        moved = {n for n, p in pictures(calibrate).items() if not np.array_equal(p, before[n])}
        assert moved == {"theatre"}
        send(calibrate, "method", "mse")
        own = standing.results[calibrate.state.key()]
        assert (own.clip, calibrate.result.clip) == (found.other, right[0])
    calibrate.reset()
    calibrate.state.offer({"images": 8.0})
    for name in ("theatre", "images"):  # the curve of accuracy has gained a clip point
        assert_array_equal(pictures(calibrate)[name], before[name])


@pytest.mark.parametrize("settings", ["bits=3", "kind=weights&layer=fc3&bits=2", "bits=8"])
def test_a_formula_of_ones_own_agrees_with_the_librarys(calibrate, settings):
    from qlab.course.exercises.calibration_aciq import aciq_clip

    calibrate.state.from_query(settings)
    with standing_in(calibrate, "calibration.aciq_clip", aciq_clip) as standing:
        assert (standing.works, standing.trouble, standing.difference) == (True, "", None)
        narrow = calibrate.stand_in("calibration.aciq_clip", lambda x, bits: np.abs(x).mean())
        assert narrow.difference is not None


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda x, steps: None, "returned nothing"),
        (lambda x, steps: x, "returned a ndarray; one number"),
        (lambda x, steps: -1.0, "a clip point is above 0"),
        (lambda x, steps: np.inf, "finite"),
        (lambda x, steps: 1 / 0, "division by zero"),
    ],
)
def test_what_a_function_cannot_mean_is_one_sentence_and_the_librarys_is_shown(
    calibrate, answer, sentence
):
    assert_refuses_answers(calibrate, "calibration.mse_clip", answer, sentence)


def test_a_function_rests_where_there_are_too_many_values(calibrate):
    send(calibrate, "images", 1024.0)
    with standing_in(calibrate, "calibration.mse_clip", mine) as standing:
        assert "Draw fewer images" in standing.note
        assert not standing.works


def test_hostile_places_in_a_picture_move_nothing(calibrate):
    before = calibrate.state.values()
    for place in ({"x": 2, "y": 0}, {"x": "1", "y": 0}, {"x": None}, {"x": float("nan"), "y": 0}):
        calibrate.page._hear(None, {"do": "pick", "name": "theatre", **place}, [])
    calibrate.page._hear(None, {"do": "pick", "name": "accuracy", "x": 0.5, "y": 0.5}, [])
    assert calibrate.state.values() == before


def test_the_table_lists_methods_and_errors(calibrate):
    text = calibrate.csv()
    assert "methods\nmethod,clip point,error\nminmax," in text
    assert "errors\nclip point,clipping,rounding\n" in text
