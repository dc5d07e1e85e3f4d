import time

import pytest

from qlab.metrics import latency


def test_it_calls_once_to_warm_up_and_then_as_often_as_asked() -> None:
    calls = []
    t = latency(lambda: calls.append(1), repeats=7)
    assert (len(calls), t.n) == (8, 7)
    assert 0 <= t.low <= t.median <= t.high


def test_no_call_is_measured_shorter_than_it_is() -> None:
    assert latency(lambda: time.sleep(0.01), repeats=3).low >= 0.01


def test_no_repeats_are_refused() -> None:
    with pytest.raises(ValueError, match="repeats must be at least 1, got repeats=0"):
        latency(lambda: None, repeats=0)
