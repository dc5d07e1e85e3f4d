"""Levels of a number format: where they stand, and how far apart.

On a line each level is a tick: an integer grid is an even comb, a float grid crowds around zero.
Gap against magnitude, both logarithmic, an integer grid is level and a float grid a staircase
that rises with slope one: its gap is a share of the number.
"""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import (
    AutoLocator,
    FixedFormatter,
    FixedLocator,
    NullLocator,
    ScalarFormatter,
)

from qlab.plots.style import AFTER

PLACES = 1200  # on a line: a third of a pixel of a picture 400 wide
POINTS = 512  # of a staircase
LINEAR = 1e-3  # |x| below it is not on the logarithmic part of a symlog axis
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number_line(ax: Axes, color: str = AFTER) -> Line2D:
    """Prepare an empty line of ticks, one a level, as high as the Axes.

    Parameters
    ----------
    ax
        Drawn on in place.
    color
        Of the ticks.

    Returns
    -------
    Line2D
        One line for all ticks; ``set_number_line`` fills it.
    """
    (line,) = ax.plot([], [], color=color, lw=1.0, solid_capstyle="butt")
    line.set_transform(ax.get_xaxis_transform())
    return line


def set_number_line(line: Line2D, levels: Float[np.ndarray, " levels"]) -> None:
    """Move the ticks; of levels that fall on the same place one is drawn.

    Parameters
    ----------
    line
        What ``number_line`` returned, its axis at its final limits; changed in place.
    levels
        Ascending; those outside the axis get no tick.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> _ = ax.set_xlim(-1, 1)
    >>> line = number_line(ax)
    >>> set_number_line(line, np.array([-2.0, -0.5, 0.5, 0.50001]))
    >>> line.get_xdata()[::3]
    array([-0.5,  0.5])
    """
    ax = line.axes
    assert ax is not None
    x = np.asarray(levels, dtype=float)
    low, high = sorted(ax.get_xlim())
    x = x[(low <= x) & (x <= high)]
    forward = ax.xaxis.get_transform().transform
    ends = forward(np.array([low, high]))
    places = np.round((forward(x) - ends[0]) / (ends[1] - ends[0]) * PLACES)
    x = x[np.diff(places, prepend=-1.0) > 0]
    line.set_data(np.repeat(x, 3), np.tile([0.0, 1.0, np.nan], len(x)))
    line.set_linewidth(1.6 if len(x) <= 64 else 1.0 if len(x) <= 300 else 0.6)


def signed_axis(ax: Axes, limit: float, log: bool) -> None:
    """Set x to −limit … limit, linear, or logarithmic to both sides of zero.

    Parameters
    ----------
    ax
        Its x axis is set in place.
    limit
        Above 0; with ``log`` a power of ten.
    log
        True for a symlog axis, linear between ±0.001, each second decade named.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> signed_axis(ax, 100.0, log=True)
    >>> [text.get_text() for text in ax.get_xticklabels()]
    ['−100', '−1', '−10⁻²', '0', '10⁻²', '1', '100']
    """
    if not log:
        ax.set_xscale("linear")
        ax.set_xlim(-limit, limit)
        ax.xaxis.set_major_locator(AutoLocator())
        ax.xaxis.set_major_formatter(ScalarFormatter())
        return
    ax.set_xscale("symlog", linthresh=LINEAR, linscale=0.5)
    ax.set_xlim(-limit, limit)
    powers = range(-2, round(float(np.log10(limit))) + 1, 2)
    words = [_power(p) for p in powers]
    ticks = np.array([10.0**p for p in powers])
    ax.xaxis.set_major_locator(FixedLocator([*-ticks[::-1], 0.0, *ticks]))
    ax.xaxis.set_major_formatter(FixedFormatter([*("−" + w for w in words[::-1]), "0", *words]))
    ax.xaxis.set_minor_locator(NullLocator())


def gap_axes(ax: Axes, low: int, high: int) -> None:
    """Make both axes logarithmic from 10^low to 10^high, each second decade named.

    Parameters
    ----------
    ax
        Changed in place.
    low, high
        Exponents, low < high.
    """
    ax.set(xscale="log", yscale="log", xlim=(10.0**low, 10.0**high), ylim=(10.0**low, 10.0**high))
    powers = [p for p in range(low, high + 1) if p % 2 == 0]
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(FixedLocator([10.0**p for p in powers]))
        axis.set_major_formatter(FixedFormatter([_power(p) for p in powers]))
        axis.set_minor_locator(NullLocator())


def gap_stairs(ax: Axes, color: str = AFTER) -> Line2D:
    """Prepare an empty staircase of gaps.

    Parameters
    ----------
    ax
        Drawn on in place.
    color
        Of the stairs.

    Returns
    -------
    Line2D
        ``set_gap_stairs`` fills it.
    """
    (line,) = ax.plot([], [], color=color, lw=2.0)
    return line


def set_gap_stairs(line: Line2D, levels: Float[np.ndarray, " levels"], least: float) -> None:
    """Show the gap above each level that is not negative, against its magnitude.

    Parameters
    ----------
    line
        What ``gap_stairs`` returned; changed in place.
    levels
        Ascending; of very many some hundred are drawn.
    least
        Left end of a logarithmic axis, where the gap above zero begins.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> line = gap_stairs(Figure().add_subplot())
    >>> set_gap_stairs(line, np.array([-1.0, 0.0, 1.0, 2.0, 4.0]), 0.01)
    >>> line.get_xdata(), line.get_ydata()
    (array([0.01, 1.  , 1.  , 2.  , 2.  , 4.  ]), array([1., 1., 1., 1., 2., 2.]))
    """
    x = np.asarray(levels, dtype=float)
    x = x[x >= 0]
    gaps = np.diff(x)
    if len(gaps) > POINTS:
        chosen = np.unique(np.geomspace(1, len(gaps), POINTS).astype(int)) - 1
        left, right, gaps = x[chosen], x[np.append(chosen[1:], len(gaps))], gaps[chosen]
    else:
        left, right = x[:-1], x[1:]
    left = np.maximum(left, least)
    line.set_data(np.stack([left, right], axis=1).ravel(), np.repeat(gaps, 2))


def _power(power: int) -> str:
    return {0: "1", 1: "10", 2: "100"}.get(power, f"10{str(power).translate(_RAISED)}")
