"""Check a learner's function: properties in words, the smallest failing case, the mistake by name.

Every property is tried on the cases of a fixed seed and of a fresh one, all in one guarded run
(``qlab.course.guard``). The reference says of what kind and shape an answer is; the properties say
what has to hold of its numbers.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qlab.course.diagnosis import diagnosed
from qlab.course.exercise import Case, Exercise, Property
from qlab.course.exercises import exercise
from qlab.course.guard import SECONDS, run
from qlab.course.outcome import Outcome
from qlab.course.record import record
from qlab.course.shown import kind, shown
from qlab.course.trials import trials
from qlab.course.verdict import Failure, Line, Verdict
from qlab.course.watch import watched

TIDY = "your arguments stay as they were, and so do the global random generators"
STATE_OF = {"raised": "error", "ended": "crashed", "crashed": "crashed", "timeout": "timeout"}
HINTS = {
    "nothing (None)": " Is there a return?",
    "a torch.Tensor": " Stay with NumPy, or end with .numpy().",
    "a builtins.generator": " It yields; use return.",
}


@dataclass(frozen=True, slots=True)
class _Trouble:
    state: str
    sentence: str
    case: int
    expected: str
    got: str


def check(name: str, f: Any, *, seconds: float | int = SECONDS, seed: int | None = None) -> Verdict:
    """Try a function, say what holds and what does not yet, and keep it in the record.

    Parameters
    ----------
    name
        Of the exercise: "affine.quantize".
    f
        The learner's function; what cannot be called is not started.
    seconds
        For all calls together.
    seed
        For the second half of the cases; None is a fresh one, told in the verdict.

    Returns
    -------
    verdict
        Shows itself as text and HTML; ``.passed``, ``.state``, ``.mistake``, ``.to_json()``.

    Raises
    ------
    ValueError
        No exercise has that name.

    Notes
    -----
    A function that raises NotImplementedError is "not started". Whatever else it raises, and
    whatever it does, is told by the verdict: ``check`` itself raises nothing for it.
    """
    fresh = int(np.random.SeedSequence().generate_state(1)[0]) % 1_000_000 if seed is None else seed
    verdict = judge(exercise(name), f, seconds=seconds, seed=fresh)
    return _kept(name, verdict)


def judge(
    task: Exercise,
    f: Any,
    *,
    seconds: float | int = SECONDS,
    seed: int = 1,
    runner: Callable[..., list[Outcome]] = run,
) -> Verdict:
    """Check without keeping a record.

    Parameters
    ----------
    task
        The exercise itself.
    f, seconds, seed
        As for ``check``.
    runner
        Calls f with the cases: guarded here, or wherever f is (``qlab.course.sandbox``).

    Returns
    -------
    verdict
        The same verdict for the same function and seed.

    Examples
    --------
    >>> from qlab.course.exercises import exercise
    >>> task = exercise("affine.quantize")
    >>> judge(task, task.reference).passed
    True
    >>> judge(task, lambda x, s, z, a, b: np.clip(np.rint(x / s), a, b).astype(int)).mistake
    'no_zero_point'
    """
    if not callable(f):
        expected = (f"a function is expected, got {kind(f)}",)
        return Verdict(name=task.name, state="not started", lines=(), remarks=expected, seed=seed)
    cases, wanted = trials(task, seed)
    outcomes = runner(f, cases, seconds=seconds)
    if outcomes[0].error.startswith("NotImplementedError"):
        return Verdict(name=task.name, state="not started", lines=(), seed=seed)
    lines, troubles = _tried(task, cases, wanted, outcomes)
    if not troubles:
        state, mistake = "passed", None
    else:
        state = troubles[0].state
        mistake = diagnosed(task, cases, outcomes)
    return Verdict(
        name=task.name,
        state=state,
        lines=lines,
        failure=_failure(task, cases, troubles[0]) if troubles else None,
        mistake=mistake.name if mistake else None,
        explanation=mistake.sentence if mistake else "",
        remarks=_remarks(outcomes),
        seed=seed,
    )


def _tried(
    task: Exercise, cases: Sequence[Case], wanted: list[list[int]], outcomes: Sequence[Outcome]
) -> tuple[tuple[Line, ...], list[_Trouble]]:
    """Return a line for each property, and the first trouble of each that has one."""
    expected = [watched(task.reference, args).value for args in cases]
    lines, troubles = [], []
    for one, numbers in zip(task.properties, wanted, strict=True):
        found = (_trouble(one, i, cases[i], expected[i], outcomes[i]) for i in numbers)
        first = next((trouble for trouble in found if trouble), None)
        troubles += [first] if first else []
        untried = any(outcomes[i].state == "not run" for i in numbers)
        lines.append(Line(one.sentence, "not yet" if first else "not tried" if untried else "ok"))
    untidy = next((i for i, one in enumerate(outcomes) if one.changed or one.random), None)
    if untidy is not None:
        troubles.append(_untidy(task, untidy, outcomes[untidy]))
    untried = any(one.state == "not run" for one in outcomes)
    lines.append(Line(TIDY, "not yet" if untidy is not None else "not tried" if untried else "ok"))
    return tuple(lines), troubles


def _trouble(
    one: Property, case: int, args: Case, expected: Any, outcome: Outcome
) -> _Trouble | None:
    """Say what is wrong with one case, if anything is."""
    if outcome.state == "not run":
        return None
    if not outcome.returned:
        state = STATE_OF.get(outcome.state, "failed")
        return _Trouble(state, one.sentence, case, shown(expected), outcome.sentence)
    got = outcome.value
    if kind(got) != kind(expected):
        said = kind(got) + "." + HINTS.get(kind(got), "")
        return _Trouble("failed", one.sentence, case, kind(expected), said)
    try:
        broken = one.broken(got, *args)
    except Exception:  # of a kind that the property cannot even compare
        broken = shown(expected)
    if broken is None:
        return None
    return _Trouble("failed", one.sentence, case, broken, shown(got))


def _untidy(task: Exercise, case: int, outcome: Outcome) -> _Trouble:
    names = list(inspect.signature(task.reference).parameters)
    said = [f"{names[i]} was written into" for i in outcome.changed]
    said += [f"the global generator of {name} was moved" for name in outcome.random]
    rule = "a new array for what changes, and an rng of your own"
    return _Trouble("failed", TIDY, case, rule, "; ".join(said))


def _failure(task: Exercise, cases: Sequence[Case], trouble: _Trouble) -> Failure:
    names = inspect.signature(task.reference).parameters
    arguments = zip(names, map(shown, cases[trouble.case]), strict=False)
    return Failure(trouble.sentence, tuple(arguments), trouble.expected, trouble.got)


def _remarks(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Return what is worth a word and breaks nothing."""
    said = []
    if printed := next((one.printed for one in outcomes if one.printed), ""):
        first = printed.splitlines()[0][:60]
        said.append(f'your function prints ("{first}"); it is kept out of the way here')
    warned = dict.fromkeys(text for one in outcomes for text in one.warned)
    return (*said, *(f"a warning came up: {text}" for text in list(warned)[:2]))


def _kept(name: str, verdict: Verdict) -> Verdict:
    """Write the verdict into the learner's record."""
    record().add_check(name, verdict.to_json())
    return verdict
