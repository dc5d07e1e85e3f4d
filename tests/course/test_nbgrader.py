"""nbgrader itself takes our folder: it releases what we released, and marks right and wrong."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from qlab.course.books import points
from qlab.course.build import build
from qlab.course.exercises import exercise
from tests.course import small_lab
from tests.course.small_lab import NAME, sources

SECONDS = 240
WRONG = small_lab.SOLUTION.replace("np.rint", "np.trunc")
HANDED_IN = {
    "right": {"build": small_lab.SOLUTION},
    "wrong": {"build": WRONG},
    "idle": {},
    "cheat": {"build": WRONG, "check": "print('affine.quantize: passed')"},
}


def nbgrader(folder: Path, *words: str) -> None:
    """Run one of its commands, as a teacher does, in a home that is empty."""
    homes = dict.fromkeys(("HOME", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"), str(folder.parent / "home"))
    command = [sys.executable, "-m", "nbgrader", *words]
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | homes | {"JUPYTER_PLATFORM_DIRS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def hand_in(folder: Path, student: str, changed: dict[str, str]) -> None:
    """Fill in the released notebook as a student does."""
    path = folder / "submitted" / student / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    notebook = json.loads((folder / "release" / NAME / f"{NAME}.ipynb").read_text())
    for cell in notebook["cells"]:
        cell["source"] = changed.get(cell["id"], cell["source"])
    path.write_text(json.dumps(notebook))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build, release, hand in and grade, once."""
    place = tmp_path_factory.mktemp("course")
    (place / "home").mkdir()
    build(small_lab.write(place / "labs").parent, place / "books")
    folder = place / "books" / "nbgrader"
    shutil.copytree(folder / "release", place / "ours")
    nbgrader(folder, "generate_assignment", NAME, "--force", "--create")
    for student, changed in HANDED_IN.items():
        hand_in(folder, student, changed)
    nbgrader(folder, "autograde", NAME, "--create")
    return folder


def cells(path: Path) -> list[tuple[str, object]]:
    notebook = json.loads(path.read_text())
    return [("".join(one["source"]), one["metadata"]) for one in notebook["cells"]]


@pytest.mark.timeout(SECONDS)
def test_nbgrader_releases_exactly_what_we_released(folder: Path) -> None:
    theirs = cells(folder / "release" / NAME / f"{NAME}.ipynb")
    ours = cells(folder.parents[1] / "ours" / NAME / f"{NAME}.ipynb")
    assert ours == theirs


@pytest.mark.timeout(SECONDS)
def test_a_right_one_gets_every_point_and_every_other_none(folder: Path) -> None:
    book = sqlite3.connect(folder / "gradebook.db")
    wanted = """
        SELECT student.id, grade.auto_score, base_cell.name
        FROM grade
        JOIN submitted_notebook ON grade.notebook_id = submitted_notebook.id
        JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id
        JOIN student ON submitted_assignment.student_id = student.id
        JOIN base_cell ON grade.cell_id = base_cell.id
        WHERE base_cell.name = 'check'
    """
    found = {student: score for student, score, _ in book.execute(wanted)}
    book.close()
    worth = points(exercise("affine.quantize"))
    assert found == {"right": worth, "wrong": 0, "idle": 0, "cheat": 0}


@pytest.mark.timeout(SECONDS)
def test_a_student_who_rewrites_the_check_gets_it_back(folder: Path) -> None:
    graded = sources(folder / "autograded" / "cheat" / NAME / f"{NAME}.ipynb")
    assert 'assert counted("affine.quantize", quantize).passed' in graded["check"]


@pytest.mark.timeout(SECONDS)
def test_what_is_handed_out_names_no_expected_value(folder: Path) -> None:
    text = (folder / "release" / NAME / f"{NAME}.ipynb").read_text()
    assert [word for word in ("counted", "HIDDEN", "np.rint", "halve") if word in text] == []


@pytest.mark.timeout(SECONDS)
def test_building_again_keeps_the_gradebook_and_what_was_handed_in(folder: Path) -> None:
    book = (folder / "gradebook.db").read_bytes()
    build(folder.parents[1] / "labs", folder.parent)
    assert (folder / "gradebook.db").read_bytes() == book
    assert (folder / "submitted" / "wrong" / NAME / f"{NAME}.ipynb").is_file()
