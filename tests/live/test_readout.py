import pytest

from qlab.live import Readout, Value
from qlab.live.readout import MARKS, written
from qlab.metrics import wilson


def test_a_number_carries_interval_n_and_source_for_tests_and_readers():
    readout = Readout("main")
    readout.show([Value.of("accuracy", "Accuracy", wilson(9836, 10_000), form="percent")])
    page = readout.value
    assert 'class="qlab-value"' in page and 'data-name="accuracy"' in page
    assert 'data-value="0.9836"' in page and 'data-n="10000"' in page
    assert 'data-low="0.980' in page and 'data-high="0.985' in page
    assert 'data-source="measured"' in page and ">98.36 %</output>" in page
    assert "measured, n = 10,000" in page


def test_numbers_that_went_beside_the_pictures_reach_their_model_at_rest(monkeypatch):
    readout, sent = Readout("main"), []
    monkeypatch.setattr(readout, "send_state", sent.append)
    number = Value(name="x", label="X", value=1, source="derived")
    assert readout.turn([number]) == readout.value != ""
    assert readout.turn([number]) is None, "unchanged numbers are not sent again"
    assert not sent, "the model waits while the hand moves"
    readout.catch_up()
    readout.catch_up()
    assert sent == ["value"], "once, at rest"


@pytest.mark.parametrize("source", MARKS)
def test_the_source_is_a_word_and_a_mark_never_colour_alone(source):
    row = Value(name="x", label="X", value=1, source=source).html()
    assert MARKS[source] in row and f"</span> {source}</span>" in row


def test_everything_is_escaped():
    row = Value(name='"><i>', label="<b>", value=1, source="derived", note="<script>").html()
    assert not any(tag in row for tag in ("<b>", "<script>", "<i>"))


def test_numbers_are_not_announced_while_they_move():
    assert 'aria-live="off"' in Value(name="x", label="X", value=1, source="derived").html()


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (float("nan"), "coming", "coming …"),
        (0.98, "percent", "98.00 %"),
        (0.0123, "points", "+1.23 points"),
        (-1e-9, "points", "0.00 points"),
        (float("-inf"), "decibel", "−∞ dB"),
        (0.00123, "milliseconds", "1.23 ms"),
        (1234567, "count", "1,234,567"),
        (0, "number", "0"),
        (0.25, "bits", "0.250 bits"),
    ],
)
def test_numbers_are_written_in_their_form(value, form, text):
    assert written(value, form) == text
