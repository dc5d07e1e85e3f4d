"""Long work in another process: started, watched, stopped, and never in the kernel's way.

The program (``python -m qlab.training.job``) reads one JSON request from stdin and answers in
JSON lines; ``stop`` on stdin, or the end of stdin because the kernel died, ends it after
the step under way. So the kernel never imports torch, a drag during training stays
quick, and the best network so far lies in a file whatever happens next.

A thread reads the answers and hands them to the kernel's event loop; without a loop
(a script, a test) ``wait`` hands them over.
"""

import asyncio
import atexit
import contextlib
import html
import json
import logging
import queue
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

import ipywidgets as ipw

log = logging.getLogger("qlab.live")

TRAINING = (sys.executable, "-m", "qlab.training.job")
PATIENCE = 5.0  # seconds that a stopped program may take for its last step
Event = dict[str, Any]


class Job:
    """One run of a program that speaks the protocol of ``qlab.training.job``.

    Parameters
    ----------
    request
        Written to its stdin as one line of JSON.
    on_event
        Called in the kernel's thread with each answer, and at last with one of
        ``done``, ``failed`` (with a one-sentence ``message``) or ``stopped``.
    command
        Another program, for tests.

    Examples
    --------
    >>> program = "import json; input(); print(json.dumps({'event': 'done'}))"
    >>> job = Job({"task": "fit"}, command=(sys.executable, "-c", program))
    >>> job.start(); job.wait()
    'done'
    """

    def __init__(
        self,
        request: Mapping[str, Any],
        on_event: Callable[[Event], None] = lambda event: None,
        command: Sequence[str] = TRAINING,
    ) -> None:
        self.request, self.command = dict(request), tuple(command)
        self.status = "ready"  # running, stopping, then done, failed or stopped
        self.best: Event | None = None
        self.progress: Event | None = None
        self._on_event = on_event
        self._answers: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._process: subprocess.Popen[str] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def running(self) -> bool:
        """True until the last event was handed over."""
        return self.status in ("running", "stopping")

    def start(self) -> None:
        """Start the program; a program that cannot start is a ``failed`` event."""
        self.status = "running"
        with contextlib.suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()
        errors = tempfile.TemporaryFile("w+", errors="replace")
        try:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                errors="replace",
            )
        except OSError:
            errors.close()
            log.exception("the training program could not be started")
            self._finish("failed", "The training program could not be started. The log says more.")
            return
        _running.add(self)
        self._write(json.dumps(self.request))
        threading.Thread(target=self._read, args=(self._process, errors), daemon=True).start()

    def stop(self) -> None:
        """Ask for the end of the step under way; after a few seconds, insist."""
        if self.status != "running":
            return
        self.status = "stopping"
        self._write("stop")
        timer = threading.Timer(PATIENCE, self.kill)
        timer.daemon = True
        timer.start()

    def kill(self) -> None:
        """End the program at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    def wait(self, seconds: float | int = 60) -> str:
        """Hand over events until the end, at most this long; return the status."""
        deadline = time.monotonic() + seconds
        while self.running and time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                self._take(self._answers.get(timeout=0.1))
        return self.status

    # -- the reading thread ---------------------------------------------------------

    def _read(self, process: subprocess.Popen[str], errors: TextIO) -> None:
        assert process.stdout is not None
        with process.stdout, errors:
            for line in process.stdout:
                try:
                    answer = json.loads(line)
                    if not isinstance(answer, dict) or not isinstance(answer.get("event"), str):
                        raise ValueError
                except ValueError:
                    log.info("training: %s", line.rstrip()[:200])
                    continue
                self._post(answer)
            status = process.wait()
            errors.seek(0)
            self._post({"event": "end", "status": status, "errors": errors.read()[-2000:]})

    def _post(self, answer: Event) -> None:
        self._answers.put(answer)
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop closed: the kernel is ending
                self._loop.call_soon_threadsafe(self._hand_over)

    # -- the kernel's thread -----------------------------------------------------------

    def _hand_over(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._take(self._answers.get_nowait())

    def _take(self, answer: Event) -> None:
        if not self.running:
            return
        match answer["event"]:
            case "end":
                self._ended(answer)
                return
            case "done" | "failed":
                words = str(answer.get("message", "Training failed."))
                self._finish(answer["event"], words, answer)
                return
            case "progress":
                self.progress = answer
            case "best":
                self.best = answer
        self._tell(answer)

    def _ended(self, end: Event) -> None:
        """Handle the program's end without a last word of its own."""
        if self.status == "stopping":
            self._finish("stopped", "Stopped.")
            return
        status = end.get("status")
        log.error("training ended with status %s: %s", status, end.get("errors"))
        self._finish("failed", f"Training ended unexpectedly (exit status {status}).")

    def _finish(self, status: str, message: str, answer: Event | None = None) -> None:
        self.status = status
        _running.discard(self)
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()  # the last reason for it to go on
        self._tell({**(answer or {}), "event": status, "message": message})

    def _tell(self, event: Event) -> None:
        try:
            self._on_event(event)
        except Exception:  # whoever listens must not end the reading
            log.exception("an answer of the training program could not be shown")

    def _write(self, line: str) -> None:
        assert self._process is not None and self._process.stdin is not None
        with contextlib.suppress(OSError):  # it ended first
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()


_running: "weakref.WeakSet[Job]" = weakref.WeakSet()


@atexit.register
def _kill_all() -> None:
    for job in list(_running):
        job.kill()


class JobPanel(ipw.VBox):
    """A start and a stop button, progress with the time that remains, and words for the end.

    Parameters
    ----------
    label
        Of the start button, for instance "Fine-tune".
    hint
        Its tooltip.
    request
        Called at each start: writes the request (and the files it names).
    on_event
        Called with each answer, after the panel has shown it.
    on_error
        Called with what ``request`` raised.
    command
        Another program, for tests.
    """

    def __init__(
        self,
        label: str,
        hint: str,
        request: Callable[[], Mapping[str, Any]],
        on_event: Callable[[Event], None],
        on_error: Callable[[Exception], None],
        command: Sequence[str] = TRAINING,
    ) -> None:
        super().__init__()
        self.add_class("qlab-job")
        self.start_button = ipw.Button(description=label, tooltip=hint)
        self.start_button.add_class("qlab-start")
        self.stop_button = ipw.Button(
            description="Stop", tooltip="Stop after this step; the best is kept", disabled=True
        )
        self.stop_button.add_class("qlab-stop")
        self.shown = ipw.HTML()
        self.shown.add_class("qlab-progress")
        self.children = (ipw.HBox([self.start_button, self.stop_button]), self.shown)
        self.job: Job | None = None
        self._request, self._on_event, self._on_error = request, on_event, on_error
        self._command, self._label = command, label
        self.start_button.on_click(lambda _: self.start())
        self.stop_button.on_click(lambda _: self.stop())

    @property
    def running(self) -> bool:
        """True while a program runs for this panel."""
        return self.job is not None and self.job.running

    def start(self) -> None:
        """Start, unless one is running already."""
        if self.running:
            return
        try:
            request = self._request()
        except Exception as error:
            self._on_error(error)
            return
        self.job = Job(request, self._hear, self._command)
        self._switch(running=True)
        self._show("Starting …", None)
        self.job.start()

    def stop(self) -> None:
        """Ask the program to stop; the best so far is kept."""
        if self.job is not None and self.job.running:
            self.stop_button.disabled = True
            self._show("Stopping after this step …", None)
            self.job.stop()

    def _hear(self, event: Event) -> None:
        match event["event"]:
            case "progress":
                if self.job is not None and self.job.status == "running":
                    self._show(_words(event), _fraction(event))
            case "done" | "stopped" | "failed":
                self._switch(running=False)
                self._show(self._last_words(event), None)
        self._on_event(event)

    def _last_words(self, event: Event) -> str:
        if event["event"] == "failed":
            return str(event["message"])
        best = self.job.best if self.job is not None else None
        kept = " Nothing was better than the start."
        if best is not None:
            percent = 100 * best["validation_accuracy"]
            kept = f" Kept: epoch {best['epoch']}, {percent:.2f} % on validation."
        stopped = event["event"] == "stopped" or event.get("stopped") is True
        return ("Stopped." if stopped else "Done.") + kept

    def _switch(self, *, running: bool) -> None:
        self.start_button.disabled, self.stop_button.disabled = running, not running

    def _show(self, words: str, fraction: float | None) -> None:
        bar = ""
        if self.running and not (self.job is not None and self.job.status == "stopping"):
            value = "" if fraction is None else f' value="{fraction:.3f}"'
            bar = f'<progress max="1"{value} aria-label="{html.escape(self._label)}"></progress>'
        self.shown.value = f'{bar}<p class="qlab-caption" role="status">{html.escape(words)}</p>'


def _fraction(event: Event) -> float | None:
    try:
        return min(1.0, float(event["step"]) / float(event["steps"]))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def _words(event: Event) -> str:
    parts = [f"Epoch {event.get('epoch', '?')} of {event.get('epochs', '?')}"]
    loss, accuracy = event.get("loss"), event.get("validation_accuracy")
    if isinstance(loss, int | float):
        parts.append(f"loss {loss:.3f}")
    if isinstance(accuracy, int | float):
        parts.append(f"validation {100 * accuracy:.2f} %")
    left = event.get("seconds_left")
    if isinstance(left, int | float):
        parts.append(f"{left:.0f} s left" if left < 90 else f"{left / 60:.0f} min left")
    return ", ".join(parts) + "."
