"""A prediction stands before the instrument, and beside the measurement once it is made."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from qlab.course import predict, record
from qlab.course.lock import lock_of
from qlab.course.predict import Prediction
from qlab.live import Quantize
from qlab.metrics import Measured, wilson
from tests.live.driving import send
from tests.live.toy import Toy

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def toy() -> Toy:
    return Toy(link="")


def ask(toy: Toy, **changes: Any) -> Prediction:
    asked = {"at": {"power": 3}, "reads": "total"} | changes
    return predict("00.sum", "What is the sum?", toy, **{"reads": "last", **asked})


def opened(instrument: Any) -> bool:
    return not any(c.disabled for n, c in instrument.controls.items() if n != "network")


def shown(widget: Any) -> str:
    """The words of a piece of HTML."""
    return re.sub(r"<[^>]+>", " ", widget.value)


@pytest.fixture(scope="module")
def bench() -> Quantize:
    return Quantize(bits=8, link="")


def share(n: int) -> Measured:
    return wilson(n, 100)


# -- the instrument waits -----------------------------------------------------------


def test_every_control_is_disabled_until_the_answer_and_the_instrument_says_why(toy: Toy) -> None:
    prediction = ask(toy, reads="last")
    for control in (*toy.controls.values(), toy.presets, toy.reset_button):
        assert control.disabled
    said = " ".join(child.value for child in toy.children if hasattr(child, "value"))
    assert "Locked until you predict" in said and "What is the sum?" in said
    prediction.answer("3")
    for control in (*toy.controls.values(), toy.presets, toy.reset_button):
        assert not control.disabled
    assert "Locked" not in " ".join(c.value for c in toy.children if hasattr(c, "value"))


def test_pictures_and_numbers_give_nothing_away(toy: Toy) -> None:
    results, page = toy.children[-1].children[-1], toy.page
    assert "qlab-results" in results._dom_classes
    prediction = ask(toy, reads="last")
    assert (results.layout.display, page.layout.display) == ("none", "none")
    prediction.show_anyway()
    assert (results.layout.display, page.layout.display) == (None, None)


def test_a_control_that_the_instrument_enables_itself_stays_closed(toy: Toy) -> None:
    prediction = ask(toy, reads="last")
    toy.state.power = 4  # by code: menus sync themselves
    toy.controls["shape"].disabled = False
    assert toy.controls["shape"].disabled
    prediction.answer("1")
    assert not toy.controls["shape"].disabled


def test_a_control_that_was_disabled_before_is_so_afterwards(toy: Toy) -> None:
    toy.reset_button.disabled = True
    ask(toy, reads="last").answer("1")
    assert toy.reset_button.disabled


def test_show_anyway_opens_without_an_answer_and_shows_the_measurement(toy: Toy) -> None:
    prediction = ask(toy, reads="last")
    prediction.show_button.click()
    assert opened(toy) and not prediction.answered
    assert toy.state.power == 3
    assert "Measured, Power 3" in shown(prediction.outcome)
    assert record().predictions == []


def test_what_was_in_sight_is_no_prediction(toy: Toy) -> None:
    prediction = ask(toy, reads="last")
    prediction.show_anyway()
    prediction.answer("0.7")
    assert record().predictions[0]["seen"] is True
    assert record().calibration().numbers == 0


def test_two_questions_keep_it_closed_until_both_are_answered(toy: Toy) -> None:
    first = predict("a", "First?", toy, reads="last")
    second = predict("b", "Second?", toy, reads="last")
    first.answer("1")
    assert not opened(toy)
    second.answer("1")
    assert opened(toy)


def test_the_cell_run_twice_asks_once(toy: Toy) -> None:
    ask(toy, reads="last")
    ask(toy, reads="last").answer("1")
    assert opened(toy) and not lock_of(toy).closed


def test_an_open_instrument_still_moves(toy: Toy) -> None:
    ask(toy, reads="last").answer("1")
    send(toy, "power", 5)
    assert toy.state.power == 5


# -- the measurement ----------------------------------------------------------------


def test_it_is_measured_where_it_was_asked_and_with_all_images(bench: Quantize) -> None:
    prediction = predict("02.3", "How accurate?", bench, at={"bits": 3})
    prediction.number.value = "99,9 %"
    prediction.answer_button.click()
    assert bench.state.bits == 3
    accuracy = bench.values["accuracy"]
    assert (accuracy.n, accuracy.source) == (10_000, "measured")
    entry = record().predictions[0]
    assert entry["measured"] == pytest.approx(100 * accuracy.value, abs=1e-9)
    assert (entry["low"], entry["high"]) == pytest.approx((100 * accuracy.low, 100 * accuracy.high))
    points = f"{99.9 - 100 * accuracy.value:.1f} points too optimistic"
    assert points in shown(prediction.outcome)
    assert accuracy.interval in shown(prediction.outcome)
    assert "n = 10,000" in shown(prediction.outcome)
    assert f"on average {points}; 0 of 1 met" in shown(prediction.outcome)
    assert record().calibration().last == f"{points} at 3 bits"


def test_a_number_inside_the_interval_is_within_noise(toy: Toy) -> None:
    prediction = ask(toy, reads=lambda instrument: share(83), unit="%")
    prediction.answer("80 %")
    assert "Within noise" in shown(prediction.outcome)
    assert record().calibration().hits == 1


def test_a_margin_can_meet_what_the_number_missed(toy: Toy) -> None:
    prediction = ask(toy, reads=lambda instrument: 50.0, unit="dB")
    prediction.answer("44", "6 dB")
    assert "6 dB too low, within what you gave or took" in shown(prediction.outcome)
    assert record().calibration().hits == 1


def test_the_settings_not_asked_about_stay(toy: Toy) -> None:
    toy.state.shift = 0.5
    ask(toy, reads="last").answer("1")
    assert (toy.state.power, toy.state.shift) == (3, 0.5)


def test_the_measurement_is_the_settled_one(toy: Toy) -> None:
    seen: list[bool] = []

    def read(instrument: Toy) -> float:
        seen.append("total" in instrument.values)
        return instrument.values["total"].value

    ask(toy, reads=read).answer("1")
    assert seen == [True]


@pytest.mark.parametrize("value", ["abc", "250 %", "NaN", "", "-1", EVIL])
def test_what_is_no_answer_costs_one_sentence(toy: Toy, value: str) -> None:
    prediction = ask(toy, reads=lambda instrument: share(83), unit="%")
    prediction.answer(value)
    assert prediction.note.value.count("<p") == 1 and EVIL not in prediction.note.value
    assert not prediction.answered and not opened(toy) and record().predictions == []
    prediction.answer("83")
    assert prediction.answered and prediction.note.value == ""


def test_a_measurement_that_fails_is_one_sentence_and_show_anyway_still_opens(toy: Toy) -> None:
    prediction = ask(toy, reads=lambda instrument: 1 / 0)
    prediction.answer("1")
    assert "ZeroDivisionError" in prediction.note.value and record().predictions == []
    prediction.show_anyway()
    assert opened(toy)


# -- choices ------------------------------------------------------------------------


def which(instrument: Toy) -> str:
    return "up" if instrument.values["last"].value > 0 else "down"


def test_a_choice_is_compared_with_the_one_that_holds(toy: Toy) -> None:
    prediction = ask(toy, reads=which, choices=["up", "down"])
    prediction.answer_button.click()
    assert "Choose one of the answers first" in prediction.note.value
    prediction.choice.value = "down"
    prediction.answer_button.click()
    assert "It turned out otherwise" in shown(prediction.outcome)
    prediction.again_button.click()
    prediction.choice.value = "up"
    prediction.answer_button.click()
    assert "That is what was measured" in shown(prediction.outcome)
    assert [e["right"] for e in record().predictions] == [False, True]
    assert str(record().calibration()) == "Your choices: 0 of 1 right."


def test_a_measurement_that_is_none_of_the_choices_is_said(toy: Toy) -> None:
    prediction = ask(toy, reads=lambda instrument: "sideways", choices=["up", "down"])
    prediction.answer("up")
    assert "fits none of the answers: sideways" in prediction.note.value


# -- again, and another day ---------------------------------------------------------


def test_again_asks_once_more_and_keeps_the_first_answer(toy: Toy) -> None:
    prediction = ask(toy, reads="last")
    prediction.answer("1")
    assert prediction.number.disabled and prediction.answer_button.disabled
    prediction.again_button.click()
    assert not prediction.number.disabled and prediction.outcome.value == ""
    assert opened(toy)  # seen is seen
    prediction.answer("2")
    assert [e["predicted"] for e in record().predictions] == [1, 2]
    assert record().calibration().numbers == 1


def test_on_another_day_the_answer_stands_there_and_the_instrument_is_open(toy: Toy) -> None:
    ask(toy, reads="last").answer("1")
    tomorrow = Toy(link="")
    prediction = ask(tomorrow, reads="last")
    assert opened(tomorrow) and prediction.answered
    assert "You said" in shown(prediction.outcome)


@pytest.mark.parametrize("odd", [{"measured": []}, {"predicted": "<b>"}, {"low": "x"}, {"n": {}}])
def test_an_entry_edited_into_nonsense_is_asked_again(
    toy: Toy, record_path: Path, odd: dict[str, Any]
) -> None:
    ask(toy, reads="last").answer("1")
    content = json.loads(record_path.read_text(encoding="utf-8"))
    content["predictions"][0] |= odd
    record_path.write_text(json.dumps(content), encoding="utf-8")
    assert not ask(Toy(link=""), reads="last").answered


# -- nobody looks -------------------------------------------------------------------


def test_headless_nothing_blocks_and_nothing_is_answered(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QLAB_HEADLESS", "1")
    prediction = ask(toy, reads="last")
    assert opened(toy) and not prediction.answered and record().predictions == []
    shown = prediction._repr_mimebundle_()
    assert shown == {"text/plain": "Predict: What is the sum? (not answered)"}


def test_with_a_page_it_is_a_widget_with_words_beside_it(toy: Toy) -> None:
    bundle = ask(toy, reads="last")._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "application/vnd.jupyter.widget-view+json"}


# -- escaping, names, the author's mistakes ------------------------------------------


def test_everything_is_escaped(toy: Toy) -> None:
    prediction = predict(EVIL, EVIL, toy, reads=lambda i: EVIL, choices=[EVIL, "b"], where=EVIL)
    prediction.answer(EVIL)
    pages = [prediction.children[0].value, prediction.outcome.value]
    predict("x", EVIL, toy, reads="last", unit=EVIL)
    pages += [child.value for child in toy.children if hasattr(child, "value")]
    assert not any("<script" in page for page in pages)
    assert all("&lt;script&gt;" in page for page in pages[:2])


def test_fields_have_names_for_screen_readers(toy: Toy) -> None:
    prediction = ask(toy, reads="last")
    names = prediction.hand.names
    assert names["qlab-predicted"] == "Your prediction" and "qlab-margin" in names
    assert "qlab-predicted" in prediction.number._dom_classes
    assert "qlab-primary" in prediction.answer_button._dom_classes  # what Enter presses
    prediction.answer("1")
    assert "You said" in prediction.hand.said
    assert 'role="img"' in prediction.outcome.value and "aria-label=" in prediction.outcome.value


def test_an_author_who_asks_for_what_is_not_there_is_told(toy: Toy) -> None:
    with pytest.raises(ValueError, match=r"at must name settings.*got 'bits'"):
        ask(toy, at={"bits": 3})
    with pytest.raises(ValueError, match="power must be a whole number from 1 to 5, got 9"):
        ask(toy, at={"power": 9})
    with pytest.raises(ValueError, match=r"reads must name a number.*got 'accuracy'"):
        predict("k", "?", toy)
    with pytest.raises(ValueError, match="with choices, reads must be a function"):
        ask(toy, reads="last", choices=["a", "b"])
