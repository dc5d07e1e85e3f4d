"""What the questions of labs 00, 02, 12, 16 and 22 hold for right is computed here."""

import json
from pathlib import Path

import numpy as np
import pytest

from qlab import core, data, distillation, metrics, networks, pruning, ranges
from qlab.core import QuantSpec
from qlab.course import Ask, Item, Number, clinic
from qlab.course.exercises import exercise
from qlab.course.questions import lab_00, lab_02, lab_12, lab_16, lab_22
from qlab.live import Distil, Quantize
from qlab.networks import Network


@pytest.fixture(scope="module")
def net() -> Network:
    return networks.load("lenet_300_100")


def number(question: object) -> Number:
    assert isinstance(question, Number)
    return question


def option(question: object, start: str) -> str:
    """Return the explanation of the right option, which begins so."""
    assert isinstance(question, Item)
    assert question.right.startswith(start)
    return question.options[question.right]


def ends(correct: int, n: int) -> list[str]:
    seen = metrics.wilson(correct, n)
    return [f"{100 * end:.1f}" for end in (seen.low, seen.high)]


def test_the_intervals_of_lab_00_are_wilsons() -> None:
    assert ends(98, 100) == ["93.0", "99.4"]  # 99.45 lies below: 0.99449…
    assert ends(97, 100) == ["91.5", "99.0"]
    for question in (lab_00.WARM_UP[0], lab_00.EXPLAIN[0]):
        assert isinstance(question, Item)
        assert "93.0" in "".join(question.options.values())
    assert metrics.within_noise(metrics.wilson(97, 100), metrics.wilson(98, 100))


def test_the_number_of_images_of_lab_00_is_where_the_intervals_part() -> None:
    asked = number(lab_00.EXPLAIN[1])

    def apart(n: int) -> bool:
        pair = (metrics.wilson(round(share * n), n) for share in (0.984, 0.982))
        return not metrics.within_noise(*pair)

    assert not apart(10_000)
    first = next(n for n in range(10_000, 100_000, 500) if apart(n))
    assert asked.holds(first)
    assert not asked.holds(10_000)


def test_packed_codes_of_lab_00_are_the_librarys() -> None:
    codes = np.zeros(25, np.int8)
    assert number(lab_00.WARM_UP[2]).right == core.pack(codes, bits=4).nbytes


def test_the_bug_of_lab_00_is_the_one_that_its_question_describes() -> None:
    wald = exercise("meters.wilson").mutants[0]
    assert wald.name == "wald"  # the notebook takes the first
    assert wald.function(5, 5) == (1.0, 1.0)
    assert wald.function(98, 100)[1] > 1
    seen = metrics.wilson(9_840, 10_000)
    apart = np.abs(np.subtract(wald.function(9_840, 10_000), (seen.low, seen.high)))
    assert 100 * apart.max() == pytest.approx(0.02, abs=0.005)  # "two hundredths of a point"


def test_the_scales_of_lab_02_are_the_librarys() -> None:
    assert int(option(lab_02.WARM_UP[0], "7") and 7) == 2 * QuantSpec(bits=3).quant_max + 1
    eight = core.qparams_between(-1.0, 1.55, QuantSpec(bits=8, symmetric=False))
    assert number(lab_02.WARM_UP[2]).holds(float(eight.scale))
    assert not number(lab_02.WARM_UP[2]).holds(2.55 / 256)
    row = np.array([-1.5, 0.3, 0.25, -0.6, 0.9])
    three = ranges.minmax(row, QuantSpec(bits=3, symmetric=False))
    assert number(lab_02.EXPLAIN[0]).holds(float(three.scale))
    assert int(three.zero_point) == 0
    assert (three.spec.quant_min, three.spec.quant_max) == (-4, 3)


def test_the_decibels_of_lab_02_are_measured(net: Network) -> None:
    W = np.concatenate([one.ravel() for one in net.weights.values()])
    said = option(lab_02.EXPLAIN[1], "A few weights err more")
    for method in (ranges.minmax, ranges.mse):
        small = networks.quantize_weights(net, QuantSpec(bits=3), method).network
        W_hat = np.concatenate([one.ravel() for one in small.weights.values()])
        assert f"{metrics.sqnr(W, W_hat):.2f} dB" in said
    x = np.random.default_rng(0).uniform(-1, 1, 100_000)
    grid = ranges.minmax(x, QuantSpec(bits=10))
    kept = [core.fake_quantize(x, grid, how) for how in (core.nearest, core.toward_zero)]
    near, cut = (metrics.sqnr(x, x_hat) for x_hat in kept)
    assert number(lab_02.EXPLAIN[2]).holds(near - cut)


def test_the_bytes_and_the_shares_of_lab_12_are_the_librarys(net: Network) -> None:
    pruned = networks.prune(net, pruning.magnitude(net.weights, 0.9))
    biases = 4 * 410
    asked = number(lab_12.EXPLAIN[0])
    assert asked.right == metrics.bytes_bitmap(pruned).total - biases
    assert metrics.bytes_dense(pruned).total - biases == 1_064_800
    assert round(1_064_800 / asked.right, 1) == 7.6
    masks = pruning.magnitude(net.weights, 0.9, scope="global")
    kept = {name: f"{mask.mean():.0%}" for name, mask in masks.items()}
    assert (kept["fc3"], kept["fc1"]) == ("58%", "8%")
    sizes = {name: float(np.abs(W).mean()) for name, W in net.weights.items()}
    assert option(lab_12.EXPLAIN[2], "The weights of fc3 are larger.")
    assert sizes["fc3"] > sizes["fc2"] > sizes["fc1"]


def test_the_article_of_lab_12_lost_the_weight_that_goes_last() -> None:
    W = np.array([0.6, 0.3, 0.5])
    assert (W * pruning.magnitude(W, 2 / 3)).tolist() == [0.6, 0, 0]
    assert option(lab_12.EXPLAIN[1], "[0.6, 0, 0]")
    assert number(lab_12.WARM_UP[0]).right == 25 - round(0.6 * 25)


def test_the_draws_of_lab_12_range_as_its_model_answer_says(net: Network) -> None:
    test = data.load("mnist").test
    draws = (pruning.random(net.weights, 0.5, seed) for seed in range(5))
    seen = [metrics.accuracy(networks.prune(net, one), test).value for one in draws]
    assert f"{100 * min(seen):.0f} to {100 * max(seen):.0f} %" in lab_12.EXPLAIN[-1].model


def test_the_numbers_of_lab_16_are_the_librarys() -> None:
    ten = distillation.entropy(np.full(10, 0.1)) / np.log(2)
    assert number(lab_16.WARM_UP[1]).holds(float(ten))
    assert option(lab_16.WARM_UP[2], "Infinite.")
    teacher, student = np.array([0.9, 0.1]), np.array([1.0, 0.0])
    with np.errstate(divide="ignore"):
        assert exercise("distillation.kl").reference(teacher, student) == np.inf
    p = distillation.soft_targets(np.array([5.0, 3.0, -1.0]), temperature=2)
    assert number(lab_16.EXPLAIN[0]).holds(float(p[0] / p[1]))


def test_the_soft_gradient_of_lab_16_falls_to_a_quarter_with_each_doubling() -> None:
    assert "a quarter with each doubling" in option(lab_16.EXPLAIN[1], "The teacher's share")
    s, t, y = np.array([[2.0, 1.0, 0.0]]), np.array([[5.0, 2.0, 1.0]]), np.array([0])
    sizes = [
        np.linalg.norm(distillation.loss_gradient(s, t, y, T, alpha=1, t_squared=False))
        for T in (64, 128)
    ]
    assert sizes[1] / sizes[0] == pytest.approx(1 / 4, rel=0.02)


def test_the_errors_of_lab_16_are_those_of_the_zoo() -> None:
    bench = Distil(temperature=4.0)
    said = lab_16.EXPLAIN[2]
    assert isinstance(said, Item)
    assert said.right == "The one with few images."
    for student, option_, gains in (
        ("student_30", "The smaller one: it needs help.", False),
        ("student_100", "The one with few images.", True),
    ):
        assert bench.state.offer({"student": student}) == []
        found, alone = bench.values["error_mean"], bench.values["error_alone"]
        for value in (found, alone):
            assert value.text in said.options[option_]
        assert ("within noise" not in found.note) == gains
        assert (found.high < alone.low) == gains


def seeds(regime: str, precision: str, name: str) -> np.ndarray:
    """Return the clinic's numbers as its file has them, a seed each."""
    file = Path(clinic.__file__).parent / "measured.json"
    return np.array(
        json.loads(file.read_text(encoding="utf-8"))["per_seed"][regime][precision][name]
    )


def lost(regime: str, bits: str, name: str) -> np.ndarray:
    return 100 * (seeds(regime, bits, name) - seeds(regime, "float", name))


T_95_OF_4, T_95_OF_20 = 3.110935, 4.145788  # scipy.stats.t.ppf(1 - 0.05 / m / 2, 9)


def interval(d: np.ndarray, t: float) -> tuple[float, float]:
    half = t * d.std(ddof=1) / np.sqrt(d.size)
    return d.mean() - half, d.mean() + half


def test_the_warm_up_of_lab_22_has_wilsons_interval_and_the_librarys_step() -> None:
    low, high = ends(142, 160)
    assert f"from {float(low):.0f} to {float(high):.0f} %" in option(lab_22.WARM_UP[0], "Nothing.")
    assert abs(142 / 160 - 0.886) == min(abs(k / 160 - 0.886) for k in range(161))
    two = core.qparams_between(0.0, 1.0, QuantSpec(bits=2, signed=False, symmetric=False))
    step = number(lab_22.WARM_UP[1])
    assert step.holds(float(two.scale))
    assert not any(step.holds(wrong) for wrong in (1 / 4, 1 / 2))  # range/2^bits, range/bits


def test_the_predictions_of_lab_22_hold_within_the_intervals_of_the_seeds() -> None:
    asked = number(lab_22.PREDICT[0])
    low, high = interval(lost("all", "3", "clean"), T_95_OF_4)
    inside, outside = (low + 0.001, high - 0.001), (low - 0.001, high + 0.001, 0)
    assert all(asked.holds(x) for x in inside)
    assert not any(asked.holds(x) for x in outside)
    low, high = interval(lost("all", "4", "noise 0.2"), T_95_OF_20)
    assert low < 0 < high
    assert f"{high:+.2f}" in option(lab_22.PREDICT[1], "no effect seen")


def test_the_network_of_lab_22_lies_outside_the_interval_of_the_seeds() -> None:
    bench = Quantize(network="mlp_784_128_10", bits=3, activation_bits=3)
    bench.settle(everything=False)
    assert "lies far outside" in number(lab_22.PREDICT[0]).explanation
    assert 100 * bench.values["change"].value < 3 * lost("all", "3", "clean").min()


def test_the_interval_that_lab_22_asks_for_is_that_of_one_comparison() -> None:
    asked, d = number(lab_22.EXPLAIN[0]), lost("all", "4", "clean")
    assert f"{d.std(ddof=1):.3f} points" in asked.question
    by_hand = 2.262 * round(float(d.std(ddof=1)), 3) / np.sqrt(10)  # as the question gives them
    assert asked.holds(by_hand)
    assert asked.holds(round(by_hand, 2))
    judged_as_four = (interval(d, T_95_OF_4)[1] - interval(d, T_95_OF_4)[0]) / 2
    for wrong in (judged_as_four, 2.262 * d.std(ddof=1), 1.96 * d.std(ddof=1) / np.sqrt(10)):
        assert not asked.holds(wrong)


def test_the_networks_of_lab_22_forget_on_both_splits_at_2_bits() -> None:
    said = option(lab_22.EXPLAIN[1], "The networks forgot")
    train, test = (lost("few", "2", name) for name in ("train", "clean"))
    assert train.max() < 0 and test.max() < 0
    for d in (train, test):
        assert f"−{-d.mean():.2f}" in said
    assert (train - test).mean() < 0  # the gap closes


def test_the_model_answer_of_lab_22_says_no_more_than_was_seen() -> None:
    asked = lab_22.EXPLAIN[-1]
    assert isinstance(asked, Ask)
    four, eight = (interval(lost("all", bits, "clean"), T_95_OF_4) for bits in ("4", "8"))
    assert f"−{-four[0]:.2f} to −{-four[1]:.2f}" in asked.model
    assert -1 < four[0] < four[1] < -0.1  # "some tenths of a point"
    assert f"−{-eight[0]:.3f} to +{eight[1]:.3f}: no effect seen" in asked.model
    assert max(-eight[0], eight[1]) < 0.1  # "a few hundredths of a point"
