"""Checks that are proven to fail: references pass, every wrong version fails and is named."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from qlab.course.check import judge
from qlab.course.exercise import Case, Exercise, Function, Mutant, Property
from qlab.course.exercises import all_exercises, exercise
from qlab.course.exercises.affine_codes import inside
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


def speechless_mutants(task: Exercise) -> list[str]:
    """Say which wrong versions never return anything: then it is not their values that fail."""
    smallest = [next(iter(one.cases(np.random.default_rng(0)))) for one in task.properties]
    return [
        mutant.name
        for mutant in task.mutants
        if not any(watched(mutant.function, args).returned for args in smallest)
    ]


@pytest.mark.parametrize("name", all_exercises())
def test_the_reference_passes_with_every_seed(name: str) -> None:
    assert refused_references(exercise(name)) == []


@pytest.mark.parametrize("name", all_exercises())
def test_every_wrong_version_fails_and_is_named(name: str) -> None:
    assert misjudged_mutants(exercise(name)) == []


@pytest.mark.parametrize("name", all_exercises())
def test_every_wrong_version_is_wrong_by_what_it_returns(name: str) -> None:
    assert speechless_mutants(exercise(name)) == []


# ---------------------------------------------------------------- the guards above go red


def without(task: Exercise, *sentences: str) -> Exercise:
    """Weaken a check: leave properties out."""
    rest = tuple(one for one in task.properties if one.sentence not in sentences)
    assert len(rest) == len(task.properties) - len(sentences)
    return dataclasses.replace(task, properties=rest)


WEAKENED = {
    "halves go to the even neighbour, before z is added": {"z_before_rounding", "half_up"},
    "numbers beyond the range get the first or the last code": {"cast_before_clip", "not_clipped"},
    "the codes are integers": {"float_codes"},
    "zero gets exactly the zero point": set(),  # the error of half a step sees those as well
}


@pytest.mark.parametrize("sentence", WEAKENED)
def test_a_weakened_check_lets_exactly_its_wrong_versions_survive(sentence: str) -> None:
    weak = without(exercise("affine.quantize"), sentence)
    found = misjudged_mutants(weak)
    assert {line.removesuffix(" survives") for line in found} == WEAKENED[sentence]
    assert refused_references(weak) == []
    assert speechless_mutants(weak) == []


def test_a_check_that_asks_for_nothing_lets_all_survive_but_the_one_that_writes() -> None:
    task = exercise("affine.quantize")
    nothing = Property("something comes back", inside, lambda got, *args: None)
    found = misjudged_mutants(dataclasses.replace(task, properties=(nothing,)))
    names = {mutant.name for mutant in task.mutants}
    assert set(found) == {f"{name} survives" for name in names - {"in_place"}}


def test_two_wrong_versions_that_no_case_tells_apart_are_seen() -> None:
    task = exercise("affine.quantize")
    twin = dataclasses.replace(task.mutants[0], name="twin")
    doubled = dataclasses.replace(task, mutants=(*task.mutants, twin))
    assert misjudged_mutants(doubled) == [f"twin is taken for {task.mutants[0].name}"]


def test_a_reference_that_is_wrong_is_seen() -> None:
    task = exercise("affine.quantize")
    wrong = dataclasses.replace(task, reference=task.mutants[0].function)
    assert len(refused_references(wrong)) == len(FRESH)


def test_a_wrong_version_that_only_raises_is_seen() -> None:
    task = exercise("affine.quantize")
    silly = Mutant("silly", lambda x: x, "This takes one argument.")
    raising = dataclasses.replace(task, mutants=(*task.mutants, silly))
    assert speechless_mutants(raising) == ["silly"]
