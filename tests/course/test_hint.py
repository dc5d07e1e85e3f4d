"""Hints come one by one, the solution last, all counted, nothing taken off."""

import html
import inspect
import re
import sys
from dataclasses import replace

import pytest

from qlab.course import hint as offer
from qlab.course import record, solution
from qlab.course.exercises import all_exercises
from qlab.course.hint import code_of, highlighted

NAME = "affine.quantize"
EVIL = "<script>alert(1)</script>"


def bare(page: str) -> str:
    return re.sub(r"<[^>]+>", "", page)


def test_each_button_opens_the_next() -> None:
    hints = offer(NAME)
    assert [b.disabled for b in hints.buttons] == [False, True, True, True]
    assert hints.shown.value == ""
    for i, text in enumerate(hints.exercise.hints, start=1):
        hints.buttons[i - 1].click()
        assert hints.hand.said == text
        assert f"Hint {i}." in hints.shown.value and f"Hint {i + 1}." not in hints.shown.value
        assert not hints.buttons[i].disabled
    assert "<pre" not in hints.shown.value
    hints.buttons[3].click()
    assert "<pre" in hints.shown.value


def test_what_is_not_open_yet_cannot_be_opened() -> None:
    with pytest.raises(ValueError, match="a number from 1 to 1 is expected, got 2"):
        offer(NAME).reveal(2)


def test_openings_are_counted() -> None:
    hints = offer(NAME)
    for button in hints.buttons:
        button.click()
    hints.buttons[0].click()
    counted = [(e["name"], e["opened"], e["times"]) for e in record().hints]
    assert counted == [
        (NAME, "hint 1", 2),
        (NAME, "hint 2", 1),
        (NAME, "hint 3", 1),
        (NAME, "solution", 1),
    ]


def test_the_solution_is_the_reference_as_it_stands_in_its_file() -> None:
    shown = solution(NAME)
    code = inspect.getsource(all_exercises()[NAME].reference).rstrip()
    assert shown.shown.value == "" and record().hints == []
    shown.button.click()
    assert html.unescape(bare(shown.shown.value)) == code
    assert shown.in_words().endswith(code)
    assert record().hints[0]["opened"] == "solution"


@pytest.mark.parametrize("name", sorted(all_exercises()))
def test_every_exercise_has_a_solution_to_show(name: str) -> None:
    assert "not at hand" not in code_of(all_exercises()[name].reference)


def test_highlighting_changes_no_character() -> None:
    code = (
        'def f(x):\n    """Doc <b>\n    two."""\n    return f"{x}" if x < 1 else None  # ½ & more\n'
    )
    page = highlighted(code)
    assert html.unescape(bare(page)) == code
    assert '<span class="qlab-word">return</span>' in page
    assert '<span class="qlab-remark"># ½ &amp; more</span>' in page


@pytest.mark.parametrize("code", ["def (", '"""open', "a\n  b\n c", EVIL])
def test_what_is_no_python_is_shown_plain(code: str) -> None:
    page = highlighted(code)
    assert "<script" not in page
    assert bare(page).replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"') == code


def test_everything_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    evil = replace(all_exercises()[NAME], title=EVIL, hints=(EVIL, EVIL, EVIL))
    monkeypatch.setattr(sys.modules["qlab.course.hint"], "exercise", lambda name: evil)
    hints = offer(NAME)
    hints.reveal(1)
    assert "<script" not in hints.children[0].value + hints.shown.value
    assert "&lt;script&gt;" in hints.shown.value


def test_headless_it_is_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QLAB_HEADLESS", "1")
    assert offer(NAME)._repr_mimebundle_() == {"text/plain": f"Hints for {NAME}: 0 of 3 open."}


def test_an_unknown_exercise_is_named() -> None:
    with pytest.raises(ValueError, match=r"got 'affine\.quantise'"):
        offer("affine.quantise")
