"""What depends on the temperature: how hard each part of the loss pulls, how well students do.

Both pictures share a logarithmic temperature axis. The first has decades of gradient, since
without the factor T² the soft part falls as 1/T². The second has measured errors: a dot a
seed, their mean with its interval, and the student without a teacher as a band.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from qlab.plots.curve import Curve, curve, set_curve
from qlab.plots.decades import decade_axis
from qlab.plots.style import BLUE, GREEN, GREY, INK, MIST, VERMILLION

TICKS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)


def temperature_axis(ax: Axes, low: float = 1.0, high: float = 30.0) -> None:
    """Make x a logarithmic axis of temperature with plain numbers.

    Parameters
    ----------
    ax
        Changed in place.
    low, high
        Its ends; a little room is left beyond them.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> temperature_axis(ax)
    >>> [text.get_text() for text in ax.get_xticklabels()]
    ['1', '2', '4', '8', '16', '30']
    """
    ax.set_xscale("log")
    ax.set_xlim(low / 1.09, high * 1.09)
    ax.xaxis.set_major_locator(FixedLocator([t for t in TICKS if low <= t <= high]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


@dataclass(frozen=True, slots=True)
class Pulls:
    """The artists of the gradient's picture; ``set_pulls`` moves them."""

    hard: Line2D
    soft: Line2D
    bare: Line2D
    limit: Line2D
    now: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All of them, in drawing order."""
        return (self.limit, self.hard, self.bare, self.soft, self.now)


def pulls(ax: Axes, low: int = -7, high: int = 1) -> Pulls:
    """Prepare the curves of the gradient's size by temperature.

    Parameters
    ----------
    ax
        Drawn on in place; both axes become logarithmic.
    low, high
        Exponents of ten where the axis of sizes begins and ends.

    Returns
    -------
    Pulls
        Filled by ``set_pulls``.
    """
    decade_axis(ax, low, high)
    temperature_axis(ax)
    (limit,) = ax.plot([], [], color=BLUE, lw=1.0, ls=(0, (1, 2)), label="its limit")
    (hard,) = ax.plot([], [], color=GREY, lw=1.6, ls=(0, (6, 2, 1, 2)), label="hard part")
    (bare,) = ax.plot([], [], color=VERMILLION, lw=1.6, ls=(0, (4, 2)), label="soft, without T²")
    (soft,) = ax.plot([], [], color=BLUE, lw=2.0, label="soft, with T²")
    (now,) = ax.plot([], [], "o", mfc="white", mec=INK, mew=1.6, ms=7, ls="none")
    return Pulls(hard, soft, bare, limit, now)


def set_pulls(
    drawn: Pulls,
    temperatures: Float[np.ndarray, " n"],
    soft: Float[np.ndarray, " n"],
    bare: Float[np.ndarray, " n"],
    hard: float,
    limit: float,
    now: tuple[float, float, float],
) -> None:
    """Show the sizes; one that is 0 has no place on decades and is simply not there.

    Parameters
    ----------
    drawn
        What ``pulls`` returned; changed in place.
    temperatures
        Ascending.
    soft, bare
        Norm of the soft part's gradient with and without T².
    hard, limit
        Norm of the hard part's gradient; what ``soft`` tends to as the temperature grows.
    now
        The current temperature, and there ``soft`` and ``bare``.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> drawn = pulls(Figure().add_subplot())
    >>> T = np.array([1.0, 10.0])
    >>> set_pulls(drawn, T, 0 * T + 2, 2 / T**2, hard=0.5, limit=2.0, now=(10.0, 2.0, 0.02))
    >>> drawn.now.get_ydata()
    array([2.  , 0.02])
    """
    ends = temperatures[[0, -1]]
    drawn.soft.set_data(temperatures, _seen(soft))
    drawn.bare.set_data(temperatures, _seen(bare))
    drawn.hard.set_data(ends, _seen(np.full(2, hard)))
    drawn.limit.set_data(ends, _seen(np.full(2, limit)))
    drawn.now.set_data(np.full(2, now[0]), _seen(np.array(now[1:])))


def _seen(y: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return np.where(y > 0, y, np.nan)


@dataclass(frozen=True, slots=True)
class Errors:
    """The artists of the measured errors; ``set_errors``, ``set_own``, ``set_here`` fill them."""

    band: Rectangle
    seeds: Line2D
    means: Curve
    own: Curve
    here: Line2D

    @property
    def moving(self) -> tuple[Artist, ...]:
        """What follows the current x; all else stands still until a student is added."""
        return (self.here, self.means.now, self.own.now)


def errors(ax: Axes) -> Errors:
    """Prepare the picture of measured errors by temperature, or by anything else along x.

    Parameters
    ----------
    ax
        Drawn on in place; its limits are the caller's.

    Returns
    -------
    Errors
        Filled by ``set_errors``, ``set_own`` and ``set_here``.
    """
    across, along = ax.get_yaxis_transform(), ax.get_xaxis_transform()  # full width, full height
    band = Rectangle((0.0, 0.0), 1.0, 0.0, fc=MIST, alpha=0.55, ec="none", transform=across)
    ax.add_patch(band)
    (here,) = ax.plot([], [], color=INK, lw=1.0, ls=(0, (2, 2)), transform=along)
    (seeds,) = ax.plot([], [], ".", color=BLUE, alpha=0.55, ms=4, ls="none")
    means = curve(ax, BLUE)
    own = curve(ax, GREEN)
    own.solid.set_marker("D")
    own.solid.set_markersize(6.5)
    own.line.set_linestyle("none")
    for ring in (means.now, own.now):
        ring.set_clip_on(False)  # whole at the ends of the axis too
    return Errors(band, seeds, means, own, here)


def set_errors(
    drawn: Errors,
    x: Float[np.ndarray, " n"],
    mean: Float[np.ndarray, " n"],
    low: Float[np.ndarray, " n"],
    high: Float[np.ndarray, " n"],
    seeds: Float[np.ndarray, "runs 2"],
    band: tuple[float, float],
) -> None:
    """Show a measured grid.

    Parameters
    ----------
    drawn
        What ``errors`` returned; changed in place.
    x, mean, low, high
        The grid, ascending: mean error over the seeds and its interval.
    seeds
        x and error of every single run.
    band
        Interval of the error without a teacher.
    """
    drawn.band.set_y(band[0])
    drawn.band.set_height(band[1] - band[0])
    drawn.seeds.set_data(seeds[:, 0], seeds[:, 1])
    set_curve(drawn.means, x, mean, low, high, np.ones(len(mean), bool))


def set_own(
    drawn: Errors,
    x: Float[np.ndarray, " n"],
    error: Float[np.ndarray, " n"],
    low: Float[np.ndarray, " n"],
    high: Float[np.ndarray, " n"],
) -> None:
    """Show the students trained by the reader's own hand.

    Parameters
    ----------
    drawn
        What ``errors`` returned; changed in place.
    x, error, low, high
        One point a student, in any order.
    """
    set_curve(drawn.own, x, error, low, high, np.ones(len(error), bool))


def set_here(
    drawn: Errors, now: float, ringed: float | None = None, own: int | None = None
) -> None:
    """Show where we are: a line at the current x, a ring round the student that is shown.

    Parameters
    ----------
    drawn
        What ``errors`` returned; changed in place.
    now
        The current x.
    ringed
        The x of the grid's point that is shown, or None.
    own
        The place of the own student that is shown, or None.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> drawn = errors(Figure().add_subplot())
    >>> T, e = np.array([1.0, 4.0]), np.array([5.0, 4.5])
    >>> set_errors(drawn, T, e, e - 1, e + 1, np.c_[T, e], band=(5.0, 6.0))
    >>> set_here(drawn, now=3.0, ringed=4.0)
    >>> drawn.means.now.get_xydata(), drawn.here.get_xdata()
    (array([[4. , 4.5]]), [3.0, 3.0])
    """
    drawn.here.set_data([now, now], [0.0, 1.0])
    grid, mine = (np.asarray(part.solid.get_xydata(), float) for part in (drawn.means, drawn.own))
    drawn.means.now.set_data(grid[grid[:, 0] == ringed].T)
    drawn.own.now.set_data(mine[np.arange(len(mine)) == own].T)
