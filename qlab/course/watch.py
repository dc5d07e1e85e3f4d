"""One call of a learner's function, and everything it does besides returning.

It gets arguments of its own. What it prints is kept, not shown; whether it wrote into an argument,
moved a global random generator, raised, or asked for input is seen afterwards.
"""

import contextlib
import copy
import functools
import io
import linecache
import pickle
import random
import sysconfig
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

import qlab
from qlab.course.exercise import Case, Function
from qlab.course.outcome import Outcome
from qlab.course.parcel import TooLargeError, plain

MOST_BYTES = 64 << 20
MOST_PRINTED = 400  # characters
MOST_WARNINGS = 3


def watched(function: Function, args: Case, most_bytes: int = MOST_BYTES) -> Outcome:
    """Call a function once, in this process and this thread, and tell what it did.

    Parameters
    ----------
    function
        Anything that can be called.
    args
        It gets a copy of them.
    most_bytes
        That it may return.

    Returns
    -------
    outcome
        Returned, raised, ended or too large; its value plain (``qlab.course.parcel``).

    Examples
    --------
    >>> outcome = watched(lambda x: print("hello") or x + 1, (1,))
    >>> outcome.value, outcome.printed
    (2, 'hello')
    """
    mine = copy.deepcopy(args)
    kept = _Kept()
    value, raised = None, None
    with _aside(kept) as caught:
        before = _generators()
        try:
            value = function(*mine)
        except (Exception, SystemExit) as error:
            raised = error
        after = _generators()  # at once: what follows may draw, too
    changed = (i for i, one in enumerate(mine) if not _same(one, args[i]))
    return Outcome(
        **(_told(raised) if raised else _brought(value, most_bytes)),
        printed=kept.text.strip(),
        changed=tuple(changed),
        random=tuple(name for name, state in after.items() if state != before[name]),
        warned=tuple(str(one.message)[:200] for one in caught[:MOST_WARNINGS]),
    )


def _brought(value: Any, most_bytes: int) -> dict[str, Any]:
    try:
        return {"state": "returned", "value": plain(value, most_bytes)}
    except TooLargeError as error:
        return {"state": "too large", "error": str(error)}


def _told(error: BaseException) -> dict[str, Any]:
    if isinstance(error, SystemExit):
        return {"state": "ended", "error": "sys.exit, exit or quit"}
    return {"state": "raised", "error": _words(error), **_place(error.__traceback__)}


class _Kept(io.TextIOBase):
    """A text file that keeps its beginning."""

    def __init__(self) -> None:
        self.text = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if (room := MOST_PRINTED - len(self.text)) > 0:
            self.text += text[:room]
        return len(text)


@contextlib.contextmanager
def _aside(kept: _Kept) -> Iterator[list[warnings.WarningMessage]]:
    """Keep prints and warnings, whatever this process does with them otherwise."""
    with (
        contextlib.redirect_stdout(kept),
        contextlib.redirect_stderr(kept),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("default")
        yield caught


def _generators() -> dict[str, Any]:
    """Return the state of the two global random generators."""
    numbers = pickle.dumps(np.random.get_state(legacy=False))  # noqa: NPY002
    return {"numpy": numbers, "random": random.getstate()}


def _same(a: Any, b: Any) -> bool:
    """Tell whether nothing at all differs; NaN is itself."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        alike = a.dtype == b.dtype and a.shape == b.shape
        return alike and (
            a.tobytes() == b.tobytes() if a.dtype.kind != "O" else bool((a == b).all())
        )
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b) or a != a


def _bits(x: np.ndarray) -> np.ndarray:
    """View numbers as what they are in memory, where NaN is NaN and −0 is not 0."""
    return x.view(f"u{x.itemsize}") if x.itemsize in (1, 2, 4, 8) and x.dtype.kind != "O" else x


def _words(error: BaseException) -> str:
    try:
        said = str(error)[:300]
    except Exception:  # somebody's own __str__
        said = ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


@functools.cache
def _libraries() -> tuple[str, ...]:
    """Return where code lies that no learner wrote."""
    paths = sysconfig.get_paths()
    ours = str(Path(qlab.__file__).parent)
    return (paths["stdlib"], paths["purelib"], paths["platlib"], ours, "<__array", "<frozen")


def _place(trace: TracebackType | None) -> dict[str, Any]:
    """Find the last line that is the learner's own, below which only libraries were called."""
    own = [
        (frame.f_code, line)
        for frame, line in traceback.walk_tb(trace)
        if not frame.f_code.co_filename.startswith(_libraries())
    ]
    if not own:
        return {}
    code, line = own[-1]
    text = linecache.getline(code.co_filename, line).strip()
    return {"line": line, "code": text[:200], "where": code.co_name.strip("<>")}
