import time

import pytest

from qlab.metrics import latency_in_turns


def finished(turns):
    while True:
        try:
            next(turns)
        except StopIteration as end:
            return end.value


def test_the_calls_take_turns_and_the_first_round_is_not_counted():
    called = []
    pace = iter([0.02, 0.0, 0.0])
    calls = {
        "a": lambda: called.append("a") or time.sleep(next(pace)),
        "b": lambda: called.append("b"),
    }
    found = finished(latency_in_turns(calls, repeats=2))
    assert called == list("ababab")
    assert found["a"].high < 0.02 and found["a"].n == found["b"].n == 2


def test_it_hands_over_after_every_call():
    called = []
    turns = latency_in_turns({"a": lambda: called.append(1)}, repeats=3)
    for n in range(1, 5):
        next(turns)
        assert len(called) == n


def test_no_repeats_are_refused():
    with pytest.raises(ValueError, match="repeats must be at least 1, got repeats=0"):
        finished(latency_in_turns({}, repeats=0))
