"""Every answer is followed by the explanation of every option, and by no punishment."""

import pytest

from qlab.course import Ask, Item, Number, quiz, record
from qlab.course.quiz import Quiz

EVIL = "<script>alert(1)</script>"
CHOICE = Item(
    question="How many steps do `b` bits give?",
    options={"2^b": "That counts codes.", "2^b − 1": "Between codes lie steps.", "b": "No."},
    right="2^b − 1",
)
NUMBER = Number(
    question="How many dB a bit?", right=6.02, tolerance=0.1, unit="dB", explanation="20 log 2."
)
TEXT = Ask(question="Why?", model="Half a step at most.")


@pytest.fixture
def warm_up() -> Quiz:
    return quiz("02.warm-up", [CHOICE, NUMBER, TEXT])


def test_before_the_answer_nothing_is_given_away(warm_up: Quiz) -> None:
    for part in warm_up.parts:
        assert part.explanation.value == "" and not part.answered
    assert warm_up.parts[0].field.value is None
    assert record().answers == []


def test_a_choice_explains_every_option_and_names_right_and_mine_in_words(warm_up: Quiz) -> None:
    part = warm_up.parts[0]
    part.field.value = "2^b"
    part.button.click()
    shown = part.explanation.value
    for why in CHOICE.options.values():
        assert why in shown
    assert "<strong>2^b</strong> (not this, your choice)" in shown
    assert "<strong>2^b − 1</strong> (right)" in shown
    assert "Not yet" in shown


def test_any_question_can_be_answered_again_and_each_answer_is_kept(warm_up: Quiz) -> None:
    warm_up.parts[0].answer("b")
    warm_up.parts[0].answer("2^b − 1")
    assert not warm_up.parts[0].button.disabled
    assert [(e["key"], e["answer"], e["right"]) for e in record().answers] == [
        ("02.warm-up.1", "b", False),
        ("02.warm-up.1", "2^b − 1", True),
    ]


@pytest.mark.parametrize(
    ("typed", "right"), [("6", True), ("6,12 dB", True), ("5.92", True), ("6.13", False)]
)
def test_a_number_is_right_within_its_tolerance(warm_up: Quiz, typed: str, right: bool) -> None:
    part = warm_up.parts[1]
    part.field.value = typed
    part.button.click()
    assert record().answers[0]["right"] is right
    assert "6.02 ± 0.1 dB" in part.explanation.value and "20 log 2." in part.explanation.value


def test_a_number_is_asked_for_in_its_unit(warm_up: Quiz) -> None:
    assert "(in dB)" in warm_up.parts[1].view.children[0].value


def test_a_text_gets_the_model_answer_and_no_mark(warm_up: Quiz) -> None:
    part = warm_up.parts[2]
    part.field.value = "  because  "
    part.button.click()
    assert "Half a step at most." in part.explanation.value
    (entry,) = record().answers
    assert entry["answer"] == "because" and "right" not in entry


@pytest.mark.parametrize(
    ("i", "given", "sentence"),
    [
        (0, None, "Choose one"),
        (0, "neither", "Choose one"),
        (1, "six", "A number is expected"),
        (1, "", "Type a number"),
        (2, " \n ", "Write a sentence"),
    ],
)
def test_what_is_no_answer_costs_one_sentence(
    warm_up: Quiz, i: int, given: str | None, sentence: str
) -> None:
    part = warm_up.parts[i]
    part.answer(given)
    assert part.note.value.count("<p") == 1 and sentence in part.note.value
    assert part.explanation.value == "" and record().answers == []


def test_everything_is_escaped() -> None:
    evil = quiz(
        EVIL,
        [
            Item(question=EVIL, options={EVIL: EVIL, "b": EVIL}, right="b"),
            Number(question=EVIL, right=1, unit=EVIL, explanation=EVIL),
            Ask(question=EVIL, model=EVIL),
        ],
    )
    for part, given in zip(evil.parts, (EVIL, "2", EVIL), strict=True):
        part.answer(EVIL)
        part.answer(given)
        assert part.answered
        pages = [part.view.children[0].value, part.note.value, part.explanation.value]
        assert not any("<script" in page for page in pages)


def test_fields_are_named_after_their_questions_and_results_are_spoken(warm_up: Quiz) -> None:
    assert warm_up.hand.names["qlab-item-2"] == "How many dB a bit?"
    assert "qlab-item-2" in warm_up.parts[1].field._dom_classes
    warm_up.parts[1].answer("6")
    assert warm_up.hand.said == "Question 2: Right."


def test_headless_it_is_its_questions(warm_up: Quiz, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QLAB_HEADLESS", "1")
    (shown,) = warm_up._repr_mimebundle_().values()
    assert shown.startswith("Quiz, 0 of 3 answered: 1. How many steps")


def test_an_author_owes_every_option_an_explanation() -> None:
    with pytest.raises(ValueError, match="each with an explanation"):
        Item(question="?", options={"a": "because", "b": " "}, right="a")
    with pytest.raises(ValueError, match="right must be one of the options, got 'c'"):
        Item(question="?", options={"a": "x", "b": "y"}, right="c")
    with pytest.raises(ValueError, match="at least one item"):
        quiz("k", [])
