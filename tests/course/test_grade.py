"""Ten notebooks were handed in. Each gets its row; what nine of them do reaches no other's."""

import csv
import dataclasses
import json
import os
from pathlib import Path

import pytest

from qlab import cli
from qlab.course import sandbox
from qlab.course.books import points
from qlab.course.exercises import all_exercises
from qlab.course.grade import Row, grade, write_csv
from qlab.course.marks import cell

SUBMISSIONS = Path(__file__).parent / "submissions"
TASKS = {name: one for name, one in all_exercises().items() if one.lab == "02"}
ALL = sum(map(points, TASKS.values()))
QUANTIZE = points(TASKS["affine.quantize"])
SECRET = "3f9a77 is nobody's business"

# What each gets for affine.quantize, its points, and a word of its remark.
EXPECTED = {
    "right": ("passed", ALL, ""),
    "wrong": ("failed", ALL - QUANTIZE, "You cut the fraction off"),
    "endless": ("failed", ALL - QUANTIZE, "did not come back within 10 s"),
    "crashing": ("failed", ALL - QUANTIZE, "crashed Python (signal SIGSEGV)"),
    "exiting": (
        "failed",
        ALL - QUANTIZE - points(TASKS["affine.qparams"]),
        "ended Python itself (exit code 0)",
    ),
    "printing": ("passed", ALL, "your function prints"),
    "writing": ("passed", ALL, ""),
    "importing_os": ("failed", ALL - QUANTIZE, "stopped with ValueError"),
    "empty": ("not started", 0, "no code cell"),
    "not_a_notebook": (None, 0, "not graded: not a notebook"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandboxes")


@pytest.fixture(scope="module")
def rows(place: Path) -> dict[str, Row]:
    """Grade them all, in one go, with a secret in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QLAB_SECRET", SECRET)
        patch.setattr("tempfile.tempdir", str(place))
        files = [SUBMISSIONS / f"{name}.ipynb" for name in EXPECTED]
        return {Path(row.file).stem: row for row in grade(files)}


def test_there_are_ten(rows: dict[str, Row]) -> None:
    assert len(rows) == 10
    assert {path.stem for path in SUBMISSIONS.iterdir()} == set(rows)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_gets_the_row_that_it_earned(rows: dict[str, Row], name: str) -> None:
    state, score, word = EXPECTED[name]
    row = rows[name]
    assert row.results.get("affine.quantize") == state
    assert row.score == score
    assert word in row.remark
    assert bool(row.remark) == bool(word)
    assert len(row.remark) <= 400
    assert row.points == (ALL if state else 0)
    assert row.lab == ("02" if state else "")


def test_every_exercise_of_the_lab_is_in_the_row(rows: dict[str, Row]) -> None:
    assert rows["right"].results == dict.fromkeys(TASKS, "passed")
    assert rows["empty"].results == dict.fromkeys(TASKS, "not started")


def test_what_follows_an_end_or_a_crash_is_graded_too(rows: dict[str, Row]) -> None:
    for name in ("endless", "crashing", "importing_os"):
        others = {key: state for key, state in rows[name].results.items() if "quantize" not in key}
        assert set(others.values()) == {"passed"}


def test_an_endless_loop_costs_its_time_and_no_more(rows: dict[str, Row]) -> None:
    assert sandbox.SECONDS <= rows["endless"].seconds < sandbox.SECONDS + 30


def test_the_environment_is_not_theirs_to_read(rows: dict[str, Row]) -> None:
    assert [name for name, row in rows.items() if SECRET in row.remark] == []


def test_nothing_stays_of_their_folders_and_nothing_is_outside_unless_no_wall_was_lent(
    rows: dict[str, Row], place: Path
) -> None:
    fenced = rows["writing"].walls["fenced"]
    assert [path.name for path in place.iterdir()] == ([] if fenced else ["qlab_was_here.txt"])


def test_without_walls_the_one_that_kills_its_parent_still_costs_only_its_row() -> None:
    files = [SUBMISSIONS / f"{name}.ipynb" for name in ("importing_os", "exiting", "wrong")]
    rows = list(grade(files, walls=False))
    assert [row.results["affine.quantize"] for row in rows] == ["failed"] * 3
    assert [row.score for row in rows] == [EXPECTED[Path(row.file).stem][1] for row in rows]
    assert rows[0].remark.startswith("affine.quantize: Your function ")  # stopped, or was killed
    assert [any(row.walls.values()) for row in rows] == [False] * 3


def handed_in(path: Path, *cells: str, **metadata: object) -> Path:
    made = [{"cell_type": "code", "source": [text]} for text in cells]
    path.write_text(json.dumps({"cells": made, "metadata": metadata}))
    return path


def test_the_lab_comes_from_the_notebook_its_name_or_the_caller(tmp_path: Path) -> None:
    told = handed_in(tmp_path / "ada.ipynb", qlab={"lab": "02"})
    named = handed_in(tmp_path / "ada_02_affine.ipynb")
    silent = handed_in(tmp_path / "ada_2026.ipynb")
    assert [row.lab for row in grade([told, named, silent])] == ["02", "02", ""]
    assert [row.lab for row in grade([told, named, silent], lab="12")] == ["12"] * 3
    with pytest.raises(ValueError, match="a lab out of"):
        next(grade([told], lab="99"))


def test_the_function_that_is_checked_is_the_one_that_counts(tmp_path: Path) -> None:
    right = "import numpy as np\ndef mine(x, s, z, a, b):\n"
    right += "    return np.clip(np.rint(x / s) + z, a, b).astype(int)"
    call = 'check("affine.quantize", mine)'
    row = next(grade([handed_in(tmp_path / "02_.ipynb", right, call)]))
    assert row.results["affine.quantize"] == "passed"


NO_NOTEBOOKS = {
    "list.ipynb": b"[]",
    "cells.ipynb": b'{"cells": 3}',
    "binary.ipynb": bytes(range(256)),
    "deep.ipynb": b"[" * 200_000,
    "zero.ipynb": b"",
}


@pytest.mark.parametrize("name", NO_NOTEBOOKS)
def test_what_is_no_notebook_is_a_row_with_a_remark(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(NO_NOTEBOOKS[name])
    (row,) = grade([tmp_path / name])
    assert row.remark.startswith("not graded: ")
    assert row.points == 0


def test_a_pipe_a_folder_and_a_missing_file_are_rows_too(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.ipynb")
    files = [tmp_path / "pipe.ipynb", tmp_path, tmp_path / "gone.ipynb"]
    assert [row.remark for row in grade(files)] == ["not graded: no such file"] * 3


def test_cells_of_strange_kinds_are_left_out(tmp_path: Path) -> None:
    strange = [None, 3, {"cell_type": "code"}, {"cell_type": "code", "source": [1, None]}]
    strange += [{"cell_type": "code", "source": {"a": 1}}, {"cell_type": ["code"]}]
    path = tmp_path / "02_x.ipynb"
    path.write_text(json.dumps({"cells": strange, "metadata": [1]}))
    (row,) = grade([path])
    assert set(row.results.values()) == {"not started"}


def test_a_table_runs_nothing_when_a_spreadsheet_opens_it(tmp_path: Path) -> None:
    evil = ["=cmd|'/c calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", " =1", "a\nb", "\x1b]0;x\x07"]
    rows = [Row(file=text, remark=text) for text in evil]
    data = write_csv(rows, tmp_path / "marks.csv").read_text()
    table = list(csv.DictReader(data.splitlines()))
    assert len(table) == len(evil)
    for row in table:
        for text in (row["file"], row["remark"]):
            assert not text.lstrip().startswith(("=", "+", "-", "@"))
            assert text.isprintable()


def test_honest_cells_stay_as_they_are() -> None:
    assert cell("ada_02 (1).ipynb") == "ada_02 (1).ipynb"


def test_a_table_has_a_column_for_each_exercise_and_a_row_for_each_file(
    rows: dict[str, Row], tmp_path: Path
) -> None:
    path = write_csv(list(rows.values()), tmp_path / "marks.csv")
    table = list(csv.DictReader(path.read_text().splitlines()))
    assert list(table[0]) == ["file", "lab", *TASKS, "score", "points", "seconds", "remark"]
    assert [Path(row["file"]).stem for row in table] == list(EXPECTED)
    assert [int(row["score"]) for row in table] == [score for _, score, _ in EXPECTED.values()]
    assert table[-1]["affine.quantize"] == ""


def test_a_disk_that_gives_up_leaves_the_old_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_csv([Row(file="a")], tmp_path / "marks.csv")
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_csv([dataclasses.replace(Row(file="b"))], path)
    assert [one.name for one in tmp_path.iterdir()] == ["marks.csv"]
    assert path.read_bytes() == before


def test_the_command_writes_the_table_and_a_line_for_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "marks.csv"
    files = [str(SUBMISSIONS / f"{name}.ipynb") for name in ("wrong", "not_a_notebook")]
    assert cli.main(["course", "grade", *files, "--csv", str(table)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"{ALL - QUANTIZE} of {ALL} points" in lines[0]
    assert "no points" in lines[1]
    assert lines[2] == f"The table is {table}."
    assert len(table.read_text().splitlines()) == 3


def test_a_system_without_walls_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Row(file="a", walls={"alone": True, "fenced": False})
    monkeypatch.setattr("qlab.course.grade.grade", lambda *_, **__: iter([row]))
    assert cli.main(["course", "grade", "a", "--csv", str(tmp_path / "marks.csv")]) == 0
    assert "in a container" in capsys.readouterr().err


@pytest.mark.parametrize("out", ["gone/marks.csv", ".", "ada.ipynb"])
def test_a_table_that_would_do_harm_is_refused_before_anything_is_graded(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    out: str,
) -> None:
    handed_in(tmp_path / "ada.ipynb")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["course", "grade", "ada.ipynb", "--csv", out]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("qlab course: expected ")
    assert json.loads((tmp_path / "ada.ipynb").read_text())["cells"] == []
