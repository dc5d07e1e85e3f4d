"""Every benchmark has its place on the page, and the page is what the benchmarks printed."""

import importlib.util

import pytest

from benchmarks import MODULES, table
from benchmarks.__main__ import README, insert, main


@pytest.mark.parametrize("name", MODULES)
def test_a_benchmark_has_a_module_and_a_place_on_the_page(name: str) -> None:
    assert importlib.util.find_spec(f"benchmarks.{name}") is not None
    page = README.read_text(encoding="utf-8")
    assert insert(insert(page, name, "x"), name, "y") == insert(page, name, "y") != page


@pytest.mark.parametrize("name", MODULES)
def test_the_page_holds_a_measured_table_of_it(name: str) -> None:
    page = README.read_text(encoding="utf-8")
    section = page.partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0]
    assert "| --" in section or "| :--" in section
    assert "Measured on " in section


def test_a_page_without_the_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="Add both to benchmarks"):
        insert("no markers", "live", "table")


def test_rows_with_different_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="every row must have the columns"):
        table("Speed", [{"a": 1}, {"b": 2}])


def test_an_unknown_benchmark_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["speed"]) == 2
    assert "got speed" in capsys.readouterr().out
