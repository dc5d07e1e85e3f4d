"""What a cut takes away: the whole histogram, the kept part in front, the threshold as dashes.

For magnitude pruning the kept weights lie outside ±t; for random pruning they are a
smaller copy of the whole; for neurons and filters the histogram counts rows by their L2
norm and the cut has one side. Counts are on a logarithmic axis, so the few large
weights that carry the network are seen beside the many small ones that don't.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch
from matplotlib.ticker import LogLocator, NullLocator

from qlab.plots.histogram import FLOOR
from qlab.plots.style import AFTER, NOW

GONE = "#e9c9b4"  # the removed part: a pale vermillion, and hatched
HATCH = "//////"


@dataclass(frozen=True, slots=True)
class Cut:
    """The artists of one histogram with its cut; ``set_all`` and ``set_cut`` move them."""

    everything: StepPatch
    kept: StepPatch
    marks: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """Those that move with the sparsity, in drawing order."""
        return (self.kept, self.marks)


def cut(ax: Axes, color: str = AFTER) -> Cut:
    """Prepare an empty histogram with a cut, on a logarithmic count axis.

    Parameters
    ----------
    ax
        Drawn on in place.
    color
        Of the kept part.

    Returns
    -------
    Cut
        Filled by ``set_all`` and ``set_cut``.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> drawn, edges = cut(Figure().add_subplot()), np.array([-1.5, -0.5, 0.5, 1.5])
    >>> set_all(drawn, np.array([2, 9, 2]), edges)
    >>> set_cut(drawn, np.array([2, 0, 2]), edges, (-0.5, 0.5))
    >>> drawn.kept.get_data().values, drawn.marks.get_xdata()
    (array([2, 0, 2]), array([-0.5, -0.5,  nan,  0.5,  0.5,  nan]))
    """
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(numticks=3))
    ax.yaxis.set_minor_locator(NullLocator())
    edges = np.array([0.0, 1.0])
    everything = ax.stairs(
        [FLOOR], edges, baseline=FLOOR, fill=True, fc=GONE, ec="white", hatch=HATCH, lw=0.0
    )
    kept = ax.stairs([FLOOR], edges, baseline=FLOOR, fill=True, color=color)
    (marks,) = ax.plot([], [], color=NOW, lw=1.3, ls=(0, (4, 2)))
    marks.set_transform(ax.get_xaxis_transform())  # from the axis to the top
    return Cut(everything, kept, marks)


def set_all(
    drawn: Cut, counts: Integer[np.ndarray, " bins"], edges: Float[np.ndarray, " bins+1"]
) -> None:
    """Show the histogram before the cut and fit the axes to it.

    Parameters
    ----------
    drawn
        What ``cut`` returned; changed in place.
    counts, edges
        As ``np.histogram`` returns them.
    """
    drawn.everything.set_data(counts, edges)
    ax = drawn.everything.axes
    assert ax is not None
    ax.set_xlim(float(edges[0]), float(edges[-1]))
    ax.set_ylim(FLOOR, 2.0 * max(10, int(counts.max(initial=1))))


def set_cut(
    drawn: Cut,
    kept: Integer[np.ndarray, " bins"],
    edges: Float[np.ndarray, " bins+1"],
    thresholds: tuple[float, ...],
) -> None:
    """Show what is kept, and where the cut is.

    Parameters
    ----------
    drawn
        What ``cut`` returned; changed in place.
    kept, edges
        As ``np.histogram`` returns them.
    thresholds
        Each gets a dashed line from bottom to top; none where nothing is cut by size.
    """
    drawn.kept.set_data(kept, edges)
    x = np.repeat(np.array(thresholds, dtype=float), 3)
    x[2::3] = np.nan  # lift the pen
    drawn.marks.set_data(x, np.tile([0.0, 1.0, np.nan], len(thresholds)))
