"""A gradient that stands in for the library's in the Train quantized instrument.

    slope = f(1, x, scale, zero_point, quant_min, quant_max)   for "qat.straight_through"      (1)
    ∂x̂/∂s = f(x, scale, quant_min, quant_max)                  for "qat.lsq_step_gradient"     (2)

Where x lies on a jump, as far as float32 tells, either side will do.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from qlab.core import surrogate
from qlab.live.overlay import DOTTED
from qlab.live.qat_quantizers import Quantized
from qlab.live.qat_state import QatState
from qlab.live.standin import Difference, Idle, StandIn, Unusable, beside, over, swatch
from qlab.plots.style import INK, PURPLE

TIE = 16 * 2.0**-24  # of a step, relative: a scale and a quotient round once each, in float32


class QatStandIn(StandIn):
    """Slopes by a function, equation 1 or 2."""

    LEGEND = {  # noqa: RUF012
        "stairs": swatch("┅") + "yours, dotted &ensp; at the first value that differs: "
        "<b>○</b> the library, <b>✕</b> yours",
    }

    def ask(self, s: QatState, *given: Any) -> tuple[np.ndarray, np.ndarray]:
        """Ask for the slopes of all values, and along the axis of the picture."""
        made, xs = given
        qparams = made.qparams
        step = self.name == "qat.lsq_step_gradient"
        if step and (made.learned is None or s.method != "lsq"):
            raise Idle("Your function is for LSQ. Set the method to it, and show what is learned.")
        if not step and (qparams is None or made.learned is not None):
            raise Idle(
                "Your function is for straight-through on an even grid. Set the method to it."
            )
        spec = qparams.spec
        grid: tuple[Any, ...] = (float(qparams.scale),)
        if not step:
            grid = (*grid, int(qparams.zero_point))
        grid = (*grid, spec.quant_min, spec.quant_max)
        cases = [x.astype(np.float64) for x in (made.x, xs)]
        ones = [() if step else (np.ones_like(x),) for x in cases]
        answers = self.call([(*one, x, *grid) for one, x in zip(ones, cases, strict=True)])
        mine, curve = (_checked(a, x) for a, x in zip(answers, cases, strict=True))
        return mine, curve

    def slopes(self, s: QatState, made: Quantized, xs: np.ndarray) -> tuple[Any, ...]:
        """Give what the instrument shows: slope, share without one, learned slope, its pull."""
        mine, curve = self.answers(s, made, xs)
        if self.name == "qat.lsq_step_gradient":
            pull = surrogate.squared_error_slope(made.x, made.x_hat, mine.astype(np.float32))
            blocked = float((made.slope(made.x) == 0).mean())
            return made.slope(xs), blocked, curve, pull
        return curve, float((mine == 0).mean()), None, None

    def compare(self, s: QatState, answers: Any) -> Difference | None:
        """Compare slopes, value by value."""
        instrument: Any = self.instrument
        made, mine = instrument.quantized(s), answers[0]
        spec, step = made.qparams.spec, float(made.qparams.scale)
        y = made.x.astype(np.float64) / step
        slack = TIE * (1 + np.abs(y))
        if self.name == "qat.lsq_step_gradient":
            right = made.learned[2](made.x)
            ends = np.minimum(np.abs(y - spec.quant_min), np.abs(y - spec.quant_max))
        else:
            right = made.slope(made.x)
            ends = np.full_like(y, np.inf)
        near = np.minimum(np.abs(y - np.floor(y) - 0.5), ends) <= slack
        wrong = np.flatnonzero((np.abs(mine - right) > slack) & ~near)
        if not wrong.size:
            return None
        place = np.unravel_index(wrong[0], made.shape)
        index = tuple(int(i) for i in place)
        x, library, own = (float(a[wrong[0]]) for a in (made.x, right, mine))
        what = s.layer if s.side == "weights" else f"into {s.layer}"
        return Difference(
            place=f"{what}[{', '.join(map(str, index))}]",
            index=index,
            given=x,
            reference=library,
            other=own,
            count=int(wrong.size),
            of=made.x.size,
            mark=(library, own),
        )

    def overlays(self) -> Iterator[tuple[str, Callable[[Any], Any], Callable[[Any], None]]]:
        """Lay the other slope over the library's."""
        yield ("stairs", *_slope())


def _checked(answer: Any, x: np.ndarray) -> np.ndarray:
    if not isinstance(answer, np.ndarray) or answer.dtype.kind not in "biuf":
        got = "nothing" if answer is None else f"a {type(answer).__name__}"
        raise Unusable(f"Your function returned {got}; an array of numbers is expected.")
    if answer.shape != x.shape:
        raise Unusable(
            f"Your function returned shape {answer.shape}; for x of shape {x.shape} there are as "
            "many slopes."
        )
    values = answer.astype(np.float64)
    if not np.isfinite(values).all():
        raise Unusable("Your function returned infinity or NaN; every value has a slope.")
    return values


def _slope() -> tuple[Callable[[Any], Any], Callable[[Any], None]]:
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = art["ax"] = figure.axes[1]
        (art["slope"],) = ax.plot([], [], color=PURPLE, ls=DOTTED, lw=2.6)
        (art["right"],) = ax.plot([], [], "o", mfc="none", mec=INK, mew=1.8, ms=9)
        (art["mine"],) = ax.plot([], [], "x", color=INK, mew=2.2, ms=8)
        return [art[name] for name in ("slope", "right", "mine")]

    def draw(r: Any) -> None:
        other, found = over(r), beside(r)
        art["slope"].set_visible(other is not None)
        if other is not None:
            step = other.learned_slope is not None
            art["slope"].set_data(other.x, other.learned_slope if step else other.slope)
        difference = None if found is None else found.difference
        low, high = art["ax"].get_ylim()
        for k, name in enumerate(("right", "mine")):
            art[name].set_visible(difference is not None)
            if difference is not None:
                y = float(np.clip(difference.mark[k], 0.92 * low, 0.92 * high))
                art[name].set_data([difference.given], [y])  # stays in sight

    return build, draw
