"""Every exercise is complete: tags, words that a learner can read, cases that can be repeated."""

import inspect
import re

import numpy as np
import pytest

from qlab.course.clinic import exhibits
from qlab.course.exercise import FEWEST_MUTANTS, Exercise
from qlab.course.exercises import all_exercises, exercise
from qlab.course.exercises.affine import SLACK
from qlab.course.shown import shown
from qlab.course.trials import FIXED, fingerprint, trials
from tests.repository.tree import ROOT

EVERY = pytest.mark.parametrize("name", all_exercises())
AFFINE = {f"affine.{name}" for name in ("qparams", "quantize", "dequantize", "fake_quantize")}
MOST_CASES = 100  # of one check: they all run when a learner waits
SMALL = 400  # characters of the smallest case


def test_the_exercises_of_lab_02_are_there_with_mutants_enough() -> None:
    lab = {name for name, one in all_exercises().items() if one.lab == "02"}
    assert lab >= AFFINE | {"affine.symmetric_scale"}
    assert all(len(one.mutants) >= FEWEST_MUTANTS for one in all_exercises().values())


@EVERY
def test_its_reference_explains_itself_by_an_example(name: str) -> None:
    reference = exercise(name).reference
    assert reference.__name__ == name.partition(".")[2]
    words = inspect.getdoc(reference) or ""
    assert all(title in words for title in ("Parameters\n---", "Returns\n---", "Examples\n---"))
    assert re.search(rf">>> .*\b{reference.__name__}\(", words)


@EVERY
def test_its_words_are_sentences(name: str) -> None:
    task = exercise(name)
    for mutant in task.mutants:
        assert re.fullmatch(r".+[.?]", mutant.sentence, re.DOTALL), mutant.name
        assert re.fullmatch(r"[a-z0-9_]+", mutant.name)
    sentences = [one.sentence for one in task.properties]
    assert len(set(sentences)) == len(sentences)
    assert 1 <= task.minutes <= 45
    assert len(set(task.hints)) == 3


@EVERY
def test_its_cases_are_those_of_the_seed_and_few_enough(name: str) -> None:
    task = exercise(name)
    again = [[fingerprint(args) for args in trials(task, seed)[0]] for seed in (3, 3, 4)]
    assert again[0] == again[1]
    assert 0 < len(again[0]) <= MOST_CASES


@EVERY
def test_a_fresh_seed_brings_cases_that_nobody_has_seen(name: str) -> None:
    task = exercise(name)
    fixed, fresh = (
        {fingerprint(args) for args in trials(task, seed)[0]} for seed in (FIXED, FIXED + 1)
    )
    assert fresh - fixed


@EVERY
def test_its_smallest_cases_can_be_read(name: str) -> None:
    for one in exercise(name).properties:
        first = next(iter(one.cases(np.random.default_rng(FIXED))))
        assert sum(len(shown(value)) for value in first) <= SMALL, one.sentence


@EVERY
def test_trying_it_writes_into_no_case(name: str) -> None:
    task: Exercise = exercise(name)
    for one in task.properties:
        for args in one.cases(np.random.default_rng(FIXED)):
            before = fingerprint(args)
            one.broken(task.reference(*args), *args)
            assert fingerprint(args) == before


def test_the_slack_is_far_below_what_a_wrong_version_costs() -> None:
    assert SLACK < 1e-3  # of a step; the smallest mistake told apart is a tie: half a step


def test_the_documents_count_exercises_wrong_versions_and_claims_as_they_are() -> None:
    changelog, readme = ((ROOT / f"{n}.md").read_text("utf-8") for n in ("CHANGELOG", "README"))
    words = r"(\d+) exercises, each with its known wrong versions, (\d+) in all"
    mutants = [len(one.mutants) for one in all_exercises().values()]
    assert re.findall(words, changelog) == [(str(len(mutants)), str(sum(mutants)))]
    for document in (changelog, readme):
        assert re.findall(r"(\d+) claims", document) == [str(len(exhibits()))]
