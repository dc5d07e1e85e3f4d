"""Notebooks show; the package computes.  They are committed short, and without outputs."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.repository.tree import ROOT, notebooks

LINES = {"apps": 15, "labs": 60}
FUNCTION_LINES = 10

every_notebook = pytest.mark.parametrize(
    "path", notebooks(), ids=[str(path.relative_to(ROOT)) for path in notebooks()]
)


def code(path: Path) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def code_lines(source: str) -> int:
    lines = [line.strip() for line in source.splitlines()]
    return sum(1 for line in lines if line and not line.startswith("#"))


def shown_lines(sources: list[str]) -> int:
    """Count what a notebook does itself: exercises are the learner's, and each has its own limit.

    Five of them, with docstrings that say everything, would leave nothing for the lab around them.
    """
    return sum(code_lines(source) for source in sources if "### BEGIN SOLUTION" not in source)


def longest_function(source: str) -> int:
    """Count the lines of the longest function or class, its docstring apart."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, functions)]
    return max((own_lines(node) for node in found), default=0)


def own_lines(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    parts = [node, node.body[0]] if ast.get_docstring(node) is not None else [node]
    lengths = [(part.end_lineno or part.lineno) - part.lineno + 1 for part in parts]
    return lengths[0] - sum(lengths[1:])


def stripped(*paths: Path) -> bool:
    command = [sys.executable, "-m", "nbstripout", "--verify", "--keep-id", *paths]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_there_are_labs_and_apps() -> None:
    assert {path.parent.name for path in notebooks()} == {"labs", "apps"}


@every_notebook
def test_a_notebook_is_thin(path: Path) -> None:
    sources = code(path)
    assert shown_lines(sources) <= LINES[path.parent.name]
    assert max(map(longest_function, sources), default=0) <= FUNCTION_LINES


@every_notebook
def test_a_notebook_is_valid_and_keeps_its_cell_ids(path: Path) -> None:
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert all(cell.get("id") for cell in notebook.cells)
    assert notebook.metadata.kernelspec.name == "python3"


def test_notebooks_are_committed_without_outputs() -> None:
    assert stripped(*notebooks())


def test_the_guard_sees_an_output(tmp_path: Path) -> None:
    path = tmp_path / "noisy.ipynb"
    shutil.copy(next(source for source in notebooks() if code(source)), path)
    assert stripped(path)
    notebook = nbformat.read(path, as_version=4)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    cell.outputs = [nbformat.v4.new_output("stream", text="42")]
    nbformat.write(notebook, path)
    assert not stripped(path)


def test_the_guard_counts_code_and_not_comments() -> None:
    source = "# a remark\n\nx = 1\ndef f():\n    # shape (n,)\n    return x\n"
    assert (code_lines(source), longest_function(source)) == (3, 3)


def test_the_guard_counts_exercises_apart_and_limits_what_their_solutions_take() -> None:
    docstring = '"""Say\n\n    everything.\n    """'
    solution = "\n    ".join(["### BEGIN SOLUTION", *(f"x += {i}" for i in range(8))])
    exercise = f"def f(x):\n    {docstring}\n    {solution}\n    ### END SOLUTION\n"
    assert shown_lines([exercise, "f(1)\n"]) == 1
    assert longest_function(exercise) == FUNCTION_LINES
    assert longest_function(exercise.replace("x += 7", "x += 7\n    x += 8")) > FUNCTION_LINES
