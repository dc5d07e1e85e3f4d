"""What a check says: in words first, the smallest failing case, the mistake by its name."""

import html.parser
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qlab.course
from qlab.course.check import check, judge
from qlab.course.diagnosis import CLOSE, alike
from qlab.course.exercises import exercise
from qlab.course.shown import kind, shown
from qlab.course.verdict import Verdict

QUANTIZE = exercise("affine.quantize")
DEQUANTIZE = exercise("affine.dequantize")


@pytest.fixture(autouse=True)
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what these tests record away from the learner's own file."""
    path = tmp_path / "record.json"
    monkeypatch.setenv("QLAB_RECORD", str(path))
    return path


def dequantized(function: Any, **settings: Any) -> Verdict:
    return judge(DEQUANTIZE, function, **settings)


class Tags(html.parser.HTMLParser):
    """Collects what an HTML text holds, and sees that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


# ---------------------------------------------------------------- states


def not_started(q: Any, scale: Any, zero_point: Any) -> Any:
    """Still to be written."""
    raise NotImplementedError


def loops(q: Any, scale: Any, zero_point: Any) -> Any:
    while True:
        pass


STATES: dict[str, tuple[Any, str]] = {
    "right": (DEQUANTIZE.reference, "passed"),
    "to write": (not_started, "not started"),
    "no function": (None, "not started"),
    "wrong": (lambda q, s, z: q * s, "failed"),
    "raises": (lambda q, s, z: q @ z, "error"),
    "too few arguments": (lambda q: q, "error"),
    "exits": (lambda q, s, z: os._exit(3), "crashed"),
    "loops": (loops, "timeout"),
    "returns nothing": (lambda q, s, z: None, "failed"),
    "returns too much": (lambda q, s, z: np.zeros(1 << 27), "failed"),
    "returns a generator": (lambda q, s, z: (one for one in q), "failed"),
}


@pytest.mark.parametrize("case", STATES)
def test_a_verdict_has_a_state_a_text_and_a_json_for_whatever_a_function_does(case: str) -> None:
    function, state = STATES[case]
    verdict = check("affine.dequantize", function, seconds=0.5 if case == "loops" else 30)
    assert verdict.state == state
    assert verdict.passed == (state == "passed")
    assert json.loads(json.dumps(verdict.to_json()))["state"] == state
    assert repr(verdict).startswith("affine.dequantize: ")
    assert Tags(verdict._repr_html_()).text.startswith("affine.dequantize: ")


def test_a_function_that_is_not_written_yet_is_neither_red_nor_wrong() -> None:
    verdict = dequantized(not_started)
    assert repr(verdict) == (
        "affine.dequantize: not started. Write the function, then run this cell again."
    )
    assert verdict.lines == ()
    assert "#a84300" not in verdict._repr_html_()


def test_a_name_in_place_of_a_function_is_answered_in_words() -> None:
    verdict = dequantized("quantize")
    for text in (repr(verdict), verdict._repr_html_()):
        assert "Remark: a function is expected, got a text" in text


def test_a_name_that_no_exercise_has_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"exercise: one of .*affine\.quantize.* got 'affine\.q'"):
        check("affine.q", print)


# ---------------------------------------------------------------- what it says


def test_every_property_has_a_line_in_words_and_tidiness_comes_last() -> None:
    verdict = dequantized(lambda q, s, z: (q.astype(int) - z) / s)
    sentences = [one.sentence for one in DEQUANTIZE.properties]
    assert [line.sentence for line in verdict.lines[:-1]] == sentences
    assert verdict.lines[-1].sentence.startswith("your arguments stay as they were")
    assert [line.state for line in verdict.lines] == ["ok", "not yet", "ok", "not yet", "ok"]
    for line in verdict.lines:
        assert f"{line.state:<10}{line.sentence[:40]}" in repr(verdict)


def test_the_smallest_failing_case_is_shown_with_names_expected_and_got() -> None:
    verdict = dequantized(lambda q, s, z: (q.astype(int) - z) / s)
    assert verdict.failure is not None
    assert verdict.failure.sentence == "one code more is one step more"
    assert verdict.failure.arguments == (
        ("q", "[2, 1] (int64)"),
        ("scale", "0.5"),
        ("zero_point", "1"),
    )
    assert verdict.failure.expected == "[0.5 0. ]"
    assert verdict.failure.got == "[2., 0.] (float64)"
    text = repr(verdict)
    assert text.index("Smallest case") < text.index("expected") < text.index("The mistake:")


def test_the_mistake_is_named_when_a_known_wrong_version_does_the_same() -> None:
    verdict = dequantized(lambda q, s, z: (q.astype(np.float32) - z) * (1 / s) / 1.0)
    assert verdict.mistake == "divided"
    assert verdict.explanation.startswith("You divided by the scale")
    assert "The mistake: You divided by the scale" in repr(verdict)


def test_a_mistake_that_nobody_knows_is_not_guessed() -> None:
    verdict = dequantized(lambda q, s, z: (q.astype(int) - z) * s + 1)
    assert (verdict.state, verdict.mistake, verdict.explanation) == ("failed", None, "")


def test_what_is_right_has_no_mistake() -> None:
    verdict = dequantized(lambda q, s, z: s * q.astype(np.float64) - s * z)
    assert verdict.passed, verdict
    assert (verdict.mistake, verdict.failure) == (None, None)


@pytest.mark.parametrize(
    ("function", "got"),
    [
        (lambda q, s, z: None, "nothing (None). Is there a return?"),
        (lambda q, s, z: [0.0], "1 values: a number."),
        (lambda q, s, z: 3.0, "a number."),
        (lambda q, s, z: np.zeros(7), "an array of shape (7,)."),
        (lambda q, s, z: np.array(["a"]), "an array of dtype <U1."),
    ],
)
def test_something_of_another_kind_is_told_as_that(function: Any, got: str) -> None:
    failure = dequantized(function).failure
    assert failure is not None
    assert (failure.expected, failure.got) == ("an array of shape (1,)", got)


def test_a_tensor_is_answered_with_the_way_back() -> None:
    import torch

    failure = dequantized(lambda q, s, z: torch.zeros(1)).failure
    assert failure is not None
    assert failure.got == "a torch.Tensor. Stay with NumPy, or end with .numpy()."


def test_an_error_is_told_with_the_line_of_their_code() -> None:
    def mine(q: Any, scale: Any, zero_point: Any) -> Any:
        return q.no_such_thing * scale

    verdict = dequantized(mine)
    assert verdict.state == "error"
    assert "AttributeError" in repr(verdict)
    assert "of mine: return q.no_such_thing * scale" in " ".join(repr(verdict).split())


def test_the_source_of_the_tests_is_never_shown() -> None:
    for mutant in (*QUANTIZE.mutants, *DEQUANTIZE.mutants):
        task = QUANTIZE if mutant in QUANTIZE.mutants else DEQUANTIZE
        verdict = judge(task, mutant.function)
        for text in (repr(verdict), verdict._repr_html_(), json.dumps(verdict.to_json())):
            assert "lambda" not in text
            assert "rng" not in text.replace("an rng of your own", "")


def test_what_comes_after_a_crash_is_said_to_be_untried() -> None:
    def crashes(q: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
        if q.dtype == np.int8:
            os._exit(1)
        return DEQUANTIZE.reference(q, scale, zero_point)

    states = [line.state for line in dequantized(crashes).lines]
    assert states == ["ok", "ok", "ok", "not yet", "not tried"]


# ---------------------------------------------------------------- side effects


def test_printing_and_warnings_are_remarks_and_no_failure(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def talks(q: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
        print("<b>here</b>", q)
        np.log(-1.0)
        return DEQUANTIZE.reference(q, scale, zero_point)

    verdict = dequantized(talks)
    assert verdict.passed
    assert verdict.remarks[0].startswith('your function prints ("<b>here</b> [')
    assert verdict.remarks[1] == "a warning came up: invalid value encountered in log"
    assert "Remark: your function prints" in repr(verdict)
    assert "<b>here" not in verdict._repr_html_()
    assert tuple(capfd.readouterr()) == ("", "")


def test_writing_into_an_argument_fails_and_names_it() -> None:
    def writes(q: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
        result = DEQUANTIZE.reference(q, scale, zero_point)
        q[...] = 0
        return result

    verdict = dequantized(writes)
    assert verdict.state == "failed"
    assert [line.state for line in verdict.lines][-1] == "not yet"
    assert verdict.failure is not None
    assert verdict.failure.got == "q was written into"


def test_moving_the_global_generator_fails_and_names_it() -> None:
    def draws(q: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
        np.random.seed(0)  # noqa: NPY002
        return DEQUANTIZE.reference(q, scale, zero_point)

    failure = dequantized(draws).failure
    assert failure is not None
    assert failure.got == "the global generator of numpy was moved"


# ---------------------------------------------------------------- seeds and the record


def test_a_fresh_seed_is_tried_told_and_tries_the_same_again() -> None:
    first, second = (check("affine.quantize", QUANTIZE.reference) for _ in range(2))
    assert first.seed != second.seed
    assert f"seeds 0 and {first.seed}; seed={first.seed}" in repr(first)
    wrong = QUANTIZE.mutants[0].function
    assert repr(check("affine.quantize", wrong, seed=7)) == repr(
        check("affine.quantize", wrong, seed=7)
    )


def test_what_only_the_fresh_seed_shows_is_found() -> None:
    known = {
        args[0].tobytes()
        for one in DEQUANTIZE.properties
        for args in one.cases(np.random.default_rng(0))
    }

    def learnt_by_heart(q: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
        right = DEQUANTIZE.reference(q, scale, zero_point)
        return right if q.tobytes() in known else right + 1

    assert not dequantized(learnt_by_heart, seed=5).passed
    assert dequantized(learnt_by_heart, seed=0).passed


def test_a_check_is_kept_in_the_record_with_its_mistake(record: Path) -> None:
    check("affine.dequantize", lambda q, s, z: q.astype(int) * s)
    check("affine.dequantize", DEQUANTIZE.reference)
    kept = qlab.course.record().checks["affine.dequantize"]
    assert (kept["tries"], kept["passed"], kept["mistake"]) == (2, True, None)
    assert record.exists()


def test_judging_keeps_nothing(record: Path) -> None:
    dequantized(DEQUANTIZE.reference)
    assert not record.exists()


# ---------------------------------------------------------------- how it looks


def test_the_page_is_read_without_colours_and_by_a_screen_reader() -> None:
    verdict = dequantized(lambda q, s, z: q.astype(int) * s)
    tags = Tags(verdict._repr_html_())
    name, attributes = tags.seen[0]
    assert (name, attributes["role"]) == ("section", "status")
    assert attributes["aria-label"] == verdict.headline == "affine.dequantize: not yet (2 of 5)"
    assert attributes["class"] == "qlab-verdict qlab-failed"
    marks = [seen for _, seen in tags.seen if seen.get("aria-hidden") == "true"]
    assert len(marks) == len(verdict.lines)
    for line in verdict.lines:
        assert f"{line.state} · {line.sentence}" in tags.text
    assert verdict.explanation in tags.text


def test_what_a_learner_returns_or_raises_is_escaped() -> None:
    def hostile(q: Any, scale: Any, zero_point: Any) -> Any:
        raise ValueError("<script>alert(1)</script>")

    page = dequantized(hostile)._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_lines_of_text_fit_a_page() -> None:
    for mutant in QUANTIZE.mutants:
        text = repr(judge(QUANTIZE, mutant.function))
        assert max(map(len, text.splitlines())) <= 100, text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.zeros((2, 2), bool), "[[False, False],\n [False, False]] (bool, 2 × 2)"),
        ("x" * 1000, "'" + "x" * 598 + "…"),
        ({"w": np.ones(1)}, "{'w': [1.] (float64)}"),
        (None, "None"),
    ],
)
def test_a_value_is_written_short(value: Any, text: str) -> None:
    assert shown(value) == text


def test_kinds_that_may_be_compared_are_one_kind() -> None:
    assert kind(np.array(1.0)) == kind(1) == kind(np.int8(1)) == kind(False)
    assert kind((1, 2)) == kind([1.0, np.float32(2)])
    assert kind(np.zeros(2)) != kind(np.zeros((2, 1)))


def test_alike_is_up_to_float32_rounding_and_exact_for_codes() -> None:
    x = np.linspace(-1, 1, 101)
    assert alike(x, x.astype(np.float32))
    assert not alike(x, x + 3 * CLOSE)
    assert not alike(np.arange(3), np.array([0, 1, 3]))
    assert alike(np.array([np.nan, np.inf]), np.array([np.nan, np.inf]))
    assert not alike({"a": 1.0}, {"b": 1.0})
