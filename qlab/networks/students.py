"""What the zoo's students measured: one run per size, temperature, alpha and seed.

    ē = (1/k) Σ e_j,   interval [(1/k) Σ low_j, (1/k) Σ high_j]          k seeds          (1)

The seeds are judged on the same test images, so k·n answers are not k·n independent trials. (1)
keeps the width of a single run: it is careful, never too narrow.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qlab.metrics import Measured
from qlab.networks import trained

FILE = "students.json"


@dataclass(frozen=True, slots=True)
class StudentRun:
    """One trained student and how often it erred.

    Parameters
    ----------
    student
        Its architecture, one of `qlab.networks.ARCHITECTURES`.
    temperature
        T of the soft part of the loss; None where there was none.
    alpha
        Weight of the soft part; 0 for the student that never heard the teacher.
    seed
        Of its start and of the order of the images.
    error
        On the test split, with its interval; "cited", since the zoo measured it.
    """

    student: str
    temperature: float | None
    alpha: float
    seed: int
    error: Measured


def student_runs(student: str | None = None) -> tuple[StudentRun, ...]:
    """Return the runs of the zoo's grid of students.

    Parameters
    ----------
    student
        An architecture; all of them without.

    Returns
    -------
    tuple of StudentRun
        In the order in which the zoo lists them.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    ValueError
        If it is damaged or lacks runs, or holds no run of this student.
    """
    try:
        text = (trained.FOLDER / FILE).read_text(encoding="utf-8")
    except OSError:
        raise FileNotFoundError(
            f"student_runs: the zoo lacks a file (file='{FILE}'). {trained.REMEDY}"
        ) from None
    try:
        held = json.loads(text)
        runs = tuple(_run(row) for row in held["runs"])
        whole = _whole(held, runs)
    except (ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise ValueError(
            "student_runs: the zoo's results are damaged, expected runs of every seed at every "
            f"temperature and alpha (file='{FILE}'). {trained.REMEDY}"
        )
    found = tuple(run for run in runs if student in (None, run.student))
    if not found:
        known = ", ".join(sorted({run.student for run in runs}))
        raise ValueError(f"student_runs: student must be one of {known}, got {student!r}.")
    return found


def mean_error(runs: Sequence[StudentRun]) -> Measured:
    """Average the errors of some runs, equation (1).

    Parameters
    ----------
    runs
        At least one; usually the seeds of one setting.

    Returns
    -------
    Measured
        ``n`` is that of one run: the number of test images.

    Raises
    ------
    ValueError
        If there is no run.

    Examples
    --------
    >>> a = StudentRun("student_30", 4.0, 0.9, 0, Measured(0.03, 0.02, 0.05, 1000, "cited"))
    >>> b = StudentRun("student_30", 4.0, 0.9, 1, Measured(0.05, 0.04, 0.07, 1000, "cited"))
    >>> print(mean_error([a, b]))
    0.0400 [0.0300, 0.0600] n=1000 cited
    """
    if not runs:
        raise ValueError("mean_error: at least one run is expected, got none.")
    return mean_of([run.error for run in runs])


def mean_of(errors: Sequence[Measured]) -> Measured:
    """Average measurements on the same images, equation (1).

    Parameters
    ----------
    errors
        At least one.

    Returns
    -------
    Measured
        ``n`` is that of one of them; "cited".

    Raises
    ------
    ValueError
        If there is none.
    """
    if not errors:
        raise ValueError("mean_of: at least one measurement is expected, got none.")
    k = len(errors)
    mean, low, high = (
        sum(values) / k for values in zip(*((e.value, e.low, e.high) for e in errors), strict=True)
    )
    return Measured(mean, low, high, errors[0].n, "cited")  # (1)


def stored_student(student: str, temperature: float | None) -> str:
    """Return the zoo name of the student that stands for a temperature, or for none.

    Parameters
    ----------
    student
        Name of its architecture.
    temperature
        Of its teacher's answers; None where it learned from labels alone.

    Examples
    --------
    >>> stored_student("student_30", 4.0), stored_student("student_30", None)
    ('student_30_t4', 'student_30_hard')
    """
    return f"{student}_hard" if temperature is None else f"{student}_t{temperature:g}"


def student_recipe(student: str, temperature: float | None) -> dict[str, Any]:
    """Return how the student that stands for a temperature, or for none, was taught.

    Parameters
    ----------
    student
        Name of its architecture.
    temperature
        Of its teacher's answers; None where it learned from labels alone.

    Returns
    -------
    dict
        teacher, dataset, alpha, epochs, seed, and the rest of its training's plan.

    Raises
    ------
    FileNotFoundError
        If its card is missing.
    ValueError
        If there is no such student, or its card is damaged.

    Examples
    --------
    >>> recipe = student_recipe("student_100", 8.0)
    >>> recipe["teacher"], recipe["alpha"], recipe["train_images"]
    ('teacher_1200', 0.9, 5000)
    """
    name = stored_student(student, temperature)
    recipe = trained.card(name)["recipe"]
    match recipe:
        case {
            "teacher": str(),
            "dataset": str(),
            "alpha": int() | float(),
            "epochs": int(),
            "seed": int(),
        }:
            return recipe
    raise ValueError(
        "student_recipe: the zoo's card is damaged, expected teacher, dataset, alpha, epochs and "
        f"seed in its recipe (file='{name}.json'). {trained.REMEDY}"
    )


def _whole(held: Any, runs: Sequence[StudentRun]) -> bool:
    """Tell whether each student has a run of every seed at every setting that the file names."""
    taught = {(None, 0.0)} | {(float(T), float(held["alpha"])) for T in held["temperatures"]}
    for student in {run.student for run in runs}:
        found = {(r.temperature, r.alpha, r.seed) for r in runs if r.student == student}
        settings = {(T, α) for T, α, _ in found}
        if found != {(*setting, seed) for setting in settings for seed in held["seeds"]}:
            return False
        if not (settings >= taught and {α for _, α in settings} >= set(held["alphas"])):
            return False
    return bool(runs) and all(run.error.n > 0 for run in runs)


def _run(row: Any) -> StudentRun:
    test, T = row["test"], row["temperature"]
    return StudentRun(
        str(row["student"]),
        None if T is None else float(T),
        float(row["alpha"]),
        int(row["seed"]),
        Measured(1 - test["value"], 1 - test["high"], 1 - test["low"], int(test["n"]), "cited"),
    )
