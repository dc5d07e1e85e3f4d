"""A learner's range function in the Calibrate instrument: one more mark beside the library's.

    c = f(x, steps)     for "calibration.mse_clip", steps between 0 and c               (1)
    c = f(x, bits)      for "calibration.aciq_clip", 2^bits steps between −c and c       (2)

x are the drawn values without the zeros, which every grid holds. Where nothing is negative all
steps of (2) lie on one side: bits is one higher.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from qlab.live.calibrate_pictures import METHODS
from qlab.live.calibrate_state import CalibrateState
from qlab.live.standin import Difference, Idle, StandIn, Unusable, beside, over, swatch
from qlab.plots.style import INK, PURPLE

ASKED = {"calibration.mse_clip": "mse", "calibration.aciq_clip": "aciq"}
MOST = 50_000  # values: a search over 100 clip points then takes about 100 ms
CLOSE = 1e-4  # relative: float32 data, and a root that was searched


class CalibrateStandIn(StandIn):
    """A clip point by a function, equation 1 or 2."""

    LEGEND = {"theatre": swatch("✕") + "yours, in the row of the method and on the sum"}  # noqa: RUF012

    @property
    def method(self) -> str:
        """The library's method that the function stands in for."""
        return ASKED[self.name]

    def ask(self, s: CalibrateState, *given: Any) -> dict[str, float]:
        """Hand over the drawn values, and take a clip point."""
        instrument: Any = self.instrument
        source = instrument.sources[s.source]
        x = source.drawn(*s.draw)
        x = x[x != 0].astype(np.float64)
        if x.size > MOST:
            raise Idle(f"Your function is used up to {MOST:,} values. Draw fewer images.")
        steps = source.spec(s.bits).quant_max
        number = steps if self.method == "mse" else s.bits + (not source.signed)
        return {self.method: _checked(self.call([(x, number)])[0])}

    def compare(self, s: CalibrateState, answers: dict[str, float]) -> Difference | None:
        """Compare the clip points; of two that leave the same error, either will do."""
        instrument: Any = self.instrument
        source, own = instrument.sources[s.source], answers[self.method]
        library = instrument.sources.compute(s.source, s.draw, s.bits, self.method)
        largest = float(np.abs(source.drawn(*s.draw)).max())
        library, shown = min(library, largest), own
        own = min(own, largest)  # no method of the library reaches beyond the data
        if abs(own - library) <= CLOSE * library:
            return None
        return Difference(
            place="the clip point",
            index=(0,),
            given=f"{source.drawn(*s.draw).size:,} values",
            reference=library,
            other=shown,
            count=1,
            of=1,
        )

    def overlays(self) -> Iterator[tuple[str, Callable[[Any], Any], Callable[[Any], None]]]:
        """Mark the function's clip point in its row, and on the sum."""
        yield ("theatre", *_crosses())


def _checked(answer: Any) -> float:
    value = np.asarray(answer) if isinstance(answer, int | float | np.ndarray | np.number) else None
    if value is None or value.size != 1 or value.dtype.kind not in "fiu":
        got = "nothing" if answer is None else f"a {type(answer).__name__}"
        raise Unusable(f"Your function returned {got}; one number is expected, the clip point.")
    clip = float(value.ravel()[0])
    if not (np.isfinite(clip) and clip > 0):
        raise Unusable(f"Your function returned {clip:g}; a clip point is above 0 and finite.")
    return clip


def _crosses() -> tuple[Callable[[Any], Any], Callable[[Any], None]]:
    art: dict[Any, Any] = {}

    def build(figure: Any) -> list[Any]:
        _, errors, rows = figure.axes
        for name, ax in (("sum", errors), ("row", rows)):
            (art[name, "under"],) = ax.plot([], [], "x", color=INK, mew=4.4, ms=10)
            (art[name],) = ax.plot([], [], "x", color=PURPLE, mew=2.4, ms=9)
        return list(art.values())

    def draw(r: Any) -> None:
        other, found = over(r), beside(r)
        for artist in art.values():
            artist.set_visible(other is not None)
        if other is None or found is None:
            return
        ((method, _),) = found.answers.items()
        clip, error = other.found[method]
        for name, y in (("sum", error), ("row", float(METHODS.index(method)))):
            art[name].set_data([clip], [y])
            art[name, "under"].set_data([clip], [y])

    return build, draw
