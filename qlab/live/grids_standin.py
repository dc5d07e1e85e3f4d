"""A rounding or a coding that stands in for the library's in the Grids instrument.

    x̂ = f(x, levels)                            for "grids.nearest_level"             (1)
    x̂ = f(x, integer_bits, fraction_bits)       for "grids.fixed_point"               (2)
    x̂ = levels[f(x, levels)]                    for "codebooks.assign"                (3)
    Ŵ = f(W)                                    for "codebooks.ternary"               (4)

Of two levels equally near, either will do in (1) and (3), as far as float32 tells; (2) is exact; in
(4) α is a mean of many, so values may differ by the rounding of float32.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from qlab.core import FixedPoint
from qlab.live.grids_pictures import SMALLEST_ERROR
from qlab.live.grids_placing import MOST_STEMS, Placed, binned, placed
from qlab.live.grids_state import TABLES, GridsState
from qlab.live.overlay import DOTTED, heads
from qlab.live.standin import Difference, Idle, StandIn, Unusable, beside, over, swatch
from qlab.live.worker import finish
from qlab.plots.style import INK, PURPLE

MOST_LEVELS = 256  # x − levels is an array of all pairs, as most write it
BLOCK = 4096  # weights at a time, for the same reason
TIE = 4 * 2.0**-24  # relative: a scale, a quotient, a product and a level round once each
MEAN = 1e-5  # relative: a mean of 235,200 in float32, added pairwise, with room


class GridsStandIn(StandIn):
    """Values by a function, equation 1 or 2."""

    LEGEND = {  # noqa: RUF012
        "levels": swatch("◇") + "where your weights stand",
        "errors": swatch("┅") + "yours, dotted &ensp; at the first weight that differs: "
        "<b>○</b> the library, <b>✕</b> yours",
    }

    def ask(self, s: GridsState, *given: Any) -> np.ndarray:
        """Move all weights of the layer: in blocks, or at once where a function needs all."""
        layer = self.instrument.layer_of(s)
        if self.name == "codebooks.ternary":
            if s.format != "twn" or s.block != "layer":
                raise Idle("Your function is for TWN's rule with one scale for the whole layer.")
            W = layer.W.reshape(layer.shape).astype(np.float64)
            return _checked(self.call([(W,)])[0], W).ravel()
        more = self._more(s, *given)
        blocks = np.split(layer.W.astype(np.float64), range(BLOCK, layer.W.size, BLOCK))
        answers = self.call([(block, *more) for block in blocks])
        if self.name == "codebooks.assign":
            answers = [_meant(a, block, *more) for a, block in zip(answers, blocks, strict=True)]
        parts = [_checked(a, block) for a, block in zip(answers, blocks, strict=True)]
        return np.concatenate(parts)

    def _more(self, s: GridsState, place: Placed) -> tuple[Any, ...]:
        """List what the function is given beside the weights."""
        if self.name == "grids.fixed_point":
            if not isinstance(place.grid, FixedPoint):
                raise Idle("Your function is for fixed point. Set the format to it.")
            return place.grid.integer_bits, place.grid.fraction_bits
        if self.name == "codebooks.assign" and s.format not in TABLES:
            raise Idle("Your function is for tables. Set the format to one.")
        if place.blocks > 1 or s.format == "twn":
            raise Idle("Your function is for the nearest level of one table for the whole layer.")
        if len(place.levels) > MOST_LEVELS:
            raise Idle(f"Your function is used up to {MOST_LEVELS} levels (8 bits).")
        return (place.levels.astype(np.float64),)

    def held(self, W_hat: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
        """Positions and counts of the values, levels of the grid or not."""
        values, counts = np.unique(W_hat, return_counts=True)
        if len(values) <= MOST_STEMS:
            return values, counts
        return binned(W_hat, limit)

    def compare(self, s: GridsState, answers: np.ndarray) -> Difference | None:
        """Compare values, weight by weight."""
        layer = self.instrument.layer_of(s)
        W, shape = layer.W, layer.shape
        place = finish(placed(s, W, shape, layer.limit))
        right = place.W_hat
        if self.name == "codebooks.ternary":
            wrong = np.flatnonzero(np.abs(answers - right) > MEAN * np.abs(right))
        else:
            wrong = np.flatnonzero(answers != right)
        if self.name in ("grids.nearest_level", "codebooks.assign"):
            wrong = wrong[~_ties(W[wrong], right[wrong], answers[wrong], place.levels)]
        if not wrong.size:
            return None
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


def _meant(answer: Any, x: np.ndarray, levels: np.ndarray) -> Any:
    """Return the levels that codes mean; what is no code is left for ``_checked`` to judge."""
    if not isinstance(answer, np.ndarray) or answer.shape != x.shape:
        return answer
    if answer.dtype.kind not in "iu":
        raise Unusable(f"Your function returned {answer.dtype} codes; whole numbers are expected.")
    if answer.size and not 0 <= answer.min() <= answer.max() < len(levels):
        raise Unusable(
            f"Your function returned codes {answer.min()} … {answer.max()}; a table of "
            f"{len(levels)} levels has 0 … {len(levels) - 1}."
        )
    return levels[answer]


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
