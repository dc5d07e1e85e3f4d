"""The exhibit in the page, driven without one."""

import html
import logging
import re
from dataclasses import replace
from typing import Any

import pytest

from qlab.course.clinic import Card, clinic, exhibit, exhibits


def page(card: Card) -> str:
    """All HTML of a card."""
    head, _, foot = card.children
    return f"{head.value}{card.readout.value}{card._says.value}{foot.value}"


def test_a_card_says_claim_as_it_stands_measured_true_in_this_order() -> None:
    one = exhibits()["W5"]
    text = page(exhibit("W5"))
    headings = re.findall(r"<h3>(.*?)</h3>", text)
    assert headings == ["Claimed", "As it stands", "Measured", "True"]
    for part in (one.claim, one.fragment, one.truth, one.file, one.reading):
        assert html.escape(part) in text
    assert "It runs." in text


def test_a_failing_claim_is_shown_as_failing_and_one_without_code_as_such() -> None:
    assert "It fails: NameError." in page(exhibit("W4"))
    assert "Nothing to run." in page(exhibit("W27"))


def test_a_moved_control_moves_numbers_words_and_picture() -> None:
    card = exhibit("W3")
    assert card.figure is not None
    before = card.readout.value, card._says.value, card.figure.image.value
    card.controls["bits"].value = 5
    assert card.measurement is not None
    assert card.measurement["claimed_levels"] == 33
    after = card.readout.value, card._says.value, card.figure.image.value
    assert all(a != b for a, b in zip(after, before, strict=True))
    card.controls["bits"].value = 2
    assert (card.readout.value, card._says.value, card.figure.image.value) == before


def test_a_setting_by_code_moves_the_control() -> None:
    card = exhibit("W3")
    card.state.bits = 4
    assert card.controls["bits"].value == 4
    assert card.measurement is not None
    assert card.measurement["claimed_levels"] == 17


@pytest.mark.parametrize("sent", [None, 99, "4", True, float("nan")])
def test_nonsense_from_the_page_is_refused_in_a_sentence_and_all_stays(sent: Any) -> None:
    card = exhibit("W3")
    before = card.readout.value
    card.controls["bits"].set_state({"value": sent})
    assert "a whole number from 1 to 8 is expected" in card.message
    assert card.readout.value == before
    card.controls["bits"].value = 3
    assert card.message == ""


def test_a_measurement_that_breaks_leaves_the_card_alive(caplog: Any) -> None:
    one = exhibits()["W3"]

    def fragile(bits: int = 2) -> Any:
        if bits == 3:
            raise RuntimeError("<secret> path")
        return one.measure(bits=bits)

    card = Card(replace(one, measure=fragile))
    with caplog.at_level(logging.CRITICAL, "qlab.course"):
        card.controls["bits"].value = 3
    assert card.message == "This setting could not be measured (RuntimeError)."
    card.controls["bits"].value = 4
    assert card.message == ""
    assert card.measurement is not None
    assert card.measurement["claimed_levels"] == 17


def test_whatever_an_exhibit_says_is_escaped() -> None:
    one = replace(exhibits()["W5"], claim="<script>1</script>", truth="<b>x</b>", title="a<i>b")
    text = page(Card(one))
    assert "<script>" not in text
    assert "<b>x" not in text
    assert "a<i>b" not in text


def test_a_clinic_turns_to_another_exhibit_and_keeps_what_was_set() -> None:
    steps = clinic("steps")
    first = steps.card
    assert first.exhibit.number == "W1"
    steps.choose("W3").controls["bits"].value = 6
    assert steps.children[-1] is steps.card
    assert steps.card.exhibit.number == "W3"
    steps.menu.value = "W1"
    assert steps.card is first
    assert steps.choose("W3").state.bits == 6


def test_a_clinic_refuses_a_stranger_by_code_and_from_the_page() -> None:
    steps = clinic("steps")
    with pytest.raises(ValueError, match="one of W1, W2"):
        steps.choose("W20")
    steps.menu.set_state({"index": 99})
    assert steps.card.exhibit.number == "W1"


def test_without_a_theme_all_exhibits_are_in_the_menu() -> None:
    assert len(clinic().menu.options) == 27


def test_css_hooks_are_there() -> None:
    card = exhibit("W3")
    assert {"qlab-instrument", "qlab-exhibit", "qlab-exhibit-W3"} <= set(card._dom_classes)
    assert "qlab-bits" in card.controls["bits"]._dom_classes
    assert "qlab-clinic" in clinic("apis")._dom_classes
    for css in ("qlab-claim", "qlab-stands", "qlab-truth", "qlab-file", "qlab-reading"):
        assert css in page(card)


def test_numbers_carry_their_provenance() -> None:
    values = exhibit("W23").readout.values
    assert values["difference"].source == "cited"
    assert values["zoo"].source == "measured"
    assert "10 seeds" in values["difference"].note


def test_pictures_are_described_in_words() -> None:
    card = exhibit("W14")
    assert "straight line" in card.caption.value
