"""How many weights lie where: the float original as a shape, the codes as separate levels.

A quantized layer holds at most 2^b different numbers, so its histogram is no curve but
a comb: one stem a level. Counts are on a logarithmic axis, where one level with a
million zeros and one with a single outlier are both seen.
"""

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch

from qlab.plots.style import AFTER, BEFORE, GREY

FLOOR = 0.7  # bottom of the logarithmic count axis: a count of one is still a stem


def histogram(
    ax: Axes,
    counts: Int[np.ndarray, " bins"],
    edges: Float[np.ndarray, " bins+1"],
    color: str = BEFORE,
    label: str = "float",
) -> StepPatch:
    """Fill the outline of a histogram, on a logarithmic count axis.

    Parameters
    ----------
    ax
        Drawn on in place.
    counts, edges
        As ``np.histogram`` returns them.
    color, label
        Of the filled outline.

    Returns
    -------
    StepPatch
        ``set_data(counts, edges)`` updates it in place.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> patch = histogram(Figure().add_subplot(), np.array([1, 4]), np.array([0.0, 0.5, 1.0]))
    >>> patch.get_data().values
    array([1, 4])
    """
    ax.set_yscale("log")
    return ax.stairs(
        counts, edges, baseline=FLOOR, fill=True, color=color, label=label, edgecolor=GREY
    )


def levels(
    ax: Axes,
    positions: Float[np.ndarray, " levels"],
    counts: Int[np.ndarray, " levels"],
    color: str = AFTER,
    label: str = "quantized",
) -> Line2D:
    """One stem a level, as high as the number of weights on it.

    Parameters
    ----------
    ax
        Drawn on in place; its count axis becomes logarithmic.
    positions, counts
        The levels and how many weights each holds; levels that hold none get no stem.
    color, label
        Of the stems.

    Returns
    -------
    Line2D
        One line for all stems; ``set_levels`` updates it in place.
    """
    ax.set_yscale("log")
    (line,) = ax.plot([], [], color=color, lw=1.6, solid_capstyle="butt", label=label)
    set_levels(line, positions, counts)
    return line


def set_levels(
    line: Line2D, positions: Float[np.ndarray, " levels"], counts: Int[np.ndarray, " levels"]
) -> None:
    """Move the stems drawn by ``levels``; many levels get thinner stems.

    Parameters
    ----------
    line
        What ``levels`` returned; changed in place.
    positions, counts
        As for ``levels``.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> line = levels(Figure().add_subplot(), np.array([-1.0, 0.0, 1.0]), np.array([2, 0, 5]))
    >>> line.get_xdata()[::3]  # the empty level has no stem
    array([-1.,  1.])
    """
    held = counts > 0
    x, n = positions[held], counts[held]
    y = np.empty((len(x), 3))
    y[:, 0], y[:, 1], y[:, 2] = FLOOR, n, np.nan  # up, and lift the pen
    line.set_data(np.repeat(x.astype(float), 3), y.ravel())
    line.set_linewidth(2.4 if len(x) <= 16 else 1.6 if len(x) <= 64 else 0.9)


def error_histogram(
    ax: Axes,
    counts: Int[np.ndarray, " bins"],
    edges: Float[np.ndarray, " bins+1"],
    color: str,
    label: str = "error",
) -> StepPatch:
    """Fill the histogram of an error given in steps, between the marks at half a step.

    Rounding alone keeps every error within half a step, |x − x̂| ≤ s/2; what lies
    outside the two dashed lines was clipped (or rounded one way only).

    Parameters
    ----------
    ax
        Drawn on in place.
    counts, edges
        As ``np.histogram`` returns them, the edges in steps.
    color, label
        Of the filled outline.

    Returns
    -------
    StepPatch
        ``set_data(counts, edges)`` updates it in place.
    """
    for half in (-0.5, 0.5):
        ax.axvline(half, color=GREY, lw=0.9, ls=(0, (4, 3)))
    return ax.stairs(counts, edges, fill=True, color=color, label=label)
