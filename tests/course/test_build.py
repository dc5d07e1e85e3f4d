"""One committed lab becomes every book, the same each time, whole or not at all."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from qlab import cli
from qlab.course.books import checked
from qlab.course.bookshelf import LIST
from qlab.course.build import build
from qlab.course.check import judge
from qlab.course.exercises import exercise
from tests.course import small_lab
from tests.course.small_lab import NAME, sources
from tests.notebooks.running import SECONDS, complaints, executed
from tests.repository.tree import ROOT

LABS = ROOT / "labs"
WITH_SOLUTIONS = [
    path for path in sorted(LABS.glob("*.ipynb")) if "BEGIN SOLUTION" in path.read_text()
]


def tree(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def labs(tmp_path: Path) -> Path:
    return small_lab.write(tmp_path / "labs").parent


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "course"


def test_every_book_is_there_and_each_is_a_valid_notebook(labs: Path, to: Path) -> None:
    written = build(labs, to)
    places = [f"student/{NAME}", f"solution/{NAME}"]
    places += [f"nbgrader/{one}/{NAME}/{NAME}" for one in ("source", "release")]
    assert set(written) == {f"{one}.ipynb" for one in places} | {"nbgrader/nbgrader_config.py"}
    assert set(tree(to)) == set(written) | {LIST}
    for path in to.rglob("*.ipynb"):
        nbformat.validate(nbformat.read(path, as_version=nbformat.NO_CONVERT))
        assert json.loads(path.read_text())["metadata"]["qlab"]["lab"] == "02"


def ruff(place: Path) -> str:
    """What the linter says of all that lies in a folder, by the repository's rules."""
    shutil.copy(ROOT / "pyproject.toml", place)
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise", "."]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False).stdout


def test_books_in_the_repository_are_neither_committed_nor_judged(
    labs: Path, tmp_path: Path
) -> None:
    default = cli.parser().parse_args(["course", "build"]).to
    build(labs, tmp_path / default)
    build(labs, tmp_path / "elsewhere")
    assert ruff(tmp_path) == "All checks passed!\n"  # the settings written for nbgrader, too
    for place in (default, Path("qlab/course")):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "mine.py").write_text("import os\n")
    assert f"{default}/mine.py" not in (said := ruff(tmp_path)).replace("qlab/course", "")
    assert "qlab/course/mine.py" in said  # the package is judged
    assert f"/{default}/" in (ROOT / ".gitignore").read_text().splitlines()


def test_a_student_sees_the_docstring_and_neither_solution_nor_the_instructors_cell(
    labs: Path, to: Path
) -> None:
    build(labs, to)
    seen = sources(to / "student" / f"{NAME}.ipynb")
    assert list(seen) == ["title", "setup", "build", "check", "why", "end"]
    assert seen["build"].splitlines()[1:] == [
        '    """Codes of real numbers."""',
        "    raise NotImplementedError",
    ]
    assert seen["why"] == "Why round?\n\n*Your answer.*"
    hidden = ("np.rint", "halve", "ten minutes", "SOLUTION", "HIDDEN")
    for book in ("student", "nbgrader/release"):
        for data in tree(to / book).values():
            assert [word for word in hidden if word in data.decode()] == []


def test_the_solution_version_is_the_lab_as_committed(labs: Path, to: Path) -> None:
    build(labs, to)
    assert sources(to / "solution" / f"{NAME}.ipynb") == sources(labs / f"{NAME}.ipynb")


def test_outputs_are_cleared(labs: Path, to: Path) -> None:
    path = labs / f"{NAME}.ipynb"
    lab = json.loads(path.read_text())
    lab["cells"][3] |= {
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "secret"}],
        "execution_count": 7,
    }
    lab["cells"][3]["metadata"]["execution"] = {"iopub.status.busy": "secret"}
    path.write_text(json.dumps(lab))
    build(labs, to)
    assert not [name for name, data in tree(to).items() if b"secret" in data or b": 7" in data]


def test_the_check_counts_in_the_source_by_a_test_that_the_release_does_not_show(
    labs: Path, to: Path
) -> None:
    build(labs, to)
    folder = to / "nbgrader"
    source = json.loads((folder / "source" / NAME / f"{NAME}.ipynb").read_text())
    marks = {one["id"]: one["metadata"].get("nbgrader") for one in source["cells"]}
    (points,) = [2 if exercise("affine.quantize").difficulty == "practised" else 1]
    assert (marks["build"]["solution"], marks["build"]["grade"]) == (True, False)
    assert (marks["check"]["grade"], marks["check"]["points"]) == (True, points)
    assert marks["check"]["grade_id"] == "check"
    assert {mark["schema_version"] for mark in marks.values() if mark} == {3}
    counted = "".join(source["cells"][3]["source"])
    assert 'assert counted("affine.quantize", quantize).passed' in counted
    assert sources(folder / "release" / NAME / f"{NAME}.ipynb")["check"] == small_lab.CELLS["check"]


def test_links_between_labs_lead_on_in_nbgraders_folders(labs: Path, to: Path) -> None:
    build(labs, to)
    release = sources(to / "nbgrader" / "release" / NAME / f"{NAME}.ipynb")
    assert "(../00_meters/00_meters.ipynb)" in release["title"]
    assert "(00_meters.ipynb)" in sources(to / "student" / f"{NAME}.ipynb")["title"]


def test_the_same_labs_give_the_same_bytes(labs: Path, to: Path, tmp_path: Path) -> None:
    build(labs, to)
    first = tree(to)
    build(labs, to)
    build(labs, tmp_path / "elsewhere")
    assert tree(to) == first == tree(tmp_path / "elsewhere")


BROKEN = {
    "unended": ("    ### END SOLUTION", "", "END SOLUTION after BEGIN SOLUTION"),
    "unbegun": ("    ### BEGIN SOLUTION", "", "BEGIN SOLUTION and END SOLUTION in turn"),
    "nested": ("    q =", "    ### BEGIN SOLUTION\n    q =", "in turn"),
    "outside": ("    ### BEGIN", "### BEGIN", "a solution inside of a function"),
    "no python": ("    ### BEGIN", "  ### BEGIN", "Python without the solution"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_markers_are_told_with_lab_and_cell_and_nothing_is_written(
    labs: Path, to: Path, case: str
) -> None:
    old, new, sentence = BROKEN[case]
    small_lab.write(labs, build=small_lab.SOLUTION.replace(old, new))
    with pytest.raises(ValueError, match=sentence) as told:
        build(labs, to)
    assert "'build'" in str(told.value)
    assert NAME in str(told.value)
    assert not to.exists()


def test_a_check_of_no_exercise_is_told_with_lab_and_cell(labs: Path, to: Path) -> None:
    small_lab.write(labs, check='check("affine.quantise", quantize)')
    with pytest.raises(ValueError, match=f"'affine.quantise'.*'check' of lab {NAME}"):
        build(labs, to)


def test_a_folder_of_somebody_else_is_left_alone(labs: Path, to: Path) -> None:
    to.mkdir()
    (to / "thesis.tex").write_text("years of work")
    with pytest.raises(ValueError, match="holds something else"):
        build(labs, to)
    assert tree(to) == {"thesis.tex": b"years of work"}


@pytest.mark.parametrize("place", [".", ".."])
def test_the_current_folder_is_not_replaced(
    labs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    with pytest.raises(ValueError, match="a folder of its own"):
        build(labs, Path(place))


def test_what_others_put_into_the_folder_stays_and_what_was_ours_goes(labs: Path, to: Path) -> None:
    small_lab.write(labs, "01_gone")
    build(labs, to)
    book = to / "nbgrader" / "gradebook.db"
    book.write_bytes(b"marks")
    (to / "nbgrader" / "submitted" / "ada").mkdir(parents=True)
    (labs / "01_gone.ipynb").unlink()
    build(labs, to)
    assert book.read_bytes() == b"marks"
    assert (to / "nbgrader" / "submitted" / "ada").is_dir()
    assert [name for name in tree(to) if "01_gone" in name] == []
    assert not (to / "nbgrader" / "source" / "01_gone").exists()


def test_building_one_lab_keeps_the_others(labs: Path, to: Path) -> None:
    small_lab.write(labs, "01_other")
    build(labs, to)
    before = tree(to)
    assert [name for name in build(labs, to, ["02"]) if "01_other" in name] == []
    assert tree(to) == before


@pytest.mark.parametrize("step", ["write_bytes", "rename"])
def test_a_disk_that_gives_up_leaves_the_folder_as_it_was(
    labs: Path, to: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    build(labs, to)
    before = tree(to)
    small_lab.write(labs, end="print('new')")
    true, calls = getattr(Path, step), []

    def failing(self: Path, *arguments: object) -> object:
        calls.append(self)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return true(self, *arguments)

    monkeypatch.setattr(Path, step, failing)
    with pytest.raises(OSError, match="No space left"):
        build(labs, to)
    monkeypatch.undo()
    assert tree(to) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["course", "labs"]


def test_the_command_says_what_it_wrote(
    labs: Path, to: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QLAB_LABS", str(labs))
    assert cli.main(["course", "build", "--to", str(to), "02"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    for line in lines:
        size, _, path = line.split(maxsplit=2)
        assert Path(path).stat().st_size == int(size.replace(",", ""))


@pytest.mark.parametrize("words", [["99"], []], ids=["no such lab", "no labs"])
def test_labs_that_are_not_there_are_one_sentence(
    labs: Path,
    to: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    if not words:
        (labs / f"{NAME}.ipynb").unlink()
    monkeypatch.setenv("QLAB_LABS", str(labs))
    assert cli.main(["course", "build", "--to", str(to), *words]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("qlab course: build: expected ")
    assert not to.exists()


def verdicts(notebook: nbformat.NotebookNode) -> list[str]:
    """Return what each check of an executed notebook showed."""
    shown = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and checked(cell.source):
            texts = [one.get("data", {}).get("text/plain", "") for one in cell.outputs]
            shown.append("\n".join([*texts, *(one.get("text", "") for one in cell.outputs)]))
    return shown


NOTEBOOKS = [path.stem for path in WITH_SOLUTIONS]


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("name", [NAME, *NOTEBOOKS])
def test_the_students_version_runs_and_every_check_says_that_it_is_not_started(
    tmp_path: Path, name: str
) -> None:
    folder = small_lab.write(tmp_path / "labs").parent if name == NAME else LABS
    build(folder, tmp_path / "course", [name])
    notebook = executed(tmp_path / "course" / "student" / f"{name}.ipynb")
    assert complaints(notebook) == []
    shown = verdicts(notebook)
    assert shown
    assert [text for text in shown if ": not started" not in text] == []


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_solution_version_is_the_lab_and_passes_every_check_of_it(
    tmp_path: Path, name: str
) -> None:
    build(LABS, tmp_path / "course", [name])
    lab = LABS / f"{name}.ipynb"
    assert sources(tmp_path / "course" / "solution" / lab.name) == sources(lab)
    shown = verdicts(executed(lab))
    assert shown
    assert [text for text in shown if ": passed" not in text] == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_lab_checks_each_exercise_of_its_number_and_solves_it(name: str) -> None:
    from qlab.course.exercises import all_exercises

    cells = list(sources(LABS / f"{name}.ipynb").values())
    named = [one for text in cells for one in checked(text)]
    of_lab = [one.name for one in all_exercises().values() if one.lab == name[:2]]
    assert sorted(named) == sorted(of_lab)
    assert sum("BEGIN SOLUTION" in text and "def " in text for text in cells) >= len(of_lab)


def test_the_guard_sees_a_solution_that_is_wrong() -> None:
    namespace: dict[str, object] = {}
    exec("import numpy as np\n" + small_lab.SOLUTION, namespace)
    task = exercise("affine.quantize")
    assert judge(task, namespace["quantize"]).passed
    exec("import numpy as np\n" + small_lab.SOLUTION.replace("np.rint", "np.trunc"), namespace)
    assert not judge(task, namespace["quantize"]).passed
    assert ast.parse(small_lab.SOLUTION)
