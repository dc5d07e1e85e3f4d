"""Work for the moments when nobody moves anything, on the kernel's own event loop.

A task is a generator: it computes a little, yields, computes a little. The worker runs
its tasks in slices of at most 8 ms with gaps in which the kernel reads its messages,
so a hand that takes the slider again waits for one slice. ``plan`` replaces all tasks
(the state changed: what was under way is closed), and nothing runs until the hand has
rested for 120 ms, but one task that may begin at once: it uses the time in which the page
paints. What nobody waits for (the rest of a curve) stands behind a ``pause``: it begins when the
hand has rested for 350 ms, so that it is not in the way of a reader who presses a key now and
then. Without a running loop (a script, a test) tasks wait for ``flush``.

JupyterLab delivers a widget's messages in a thread beside the one that runs cells, so an event
may come while a step computes. ``lock`` lets one of them in at a time.
"""

import asyncio
import inspect
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

SLICE = 0.008  # seconds of work at a time: half a frame of a 60 Hz screen
GAP = 0.002  # seconds for the loop to read messages between two slices
REST = 0.120  # seconds without an event before idle work begins
LONG_REST = 0.350  # and before that which nobody waits for

Task = Generator[None, None, Any]
log = logging.getLogger("qlab.live")


class Worker:
    """Runs generators in the kernel's idle time, first planned first.

    Parameters
    ----------
    on_error
        Called with an exception that a task raised; the other tasks go on.

    Examples
    --------
    >>> def count(to):
    ...     for i in range(to):
    ...         seen.append(i)
    ...         yield
    >>> seen, worker = [], Worker()
    >>> worker.plan([count(2), count(1)])
    >>> worker.flush()
    >>> seen, worker.idle
    ([0, 1, 0], True)
    """

    def __init__(self, on_error: Callable[[Exception], None] | None = None) -> None:
        self.lock = threading.RLock()  # JupyterLab hears a widget in a thread of its own
        self._task: Task | None = None  # under way
        self._at_once: Task | None = None  # does not wait for the hand to rest
        self._planned: Iterator[Task] = iter(())
        self._exhausted = True
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # that the timer waits on
        self._touched = -LONG_REST
        self._patient = False  # only what nobody waits for is left
        self._on_error = on_error or (lambda error: log.error("idle task failed", exc_info=error))
        self.longest = 0.0  # seconds, the longest slice so far: for tests and the bench

    @property
    def idle(self) -> bool:
        """True when every task ran to its end."""
        return self._task is None and self._at_once is None and self._exhausted

    @property
    def at_once(self) -> Task | None:
        """The task under way that does not wait for the hand to rest."""
        return self._at_once

    def touch(self) -> None:
        """Say that the hand moved: idle work waits until it has rested."""
        self._touched = time.perf_counter()

    def hold(self, seconds: float | int) -> None:
        """Start nothing for so long: a page is loading, and needs the processor."""
        self._touched = time.perf_counter() + seconds

    def release(self) -> None:
        """Start as after any touch, whatever was held: the page is there."""
        with self.lock:
            self.touch()
            self._unset()
            self._wake()

    def plan(self, tasks: Iterable[Task], at_once: Task | None = None) -> None:
        """Drop what was planned and take these tasks, most urgent first; made when due.

        ``at_once`` comes before them, a step at a time, even while the hand moves.
        """
        with self.lock:
            dropped = self._task, self._at_once if self._at_once is not at_once else None
            self._task, self._at_once = None, at_once
            self._planned, self._exhausted, self._patient = iter(tasks), False, False
            for task in dropped:
                if task is not None and inspect.getgeneratorstate(task) != inspect.GEN_RUNNING:
                    task.close()  # one that plans anew from inside itself ends by returning
            self._wake(sooner=at_once is not None)

    def pause(self) -> Task:
        """Return a task to plan before those that nobody waits for: they want a longer rest."""
        self._patient = True
        yield

    def hurry(self, done: Callable[[], bool]) -> None:
        """Go on with the task of at once until something is done, or it ends."""
        while self._at_once is not None and not done():
            self._step()

    def flush(self, seconds: float | int | None = None) -> None:
        """Run the tasks now, to their end or for a while; for tests and scripts.

        Parameters
        ----------
        seconds
            Stop at the first step that ends after this long; None runs to the end.
        """
        start = time.perf_counter()
        while not self.idle:
            self._step()
            if seconds is not None and time.perf_counter() - start >= seconds:
                break

    def work(self) -> bool:
        """Run one slice now, hand or no hand, and tell whether there is more to do."""
        self.flush(SLICE)
        return not self.idle

    def stop(self) -> None:
        """Drop all tasks and the timer."""
        self.plan(())
        self._unset()

    def _unset(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self, sooner: bool = False) -> None:
        waits = self._timer is not None and self._loop is not None and not self._loop.is_closed()
        if self.idle or (waits and not sooner):
            return
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # no loop runs: flush() will do it
        self._unset()  # it may wait until the hand has rested
        self._timer = self._loop.call_later(self._wait(), self._slice)

    def _wait(self) -> float:
        if self._at_once is not None:
            return GAP
        rest = LONG_REST if self._patient else REST
        return max(GAP, self._touched + rest - time.perf_counter())

    def _slice(self) -> None:
        self._timer = None
        if self._at_once is not None:
            self._step()
        elif self._wait() <= GAP:  # the hand rests
            start = time.perf_counter()
            while not self.idle and time.perf_counter() - start < SLICE / 2 and self._wait() <= GAP:
                self._step()  # another step only in the first half, so that both fit
            self.longest = max(self.longest, time.perf_counter() - start)
        self._wake()

    def _step(self) -> None:
        with self.lock:
            planned, task = self._planned, self._at_once or self._task
            try:
                if task is None:
                    self._task = next(planned)
                else:
                    next(task)
            except StopIteration:
                self._ended(planned, task)
            except Exception as error:  # one task's failure must not end the others
                self._ended(planned, task)
                self._on_error(error)

    def _ended(self, planned: Iterator[Task], task: Task | None) -> None:
        if self._planned is not planned:
            return  # the task itself planned anew
        if task is not None and task is self._at_once:
            self._at_once = None
            return
        self._task = None
        self._exhausted = task is None


def finish(task: Generator[None, None, Any]) -> Any:
    """Run a task to its end at once and return what it returns.

    The same generator serves a state asked for now and one computed ahead in idle time.

    Parameters
    ----------
    task
        A generator that yields between its steps.

    Returns
    -------
    result
        What the generator returns.

    Examples
    --------
    >>> def half(x):
    ...     yield
    ...     return x / 2
    >>> finish(half(3))
    1.5
    """
    while True:
        try:
            next(task)
        except StopIteration as end:
            return end.value
