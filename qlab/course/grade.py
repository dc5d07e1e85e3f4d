"""Notebooks that were handed in, scored into one CSV: a row each, whatever a notebook does.

Of each notebook only the functions of its lab's exercises are run, in a process of its own
(``sandbox.py``). That process gets arguments and gives back values. Properties, expected values,
verdicts and this table stay here, where the notebook's code never is.

What the sandbox is not: a wall against an adversary in earnest. It shares the machine's kernel, and
on systems without namespaces and Landlock code in it can read and write what you can. Where that
matters, run ``qlab course grade`` in a container without network, as a user who owns nothing.
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from qlab.course.books import points
from qlab.course.check import judge
from qlab.course.exercise import Exercise
from qlab.course.exercises import all_exercises
from qlab.course.marks import LONGEST, Row, clean, write_csv
from qlab.course.sandbox import SECONDS, Sandbox
from qlab.course.submission import function_of, lab_of, read, sources
from qlab.course.verdict import Verdict

__all__ = ["Row", "grade", "write_csv"]

MOST_SECONDS = 60.0  # for one notebook


def grade(files: Iterable[str | Path], *, lab: str = "", walls: bool = True) -> Iterator[Row]:
    """Score notebooks, one after the other.

    Parameters
    ----------
    files
        Notebooks that were handed in.
    lab
        Two digits for all of them; empty takes what each was built for, else says in its name.
    walls
        False grades without namespaces and Landlock, as on a system that has none.

    Yields
    ------
    Row
        One a file. Nothing in a file keeps the next one from its row.

    Raises
    ------
    ValueError
        No lab with exercises has that number, or the system has no processes to fork.
    """
    tasks: dict[str, list[Exercise]] = {}
    for one in all_exercises().values():
        tasks.setdefault(one.lab, []).append(one)
    if lab and lab not in tasks:
        raise ValueError(f"grade: expected a lab out of {', '.join(tasks)}, got lab={lab!r}.")
    if not hasattr(os, "fork"):
        raise ValueError("grade: expected Linux or macOS. Grade in a container.")
    for file in files:
        start = time.monotonic()
        row = Row(file=str(file))
        try:
            _fill(row, Path(file), lab, tasks, walls)
        except (OSError, ValueError) as error:
            row.remark = clean(f"not graded: {error}")
        except (RecursionError, MemoryError) as error:  # nested without end, or too large
            row.remark = f"not graded: {type(error).__name__}"
        row.seconds = round(time.monotonic() - start, 1)
        yield row


def _fill(row: Row, path: Path, lab: str, tasks: dict[str, list[Exercise]], walls: bool) -> None:
    """Read one notebook and score each exercise of its lab."""
    notebook = read(path)
    row.lab = lab or lab_of(notebook, path)
    if row.lab not in tasks:
        row.lab = ""
        raise ValueError("it does not say which lab it is; name it with --lab")
    cells = sources(notebook)
    row.points = sum(points(task) for task in tasks[row.lab])
    remarks = []
    end = time.monotonic() + MOST_SECONDS
    with Sandbox(cells, walls=walls) as box:
        for task in tasks[row.lab]:
            left = min(SECONDS, max(0.1, end - time.monotonic()))
            verdict = judged(task, box, function_of(task, cells), left)
            state = "passed" if verdict and verdict.passed else "failed"
            if verdict and verdict.state == "not started":
                state = "not started"
            row.results[task.name] = state
            row.score += points(task) if state == "passed" else 0
            remarks += [told] if (told := _told(task, verdict)) else []
        remarks += [f"not Python: {one}" for one in box.unread]
        row.walls = box.standing
    row.remark = clean("; ".join(remarks) or ("" if cells else "no code cell"))


def judged(task: Exercise, box: Sandbox, name: str, seconds: float) -> Verdict | None:
    """Check one function of a notebook; the verdict is reached here, its calls are made there.

    Parameters
    ----------
    task
        The exercise.
    box
        With the notebook.
    name
        Of the function in it.
    seconds
        For all calls.

    Returns
    -------
    verdict
        None where what came back is such that it can't even be compared.
    """
    fresh = int.from_bytes(os.urandom(3))

    def runner(_: object, cases: Sequence[tuple[Any, ...]], *, seconds: float) -> list[Any]:
        return box.run(name, cases, seconds)

    try:
        return judge(task, task.reference, seconds=seconds, seed=fresh, runner=runner)
    except Exception:  # a value made to break what looks at it
        return None


def _told(task: Exercise, verdict: Verdict | None) -> str:
    """Say in a line why an exercise did not pass."""
    if verdict is None:
        return f"{task.name}: what it returns can't be compared"
    if verdict.passed or verdict.state == "not started":
        said = " ".join(verdict.remarks[:1]) if verdict.passed else ""
    elif verdict.explanation:
        said = verdict.explanation
    elif verdict.failure and verdict.state != "failed":
        said = verdict.failure.got
    elif verdict.failure:
        failure = verdict.failure
        said = f"{failure.sentence}: expected {failure.expected}, got {failure.got}"
    else:
        said = verdict.state
    return f"{task.name}: {said[:LONGEST]}" if said else ""
