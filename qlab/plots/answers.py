"""Two answers to one question, class by class: bars in pairs on one shared axis.

The first answer is filled, the second an outline, so that the pairs are read without colour.
A probability of 10⁻⁵ is nothing on a linear axis and a tall bar on a logarithmic one: what a
teacher knows beyond the label is seen there, or at a higher temperature.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D

from qlab.plots.decades import decade_axis
from qlab.plots.style import BLUE, INK, VERMILLION

PALE = "#fdf1e7"  # inside the outlined bars
WIDTH = 0.38  # of one bar; two bars and a gap make one class


@dataclass(frozen=True, slots=True)
class Answers:
    """The artists of the bars; ``set_answers`` moves them."""

    first: PolyCollection
    second: PolyCollection
    ring: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All of them, in drawing order."""
        return (self.first, self.second, self.ring)


def answers(ax: Axes, classes: int) -> Answers:
    """Prepare pairs of bars over the class numbers, and a ring for the true class.

    Parameters
    ----------
    ax
        Drawn on in place; its probability axis is ``scale_answers``'s.
    classes
        Pairs to come.

    Returns
    -------
    Answers
        Filled by ``set_answers``.
    """
    first = PolyCollection([], facecolors=BLUE, edgecolors=BLUE, linewidths=1.0)
    second = PolyCollection([], facecolors=PALE, edgecolors=VERMILLION, linewidths=1.4)
    for bars in (first, second):
        ax.add_collection(bars, autolim=False)
    (ring,) = ax.plot([], [], "o", mfc="none", mec=INK, mew=1.3, ms=15, clip_on=False, ls="none")
    ax.set_xlim(-0.6, classes - 0.4)
    ax.set_xticks(range(classes))
    ax.tick_params(axis="x", length=0, pad=6)
    return Answers(first, second, ring)


def scale_answers(ax: Axes, decades: int | None = None) -> None:
    """Choose the axis of probability: 0 to 1, or logarithmic.

    Parameters
    ----------
    ax
        What ``answers`` drew on.
    decades
        Of the logarithmic axis, below 1; None for the linear one.
    """
    if decades is None:
        ax.set_yscale("linear")
        ax.set_ylim(0.0, 1.0)
    else:
        decade_axis(ax, -decades, 0)


def set_answers(
    drawn: Answers,
    first: Float[np.ndarray, " classes"],
    second: Float[np.ndarray, " classes"],
    label: int,
) -> None:
    """Show these two answers.

    Parameters
    ----------
    drawn
        What ``answers`` returned; changed in place.
    first, second
        Probabilities.
    label
        The true class: its number gets the ring.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> drawn = answers(Figure().add_subplot(), 2)
    >>> set_answers(drawn, np.array([0.9, 0.1]), np.array([0.6, 0.4]), label=0)
    >>> [float(path.vertices[:, 1].max()) for path in drawn.second.get_paths()]
    [0.6, 0.4]
    """
    drawn.first.set_verts(_boxes(first, -WIDTH))
    drawn.second.set_verts(_boxes(second, 0.0))
    ax = drawn.ring.axes
    assert ax is not None
    # the ring stands around the tick's number, ten pixels below the axis at any density
    bottom = ax.transAxes.transform((0.0, 0.0))[1] - 10.5 * ax.figure.dpi / 100
    drawn.ring.set_data([label], [ax.transData.inverted().transform((0.0, bottom))[1]])


def _boxes(heights: Float[np.ndarray, " n"], left: float) -> list[Float[np.ndarray, "4 2"]]:
    x = np.arange(len(heights)) + left
    boxes = np.empty((len(heights), 4, 2))
    boxes[:, :2, 0], boxes[:, 2:, 0] = x[:, None], x[:, None] + WIDTH
    boxes[:, 1:3, 1] = np.asarray(heights, dtype=float)[:, None]
    boxes[:, 0, 1] = boxes[:, 3, 1] = 1e-12  # below every floor, and drawable on decades
    return list(boxes)
