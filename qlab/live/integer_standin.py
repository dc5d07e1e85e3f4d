"""A requantization that stands in for the library's in one layer of the Integer instrument.

    q = f(acc, M0, shift, zero_point, low, high),    acc (n, out),  M0 and shift (out,)        (1)

It gets the accumulators of the layer that is followed: of the test image, and of the images of
the estimate. The layers before and behind are the library's. A tie may go to either side.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from qlab.live.integer_arithmetic import network_of
from qlab.live.integer_state import IntegerState
from qlab.live.standin import Difference, StandIn, Unusable, beside, over, swatch
from qlab.networks import IntegerLayer, IntegerNetwork
from qlab.plots.style import INK, PURPLE


class IntegerStandIn(StandIn):
    """Codes by a function, equation 1."""

    LEGEND = {"logits": swatch("◇") + "with your function in its layer"}  # noqa: RUF012

    def ask(self, s: IntegerState, *given: Any) -> np.ndarray:
        """Take the accumulators of all images to codes, in one call."""
        layer, acc = self._accumulators(s)
        flat = np.moveaxis(acc, 1, -1).reshape(-1, acc.shape[1])  # an output a column
        (answer,) = self.call([(flat, *parameters(layer))])
        codes = _checked(answer, flat.shape)
        shape = (acc.shape[0], *acc.shape[2:], acc.shape[1])
        return np.moveaxis(codes.reshape(shape), -1, 1)

    def recode(self, s: IntegerState) -> Callable[[Any, np.ndarray], np.ndarray]:
        """Say the codes of the test image."""
        codes = self.answers(s)[:1]
        return lambda done, rows: codes

    def recode_draw(
        self, s: IntegerState, net: IntegerNetwork, rows: np.ndarray
    ) -> Callable[[Any, np.ndarray], np.ndarray]:
        """Say the codes of the images of the estimate."""
        codes = self.answers(s)[1:]
        return lambda done, rows: codes[rows]

    def compare(self, s: IntegerState, answers: np.ndarray) -> Difference | None:
        """Compare codes, sum by sum."""
        layer, acc = self._accumulators(s)
        right = layer.recoded(acc)
        wrong = (answers != right) & ~_ties(layer, acc, answers - right.astype(np.int64))
        if not wrong.any():
            return None
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        image = "the test image" if index[0] == 0 else f"image {index[0]} of the estimate"
        place = f", place {index[2]}, {index[3]}" if len(index) == 4 else ""
        return Difference(
            place=f"{s.layer}, output {index[1]}{place} of {image}",
            index=index,
            given=float(acc[index]),
            reference=int(right[index]),
            other=int(answers[index]),
            count=int(wrong.sum()),
            of=wrong.size,
        )

    def overlays(self) -> Iterator[tuple[str, Callable[[Any], Any], Callable[[Any], None]]]:
        """Lay the other logits over the library's."""
        art: dict[str, Any] = {}

        def build(figure: Any) -> list[Any]:
            ax = figure.axes[1]
            (art["own"],) = ax.plot([], [], "D", mfc="none", mec=PURPLE, mew=1.8, ms=7, ls="none")
            (art["cut"],) = ax.plot([], [], "x", color=INK, mew=1.6, ms=6, ls="none")
            return list(art.values())

        def draw(r: Any) -> None:
            other = over(r) if beside(r) is not None else None
            for line in art.values():
                line.set_visible(other is not None)
            if other is not None:
                low, high = art["own"].axes.get_ylim()
                y = np.clip(other.logits, low + 1, high - 1)  # stays in sight
                art["own"].set_data(np.arange(len(y)), y)
                away = y != other.logits
                art["cut"].set_data(np.arange(len(y))[away], y[away])

        yield "logits", build, draw

    def _accumulators(self, s: IntegerState) -> tuple[IntegerLayer, np.ndarray]:
        """Return the layer, and its accumulators of the test image and of the estimate's."""
        instrument: Any = self.instrument
        net = network_of(s)
        layer = next(k for k in net.integer_layers if k.name == s.layer)

        def make() -> np.ndarray:
            rows = np.concatenate([[s.image], instrument.rows(net)])
            q = net.encode(instrument.evaluation.test[rows].images)
            return layer.trace(net.enter(s.layer, q)).accumulators

        return layer, instrument.evaluation.keep(("accumulators", *s.key()), make)


def parameters(layer: IntegerLayer) -> tuple[np.ndarray, np.ndarray, int, int, int]:
    """Return M0, shift, zero point and ends of a layer, as the exercise names them."""
    n = len(layer.codes)
    m = np.broadcast_to(layer.multiplier.m.ravel(), n).astype(np.int64)
    shift = 31 - np.broadcast_to(layer.multiplier.e.ravel(), n).astype(np.int64)
    return m, shift, int(layer.leaving.zero_point), layer.lowest, layer.leaving.spec.quant_max


def _checked(answer: Any, shape: tuple[int, ...]) -> np.ndarray:
    if not isinstance(answer, np.ndarray) or answer.dtype.kind not in "fiu":
        got = "nothing" if answer is None else f"a {type(answer).__name__}"
        raise Unusable(f"Your function returned {got}; an array of codes is expected.")
    if answer.shape != shape:
        raise Unusable(
            f"Your function returned shape {answer.shape}; for accumulators of shape {shape} there "
            "are as many codes."
        )
    if not np.isfinite(answer).all():
        raise Unusable("Your function returned infinity or NaN; a code is a whole number.")
    if (answer != np.rint(answer)).any():
        raise Unusable("Your function returned numbers with a fraction; a code is a whole number.")
    if (np.abs(answer) >= 2.0**31).any():
        raise Unusable("Your function returned a number beyond 32 bits; clip it to the codes.")
    return answer.astype(np.int32)


def _ties(layer: IntegerLayer, acc: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """Say which differ only because M·acc lies midway between two codes."""
    multiplier = layer.multiplier
    shift = 31 - multiplier.e.astype(np.int64)
    rest = (acc.astype(np.int64) * multiplier.m) & ((np.int64(1) << shift) - 1)
    return np.asarray((rest == (np.int64(1) << shift) >> 1) & (np.abs(apart) == 1))
