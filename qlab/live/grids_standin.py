"""A rounding that stands in for the library's in the Grids instrument.

    x̂ = f(x, levels)                            for "grids.nearest_level"             (1)
    x̂ = f(x, integer_bits, fraction_bits)       for "grids.fixed_point"               (2)

Of two levels equally near, either will do in (1), as far as float32 tells; (2) is exact.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from qlab import core, metrics
from qlab.core import FixedPoint
from qlab.live.grids import BINS_OF_LEVELS, MOST_STEMS
from qlab.live.grids_pictures import SMALLEST_ERROR
from qlab.live.grids_state import GridsState
from qlab.live.overlay import DOTTED, heads
from qlab.live.standin import Difference, Idle, StandIn, Unusable, beside, over, swatch
from qlab.plots.style import INK, PURPLE

MOST_LEVELS = 256  # x − levels is an array of all pairs, as most write it
BLOCK = 4096  # weights at a time, for the same reason
TIE = 4 * 2.0**-24  # relative: a scale, a quotient, a product and a level round once each


class GridsStandIn(StandIn):
    """Values by a function, equation 1 or 2."""

    LEGEND = {  # noqa: RUF012
        "levels": swatch("◇") + "where your weights stand",
        "errors": swatch("┅") + "yours, dotted &ensp; at the first weight that differs: "
        "<b>○</b> the library, <b>✕</b> yours",
    }

    def ask(self, s: GridsState, *given: Any) -> np.ndarray:
        """Move all weights of the layer, in blocks."""
        instrument: Any = self.instrument
        W, grid = instrument.layer_of(s).W, s.grid()
        if self.name == "grids.fixed_point":
            if not isinstance(grid, FixedPoint):
                raise Idle("Your function is for fixed point. Set the format to it.")
            more: tuple[Any, ...] = (grid.integer_bits, grid.fraction_bits)
        else:
            levels = core.levels(grid).astype(np.float64)
            if len(levels) > MOST_LEVELS:
                raise Idle(f"Your function is used up to {MOST_LEVELS} levels (8 bits).")
            more = (levels,)
        blocks = np.split(W.astype(np.float64), range(BLOCK, W.size, BLOCK))
        answers = self.call([(block, *more) for block in blocks])
        parts = [_checked(a, block) for a, block in zip(answers, blocks, strict=True)]
        return np.concatenate(parts)

    def held(self, W_hat: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
        """Positions and counts of the values, levels of the grid or not."""
        values, counts = np.unique(W_hat, return_counts=True)
        if len(values) <= MOST_STEMS:
            return values, counts
        h = metrics.histogram(W_hat, -limit, limit, BINS_OF_LEVELS)
        return (h.edges[:-1] + h.edges[1:]) / 2, h.counts

    def compare(self, s: GridsState, answers: np.ndarray) -> Difference | None:
        """Compare values, weight by weight."""
        instrument: Any = self.instrument
        W, grid = instrument.layer_of(s).W, s.grid()
        right = core.round_to(W, grid)
        wrong = np.flatnonzero(answers != right)
        if self.name != "grids.fixed_point":
            wrong = wrong[~_ties(W[wrong], right[wrong], answers[wrong], core.levels(grid))]
        if not wrong.size:
            return None
        shape = instrument.layer_of(s).shape
        index = tuple(int(i) for i in np.unravel_index(wrong[0], shape))
        x, library, own = (float(a[wrong[0]]) for a in (W, right, answers))
        return Difference(
            place=f"{s.layer}[{', '.join(map(str, index))}]",
            index=index,
            given=x,
            reference=library,
            other=own,
            count=int(wrong.size),
            of=W.size,
            mark=(abs(library - x), abs(own - x)),
        )

    def overlays(self) -> Iterator[tuple[str, Callable[[Any], Any], Callable[[Any], None]]]:
        """Lay the other stems and the other error over the library's."""
        yield ("levels", *heads(lambda r: (r.held, r.counts)))
        yield ("errors", *_error(self.instrument))


def _checked(answer: Any, x: np.ndarray) -> np.ndarray:
    if not isinstance(answer, np.ndarray) or answer.dtype.kind not in "fiu":
        got = "nothing" if answer is None else f"a {type(answer).__name__}"
        raise Unusable(f"Your function returned {got}; an array of numbers is expected.")
    if answer.shape != x.shape:
        raise Unusable(
            f"Your function returned shape {answer.shape}; for x of shape {x.shape} there are as "
            "many values."
        )
    with np.errstate(over="ignore"):
        values = answer.astype(np.float32)
    if not np.isfinite(values).all():
        raise Unusable("Your function returned infinity or NaN; every weight has a level.")
    return values


def _ties(x: np.ndarray, right: np.ndarray, mine: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Say which differ only because two levels are equally near, as far as float32 tells."""
    near = np.abs(np.abs(x - right) - np.abs(x - mine)) <= TIE * np.maximum(
        np.abs(right), np.abs(mine)
    )
    return np.asarray(near & np.isin(mine, levels))


def _error(instrument: Any) -> tuple[Callable[[Any], Any], Callable[[Any], None]]:
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = figure.axes[0]
        (art["rms"],) = ax.plot([], [], color=PURPLE, ls=DOTTED, lw=2.4)
        (art["right"],) = ax.plot([], [], "o", mfc="none", mec=INK, mew=1.8, ms=9)
        (art["mine"],) = ax.plot([], [], "x", color=INK, mew=2.2, ms=8)
        return list(art.values())

    def draw(r: Any) -> None:
        other, found = over(r), beside(r)
        art["rms"].set_visible(other is not None)
        if other is not None:
            art["rms"].set_data(instrument.layer_of(r).centres, other.rms)
        difference = None if found is None else found.difference
        for k, name in enumerate(("right", "mine")):
            art[name].set_visible(difference is not None)
            if difference is not None:
                y = float(np.clip(difference.mark[k], 1.3 * 10.0**SMALLEST_ERROR, 0.8))
                art[name].set_data([difference.given], [y])  # stays in sight

    return build, draw
