"""Where the hand will be next: computed and drawn while the page still paints the last value.

At a held key's pace the next value is known before it is asked for. Where the page turns to its
views by itself the kernel has time as well, and goes on before the hand, to what the page lacks.
After a menu it is one of two: the slider's next place on either side.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from qlab.live.settings import Real, Whole
from qlab.live.worker import Task

if TYPE_CHECKING:
    from qlab.live.instrument import Instrument

__all__ = ["Onward"]

FURTHER = 12  # values before a hand whose page turns by itself


class Onward:
    """Guesses the hand's next values from its last two.

    Parameters
    ----------
    instrument
        Whose slider it moves.
    """

    def __init__(self, instrument: "Instrument") -> None:
        self.instrument = instrument
        self.guess: Any = None  # the key of the state that is computed
        self._task: Task | None = None

    def task(self, s: Any, before: Any, turned: bool) -> Task | None:
        """Return what can begin at once, after a movement from one state to the next.

        Parameters
        ----------
        s, before
            The states.
        turned
            The page has turned by itself: a task that goes on before the hand is the same as
            long as it does.
        """
        going = self._task is not None and self._task is self.instrument.worker.at_once
        self._s, self._before = s, before
        if not (turned and going):
            self.guess, self._task = None, self._run(turned)
        return self._task

    def _run(self, turned: bool) -> Task:
        yield
        tried = set()
        while (value := self._next(turned)) is not None:
            there = self._s.copy(**{self.instrument.slider: value})
            self.guess = there.key()
            if self.guess in tried:  # it cannot be computed, or not be handed over
                return
            tried.add(self.guess)
            with suppress(Exception):  # it is told once the hand asks for that value
                yield from self.instrument.prepare(there)
                yield from self.instrument.hand_over(self._s, value)

    def _next(self, turned: bool) -> Any:
        """Return the value that the hand comes to at its pace, or the next that the page lacks.

        After a menu that is one of the slider's places on either side.
        """
        instrument, s = self.instrument, self._s
        name = instrument.slider
        hand = s.settings().get(name)
        if instrument.standing is not None or not isinstance(hand, Whole | Real):
            return None
        near, views = instrument.ahead(s, name), instrument.shelf.views
        now, came_from = getattr(s, name), getattr(self._before, name)

        def lacks(value: Any) -> bool:
            return s.copy(**{name: value}).key() not in views

        if instrument.in_hand != name:  # a menu or a preset was set
            return next((v for v in near[:3] if v != now and lacks(v)), None)
        if now == came_from or not {now, came_from} <= set(near):
            return None
        values = sorted(near, key=hand.values.index if isinstance(hand, Whole) else None)
        here = values.index(now)
        pace = here - values.index(came_from)
        if not turned:
            return values[here + pace] if 0 <= here + pace < len(values) else None
        way = values[here + 1 :] if pace > 0 else values[:here][::-1]
        return next((v for v in way[:FURTHER] if lacks(v)), None)
