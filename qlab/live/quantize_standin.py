"""A quantizer that stands in for the library's in the Quantize instrument, block by block.

    codes of a block = f(x, scale, zero_point, quant_min, quant_max)                  (1)

Scales and zero points stay the library's. A code that differs by one where x/s lies on a tie, as
far as float32 can tell, is no difference: 1/s, x·(1/s) and s itself each lose half an ε.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.patheffects import withStroke

from qlab import core, metrics, networks
from qlab.core import PerGroup, PerTensor, QParams
from qlab.live.overlay import DOTTED, heads, point
from qlab.live.quantize_look import BINS, extreme_scales
from qlab.live.quantize_pictures import ERRORS
from qlab.live.quantize_state import QuantizeState
from qlab.live.standin import Difference, Idle, StandIn, Unusable, beside, over, swatch
from qlab.plots.style import INK, PURPLE

TIE = 2 * float(np.finfo(np.float32).eps)  # relative to x/s: one and a half ε, see above
WIDEST = 4096  # codes of a layer that get a level each
CASED = [withStroke(linewidth=4.8, foreground="white")]  # seen on a filled picture too


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """What the function answered: the layers' codes, and the stairs of two blocks."""

    small: networks.Quantized
    stairs: np.ndarray
    x: np.ndarray
    treads: dict[str, tuple[QParams, np.ndarray]]  # codes of x, by the name of the staircase


class QuantizeStandIn(StandIn):
    """Codes by a function f(x, scale, zero_point, quant_min, quant_max)."""

    LEGEND = {  # noqa: RUF012
        "stairs": swatch("┅") + "yours, dotted &ensp; at the first weight that differs: "
        "<b>○</b> the library, <b>✕</b> yours",
        "weights": swatch("◇") + "your levels",
        "error": swatch("┅") + "yours, dotted",
        "curve": swatch("◆") + "yours",
    }

    def ask(self, s: QuantizeState, *given: Any) -> Codes:
        """Equation 1 for every block of the chosen layers, and for the two staircases."""
        instrument: Any = self.instrument
        if s.grid != "affine" or s.repair != "none":
            raise Idle("Your function is for the affine grid without repair. Set the menus to it.")
        net, qparams = networks.load(s.network), instrument.ranges_of(s)
        x, ends = instrument.stair_points(s), extreme_scales(qparams)
        cases = [case for k, q in qparams.items() for case in _cases(net.weights[k], q)]
        cases += [case for q in ends for case in _cases(x, q)]
        answers = [_checked(a, case[0]) for a, case in zip(self.call(cases), cases, strict=True)]
        codes, at = {}, 0
        for name, q in qparams.items():
            W = net.weights[name]
            n = q.scale.size
            flat = np.concatenate([a.ravel() for a in answers[at : at + n]])
            codes[name], at = flat.reshape(W.shape), at + n
        replaced = {k: core.dequantize(codes[k], q) for k, q in qparams.items()}
        small = networks.Quantized(net.with_weights(replaced), qparams, codes)
        stairs = [core.dequantize(a, q) for a, q in zip(answers[at:], ends, strict=True)]
        names = ("narrowest staircase", "widest staircase")
        treads = dict(zip(names, zip(ends, answers[at:], strict=True), strict=True))
        return Codes(small, np.stack(stairs), x, treads)

    def remark(self, s: QuantizeState) -> str:
        """Say that the instrument's rounding is not the function's."""
        if s.rounding == "nearest":
            return ""
        return "Your function rounds as it is written; the menu Rounding is for the library's."

    def levels(
        self, small: networks.Quantized, chosen: list[str], W_hat: np.ndarray, limit: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Positions and counts of the levels, also of codes that are none of these bits."""
        spec = next(iter(small.qparams.values())).spec
        wide = max(int(q.max()) - int(q.min()) for q in small.codes.values())
        if spec.granularity == PerTensor() and spec.bits <= 8 and wide < WIDEST:
            positions, counts = [], []
            for name, q in small.codes.items():
                codes = np.arange(int(q.min()), int(q.max()) + 1)
                positions.append(core.dequantize(codes, small.qparams[name]))
                counts.append(np.bincount(q.ravel() - q.min()))
            return np.concatenate(positions), np.concatenate(counts)
        h = metrics.histogram(W_hat, -limit, limit, BINS)
        return (h.edges[:-1] + h.edges[1:]) / 2, h.counts

    def compare(self, s: QuantizeState, answers: Codes) -> Difference | None:
        """Compare codes, layer by layer, weight by weight."""
        net, rounding, small = networks.load(s.network), s.rounding_function(), answers.small
        parts = [(k, net.weights[k], q, small.codes[k]) for k, q in small.qparams.items()]
        found = _first(parts, rounding)
        if found is None:  # no weight differs; beyond the weights, the function may
            found = _first(
                [(k, answers.x, *tread) for k, tread in answers.treads.items()], rounding
            )
        return found

    def overlays(self) -> Iterator[tuple[str, Callable[[Any], Any], Callable[[Any], None]]]:
        """Lay stairs, level heads, the error and the accuracy over the library's."""
        yield ("stairs", *_stairs())
        yield ("weights", *heads(lambda r: (r.levels, r.level_counts)))
        yield ("error", *_error())
        yield ("curve", *point(lambda r: (float(r.bits), 100 * r.accuracy.value)))


def _cases(x: np.ndarray, q: QParams) -> list[tuple[Any, ...]]:
    """List the arguments of equation 1, a tuple a block, blocks in the order of the elements."""
    granularity = q.spec.granularity
    if granularity == PerTensor():
        blocks: Sequence[np.ndarray] = [x]
    elif isinstance(granularity, PerGroup):
        rows, size = x.reshape(len(x), -1), granularity.size
        blocks = [row[k : k + size] for row in rows for k in range(0, rows.shape[1], size)]
    else:  # an output a block
        blocks = list(x)
    ends = (q.spec.quant_min, q.spec.quant_max)
    numbers = zip(q.scale.ravel(), q.zero_point.ravel(), strict=True)
    return [(b, float(s), int(z), *ends) for b, (s, z) in zip(blocks, numbers, strict=True)]


def _checked(answer: Any, x: np.ndarray) -> np.ndarray:
    if not isinstance(answer, np.ndarray):
        got = "nothing" if answer is None else f"a {type(answer).__name__}"
        raise Unusable(
            f"Your function returned {got}; an array of integer codes of shape {x.shape} is "
            "expected."
        )
    if answer.shape != x.shape:
        raise Unusable(
            f"Your function returned shape {answer.shape}; for x of shape {x.shape} there are as "
            "many codes."
        )
    if not np.issubdtype(answer.dtype, np.integer):
        raise Unusable(
            f"Your function returned {answer.dtype}; codes are integers, for instance int32."
        )
    ends = np.iinfo(np.int32)
    return np.clip(answer, ends.min, ends.max).astype(np.int32)


def _ties(
    W: np.ndarray, q: QParams, mine: np.ndarray, right: np.ndarray, places: np.ndarray
) -> np.ndarray:
    """Say which of these places differ only because x/s lies on a tie, as far as float32 tells."""
    s = np.broadcast_to(q.expand(W.shape)[0], W.shape).ravel()[places].astype(np.float64)
    y = W.ravel()[places].astype(np.float64) / s
    near = np.abs(np.abs(y - np.floor(y)) - 0.5) <= TIE * np.maximum(1.0, np.abs(y))
    one = np.abs(mine.ravel()[places].astype(np.int64) - right.ravel()[places]) <= 1
    return near & one


def _first(
    parts: list[tuple[str, np.ndarray, QParams, np.ndarray]], rounding: core.Rounding
) -> Difference | None:
    """Find the first element of (name, x, qparams, codes) whose code is not the library's."""
    first, count = None, 0
    for name, x, q, mine in parts:
        right = core.quantize(x, q, rounding)
        wrong = np.flatnonzero(mine != right)
        wrong = wrong[~_ties(x, q, mine, right, wrong)]
        count += wrong.size
        if wrong.size and first is None:
            index = tuple(int(i) for i in np.unravel_index(wrong[0], x.shape))
            s, z = (np.broadcast_to(part, x.shape)[index] for part in q.expand(x.shape))
            first = (name, index, float(x[index]), int(right[index]), int(mine[index]), s, z)
    if first is None:
        return None
    name, index, given, code, got, s, z = first
    return Difference(
        place=f"{name}[{', '.join(map(str, index))}]",
        index=index,
        given=given,
        reference=code,
        other=got,
        count=count,
        of=sum(x.size for _, x, _, _ in parts),
        mark=tuple(float((c - int(z)) * float(s)) for c in (code, got)),
    )


def _stairs() -> tuple[Callable[[Any], Any], Callable[[Any], None]]:
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = art["ax"] = figure.axes[0]
        art["lines"] = [
            ax.plot([], [], color=PURPLE, ls=DOTTED, lw=width)[0] for width in (1.8, 2.8)
        ]
        (art["right"],) = ax.plot([], [], "o", mfc="none", mec=INK, mew=1.8, ms=9)
        (art["mine"],) = ax.plot([], [], "x", color=INK, mew=2.2, ms=8)
        return [*art["lines"], art["right"], art["mine"]]

    def draw(r: Any) -> None:
        other, found = over(r), beside(r)
        for k, line in enumerate(art["lines"]):
            shown = other is not None and (k == 1 or other.steps[0] != other.steps[1])
            line.set_visible(shown)
            if shown:
                line.set_data(found.answers.x if found else [], other.stairs[k])
        difference = None if found is None else found.difference
        low, high = art["ax"].get_ylim()
        for k, name in enumerate(("right", "mine")):
            art[name].set_visible(difference is not None)
            if difference is not None:
                y = float(np.clip(difference.mark[k], 0.97 * low, 0.97 * high))  # stays in sight
                art[name].set_data([difference.given], [y])

    return build, draw


def _error() -> tuple[Callable[[Any], Any], Callable[[Any], None]]:
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        (art["error"],) = figure.axes[0].plot(
            [], [], color=PURPLE, ls=DOTTED, lw=2.4, drawstyle="steps-mid", path_effects=CASED
        )
        return [art["error"]]

    def draw(r: Any) -> None:
        other = over(r)
        art["error"].set_visible(other is not None)
        if other is not None:
            counts = other.error_counts
            edges = np.linspace(*ERRORS[:2], len(counts) + 1)
            art["error"].set_data((edges[:-1] + edges[1:]) / 2, counts / max(1, counts.max()))

    return build, draw
