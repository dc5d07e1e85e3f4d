"""One clip point over three pictures that share it: where the values are, what it costs, who chose.

The two errors are curves of different dashes, their sum is solid; methods are marks of different
shapes, each in a row with its name, and at the same shape on the curve of the sum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle, StepPatch

from qlab.plots.histogram import FLOOR, histogram, levels, set_levels
from qlab.plots.style import BLUE, GREEN, GREY, INK, MIST, NOW, ORANGE, SKY, VERMILLION

SHAPES = "sDo^vPX<>*dph8"  # one a method, in the order of the rows
CLIPPING, ROUNDING, TOTAL = VERMILLION, ORANGE, INK


@dataclass(frozen=True, slots=True)
class ClipHistogram:
    """The artists over the histogram; ``set_clip_histogram`` moves them."""

    values: StepPatch
    seen: StepPatch
    stems: Line2D
    cut: Rectangle
    line: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """Those that move, in drawing order."""
        return (self.cut, self.seen, self.stems, self.line)


def clip_histogram(ax: Axes) -> ClipHistogram:
    """Prepare a histogram of magnitudes with the levels of a grid that ends at a clip point.

    Parameters
    ----------
    ax
        Drawn on in place; its count axis becomes logarithmic.

    Returns
    -------
    ClipHistogram
        ``values.set_data(counts, edges)`` sets what stands still.
    """
    one, edge = np.zeros(1, int), np.array([0.0, 1.0])
    values = histogram(ax, one, edge)
    seen = ax.stairs(one, edge, baseline=None, color=SKY, lw=1.3)
    stems = levels(ax, np.zeros(1), one, BLUE)
    cut = Rectangle((0, FLOOR), 0, 1, color=VERMILLION, alpha=0.16, lw=0)
    ax.add_patch(cut)
    (line,) = ax.plot([], [], color=NOW, lw=2.0, marker="v", markevery=[1], ms=9, clip_on=False)
    return ClipHistogram(values, seen, stems, cut, line)


def set_clip_histogram(
    drawn: ClipHistogram,
    clip: float,
    seen: Int[np.ndarray, " bins"],
    edges: Float[np.ndarray, " bins+1"],
    positions: Float[np.ndarray, " levels"],
    counts: Int[np.ndarray, " levels"],
) -> None:
    """Move the clip point, the levels and the sample.

    Parameters
    ----------
    drawn
        What ``clip_histogram`` returned; changed in place.
    clip
        Where the grid ends.
    seen, edges
        Counts of the sample, and the edges of their bins.
    positions, counts
        The levels, and how many magnitudes go to each.
    """
    ax = drawn.line.axes
    assert ax is not None
    (_, right), (_, top) = ax.get_xlim(), ax.get_ylim()
    drawn.seen.set_data(np.maximum(seen, FLOOR), edges)
    set_levels(drawn.stems, positions, counts)
    drawn.cut.set_bounds(clip, FLOOR, max(right - clip, 0), top)
    drawn.line.set_data([clip, clip], [FLOOR, top])


@dataclass(frozen=True, slots=True)
class ErrorCurves:
    """The artists of both errors; ``set_error_point`` moves what moves."""

    clipping: Line2D
    rounding: Line2D
    total: Line2D
    best: Line2D
    line: Line2D
    here: Line2D
    ring: Line2D
    marks: tuple[Line2D, ...]

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All of them, in drawing order."""
        curves = (self.clipping, self.rounding, self.total, self.best)
        return (*curves, self.line, *self.marks, self.here, self.ring)


def error_curves(ax: Axes, methods: int) -> ErrorCurves:
    """Prepare the errors of clipping and of rounding against the clip point, and their sum.

    Parameters
    ----------
    ax
        Drawn on in place.
    methods
        How many marks of different shapes will stand on the sum.

    Returns
    -------
    ErrorCurves
        ``set_error_curves`` sets the curves, ``set_error_point`` the rest.
    """
    (clipping,) = ax.plot([], [], color=CLIPPING, ls=(0, (5, 2)), lw=1.6)
    (rounding,) = ax.plot([], [], color=ROUNDING, ls=(0, (1.5, 1.3)), lw=2.0)
    (total,) = ax.plot([], [], color=TOTAL, lw=1.8)
    (best,) = ax.plot([], [], "_", color=GREEN, ms=22, mew=3.0, ls="none")
    (line,) = ax.plot([], [], color=NOW, lw=1.2)
    marks = tuple(
        ax.plot([], [], SHAPES[k % len(SHAPES)], color=BLUE, ms=5, mec="white", mew=0.6)[0]
        for k in range(methods)
    )
    (here,) = ax.plot([], [], "o", color=NOW, ms=4, ls="none")
    (ring,) = ax.plot([], [], "o", mfc="none", mec=NOW, ms=11, mew=2.0, ls="none")
    return ErrorCurves(clipping, rounding, total, best, line, here, ring, marks)


def set_error_curves(
    drawn: ErrorCurves,
    clips: Float[np.ndarray, " places"],
    clipping: Float[np.ndarray, " places"],
    rounding: Float[np.ndarray, " places"],
) -> None:
    """Set both curves, their sum, and the mark of its minimum.

    Parameters
    ----------
    drawn
        What ``error_curves`` returned; changed in place.
    clips
        Where the grid may end, ascending.
    clipping, rounding
        Errors there.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> drawn = error_curves(Figure().add_subplot(), methods=0)
    >>> set_error_curves(drawn, np.arange(3.0), np.array([4.0, 1.0, 0.0]), np.arange(3.0))
    >>> drawn.total.get_ydata(), drawn.best.get_xdata()
    (array([4., 2., 2.]), [np.float64(1.0)])
    """
    total = clipping + rounding
    best = int(total.argmin())
    drawn.clipping.set_data(clips, clipping)
    drawn.rounding.set_data(clips, rounding)
    drawn.total.set_data(clips, total)
    drawn.best.set_data([clips[best]], [total[best]])


def set_error_point(
    drawn: ErrorCurves,
    clip: float,
    errors: tuple[float, float],
    marks: Mapping[int, tuple[float, float]],
) -> None:
    """Move the current point and the methods' marks.

    Parameters
    ----------
    drawn
        What ``error_curves`` returned; changed in place.
    clip
        Where the grid ends.
    errors
        Of clipping and of rounding, there.
    marks
        Clip point and error by the number of the method; others are hidden.
    """
    ax = drawn.line.axes
    assert ax is not None
    bottom, top = ax.get_ylim()
    drawn.line.set_data([clip, clip], [bottom, top])
    drawn.here.set_data([clip, clip], errors)
    drawn.ring.set_data([clip], [sum(errors)])
    for k, mark in enumerate(drawn.marks):
        mark.set_visible(k in marks)
        if k in marks:
            mark.set_data([marks[k][0]], [marks[k][1]])


@dataclass(frozen=True, slots=True)
class MethodRows:
    """The artists of the rows; ``set_method_rows`` moves them."""

    line: Line2D
    others: Line2D
    marks: tuple[Line2D, ...]

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All of them, in drawing order."""
        return (self.line, self.others, *self.marks)


def method_rows(ax: Axes, names: Sequence[str]) -> MethodRows:
    """Prepare a row for each method: its clip point, and those of other samples.

    Parameters
    ----------
    ax
        Drawn on in place; rows go down.
    names
        Of the methods.

    Returns
    -------
    MethodRows
        Filled by ``set_method_rows``.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> rows = method_rows(Figure().add_subplot(), ["minmax", "MSE"])
    >>> set_method_rows(rows, 1.0, {1: 2.0}, {0: np.array([3.0, 4.0])})
    >>> rows.marks[1].get_xdata(), rows.others.get_xdata()
    ([2.0], array([3., 4.]))
    """
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_yticks(range(len(names)), list(names))
    ax.tick_params(axis="y", length=0)
    for row in range(len(names)):
        ax.axhline(row, color=MIST, lw=0.6)
    (line,) = ax.plot([], [], color=NOW, lw=1.2)
    (others,) = ax.plot([], [], "|", color=GREY, ms=8, mew=1.1, ls="none")
    marks = tuple(
        ax.plot([], [], SHAPES[k % len(SHAPES)], color=BLUE, ms=7, mec="white", mew=0.8)[0]
        for k in range(len(names))
    )
    return MethodRows(line, others, marks)


def set_method_rows(
    drawn: MethodRows,
    clip: float,
    marks: Mapping[int, float],
    others: Mapping[int, Float[np.ndarray, " draws"]],
) -> None:
    """Move the clip points of the methods.

    Parameters
    ----------
    drawn
        What ``method_rows`` returned; changed in place.
    clip
        The current one.
    marks
        Clip point by the number of the method; others are hidden.
    others
        Those of other samples, by the number of the method.
    """
    drawn.line.set_data([clip, clip], [-0.6, len(drawn.marks) - 0.4])
    drawn.others.set_data(
        np.concatenate([np.zeros(0), *others.values()]),
        np.concatenate([np.zeros(0), *(np.full(len(x), float(k)) for k, x in others.items())]),
    )
    for k, mark in enumerate(drawn.marks):
        mark.set_visible(k in marks)
        if k in marks:
            mark.set_data([marks[k]], [k])
