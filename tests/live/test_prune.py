"""What the Prune instrument shows is what the library computes, before and after fine-tuning."""

import errno
import json
import logging
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from qlab import data, metrics, networks, pruning
from qlab.live import Prune
from qlab.live.offered import LAYERS
from qlab.live.prune import CURVE
from qlab.live.prune_pictures import spread
from qlab.live.prune_state import PruneState
from tests.live.driving import (
    assert_control_moves_everything,
    readings,
    run_code,
    send,
)

TRAITS = [name for name in PruneState.settings() if name != "epochs"]
FAKE = (sys.executable, str(Path(__file__).with_name("fake_tuning.py")))


@pytest.fixture(scope="module")
def instrument():
    return Prune()


@pytest.fixture
def prune(instrument):
    instrument.reset()
    return instrument


@pytest.fixture
def tunable(monkeypatch):
    monkeypatch.setattr(Prune, "COMMAND", FAKE)
    return Prune()


def by_library(s, net=None):
    """The same state computed from the library's own functions."""
    net = net or networks.load(s.network)
    hidden, kinds = list(net.weights)[:-1], {k: W.ndim for k, W in net.weights.items()}
    match s.structure:
        case "weights":
            layers = list(net.weights)
        case "neurons":
            layers = [k for k in hidden if kinds[k] == 2]
        case "filters":
            layers = [k for k in net.weights if kinds[k] == 4]
    W = {k: net.weights[k] for k in layers if s.layer in ("all", k)}
    if s.structure != "weights":
        masks = getattr(pruning, s.structure)(W, s.sparsity)
    elif s.method == "random":
        masks = pruning.random(W, s.sparsity, rng=0, scope=s.scope)
    else:
        masks = pruning.magnitude(W, s.sparsity, scope=s.scope)
    return masks, networks.prune(net, masks)


def assert_equals_library(prune, net=None):
    r, s = prune.result, prune.state
    masks, pruned = by_library(s, net)
    numbers = readings(prune)
    kept = {k: int(np.count_nonzero(W)) for k, W in pruned.weights.items()}
    assert numbers["weights_kept"] == sum(kept.values())
    assert {x.name: x.weights - x.zeros for x in r.layers} == kept
    assert numbers["bytes_dense"] == metrics.bytes_dense(pruned).total
    assert numbers["bytes_bitmap"] == metrics.bytes_bitmap(pruned).total
    assert numbers["bytes_relative_index"] == metrics.bytes_relative_index(pruned).total
    assert numbers["bytes_cut_out"] == metrics.bytes_dense(networks.shrink(pruned)).total
    assert r.macs == metrics.macs(pruned)
    test = data.load("mnist").test
    rows = slice(None) if r.full else np.random.default_rng(0).permutation(10_000)[: r.accuracy.n]
    assert r.accuracy == metrics.accuracy(pruned, test[rows], r.accuracy.source)
    dense = networks.load(s.network)
    assert r.reference == metrics.accuracy(dense, test[rows], r.accuracy.source)
    assert_pictures_show(prune, net or dense, pruned, masks)


def assert_pictures_show(prune, net, pruned, masks):
    """The histograms hold what is kept, the cut is where it is, the masks are the masks."""
    r, s = prune.result, prune.state
    for name in ("cut", "masks"):
        prune.figures[name].pixels()  # a kept frame moves no artist
    moving = prune.figures["cut"].artists
    for i, layer in enumerate(r.layers):
        kept, marks = moving[2 * i], moving[2 * i + 1]
        W = pruned.weights[layer.name]
        counts = np.asarray(kept.get_data().values)
        mask = masks.get(layer.name, np.ones(W.shape, bool))
        rows = mask.reshape(len(mask), -1).any(axis=1)
        assert counts.sum() == (mask.sum() if s.structure == "weights" else rows.sum())
        if layer.thresholds and s.structure == "weights":
            assert np.nanmax(marks.get_xdata()) == layer.thresholds[-1]
            assert np.abs(W[mask]).min() >= layer.thresholds[-1]
            gone = np.abs(net.weights[layer.name][~mask])
            assert s.scope == "global" or gone.max() == layer.thresholds[-1]
    pictures, places = prune.figures["masks"].artists, prune.figures["masks"].mpl.axes[0].texts
    assert len(places) == sum(picture.get_visible() for picture in pictures)
    for name, picture in zip(LAYERS[s.network], pictures, strict=False):
        mask = masks.get(name, np.ones(pruned.weights[name].shape, bool))
        dark = np.asarray(picture.get_array())[..., 0] < 237
        assert dark.any() == mask.any() and (mask.all() <= dark.all())


@pytest.mark.parametrize("trait", TRAITS)
def test_every_control_moves_pictures_and_numbers_to_what_the_library_computes(prune, trait):
    seen = []

    def check():
        assert_equals_library(prune)
        seen.append(prune.result)

    assert_control_moves_everything(prune, trait, check)
    assert len(seen) >= (1 if trait in ("network", "base") else 2)


@pytest.mark.parametrize("structure", ["neurons", "filters"])
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.995])
def test_neurons_and_filters_of_a_convolutional_network_are_the_librarys(
    prune, structure, sparsity
):
    refused = prune.state.offer(
        {"network": "lenet_5", "structure": structure, "sparsity": sparsity}
    )
    assert refused == [] and prune.message == ""
    assert_equals_library(prune)


def test_the_output_layers_neurons_are_never_pruned(prune):
    for network, layers in LAYERS.items():
        prune.state.offer({"network": network, "structure": "neurons", "sparsity": 0.995})
        assert (
            prune.result.layers[-1].name == layers[-1] == list(networks.load(network).weights)[-1]
        )
        assert prune.result.layers[-1].zeros == 0
        assert layers[-1] not in prune.state.allowed("layer")


def test_layers_are_listed_as_the_networks_have_them():
    for network, layers in LAYERS.items():
        assert layers == tuple(networks.load(network).weights)


def test_the_epochs_change_no_result_and_travel_in_the_link(prune):
    shown = prune.result
    send(prune, "epochs", 7)
    assert prune.result is shown
    assert "epochs=7" in prune.state.to_query()


# -- what makes no sense ---------------------------------------------------------------


def test_filters_without_convolutions_are_explained_and_not_offered(prune):
    assert "filters" not in [value for _, value in prune.controls["structure"].options]
    assert "LeNet-300-100 has no convolutions, so no filters." in prune.hint.value
    assert prune.state.offer({"structure": "filters"}) == [
        "structure: one of weights, neurons is expected here, got 'filters'. It becomes weights."
    ]
    prune.state.offer({"network": "lenet_5", "structure": "filters"})
    assert "no convolutions" not in prune.hint.value
    send(prune, "network", "lenet_300_100")
    assert prune.state.structure == "weights"
    assert_equals_library(prune)


def test_global_and_random_are_for_single_weights_and_the_page_says_so(prune):
    prune.state.offer({"scope": "global", "method": "random"})
    send(prune, "structure", "neurons")
    assert (prune.state.scope, prune.state.method) == ("layer", "magnitude")
    assert prune.controls["scope"].disabled and prune.controls["method"].disabled
    assert "ranked by their L2 norm, each layer by itself" in prune.hint.value
    send(prune, "structure", "weights")
    assert not prune.controls["scope"].disabled


def test_one_layer_cannot_be_ranked_with_others_and_the_page_says_so(prune):
    prune.state.offer({"scope": "global"})
    send(prune, "layer", "fc2")
    assert prune.state.scope == "layer" and prune.controls["scope"].disabled
    assert "Ranking layers as one needs more than one layer." in prune.hint.value
    assert [x.zeros for x in prune.result.layers][::2] == [0, 0]


def test_a_link_to_fine_tuned_weights_says_that_there_are_none():
    page = Prune(link="?base=tuned&sparsity=0.9")
    assert (page.state.base, page.state.sparsity) == ("trained", 0.9)
    assert page.message.startswith("base: one of trained is expected here")


def test_a_callback_that_raises_is_one_sentence_and_controls_live(prune, monkeypatch, caplog):
    before = readings(prune)

    def broken(net, masks):
        raise ValueError("prune: a mask is expected, got /secret/place/mask.bin.")

    with monkeypatch.context() as patched, caplog.at_level(logging.ERROR, "qlab.live"):
        patched.setattr(networks, "prune", broken)
        send(prune, "sparsity", 0.123)
    assert prune.message.startswith("prune: a mask is expected, got mask.bin.")
    assert readings(prune) == before
    send(prune, "sparsity", 0.125)
    assert prune.message == ""
    assert_equals_library(prune)


# -- when the hand rests ----------------------------------------------------------------


def test_the_estimate_gives_way_to_all_test_images(prune):
    send(prune, "sparsity", 0.7)
    assert prune.values["accuracy"].source == "estimated"
    assert 250 <= prune.values["accuracy"].n <= 1000
    prune.settle(everything=False)
    assert prune.values["accuracy"].source == "measured"
    assert prune.values["accuracy"].n == prune.values["change"].n == 10_000
    assert_equals_library(prune)
    assert prune.page.said.startswith("Accuracy ")


def test_the_estimate_from_kept_activations_is_that_of_the_whole_network(prune):
    prune.state.offer({"network": "lenet_5", "layer": "fc1", "sparsity": 0.9})
    assert prune.result.accuracy.n == 1000  # the convolutions cost nothing here
    assert_equals_library(prune)


def test_the_curve_fills_itself_and_rings_the_present_point(prune):
    send(prune, "sparsity", 0.935)
    prune.settle()
    curve = prune.figures["curve"]
    curve.pixels()
    solid, now = curve.artists[-2], curve.artists[-1]
    places = [spread(s) for s in sorted({*CURVE, 0.935})]
    np.testing.assert_array_equal(solid.get_xdata(), places)
    assert now.get_xdata() == [spread(0.935)]
    assert now.get_ydata() == [100 * prune.result.accuracy.value]


def test_time_is_measured_at_rest_with_its_spread_and_the_page_says_why_it_stays(prune):
    prune.state.offer({"structure": "neurons", "sparsity": 0.9})
    assert not prune.clock.values
    prune.settle()
    times = {name: prune.values[f"latency_{name}"] for name in ("dense", "pruned", "cut_out")}
    for value in times.values():
        assert 0 < value.low <= value.value <= value.high
        assert (value.n, value.source, value.form) == (20, "measured", "milliseconds")
    assert times["cut_out"].value < times["dense"].value  # a tenth of the multiplications
    assert "that saves time on any computer" in prune.reason.value
    send(prune, "structure", "weights")
    assert "a zero is multiplied like any other number" in prune.reason.value
    send(prune, "sparsity", 0.0)
    assert "with nothing removed" in prune.reason.value  # and nothing is claimed to be faster


# -- what is taken away -----------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        "sparsity=0.92",
        "sparsity=0.8&method=random&scope=global",
        "sparsity=0.5&structure=neurons&layer=fc1",
        "network=lenet_5&sparsity=0.4&structure=filters",
    ],
)
def test_copied_code_prints_the_settled_numbers(prune, settings):
    assert prune.state.from_query(settings) == []
    prune.settle(everything=False)
    printed = run_code(prune)
    assert set(printed) == {name for name in prune.values if not name.startswith("latency")}
    for name, number in printed.items():
        assert number == pytest.approx(float(prune.values[name].value), rel=1e-12)
    assert len(prune.code().strip().splitlines()) <= 15


def test_the_table_holds_settings_numbers_layers_and_curve(prune):
    text = prune.csv()
    assert "sparsity,0.5\n" in text and "\naccuracy," in text
    assert "\nlayers\n" in text and "\nfc3,1000,500,0.5," in text
    assert "\naccuracy against sparsity\n" in text


def test_presets_teach_something_that_is_so(prune):
    results = {}
    for preset in prune.PRESETS:
        prune.choose(preset)
        assert prune.message == "" and preset.lesson
        prune.settle(everything=False)
        results[preset.name] = prune.result
    accuracy = {name: r.accuracy.value for name, r in results.items()}
    half = results["Half is free"]
    assert metrics.within_noise(half.accuracy, half.reference)
    assert half.sizes["bitmap"].total > half.sizes["dense"].total / 2
    assert results["Han 2015: 92 % of LeNet-300-100"].zeros == pytest.approx(0.92 * 266_200, abs=2)
    prune.choose(next(p for p in prune.PRESETS if p.name == "The cliff"))
    send(prune, "sparsity", 0.9)  # "drag on from here": the fall is ahead, not behind
    assert results["The cliff"].state.sparsity < 0.9
    assert accuracy["The cliff"] - prune.values["accuracy"].value > 0.1
    assert accuracy["Half is free"] - accuracy["The cliff"] < 0.05
    prune.state.offer({**prune.PRESETS[3].values, "method": "magnitude"})
    assert accuracy["Random is not magnitude"] < prune.result.accuracy.value - 0.2
    neurons = results["Neurons, not weights"]
    assert accuracy["Neurons, not weights"] < accuracy["Half is free"]
    assert neurons.sizes["cut_out"].total < 0.6 * neurons.sizes["dense"].total
    one = results["One ranking for all layers"]
    assert one.layers[0].sparsity > one.layers[1].sparsity > one.layers[2].sparsity
    assert len({layer.thresholds for layer in one.layers}) == 1


# -- fine-tuning ------------------------------------------------------------------------


def tune(prune, **settings):
    prune.state.offer(settings)
    prune.settle(everything=False)
    prune.tuning.panel.start_button.click()
    assert prune.message == ""
    return prune.tuning.panel.job


def test_fine_tuning_asks_for_the_masks_on_screen_and_shows_what_comes_back(tunable):
    before = tune(tunable, sparsity=0.9, epochs=2)
    masks, _ = by_library(tunable.state)
    asked = before.request
    assert (asked["task"], asked["network"], asked["epochs"]) == ("fine_tune", "lenet_300_100", 2)
    sent = safetensors.numpy.load_file(asked["masks"])
    for name, mask in masks.items():
        np.testing.assert_array_equal(sent[name].astype(bool), mask)
    assert before.wait(30) == "done"
    assert tunable.state.base == "tuned"
    assert_equals_library(tunable, tunable.tuning.network)
    tunable.settle(everything=False)
    assert tunable.values["accuracy"].note == "fine-tuned"
    # the way back, and there again
    send(tunable, "base", "trained")
    assert_equals_library(tunable)
    send(tunable, "base", "tuned")
    assert_equals_library(tunable, tunable.tuning.network)


def test_the_curve_before_and_after_are_both_drawn(tunable):
    tune(tunable, network="mlp_784_128_10", sparsity=0.9).wait(30)  # measured soonest
    tunable.settle()
    curve = tunable.figures["curve"]
    curve.pixels()
    after, before = curve.artists[:5], curve.artists[5:]  # bars, line, hollow, solid, here
    assert after[3].get_marker() == "D" and before[3].get_marker() == "o"
    for line in (after[1], before[1]):
        assert line.get_visible() and len(line.get_xdata()) == len(CURVE)
    assert after[4].get_xdata() == [spread(0.9)]
    assert after[4].get_ydata() == [100 * tunable.result.accuracy.value]
    assert len(before[4].get_xdata()) == 0


def test_weights_as_trained_have_the_curve_of_the_tuned_ones_beside_theirs(tunable):
    tune(tunable, network="mlp_784_128_10", sparsity=0.9).wait(30)
    tunable.state.offer({"base": "trained", "method": "random"})
    tunable.settle()
    points = {base: len(tunable._points(tunable.result, base)) for base in ("trained", "tuned")}
    assert points == {"trained": len(CURVE), "tuned": len(CURVE)}


def test_pruning_goes_on_from_the_fine_tuned_network_and_its_code_lists_both_rounds(tunable):
    tune(tunable, sparsity=0.8, epochs=1).wait(30)
    first = tunable.tuning.network
    again = tune(tunable, sparsity=0.9, epochs=2)
    start = networks.read(again.request["network"])
    np.testing.assert_array_equal(start.weights["fc1"], first.weights["fc1"])
    again.wait(30)
    assert tunable.tuning.rounds == 2
    assert_equals_library(tunable, tunable.tuning.network)
    code = tunable.code()
    assert code.count("fine_tune") == 2
    assert code.index("0.8, scope") < code.index("0.9, scope")
    compile(code, "<copied>", "exec")


def test_the_page_stays_usable_and_is_not_torn_away_when_training_ends(tunable):
    job = tune(tunable, sparsity=0.9)
    send(tunable, "sparsity", 0.3)
    assert_equals_library(tunable)
    job.wait(30)
    assert (tunable.state.base, tunable.state.sparsity) == ("trained", 0.3)
    assert tunable.message.startswith("Fine-tuning is done.")
    assert [value for _, value in tunable.controls["base"].options] == ["trained", "tuned"]
    send(tunable, "network", "mlp_784_128_10")
    assert tunable.controls["base"].disabled


def test_stop_keeps_the_best_so_far(tunable):
    tunable.state.offer({"sparsity": 0.95, "epochs": 10})  # the fake then goes on for ever
    tunable.tuning.panel.start_button.click()
    job = tunable.tuning.panel.job
    while job.best is None:
        job._take(job._answers.get(timeout=20))
    tunable.tuning.panel.stop_button.click()
    job.wait(30)
    assert "Stopped. Kept: epoch 1" in tunable.tuning.panel.shown.value
    assert tunable.state.base == "tuned"


def test_without_anything_removed_there_is_nothing_to_fine_tune(tunable):
    tunable.state.offer({"sparsity": 0.0})
    tunable.tuning.panel.start_button.click()
    assert tunable.tuning.panel.job is None
    assert tunable.message.startswith("Fine-tune: a sparsity above 0 is expected, got 0.")


def test_a_full_disk_is_told_and_nothing_is_started(tunable, monkeypatch):
    def full(self, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    tunable.state.offer({"sparsity": 0.9})
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        tunable.tuning.panel.start_button.click()
    assert tunable.tuning.panel.job is None
    assert "No space left on device (file='masks.safetensors'" in tunable.message
    assert "free some space" in tunable.message
    tune(tunable, sparsity=0.8).wait(30)  # there is room again
    assert tunable.state.base == "tuned"


def test_masks_in_any_order_of_memory_are_written_as_they_are(tunable, monkeypatch):
    send(tunable, "sparsity", 0.9)
    net, masks = tunable.network_and_masks(tunable.state)
    turned = {name: np.asfortranarray(mask) for name, mask in masks.items()}
    monkeypatch.setattr(tunable, "network_and_masks", lambda s: (net, turned))
    written = safetensors.numpy.load_file(tunable.tuning._request()["masks"])
    assert {name: mask.tolist() for name, mask in written.items()} == {
        name: mask.tolist() for name, mask in masks.items()
    }


def test_a_damaged_result_is_one_sentence(tunable):
    job = tune(tunable, sparsity=0.9)
    Path(job.request["masks"]).with_name("damage").touch()
    job.wait(30)
    assert "damaged" in tunable.message and tunable.state.base == "trained"


def test_the_real_training_brings_back_what_its_copied_code_prints(monkeypatch, tmp_path):
    """One epoch on a thousand images, in the real process; then the same through the library."""
    page = Prune(network="mlp_784_128_10", sparsity=0.9, epochs=1)
    request = page.tuning.panel._request
    page.tuning.panel._request = lambda: {**request(), "train_images": 1000}
    page.settle(everything=False)
    before = page.result.accuracy
    page.tuning.panel.start_button.click()
    assert page.tuning.panel.job.wait(120) == "done"
    page.settle(everything=False)
    assert page.result.accuracy.low > before.high
    assert_equals_library(page, page.tuning.network)
    mnist = data.load("mnist")
    few = data.Dataset(
        "mnist",
        train=mnist.train[:1000],
        calibration=lambda: mnist.calibration,
        validation=lambda: mnist.validation,
        test=lambda: mnist.test,
    )
    monkeypatch.setattr(data, "load", lambda name: few)
    printed = run_code(page)
    assert printed["accuracy"] == pytest.approx(page.result.accuracy.value, rel=1e-12)
    assert printed["weights_kept"] == page.values["weights_kept"].value


def test_a_kernel_of_this_page_never_loads_torch():
    import subprocess

    code = "import sys, json; from qlab.live import Prune; p = Prune(); p.settle(everything=False);"
    code += "print(json.dumps([p.message, 'torch' in sys.modules]))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(out.stdout) == ["", False]
