"""Every benchmark has its place on the page, and the page is what the benchmarks printed."""

import importlib.util
from pathlib import Path

import pytest

from benchmarks import MODULES, __main__, integer, one_thread, onnx, ptq, qat, table
from benchmarks.__main__ import NAMED, README, insert, main, missed
from qlab.metrics import wilson


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


def test_the_page_lists_what_its_tables_miss() -> None:
    page = README.read_text(encoding="utf-8")
    assert insert(page, "missed", missed(page)) == page


@pytest.mark.parametrize("column", ["kept", "no slower", "within noise"])
def test_what_is_missed_is_named_by_its_row(column: str) -> None:
    rows = [
        {"network": "a", "threads": 1, "ms": 3.0, column: "yes", "note": "no"},
        {"network": "b", "threads": 2, "ms": 4.0, column: "no", "note": ""},
        {"network": "c|d", "threads": 1, "ms": 4.0, column: "no", "note": ""},
        {"network": "e", "threads": 2, "ms": 4.0, column: "", "note": ""},
    ]
    assert missed(f"{table('Speed', rows)}\n\nMeasured.") == "- Speed: b 2, c\\|d 1"


def test_a_page_without_the_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="Add both to benchmarks"):
        insert("no markers", "live", "table")


def test_rows_with_different_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="every row must have the columns"):
        table("Speed", [{"a": 1}, {"b": 2}])


@pytest.mark.parametrize("name", ["gptq", "integer", "ladder", "onnx", "ptq"])
def test_what_is_compared_is_measured_with_one_thread(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    order: list[str] = []
    monkeypatch.setattr(module, "one_thread", lambda: order.append("one thread"))
    monkeypatch.setattr(module, "run", lambda: order.append("run") or [{"ms": 1}])
    module.main()
    assert order == ["one thread", "run"]
    assert module.TITLE in capsys.readouterr().out


def test_a_process_that_has_numpy_already_keeps_its_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    one_thread()
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    with pytest.raises(RuntimeError, match="NumPy must not be loaded yet"):
        one_thread()


def test_times_are_taken_in_turns_and_told_with_their_quartiles() -> None:
    called: list[str] = []
    calls = {name: lambda name=name: called.append(name) for name in ("a", "b")}
    taken = integer.in_turns(calls)
    assert called == ["a", "b"] * (integer.TURNS + 1)  # the first turn is not counted
    assert [len(ms) for ms in taken.values()] == [integer.TURNS] * 2
    assert integer.spread([5.0, 1.0, 2.0, 4.0, 3.0]) == "3 (1.5 to 4.5)"


def test_a_changed_prediction_breaks_a_promise_where_there_is_one() -> None:
    assert onnx.promise(0, 0) == {"budget": "0", "kept": "yes"}
    assert onnx.promise(1, 0) == {"budget": "0", "kept": "no"}
    assert onnx.promise(30, None) == {"budget": "", "kept": ""}
    assert onnx.BUDGETS == {"float32": 0, "uint8": 0, "int8": None}


def test_a_repair_says_how_it_stands_to_the_one_before_and_whether_its_bias_harms() -> None:
    low, near, high = (wilson(right, 10_000) for right in (9700, 9703, 9900))
    assert ptq._percent(low) == "97.00 [96.65, 97.32]"
    assert ptq._percent(near, low).endswith("] within noise")
    assert ptq._percent(low, high).endswith("] worse")
    assert ptq._percent(high, low, high).endswith("] better")
    middle = wilson(9800, 10_000)
    assert ptq._percent(middle, low, high).endswith("] better, worse than without bias")
    assert ptq._percent(near, low, low).endswith("] within noise")


def test_an_unknown_benchmark_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["speed"]) == 2
    assert "got speed" in capsys.readouterr().out


def test_options_go_to_what_is_named_and_trainings_run_only_when_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "README.md"
    page.write_text("".join(f"<!-- {n} --><!-- /{n} -->" for n in (*MODULES, *NAMED, "missed")))
    asked: list[tuple[str, list[str]]] = []

    def measure(name: str, options: list[str]) -> str:
        asked.append((name, options))
        return table("Speed", [{"what": f"{name}, alone", "kept": "no"}])

    monkeypatch.setattr(__main__, "README", page)
    monkeypatch.setattr(__main__, "measure", measure)
    assert main(["qat", "--minutes", "2"]) == 0
    assert asked == [("qat", ["--minutes", "2"])]
    assert "<!-- missed -->\n- Speed: qat, alone\n<!-- /missed -->" in page.read_text()
    asked.clear()
    assert main([]) == 0
    assert [name for name, _ in asked] == list(MODULES)


def test_each_training_of_the_table_keeps_its_result_under_its_own_name() -> None:
    for recipes in (qat.recipes(), qat.quick()):
        keys = [recipe.key(seed) for recipe in recipes for seed in qat.SEEDS]
        assert len(set(keys)) == len(keys)
