"""Executed notebooks, each once for all the tests that look at it.

A learner's machine shows widgets, a grader's shows none: labs with solutions run headless here, and
what a student is handed out runs as it does on a learner's machine (``tests/course/test_build``).
"""

import functools
import tempfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

SECONDS = 240
SOLVED = "### BEGIN SOLUTION"


@functools.cache
def executed(path: Path) -> nbformat.NotebookNode:
    """Execute a notebook where it lies, leave its file alone, and return it with its outputs.

    Its record lies elsewhere and is thrown away. An exception in it is raised, and names the cell.
    """
    notebook = nbformat.read(path, as_version=4)
    headless = SOLVED in path.read_text(encoding="utf-8")
    resources = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=resources)
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setenv("QLAB_RECORD", f"{place}/record.json")
        patch.setenv("QLAB_HEADLESS", "1" if headless else "0")
        client.execute()
    return notebook


def complaints(notebook: nbformat.NotebookNode) -> list[str]:
    """Return what an executed notebook wrote to its standard error."""
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [output.ename for output in shown if output.output_type == "error"] == []
    return [output.text for output in shown if output.get("name") == "stderr"]
