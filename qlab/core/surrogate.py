"""What training pretends: the gradient of a quantizer, whose own is 0 almost everywhere.

    straight through   ∂x̂/∂x = 1 where quant_min ≤ round(x/s) + z ≤ quant_max, else 0       (1)
    LSQ    y = x/s     ∂x̂/∂x = 1 where −Qn < y < Qp, else 0                                 (2)
                       ∂x̂/∂s = round(y) − y inside, −Qn below, Qp above                     (3)
                       g = 1/√(N·Qp),   s = 2·mean|x|/√Qp at the start                      (4)
    PACT               ∂x̂/∂x = 1 where −α·[signed] ≤ x < α, else 0                          (5)
                       ∂x̂/∂α = 1 from α on, −1 below −α, else 0                             (6)
    DoReFa             ∂ŵ/∂w = (1 − tanh² w) / max|tanh|                                    (7)
    sign               ∂ŵ/∂w = 1 where |w| ≤ 1, else 0                                      (8)

These are arrays to look at and to check by; ``qlab.training`` has the same in torch, where they
are propagated, and a test holds the two equal.

Sources: Bengio et al. 2013, arXiv:1308.3432 (1); Esser et al. 2020, arXiv:1902.08153 (2)–(4);
Choi et al. 2018, arXiv:1805.06085, equation 3 (5)(6); Zhou et al. 2016, arXiv:1606.06160, section
2.3 (7); Courbariaux et al. 2016, arXiv:1602.02830, equation 4 (8).
"""

import math

import numpy as np
from jaxtyping import Float, Float32, Float64

from qlab.core.arguments import positive, whole
from qlab.core.arrays import finite, finite32
from qlab.core.spec import SMALLEST_SCALE, QParams, QuantSpec, checked_qparams, checked_spec

Slope = Float32[np.ndarray, "*shape"]


def straight_through(x: Float[np.ndarray, "*shape"], qparams: QParams) -> Slope:
    """Return the slope that is pretended, equation (1).

    Parameters
    ----------
    x
        What is quantized.
    qparams
        The grid.

    Returns
    -------
    Slope
        1 inside, 0 outside: half a step beyond the last code still counts as inside.

    Raises
    ------
    TypeError, ValueError
        ``x`` is no finite NumPy float array, or not of the shape that ``qparams`` is for.

    Examples
    --------
    >>> qparams = QParams(np.array(0.5), np.array(0), QuantSpec(bits=3))
    >>> straight_through(np.array([-9.0, -0.6, 1.7]), qparams)
    array([0., 1., 1.], dtype=float32)
    """
    x = finite("straight_through", "x", x)
    s, z = checked_qparams("straight_through", qparams).expand(x.shape)
    with np.errstate(over="ignore"):  # as in lsq
        q = np.round(x * (1 / s)) + z
    spec = qparams.spec
    return ((spec.quant_min <= q) & (q <= spec.quant_max)).astype(np.float32)  # (1)


def lsq(x: Float[np.ndarray, "*shape"], scale: float | int, spec: QuantSpec) -> tuple[Slope, Slope]:
    """Return the slopes by x and by the step, equations (2) and (3).

    Parameters
    ----------
    x
        What is quantized.
    scale
        The step s, above 0.
    spec
        Gives −Qn = quant_min and Qp = quant_max.

    Returns
    -------
    to_x, to_scale
        In the shape of x; not yet multiplied by g.

    Raises
    ------
    TypeError, ValueError
        ``x`` is no finite NumPy float array, ``scale`` not positive, ``spec`` no ``QuantSpec``.

    Examples
    --------
    >>> to_x, to_scale = lsq(np.array([-9.0, 0.6, 0.9]), 0.5, QuantSpec(bits=3))
    >>> to_x, to_scale.round(1)
    (array([0., 1., 1.], dtype=float32), array([-3. , -0.2,  0.2], dtype=float32))
    """
    x, s = finite32("lsq", "x", x), positive("lsq", "scale", scale)
    checked_spec("lsq", spec)
    with np.errstate(over="ignore"):  # infinitely many steps lie outside
        y = x * (np.float32(1) / np.float32(max(s, SMALLEST_SCALE)))  # 1/s stays finite
    q = np.clip(np.round(y), spec.quant_min, spec.quant_max)
    inside = (spec.quant_min < y) & (y < spec.quant_max)
    return inside.astype(np.float32), np.where(inside, q - y, q).astype(np.float32)  # (2), (3)


def lsq_gradient_scale(n: int, spec: QuantSpec) -> float:
    """Return g, equation (4), for a step that n values share.

    Parameters
    ----------
    n
        N, at least 1.
    spec
        Gives Qp.

    Raises
    ------
    TypeError, ValueError
        ``n`` is no integer of at least 1, ``spec`` no ``QuantSpec``, or of no code above 0.

    Examples
    --------
    >>> lsq_gradient_scale(100, QuantSpec(bits=2))
    0.1
    """
    highest = _codes_above_zero("lsq_gradient_scale", spec)
    return 1 / math.sqrt(whole("lsq_gradient_scale", "n", n) * highest)


def lsq_first_step(x: Float[np.ndarray, "..."], spec: QuantSpec) -> float:
    """Return where the step starts, equation (4).

    Parameters
    ----------
    x
        Weights, or a sample of activations; not empty.
    spec
        Gives Qp.

    Raises
    ------
    TypeError, ValueError
        ``x`` is no finite NumPy float array or empty, ``spec`` no ``QuantSpec``, or of no code
        above 0.

    Examples
    --------
    >>> lsq_first_step(np.array([1.0, -3.0]), QuantSpec(bits=2))
    4.0
    """
    x = finite("lsq_first_step", "x", x)
    if x.size == 0:
        raise ValueError("lsq_first_step: x must hold at least one value, got none.")
    highest = _codes_above_zero("lsq_first_step", spec)
    s = 2 * float(np.abs(x).mean(dtype=np.float64)) / math.sqrt(highest)
    return max(s, SMALLEST_SCALE)


def pact(
    x: Float[np.ndarray, "*shape"], alpha: float | int, spec: QuantSpec
) -> tuple[Slope, Slope]:
    """Return the slopes by x and by the clip, equations (5) and (6).

    Parameters
    ----------
    x
        Activations.
    alpha
        Where they are clipped, above 0.
    spec
        ``signed=False`` behind a rectifier; signed ones are clipped at −α too.

    Returns
    -------
    to_x, to_alpha
        In the shape of x.

    Raises
    ------
    TypeError, ValueError
        ``x`` is no finite NumPy float array, ``alpha`` not positive, ``spec`` no ``QuantSpec``.

    Examples
    --------
    >>> pact(np.array([-1.0, 1.2, 7.0]), 3.0, QuantSpec(bits=2, signed=False))
    (array([0., 1., 0.], dtype=float32), array([0., 0., 1.], dtype=float32))
    """
    x, alpha = finite("pact", "x", x), positive("pact", "alpha", alpha)
    checked_spec("pact", spec)
    bottom = alpha if spec.quant_min < 0 else 0.0
    inside, above = (-bottom <= x) & (x < alpha), x >= alpha
    below = (x < -bottom) & (spec.quant_min < 0)
    return inside.astype(np.float32), above.astype(np.float32) - below.astype(np.float32)


def dorefa(w: Float[np.ndarray, "*shape"], largest: float | int) -> Slope:
    """Return the slope of the squeezed weights, equation (7).

    Parameters
    ----------
    w
        Where.
    largest
        The largest |w| of the layer, above 0. That it moves with its own weight is left out.

    Raises
    ------
    TypeError, ValueError
        ``w`` is no finite NumPy float array, ``largest`` not positive.

    Examples
    --------
    >>> dorefa(np.array([0.0]), 0.5).round(2)
    array([2.16], dtype=float32)
    """
    w, largest = finite("dorefa", "w", w), positive("dorefa", "largest", largest)
    return ((1 - np.tanh(w) ** 2) / math.tanh(largest)).astype(np.float32)


def sign(w: Float[np.ndarray, "*shape"]) -> Slope:
    """Return the slope of hard tanh in the place of the sign's, equation (8).

    Parameters
    ----------
    w
        Where.

    Raises
    ------
    TypeError, ValueError
        ``w`` is no finite NumPy float array.

    Examples
    --------
    >>> sign(np.array([-1.5, 0.2]))
    array([0., 1.], dtype=float32)
    """
    return (np.abs(finite("sign", "w", w)) <= 1).astype(np.float32)


def risers(
    x: Float[np.ndarray, "*shape"], x_hat: Float[np.ndarray, "*shape"]
) -> Float64[np.ndarray, " k"]:
    """Return where the staircase jumps, as far as the values tell: between two neighbours.

    Parameters
    ----------
    x, x_hat
        Before and after; values that share one staircase.

    Returns
    -------
    places
        Ascending; the middle of the two values between which x̂ changes.

    Raises
    ------
    TypeError, ValueError
        No finite NumPy float arrays of one shape.

    Examples
    --------
    >>> risers(np.array([0.9, 0.1, 0.3]), np.array([1.0, 0.0, 0.0]))
    array([0.6])
    """
    x, x_hat = _alike("risers", x=x, x_hat=x_hat)
    order = np.argsort(x, axis=None, kind="stable")
    x, y = x.ravel()[order], x_hat.ravel()[order]
    jumps = np.flatnonzero(y[1:] != y[:-1])
    return (x[jumps].astype(np.float64) + x[jumps + 1]) / 2


def squared_error_slope(
    x: Float[np.ndarray, "*shape"], x_hat: Float[np.ndarray, "*shape"], slope: Slope
) -> float:
    """Return how the mean squared error changes with the step: 2·mean((x̂ − x)·slope).

    Parameters
    ----------
    x, x_hat
        Before and after.
    slope
        ∂x̂/∂s or ∂x̂/∂α, from ``lsq`` or ``pact``.

    Returns
    -------
    float
        Above 0 where a descent would make the step, or the clip, smaller.

    Raises
    ------
    TypeError, ValueError
        No finite NumPy float arrays of one shape, or empty ones.

    Examples
    --------
    >>> squared_error_slope(np.array([3.0]), np.array([1.0]), np.ones(1, np.float32))
    -4.0
    """
    x, x_hat, slope = _alike("squared_error_slope", x=x, x_hat=x_hat, slope=slope)
    if x.size == 0:
        raise ValueError("squared_error_slope: x must hold at least one value, got none.")
    error = np.asarray(x_hat, np.float64) - x
    return float(2 * (error * slope).mean())


def _codes_above_zero(function: str, spec: QuantSpec) -> int:
    """Return Qp, by which equation (4) divides."""
    if not (highest := checked_spec(function, spec).quant_max):
        raise ValueError(
            f"{function}: spec must have a code above 0, got bits={spec.bits}, "
            f"signed={spec.signed}. Use more bits, or signed=False."
        )
    return highest


def _alike(function: str, **arrays: np.ndarray) -> list[np.ndarray]:
    """Return the arrays if they are finite and of one shape."""
    found = [finite(function, name, x) for name, x in arrays.items()]
    if len({x.shape for x in found}) > 1:
        shapes = ", ".join(str(x.shape) for x in found)
        raise ValueError(f"{function}: {', '.join(arrays)} must have one shape, got {shapes}.")
    return found
