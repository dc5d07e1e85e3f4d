"""A least-squares scale that stands in for the library's in the Quantize instrument.

    s of a block = f(w, q),   q: the codes that the library's turns came to, zero point off   (1)
    Ŵ = s·q

The library's is ⟨w, q⟩ / ⟨q, q⟩ in float64, rounded to float32 once: two right ways differ by that
rounding, and by sums of n products in another order, n·ε.
"""

from typing import Any

import numpy as np

from qlab import core, networks
from qlab.core import PerTensor, QParams
from qlab.core.spec import SMALLEST_SCALE
from qlab.live.quantize_look import extreme_scales
from qlab.live.quantize_standin import Codes, QuantizeStandIn
from qlab.live.quantize_state import QuantizeState
from qlab.live.standin import Difference, Idle, Unusable

PATIENCE = 3.0  # seconds: the turns of a layer take a tenth of one
MOST = float(np.finfo(np.float32).max) / 2**16  # a scale whose levels are still numbers


class ScaleStandIn(QuantizeStandIn):
    """Scales of all blocks by f(w, q), equation 1; the codes stay the library's."""

    def ask(self, s: QuantizeState, *given: Any) -> Codes:
        """Ask for the scale of every block of the chosen layers."""
        instrument: Any = self.instrument
        if s.grid != "affine" or s.repair != "least_squares":
            raise Idle('Your function is for the repair "Least-squares scale". Set the menu to it.')
        made = instrument.by_library(s, PATIENCE)
        if made is None:
            raise Idle("The codes are being computed; your function is asked when they are there.")
        small = made.small
        net = networks.load(s.network)
        cases = [c for k, q in small.qparams.items() for c in _blocks(net.weights[k], small, k, q)]
        scales = [_checked(answer) for answer in self.call(cases)]
        qparams, at = {}, 0
        for name, q in small.qparams.items():
            part = np.array(scales[at : at + q.scale.size]).reshape(q.scale.shape)
            qparams[name], at = QParams(part, q.zero_point, q.spec), at + q.scale.size
        W_hat = {k: core.dequantize(small.codes[k], q) for k, q in qparams.items()}
        own = networks.Quantized(net.with_weights(W_hat), qparams, small.codes)
        x = instrument.stair_points(s)
        stairs = [core.fake_quantize(x, q) for q in extreme_scales(qparams)]
        return Codes(own, np.stack(stairs), x, {})

    def remark(self, s: QuantizeState) -> str:
        """Say whose codes these are."""
        return "The codes are those that the library's turns came to; the scales are yours."

    def compare(self, s: QuantizeState, answers: Codes) -> Difference | None:
        """Compare the scales, block by block."""
        net, first, count, of = networks.load(s.network), None, 0, 0
        for name, q in answers.small.qparams.items():
            blocks = _blocks(net.weights[name], answers.small, name, q)
            for i, ((w, d), mine) in enumerate(zip(blocks, q.scale.ravel(), strict=True)):
                below = float(d @ d)
                right = float(w @ d) / below if below else None
                of += 1
                if right is None or abs(mine - right) <= _slack(w) * max(right, SMALLEST_SCALE):
                    continue  # a block of zeros may have any scale
                count += 1
                at = int(np.abs(d).argmax())  # a weight on which it shows
                first = first or (name, i, right, float(mine), float(w[at]), float(d[at]))
        if first is None:
            return None
        name, i, right, mine, weight, code = first
        return Difference(
            place=f"scale of {name}" + (f"[{i}]" if of > len(answers.small.qparams) else ""),
            index=(i,),
            given=weight,
            reference=right,
            other=mine,
            count=count,
            of=of,
            mark=(right * code, mine * code),
        )


def _slack(w: np.ndarray) -> float:
    """Relative: one rounding to float32, and the sums."""
    return float(np.finfo(np.float32).eps) + 4 * w.size * float(np.finfo(np.float64).eps)


def _blocks(
    W: np.ndarray, small: networks.Quantized, name: str, q: QParams
) -> list[tuple[np.ndarray, np.ndarray]]:
    """List (w, q − z) of every block, flat, float64."""
    d = (small.codes[name] - q.expand(W.shape)[1]).astype(np.float64)
    w = W.astype(np.float64)
    if q.spec.granularity == PerTensor():
        return [(w.ravel(), d.ravel())]
    return [(a.ravel(), b.ravel()) for a, b in zip(w, d, strict=True)]  # an output a block


def _checked(answer: Any) -> float:
    if isinstance(answer, np.ndarray) and answer.ndim == 0:
        answer = answer[()]
    if isinstance(answer, bool) or not isinstance(answer, int | float | np.number):
        got = "nothing" if answer is None else f"a {type(answer).__name__}"
        raise Unusable(f"Your function returned {got}; one number, the scale, is expected.")
    scale = float(answer)
    if not SMALLEST_SCALE <= scale <= MOST:
        raise Unusable(f"Your function returned {scale:.3g}; a scale is a number above 0.")
    return scale
