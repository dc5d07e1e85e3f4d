"""What the Train quantized instrument shows is what the library computes and what was measured."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

import qlab
from qlab import networks
from qlab.core import QParams, QuantSpec
from qlab.live import Qat, qat_quantizers
from qlab.live.qat_quantizers import BITS, METHODS_BITS
from qlab.live.qat_state import QatState
from qlab.metrics import within_noise
from qlab.training.qat import METHODS
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

PROGRAM = Path(__file__).with_name("fake_distilling.py")
TRAITS = list(QatState.settings())
ABOUT_TRAINING = ("epochs", "lr")
NEEDS = {"weight_bits": {"method": "dorefa"}, "method": {"activation_bits": "2"}}


@pytest.fixture(scope="module")
def instrument():
    return Qat(link="")


@pytest.fixture
def bench(instrument):
    instrument.state.own = ()
    instrument.reset()
    return instrument


# -- what is quantized --------------------------------------------------------------


def test_the_methods_and_their_bits_are_those_of_the_training():
    known = {name: tuple(b for b in how.bits if b in BITS) for name, how in METHODS.items()}
    assert known == METHODS_BITS


@pytest.mark.parametrize(("method", "bits"), [(m, b) for m in METHODS for b in METHODS_BITS[m]])
def test_weights_stand_where_training_starts_with_them(method, bits):
    W = networks.load("lenet_300_100").weights["fc3"]
    weight = torch.tensor(W)
    by_torch = METHODS[method].weights(weight, bits)(weight).detach().numpy()
    mine = qat_quantizers.weights(method, bits, W, 1.0).x_hat.reshape(W.shape)
    gap = np.diff(np.unique(by_torch)).max()
    other = np.abs(mine - by_torch) > 1e-6 * np.abs(by_torch).max()
    assert other.mean() <= 2e-3  # a value on a jump may fall either way
    assert np.abs(mine - by_torch).max() <= gap * 1.001


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bits", [4, 2, 1])
def test_activations_stand_where_training_starts_with_them(bench, method, bits):
    x = bench.given["activations", "fc3"]
    quantizer = METHODS[method].inputs(x, QuantSpec(bits=bits, signed=False))
    by_torch = quantizer(torch.tensor(x)).detach().numpy()
    mine = qat_quantizers.activations(method, bits, x, 1.0)
    assert_allclose(mine.x_hat.reshape(x.shape), by_torch, rtol=1e-6)
    y = torch.tensor(x, requires_grad=True)
    quantizer(y).sum().backward()
    assert_array_equal(mine.slope(x), y.grad.numpy())


@pytest.mark.parametrize("method", ["straight_through", "lsq", "bnn", "twn", "learned_codebook"])
def test_the_pretended_slope_of_weights_is_what_torch_propagates(method):
    W = networks.load("lenet_300_100").weights["fc3"]
    bits = METHODS_BITS[method][0]
    weight = torch.tensor(W, requires_grad=True)
    METHODS[method].weights(weight.detach(), bits)(weight).sum().backward()
    slope = qat_quantizers.weights(method, bits, W, 1.0).slope(W)
    by_torch = np.zeros_like(W) if weight.grad is None else weight.grad.numpy()
    assert_array_equal(slope, by_torch)


# -- controls -----------------------------------------------------------------------


@pytest.mark.parametrize("trait", [t for t in TRAITS if t not in ABOUT_TRAINING])
def test_every_control_moves_pictures_and_numbers(bench, trait):
    assert bench.state.offer(NEEDS.get(trait, {})) == []
    assert len(assert_control_moves_everything(bench, trait)) >= 2


@pytest.mark.parametrize("method", METHODS)
def test_every_control_works_with_every_method(bench, method):
    send(bench, "method", method)
    for trait in set(TRAITS) - {"method", *ABOUT_TRAINING}:
        for value in stations(bench, trait):
            bench.reset()
            bench.state.offer({"method": method, "activation_bits": "2", trait: value})
            assert_shown(bench)
            r = bench.result
            if r.held.size:
                made = bench.quantized(bench.state)
                held, counts = np.unique(made.x_hat, return_counts=True)
                assert_array_equal(r.held, held)
                assert_array_equal(r.counts, counts)
                x, y = r.stairs
                found = y[np.searchsorted(x, made.x[: made.row or None]) - 1]
                assert (found == made.x_hat[: made.row or None]).mean() > 0.999


@pytest.mark.parametrize("method", METHODS)
def test_only_controls_that_mean_something_are_on_the_page(bench, method):
    send(bench, "method", method)
    used = {n for n, c in bench.controls.items() if c.layout.display != "none"}
    assert used == bench.state.used()
    for trait in set(TRAITS) - used:
        before = readings(bench)
        for value in stations(bench, trait):
            bench.state.offer({trait: value})
            assert readings(bench) == before


def test_bits_that_a_method_lacks_are_the_nearest_and_the_page_says_so(bench):
    send(bench, "weight_bits", 1)
    assert bench.result.bits == 2
    assert bench.values["levels"].note == "LSQ, learned step has 2 bits"
    send(bench, "method", "dorefa")
    assert (bench.result.bits, bench.values["levels"].note) == (1, "")


def test_a_learning_rate_moves_the_steps_to_the_next_jump_alone(bench):
    before, steps = readings(bench), bench.values["crossing"].value
    W = networks.load("lenet_300_100").weights["fc2"].ravel()
    risers = np.array([-0.5, 0.5]) * bench.values["learned"].value
    nearest = np.abs(W[:, None] - risers).min(axis=1)
    assert steps == pytest.approx(np.median(nearest) / 1e-3, rel=1e-3)
    send(bench, "lr", 2e-3)
    assert bench.values["crossing"].value == pytest.approx(steps / 2)
    assert {n for n, v in readings(bench).items() if v != before[n]} == {"crossing"}


@pytest.mark.parametrize(
    "settings",
    [
        "method=lsq&weight_bits=3&factor=1.7",
        "method=straight_through&layer=fc3&lr=0.005",
        "method=pact&side=activations&activation_bits=2&factor=0.5",
        "method=lsq&side=activations&activation_bits=1&layer=fc3",
        "method=dorefa&weight_bits=1",
        "method=bnn&side=activations",
        "method=xnor",
        "method=learned_codebook&weight_bits=1&layer=fc3",
    ],
)
def test_the_copied_code_prints_the_numbers_on_screen(bench, settings):
    assert bench.state.from_query(settings) == []
    printed, shown = run_code(bench), readings(bench)
    assert printed.keys() == shown.keys()
    for name, value in shown.items():
        assert printed[name] == pytest.approx(value, rel=1e-9, abs=1e-12), name


# -- the table ------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("activations", ["float", "2"])
def test_the_errors_are_those_of_the_stored_runs(bench, method, activations):
    bench.state.offer({"method": method, "activation_bits": activations})
    s = bench.state
    named = "dorefa" if (method, activations) == ("pact", "float") else method
    runs = [
        run
        for run in networks.quantized_table().runs
        if (run.method, run.weight_bits, run.activation_bits) == (named, s.bits, s.activations)
    ]
    seeds = networks.quantized_table().seeds
    assert tuple(run.seed for run in runs) == seeds and len(seeds) >= 2
    shown = bench.values["error_trained"]
    assert shown.value == pytest.approx(np.mean([run.error.value for run in runs]))
    assert (shown.source, shown.n, shown.label) == (
        "cited",
        10_000,
        f"Trained quantized, {len(seeds)} seeds",
    )
    pictures(bench)
    assert len(bench.result.curves.seeds) == len(seeds) * len(METHODS_BITS[method])


def test_a_network_that_is_only_rounded_errs_as_the_table_says(bench):
    from benchmarks.qat_stored import rounded

    mnist = qlab.data.load("mnist")
    for method, activations in (("mse", "float"), ("minmax", "2")):
        send(bench, "activation_bits", activations)
        net = rounded(method, 2, bench.state.activations)
        error = 1 - qlab.metrics.accuracy(net, mnist.test).value
        assert bench.values[f"error_{method}"].value == pytest.approx(error, abs=2e-4)


def test_presets_teach_something_that_is_so(bench):
    assert len(bench.PRESETS) >= 4
    r = {}
    for preset in bench.PRESETS:
        bench.choose(preset)
        assert_shown(bench)
        assert preset.lesson.endswith(".") and bench.presets.value is preset
        r[preset.name.split(":")[0]] = bench.result, readings(bench)

    two, numbers = r["Two bits"]
    assert numbers["error_minmax"] > 0.85 and 0.05 < numbers["error_mse"] < 0.15
    assert numbers["error_trained"] < 0.025 and two.levels == 3
    ste, ste_numbers = r["A step that covers the largest weight"]
    assert ste.blocked == 0 and ste.zeros > 0.99
    assert two.blocked > 0.1
    trained = two.errors["trained"]
    assert ste_numbers["error_trained"] > 2 * numbers["error_trained"]
    assert not within_noise(ste.errors["trained"], trained)

    large, _ = r["A step too large wants to shrink"]
    assert large.pull > 0
    bench.choose(next(p for p in bench.PRESETS if p.name.startswith("A step too large")))
    sqnr = {}
    for factor in (1.2, 1.0, 0.9, 0.8, 0.7):
        send(bench, "factor", factor)
        sqnr[factor] = bench.result.sqnr
        assert (bench.result.pull > 0) == (factor >= 0.9)
    assert max(sqnr, key=sqnr.get) == 0.9

    clip, _ = r["PACT"]
    assert clip.pull < 0 and set(np.unique(clip.learned_slope)) == {0, 1}
    sign, _ = r["One bit"]
    assert sign.blocked == 0 and set(np.unique(sign.slope)) == {0, 1}
    dorefa, _ = r["DoReFa's levels do not lie on the weights"]
    assert (dorefa.held.min(), dorefa.held.max(), dorefa.zeros) == (-1, 1, 0)
    assert r["A codebook that learns"][0].blocked == 1


# -- the learner's function -------------------------------------------------------------


def straight_through(gradient, x, scale, zero_point, quant_min, quant_max):
    q = np.rint(x / scale) + zero_point
    return gradient * ((quant_min <= q) & (q <= quant_max))


def step_gradient(x, scale, quant_min, quant_max):
    y = x / scale
    inside = (quant_min < y) & (y < quant_max)
    return np.where(inside, np.rint(y) - y, np.clip(np.rint(y), quant_min, quant_max))


@pytest.mark.parametrize(
    ("name", "function", "values"),
    [
        ("qat.straight_through", straight_through, {"method": "straight_through"}),
        (
            "qat.straight_through",
            straight_through,
            {"method": "twn", "side": "activations", "activation_bits": "2"},
        ),
        ("qat.lsq_step_gradient", step_gradient, {"weight_bits": 3}),
        ("qat.lsq_step_gradient", step_gradient, {"side": "activations", "activation_bits": "4"}),
    ],
)
def test_a_right_function_in_the_place_of_the_librarys_makes_no_difference(
    bench, name, function, values
):
    bench.state.offer(values)
    with standing_in(bench, name, function) as standing:
        assert (standing.works, standing.trouble, standing.difference) == (True, "", None)
        own = standing.results[bench.state.key()]
        assert own.blocked == pytest.approx(bench.result.blocked, abs=1e-4)
        if own.pull is not None:
            assert own.pull == pytest.approx(bench.result.pull, rel=1e-4)


def test_a_wrong_function_is_shown_beside_and_its_first_difference_is_marked(bench):
    bench.state.offer({"layer": "fc3", "weight_bits": 3})
    W = networks.load("lenet_300_100").weights["fc3"]
    before = pictures(bench)

    def to_zero(x, scale, quant_min, quant_max):  # forgets that a clipped value moves the step
        y = x / scale
        return np.where((quant_min < y) & (y < quant_max), np.rint(y) - y, 0.0)

    with standing_in(bench, "qat.lsq_step_gradient", to_zero) as standing:
        s = bench.values["learned"].value
        outside = np.argwhere(np.abs(W / s) >= 3)
        found = standing.difference
        assert found.index == tuple(outside[0]) and found.other == 0.0
        assert abs(found.reference) == 3 and found.count == len(outside)
        assert bench.values["pull"].note.count("yours: ") == 1
        moved = {n for n, p in pictures(bench).items() if not np.array_equal(p, before[n])}
        assert moved == {"stairs"}
    for name, pixels in pictures(bench).items():
        assert_array_equal(pixels, before[name])


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda x, *grid: None, "returned nothing"),
        (lambda x, *grid: x[:3], r"returned shape \(3,\)"),
        (lambda x, *grid: x / 0, "infinity or NaN"),
        (lambda x, *grid: 1 / 0 * x, "division by zero"),
    ],
)
def test_what_a_function_cannot_mean_is_one_sentence_and_the_librarys_is_shown(
    bench, answer, sentence
):
    assert_refuses_answers(bench, "qat.lsq_step_gradient", answer, sentence)


def test_a_function_rests_where_it_has_nothing_to_do(bench):
    for name, idle, busy in (
        ("qat.straight_through", "lsq", "straight_through"),
        ("qat.lsq_step_gradient", "straight_through", "lsq"),
    ):
        send(bench, "method", idle)
        function = step_gradient if "lsq" in name else straight_through
        with standing_in(bench, name, function) as standing:
            assert "Your function is for" in standing.note and not standing.works
            send(bench, "method", busy)
            assert standing.works and standing.difference is None


# -- what is said and taken away --------------------------------------------------------


def test_the_table_holds_what_the_pictures_show(bench):
    text = bench.csv()
    assert "levels of the weights of fc2\nvalue,count\n" in text
    runs = networks.quantized_table().runs
    assert sum(line.endswith(",10000,cited") for line in text.split("\n")) == len(runs)


def test_pictures_are_described_in_words(bench):
    bench.settle(everything=False)
    words = bench.page.alts
    assert words["stairs"].startswith("Staircase of LSQ, learned step, 3 levels")
    assert "30,000 weights of fc2 stand on 3 levels" in words["levels"]
    assert "Rounded only, MSE ranges: 1 bits" in words["errors"]


def test_codebooks_are_ready_before_they_are_chosen(bench):
    bench.settle()
    known = {key[:2] for key in bench._quantized if key[0] == "learned_codebook"}
    assert known == {("learned_codebook", bits) for bits in BITS}


def test_the_kernel_never_loads_torch():
    path = networks.trained.FOLDER / "lenet_300_100.safetensors"  # as a training hands one over
    code = (
        "import sys; from qlab.live import Qat; bench = Qat(link='', weight_bits=3); "
        "bench.settle(); bench.training.request(); "
        f"bench.training._asked['output'] = {str(path)!r}; "
        "test = dict(value=0.95, low=0.94, high=0.96, n=10_000); "
        "bench.training.finish(dict(event='done', best_epoch=1, test=test)); bench.settle(); "
        "assert bench.message == '' and bench.result.trained is not None; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)


# -- training ----------------------------------------------------------------------------


@pytest.fixture
def workshop(bench, monkeypatch):
    path = networks.trained.FOLDER / "lenet_300_100.safetensors"
    training = bench.training
    monkeypatch.setattr(training.panel, "_command", (sys.executable, str(PROGRAM), str(path)))
    monkeypatch.setattr(training, "_seed", 2)
    monkeypatch.setattr(training, "_asked", {})
    training._asked = {"method": "none"}
    bench.results.clear()  # of earlier trainings with these seeds
    return bench


@pytest.fixture
def handed_over(workshop, monkeypatch, tmp_path):
    """Let the program hand over this network, or these bytes."""

    def hand_over(network):
        path = tmp_path / "handed.safetensors"
        if isinstance(network, bytes):
            path.write_bytes(network)
        else:
            networks.save(network, path)
        command = (sys.executable, str(PROGRAM), str(path))
        monkeypatch.setattr(workshop.training.panel, "_command", command)
        train(workshop)
        return workshop

    return hand_over


def on_steps(factors):
    """Return LeNet-300-100 on the levels −2 … 2 of a step, of the layer or of each row."""
    net = networks.load("lenet_300_100")
    return net.with_weights(
        {
            name: (np.clip(np.rint(W / 0.1), -2, 2) * factors(len(W))).astype(np.float32)
            for name, W in net.weights.items()
        }
    )


def train(bench):
    bench.training.panel.start()
    return bench.training.panel.job.wait(30)


def test_a_network_trained_here_joins_the_picture_beside_the_tables(workshop):
    send(workshop, "weight_bits", 3)
    assert train(workshop) == "done"
    own = workshop.values["error_own"]
    assert (own.value, own.n, own.source) == (pytest.approx(0.05), 10_000, "measured")
    assert own.note == "beyond noise of the table" and own.label.startswith("Trained here, seed 3")
    assert workshop.result.curves.own == pytest.approx(np.array([[3, 5, 4, 6]]))
    send(workshop, "weight_bits", 2)
    assert "error_own" not in workshop.values
    assert len(workshop.result.curves.own) == 1
    assert "lsq,3,float,3,0.05" in workshop.csv().replace("0.050000000000000044", "0.05")
    send(workshop, "weight_bits", 3)
    code = workshop.code()
    compile(code, "<copied>", "exec")
    assert 'train_quantized(net, mnist, "lsq", 3, None,\n    seed=3, epochs=3' in code


@pytest.mark.parametrize("method", ["lsq", "dorefa"])
def test_the_levels_that_were_trained_here_stand_beside_those_of_the_start(handed_over, method):
    rows = method == "dorefa"  # its normalisation is folded in: each row has its own
    net = on_steps(lambda n: np.linspace(0.5, 1, n)[:, None] if rows else 0.4)
    handed_over(on_steps(lambda n: 0.1)).state.offer({"method": method, "weight_bits": 3})
    bench = handed_over(net)
    assert_shown(bench)
    W, found = net.weights["fc2"], bench.result.trained
    held, counts = np.unique(W, return_counts=True)
    assert_array_equal(found.held, held)
    assert_array_equal(found.counts, counts)
    shown = bench.values
    assert shown["own_levels"].value == len(held)
    assert shown["own_zeros"].value == np.mean(W == 0)
    assert shown["own_gap"].value == pytest.approx(0.5 if rows else 0.4)
    assert shown["own_gap"].note == ("of the first row" if rows else "")
    pictures(bench)
    start, trained = bench.figures["levels"].artists[:2]
    assert trained.get_visible()
    assert_array_equal(trained.get_xdata()[::3], held.astype(float))
    assert_array_equal(trained.get_ydata()[1::3], counts)
    assert_array_equal(start.get_xdata()[::3], bench.result.held.astype(float))
    low, high = trained.axes.get_xlim()
    assert low < held[0] and held[-1] < high
    bench.settle(everything=False)
    assert f"Trained here, they stand on {len(held)}; " in bench.page.alts["levels"]
    seed = bench.result.own.seed
    table = f'\n"the same, trained here, seed {seed}"\nvalue,count\n{float(held[0])},{counts[0]}\n'
    assert table in bench.csv()
    send(bench, "layer", "fc3")
    assert_array_equal(bench.result.trained.held, np.unique(net.weights["fc3"]))
    send(bench, "weight_bits", 4)  # nothing was trained here with these
    pictures(bench)
    assert bench.result.trained is None and not trained.get_visible()
    assert not {"own_levels", "own_gap", "own_zeros"} & set(bench.values)


def test_trained_levels_of_activations_are_those_that_enter_the_layer(handed_over, bench):
    bench.state.offer({"method": "pact", "activation_bits": "2", "side": "activations"})
    spec = QuantSpec(bits=2, signed=False)
    grids = {name: QParams(np.array(0.7), np.array(0), spec) for name in ("fc2", "fc3")}
    handed_over(networks.fake_quantize_inputs(networks.load("lenet_300_100"), grids))
    assert_shown(bench)
    assert bench.result.trained.held == pytest.approx([0, 0.7, 1.4, 2.1])
    assert bench.result.trained.counts.sum() == bench.result.n
    assert bench.values["own_gap"].value == pytest.approx(0.7)
    send(bench, "activation_bits", "float")
    assert bench.result.trained is None
    assert_shown(bench)


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        (b"no network", "read: file must hold a network that qlab saved"),
        (networks.build("mlp_784_128_10", np.random.default_rng(0)), "train: the trained network"),
        (None, "read: file must be a readable network"),
    ],
)
def test_a_trained_network_that_cannot_be_read_is_one_sentence(
    handed_over, monkeypatch, network, sentence
):
    if network is None:  # gone before it was read
        read = networks.read
        monkeypatch.setattr(networks, "read", lambda path: read(f"{path}.gone"))
    bench = handed_over(network or networks.load("lenet_300_100"))
    assert bench.message.startswith(sentence) and "/" not in bench.message
    assert bench.message.count("\n") == 0
    assert bench.state.own == () and bench.result.trained is None
    send(bench, "weight_bits", 3)
    assert_shown(bench)


def test_its_request_is_the_tables_recipe_at_the_present_setting(workshop):
    workshop.state.offer({"method": "pact", "activation_bits": "2", "epochs": 5, "lr": 2e-3})
    train(workshop)
    request, recipe = workshop.training.panel.job.request, networks.quantized_table().recipe
    told = {"task": "quantize", "network": "lenet_300_100", "method": "pact", "weight_bits": 2}
    told |= {"activation_bits": 2, "epochs": 5, "lr": 2e-3, "seed": 3}
    assert told.items() <= request.items()
    for name in set(recipe) - {"epochs", "lr"}:
        assert request[name] == recipe[name]
    train(workshop)
    assert workshop.training.panel.job.request["seed"] == 4  # done: the next is another one


def test_what_was_stopped_goes_on_with_its_seed_and_its_checkpoint(workshop):
    training = workshop.training
    training._seed = 6  # the next is 7, which runs until it is stopped
    training.panel.start()
    training.panel.job.wait(0.5)
    assert "s left" in training.panel.shown.value
    send(workshop, "weight_bits", 4)  # the page is usable meanwhile
    assert_shown(workshop)
    send(workshop, "weight_bits", 2)
    training.panel.stop()
    assert training.panel.job.wait(30) == "done"
    assert training.panel.shown.value.count("Stopped. Kept: epoch") == 1
    first = dict(training.panel.job.request)
    assert [own.stopped for own in workshop.state.own] == [True]
    training.panel.start()
    assert training.panel.job.request == first
    training.panel.stop()
    training.panel.job.wait(30)
    assert len(workshop.state.own) == 1  # the one that went on took its place
    send(workshop, "epochs", 4)
    training.panel.start()
    training.panel.job.wait(30)
    assert training.panel.job.request["seed"] == 8


def test_a_failed_training_says_one_sentence(workshop):
    workshop.training._seed = 5
    assert train(workshop) == "failed"
    assert "no space left" in workshop.training.panel.shown.value
    assert workshop.state.own == ()
    assert_shown(workshop)


def test_the_real_program_trains_measures_and_hands_over_a_network(bench):
    bench.training.recipe = {"epochs": 1, "train_images": 2_000, "batch_size": 64}
    try:
        bench.training.panel.start()
        assert bench.training.panel.job.wait(120) == "done", bench.training.panel.shown.value
    finally:
        bench.training.recipe = {}
    (own,) = bench.state.own
    accuracy = qlab.metrics.accuracy(own.network, qlab.data.load("mnist").test)
    assert bench.values["error_own"].value == pytest.approx(1 - accuracy.value)
    for W in own.network.weights.values():
        assert len(np.unique(W)) <= 3
    threads = torch.get_num_threads()
    try:
        printed, shown = run_code(bench), readings(bench)  # trains once more
    finally:
        torch.set_num_threads(threads)
    assert printed.keys() == shown.keys() and shown["own_levels"] == 3
    for name, value in shown.items():
        assert printed[name] == pytest.approx(value, rel=1e-9, abs=1e-12), name
