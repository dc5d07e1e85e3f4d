"""An instrument that waits for an answer: its controls disabled, its results out of sight."""

from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

import ipywidgets as ipw

from qlab.course.panel import prose, words
from qlab.live import Instrument

_locks: "WeakKeyDictionary[Instrument, Lock]" = WeakKeyDictionary()


def lock_of(instrument: Instrument) -> "Lock":
    """Return the one lock of an instrument.

    Parameters
    ----------
    instrument
        Open until somebody holds the lock.
    """
    if instrument not in _locks:
        _locks[instrument] = Lock(instrument)
    return _locks[instrument]


class Lock:
    """Disables each control of an instrument while at least one question is open.

    Parameters
    ----------
    instrument
        Whose controls. Code can still set its state: only hands wait.
    """

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._questions: dict[str, str] = {}
        self._wanted: dict[Any, bool] = {}  # what each control will be once it opens
        self._hidden: list[Any] = []
        self._why = words("qlab-why")

    @property
    def closed(self) -> bool:
        """True while a question is open."""
        return bool(self._questions)

    def hold(self, key: str, question: str) -> None:
        """Close the instrument until this key is released.

        Parameters
        ----------
        key
            Holding twice with one key is holding once.
        question
            What is waited for; the instrument says it.
        """
        was_closed, self._questions[key] = self.closed, question
        self._say()
        if not was_closed:
            self._close()

    def release(self, key: str) -> None:
        """Take one question away; the last one opens the instrument."""
        was_closed = self.closed
        self._questions.pop(key, None)
        self._say()
        if was_closed and not self.closed:
            self._open()

    def _say(self) -> None:
        asked = " · ".join(f"<em>{prose(q)}</em>" for q in self._questions.values())
        self._why.value = (
            f'<p role="note"><strong>Locked until you predict.</strong> {asked}<br>Controls and '
            "results open with your answer, or with “Show anyway”.</p>"
        )

    def _close(self) -> None:
        instrument = self._instrument
        for widget in _inside(instrument):
            if widget.has_trait("disabled"):
                self._wanted[widget] = widget.disabled
                widget.disabled = True
                widget.observe(self._still, "disabled")
            if "qlab-results" in widget._dom_classes or widget is instrument.page:
                widget.layout.display = "none"
                self._hidden.append(widget)
        instrument.add_class("qlab-locked")
        head, *rest = instrument.children
        instrument.children = [head, self._why, *rest]

    def _open(self) -> None:
        instrument = self._instrument
        for widget, disabled in self._wanted.items():
            widget.unobserve(self._still, "disabled")
            widget.disabled = disabled
        for widget in self._hidden:
            widget.layout.display = None
        self._wanted, self._hidden = {}, []
        instrument.remove_class("qlab-locked")
        instrument.children = [w for w in instrument.children if w is not self._why]

    def _still(self, change: Any) -> None:
        """Keep a control closed that the instrument itself wants otherwise, for later."""
        widget, wanted = change["owner"], change["new"]
        if not wanted:
            self._wanted[widget] = False
            widget.disabled = True


def _inside(widget: Any) -> Iterator[Any]:
    if isinstance(widget, ipw.DOMWidget):
        yield widget
    for child in getattr(widget, "children", ()):
        yield from _inside(child)
