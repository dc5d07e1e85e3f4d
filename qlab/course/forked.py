"""Calls in a forked child: whatever a learner's function does, this process goes on.

The child is a copy of this process as it stands, so nothing is started or sent there; outcomes come
home one by one as parcels through a pipe. The child has no input, no output, a bounded memory and
a clock of its own, and leaves only through ``os._exit``. Whatever happens it is ended and waited
for before the parent goes on: no process and no zombie stays.
"""

import builtins
import contextlib
import faulthandler
import gc
import io
import logging
import os
import select
import signal
import struct
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from qlab.course.exercise import Case, Function
from qlab.course.outcome import Outcome
from qlab.course.parcel import pack, unpack
from qlab.course.watch import watched

if sys.platform != "win32":
    import fcntl
    import resource

MOST_MEMORY = 2 << 30  # bytes that the child may take beyond what this process has
LONGEST_HEAD = 4 << 20
LENGTHS = struct.Struct(">QQ")  # bytes of the head, bytes of the arrays
ROOM = 1 << 20  # bytes in a pipe: as much as an ordinary user may have
GLANCE = 0.1  # seconds after which a silent child is looked at


class _Late(Exception):
    """The time is over."""


class _Gone(Exception):
    """The child ended before it had said everything."""


def forked(
    function: Function, cases: Sequence[Case], seconds: float | int, most_bytes: int
) -> Iterator[Outcome]:
    """Call a function in a child, once for each case, until it or the time ends.

    Parameters
    ----------
    function, cases
        As for ``qlab.course.guard.run``.
    seconds, most_bytes
        For all of it.

    Yields
    ------
    outcome
        One for each case; the last one, where there are fewer, says what ended the child.
    """
    end = time.monotonic() + seconds
    reader, writer = _pipe()
    child = -1
    try:
        child = _fork()
        if child == 0:
            os.close(reader)
            _serve(function, cases, seconds, most_bytes, writer)
        with contextlib.suppress(OSError):
            os.setpgid(child, child)  # the child does it too: whoever is first
        os.close(writer)
        writer = -1
        yield from _outcomes(child, reader, len(cases), end, seconds, most_bytes)
    finally:
        if child == 0:
            os._exit(1)
        os.close(reader)
        if writer >= 0:
            os.close(writer)
        _end(child)


def _pipe() -> tuple[int, int]:
    """Return a pipe that takes a whole array at once, where the system lets it."""
    reader, writer = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, ROOM)
    return reader, writer


def _fork() -> int:
    """Fork. From Python 3.12 on this warns where threads run, as they do in every kernel.

    The child calls one function and exits; NumPy's BLAS takes care of its own threads.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _serve(
    function: Function, cases: Sequence[Case], seconds: float | int, most_bytes: int, writer: int
) -> None:
    """Be the child. Never returns."""
    status = 1
    try:
        me = os.getpid()
        writer = fcntl.fcntl(writer, fcntl.F_DUPFD_CLOEXEC, 3)
        _settle(seconds)
        for args in cases:
            parts = pack(watched(function, args, most_bytes))
            if os.getpid() != me:
                break  # the function forked, and this is its child
            lengths = LENGTHS.pack(len(parts[0]), sum(len(part) for part in parts[1:]))
            for part in (lengths, *parts):
                _write(writer, part)
        status = 0
    finally:
        os._exit(status)


def _settle(seconds: float | int) -> None:
    """Let go of what belongs to the parent, and set limits."""
    os.setpgid(0, 0)  # an interrupt is for the parent; what this child starts ends with it
    gc.freeze()  # nothing of the parent's is collected here
    sys.settrace(None)
    logging.disable()  # a kernel complains of what is displayed here
    faulthandler.disable()
    with contextlib.suppress(ValueError):
        signal.set_wakeup_fd(-1)
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD):
        signal.signal(one, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds + 1)  # also without a parent
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        size = pages * resource.getpagesize() + MOST_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (size, resource.getrlimit(resource.RLIMIT_AS)[1]))
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    sys.stdin, builtins.input = io.StringIO(), _nobody


def _nobody(prompt: object = "") -> str:
    raise EOFError("input() finds nobody to ask here")


def _write(writer: int, part: bytes | memoryview) -> None:
    left = memoryview(part)
    while left:
        left = left[os.write(writer, left) :]


def _outcomes(
    child: int, reader: int, count: int, end: float, seconds: float | int, most_bytes: int
) -> Iterator[Outcome]:
    """Take parcels until all are here, or say why there are no more."""
    for _ in range(count):
        try:
            head, body = LENGTHS.unpack(_read(child, reader, LENGTHS.size, end))
            if head > LONGEST_HEAD or body > most_bytes:
                raise ValueError("longer than it may be")
            parcel = bytes(_read(child, reader, head, end))
            outcome = unpack(parcel, _read(child, reader, body, end))
        except _Late:
            yield Outcome(state="timeout", error=f"within {seconds:g} s")
            return
        except (_Gone, OSError):
            yield _ending(child)
            return
        except (ValueError, KeyError, TypeError):  # it wrote into our pipe
            yield Outcome(state="ended", error="its answer was unreadable")
            return
        yield outcome


def _read(child: int, reader: int, size: int, end: float) -> bytearray:
    """Read exactly so many bytes."""
    got = bytearray(size)
    left = memoryview(got)
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    while left:
        rest = end - time.monotonic()
        if rest <= 0:
            raise _Late
        if poll.poll(1000 * min(rest, GLANCE)):
            count = os.readv(reader, [left])
            if count == 0:
                raise _Gone
            left = left[count:]
        elif _is_over(child):  # and what it started holds the pipe open
            raise _Gone
    return got


def _is_over(child: int) -> bool:
    """Tell whether the child ended, without taking its status away."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _ending(child: int) -> Outcome:
    """Say how the child ended by itself."""
    for _ in range(50):
        if _is_over(child):
            break
        time.sleep(0.01)
    else:  # it closed the pipe and goes on
        return Outcome(state="ended", error="it closed files that were not its own")
    found = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    if found is None or found.si_code == os.CLD_EXITED:
        status = 0 if found is None else found.si_status
        return Outcome(state="ended", error=f"exit status {status}")
    return Outcome(state="crashed", error=f"signal {signal.Signals(found.si_status).name}")


def _end(child: int) -> None:
    """End the child and everything that it started, and wait for it."""
    if child <= 0:
        return
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            kill(child, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child, 0)
