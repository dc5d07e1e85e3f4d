"""What an exercise is: a reference, properties that say what is asked, and known wrong versions.

An exercise stands in one file of ``qlab.course.exercises``, in a tuple called ``EXERCISES``, and
is found from there by its name. Its wrong versions are not decoration: the tests run them all, and
one that passes, or that is taken for another one, fails the build.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

FEWEST_MUTANTS = 5
DIFFICULTIES = ("first steps", "practised", "demanding")
IMPORTANCES = ("core", "useful", "extra")

Function = Callable[..., Any]
Case = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Property:
    """One line of a check, in words, and how it is tried.

    Parameters
    ----------
    sentence
        What holds, as a reader says it: "zero stays exactly zero".
    cases
        From a random generator to argument tuples, the smallest first: the first that fails is
        what a learner sees. A case names arrays small enough to be printed where it can.
    broken
        From what came back and the arguments to None where the property holds, or to what was
        expected: "an error of at most 0.25, half a step".
    """

    sentence: str
    cases: Callable[[np.random.Generator], Iterable[Case]]
    broken: Callable[..., str | None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A plausible wrong version.

    Parameters
    ----------
    name
        Short, unique in its exercise: "steps_256".
    function
        Takes what the reference takes.
    sentence
        Said to whoever wrote this: "You divided by 2^b; b bits have 2^b − 1 steps."
    """

    name: str
    function: Function
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """One function to write, and everything around it.

    Parameters
    ----------
    name
        "topic.function": "affine.quantize".
    lab
        The number of its lab, two digits.
    title
        In a list of exercises.
    reference
        The right function: plain, in the symbols of the lab; its source is the solution shown.
    properties
        In the order in which a learner should meet them.
    mutants
        At least five.
    hints
        Three, from a nudge to nearly the answer.
    difficulty, importance
        One of ``DIFFICULTIES``, one of ``IMPORTANCES``.
    minutes
        That it takes.

    Raises
    ------
    ValueError
        Too few wrong versions, not three hints, a tag that is none, or names that repeat.
    """

    name: str
    lab: str
    title: str
    reference: Function
    properties: tuple[Property, ...]
    mutants: tuple[Mutant, ...]
    hints: tuple[str, str, str]
    difficulty: str
    importance: str
    minutes: int

    def __post_init__(self) -> None:
        names = {mutant.name for mutant in self.mutants}
        demands = {
            f"at least {FEWEST_MUTANTS} mutants": len(self.mutants) >= FEWEST_MUTANTS,
            "mutants of different names": len(names) == len(self.mutants),
            "three hints": len(self.hints) == 3,
            f"a difficulty out of {DIFFICULTIES}": self.difficulty in DIFFICULTIES,
            f"an importance out of {IMPORTANCES}": self.importance in IMPORTANCES,
            "a property": bool(self.properties),
        }
        for demand, met in demands.items():
            if not met:
                raise ValueError(f"Exercise {self.name}: {demand} expected.")
