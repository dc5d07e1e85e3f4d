"""What the page has at hand: the pictures and numbers of a slider's other values.

A frame that waits in the kernel is a round trip away from the hand, longer over a network: its
time is the row of the ready picture in ``python -m benchmarks live``. So what idle work prepares
of the slider in hand is handed over to the page as well, and the page turns to it in the moment
in which the handle moves. The kernel hears some times a second, and at rest, where the hand is, and
answers with the name of what it handed over instead of sending it twice; what has become known
since follows when the hand rests.

What lies on the shelf belongs to one state but for one slider. When anything else changes, the
shelf is emptied and another turn begins: by its number the page, which takes nothing from the shelf
once another control has moved, knows that the kernel has heard of it.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from qlab.live.recent import Recent

VIEWS = 96  # at hand at once
AROUND = 56  # of them as idle work lays there, the nearest; the others are where the hand was

Key = tuple[Any, ...]  # of a state


@dataclass(frozen=True, slots=True)
class View:
    """What a page shows of one state.

    Parameters
    ----------
    frames
        By the figure's name: the key that names the picture's pixels, and its bytes.
    numbers
        By the readout's name: its numbers as HTML.
    """

    frames: dict[str, tuple[Hashable, bytes]]
    numbers: dict[str, str]


@dataclass
class Shelf:
    """The views that one page has at hand.

    Attributes
    ----------
    slider
        The trait whose values they are; "" while there are none.
    turn
        How often it was emptied: the page drops what it has of an earlier one.
    views
        By the key of their state.

    Examples
    --------
    >>> shelf = Shelf()
    >>> shelf.lay("bits", (4,), View({}, {"main": "<p>98.3 %</p>"}))
    True
    >>> shelf.lay("bits", (4,), View({}, {"main": "<p>98.3 %</p>"}))  # the page has it
    False
    >>> shelf.empty()
    >>> (4,) in shelf.views, shelf.turn
    (False, 1)
    """

    slider: str = ""
    turn: int = 0
    views: Recent[Key, View] = field(default_factory=lambda: Recent(VIEWS))

    def lay(self, slider: str, key: Key, view: View) -> bool:
        """Put a view of this slider's values there, and tell whether the page lacks it."""
        if self.views and self.slider != slider:
            self.empty()
        self.slider = slider
        if self.views.get(key) == view:
            return False
        self.views[key] = view
        return True

    def empty(self) -> None:
        """Take everything away."""
        self.slider, self.turn = "", self.turn + 1
        self.views.clear()
