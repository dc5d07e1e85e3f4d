"""A learner's function, run so that nothing it does can hurt.

In a child process where there is ``fork`` (``qlab.course.forked``), in a thread elsewhere
(``qlab.course.threaded``). Recognised are: an endless loop, an exception and its line,
``sys.exit``, ``os._exit`` and a crash, printing, an argument written into, a global random
generator moved, and something returned that is no number, array or collection of these.
"""

import os
from collections.abc import Iterable

from qlab.course.exercise import Case, Function
from qlab.course.forked import forked
from qlab.course.outcome import Outcome
from qlab.course.threaded import threaded
from qlab.course.watch import MOST_BYTES

SECONDS = 5.0


def run(
    function: Function,
    cases: Iterable[Case],
    *,
    seconds: float | int = SECONDS,
    most_bytes: int = MOST_BYTES,
    fork: bool | None = None,
) -> list[Outcome]:
    """Call a function once for each case, guarded.

    Parameters
    ----------
    function
        A learner's.
    cases
        Tuples of arguments. The function gets a copy of each.
    seconds
        For all calls together.
    most_bytes
        That one call may return.
    fork
        In a child process, or in a thread; None is a child where the system has ``fork``.

    Returns
    -------
    outcomes
        As many as cases, in their order. Behind one that ended the child or the time they are
        "not run".

    Notes
    -----
    A child costs a few milliseconds, a case in it little more than its own time. It sees this
    process as it is now, and changes nothing in it. It takes at most 2 GiB more memory than this
    process has, and then gets a MemoryError.

    Examples
    --------
    >>> [outcome.value for outcome in run(lambda x: x * x, [(2,), (3,)])]
    [4, 9]
    >>> import os
    >>> [outcome.state for outcome in run(os._exit, [(3,), (4,)])]
    ['ended', 'not run']
    """
    wanted = list(cases)
    way = forked if (hasattr(os, "fork") if fork is None else fork) else threaded
    found = list(way(function, wanted, seconds, most_bytes)) if wanted else []
    return found + [Outcome(state="not run")] * (len(wanted) - len(found))
