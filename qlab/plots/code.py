"""From a number to its code: the levels around it on a line, and the code's bits in boxes.

On the line one unit is one step and 0 is the chosen level, so its axis never moves; what the
ticks mean is written below three of them. A code is drawn as it is stored, in two's complement:
the first bit counts −2^(b−1), the others 2^(b−2) … 1. Words cost most of a frame's time, so there
are few, and the digits are markers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from qlab.plots.style import AFTER, ERROR, GREY, INK, MIST, ORANGE, TEXT

REACH = 3  # levels to each side
NAMED = (-2, 0, 2)  # of them with words
EDGE = REACH + 0.7  # steps from the middle to either end of the line
MOST_BITS = 16
PLAIN = 10  # bits whose worth is written as a number, 512 at most; then as a power
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Nearby:
    """The artists of one line; ``set_nearby`` moves them."""

    levels: Line2D
    chosen: Line2D
    error: Line2D
    number: Line2D
    beyond: tuple[Rectangle, Rectangle]
    words: tuple[Text, ...]

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All of them, in drawing order."""
        lines = (self.levels, self.chosen, self.error, self.number)
        return (*self.beyond, *lines, *self.words)


def nearby(ax: Axes) -> Nearby:
    """Prepare the line: a level every step, and the band of numbers that go to the middle one.

    Parameters
    ----------
    ax
        Drawn on in place; its axes are hidden.

    Returns
    -------
    Nearby
        Filled by ``set_nearby``.
    """
    ax.set_axis_off()
    ax.set(xlim=(-EDGE, EDGE), ylim=(-1.35, 1.0))
    ax.axvspan(-0.5, 0.5, ymin=0.575, ymax=0.99, color=MIST, alpha=0.55, lw=0)
    ax.plot([-EDGE, EDGE], [0, 0], color=GREY, lw=1.0)
    (levels,) = ax.plot([], [], color=AFTER, lw=1.6)
    (chosen,) = ax.plot([0, 0], [-0.28, 0.62], color=AFTER, lw=4.0, solid_capstyle="butt")
    (error,) = ax.plot([], [], color=ERROR, lw=3.0, solid_capstyle="butt")
    (number,) = ax.plot([], [], "v", color=ORANGE, mec=INK, mew=1.0, ms=10)
    ends = [Rectangle((0, -0.28), 0, 0.56, fc="white", ec=GREY, lw=0, hatch="////") for _ in "ab"]
    for end in ends:
        ax.add_patch(end)
    words = [
        ax.text(k, -0.36, "", ha="center", va="top", color=INK, fontsize=TEXT, linespacing=1.35)
        for k in NAMED
    ]
    return Nearby(levels, chosen, error, number, (ends[0], ends[1]), tuple(words))


def set_nearby(
    line: Nearby, place: float, codes: Sequence[int | None], values: Sequence[float]
) -> None:
    r"""Show a number among its levels.

    Parameters
    ----------
    line
        What ``nearby`` returned; changed in place.
    place
        Of the number, in steps from its level; far outside it is drawn at the end of the line.
    codes
        Of the seven levels around the chosen one; None where the grid has ended.
    values
        What they mean.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> line = nearby(Figure().add_subplot())
    >>> set_nearby(line, 0.25, [4, 5, 6, 7, None, None, None], [0.8, 1.0, 1.2, 1.4] * 2)
    >>> [word.get_text() for word in line.words]
    ['5\n1', '7\n1.4', '']
    """
    held = [k for k, code in enumerate(codes) if code is not None]
    x = np.repeat(np.array(held, dtype=float) - REACH, 3)
    line.levels.set_data(x, np.tile([-0.28, 0.28, np.nan], len(held)))
    at = float(np.clip(place, -EDGE + 0.15, EDGE - 0.15))
    line.number.set_data([at], [0.72])
    line.error.set_data([0, at], [0.4, 0.4])
    first, last = (held[0], held[-1]) if held else (2 * REACH + 1, 2 * REACH + 1)  # all beyond
    ends = ((-EDGE, first - REACH - 0.5), (last - REACH + 0.5, EDGE))
    for end, (from_, to) in zip(line.beyond, ends, strict=True):
        end.set_x(from_)
        end.set_width(max(0.0, to - from_))
        end.set_visible(to - from_ > 0.5)
    for word, k in zip(line.words, NAMED, strict=True):
        code, value = codes[k + REACH], values[k + REACH]
        word.set_text("" if code is None else f"{code:d}\n{value:.3g}".replace("-", "−"))


@dataclass(frozen=True, slots=True)
class Bits:
    """The artists of one code; ``set_bits`` fills them."""

    cover: Rectangle
    boxes: Line2D
    sign: Text
    ones: Line2D
    noughts: Line2D
    sum: Text

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All of them, in drawing order."""
        return (self.cover, self.boxes, self.sign, self.ones, self.noughts, self.sum)


def bits(ax: Axes) -> Bits:
    """Prepare boxes for a code of up to 16 bits, and above them what each bit counts.

    Parameters
    ----------
    ax
        Drawn on in place; its axes are hidden.

    Returns
    -------
    Bits
        ``set_bits`` fills it.
    """
    ax.set_axis_off()
    ax.set(xlim=(-0.3, MOST_BITS + 0.3), ylim=(-1.1, 2.0))
    for power in range(MOST_BITS):
        middle, size = MOST_BITS - power - 0.5, TEXT - 2
        ax.text(middle, 1.2, _worth(power), ha="center", va="bottom", color=GREY, fontsize=size)
    (boxes,) = ax.plot([], [], color=GREY, lw=1.0)
    cover = Rectangle((-0.3, 1.05), 0, 0.95, fc="white", lw=0)  # of bits that the code lacks
    ax.add_patch(cover)
    sign = ax.text(0, 1.2, "", ha="center", va="bottom", color=INK, fontsize=TEXT - 1.5)
    ones, noughts = (
        ax.plot([], [], ls="none", marker=digit, ms=8.5, color=color, mew=0.4)[0]
        for digit, color in (("$1$", AFTER), ("$0$", INK))
    )
    total = ax.text(MOST_BITS, -0.28, "", ha="right", va="top", color=INK, fontsize=TEXT)
    return Bits(cover, boxes, sign, ones, noughts, total)


def set_bits(drawn: Bits, digits: Bool[np.ndarray, " count"], words: str) -> None:
    """Write the bits into their boxes.

    Parameters
    ----------
    drawn
        What ``bits`` returned; changed in place.
    digits
        1 to 16 of them, the first bit first; it counts less than nothing, so it has a minus.
    words
        Below the boxes.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> drawn = bits(Figure().add_subplot())
    >>> set_bits(drawn, np.array([True, False, True]), "−4 + 1 = −3")
    >>> drawn.ones.get_xdata(), drawn.noughts.get_xdata()
    (array([13.5, 15.5]), array([14.5]))
    """
    count = len(digits)
    edges = MOST_BITS - np.arange(count + 1.0)[::-1]
    x = np.stack([edges, edges, np.full_like(edges, np.nan)], axis=1).ravel()
    around = [edges[0], MOST_BITS, np.nan, edges[0], MOST_BITS]
    drawn.boxes.set_data([*x, *around], [*np.tile([0, 1, np.nan], count + 1), 0, 0, np.nan, 1, 1])
    middle = edges[:-1] + 0.5
    for line, held in ((drawn.ones, digits), (drawn.noughts, ~digits)):
        line.set_data(middle[held], np.full(np.count_nonzero(held), 0.5))
    drawn.cover.set_width(edges[1] + 0.3)  # the first bit's worth is written anew
    drawn.sign.set_x(edges[0] + 0.5)
    drawn.sign.set_text("−" + _worth(count - 1))
    drawn.sum.set_text(words)


def _worth(power: int) -> str:
    return f"{2**power}" if power < PLAIN else f"2{str(power).translate(_RAISED)}"
