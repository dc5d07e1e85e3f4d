"""What the Allocate instrument shows is what the library computes."""

import functools

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from qlab import core, data, metrics, networks, ranges
from qlab.core import QuantSpec
from qlab.live import Allocate
from qlab.live.allocate_measure import mixed
from qlab.live.allocate_state import CRITERIA, WAYS, AllocateState
from qlab.live.evaluation import Evaluation
from tests.live.driving import (
    assert_control_moves_everything,
    assert_refuses_answers,
    assert_shown,
    pictures,
    readings,
    run_code,
    send,
    standing_in,
)

SMALL = "lenet_300_100"
TRAITS = [n for n in AllocateState.settings() if not n.startswith("bits_conv")]


@pytest.fixture(scope="module")
def instrument():
    return Allocate()


@pytest.fixture
def game(instrument):
    instrument.reset()
    return instrument


@functools.cache
def by_hand(network, layer, bits):
    """A layer's weights by the library's own search for a range."""
    W = networks.load(network).weights[layer]
    return core.fake_quantize(W, ranges.mse(W, QuantSpec(bits=bits)))


def quantized(network, bits):
    net = networks.load(network)
    return net.with_weights({n: by_hand(network, n, b) for n, b in bits.items()})


def expected_of(game):
    """Every number that needs no image, from the library's own functions."""
    s = game.state
    net, size = networks.load(s.network), networks.stored_sensitivity(s.network, s.criterion)
    work = networks.bit_operations(net, size)
    table = size if s.unit == "bytes" else work
    budget = networks.budget_at(table, s.budget)
    mine = networks.priced(table, s.bits())
    found = {
        "left": budget - mine.cost,
        "budget": budget,
        "bytes": networks.priced(size, s.bits()).cost,
        "operations": networks.priced(work, s.bits()).cost,
        "predicted": mine.loss,
    }
    if budget >= table.cost.min(axis=1).sum():
        found["best"] = networks.exact(table, budget).loss
    return found, table, budget, mine


def assert_equals_library(game):
    found, table, budget, mine = expected_of(game)
    shown = readings(game)
    assert {name: shown[name] for name in found} == pytest.approx(found, rel=1e-12)
    r = game.result
    for name in WAYS:
        try:
            expected = getattr(networks, name)(table, budget)
        except ValueError:
            expected = None
        assert r.ways.get(name) == expected
    accuracy = game.values["validation"]
    if accuracy.source == "estimated":
        judge = game.judge.on("validation")
        rows = judge.order[: accuracy.n]
        split = judge.test[rows]
    else:
        split = data.load("mnist").validation
    net = quantized(game.state.network, game.state.bits())
    right = np.mean(net.predict(split.images).argmax(axis=1) == split.labels)
    assert accuracy.value == pytest.approx(right, abs=2 / accuracy.n)  # sums in another order
    assert accuracy.n in (1000, 5000)
    pictures(game)
    scale = 1e3 if r.unit == "bytes" else 1e6
    bars, limit, first = (game.figures["budget"].artists[k] for k in (len(r.mine.bits) - 1, 4, 5))
    assert bars.get_data().values[0] == pytest.approx(mine.cost / scale)  # where mine ends
    assert limit.get_xdata()[0] == budget / scale
    assert first.get_text() == "·".join(map(str, r.mine.bits.values()))
    (marks,) = game.figures["layers"].artists
    heights = [table.loss[k, b - 1] for k, b in enumerate(r.mine.bits.values())]
    assert_array_equal(marks.get_ydata(), 1.4 * np.maximum(heights, 1e-5))


@pytest.mark.parametrize("trait", TRAITS)
def test_every_control_moves_pictures_and_numbers_to_what_the_library_computes(game, trait):
    if trait == "network":
        return  # below, with the layers that it brings
    assert_control_moves_everything(game, trait, lambda: assert_equals_library(game))


def test_a_network_brings_its_own_layers_and_only_their_sliders_are_on_the_page(game):
    for network, layers in (
        ("mlp_784_128_10", ["fc1", "fc2"]),
        ("lenet_5", ["conv1", "conv2", "fc1", "fc2"]),
        (SMALL, ["fc1", "fc2", "fc3"]),
    ):
        send(game, "network", network)
        assert_shown(game)
        on_the_page = {n for n, c in game.controls.items() if c.layout.display != "none"}
        assert on_the_page == game.state.used()
        assert [n for n in game.controls if n in on_the_page][4:] == [f"bits_{n}" for n in layers]
        expected, *_ = expected_of(game)
        shown = readings(game)
        assert {name: shown[name] for name in expected} == pytest.approx(expected, rel=1e-12)


def test_the_stored_scales_give_the_network_that_quantize_mixed_gives():
    bits = {"fc1": 2, "fc2": 3, "fc3": 5}
    net = networks.quantize_mixed(networks.load(SMALL), bits).network
    for name, W in mixed(SMALL, (2, 3, 5)).weights.items():
        assert_array_equal(W, net.weights[name])


def test_the_packed_bytes_are_those_of_the_network_with_all_side_information(game):
    game.state.offer({"bits_fc1": 3, "bits_fc2": 5, "bits_fc3": 8})
    net = networks.load(SMALL)
    small = networks.quantize_mixed(net, game.state.bits())
    assert game.values["bytes"].value == metrics.bytes_packed(net, small.qparams).total


def test_at_rest_all_players_are_measured_on_all_images_of_both_splits(game):
    assert game.values["accuracy"].text == "coming …"
    assert game.values["score"].text == "coming …"
    assert game.values["score"].provenance == "to be measured"
    game.state.offer({"bits_fc3": 4})
    game.settle(everything=False)
    mnist, r = data.load("mnist"), game.result
    for name, one in r.players.items():
        net = quantized(SMALL, one.bits)
        for split, shown in ((mnist.validation, r.seen), (mnist.test, r.report)):
            # another order of sums may turn a tie
            right = metrics.accuracy(net, split)
            assert shown[name].value == pytest.approx(right.value, abs=2 / len(split))
            assert (shown[name].n, shown[name].source) == (len(split), "measured")
    shown = readings(game)
    assert shown["score"] == shown["accuracy"] - shown["uniform"]
    assert shown["lead"] == r.seen["mine"].value - r.seen["uniform"].value
    assert game.values["score"].note == "beyond noise"
    assert game.values["accuracy"].label == "For the report, test images: mine 2·2·4"
    assert_shown(game)


def test_the_same_as_uniform_is_within_noise_and_too_dear_is_no_fair_game(game):
    game.settle(everything=False)
    assert (game.values["score"].value, game.values["score"].note) == (0.0, "within noise")
    send(game, "bits_fc1", 3)
    game.settle(everything=False)
    assert game.values["left"].value < 0
    assert game.values["left"].note == "over the budget"
    assert game.values["score"].note == "mine is over the budget"


def test_a_budget_that_nothing_meets_says_the_smallest_that_can(game):
    send(game, "budget", 0.5)
    least = sum(networks.layer_bytes(networks.load(SMALL), n, QuantSpec(bits=1)) for n in
                ("fc1", "fc2", "fc3"))  # fmt: skip
    assert f"{least:,} bytes" in game.values["budget"].note
    assert game.values["score"].text == "not defined"
    assert not {"best", *WAYS} & set(game.values)
    game.take("greedy")
    assert f"{least:,} bytes" in game.message
    game.settle(everything=False)
    assert game.values["accuracy"].n == 10_000


@pytest.mark.parametrize("way", WAYS)
def test_a_button_takes_over_what_a_way_gives(game, way):
    button = next(w for w in game.tools() if f"qlab-take-{way}" in w._dom_classes)
    button.click()
    assert game.state.bits() == game.result.ways[way].bits


def test_the_front_holds_what_no_measured_point_beats(game):
    game.state.offer({"bits_fc3": 4})
    game.settle()
    points = game.known(game.result)
    assert len(points["uniform"]) == 8
    assert {"mine", "greedy", "exact"} <= points.keys()
    pictures(game)
    line = game.figures["front"].artists[1]
    shown = list(zip(np.array(line.get_xdata()) * 1e3, line.get_ydata(), strict=True))[:-1]
    everyone = {p for some in points.values() for p in some}
    best = [
        p for p in everyone
        if not any(q != p and q[0] <= p[0] and q[1] >= p[1] for q in everyone)
    ]  # fmt: skip
    assert shown == [pytest.approx(p) for p in sorted(best)]
    for name in points:
        drawn = game.figures["front"].artists[
            2 + ["uniform", "greedy", "exact", "mine"].index(name)
        ]
        assert_array_equal(np.array(drawn.get_ydata()), [y for _, y in points[name]])


@pytest.mark.parametrize(
    "settings", ["unit=operations&budget=3&criterion=hessian&bits_fc3=4", "budget=0.5"]
)
def test_copied_code_prints_the_same_numbers(game, settings):
    assert game.state.from_query(settings) == []
    game.settle(everything=False)
    printed = run_code(game)
    shown = {n: v.value for n, v in game.values.items() if not np.isnan(v.value)}
    assert printed == pytest.approx(shown, abs=2 / 5000, rel=1e-9)


def test_presets_of_the_small_network_teach_something_that_is_so(game):
    few, total, none = (p for p in game.PRESETS if p.values["network"] == SMALL)
    game.choose(few)
    game.settle(everything=False)
    r, values = game.result, game.values
    assert r.mine.cost - r.ways["uniform"].cost == 250
    assert values["score"].note == values["lead"].note == "beyond noise"
    assert values["score"].value > 0

    game.choose(total)
    game.settle(everything=False)
    r = game.result
    assert r.mine.loss == r.ways["exact"].loss < r.ways["greedy"].loss
    assert r.report["greedy"].low > r.report["exact"].high

    game.choose(none)
    assert game.result.ways == {}
    assert game.result.budget < game.result.least.cost


def test_presets_of_four_layers_teach_something_that_is_so(game, monkeypatch):
    some = {n: Evaluation(getattr(data.load("mnist"), n)[:1000]) for n in ("validation", "test")}
    monkeypatch.setattr(game.judge, "_splits", some)
    monkeypatch.setattr(game.judge, "known", {})
    sizes = {n: W.size for n, W in networks.load("lenet_5").weights.items()}
    assert (sizes["conv1"], sizes["conv2"], sizes["fc1"]) == (500, 25_000, 400_000)
    four, as_good, work = (p for p in game.PRESETS if p.values["network"] == "lenet_5")

    game.choose(four)
    game.settle(everything=False)
    r, exact = game.result, game.result.ways["exact"].bits
    assert r.table.cost[0, 7] - r.table.cost[0, 1] == 375
    whole = metrics.accuracy(networks.load("lenet_5"), some["test"].test)
    assert metrics.within_noise(r.report["mine"], whole)
    assert r.mine.cost <= r.budget
    assert game.values["score"].note == "beyond noise"

    game.choose(as_good)
    game.settle(everything=False)
    r, uniform = game.result, game.result.ways["uniform"]
    assert set(uniform.bits.values()) == {3}
    assert game.values["score"].note == "within noise"
    assert uniform.cost - r.mine.cost > 43_000
    assert r.mine.cost < 0.75 * uniform.cost

    game.choose(work)
    r = game.result
    assert r.table.cost[:, 1].argmax() == 1
    assert r.table.cost[1, 0] == 25_000 * 64 * 8
    assert r.mine.bits == r.ways["exact"].bits != exact
    assert r.mine.cost <= r.budget
    game.results.clear()  # of fewer images


def test_there_are_presets_enough_and_all_have_a_lesson(game):
    assert len(game.PRESETS) >= 4
    for preset in game.PRESETS:
        assert AllocateState().offer(preset.values) == []
        assert preset.lesson


def test_numbers_say_where_they_come_from(game):
    game.settle(everything=False)
    for name, value in game.values.items():
        images = {"validation": 5_000, "lead": 5_000}
        images |= dict.fromkeys(("accuracy", *WAYS, "score"), 10_000)
        assert (value.source, value.n) == (
            ("measured", images[name]) if name in images else ("derived", None)
        )


def test_no_choice_sees_a_test_image(game, monkeypatch):
    judge = game.judge
    seen = []
    monkeypatch.setattr(judge, "on", lambda split, on=judge.on: (seen.append(split), on(split))[1])
    game.state.offer({"bits_fc2": 7, "bits_fc3": 5, "criterion": "output_error"})
    assert set(seen) == {"validation"}  # what follows the hand
    for criterion in CRITERIA:  # each was found on the calibration images
        assert networks.stored_sensitivity(SMALL, criterion).layers == ("fc1", "fc2", "fc3")


# -- a function of one's own ----------------------------------------------------------


def search(loss, cost, budget):
    """Try all ways: slow and exact."""
    layers, bits = loss.shape
    best, found = np.inf, None
    for way in np.ndindex(*(bits,) * layers):
        rows = range(layers)
        total = sum(cost[k, j] for k, j in enumerate(way))
        lost = sum(loss[k, way[k]] for k in rows)
        if total <= budget and lost < best:
            best, found = lost, list(way)
    return found


def test_a_right_function_in_the_place_of_the_librarys_makes_no_difference(game):
    with standing_in(game, "sensitivity.exact", search) as standing:
        assert (standing.works, standing.trouble, standing.difference) == (True, "", None)


def test_a_wrong_function_is_shown_beside_and_its_first_difference_is_named(game):
    game.settle(everything=False)
    before = pictures(game)
    tried = set(game.tried)
    with standing_in(game, "sensitivity.greedy", lambda loss, *_: [0] * len(loss)) as standing:
        found = standing.difference
        assert (found.place, found.reference, found.other) == ("fc1", "2 bits", "1 bits")
        assert (found.count, found.of) == (3, 3)
        game.settle(everything=False)
        assert "yours: 9.74 %" in game.values["greedy"].note
        assert game.result.ways["greedy"] == networks.greedy(game.result.table, game.result.budget)
        moved = {n for n, p in pictures(game).items() if not np.array_equal(p, before[n])}
        assert moved == {"budget", "front"}
        assert ("greedy", SMALL, (1, 1, 1)) not in game.chosen
        assert set(game.tried) == tried
    for name, pixels in pictures(game).items():
        assert_array_equal(pixels, before[name])


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda *_: None, "returned nothing"),
        (lambda *_: [0, 1], "3 numbers from 0 to 7"),
        (lambda *_: [0, 1, 8], "3 numbers from 0 to 7"),
        (lambda *_: [0.5, 1, 2], "a list of whole numbers"),
        (lambda *_: 1 / 0, "division by zero"),
    ],
)
def test_what_a_function_cannot_mean_is_one_sentence_and_the_librarys_is_shown(
    game, answer, sentence
):
    assert_refuses_answers(game, "sensitivity.exact", answer, sentence)


def test_a_function_rests_where_nothing_fits(game):
    send(game, "budget", 0.75)
    with standing_in(game, "sensitivity.exact", search) as standing:
        assert "Nothing fits" in standing.note
        assert not standing.works


# -- what is taken away ------------------------------------------------------------------


def test_the_table_lists_what_was_tried_and_the_losses(game):
    game.settle(everything=False)
    text = game.csv()
    assert 'tried\nby,bytes,"validation accuracy, %"\nmine,' in text
    assert f"\nmine,68202,{100 * game.values['validation'].value}" in text
    assert "loss by cross_entropy\nlayer,1 bits,2 bits" in text
