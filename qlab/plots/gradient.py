"""A quantizer's gradient: what it is, what training pretends, what a learned step adds.

The true derivative of a staircase is 0 on every tread and not there at a riser: a grey line with a
tick at each riser. Over it lies the slope that training uses instead, and, dashed, the slope by
what the quantizer learns (a step, a clip).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from qlab.plots.style import AFTER, ERROR, GREY

RISER = 0.5  # of the axis, upwards: a riser's derivative has no end


@dataclass(frozen=True, slots=True)
class Gradient:
    """The artists of one gradient; ``set_gradient`` moves them."""

    true: Line2D
    risers: Line2D
    pretended: Line2D
    learned: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All of them, in drawing order."""
        return (self.true, self.risers, self.learned, self.pretended)


def gradient(ax: Axes) -> Gradient:
    """Prepare the lines of one gradient.

    Parameters
    ----------
    ax
        Drawn on in place; its limits are the caller's.

    Returns
    -------
    Gradient
        Filled by ``set_gradient``.
    """
    (true,) = ax.plot([], [], color=GREY, lw=1.0)
    (risers,) = ax.plot([], [], color=GREY, lw=0.9, ls=(0, (1, 1.5)))
    (learned,) = ax.plot([], [], color=ERROR, lw=1.5, ls=(0, (4, 2)))
    (pretended,) = ax.plot([], [], color=AFTER, lw=2.0)
    return Gradient(true, risers, pretended, learned)


def set_gradient(
    drawn: Gradient,
    x: Float[np.ndarray, " n"],
    pretended: Float[np.ndarray, " n"],
    learned: Float[np.ndarray, " n"] | None,
    risers: Float[np.ndarray, " k"],
    top: float | int,
) -> None:
    """Show the slopes at x.

    Parameters
    ----------
    drawn
        What ``gradient`` returned; changed in place.
    x
        Ascending.
    pretended
        What training takes for ∂x̂/∂x.
    learned
        ∂x̂ by what the quantizer learns, None where it learns nothing.
    risers
        Where the staircase jumps.
    top
        Of the axis: a riser reaches half of it.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> drawn = gradient(Figure().add_subplot())
    >>> x = np.linspace(-1, 1, 5)
    >>> set_gradient(drawn, x, np.ones(5), None, np.array([-0.5, 0.5]), 2)
    >>> drawn.risers.get_ydata()[:2], drawn.learned.get_visible()
    (array([0., 1.]), False)
    """
    drawn.true.set_data([x[0], x[-1]], [0.0, 0.0])
    y = np.tile([0.0, RISER * top, np.nan], len(risers))  # up, and lift the pen
    drawn.risers.set_data(np.repeat(risers.astype(float), 3), y)
    drawn.pretended.set_data(x, pretended)
    drawn.learned.set_visible(learned is not None)
    if learned is not None:
        drawn.learned.set_data(x, learned)
