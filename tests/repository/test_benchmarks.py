"""Every benchmark has its place on the page, and the page is what the benchmarks printed."""

import importlib.util
from pathlib import Path

import pytest

from benchmarks import MODULES, __main__, qat, table
from benchmarks.__main__ import NAMED, README, insert, main


@pytest.mark.parametrize("name", MODULES + NAMED)
def test_a_benchmark_has_a_module_and_a_place_on_the_page(name: str) -> None:
    assert importlib.util.find_spec(f"benchmarks.{name}") is not None
    page = README.read_text(encoding="utf-8")
    assert insert(insert(page, name, "x"), name, "y") == insert(page, name, "y") != page


@pytest.mark.parametrize("name", MODULES + NAMED)
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


def test_options_go_to_what_is_named_and_trainings_run_only_when_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "README.md"
    page.write_text("".join(f"<!-- {n} --><!-- /{n} -->" for n in MODULES + NAMED))
    asked: list[tuple[str, list[str]]] = []

    def measure(name: str, options: list[str]) -> str:
        asked.append((name, options))
        return "table"

    monkeypatch.setattr(__main__, "README", page)
    monkeypatch.setattr(__main__, "measure", measure)
    assert main(["qat", "--minutes", "2"]) == 0
    assert asked == [("qat", ["--minutes", "2"])]
    asked.clear()
    assert main([]) == 0
    assert [name for name, _ in asked] == list(MODULES)


def test_each_training_of_the_table_keeps_its_result_under_its_own_name() -> None:
    for recipes in (qat.recipes(), qat.quick()):
        keys = [recipe.key(seed) for recipe in recipes for seed in qat.SEEDS]
        assert len(set(keys)) == len(keys)
