"""Checks that are proven to fail: references pass, every wrong version fails and is named."""

from collections.abc import Sequence

import pytest

from qlab.course.check import judge
from qlab.course.exercise import Case, Exercise, Function
from qlab.course.exercises import all_exercises, exercise
from qlab.course.outcome import Outcome
from qlab.course.watch import watched

FRESH = (1, 2, 77, 4321)


def here(function: Function, cases: Sequence[Case], *, seconds: float) -> list[Outcome]:
    """Call a function that we wrote: no guard is needed, and none has to be paid for."""
    return [watched(function, args) for args in cases]


def refused_references(task: Exercise) -> list[str]:
    """Say for which seeds the reference itself does not pass."""
    verdicts = [judge(task, task.reference, seed=seed, runner=here) for seed in FRESH]
    return [repr(verdict) for verdict in verdicts if not verdict.passed]


def misjudged_mutants(task: Exercise) -> list[str]:
    """Say which wrong versions pass, and which ones are taken for another one."""
    found = []
    for number, mutant in enumerate(task.mutants):
        verdict = judge(task, mutant.function, seed=FRESH[number % len(FRESH)], runner=here)
        if verdict.passed:
            found.append(f"{mutant.name} survives")
        elif verdict.mistake != mutant.name:
            found.append(f"{mutant.name} is taken for {verdict.mistake}")
    return found


@pytest.mark.parametrize("name", all_exercises())
def test_the_reference_passes_with_every_seed(name: str) -> None:
    assert refused_references(exercise(name)) == []


@pytest.mark.parametrize("name", all_exercises())
def test_every_wrong_version_fails_and_is_named(name: str) -> None:
    assert misjudged_mutants(exercise(name)) == []
