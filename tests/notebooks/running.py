"""Executed notebooks, each once for all the tests that look at it.

A learner's machine shows widgets, a grader's shows none: labs with solutions run headless here, and
what a student is handed out runs as it does on a learner's machine (``tests/course/test_build``).
When a lab of the repository has run, a learner goes through it, in one more cell (``learner.py``).

A third of a kernel's time would go into importing what all of them import. So a notebook gets a
copy of a process that has done so (``qlab.live.forked``). Those of ``FRESH``, and all where
processes can't be copied, get a kernel as Jupyter starts it: only what they import is there.
"""

import ast
import functools
import tempfile
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from traitlets import default

from qlab.live import forked
from tests.repository.tree import ROOT

LEARNER = Path(__file__).with_name("learner.py")
FRESH = {ROOT / f"{name}.ipynb" for name in ("apps/quantize", "labs/08_repairing_ptq")}
SECONDS = 240
SOLVED = "### BEGIN SOLUTION"


class Copied(KernelSpecManager):
    """The kernel that Jupyter would start, as a copy of the one process that is there for it."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        spec = super().get_kernel_spec(kernel_name)
        spec.metadata = {"kernel_provisioner": {"provisioner_name": forked.NAME}}
        return spec


class Copies(AsyncKernelManager):
    """Starts kernels of that kind."""

    @default("kernel_spec_manager")
    def _copied(self) -> KernelSpecManager:
        return Copied(parent=self)


def copies() -> type[AsyncKernelManager]:
    """Return who copies kernels, from a process that is started when there is none; or anew."""
    if not forked.possible():
        return AsyncKernelManager
    if forked.Original.present is None:
        forked.Original({})
    return Copies


def end_copies() -> None:
    """End the process that kernels are copied from, if there is one."""
    if forked.Original.present is not None:
        forked.Original.present.end()


@functools.cache
def executed(path: Path) -> nbformat.NotebookNode:
    """Execute a notebook where it lies, leave its file alone, and return it with its outputs.

    Its record lies elsewhere and is thrown away. An exception in it is raised, and names the cell.
    """
    notebook = nbformat.read(path, as_version=4)
    headless = SOLVED in path.read_text(encoding="utf-8")
    if path.parent == ROOT / "labs":
        notebook.cells.append(learner(path))
    resources = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=resources)
    if path not in FRESH:
        client.kernel_manager_class = copies()
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setenv("QLAB_RECORD", f"{place}/record.json")
        patch.setenv("QLAB_HEADLESS", "1" if headless else "0")
        client.execute()
    return notebook


def learner(path: Path) -> nbformat.NotebookNode:
    """Return the cell in which somebody goes through this lab."""
    source = LEARNER.read_text(encoding="utf-8")
    return nbformat.v4.new_code_cell(f"{source}\ngo_through(Out, {path.stem[:2]!r})")


def counted(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """Return what the learner who went through an executed lab has counted."""
    (output,) = notebook.cells[-1].outputs
    return ast.literal_eval(output.data["text/plain"])


def complaints(notebook: nbformat.NotebookNode) -> list[str]:
    """Return what an executed notebook wrote to its standard error."""
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [output.ename for output in shown if output.output_type == "error"] == []
    return [output.text for output in shown if output.get("name") == "stderr"]
