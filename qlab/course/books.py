"""What a lab becomes: the student's version, the solution version, a source and a release.

nbgrader marks a cell by metadata (its schema 3): a cell with a solution is to be filled in, a cell
that calls ``check`` counts. Names and points are ours: a cell's id, and an exercise's difficulty.

Source: https://nbgrader.readthedocs.io, "Creating and grading assignments".
"""

import ast
import copy
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from qlab.course.exercise import DIFFICULTIES, Exercise
from qlab.course.exercises import exercise

Notebook = dict[str, Any]
Cell = dict[str, Any]

BEGIN, END = "BEGIN SOLUTION", "END SOLUTION"  # nbgrader's words, in a line of any kind
STUBS = {"code": "raise NotImplementedError", "markdown": "*Your answer.*"}
INSTRUCTOR = "instructor"
HIDDEN = "### BEGIN HIDDEN TESTS\n{}\n### END HIDDEN TESTS"
MARKDOWN_POINTS = 1  # of an answer in words, given by hand
LAB_LINK = re.compile(r"\]\(((\d\d_\w+)\.ipynb)")

CONFIG = f'''"""nbgrader's settings for the labs: run it in this folder."""

import os
import sys
from pathlib import Path

os.environ["QLAB_HEADLESS"] = "1"  # no widget needs a browser while it grades
# nbgrader calls alembic by its name: it lies beside this Python, activated or not
os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", "")

c = get_config()
c.CourseDirectory.course_id = "qlab"
c.ClearSolutions.code_stub = {{"python": "{STUBS["code"]}"}}
c.ClearSolutions.text_stub = "{STUBS["markdown"]}"
c.Execute.timeout = 120
'''


def opened(path: Path) -> Notebook:
    """Read a committed lab: every source one text, every output gone.

    Parameters
    ----------
    path
        Of the notebook.

    Returns
    -------
    notebook
        As JSON.

    Raises
    ------
    ValueError
        It is no notebook of format 4, or a cell has no id.
    """
    try:
        lab = json.loads(path.read_text(encoding="utf-8"))
        cells = [cell | {"source": "".join(cell["source"])} for cell in lab["cells"]]
        nameless = [i for i, cell in enumerate(cells, 1) if not cell.get("id")]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"build: expected a notebook, got {path}. Save it in Jupyter.") from error
    if nameless:
        raise ValueError(
            f"build: expected an id in each cell, none in cell {nameless[0]} of {path}."
        )
    for cell in cells:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
        cell["metadata"].pop("execution", None)
    return lab | {"cells": cells}


def student(stem: str, lab: Notebook) -> Notebook:
    """Return what is handed out: solutions stripped, nothing that is an instructor's."""
    return _book(stem, lab, "student", [_stripped(stem, cell) for cell in _public(lab)])


def solution(stem: str, lab: Notebook) -> Notebook:
    """Return the lab as it is, marked as the one with the solutions."""
    for cell in lab["cells"]:
        _stripped(stem, cell)  # broken markers are told here too
    return _book(stem, lab, "solution", [_without_nbgrader(cell) for cell in lab["cells"]])


def graded(stem: str, lab: Notebook) -> Notebook:
    """Return the source for nbgrader: solutions to be stripped, checks that count."""
    cells = [_marked(stem, _linked(cell)) for cell in _public(lab)]
    return _book(stem, lab, "nbgrader", cells)


def released(stem: str, source: Notebook) -> Notebook:
    """Return what ``nbgrader generate_assignment`` makes of a source."""
    cells = []
    for cell in source["cells"]:
        told = cell["metadata"].get("nbgrader")
        cell = _stripped(stem, cell, keep=True)
        cell["source"] = cell["source"].partition("\n" + HIDDEN.partition("\n")[0])[0]
        if told:
            told = told | {"checksum": _checksum(cell, told)}
            locks = {"deletable": False} | ({"editable": False} if not told["solution"] else {})
            cell["metadata"] = cell["metadata"] | locks | {"nbgrader": told}
        cells.append(cell)
    return source | {"cells": [_lines(cell) for cell in cells]}


def points(one: Exercise) -> int:
    """Return what an exercise counts: 1 for first steps, 2 practised, 3 demanding."""
    return DIFFICULTIES.index(one.difficulty) + 1


def checked(source: str) -> dict[str, str]:
    """Find what a cell checks.

    Parameters
    ----------
    source
        Of a code cell.

    Returns
    -------
    dict
        From the name of an exercise to what is checked, as written.

    Examples
    --------
    >>> checked('check("affine.quantize", quantize)')
    {'affine.quantize': 'quantize'}
    """
    try:
        calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    except (SyntaxError, ValueError):  # a magic line
        return {}
    return {
        str(call.args[0].value): ast.unparse(call.args[1])
        for call in calls
        if getattr(call.func, "id", getattr(call.func, "attr", "")) == "check"
        and len(call.args) == 2
        and isinstance(call.args[0], ast.Constant)
    }


def _public(lab: Notebook) -> list[Cell]:
    """Return copies of the cells that a learner may see."""
    cells = [copy.deepcopy(_without_nbgrader(cell)) for cell in lab["cells"]]
    return [cell for cell in cells if INSTRUCTOR not in cell["metadata"].get("tags", [])]


def _without_nbgrader(cell: Cell) -> Cell:
    metadata = {key: value for key, value in cell["metadata"].items() if key != "nbgrader"}
    return cell | {"metadata": metadata}


def _book(stem: str, lab: Notebook, book: str, cells: list[Cell]) -> Notebook:
    told = {"qlab": {"lab": stem[:2], "name": stem, "book": book}}
    return lab | {"cells": [_lines(cell) for cell in cells], "metadata": lab["metadata"] | told}


def _lines(cell: Cell) -> Cell:
    return cell | {"source": "".join(cell["source"]).splitlines(keepends=True)}


def _stripped(stem: str, cell: Cell, *, keep: bool = False) -> Cell:
    """Put the stub where a solution was.

    Raises
    ------
    ValueError
        The markers do not pair, stand outside of a function, or leave what is no Python.
    """
    source, kind = "".join(cell["source"]), cell["cell_type"]
    if BEGIN not in source and END not in source:
        return cell | {"source": source}
    left: list[str] = []
    inside = False
    for line in source.split("\n"):
        if (BEGIN in line and inside) or (END in line and not inside):
            raise _broken(stem, cell, f"{BEGIN} and {END} in turn")
        if BEGIN in line:
            indent = line[: len(line) - len(line.lstrip())]
            if kind == "code" and not indent:
                raise _broken(stem, cell, "a solution inside of a function")
            left.append(indent + STUBS.get(kind, ""))
        elif END not in line and not inside:
            left.append(line)
        inside = BEGIN in line or (inside and END not in line)
    if inside:
        raise _broken(stem, cell, f"{END} after {BEGIN}")
    text = "\n".join(left)
    try:
        if kind == "code":
            ast.parse(text)
    except SyntaxError as error:
        raise _broken(stem, cell, "Python without the solution too") from error
    return cell | {"source": text}


def _broken(stem: str, cell: Cell, expected: str) -> ValueError:
    return ValueError(f"build: {expected} expected in cell {cell['id']!r} of lab {stem}.")


def _linked(cell: Cell) -> Cell:
    """Let links between labs find each lab in a folder of its own."""
    if cell["cell_type"] != "markdown":
        return cell
    return cell | {"source": LAB_LINK.sub(r"](../\2/\1", cell["source"])}


def _marked(stem: str, cell: Cell) -> Cell:
    """Give a cell the metadata, and the hidden test, that nbgrader works with."""
    source, kind = cell["source"], cell["cell_type"]
    told = {"grade_id": cell["id"], "schema_version": 3, "task": False, "cell_type": kind}
    checks = checked(source) if kind == "code" else {}
    if BEGIN in source:
        told |= {"solution": True, "grade": kind == "markdown", "locked": False}
        told |= {"points": MARKDOWN_POINTS} if kind == "markdown" else {}
    elif checks:
        try:
            worth = sum(points(exercise(name)) for name in checks)
        except ValueError as error:
            raise _broken(stem, cell, f"the name of an exercise ({error})") from error
        lines = ["from qlab.course import check as counted", ""]
        lines += [f'assert counted("{name}", {f}).passed' for name, f in checks.items()]
        cell = cell | {"source": source + "\n" + HIDDEN.format("\n".join(lines))}
        told |= {"solution": False, "grade": True, "locked": True, "points": worth}
    else:
        return cell
    return cell | {"metadata": cell["metadata"] | {"nbgrader": told}}


def _checksum(cell: Cell, told: dict[str, Any]) -> str:
    """Return nbgrader's digest of a cell (nbgrader.utils.compute_checksum)."""
    locked = told["locked"] or (told["grade"] and not told["solution"])
    parts = [cell["source"], cell["cell_type"], told["grade"], told["solution"], locked]
    parts += [told["grade_id"], *([float(told["points"])] if told["grade"] else [])]
    return hashlib.md5("".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()
