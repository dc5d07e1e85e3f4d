"""Wrong versions are wrong by what they return, and properties can look at anything."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from qlab.course.check import judge
from qlab.course.exercise import Case, Exercise, Function
from qlab.course.exercises import all_exercises, exercise
from qlab.course.outcome import Outcome
from qlab.course.watch import watched

NAMES = list(all_exercises())
LOOK_THEMSELVES = {"00", "12", "16"}  # the others rely on the check, which looks at the kind first
STRANGE = [
    None,
    "x",
    [],
    {},
    {"a": 1},
    (1, "a"),
    [[1], [1, 2]],
    True,
    float("nan"),
    10**400,
    1j,
    np.zeros(0),
    np.array(["a"]),
    np.array([None, 1]),
    np.array([1j]),
]


def here(function: Function, cases: Sequence[Case], *, seconds: float) -> list[Outcome]:
    """Call a function that we wrote: no guard is needed."""
    return [watched(function, args) for args in cases]


def broken_by(task: Exercise, got: object) -> list[str | None]:
    rng = np.random.default_rng(0)
    return [one.broken(got, *case) for one in task.properties for case in one.cases(rng)]


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_version_returns_on_every_case_without_a_warning(name: str) -> None:
    task = exercise(name)
    for one in task.properties:
        for case in one.cases(np.random.default_rng(0)):
            for mutant in task.mutants:
                mutant.function(*case)  # an error, or a warning, fails this test


@pytest.mark.parametrize("name", [name for name in NAMES if exercise(name).lab in LOOK_THEMSELVES])
def test_a_property_refuses_whatever_comes_back_in_words(name: str) -> None:
    for got in STRANGE:
        if name == "meters.within_noise" and got is True:
            continue
        broken = broken_by(exercise(name), got)
        assert all(isinstance(words, str) and words for words in broken)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("first", [0, 5, 10])
def test_a_check_refuses_whatever_comes_back_on_every_line(name: str, first: int) -> None:
    """A different strange answer for each case, each third of the kinds first once."""
    strange = itertools.cycle(STRANGE[first:] + STRANGE[:first])
    verdict = judge(exercise(name), lambda *args: next(strange), runner=here)
    assert verdict.state == "failed"
    assert verdict.failure is not None and verdict.failure.got
    assert {line.state for line in verdict.lines[:-1]} == {"not yet"}
