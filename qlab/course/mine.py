"""My code in the instrument: a learner's function at work in the live view, beside the library's.

The function runs guarded (``qlab.course.guard``): whatever it does, the instrument stays alive and
shows the library's, and one place says what happened, as the learner's.
"""

import html
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as ipw

from qlab.course import guard
from qlab.course.outcome import Foreign, Outcome
from qlab.course.panel import Panel, box, button, words
from qlab.live.instrument import Instrument
from qlab.live.standin import Difference, Unusable

SECONDS = 3.0  # that the function may take at one movement
SIDES = {"Both": "both", "My code": "mine", "Reference": "reference"}
NOT_STARTED = "NotImplementedError"


def mine(instrument: Instrument, name: str, f: Any) -> "Mine":
    """Put a learner's function into the place of the library's in a live view.

    Parameters
    ----------
    instrument
        Where it works: ``Quantize`` takes "affine.quantize", ``Prune`` "pruning.magnitude",
        ``Distil`` "distillation.soft_targets".
    name
        Of the exercise.
    f
        The function; it takes what the exercise's takes.

    Returns
    -------
    mine
        A widget: the toggle, what differs, and the instrument.

    Raises
    ------
    TypeError
        ``f`` cannot be called.
    ValueError
        The instrument has no place for this exercise; or this is an app, which never runs a
        visitor's code.

    Examples
    --------
    >>> from qlab.live import Distil
    >>> both = mine(Distil(), "distillation.soft_targets", lambda z, T: z / T)
    >>> both.state, both.difference.place
    ('differs', 'teacher, class 0')
    >>> both.toggle.value = "reference"
    >>> both.state
    'reference'
    """
    if not callable(f):
        raise TypeError(f"mine: a function is expected, got {type(f).__name__}.")
    return Mine(instrument, name, f)


class Mine(Panel):
    """The toggle, the sentences, the instrument; made by ``mine``.

    Parameters
    ----------
    instrument, name, f
        As for ``mine``.
    """

    def __init__(self, instrument: Instrument, name: str, f: Callable[..., Any]) -> None:
        self.instrument, self.name, self.function = instrument, name, f
        self.standing: Any = None
        self._started, self._aside = True, ""
        self._put("both")
        self.toggle = ipw.RadioButtons(
            options=list(SIDES.items()), value="both", orientation="horizontal"
        )
        self.toggle.add_class("qlab-mine-toggle")
        self.toggle.observe(lambda change: self._turn(change["new"]), "value")
        self.again = button(
            "Run again", "qlab-again", lambda: self._turn(self.toggle.value), "After a time-out"
        )
        self.said = words("qlab-mine-said")
        title = words("qlab-mine-title", f"<h3>My code: <code>{html.escape(name)}</code></h3>")
        row = box("qlab-mine-row", [self.toggle, self.again], row=True)
        super().__init__(
            "qlab-mine", [title, row, self.said, instrument], {"qlab-mine-toggle": "Shown"}
        )
        self.layout.max_width = "1280px"  # as wide as the instrument in it
        self._tell()

    # -- what a test or a learner reads ------------------------------------------------

    @property
    def difference(self) -> Difference | None:
        """The first element that differs at the present setting."""
        return self.standing.difference if self.standing.works else None

    @property
    def state(self) -> str:
        """One of "same", "differs", "trouble", "not started", "reference" and "not used"."""
        standing = self.standing
        if standing.shown == "reference":
            return "reference"
        if not self._started:
            return "not started"
        if standing.trouble:
            return "trouble"
        if not standing.works:
            return "not used"
        return "same" if self.difference is None else "differs"

    def sentences(self) -> list[str]:
        """Say how the two functions compare at the present setting, as plain text."""
        standing, found = self.standing, self.difference
        own = [note for note in (standing.note, self._aside) if note]
        match self.state:
            case "reference":
                return ["The library's function is at work; yours is not run."]
            case "not started":
                return ["Not started: your function is not written yet. The library's is shown."]
            case "trouble":
                rests = " It rests until you run it again." if standing.rests else ""
                return [f"{standing.trouble}{rests}", "What is shown is the library's.", *own]
            case "not used":
                return own or ["Your function has nothing to do at this setting."]
            case "same":
                return ["No difference: your function agrees with the library's here.", *own]
        assert found is not None
        return [
            f"{found.count:,} of {found.of:,} differ. The first: {found.place}, "
            f"input {_figure(found.given)}: reference {_figure(found.reference)}, "
            f"yours {_figure(found.other)}.",
            *own,
        ]

    def in_words(self) -> str:
        """Return the sentences of the present setting."""
        return f"My code in {self.instrument.TITLE}, {self.name}: {' '.join(self.sentences())}"

    # -- at work -------------------------------------------------------------------------

    def _put(self, show: str) -> None:
        self.standing = self.instrument.stand_in(
            self.name, self.function, run=self._run, show=show, heard=self._tell
        )

    def _turn(self, show: str) -> None:
        if self.instrument.standing is self.standing:
            self.standing.again(show)
        else:  # another cell put its function in meanwhile
            self._put(show)
        self._tell()

    def _run(self, f: Callable[..., Any], cases: Sequence[tuple[Any, ...]]) -> Sequence[Any]:
        """Run all cases in one guarded call: one child a movement, however many blocks."""
        self._started, self._aside = True, ""
        [outcome] = guard.run(_Together(f), [(list(cases),)], seconds=SECONDS)
        if not outcome.returned:
            self._started = not outcome.error.startswith(NOT_STARTED)
            more = " An array is expected." if outcome.state == "too large" else ""
            raise Unusable(outcome.sentence + more, rests=outcome.state == "timeout")
        if outcome.changed:
            raise Unusable(self._written(f, cases))
        for value in outcome.value:
            if isinstance(value, Foreign):
                raise Unusable(f"Your function returned {value.kind}; an array is expected.")
        self._aside = _aside(outcome)
        return outcome.value

    def _written(self, f: Callable[..., Any], cases: Sequence[tuple[Any, ...]]) -> str:
        """Name the argument that the function writes into."""
        [first] = guard.run(f, cases[:1], seconds=SECONDS)
        try:
            names = list(inspect.signature(f).parameters)
        except (TypeError, ValueError):
            names = []
        which = [names[i] for i in first.changed if i < len(names)]
        name = " and ".join(which) or "an argument"
        return f"Your function writes into {name}, which belongs to its caller. Work on a copy."

    def _tell(self) -> None:
        if self.standing is None or not hasattr(self, "said"):
            return
        if self.instrument.standing is not self.standing:
            return
        state, sentences = self.state, self.sentences()
        css = {"same": "qlab-outcome", "trouble": "qlab-mine-trouble qlab-outcome qlab-otherwise"}
        role = ' role="alert"' if state == "trouble" else ""
        lines = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)
        look = css.get(state, "qlab-outcome qlab-otherwise")
        table = _table(self.difference) if state == "differs" else ""
        self.said.value = f'<div class="{look}"{role} data-state="{state}">{lines}{table}</div>'
        self.again.disabled = state == "reference"


class _Together:
    """All blocks in one call: a child process a movement, not one a block."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f = f

    def __call__(self, cases: Any) -> Any:
        return [self.f(*case) for case in cases]


def _aside(outcome: Outcome) -> str:
    """Say what the function did besides."""
    said = [f"It prints: {outcome.printed[:80]}"] if outcome.printed else []
    said += [f"It moves the global random state of {' and '.join(outcome.random)}."] * bool(
        outcome.random
    )
    return " ".join(said)


def _figure(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _table(found: Difference | None) -> str:
    if found is None:
        return ""
    rows = {
        "element": found.place,
        "input": _figure(found.given),
        "reference ○": _figure(found.reference),
        "yours ✕": _figure(found.other),
    }
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in rows)
    body = "".join(f"<td>{html.escape(text)}</td>" for text in rows.values())
    return (
        '<table class="qlab-mine-first"><caption>The first element that differs</caption>'
        f"<thead><tr>{head}</tr></thead><tbody><tr>{body}</tr></tbody></table>"
    )
