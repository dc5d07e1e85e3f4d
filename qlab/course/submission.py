"""A notebook that somebody handed in: read without trust, and without running anything of it."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qlab.course.exercise import Exercise

MOST_BYTES = 20 << 20  # of a notebook
LAB_IN_NAME = re.compile(r"(?<!\d)(\d\d)_")


def read(path: Path) -> dict[str, Any]:
    """Read a notebook that somebody handed in, trusting nothing of it.

    Parameters
    ----------
    path
        Of a file.

    Returns
    -------
    notebook
        A dictionary with a list of cells.

    Raises
    ------
    ValueError
        It is no file, too large, or no notebook.
    """
    if not path.is_file():  # neither a folder nor a pipe that never ends
        raise ValueError("no such file")
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"a notebook of over {MOST_BYTES >> 20} MB")
    try:
        notebook = json.loads(data)
    except ValueError as error:
        raise ValueError("not a notebook") from error
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise ValueError("not a notebook")
    return notebook


def sources(notebook: dict[str, Any]) -> list[str]:
    """Return the texts of the code cells; what is no text is left out."""
    texts = []
    for cell in notebook["cells"]:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", "")
            lines = source if isinstance(source, list) else [source]
            texts.append("".join(line for line in lines if isinstance(line, str)))
    return texts


def lab_of(notebook: dict[str, Any], path: Path) -> str:
    """Say which lab a notebook is: as `qlab course build` wrote into it, else as it is called."""
    told: Any = notebook.get("metadata")
    for key in ("qlab", "lab"):
        told = told.get(key) if isinstance(told, dict) else None
    named = LAB_IN_NAME.search(path.name)
    return told if isinstance(told, str) else named[1] if named else ""


def function_of(task: Exercise, cells: Sequence[str]) -> str:
    """Return the name of a function: the one that is checked, else the exercise's own."""
    name = re.escape(task.name)
    call = re.compile(rf"check\(\s*[\"']{name}[\"']\s*,\s*([A-Za-z_][A-Za-z_0-9]*)\s*[,)]")
    found = [match[1] for cell in cells for match in call.finditer(cell)]
    return found[-1] if found else task.name.rpartition(".")[2]
