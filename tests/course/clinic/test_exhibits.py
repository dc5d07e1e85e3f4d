"""Every claim is there once, does what it is said to do as it stands, and its control works."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from qlab.course.clinic import NUMBERS, THEMES, accuracy, clinic, exhibit, exhibits
from qlab.course.clinic.exhibit import Exhibit, Outcome, failed, stand

ALL = list(exhibits().values())
each = pytest.mark.parametrize("one", ALL, ids=[one.number for one in ALL])

# What comes out of a claim as it stands: exact, since fragment and numbers are fixed.
GOLDEN: dict[str, Mapping[str, Any]] = {
    "W1": {"y": 37.75},  # 1.3/2 · 255 − 128
    "W2": {"step": 12.5, "levels": 9},
    "W3": {"step": 0.25, "levels": 5},
    "W5": {"code": 13, "means": 162.5},
    "W6": {"x_hat": [4.0, 5.0, 6.0]},
    "W7": {"low": 0.0, "high": 2.0},
    "W9": {"x_q": [0.6, -0.3, 255.0], "moved": 0},
    "W10": {"formula": 0.6, "code": 0},
    "W11": {"x_c": 0.12},
    "W12": {"pruned": 1.4},
    "W13": {"l1": [0.999, 0.999], "l2": [0.9999, 0.9999]},
    "W14": {"w": 0.9**100},
    "W17": {"weights": 2, "activations": 0},
    "W20": {"possible": 0},
    "W21": {"before": 401_408, "after": 401_408},  # 784 · 128 · 4
    "W26": {"built": 177, "meant": 67, "lower": np.log(3 / 2), "higher": np.log(3)},
    "W27": {"article 001": 6, "article 003": 7},
}
FAILS = {"W4": "NameError", "W8": "NameError"}
NOTHING = {"W22", "W23", "W24", "W25", "W27"}

# A truth, as the library gives it, at a setting of the controls.
TRUE: list[tuple[str, dict[str, Any], str, float]] = [
    ("W1", {"bits": 4}, "levels", 15),
    ("W2", {"bits": 8}, "step", 100 / 255),
    ("W2", {"bits": 8, "reach": 1.0}, "error", 0.5 / 255),
    ("W3", {"bits": 3}, "levels", 8),
    ("W3", {"bits": 3}, "claimed_levels", 9),
    ("W3", {"bits": 2}, "clipped", 1 / 4),
    ("W3", {"bits": 2}, "error", 1 / 6),
    ("W4", {"bits": 8}, "claimed_bits", 7),
    ("W4", {"bits": 8}, "bits", 8),
    ("W5", {}, "code", 1),
    ("W5", {}, "value", 12.5),
    ("W7", {"subtract": 1.0}, "low", -1),
    ("W7", {"subtract": 1.0}, "high", 1),
    ("W8", {"reach": 3.0}, "back", 3),
    ("W10", {}, "code", 76),
    ("W10", {}, "back", 76 / 127),
    ("W11", {"alpha": 1.0}, "after", 0),
    ("W12", {}, "error", (0.3**2 + 0.5**2) / 3),
    ("W13", {}, "proximal", 32),
    ("W13", {}, "decay", 0),
    ("W14", {}, "first", 10),
    ("W15", {"by_magnitude": True}, "sparsity", (90_317 + 1_152) / 101_632),  # layer by layer
    ("W16", {}, "claimed_change", 0),
    ("W16", {"alpha": 0.0}, "change", 0),
    ("W19", {"slope": 1.0}, "rest", 0),
    ("W21", {}, "rounded_bytes", 407_080),  # 101,770 parameters of 4 bytes
    ("W21", {}, "packed_bytes", 101_632 + 138 * 4 + 2 * 4),  # codes, biases, scales
    ("W22", {}, "macs", 784 * 128 + 128 * 10),
    ("W22", {}, "added", 4 * (784 + 128)),
    ("W22", {}, "energy", 4.6 / 0.3),
    ("W26", {}, "loss", np.log(1 + np.e)),
]

# Two settings of a control, and the number that has to follow.
MOVES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "W1": ({"bits": 3}, {"bits": 6}, "levels"),
    "W2": ({"bits": 2}, {"bits": 8}, "error"),
    "W3": ({"bits": 2}, {"bits": 5}, "claimed_levels"),
    "W4": ({"bits": 3}, {"bits": 8}, "claimed_bits"),
    "W5": ({"x": 12.5}, {"x": 40.0}, "code"),
    "W6": ({"low": 0.0}, {"low": 3.0}, "claimed_error"),
    "W7": ({"subtract": 0.0}, {"subtract": 1.0}, "low"),
    "W8": ({"reach": 1.0}, {"reach": 2.0}, "back"),
    "W9": ({"bits": 2}, {"bits": 8}, "least"),
    "W10": ({"scaled": True}, {"scaled": False}, "code"),
    "W11": ({"alpha": 0.0}, {"alpha": 0.5}, "after"),
    "W12": ({"keep": 1}, {"keep": 2}, "error"),
    "W13": ({"strength": 0.01}, {"strength": 0.1}, "proximal"),
    "W14": ({"steps": 3}, {"steps": 12}, "l1"),
    "W15": ({"ratio": 0.9}, {"ratio": 0.2}, "sparsity"),
    "W16": ({"alpha": 0.0}, {"alpha": 0.9}, "change"),
    "W17": ({"bits": 2}, {"bits": 6}, "values"),
    "W19": ({"slope": 1.0}, {"slope": 0.0}, "rest"),
    "W20": ({"images": 160}, {"images": 10_000}, "told"),
    "W21": ({"bits": 8}, {"bits": 4}, "packed_bytes"),
    "W23": ({"bits": "8"}, {"bits": "2"}, "difference"),
    "W24": ({"regime": "all"}, {"regime": "few"}, "float_gap"),
    "W25": ({"stress": "shift 1"}, {"stress": "noise 0.2"}, "difference"),
    "W26": ({"first": -2.0}, {"first": 2.0}, "loss"),
    "W27": ({"work": "bnn"}, {"work": "dorefa"}, "wrong"),
}


def test_every_claim_is_an_exhibit_exactly_once() -> None:
    assert tuple(exhibits()) == NUMBERS == tuple(f"W{k}" for k in range(1, 28))
    assert len(ALL) == 27
    assert {one.theme for one in ALL} == set(THEMES)


def test_the_tables_of_this_file_leave_no_exhibit_out() -> None:
    stood = {*GOLDEN, *FAILS, *NOTHING, "W15", "W16", "W18", "W19"}  # these four stand below
    assert stood == set(NUMBERS)
    assert {*MOVES, "W18", "W22"} == set(NUMBERS)  # words, and times, move there


@pytest.mark.parametrize("number", GOLDEN)
def test_a_claim_as_it_stands_gives_its_wrong_number(number: str) -> None:
    values = exhibits()[number].as_it_stands().values
    for name, expected in GOLDEN[number].items():
        assert values[name] == pytest.approx(expected, rel=1e-12), name


@pytest.mark.parametrize(("number", "error"), FAILS.items())
def test_a_claim_that_cannot_run_says_how_it_fails(number: str, error: str) -> None:
    outcome = exhibits()[number].as_it_stands()
    assert (outcome.error, outcome.mark) == (error, f"It fails: {error}.")


@each
def test_the_shown_mark_is_that_of_the_claim(one: Exhibit) -> None:
    outcome = one.as_it_stands()
    assert outcome.nothing == (one.number in NOTHING)
    assert bool(outcome.error) == (one.number in {*FAILS, "W18"})


@pytest.mark.parametrize(("number", "controls", "name", "expected"), TRUE)
def test_the_library_gives_the_true_number(
    number: str, controls: dict[str, Any], name: str, expected: float
) -> None:
    found = exhibits()[number].measure(**controls)[name]
    # float32 has 24 bits, and numbers up to 1 pass a few operations
    assert found == pytest.approx(expected, rel=2**-20, abs=2**-22)


@pytest.mark.parametrize("number", MOVES)
def test_a_control_moves_the_measurement(number: str) -> None:
    before, after, name = MOVES[number]
    measure = exhibits()[number].measure
    assert measure(**before)[name] != measure(**after)[name]


def test_the_claimed_round_trip_is_off_by_the_minimum() -> None:
    found = exhibits()["W6"].measure(low=-3.0, bits=8)
    step = 4 / 255
    assert 3 - step / 2 <= found["claimed_error"] <= 3 + step / 2
    assert found["error"] <= found["half"] * (1 + 1e-5)


def test_least_squares_is_no_worse_than_the_extremes_and_the_claim_changes_nothing() -> None:
    found = exhibits()["W9"].measure(bits=3)
    assert found["least"] < found["widest"]
    assert (found["moved"], found["levels"]) == (0, 7)


def test_a_correction_shrinks_the_squared_error_by_the_square_and_needs_the_floats() -> None:
    found = exhibits()["W11"].measure(alpha=0.5, bits=3)
    assert found["after"] == pytest.approx(found["before"] / 4, rel=1e-4)
    without = exhibits()["W11"].measure(alpha=0.0, bits=3)
    assert found["bytes"] - without["bytes"] == 4 * 101_632


def test_weights_cast_to_integers_answer_at_chance() -> None:
    found = {value.name: value for value in exhibits()["W10"].measure().values}
    assert found["cast"].high < 0.2 < 0.9 < found["accuracy"].low


def test_the_claimed_mask_keeps_the_share_and_one_step_undoes_it() -> None:
    asked = exhibits()["W15"].as_it_stands().values["sparsity"]
    assert asked == pytest.approx(0.1, abs=0.005)  # five standard deviations of 100,352 draws
    found = exhibits()["W15"].measure(ratio=0.9, by_magnitude=True)
    assert found["free"] < 0.1
    assert found["held"] == 0.9


def test_the_claimed_loss_does_not_hear_the_teacher_and_the_copy_is_the_student() -> None:
    values = exhibits()["W16"].as_it_stands().values
    assert values["loss"] == values["nonsense"]
    assert values["copied"] < values["teacher"]


def test_the_claimed_layers_are_one_and_a_bend_is_not() -> None:
    assert exhibits()["W19"].as_it_stands().values["apart"] < 1e-12
    assert exhibits()["W19"].measure(slope=0.0)["rest"] > 0.05


def test_raw_outputs_that_sum_to_zero_have_no_loss_and_the_exhibit_says_so() -> None:
    found = exhibits()["W26"].measure(first=0.0, second=0.0)
    assert "undefined" in found.says
    assert found["loss"] == pytest.approx(np.log(2))


def test_times_are_measured_and_the_simulation_costs_no_mac() -> None:
    found = exhibits()["W22"].measure(bits=4, images="1")
    assert found["macs"] == found["simulated_macs"]
    assert min(found["float"], found["simulated"], found["integers"]) > 0


@each
def test_an_exhibit_measures_at_its_defaults_what_its_controls_show_first(one: Exhibit) -> None:
    values = one.state().values()
    assert set(values) == set(one.controls)
    first, again = one.measure(), one.measure(**values)
    assert [v.name for v in first.values] == [v.name for v in again.values]
    assert all(v.source in ("measured", "derived", "cited", "estimated") for v in first.values)


@each
def test_an_exhibit_says_claim_file_truth_and_source(one: Exhibit) -> None:
    text = one.text()
    for part in (one.number, one.claim, one.file, one.truth, one.reading):
        assert part and part in text
    assert "article" in one.file


def test_the_right_references_are_those_of_the_papers() -> None:
    truth = exhibits()["W27"].truth
    for address in ("1510.00149", "1603.05279", "1606.06160", "1602.02830"):
        assert f"arXiv:{address}" in truth
    assert "could not be found" in truth


def test_a_fragment_that_was_to_fail_and_runs_is_noticed() -> None:
    with pytest.raises(AssertionError, match="expected to fail"):
        failed(stand("x = 1")[1])


def test_an_unknown_exhibit_theme_or_number_is_refused() -> None:
    with pytest.raises(ValueError, match="W1 to W27 expected"):
        exhibit("W28")
    with pytest.raises(ValueError, match="one of steps, corrections"):
        clinic("history")
    with pytest.raises(ValueError, match="number must be W1 to W27"):
        _exhibit(number="W0")


def test_an_exhibit_without_a_control_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a control"):
        _exhibit(controls={})


def _exhibit(**changes: Any) -> Exhibit:
    one = exhibits()["W3"]
    names = ("number", "theme", "title", "claim", "file", "controls", "measure", "truth", "reading")
    fields = {name: getattr(one, name) for name in names}
    fields["as_it_stands"] = lambda: Outcome(says="")
    return Exhibit(**{**fields, **changes})


def test_no_count_of_five_batches_prints_as_the_claimed_accuracy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    printed = {n: {f"{k / n:.4f}" for k in range(n + 1)} for n in range(97, 161)}
    assert not any("0.8860" in printed[n] for n in range(129, 161))  # 4 · 32 + 1 to 5 · 32
    assert accuracy._possible() == []
    monkeypatch.setattr(accuracy, "BATCHES", 4)  # where there is one, it is found, and no other
    assert [n for _, n in accuracy._possible()] == [
        n for n in range(97, 129) if "0.8860" in printed[n]
    ]
    assert (101, 114) in accuracy._possible()


def test_the_log_of_the_claim_has_129_to_160_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accuracy, "PRINTED", 1.0)  # any number of images can be all right
    assert [n for k, n in accuracy._possible() if k == n] == list(range(129, 161))
