"""A dictionary that forgets what was used longest ago."""

import pytest

from qlab.live.recent import Recent


def filled(*names: str, most: int = 3) -> Recent[str, int]:
    kept: Recent[str, int] = Recent(most)
    for k, name in enumerate(names):
        kept[name] = k
    return kept


def test_it_never_holds_more_than_it_may_and_the_oldest_goes_first() -> None:
    assert list(filled(*"abcde")) == ["c", "d", "e"]


@pytest.mark.parametrize("use", ["read", "find", "write"])
def test_what_is_used_stays(use: str) -> None:
    kept = filled(*"abc")
    if use == "read":
        kept["a"]
    elif use == "find":
        kept.find("a", lambda: pytest.fail("it was there"))
    else:
        kept["a"] = 7
    kept["d"] = 3
    assert list(kept) == ["c", "a", "d"]


def test_a_look_whether_it_is_there_is_no_use() -> None:
    kept = filled(*"abc")
    assert "a" in kept and kept.get("a") == 0
    kept["d"] = 3
    assert list(kept) == ["b", "c", "d"]


def test_what_was_dropped_is_made_anew() -> None:
    kept, made = filled(*"abcd"), iter([10])
    assert [kept.find("a", lambda: next(made)) for _ in range(2)] == [10, 10]


def test_what_is_taken_out_is_gone() -> None:
    kept = filled(*"abc")
    assert (kept.pop("b"), kept.pop("b", None)) == (1, None)
    assert list(kept) == ["a", "c"]
