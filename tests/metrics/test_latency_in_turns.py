import time
from dataclasses import astuple
from functools import partial

import pytest

from qlab.metrics import latency_in_turns


def finished(turns):
    while True:
        try:
            next(turns)
        except StopIteration as end:
            return end.value


def test_the_calls_take_turns_and_the_first_round_is_not_counted(monkeypatch):
    now, called = [0.0], []
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    seconds = {"a": iter([9.0, 3.0, 1.0]), "b": iter([7.0, 5.0, 5.0])}

    def taking(name):
        called.append(name)
        now[0] += next(seconds[name])

    found = finished(latency_in_turns({n: partial(taking, n) for n in "ab"}, repeats=2))
    assert called == list("ababab")
    assert astuple(found["a"]) == pytest.approx((2.0, 1.1, 2.9, 2))
    assert astuple(found["b"]) == pytest.approx((5.0, 5.0, 5.0, 2))


def test_it_hands_over_after_every_call():
    called = []
    turns = latency_in_turns({"a": lambda: called.append(1)}, repeats=3)
    for n in range(1, 5):
        next(turns)
        assert len(called) == n


def test_no_repeats_are_refused():
    with pytest.raises(ValueError, match="repeats must be at least 1, got repeats=0"):
        finished(latency_in_turns({}, repeats=0))
