"""What stand-ins' pictures share: dotted lines, levels over the library's, a point on its curve."""

from collections.abc import Callable
from typing import Any

import numpy as np

from qlab.live.standin import beside, over
from qlab.plots.histogram import set_levels
from qlab.plots.style import INK, PURPLE

DOTTED = (0, (1.2, 1.0))
HEADS = 64  # levels that are marked one by one

Overlay = tuple[Callable[[Any], Any], Callable[[Any], None]]


def heads(read: Callable[[Any], tuple[np.ndarray, np.ndarray]]) -> Overlay:
    """Make the overlay of a histogram of levels: dotted stems, and heads while they are few.

    Parameters
    ----------
    read
        From the stand-in's result to its levels and how many weights stand on each.

    Returns
    -------
    build, draw
        As ``StandIn.overlays`` yields them.
    """
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = figure.axes[0]
        (art["heads"],) = ax.plot([], [], "D", mfc="none", mec=PURPLE, mew=1.6, ms=6)
        (art["stems"],) = ax.plot([], [], color=PURPLE, ls=DOTTED)
        return [art["stems"], art["heads"]]

    def draw(r: Any) -> None:
        other = over(r)
        for line in art.values():
            line.set_visible(other is not None)
        if other is not None:
            levels, counts = read(other)
            held = counts > 0
            set_levels(art["stems"], levels, counts)
            art["heads"].set_data(levels[held], counts[held])
            art["heads"].set_visible(bool(np.count_nonzero(held) <= HEADS))

    return build, draw


def point(read: Callable[[Any], tuple[float, float]]) -> Overlay:
    """Make the overlay of a curve: the point at which the stand-in's network is.

    Parameters
    ----------
    read
        From a result to the curve's x and y.

    Returns
    -------
    build, draw
        As ``StandIn.overlays`` yields them.
    """
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        (art["here"],) = figure.axes[0].plot([], [], "D", mfc=PURPLE, mec=INK, mew=1.2, ms=8)
        return [art["here"]]

    def draw(r: Any) -> None:
        found = beside(r)
        own = None if found is None else found.other or r
        art["here"].set_visible(own is not None)
        if own is not None:
            x, y = read(own)
            art["here"].set_data([x], [y])

    return build, draw
