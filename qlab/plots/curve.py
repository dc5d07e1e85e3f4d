"""A measured curve that fills itself: accuracy against bits, sparsity or temperature.

A point is hollow while it is an estimate on a subset and solid once it was measured
on the whole split; both carry their 95 % interval as a bar.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from qlab.plots.style import AFTER, MIST, NOW


@dataclass(frozen=True, slots=True)
class Curve:
    """The artists of one curve; ``set_curve`` moves them."""

    line: Line2D
    hollow: Line2D
    solid: Line2D
    bars: LineCollection
    now: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All of them, in drawing order."""
        return (self.bars, self.line, self.hollow, self.solid, self.now)


def odds_axis(ax: Axes, low: float | int, high: float | int, ticks: Sequence[float | int]) -> None:
    """Stretch an axis of percentages at both ends, so that 98.4 and 98.8 can be told apart.

    Equal distances are equal ratios of right to wrong answers: y = log(p/(100 − p)).

    Parameters
    ----------
    ax
        Its y axis is set in place.
    low, high
        Ends of the axis, strictly between 0 and 100.
    ticks
        Percentages to name.

    Raises
    ------
    ValueError
        If an end is not strictly between 0 and 100.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> odds_axis(ax, 5, 99.5, [10, 50, 90, 99])
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['10', '50', '90', '99']
    """
    if not 0 < low < high < 100:
        raise ValueError(f"odds_axis: 0 < low < high < 100 must hold, got {low=}, {high=}.")

    def odds(p: np.ndarray) -> np.ndarray:
        p = np.clip(p, 1e-3, 100 - 1e-3)  # 0 and 100 lie infinitely far away
        return np.log(p / (100 - p))

    def back(y: np.ndarray) -> np.ndarray:
        return 100 / (1 + np.exp(-np.asarray(y)))

    ax.set_yscale("function", functions=(odds, back))
    ax.set_ylim(low, high)
    ax.set_yticks(list(ticks), [f"{tick:g}" for tick in ticks])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.grid(axis="y", color=MIST, lw=0.5)


def curve(ax: Axes, color: str = AFTER, label: str = "accuracy") -> Curve:
    """Prepare an empty curve with a ring for the current point.

    Parameters
    ----------
    ax
        Drawn on in place.
    color, label
        Of the line and its points.

    Returns
    -------
    Curve
        Filled by ``set_curve``.
    """
    (line,) = ax.plot([], [], color=color, lw=1.2, alpha=0.7)
    (hollow,) = ax.plot([], [], "o", color=color, mfc="white", ms=4.5, mew=1.2, ls="none")
    (solid,) = ax.plot([], [], "o", color=color, ms=4.5, ls="none", label=label)
    bars = LineCollection([], colors=color, linewidths=1.0, alpha=0.7)
    ax.add_collection(bars, autolim=False)
    (now,) = ax.plot([], [], "o", mfc="none", mec=NOW, ms=11, mew=2.0, ls="none")
    return Curve(line, hollow, solid, bars, now)


def set_curve(
    drawn: Curve,
    x: Float[np.ndarray, " n"],
    y: Float[np.ndarray, " n"],
    low: Float[np.ndarray, " n"],
    high: Float[np.ndarray, " n"],
    measured: Bool[np.ndarray, " n"],
    now: float | None = None,
) -> None:
    """Show the points known so far; points still unknown are simply not there.

    Parameters
    ----------
    drawn
        What ``curve`` returned; changed in place.
    x, y, low, high
        Points and their intervals, x ascending.
    measured
        True where the whole split was used, False for an estimate.
    now
        The x of the current point, ringed if its y is known.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> drawn = curve(Figure().add_subplot())
    >>> x = np.array([2.0, 4.0])
    >>> set_curve(drawn, x, x, x - 1, x + 1, np.array([False, True]), now=4.0)
    >>> drawn.solid.get_xdata(), drawn.hollow.get_xdata(), drawn.now.get_ydata()
    (array([4.]), array([2.]), array([4.]))
    """
    drawn.line.set_data(x, y)
    drawn.hollow.set_data(x[~measured], y[~measured])
    drawn.solid.set_data(x[measured], y[measured])
    drawn.bars.set_segments(list(np.stack([np.c_[x, low], np.c_[x, high]], axis=1)))
    here = x == now if now is not None else np.zeros(len(x), dtype=bool)
    drawn.now.set_data(x[here], y[here])
