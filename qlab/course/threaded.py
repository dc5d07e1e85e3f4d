"""Calls in a thread, where a process cannot be forked.

An exception, ``sys.exit``, printing, changed arguments, and a loop of Python that never ends are
seen as in a forked child. What ends or crashes Python itself takes this process along: a thread is
no wall. A loop inside a library goes on in the background until the process ends.
"""

import copy
import ctypes
import dataclasses
import io
import random
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from qlab.course.exercise import Case, Function
from qlab.course.outcome import Outcome
from qlab.course.watch import watched

PATIENCE = 0.5  # seconds that a thread gets to end after it was told to


class _Stop(BaseException):
    """Raised in the thread when the time is over."""


def threaded(
    function: Function, cases: Sequence[Case], seconds: float | int, most_bytes: int
) -> Iterator[Outcome]:
    """Call a function in a thread, once for each case, until the time ends.

    Parameters
    ----------
    function, cases
        As for ``qlab.course.guard.run``.
    seconds, most_bytes
        For all of it.

    Yields
    ------
    outcome
        One for each case; the last one, where there are fewer, says that the time was over.
    """
    end = time.monotonic() + seconds
    found: list[Outcome] = []

    def work() -> None:
        try:
            for args in cases:
                one = watched(function, args, most_bytes)
                found.append(dataclasses.replace(one, value=copy.deepcopy(one.value)))
        except _Stop:
            pass
        except BaseException as error:
            found.append(Outcome(state="ended", error=type(error).__name__))

    restore = _held()
    thread = threading.Thread(target=work, name="qlab-guard", daemon=True)
    try:
        thread.start()
        thread.join(end - time.monotonic())
        late = thread.is_alive()
        if late:
            _stop(thread)
    finally:
        restore()
    yield from found
    if late and len(found) < len(cases):
        yield Outcome(state="timeout", error=f"within {seconds:g} s")


def _held() -> Callable[[], None]:
    """Return what puts everything global back that a call moves, and one that hangs leaves so."""
    streams = sys.stdin, sys.stdout, sys.stderr
    filters, show = warnings.filters, warnings.showwarning
    numbers, own = np.random.get_state(), random.getstate()  # noqa: NPY002

    sys.stdin = io.StringIO()  # nobody answers, and exit() closes it

    def restore() -> None:
        sys.stdin, sys.stdout, sys.stderr = streams
        warnings.filters, warnings.showwarning = filters, show
        np.random.set_state(numbers)  # noqa: NPY002
        random.setstate(own)

    return restore


def _stop(thread: threading.Thread) -> None:
    """Raise an exception in a thread, at its next step in Python."""
    number = ctypes.c_ulong(thread.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(number, ctypes.py_object(_Stop))
    thread.join(PATIENCE)
