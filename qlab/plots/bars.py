"""Horizontal bars with a name each: shares of a whole, and sums of named parts.

A set of bars is one ``StepPatch`` (a part that is missing has length nought), so a dozen bars
move as quickly as one.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patches import StepPatch

from qlab.plots.style import INK, TEXT

THICK = 0.64  # of the distance between two bars


def bar_axis(ax: Axes, names: Sequence[str]) -> None:
    """Name the bars along the left edge, the first on top.

    Parameters
    ----------
    ax
        Drawn on in place.
    names
        One for each bar.
    """
    ax.set_yticks(np.arange(len(names)), names, fontsize=TEXT - 0.5, color=INK)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def bars(ax: Axes, color: str, label: str = "", hatch: str | None = None) -> StepPatch:
    """Prepare a set of bars.

    Parameters
    ----------
    ax
        Drawn on in place.
    color, label, hatch
        Of all bars of the set.

    Returns
    -------
    StepPatch
        ``set_bars`` gives it lengths.
    """
    return ax.stairs(
        [0.0],
        [0.0, 1.0],
        orientation="horizontal",
        fill=True,
        fc=color,
        ec="white",
        lw=0.0,
        hatch=hatch,
        label=label,
    )


def set_bars(
    drawn: StepPatch,
    lengths: Float[np.ndarray, " n"],
    starts: Float[np.ndarray, " n"] | None = None,
) -> None:
    """Give each bar its length.

    Parameters
    ----------
    drawn
        What ``bars`` returned; changed in place.
    lengths
        One for each name of ``bar_axis``.
    starts
        Where each begins, for parts that follow each other; at 0 without.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> drawn = bars(Figure().add_subplot(), "black")
    >>> set_bars(drawn, np.array([1.0, 3.0]), np.array([0.0, 1.0]))
    >>> drawn.get_data().values  # a bar, the gap after it, a bar
    array([1., 1., 4.])
    """
    n = len(lengths)
    start = np.zeros(n) if starts is None else starts
    edges = (np.arange(n)[:, None] + np.array([-THICK / 2, THICK / 2])).ravel()
    begin, end = np.zeros((2, 2 * n - 1))
    begin[::2], end[::2] = start, start + lengths
    begin[1::2] = end[1::2] = start[1:]  # nothing in the gap
    drawn.set_data(end, edges, begin)  # type: ignore[arg-type]  # stubs know one baseline only
