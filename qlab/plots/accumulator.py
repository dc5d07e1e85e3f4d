"""A sum in its register: product by product, how full the register gets, and what leaves it.

The true sum is a dashed grey line, the register a solid one; where both are one, nothing has
overflowed. The ends of the register are dotted lines as long as they lie inside the picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch
from matplotlib.text import Text

from qlab.plots.bars import THICK, bar_axis, bars, set_bars
from qlab.plots.style import BLUE, GREY, INK, MIST, ORANGE, TEXT, VERMILLION

REGISTER = 32  # bits that a gauge goes to


@dataclass(frozen=True, slots=True)
class Running:
    """The artists of one sum; ``set_running`` moves them."""

    true: Line2D
    register: Line2D
    ends: tuple[Line2D, Line2D]
    reach: Line2D
    last: Line2D
    words: Text

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All of them, in drawing order."""
        return (*self.ends, self.reach, self.true, self.register, self.last, self.words)


def running(ax: Axes) -> Running:
    """Prepare a sum that grows from left to right.

    Parameters
    ----------
    ax
        Drawn on in place; its limits are ``scale_running``'s.

    Returns
    -------
    Running
        Filled by ``set_running``.
    """
    ends = [ax.axhline(0, color=VERMILLION, lw=1.6, ls=(0, (1.5, 1.5))) for _ in range(2)]
    (reach,) = ax.plot([], [], "_-", color=ORANGE, lw=3.0, ms=12, mew=2.0)
    (true,) = ax.plot([], [], color=GREY, lw=1.3, ls=(0, (4, 2)), drawstyle="steps-post")
    (register,) = ax.plot([], [], color=BLUE, lw=1.5, drawstyle="steps-post")
    (last,) = ax.plot([], [], "o", color=BLUE, ms=6)
    words = ax.text(0.02, 0.97, "", transform=ax.transAxes, va="top", color=INK, fontsize=TEXT - 1)
    return Running(true, register, (ends[0], ends[1]), reach, last, words)


def scale_running(ax: Axes, products: int, bits: int) -> None:
    """Choose the axes: so many products, and sums from −2^bits to 2^bits.

    Parameters
    ----------
    ax
        What ``running`` drew on.
    products
        How many there are.
    bits
        The picture's own reach, which is not the register's.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> scale_running(ax, 784, 18)
    >>> [text.get_text() for text in ax.get_yticklabels()][0]
    '−2¹⁸'
    """
    ax.set_xlim(-0.01 * products, 1.08 * products)
    top = 2.0**bits
    ax.set_ylim(-top, top)
    ticks = [-top, -top / 2, 0, top / 2, top]
    names = [_power(-1, bits), _power(-1, bits - 1), "0", _power(1, bits - 1), _power(1, bits)]
    ax.set_yticks(ticks, names)


def set_running(
    drawn: Running,
    sums: Integer[np.ndarray, " n"],
    registers: Integer[np.ndarray, " n"],
    ends: tuple[int, int],
    reach: tuple[int, int],
) -> None:
    """Show a sum.

    Parameters
    ----------
    drawn
        What ``running`` returned; changed in place.
    sums, registers
        The bias, then what there is after each product: truly, and in the register.
    ends
        Of the register.
    reach
        The lowest and the highest last sum over many images.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> drawn = running(ax)
    >>> scale_running(ax, 2, 8)
    >>> set_running(drawn, np.array([0, 100, 200]), np.array([0, 100, -56]), (-128, 127), (-9, 200))
    >>> int(drawn.last.get_ydata()[0]), drawn.words.get_text()
    (-56, '')
    """
    x = np.arange(len(sums))
    drawn.true.set_data(x, sums)
    drawn.register.set_data(x, registers)
    drawn.last.set_data([x[-1]], [registers[-1]])
    drawn.reach.set_data([1.045 * x[-1]] * 2, list(reach))
    ax = drawn.true.axes
    assert ax is not None
    top = ax.get_ylim()[1]
    for line, end in zip(drawn.ends, ends, strict=True):
        line.set_ydata([end, end])
        line.set_visible(abs(end) <= top)
    beyond = -ends[0] / top
    drawn.words.set_text(
        f"the register ends {beyond:,.0f} × higher than this picture" if beyond > 1 else ""
    )


@dataclass(frozen=True, slots=True)
class Gauge:
    """The artists of a gauge; ``set_gauge`` moves them."""

    used: StepPatch
    over: StepPatch
    worst: Line2D
    width: LineCollection

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All of them, in drawing order."""
        return (self.used, self.over, self.worst, self.width)


def gauge(ax: Axes) -> Gauge:
    """Prepare bars of bits, what of them does not fit, and the width of what holds them.

    Parameters
    ----------
    ax
        Drawn on in place; its bars are named by ``name_gauge``.

    Returns
    -------
    Gauge
        Filled by ``set_gauge``.
    """
    ax.set_xlim(0, REGISTER + 0.5)
    ax.set_xticks([0, 4, 8, 12, 16, 20, 24, 28, 32])
    ax.grid(axis="x", color=MIST, lw=0.5)
    used, over = bars(ax, BLUE), bars(ax, VERMILLION, hatch="////")
    (worst,) = ax.plot([], [], "D", mfc="white", mec=INK, mew=1.4, ms=6, ls="none")
    width = LineCollection([], colors=INK, linewidths=2.4)
    ax.add_collection(width, autolim=False)
    return Gauge(used, over, worst, width)


def name_gauge(ax: Axes, names: Sequence[str]) -> None:
    """Name the bars, the first on top.

    Parameters
    ----------
    ax
        What ``gauge`` drew on.
    names
        One for each bar.
    """
    bar_axis(ax, names)


def set_gauge(
    drawn: Gauge,
    needed: Integer[np.ndarray, " n"],
    worst: Float[np.ndarray, " n"],
    width: Integer[np.ndarray, " n"],
) -> None:
    """Show the bits.

    Parameters
    ----------
    drawn
        What ``gauge`` returned; changed in place.
    needed
        Bits of each bar.
    worst
        Bits that no image can go beyond; NaN for none.
    width
        Bits that there are: a line across each bar. What is needed beyond is hatched.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> drawn = gauge(Figure().add_subplot())
    >>> set_gauge(drawn, np.array([20, 9]), np.array([24.0, np.nan]), np.array([16, 16]))
    >>> drawn.used.get_data().values[::2], drawn.over.get_data().values[::2]
    (array([16.,  9.]), array([20.,  9.]))
    """
    inside = np.minimum(needed, width).astype(float)
    set_bars(drawn.used, inside)
    set_bars(drawn.over, needed - inside, inside)
    rows = np.arange(len(needed))
    drawn.worst.set_data(worst, rows)
    half = THICK / 2 + 0.12
    drawn.width.set_segments(
        [np.array([[w, y - half], [w, y + half]]) for w, y in zip(width, rows, strict=True)]
    )


@dataclass(frozen=True, slots=True)
class Pairs:
    """The artists of two answers; ``set_pairs`` moves them."""

    stems: LineCollection
    rings: Line2D
    dots: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All of them, in drawing order."""
        return (self.stems, self.rings, self.dots)


def pairs(ax: Axes, classes: int) -> Pairs:
    """Prepare a ring and a dot for each class: where they agree, the dot lies in the ring.

    Parameters
    ----------
    ax
        Drawn on in place.
    classes
        How many there are.

    Returns
    -------
    Pairs
        Filled by ``set_pairs``.
    """
    ax.set_xlim(-0.6, classes - 0.4)
    ax.set_xticks(range(classes))
    ax.axhline(0, color=MIST, lw=0.8)
    stems = LineCollection([], colors=GREY, linewidths=0.8)
    ax.add_collection(stems, autolim=False)
    (rings,) = ax.plot([], [], "o", mfc="none", mec=VERMILLION, mew=1.8, ms=10, ls="none")
    (dots,) = ax.plot([], [], "o", color=BLUE, ms=5, ls="none")
    return Pairs(stems, rings, dots)


def set_pairs(
    drawn: Pairs, rings: Float[np.ndarray, " classes"], dots: Float[np.ndarray, " classes"]
) -> None:
    """Show two answers, joined by a stem.

    Parameters
    ----------
    drawn
        What ``pairs`` returned; changed in place.
    rings, dots
        A number for each class.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> drawn = pairs(Figure().add_subplot(), 2)
    >>> set_pairs(drawn, np.array([4.0, -1.0]), np.array([3.5, -1.0]))
    >>> drawn.dots.get_ydata()
    array([ 3.5, -1. ])
    """
    x = np.arange(len(rings))
    drawn.rings.set_data(x, rings)
    drawn.dots.set_data(x, dots)
    drawn.stems.set_segments(list(np.stack([np.c_[x, rings], np.c_[x, dots]], axis=1)))


def _power(sign: int, bits: int) -> str:
    digits = str(bits).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{'−' if sign < 0 else ''}2{digits}"
