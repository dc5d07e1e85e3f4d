"""Another function at work in an instrument, in the place of one of the library's.

    state ─┬─ the library's result, kept by the instrument ──────────┐
           └─ the same steps with the other function, kept apart ────┴─ shown: one, or both

The instrument's own ``steps`` run a second time with the other function put in. What they give
lies in a store of the stand-in's own, so nothing of it can ever pass for the library's. Only
Python can put a function in: no control, link or settings file names one, and an app refuses.
"""

import copy
import importlib
import itertools
import logging
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from qlab.live.page import in_voila
from qlab.live.readout import Value
from qlab.live.recent import Recent
from qlab.live.worker import Task, finish

if TYPE_CHECKING:
    from qlab.live.instrument import Instrument

log = logging.getLogger("qlab.live")

SHOWS = ("both", "mine", "reference")
KEPT = 16  # states; an answer holds all codes or masks of a network, a megabyte or two
_serial = itertools.count()

Function = Callable[..., Any]
Run = Callable[[Function, Sequence[tuple[Any, ...]]], Sequence[Any]]


class Unusable(Exception):
    """What the function did cannot be shown; one sentence says what it was.

    Parameters
    ----------
    sentence
        About the function, for its author.
    rests
        True if it should not be tried again at the next movement (it took too long).
    """

    def __init__(self, sentence: str, *, rests: bool = False) -> None:
        super().__init__(sentence)
        self.rests = rests


class Idle(Exception):
    """The present setting leaves the function nothing to do; one sentence says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first element that differs, and how many do.

    Parameters
    ----------
    place
        "fc1[12, 345]".
    index
        Of the element in its array.
    given
        What was put in there.
    reference, other
        What came out: from the library's function, from the one that stands in.
    count, of
        Elements that differ, and all.
    mark
        Where it lies in the pictures, as the stand-in's own overlays understand it.
    """

    place: str
    index: tuple[int, ...]
    given: float | str
    reference: Any
    other: Any
    count: int
    of: int
    mark: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """What a result that is shown carries while a function stands in.

    Parameters
    ----------
    token
        Tells frames apart that are equal but for the function.
    other
        The other function's result, to be laid over this one; None where this is that result.
    answers
        What the other function gave: codes, masks, probabilities.
    difference
        The first element that differs, to be marked.
    """

    token: Hashable
    other: Any
    answers: Any
    difference: Difference | None


def in_turn(function: Function, cases: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Run a function that cannot hurt on a copy of each case; a guarded run has this signature."""
    return [function(*copy.deepcopy(case)) for case in cases]


class StandIn:
    """A function at work in one instrument; a subclass knows what it stands in for.

    Parameters
    ----------
    instrument
        Where it works.
    name
        Of what it stands in for, as ``instrument.STAND_INS`` lists it.
    function
        Takes what the exercise of this name takes.
    run
        Runs it on many cases at once; may raise ``Unusable``.
    show
        "both", "mine" (the function's results alone) or "reference" (it is not run).
    marks
        False keeps to itself which element differs.
    heard
        Called after each movement.
    """

    LEGEND: ClassVar[dict[str, str]] = {}  # of overlays: figure name → HTML

    def __init__(
        self,
        instrument: "Instrument",
        name: str,
        function: Function,
        *,
        run: Run = in_turn,
        show: str = "both",
        marks: bool = True,
        heard: Callable[[], None] = lambda: None,
    ) -> None:
        self.instrument, self.name, self.function = instrument, name, function
        self.shown, self.marks, self._run, self._heard = show, marks, run, heard
        self.serial = next(_serial)
        self.results: Recent[tuple[Any, ...], Any] = Recent(KEPT + 1)  # until one is forgotten
        self._answers: Recent[tuple[Any, ...], Any] = Recent(KEPT + 1)
        self._differences: dict[tuple[Any, ...], Difference | None] = {}
        self._completed: set[tuple[Any, ...]] = set()
        self.trouble = ""  # of the function, in a sentence
        self.note = ""  # about this setting, in a sentence
        self.rests = False

    # -- what a subclass writes ----------------------------------------------------

    def ask(self, s: Any, *given: Any) -> Any:
        """Put the cases of a state to ``call``, and return the answers, checked."""
        raise NotImplementedError

    def compare(self, s: Any, answers: Any) -> Difference | None:
        """Find the first element that differs from the library's, beyond what rounding explains."""
        raise NotImplementedError

    def overlays(self) -> Iterator[tuple[str, Callable[[Any], Any], Callable[[Any], None]]]:
        """List (figure name, build, draw) of what is laid over the pictures."""
        return iter(())

    def remark(self, s: Any) -> str:
        """Say what in this setting does not concern the function."""
        return ""

    # -- at work ---------------------------------------------------------------------

    def call(self, cases: Sequence[tuple[Any, ...]]) -> Sequence[Any]:
        """Run the function on cases."""
        return self._run(self.function, cases)

    def answers(self, s: Any, *given: Any) -> Any:
        """Return what the function answers to a state, asked once."""
        return self._answers.find(s.key(), lambda: self.ask(s, *given))

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Let the instrument compute with the function, into the store apart."""
        instrument = self.instrument
        kept, instrument.results, instrument.at_work = instrument.results, self.results, self
        try:
            with np.errstate(all="ignore"):  # a wrong code may be huge
                yield
        finally:
            instrument.results, instrument.at_work = kept, None

    def through(self, task: Generator[None, None, Any]) -> Generator[None, None, Any]:
        """Take a task's steps with the function at work in each, and in nothing between them."""
        while True:
            with self._at_work():
                try:
                    next(task)
                except StopIteration as end:
                    return end.value
            yield

    def compute(self, s: Any) -> None:
        """Compute the result of a state with the function; what goes wrong is told, not raised."""
        key = s.key()
        self.note = ""
        if self.shown == "reference" or self.rests:
            return
        self.trouble, self.note = "", self.remark(s)
        try:
            if key not in self.results:
                self.work(s)
                self._differences[key] = self.compare(s, self.answers(s))
                while len(self.results) > KEPT:
                    self._forget(next(iter(self.results)))
        except Idle as reason:
            self._forget(key)
            self.note = str(reason)
        except Unusable as error:
            self._forget(key)
            self.trouble, self.rests = str(error), error.rests
        except Exception as error:
            log.info("stand-in for %s", self.name, exc_info=error)
            self._forget(key)
            said = str(error).strip().split("\n")[0][:200]
            self.trouble = f"Your function's answers cannot be used: {said}"

    def work(self, s: Any) -> None:
        """Keep the result of a state: the instrument's own steps, with the function at work."""
        finish(self.through(self.instrument.result_of(s)))

    def _forget(self, key: tuple[Any, ...]) -> None:
        for store in (self.results, self._answers, self._differences):
            store.pop(key, None)
        self._completed.discard(key)

    def complete(self, task: Task, s: Any) -> Task:
        """Complete the numbers of the function's own result, as the library's were."""
        yield from self.through(task)
        self._completed.add(s.key())
        if s.key() == self.instrument.state.key():
            self.instrument.show(self.instrument.result)

    # -- what is shown ---------------------------------------------------------------

    @property
    def difference(self) -> Difference | None:
        """The first element that differs at the present setting."""
        return self._differences.get(self.instrument.state.key())

    @property
    def works(self) -> bool:
        """True if the function has a result for the present setting, and it is shown."""
        return self.shown != "reference" and self.instrument.state.key() in self.results

    def view(self, result: Any) -> Any:
        """Return what is shown at the present setting: the library's result, the other, or both."""
        key = self.instrument.state.key()
        reference = self.instrument.results.get(key)
        if reference is None or not self.works:
            return result if reference is None else reference
        own, answers = self.results[key], self._answers.get(key)
        token = (self.serial, self.shown, key in self._completed)
        difference = self.difference if self.marks else None
        if self.shown == "mine":
            return replace(own, beside=Beside(token, None, answers, difference))
        return replace(reference, beside=Beside(token, own, answers, difference))

    def numbers(self, result: Any) -> list[Value]:
        """List the numbers of what is shown; with both, those that differ name the other's."""
        values = list(self.instrument.numbers(result))
        other = None if result.beside is None else result.beside.other
        if other is None:
            return values
        mine = {value.name: value for value in self.instrument.numbers(other)}
        return [_with_other(value, mine.get(value.name)) for value in values]

    def again(self, show: str | None = None) -> None:
        """Show another side, or try again a function that rests or failed."""
        if show is not None and show not in SHOWS:
            raise ValueError(f"stand_in: show must be one of {', '.join(SHOWS)}, got {show!r}.")
        self.shown, self.rests = show or self.shown, False
        self.instrument.refresh()

    def settle(self) -> None:
        """Write the legend of what is shown, and tell who listens."""
        for name, legend in self.LEGEND.items():
            figure, heading = self.instrument.figures[name], self.instrument.headings.get(name)
            if heading is not None:
                shown = self.works and self.marks
                more = f'<p class="qlab-caption qlab-standin">{legend}</p>' if shown else ""
                heading.value = figure.heading() + more
        self._heard()

    def leave(self) -> None:
        """Go: the pictures are the library's again."""
        self.shown = "reference"
        self._heard = lambda: None
        self.settle()


def put(instrument: "Instrument", name: str, function: Function | None, **how: Any) -> Any:
    """Put a function in the place of one of the library's, or take the present one out.

    Parameters
    ----------
    instrument
        Where it works.
    name
        What it stands in for.
    function
        None takes out what stands in.
    how
        ``run``, ``show``, ``marks``, ``heard`` as for ``StandIn``.

    Returns
    -------
    StandIn or None
        Where something stands in now.

    Raises
    ------
    ValueError
        In an app; where the instrument names no such place, or shows nothing yet.
    """
    if in_voila():
        raise ValueError("stand_in: an app never runs a function of its visitors. Use a notebook.")
    if name not in instrument.STAND_INS:
        known = ", ".join(instrument.STAND_INS) or "nothing"
        raise ValueError(f"stand_in: one of {known} expected, got {name!r}.")
    if how.get("show", "both") not in SHOWS:
        raise ValueError(f"stand_in: show must be one of {', '.join(SHOWS)}, got {how['show']!r}.")
    if not instrument.figures:
        raise ValueError(f"stand_in: {instrument.TITLE} could not be opened. {instrument.message}")
    if instrument.standing is not None:
        instrument.standing.leave()
    if function is None:
        return None
    module, kind = instrument.STAND_INS[name].split(":")
    made = getattr(importlib.import_module(module), kind)(instrument, name, function, **how)
    overlays = [] if instrument.overlaid else list(made.overlays())
    if overlays:
        instrument.overlaid = True
        for figure, build, draw in overlays:
            instrument.figures[figure].lay_over(build, draw)
    return made


def swatch(look: str) -> str:
    """Return the key to an overlay's mark for a legend: a character in its colour."""
    return f'<b class="qlab-standin-mark" aria-hidden="true">{look}</b> '


def beside(result: Any) -> Beside | None:
    """Return what stands beside a result, if a function stands in."""
    return getattr(result, "beside", None)


def over(result: Any) -> Any:
    """Return the result that is to be laid over this one, or None."""
    found = beside(result)
    return None if found is None else found.other


def _with_other(value: Value, mine: Value | None) -> Value:
    if mine is None or mine.text == value.text:
        return value
    how = "" if mine.provenance == value.provenance else f" ({mine.provenance})"
    words = f"yours: {mine.text}{how}"
    return replace(value, note=f"{value.note}; {words}" if value.note else words)


__all__ = [
    "Beside",
    "Difference",
    "Idle",
    "StandIn",
    "Unusable",
    "beside",
    "in_turn",
    "over",
    "put",
    "swatch",
]
