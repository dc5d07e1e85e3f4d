"""The zoo's students: what was measured, and how they were taught."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qlab import networks
from qlab.networks import trained
from qlab.networks.students import FILE

REMEDY = r"Run `git checkout qlab/networks/zoo`"


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the cards and of the grid, to damage."""
    for file in trained.FOLDER.glob("student*.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(trained, "FOLDER", tmp_path)
    return tmp_path


def test_every_run_of_the_grid_is_read(zoo: Path) -> None:
    written = json.loads((zoo / FILE).read_text())["runs"]
    runs = networks.student_runs()
    assert len(runs) == len(written) == 2 * 14 * 5
    for run, row in zip(runs, written, strict=True):
        assert (run.student, run.temperature, run.seed) == tuple(
            row[key] for key in ("student", "temperature", "seed")
        )
        assert run.error.value == pytest.approx(row["test_errors"] / row["test"]["n"])


def test_a_student_that_was_not_taught_is_told_with_those_that_were(zoo: Path) -> None:
    with pytest.raises(ValueError, match="one of student_100, student_30, got 'student_7'"):
        networks.student_runs("student_7")


def test_a_missing_grid_is_told(zoo: Path) -> None:
    (zoo / FILE).unlink()
    with pytest.raises(FileNotFoundError, match=rf"lacks a file \(file='{FILE}'\)\. {REMEDY}"):
        networks.student_runs()


def without(**wanted: Any) -> Callable[[dict[str, Any]], object]:
    """Make a damage that takes out the runs with these values."""

    def damage(grid: dict[str, Any]) -> None:
        grid["runs"] = [r for r in grid["runs"] if not wanted.items() <= r.items()]

    return damage


DAMAGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no runs": lambda grid: grid["runs"].clear(),
    "no list of runs": lambda grid: grid.pop("runs"),
    "runs are a number": lambda grid: grid.update(runs=1),
    "one run lost": lambda grid: grid["runs"].pop(),
    "none without a teacher": without(temperature=None),
    "a student without those": without(student="student_30", temperature=None),
    "a temperature lost": without(temperature=8.0),
    "an alpha lost": without(alpha=0.5),
    "a seed lost": without(seed=3),
    "a run without a test": lambda grid: grid["runs"][7].pop("test"),
    "a test without images": lambda grid: grid["runs"][7]["test"].update(n=0),
    "an accuracy in words": lambda grid: grid["runs"][7]["test"].update(value="0.97"),
    "an accuracy outside its interval": lambda grid: grid["runs"][7]["test"].update(value=0.5),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_shortened_grid_is_told(zoo: Path, damage: str) -> None:
    grid = json.loads((zoo / FILE).read_text())
    DAMAGES[damage](grid)
    (zoo / FILE).write_text(json.dumps(grid))
    with pytest.raises(ValueError, match=rf"damaged.*\(file='{FILE}'\)\. {REMEDY}"):
        networks.student_runs()


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "\x00"])
def test_what_is_no_grid_is_told(zoo: Path, text: str) -> None:
    (zoo / FILE).write_text(text)
    with pytest.raises(ValueError, match="results are damaged"):
        networks.student_runs()


@pytest.mark.parametrize("field", ["teacher", "dataset", "alpha", "epochs", "seed"])
@pytest.mark.parametrize("wrong", ["missing", None])
def test_a_damaged_recipe_is_told(zoo: Path, field: str, wrong: object) -> None:
    file = zoo / "student_30_t4.json"
    card = json.loads(file.read_text())
    assert networks.student_recipe("student_30", 4.0) == card["recipe"]
    if wrong == "missing":
        del card["recipe"][field]
    else:
        card["recipe"][field] = wrong
    file.write_text(json.dumps(card))
    with pytest.raises(ValueError, match=rf"damaged.*\(file='{file.name}'\)\. {REMEDY}"):
        networks.student_recipe("student_30", 4.0)
