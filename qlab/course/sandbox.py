"""The outer side of the sandbox: one process for one notebook that somebody handed in.

The process starts with an empty environment, in a folder of its own that is thrown away, as a
session of its own, behind the walls of ``walls.py``. It is asked for one call at a time and never
told what is expected. Whatever it does, an ``Outcome`` comes back within the time.
"""

import contextlib
import json
import os
import pickle
import selectors
import shutil
import signal
import struct
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from qlab.course.exercise import Case
from qlab.course.outcome import Outcome
from qlab.course.parcel import unpack

SECONDS = 10.0  # for the calls of one function
START_SECONDS = 60.0  # for Python and NumPy on a busy machine; the notebook is not running yet
PROCESSOR_SECONDS = 120  # for one process
MEMORY = 2 << 30
FILE = 1 << 20
MOST_BYTES = 4 << 20  # of one answer
MOST_HEAD = 4 << 20
CHUNK = 1 << 16
SCRIPT = Path(__file__).with_name("inside.py")


class _GoneError(Exception):
    """The process ended, answered nonsense, or took too long; the text is an outcome's state."""


class Sandbox:
    """A process that holds one notebook; started when first needed, and again after its end.

    Parameters
    ----------
    cells
        The sources of the code cells.
    walls
        False asks for no namespaces and no Landlock, as on a machine that has none.

    Examples
    --------
    >>> with Sandbox(["def half(x): return x / 2", "import os; os._exit(0)"]) as box:
    ...     [outcome.value for outcome in box.run("half", [(3,), (5,)])]
    [1.5, 2.5]
    """

    def __init__(self, cells: Sequence[str], *, walls: bool = True) -> None:
        self.cells, self.walls = list(cells), walls
        self.standing: dict[str, bool] = {}  # the walls that hold: alone, fenced
        self.unread: list[str] = []  # why cells are no Python
        self._process: subprocess.Popen[bytes] | None = None
        self._child: int | None = None
        self._folder = ""
        self._answers = -1

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def run(self, name: str, cases: Iterable[Case], seconds: float = SECONDS) -> list[Outcome]:
        """Call one function of the notebook with one case after the other.

        Parameters
        ----------
        name
            Of the function.
        cases
            Tuples of arguments.
        seconds
            For all of them together.

        Returns
        -------
        outcomes
            One a case. After an end, a crash or the end of the time the rest is "not run".
        """
        cases, outcomes = list(cases), list[Outcome]()
        used = self._process is not None
        try:
            self._start()
            end = time.monotonic() + seconds
            for case in cases:
                outcomes.append(self._call(name, case, end))
        except _GoneError as error:
            if used and not outcomes and str(error) == "crashed":  # by the function before, later
                self.close()
                return self.run(name, cases, seconds)
            outcomes.append(self._gone(str(error), seconds))
        return outcomes + [Outcome(state="not run")] * (len(cases) - len(outcomes))

    def close(self) -> None:
        """End the process with everything that it started, and throw its folder away."""
        if self._process is None:
            return
        for end in (os.kill, os.killpg):
            target = self._child if end is os.kill else self._process.pid
            with contextlib.suppress(OSError, TypeError):  # gone already, or never named
                end(target, signal.SIGKILL)  # type: ignore[arg-type]
        self._process.wait()
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        os.close(self._answers)
        with contextlib.suppress(OSError, RecursionError):
            shutil.rmtree(self._folder)
        self._process = self._child = None

    def _start(self) -> None:
        if self._process is not None:
            return
        self._folder = tempfile.mkdtemp(prefix="qlab-grade-")
        self._answers, theirs = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(SCRIPT), str(theirs)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd=self._folder,
                env=_environment(self._folder),
                pass_fds=[theirs],
                start_new_session=True,
            )
        finally:
            os.close(theirs)
        os.set_blocking(self._process.stdin.fileno(), False)  # type: ignore[union-attr]
        setup = {
            "cells": self.cells,
            "walls": self.walls,
            "read": _readable(),
            "seconds": PROCESSOR_SECONDS,
            "memory": MEMORY,
            "file": FILE,
            "most_bytes": MOST_BYTES,
        }
        end = time.monotonic() + START_SECONDS
        self._send(json.dumps(setup).encode(), end)
        told: dict[str, Any] = {}
        while not {"child", "alone"} <= told.keys():
            told |= json.loads(self._receive(end)[0])
        self._child = told.pop("child")
        self.standing = told

    def _call(self, name: str, case: Case, end: float) -> Outcome:
        self._send(pickle.dumps((name, case)), end)
        head, body = self._receive(end)
        try:
            outcome = unpack(head, body)
            if not _sound(outcome, case):
                raise ValueError("not an outcome of a call")
        except Exception as error:  # written by a hostile hand
            raise _GoneError("nonsense") from error
        if outcome.state == "not run":  # the notebook does not define it
            if outcome.error and outcome.error not in self.unread:
                self.unread.append(outcome.error[:200])
            return Outcome(state="raised", error=f"NotImplementedError: {outcome.error}")
        return outcome

    def _send(self, data: bytes, end: float) -> None:
        assert self._process is not None
        pipe = self._process.stdin
        assert pipe is not None
        left = memoryview(struct.pack("<Q", len(data)) + data)
        while left:
            _wait(pipe.fileno(), selectors.EVENT_WRITE, end)
            try:
                left = left[os.write(pipe.fileno(), left[:CHUNK]) :]
            except OSError as error:
                raise _GoneError("crashed") from error

    def _receive(self, end: float) -> tuple[bytes, bytearray]:
        head, body = struct.unpack("<QQ", self._read(16, end))
        if head > MOST_HEAD or body > MOST_BYTES:
            raise _GoneError("nonsense")
        return bytes(self._read(head, end)), self._read(body, end)

    def _read(self, count: int, end: float) -> bytearray:
        data = bytearray()
        while len(data) < count:
            _wait(self._answers, selectors.EVENT_READ, end)
            chunk = os.read(self._answers, min(CHUNK, count - len(data)))
            if not chunk:
                raise _GoneError("crashed")
            data += chunk
        return data

    def _gone(self, state: str, seconds: float) -> Outcome:
        """Say how the process ended, after it has been cleared away."""
        code: int | None = None
        if state == "crashed" and self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(1)
        self.close()
        if state == "timeout":
            return Outcome(state=state, error=f"within {seconds:g} s")
        if state == "nonsense":
            return Outcome(state="crashed", error="its answer could not be read")
        if code is not None and 0 <= code < 128:
            return Outcome(state="ended", error=f"exit code {code}")
        return Outcome(state="crashed", error=_signal(code))


def _sound(outcome: Outcome, case: Case) -> bool:
    """Tell whether an outcome is such as a call can have: it decides on points."""
    words = (outcome.error, outcome.code, outcome.where, outcome.printed)
    return (
        outcome.state in ("returned", "raised", "ended", "too large", "not run")
        and all(isinstance(one, str) for one in (*words, *outcome.random, *outcome.warned))
        and all(type(i) is int and 0 <= i < len(case) for i in outcome.changed)
        and (outcome.line is None or type(outcome.line) is int)
    )


def _wait(pipe: int, event: int, end: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, event)
        if not selector.select(max(0.0, end - time.monotonic())):
            raise _GoneError("timeout")


def _signal(code: int | None) -> str:
    number = -code if code is not None and code < 0 else (code or 128) - 128
    try:
        return f"signal {signal.Signals(number).name}"
    except ValueError:
        return "no reason known"


def _environment(folder: str) -> dict[str, str]:
    """Return all that the process knows of its surroundings."""
    quiet = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    folders = dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR", "IPYTHONDIR"), folder)
    return quiet | folders | {"PATH": os.defpath, "LANG": "C.UTF-8", "QLAB_HEADLESS": "1"}


def _readable() -> list[str]:
    """Return the folders of Python and its packages; no home, no labs, no other submission."""
    paths = sysconfig.get_paths()
    places = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return [*places, str(SCRIPT.parents[1]), "/usr/lib", "/usr/share/zoneinfo", "/lib", "/lib64"]
