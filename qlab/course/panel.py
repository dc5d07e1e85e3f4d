"""What every widget of the course is made of: a box, buttons, sentences, and a hand in the page.

In the page's hand (``panel.js``, ``style.css``) is what a kernel cannot do: names for screen
readers, the Enter key, saving a file, saying a result aloud. Without a page a panel is its text.
"""

import html
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as ipw
import traitlets as tl

from qlab.course.headless import headless

HERE = Path(__file__).parent
CSS = HERE / "style.css"


class Hand(anywidget.AnyWidget):
    """The invisible part of a panel; see the module."""

    _esm = HERE / "panel.js"
    _css = CSS

    names = tl.Dict().tag(sync=True)  # CSS class of a field to its name
    said = tl.Unicode().tag(sync=True)  # spoken by a screen reader

    def save(self, filename: str, media: str, content: bytes) -> None:
        """Hand a file to the page, which saves it."""
        self.send({"do": "save", "filename": filename, "media": media}, [content])


class Panel(ipw.VBox):
    """A box of the course, of the CSS classes ``qlab-course`` and its own.

    Parameters
    ----------
    css
        Its own class: "qlab-predict".
    children
        What stands in it.
    names
        CSS class of a field to its name for screen readers.
    """

    def __init__(
        self, css: str, children: Sequence[ipw.Widget], names: dict[str, str] | None = None
    ) -> None:
        self.hand = Hand(names=names or {})
        super().__init__([*children, self.hand])
        self.add_class("qlab-course")
        self.add_class(css)

    def in_words(self) -> str:
        """Return what the panel shows as plain text."""
        return type(self).__name__

    def __repr__(self) -> str:
        return self.in_words()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if headless():
            return {"text/plain": self.in_words()}
        return {**super()._repr_mimebundle_(**kwargs), "text/plain": self.in_words()}


def button(
    label: str, css: str, on_click: Callable[[], object], hint: str = "", primary: bool = False
) -> Any:
    """Make a button.

    Parameters
    ----------
    label
        On it.
    css
        Its class.
    on_click
        Called without arguments.
    hint
        Its tooltip.
    primary
        True for the one that Enter presses.

    Returns
    -------
    button
        An ``ipywidgets.Button``; ``click()`` presses it.
    """
    made = ipw.Button(description=label, tooltip=hint or label)
    made.on_click(lambda _: on_click())
    made.add_class(css)
    if primary:
        made.add_class("qlab-primary")
    return made


def box(css: str, children: Iterable[ipw.Widget], row: bool = False) -> Any:
    """Make a box.

    Parameters
    ----------
    css
        Its class.
    children
        What stands in it.
    row
        True side by side, wrapped where there is no room.

    Returns
    -------
    box
        An ``ipywidgets.Box``.
    """
    made = ipw.Box(list(children)) if row else ipw.VBox(list(children))
    made.add_class("qlab-row" if row else css)
    made.add_class(css)
    return made


def words(css: str, value: str = "") -> Any:
    """Make a place for HTML.

    Parameters
    ----------
    css
        Its class.
    value
        HTML of our own: whatever came from outside is escaped already.

    Returns
    -------
    words
        An ``ipywidgets.HTML``.
    """
    made = ipw.HTML(value)
    made.add_class(css)
    return made


def alert(sentence: str) -> str:
    """Return a sentence as HTML that is read aloud at once, or nothing.

    Parameters
    ----------
    sentence
        Escaped here.
    """
    return f'<p role="alert">{html.escape(sentence)}</p>' if sentence else ""


def prose(text: str) -> str:
    """Return text as HTML: escaped, with `code` between backticks.

    Parameters
    ----------
    text
        Anybody's.

    Examples
    --------
    >>> prose("`a < b` holds & more")
    '<code>a &lt; b</code> holds &amp; more'
    """
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html.escape(text))


def plain(text: str) -> str:
    """Return text without the backticks, for where no HTML can stand: the label of a choice.

    Parameters
    ----------
    text
        As ``prose`` takes it.

    Examples
    --------
    >>> plain("`a < b` holds")
    'a < b holds'
    """
    return re.sub(r"`([^`\n]+)`", r"\1", text)


def table(caption: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as HTML, every cell escaped; nothing where there are no rows.

    Parameters
    ----------
    caption
        Above it.
    header
        Names of the columns.
    rows
        Their cells; the first of each names the row.

    Examples
    --------
    >>> table("Sizes", ["net", "bytes"], [])
    ''
    """
    lines = [[prose(str(cell)) for cell in row] for row in rows]
    if not lines:
        return ""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in header)
    body = "".join(
        f'<tr><th scope="row">{line[0]}</th>{"".join(f"<td>{c}</td>" for c in line[1:])}</tr>'
        for line in lines
    )
    return (
        f'<table tabindex="0"><caption>{html.escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
