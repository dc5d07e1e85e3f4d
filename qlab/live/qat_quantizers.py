"""Each method's quantizers as they are before the first step, by the library's NumPy functions.

    method            weights                        activations
    straight_through  even, largest magnitude        even, least squared error
    lsq               even, learned step             even, learned step
    pact              DoReFa's                       even, learned clip
    dorefa            squeezed by tanh, [−1, 1]      even, least squared error
    bnn, xnor         the sign, ±α of a row          even, least squared error
    twn               −α, 0, α                       even, least squared error
    learned_codebook  2^b shared values              even, least squared error

The same as `qlab.training.qat.METHODS` starts with; a test holds the two equal.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from qlab import codebooks, core, ranges
from qlab.codebooks import Coded
from qlab.core import PerAxis, QParams, QuantSpec, surrogate

BITS = (1, 2, 3, 4)
METHODS = {
    "straight_through": "Straight-through",
    "lsq": "LSQ, learned step",
    "pact": "PACT, learned clip",
    "dorefa": "DoReFa",
    "bnn": "BNN, ±1",
    "xnor": "XNOR, ±α of a row",
    "twn": "Ternary (TWN)",
    "learned_codebook": "Learned codebook",
}
METHODS_BITS: dict[str, tuple[int, ...]] = {
    "straight_through": (2, 3, 4),
    "lsq": (2, 3, 4),
    "pact": BITS,
    "dorefa": BITS,
    "bnn": (1,),
    "xnor": (1,),
    "twn": (2,),
    "learned_codebook": BITS,
}
Slope = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Quantized:
    """Values on their levels, and the gradients that are pretended.

    Parameters
    ----------
    x, x_hat
        Flat, before and after.
    slope
        What training takes for ∂x̂/∂x, at any x.
    lines
        Python that gives x_hat and slope from x.
    qparams
        The grid, where it is an even one.
    learned
        What is learned besides, its value, and ∂x̂ by it.
    scaled
        Whether a normalisation behind gives the scale.
    row
        Values that share one staircase: all, or those of the first row.
    reach
        How far the picture must show, at least.
    """

    x: np.ndarray
    x_hat: np.ndarray
    slope: Slope
    lines: str
    qparams: QParams | None = None
    learned: tuple[str, float, Slope] | None = None
    scaled: bool = False
    row: int = 0
    reach: float = 0.0
    shape: tuple[int, ...] = field(default=())


def weights(method: str, bits: int, W: np.ndarray, factor: float) -> Quantized:
    """Quantize a layer's weights as the method starts."""
    x, shape = W.ravel(), W.shape
    if method in ("straight_through", "lsq"):
        spec = QuantSpec(bits=bits)
        if method == "lsq":
            return _lsq(x, spec, factor, f"QuantSpec(bits={bits})", shape)
        return _even(x, ranges.minmax(x, spec), f"ranges.minmax(x, QuantSpec(bits={bits}))", shape)
    book = _BOOKS[method](W, bits)
    return Quantized(
        x,
        book.coded.dequantize().ravel(),
        book.slope,
        f"x_hat = {book.line}.dequantize()\nslope = {book.slope_line}\n",
        shape=shape,
        scaled=book.scaled,
        row=book.row,
        reach=book.reach,
    )


def activations(method: str, bits: int, x: np.ndarray, factor: float) -> Quantized:
    """Quantize what enters a layer as the method starts."""
    signed = bits > 1 and bool((x < 0).any())
    spec = QuantSpec(bits=bits, signed=signed)
    said = f"QuantSpec(bits={bits}, signed={signed})"
    shape, flat = x.shape, x.ravel()
    if method == "lsq":
        return _lsq(flat, spec, factor, said, shape)
    best = ranges.mse(flat, spec)
    if method != "pact":
        return _even(flat, best, f"ranges.mse(x, {said})", shape)
    alpha = float(best.scale) * spec.quant_max * factor
    qparams = QParams(np.array(alpha / spec.quant_max), np.array(0), spec)
    lines = (
        f"alpha = float(ranges.mse(x, {said}).scale) * {spec.quant_max} * {factor!r}\n"
        f"grid = core.QParams(np.array(alpha / {spec.quant_max}), np.array(0), {said})\n"
        "x_hat = core.fake_quantize(x, grid)\n"
        f"slope, by = surrogate.pact(x, alpha, {said})\n"
    )
    return Quantized(
        flat,
        core.fake_quantize(flat, qparams),
        lambda x: surrogate.pact(x, alpha, spec)[0],
        lines,
        qparams,
        ("clip α", alpha, lambda x: surrogate.pact(x, alpha, spec)[1]),
        shape=shape,
    )


def as_it_is(x: np.ndarray) -> Quantized:
    """Return values that nothing quantizes."""
    flat = x.ravel()
    return Quantized(flat, flat, np.ones_like, "x_hat, slope = x, np.ones_like(x)\n", shape=x.shape)


def _even(x: np.ndarray, qparams: QParams, line: str, shape: tuple[int, ...]) -> Quantized:
    lines = (
        f"grid = {line}\nx_hat = core.fake_quantize(x, grid)\n"
        "slope = surrogate.straight_through(x, grid)\n"
    )
    return Quantized(
        x,
        core.fake_quantize(x, qparams),
        lambda x: surrogate.straight_through(x, qparams),
        lines,
        qparams,
        shape=shape,
    )


def _lsq(
    x: np.ndarray, spec: QuantSpec, factor: float, said: str, shape: tuple[int, ...]
) -> Quantized:
    s = surrogate.lsq_first_step(x, spec) * factor
    qparams = QParams(np.array(s), np.array(0), spec)
    lines = (
        f"s = surrogate.lsq_first_step(x, {said}) * {factor!r}\n"
        f"grid = core.QParams(np.array(s), np.array(0), {said})\n"
        "x_hat = core.fake_quantize(x, grid)\n"
        f"slope, by = surrogate.lsq(x, s, {said})\n"
    )
    return Quantized(
        x,
        core.fake_quantize(x, qparams),
        lambda x: surrogate.lsq(x, s, spec)[0],
        lines,
        qparams,
        ("step s", s, lambda x: surrogate.lsq(x, s, spec)[1]),
        shape=shape,
    )


class _Book(NamedTuple):
    coded: Coded
    line: str
    slope: Slope
    slope_line: str
    scaled: bool = False
    row: int = 0
    reach: float = 0.0


def _dorefa(W: np.ndarray, bits: int) -> _Book:
    coded, line = codebooks.dorefa(W, bits=bits), f"codebooks.dorefa(x, bits={bits})"
    if bits == 1:  # the paper keeps mean|w| and lets the gradient pass
        return _Book(coded, line, np.ones_like, "np.ones_like(x)", scaled=True)
    largest = float(np.abs(W).max())
    said = "surrogate.dorefa(x, float(abs(x).max()))"
    return _Book(coded, line, lambda x: surrogate.dorefa(x, largest), said, scaled=True)


def _bnn(W: np.ndarray, bits: int) -> _Book:
    said = "surrogate.sign(x)"
    return _Book(codebooks.bnn(W), "codebooks.bnn(x)", surrogate.sign, said, True, reach=1.3)


def _xnor(W: np.ndarray, bits: int) -> _Book:
    alpha = float(np.abs(W[0]).mean())  # through the signs alone; α hears every weight of its row
    return _Book(
        codebooks.xnor(W, granularity=PerAxis(0)),
        "codebooks.xnor(x, granularity=core.PerAxis(0))",
        lambda x: alpha * surrogate.sign(x),
        "surrogate.sign(x)",
        row=W.shape[1],
    )


def _twn(W: np.ndarray, bits: int) -> _Book:
    return _Book(codebooks.twn(W), "codebooks.twn(x)", np.ones_like, "np.ones_like(x)")


def _learned(W: np.ndarray, bits: int) -> _Book:
    line = f"codebooks.lloyd(x, bits={bits})"
    return _Book(codebooks.lloyd(W, bits=bits), line, np.zeros_like, "np.zeros_like(x)")


_BOOKS: dict[str, Callable[[np.ndarray, int], _Book]] = {
    "pact": _dorefa,
    "dorefa": _dorefa,
    "bnn": _bnn,
    "xnor": _xnor,
    "twn": _twn,
    "learned_codebook": _learned,
}
