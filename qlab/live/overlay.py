"""What a stand-in's pictures share: the dots of its lines, and its levels over the library's."""

from collections.abc import Callable
from typing import Any

import numpy as np

from qlab.live.standin import over
from qlab.plots.histogram import set_levels
from qlab.plots.style import PURPLE

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
