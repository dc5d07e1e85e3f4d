"""Every notebook runs from first cell to last, in a kernel of its own, without a browser."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests.repository.tree import ROOT, notebooks

SECONDS = 120


def outputs_of(path: Path) -> list[nbformat.NotebookNode]:
    """Execute a notebook where it lies, leave its file alone, and return what it showed."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=resources)
    client.execute()
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize(
    "path", notebooks(), ids=[str(path.relative_to(ROOT)) for path in notebooks()]
)
def test_a_notebook_runs_within_two_minutes_and_complains_of_nothing(path: Path) -> None:
    outputs = outputs_of(path)
    assert [output.ename for output in outputs if output.output_type == "error"] == []
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []


def test_the_guard_sees_a_cell_that_fails(tmp_path: Path) -> None:
    cell = nbformat.v4.new_code_cell("1 / 0")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "broken.ipynb")
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        outputs_of(tmp_path / "broken.ipynb")
