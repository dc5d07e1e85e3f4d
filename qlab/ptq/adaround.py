"""Learn whether each weight is rounded up or down.

    Ŵ = s · (clip(⌊W/s⌋ + z + h(V), quant_min, quant_max) − z)                        (1)
    h(V) = clip(σ(V)(ζ − γ) + γ, 0, 1),   ζ = 1.1, γ = −0.1                            (2)
    L = Σ_o e_o H e_oᵀ + λ Σ (1 − |2h − 1|^β)                                          (3)
    ∂L/∂V = (−2 s · E H · inside + λ ∂f/∂h) · (ζ − γ) σ(V)(1 − σ(V)) · [0 < h < 1]     (4)
    ∂f/∂h = −2β |2h − 1|^(β−1) sign(2h − 1)

E = W − Ŵ, H = XᵀX/n. The stretched sigmoid reaches 0 and 1, so weights can settle. β falls from 20
to 2: at first only weights close to 0 or 1 are held, at last all of them are driven there. For the
first fifth of the steps λ is 0. The descent is Adam's.

Source: Nagel, Amjad, van Baalen, Louizos and Blankevoort 2020, arXiv:2004.10568, equations 21 to
24; rectified sigmoid: Louizos et al. 2018, arXiv:1712.01312; Adam: Kingma and Ba, arXiv:1412.6980.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64

from qlab import ranges
from qlab.core import QParams, QuantSpec
from qlab.core.arguments import chosen
from qlab.core.arrays import finite
from qlab.core.spec import checked_qparams
from qlab.ptq.arguments import check_spec, count, layer_inputs, number, weight_matrix
from qlab.ptq.output_error import second_moments, weighted_error
from qlab.ptq.repaired import Repaired, rounded

ZETA, GAMMA = 1.1, -0.1
BETA_FIRST, BETA_LAST = 20.0, 2.0
WARM_UP = 0.2
_RATE, _MOMENTUM, _SQUARES = 0.1, 0.9, 0.999


def adaround(
    W: Float[np.ndarray, "out in"],
    X: Float[np.ndarray, "n width"],
    spec: QuantSpec,
    *,
    method: Callable[..., QParams] = ranges.mse,
    iterations: int = 500,
    regularization: float | int = 10,
) -> Repaired:
    """Round each weight up or down so that the outputs stay, equations 1 to 4.

    Parameters
    ----------
    W
        Weights, (out, in).
    X
        Inputs that the layer meets, (n, in).
    spec
        Bits, sign, symmetry; PerTensor, PerAxis(0) or PerGroup(size).
    method
        Where the range comes from, one of ``qlab.ranges.METHODS``.
    iterations
        Steps of Adam; each takes the gradient over all of X.
    regularization
        λ, in units of the mean output error of rounding to nearest, a weight; at least 0.

    Returns
    -------
    repaired
        Every code one of the two neighbours of W/s, or the end of the range. Rows for which
        rounding to nearest is better keep it. The bias stays.

    Raises
    ------
    TypeError, ValueError
        X is not as wide as W, an array is empty or not finite, or a number is out of range;
        ``spec`` is no ``QuantSpec``, ``method`` no function.

    Notes
    -----
    The paper samples batches of X and takes 10,000 steps at λ = 0.01. Here the gradient is that of
    all of X, through H, so steps can be larger and some hundred of them settle. The error is
    counted in units of what rounding to nearest leaves, so that λ means the same for every layer;
    10 is near the best for LeNet's layers, on calibration images. Where all ways to round can be
    tried, the descent goes about 60 % of the way from nearest to the best.

    References
    ----------
    arXiv:2004.10568, equations 21 to 24.

    Examples
    --------
    >>> W, X = np.array([[0.4, 0.3, 1.0]]), np.array([[1.0, 1.0, 0.0]])
    >>> adaround(W, X, QuantSpec(bits=2), method=ranges.minmax).codes     # 0.7: nearer to 1
    array([[1, 0, 1]], dtype=int32)
    """
    w = weight_matrix("adaround", W)
    x = layer_inputs("adaround", X, w.shape[1])
    check_spec("adaround", spec, w.shape[1])
    chosen("adaround", "method", method, "ranges.METHODS")
    iterations = count("adaround", "iterations", iterations)
    lam = number("adaround", "regularization", regularization)
    H = second_moments(x)
    problem = rounding_problem(w, method(w, spec), H)
    V = _descend(problem, iterations, lam)
    codes = problem.codes(V)
    nearest = rounded(w, problem.qparams).codes
    worse = problem.errors(codes) > problem.errors(nearest)
    codes[worse] = nearest[worse]
    return Repaired(codes, problem.qparams, np.zeros(len(w), np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class RoundingProblem:
    """Up or down for each weight of a layer: the arrays of equations 1 to 4.

    W and s are counted in one power of two, H in another, so that products stay within float32.

    Parameters
    ----------
    W
        Weights, (out, in).
    H
        Second moments of the inputs, (in, in), float32.
    s, z
        Scale and zero point, ready to broadcast against W.
    down
        ⌊W/s⌋ + z, not clipped.
    qparams
        The record that s and z came from.
    """

    W: Float32[np.ndarray, "out in"]
    H: Float32[np.ndarray, "in in"]
    s: Float32[np.ndarray, "..."]
    z: Float32[np.ndarray, "..."]
    down: Float32[np.ndarray, "out in"]
    qparams: QParams

    def start(self) -> Float32[np.ndarray, "out in"]:
        """Return V whose h(V) is the fraction of W/s: the descent begins at Ŵ = W."""
        rest = np.clip(self.W / self.s - (self.down - self.z), 0, 1)
        p = (rest - GAMMA) / (ZETA - GAMMA)
        return np.log(p / (1 - p))

    def loss(self, V: Float32[np.ndarray, "out in"], lam: float, beta: float) -> float:
        """Equation 3."""
        h = rectified_sigmoid(V)
        E = self.W - self._values(self.down + h)
        rounding = lam * float(np.sum(1 - np.abs(2 * h - 1) ** beta, dtype=np.float64))
        return float(np.sum((E @ self.H) * E, dtype=np.float64)) + rounding

    def gradient(
        self, V: Float32[np.ndarray, "out in"], lam: float, beta: float
    ) -> Float32[np.ndarray, "out in"]:
        """Equation 4."""
        lowest, highest = self.qparams.spec.quant_min, self.qparams.spec.quant_max
        sigma = 1 / (1 + np.exp(-V))
        h = sigma * (ZETA - GAMMA) + GAMMA
        moving = (h > 0) & (h < 1)
        np.clip(h, 0, 1, out=h)
        codes = self.down + h
        inside = (codes > lowest) & (codes < highest)
        E = self.W - self._values(codes)
        slope = (E @ self.H) * (-2 * self.s) * inside
        if lam:
            t = 2 * h - 1
            slope -= lam * 2 * beta * np.abs(t) ** (beta - 1) * np.sign(t)
        return slope * moving * ((ZETA - GAMMA) * sigma * (1 - sigma))

    def codes(self, V: Float32[np.ndarray, "out in"]) -> np.ndarray:
        """Return the int32 codes that V has come to: up where h(V) > 1/2."""
        spec = self.qparams.spec
        up = self.down + (V > 0)  # h(0) = 1/2
        return np.clip(up, spec.quant_min, spec.quant_max).astype(np.int32)

    def errors(self, codes: np.ndarray) -> Float64[np.ndarray, " out"]:
        """Return e_o H e_oᵀ of each row."""
        E = self.W.astype(np.float64) - self._values(codes.astype(np.float32))
        return np.sum((E @ self.H.astype(np.float64)) * E, axis=1)

    def _values(self, codes: Float32[np.ndarray, "out in"]) -> Float32[np.ndarray, "out in"]:
        """Equation 1."""
        spec = self.qparams.spec
        return (np.clip(codes, spec.quant_min, spec.quant_max) - self.z) * self.s


def rounding_problem(
    W: Float32[np.ndarray, "out in"], qparams: QParams, H: Float[np.ndarray, "in in"]
) -> RoundingProblem:
    """Set up equations 1 to 4 for a layer.

    Parameters
    ----------
    W
        Weights, (out, in).
    qparams
        The grid.
    H
        Second moments of the inputs.

    Returns
    -------
    problem
        Offers ``loss``, ``gradient``, ``codes`` and ``errors``.

    Raises
    ------
    TypeError, ValueError
        ``W`` is no finite matrix, ``qparams`` none or of another shape, ``H`` not (in, in).

    Examples
    --------
    >>> qparams = QParams(np.array(1.0), np.array(0), QuantSpec(bits=3))
    >>> W = np.array([[0.25]], np.float32)
    >>> problem = rounding_problem(W, qparams, np.eye(1))
    >>> problem.start().round(3), problem.codes(problem.start())    # h = 0.25
    (array([[-0.887]], dtype=float32), array([[0]], dtype=int32))
    """
    W = weight_matrix("rounding_problem", W)
    H = finite("rounding_problem", "H", H)
    if H.shape != (W.shape[1],) * 2:
        raise ValueError(
            f"rounding_problem: H must be (in, in), got {H.shape} for in_features={W.shape[1]}."
        )
    s, z = checked_qparams("rounding_problem", qparams).expand(W.shape)
    z = z.astype(np.float32)
    down = np.floor(W * (np.float32(1) / s)) + z
    largest = np.maximum(s.max(), np.abs(W).max())  # a grid without room for W has a tiny s
    c, h = _power_of_two(largest), _power_of_two(H.diagonal().max())
    return RoundingProblem(
        (W / c).astype(np.float32),
        (H / h).astype(np.float32),
        np.asarray(s / c, np.float32),
        z,
        down,
        qparams,
    )


def _power_of_two(x: np.floating) -> float:
    """Return the largest one not above x, 1 for 0: dividing by it loses nothing."""
    return float(np.ldexp(0.5, np.frexp(float(x))[1])) if x > 0 else 1.0


def rectified_sigmoid(V: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Equation 2: a sigmoid stretched to ζ and γ and cut at 0 and 1.

    Parameters
    ----------
    V
        Any real numbers.

    Returns
    -------
    h
        0 … 1; both ends are reached, at V = ∓ln 11.

    Raises
    ------
    TypeError, ValueError
        ``V`` is no finite NumPy float array.

    Examples
    --------
    >>> rectified_sigmoid(np.array([-9.0, 0.0, 9.0]))
    array([0. , 0.5, 1. ])
    """
    V = finite("rectified_sigmoid", "V", V)
    with np.errstate(over="ignore"):  # far below: 1/∞ is 0
        return np.clip((ZETA - GAMMA) / (1 + np.exp(-V)) + GAMMA, 0, 1)  # (2)


def _descend(
    problem: RoundingProblem, iterations: int, lam: float
) -> Float32[np.ndarray, "out in"]:
    """Adam on V; β falls along a cosine after the warm-up."""
    V = problem.start()
    unit = _unit(problem)
    if unit == 0:
        return V
    m, v = np.zeros_like(V), np.zeros_like(V)
    warm = WARM_UP * iterations
    for step in range(1, iterations + 1):
        share = max(0.0, (step - warm) / max(iterations - warm, 1))
        beta = BETA_LAST + (BETA_FIRST - BETA_LAST) * (1 + np.cos(np.pi * share)) / 2
        g = problem.gradient(V, lam * unit if step > warm else 0.0, float(beta)) / unit
        m += (1 - _MOMENTUM) * (g - m)
        v += (1 - _SQUARES) * (g * g - v)
        rate = _RATE * np.sqrt(1 - _SQUARES**step) / (1 - _MOMENTUM**step)
        V -= np.float32(rate) * m / (np.sqrt(v) + np.float32(1e-8))
    return V


def _unit(problem: RoundingProblem) -> float:
    """Error of rounding to nearest, a weight: what λ is measured in."""
    spec, steps = problem.qparams.spec, problem.W / problem.s
    lowest, highest = spec.quant_min - problem.z, spec.quant_max - problem.z
    E = (steps - np.rint(np.clip(steps, lowest, highest))) * problem.s
    return weighted_error(E.astype(np.float64), problem.H.astype(np.float64)) / E.shape[1]
