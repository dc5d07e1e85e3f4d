"""From a number to its code: the levels around it on a line, and the code's bits in boxes.

On the line one unit is one step and 0 is the chosen level, so its axis never moves; what the
ticks mean is written below them. A code is drawn as it is stored, in two's complement: the first
bit counts −2^(b−1), the others 2^(b−2) … 1.
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
EDGE = REACH + 0.7  # steps from the middle to either end of the line
MOST_BITS = 16
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
        ax.text(k, y, "", ha="center", va="top", color=color, fontsize=size)
        for y, size, color, places in (
            (-0.34, TEXT, INK, range(-REACH, REACH + 1)),
            (-0.83, TEXT - 1, GREY, (-2, 0, 2)),
        )
        for k in places
    ]
    return Nearby(levels, chosen, error, number, (ends[0], ends[1]), tuple(words))


def set_nearby(
    line: Nearby, place: float, codes: Sequence[int | None], values: Sequence[float]
) -> None:
    """Show a number among its levels.

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
    >>> set_nearby(line, 0.25, [4, 5, 6, 7, None, None, None], [0.8, 1.0, 1.2, 1.4, 0, 0, 0])
    >>> [word.get_text() for word in line.words]
    ['4', '5', '6', '7', '', '', '', '1', '1.4', '']
    """
    held = [k for k, code in enumerate(codes) if code is not None]
    x = np.repeat(np.array(held, dtype=float) - REACH, 3)
    line.levels.set_data(x, np.tile([-0.28, 0.28, np.nan], len(held)))
    at = float(np.clip(place, -EDGE + 0.15, EDGE - 0.15))
    line.number.set_data([at], [0.72])
    line.error.set_data([0, at], [0.4, 0.4])
    for end, (from_, to) in zip(
        line.beyond, ((-EDGE, held[0] - REACH - 0.5), (held[-1] - REACH + 0.5, EDGE)), strict=True
    ):
        end.set_x(from_)
        end.set_width(max(0.0, to - from_))
        end.set_visible(to - from_ > 0.5)
    below = [0 + REACH + k for k in (-2, 0, 2)]
    texts = ["" if code is None else f"{code:d}".replace("-", "−") for code in codes]
    texts += [f"{values[k]:.3g}".replace("-", "−") if k in held else "" for k in below]
    for word, text in zip(line.words, texts, strict=True):
        word.set_text(text)


@dataclass(frozen=True, slots=True)
class Bits:
    """The artists of one code; ``set_bits`` fills them."""

    ones: Line2D
    digits: tuple[Text, ...]
    sum: Text

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All of them, in drawing order."""
        return (self.ones, *self.digits, self.sum)


def bits(ax: Axes) -> Bits:
    """Prepare boxes for a code of up to 16 bits.

    Parameters
    ----------
    ax
        Drawn on in place; its axes are hidden.

    Returns
    -------
    Bits
        ``place_bits`` draws the boxes, ``set_bits`` fills them.
    """
    ax.set_axis_off()
    ax.set(xlim=(0, MOST_BITS), ylim=(-1.1, 2.0))
    (ones,) = ax.plot([], [], color=AFTER, lw=3.4, solid_capstyle="butt")
    style = {"ha": "center", "va": "center", "color": INK, "family": "DejaVu Sans Mono"}
    digits = tuple(ax.text(0, 0.5, "", fontsize=TEXT + 2, **style) for _ in range(MOST_BITS))
    total = ax.text(MOST_BITS / 2, -0.28, "", ha="center", va="top", color=INK, fontsize=TEXT)
    return Bits(ones, digits, total)


def place_bits(ax: Axes, drawn: Bits, count: int) -> None:
    """Draw the boxes of a code and what each bit counts above them; earlier boxes go.

    Parameters
    ----------
    ax
        Of ``bits``.
    drawn
        What ``bits`` returned; its digits get their places.
    count
        Bits of the code, 1 … 16.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> drawn = bits(ax)
    >>> place_bits(ax, drawn, 3)
    >>> set_bits(drawn, np.array([True, False, True]), "−4 + 1 = −3")
    >>> [t.get_text() for t in ax.texts if t.get_text()]
    ['1', '0', '1', '−4 + 1 = −3', '−4', '2', '1']
    """
    for patch in list(ax.patches):
        patch.remove()
    for text in [t for t in ax.texts if t not in (*drawn.digits, drawn.sum)]:
        text.remove()
    for k in range(count):
        left, power = _left(count) + k * _width(count), count - 1 - k
        ax.add_patch(Rectangle((left, 0), _width(count), 1, fc="white", ec=GREY, lw=1.0))
        worth = f"{2**power}" if count <= 10 else f"2{str(power).translate(_RAISED)}"
        words = ("−" if k == 0 else "") + worth
        middle = left + _width(count) / 2
        ax.text(middle, 1.18, words, ha="center", va="bottom", color=GREY, fontsize=TEXT - 1.5)
    for k, digit in enumerate(drawn.digits):
        digit.set_x(_left(count) + (k + 0.5) * _width(count))


def set_bits(drawn: Bits, digits: Bool[np.ndarray, " count"], words: str) -> None:
    """Write the bits into their boxes; ones are underlined, so that they are seen as a pattern.

    Parameters
    ----------
    drawn
        What ``bits`` returned, boxes placed for as many; changed in place.
    digits
        The first bit first.
    words
        Below the boxes.
    """
    count = len(digits)
    for k, text in enumerate(drawn.digits):
        text.set_text("" if k >= count else "1" if digits[k] else "0")
    left = _left(count) + np.flatnonzero(digits) * _width(count)
    pad = 0.12 * _width(count)
    x = np.stack([left + pad, left + _width(count) - pad, left], axis=1).ravel()
    drawn.ones.set_data(x, np.tile([0.1, 0.1, np.nan], len(left)))
    drawn.sum.set_text(words)


def _width(count: int) -> float:
    return 1.0 if count > 10 else 1.5


def _left(count: int) -> float:
    return (MOST_BITS - count * _width(count)) / 2
