"""Every notebook runs from first cell to last, in a kernel of its own, without a browser."""

from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from tests.notebooks.running import SECONDS, complaints, executed
from tests.repository.tree import ROOT, notebooks


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize(
    "path", notebooks(), ids=[str(path.relative_to(ROOT)) for path in notebooks()]
)
def test_a_notebook_runs_and_complains_of_nothing(path: Path) -> None:
    assert complaints(executed(path)) == []


def test_the_guard_sees_a_cell_that_fails(tmp_path: Path) -> None:
    cell = nbformat.v4.new_code_cell("1 / 0")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "broken.ipynb")
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        executed(tmp_path / "broken.ipynb")
