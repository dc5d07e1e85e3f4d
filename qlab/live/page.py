"""The instrument's hand in the page: link, clipboard, downloads, words for screen readers.

One small anywidget (``page.js``, ``style.css``) does what a kernel cannot: it keeps the
address bar at the state (in an app only: in JupyterLab the address belongs to
JupyterLab), sends the link's settings once, copies, saves bytes as files, speaks
settled results through an aria-live region, tells the screen's pixel density, where a
picture is clicked and which slider a hand comes to, turns by itself to what it has at hand
of a slider's other values, and gives pictures and sliders their accessible names.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets as tl

from qlab.live.link import query_string

log = logging.getLogger("qlab.live")
HERE = Path(__file__).parent

Maker = Callable[[], tuple[str, str, bytes]]  # () -> file name, media type, content
At = tuple[str, Any] | None  # a slider and what the page sends for its value


class Page(anywidget.AnyWidget):
    """The toolbar under an instrument and its invisible duties.

    Parameters
    ----------
    copies
        What can be copied as text: name to a function that writes it.
    files
        What can be downloaded: name to a function that makes it.
    on_link
        Called once with the page's query string, from a page that has one.
    on_open
        Called with the text of a settings file that the visitor opened.
    on_hello
        Called when a page is there, before what follows from its link or its screen.
    on_density
        Called when the screen turns out to have another pixel density.
    on_pick
        Called with a picture's name and a place on it, as fractions from its upper left corner.
    sliders
        Names of the controls that ``on_near`` wants to hear of.
    on_near
        Called with the name of a slider that the pointer or the focus comes to; with "" when a
        pointer moves among the controls after a menu was set.
    on_error
        Called with an exception that one of those functions raised.
    """

    _esm = HERE / "page.js"
    _css = HERE / "style.css"

    query = tl.Unicode().tag(sync=True)  # the state as a link, without question mark
    app = tl.Bool().tag(sync=True)  # the address bar is ours
    maker = tl.Unicode().tag(sync=True)  # what makes this instrument in Python: a notebook's link
    alts = tl.Dict().tag(sync=True)  # what each figure shows, in words, by its name
    said = tl.Unicode().tag(sync=True)  # the settled result in words
    controls = tl.Dict().tag(sync=True)  # the controls' models by their traits
    picks = tl.Dict().tag(sync=True)  # "click" or "drag" by the name of a figure that takes it
    sliders = tl.List(tl.Unicode()).tag(sync=True)  # of which the page says that a hand comes

    def __init__(
        self,
        *,
        maker: str,
        copies: dict[str, Callable[[], str]],
        files: dict[str, Maker],
        on_link: Callable[[str], None],
        on_open: Callable[[str], None],
        on_hello: Callable[[], None],
        on_density: Callable[[], None],
        on_pick: Callable[[str, float, float], None],
        sliders: list[str],
        on_near: Callable[[str], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        super().__init__(app=in_voila(), maker=maker, sliders=sliders)
        self._copies, self._files = copies, files
        self._on_link, self._on_open = on_link, on_open
        self._on_hello, self._on_density, self._on_error = on_hello, on_density, on_error
        self._on_pick, self._on_near = on_pick, on_near
        self._linked = False
        self._turn = 0  # of the shelf, as the page knows it
        self.here = False  # a page said hello: it can be shown pictures
        self.density = 1.0
        self.on_msg(self._hear)

    def set_state(self, sync_data: Any) -> None:
        """Take nothing from the page: it speaks through messages only."""
        log.warning("page: no setting is expected from the page, got %.80r", sync_data)

    def describe(self, alts: dict[str, str]) -> None:
        """Say what these figures show; the words of the others stay."""
        self.alts = {**self.alts, **alts}

    def show(
        self,
        frames: dict[str, tuple[str, bytes]],
        numbers: dict[str, str] | None = None,
        *,
        at: At = None,
        turn: int = 0,
        known: bool = False,
        whole: tuple[list[str], list[str]] | None = None,
    ) -> None:
        """Put pictures (format and bytes by name) and numbers (HTML by name) on the page.

        Every message takes its time from kernel to page, so one event sends one.

        Parameters
        ----------
        frames, numbers
            What is new.
        at
            A slider and what the page sends for its value: of a state that the hand left
            meanwhile nothing is shown where the page has turned on by itself.
        turn
            Of the shelf: what the page has at hand from an earlier one is dropped.
        known
            The page has the rest at hand.
        whole
            Pictures and numbers by name that the page lays at hand as they stand then.
        """
        if frames or numbers or known or whole or turn != self._turn:
            self._turn = turn
            more = {"at": at, "turn": turn, "known": known, "whole": whole}
            self._pass("show", frames, numbers or {}, **more)

    def hand(
        self, frames: dict[str, tuple[str, bytes]], numbers: dict[str, str], *, at: At, turn: int
    ) -> None:
        """Hand over what a slider's value will show: the page turns to it by itself."""
        self._turn = turn
        self._pass("keep", frames, numbers, at=at, turn=turn)

    def _pass(
        self, do: str, frames: dict[str, tuple[str, bytes]], numbers: dict[str, str], **more: Any
    ) -> None:
        kinds = [[name, format] for name, (format, _) in frames.items()]
        message = {"do": do, "pictures": kinds, "numbers": numbers, **more}
        self.send(message, [frame for _, frame in frames.values()])

    def copy(self, name: str) -> None:
        """Put a text on the clipboard of the page."""
        self.send({"do": "copy", "name": name, "text": self._copies[name]()})

    def save(self, name: str) -> None:
        """Hand a file to the page, which saves it."""
        filename, media, content = self._files[name]()
        self.send({"do": "save", "filename": filename, "media": media}, [content])

    def _hear(self, _: Any, message: Any, buffers: Any) -> None:
        message = message if isinstance(message, dict) else {}
        do, name = message.get("do"), message.get("name")
        try:
            if do == "copy" and name in list(self._copies):
                self.copy(name)
            elif do == "save" and name in list(self._files):
                self.save(name)
            elif do == "open" and isinstance(message.get("text"), str):
                self._on_open(message["text"])
            elif do == "hello":
                self._greet(message)
            elif do == "near" and name in ("", *self.sliders):
                self._on_near(name)
            elif do == "pick" and name in list(self.picks) and _is_place(message):
                self._pick(name, message["x"], message["y"])
            else:
                log.warning("page: a known request is expected, got %.80r", message)
        except Exception as error:  # one sentence in the page, never a traceback
            self._on_error(error)

    def _pick(self, name: str, x: float | int, y: float | int) -> None:
        try:
            self._on_pick(name, float(x), float(y))
        finally:
            self.send({"do": "picked"})  # the page may send the next place of a drag

    def _greet(self, message: dict[str, Any]) -> None:
        self.here = True
        self._on_hello()
        density, search = message.get("density"), message.get("search")
        if isinstance(density, int | float) and 1 <= density <= 4:
            before, self.density = self.density, 2.0 if density > 1.25 else 1.0
            if self.density != before:
                self._on_density()
        if self.app and isinstance(search, str) and search.strip("?") and not self._linked:
            self._linked = True
            self._on_link(search)


def _is_place(message: dict[str, Any]) -> bool:
    """Tell whether a message names a place on a picture: two fractions."""
    place: list[Any] = [message.get("x"), message.get("y")]
    return all(type(part) in (int, float) and 0 <= part <= 1 for part in place)


def in_voila() -> bool:
    """Tell whether this kernel serves an app's page (and no one's JupyterLab)."""
    return "VOILA_PREHEAT" in os.environ or os.environ.get("SERVER_SOFTWARE", "").startswith(
        "voila"
    )


def link_of_the_page(work: Callable[[], bool]) -> str:
    """Return the query string with which the app was opened, or nothing.

    A preheated kernel runs the notebook before anybody opens it, so it must wait here for
    its visitor; it does its idle work meanwhile, instead of beside the page that loads.
    """
    if not in_voila():
        return ""
    return query_string(work)
