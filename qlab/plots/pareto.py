"""Points of cost against quality, kinds told apart by their marks, and the front that none beats.

Each kind has a mark of its own, so that no picture needs its colours to be read; the front is a
staircase: from a point on, to the right, its quality can be had.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from qlab.plots.style import GREY, INK, NOW


@dataclass(frozen=True, slots=True)
class Pareto:
    """The artists of one picture of fronts; ``set_pareto`` moves them."""

    kinds: dict[str, Line2D]
    front: Line2D
    limit: Line2D
    hollow: Line2D
    solid: Line2D
    bar: LineCollection

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All of them, in drawing order."""
        return (self.limit, self.front, *self.kinds.values(), self.bar, self.hollow, self.solid)


def pareto(ax: Axes, marks: Mapping[str, tuple[str, str, float | int, bool]]) -> Pareto:
    """Prepare an empty picture.

    Parameters
    ----------
    ax
        Drawn on in place.
    marks
        Of each kind of points: matplotlib's marker, a colour, its size, and whether it is filled;
        outlines of other sizes show that several points are one.

    Returns
    -------
    Pareto
        Filled by ``set_pareto``.
    """
    (front,) = ax.plot([], [], color=INK, lw=1.1, drawstyle="steps-post")
    limit = ax.axvline(1.0, color=GREY, lw=1.2, ls=(0, (4, 3)))
    kinds = {}
    for name, (mark, color, size, filled) in marks.items():
        look: dict[str, Any] = {"mfc": color, "mew": 0.0} if filled else {"mfc": "none", "mew": 1.6}
        (kinds[name],) = ax.plot([], [], mark, mec=color, ms=size, ls="none", **look)
    (hollow,) = ax.plot([], [], "o", mfc="none", mec=NOW, ms=11, mew=2.0, ls="none")
    (solid,) = ax.plot([], [], "o", color=NOW, ms=4, ls="none")
    bar = LineCollection([], colors=NOW, linewidths=1.2)
    ax.add_collection(bar, autolim=False)
    return Pareto(kinds, front, limit, hollow, solid, bar)


def cost_axis(
    ax: Axes,
    low: float | int,
    high: float | int,
    ticks: Sequence[float | int],
    name: str,
) -> None:
    """Make the x axis logarithmic, with a few whole numbers named.

    Parameters
    ----------
    ax
        Changed in place.
    low, high
        Its ends, above 0.
    ticks
        Costs to name.
    name
        Of the axis, with its unit.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> cost_axis(ax, 30, 300, [50, 100, 200], "thousand bytes")
    >>> [text.get_text() for text in ax.get_xticklabels()]
    ['50', '100', '200']
    """
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    ax.set_xticks(list(ticks), [f"{tick:g}" for tick in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel(name)


def set_pareto(
    drawn: Pareto,
    points: Mapping[str, Float[np.ndarray, "n 2"]],
    front: Float[np.ndarray, "m 2"],
    limit: float | int,
    now: tuple[float, float, float, float],
    measured: bool,
) -> None:
    """Show the points known so far.

    Parameters
    ----------
    drawn
        What ``pareto`` returned; changed in place.
    points
        Cost and quality of each kind's points; a kind that is missing has none.
    front
        The points that none beats, cost ascending; drawn on to the right end.
    limit
        The budget.
    now
        Cost, quality and its interval of the point in hand, ringed.
    measured
        Of that point: True puts a dot into its ring, False says that it is an estimate.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> drawn = pareto(Figure().add_subplot(), {"mine": ("o", "black", 6, True)})
    >>> some = np.array([[1.0, 90.0], [2.0, 95.0]])
    >>> set_pareto(drawn, {"mine": some}, some, 1.5, (2.0, 95.0, 94.0, 96.0), True)
    >>> drawn.kinds["mine"].get_xdata(), drawn.limit.get_xdata(), drawn.solid.get_xdata()
    (array([1., 2.]), [1.5, 1.5], [2.0])
    """
    for name, line in drawn.kinds.items():
        some = points.get(name, np.empty((0, 2)))
        line.set_data(some[:, 0], some[:, 1])
    ends = np.vstack([front, [[1e12, front[-1, 1]]]]) if len(front) else np.empty((0, 2))
    drawn.front.set_data(ends[:, 0], ends[:, 1])
    drawn.limit.set_xdata([limit, limit])
    cost, value, low, high = now
    drawn.hollow.set_data([cost], [value])
    drawn.solid.set_data([cost] if measured else [], [value] if measured else [])
    drawn.bar.set_segments([np.array([[cost, low], [cost, high]])])
