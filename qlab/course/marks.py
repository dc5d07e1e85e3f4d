"""The table of marks: a row a notebook, in a file that a spreadsheet can open without harm."""

import contextlib
import csv
import io
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qlab.course.exercises import all_exercises

LONGEST = 400  # characters of a remark
FORMULA = ("=", "+", "-", "@")  # a spreadsheet would run what follows


@dataclass(slots=True, kw_only=True)
class Row:
    """One notebook in the table.

    Parameters
    ----------
    file
        As it was named.
    lab
        Two digits, or empty where none is known.
    results
        From each exercise of the lab to "passed", "failed" or "not started".
    score, points
        Points reached, and to be reached.
    seconds
        That grading took.
    remark
        What went wrong first in each exercise, or with the file.
    walls
        What held around the notebook: "alone" and "fenced" (``walls.py``).
    """

    file: str
    lab: str = ""
    results: dict[str, str] = field(default_factory=dict)
    score: int = 0
    points: int = 0
    seconds: float = 0.0
    remark: str = ""
    walls: dict[str, bool] = field(default_factory=dict)


def clean(text: str) -> str:
    """Return a text of one line, without what a terminal or a table would obey."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    plain = " ".join(plain.split())
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + "…"


def cell(text: str) -> str:
    """Return a text that a spreadsheet shows and never runs.

    Examples
    --------
    >>> cell("=1+1"), cell("fine")
    ("'=1+1", 'fine')
    """
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return "'" + text if text.lstrip().startswith(FORMULA) else text


def write_csv(rows: Sequence[Row], path: Path | str) -> Path:
    """Write the table: whole, or not at all.

    Parameters
    ----------
    rows
        From `grade`.
    path
        A file that is there is replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OSError
        It can't be written.
    """
    path = Path(path)
    names = [name for name in all_exercises() if any(name in row.results for row in rows)]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["file", "lab", *names, "score", "points", "seconds", "remark"])
    for row in rows:
        states = [row.results.get(name, "") for name in names]
        numbers = [row.score, row.points, row.seconds]
        table.writerow([cell(row.file), cell(row.lab), *states, *numbers, cell(row.remark)])
    data = text.getvalue().encode("utf-8", "backslashreplace")
    handle, part = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        Path(part).chmod(0o666 & ~mask)
        Path(part).replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            Path(part).unlink()
        raise
    return path
