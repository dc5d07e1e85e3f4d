"""Work that a hand can't wait for: in a thread, one job at a time, kept by name.

A job that nobody wants any more is not begun, or ends at its next pause; NumPy lets the page's
thread go on meanwhile.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

log = logging.getLogger("qlab.live")
_TURN = threading.Lock()  # two cores: one for the page, one for this
KEPT = 6  # results; each holds a network, at most 4 MB


class Dropped(Exception):
    """Nobody waits for this job any more."""


class Job:
    """One piece of work in a thread of its own.

    Parameters
    ----------
    work
        Gets a function to call at its pauses: it raises ``Dropped`` where nobody waits any more.
    """

    def __init__(self, work: Callable[[Callable[[], None]], Any]) -> None:
        self.ended, self.dropped = threading.Event(), threading.Event()
        self.result: Any = None
        self.error: Exception | None = None
        self.seconds = float("inf")
        self._work = work
        threading.Thread(target=self._run, name="qlab-quantize", daemon=True).start()

    def _pause(self) -> None:
        if self.dropped.is_set():
            raise Dropped

    def _run(self) -> None:
        with _TURN:
            start = time.perf_counter()
            try:
                self._pause()
                self.result = self._work(self._pause)
            except Dropped as error:
                self.error = error
            except Exception as error:  # told where the result is asked for
                self.error = error
            self.seconds = time.perf_counter() - start
        self.ended.set()

    def ready(self, seconds: float | int) -> bool:
        """Wait at most so long, and tell whether it has ended; raise what went wrong in it."""
        ended = self.ended.wait(seconds)
        if ended and self.error is not None:
            raise self.error
        return ended


class Jobs:
    """Jobs by name; at most ``KEPT`` that have ended are kept.

    Examples
    --------
    >>> jobs = Jobs()
    >>> jobs.ask("answer", lambda pause: 42).ready(5), jobs.ask("answer", print).result
    (True, 42)
    """

    def __init__(self) -> None:
        self._jobs: OrderedDict[Hashable, Job] = OrderedDict()

    def ask(self, name: Hashable, work: Callable[[Callable[[], None]], Any]) -> Job:
        """Return the job of this name, begun now where there is none."""
        if name not in self._jobs:
            self._jobs[name] = Job(work)
            while len(self._jobs) > KEPT:
                self._jobs.popitem(last=False)[1].dropped.set()
        self._jobs.move_to_end(name)
        return self._jobs[name]

    def only(self, name: Hashable) -> None:
        """Drop every job that has not ended but this one."""
        for other in [k for k, job in self._jobs.items() if k != name and not job.ended.is_set()]:
            self._jobs.pop(other).dropped.set()
