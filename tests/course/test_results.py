"""A table of the learner's own runs: rows are replaced, never doubled, and stay on another day."""

import numpy as np
import pytest

from qlab.course import record, results
from qlab.course.results import Results
from qlab.live import Value
from qlab.metrics import wilson
from tests.course.benches import MAGNITUDE, bench

EVIL = "<script>alert(1)</script>"


def test_a_row_is_added_shown_and_kept() -> None:
    table = results().add("3 bits", accuracy=wilson(9685, 10_000), bytes=np.int64(99_000))
    assert table is results()
    (kept,) = record().results
    assert kept["values"]["accuracy"]["value"] == 0.9685
    assert kept["values"]["accuracy"]["n"] == 10_000
    assert kept["values"]["bytes"] == 99_000
    assert "99,000" in table.shown.value and "3 bits" in table.shown.value


def test_a_value_of_an_instrument_comes_with_interval_and_source() -> None:
    value = Value.of("accuracy", "Accuracy", wilson(983, 1000, "estimated"), form="percent")
    results().add("8 bits", accuracy=value)
    kept = record().results[0]["values"]["accuracy"]
    assert kept["text"] == f"98.30 % ({value.interval})"
    assert (kept["source"], kept["n"]) == ("estimated", 1000)


def test_the_same_name_replaces_the_row_where_it_stands() -> None:
    for name, x in (("a", 1), ("b", 2), ("a", 3)):
        results().add(name, x=x)
    assert results().rows == {"a": {"x": 3}, "b": {"x": 2}}
    assert list(results().rows) == ["a", "b"]


def test_tables_of_two_labs_are_two() -> None:
    results("02").add("a", x=1)
    results("12").add("a", x=2)
    assert results("02").rows == {"a": {"x": 1}}
    assert "Your results, 12" in results("12").shown.value


def test_rows_with_other_columns_leave_cells_empty() -> None:
    results().add("a", x=1).add("b", y=0.08333333)
    assert results().in_words().splitlines() == ["run  x  y", "a    1", "b       0.08333"]


def test_another_day_the_rows_are_there() -> None:
    results().add("a", x=1)
    assert "a" in Results("results").shown.value
    assert Results("results").rows == {"a": {"x": 1}}


def test_everything_is_escaped() -> None:
    table = results(EVIL).add(EVIL, **{EVIL: EVIL})
    assert "<script" not in table.shown.value
    assert table.shown.value.count("&lt;script&gt;") == 4


def test_a_row_without_values_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one value is expected, got none for 'a'"):
        results().add("a")


def test_headless_it_is_a_table_of_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QLAB_HEADLESS", "1")
    assert results()._repr_mimebundle_() == {"text/plain": "No results yet."}


def test_what_an_instrument_shows_is_kept_by_name_and_nothing_else() -> None:
    instrument = bench(MAGNITUDE)
    results().keep("80 %", instrument, "accuracy", "macs_nonzero")
    kept = results().rows["80 %"]
    assert list(kept) == ["accuracy", "macs_nonzero"]
    assert kept["accuracy"]["text"].startswith(instrument.values["accuracy"].text)
    with pytest.raises(ValueError, match=r"keep: shown must be among .*accuracy.*, got 'weight'"):
        results().keep("80 %", instrument, "accuracy", "weight")
    assert results().rows == {"80 %": kept}
