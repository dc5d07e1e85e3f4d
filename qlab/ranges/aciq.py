"""The clip value that a Laplace or a normal distribution asks for, by formula.

    E(α) = 2 ∫_α^∞ (x − α)² p(x) dx  +  Δ²/12,       Δ = 2α/2^M                         (1)
           what is clipped               what is rounded

    Laplace, p(x) = e^(−|x|/b) / 2b     E′ = 0  ⇔  (α/b)·e^(α/b) = 3·4^M                  (2)
    normal, deviation σ                 E′ = 0  ⇔  φ(t) − t·Q(t) = t / (6·4^M),  t = α/σ   (3)

φ and Q are the density and the upper tail of the standard normal. Only b = E|x − μ| or
σ² = E(x − μ)² is read from the data, so one pass is enough; (2) and (3) have one root each.

Source: Banner, Nahshan and Soudry 2019, arXiv:1810.05723 (ACIQ).
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from qlab.core import QParams, QuantSpec, per_block, qparams_between
from qlab.core.arrays import finite32
from qlab.core.spec import checked_spec


@dataclass(frozen=True, slots=True)
class Laplace:
    """Density e^(−|x|/b) / 2b, its width b = E|x|; equation 2.

    Examples
    --------
    >>> [round(Laplace().clip(bits), 3) for bits in (2, 3, 4)]    # in the paper: 2.83 3.89 5.03
    [2.831, 3.897, 5.029]
    """

    power = 1  # b is the mean of |x|^1

    def clip(self, bits: int) -> float:
        """Return α/b for 2^bits steps in −α … α."""
        return _root(lambda t: t * math.exp(t) - 3 * 4.0**bits)


@dataclass(frozen=True, slots=True)
class Gauss:
    """The normal density, its width σ = √E x²; equation 3.

    Examples
    --------
    >>> [round(Gauss().clip(bits), 3) for bits in (2, 3, 4)]    # the authors cut: 1.71 2.15 2.55
    [1.711, 2.152, 2.559]
    """

    power = 2  # σ² is the mean of |x|^2

    def clip(self, bits: int) -> float:
        """Return α/σ for 2^bits steps in −α … α."""
        return _root(lambda t: t / (6 * 4.0**bits) - _expected_excess(t))


def aciq(
    x: Float[np.ndarray, "..."], spec: QuantSpec, distribution: Laplace | Gauss = Laplace()
) -> QParams:
    """Clip where a distribution of the data's width should be clipped, equation 1.

    Parameters
    ----------
    x
        Finite values of any shape; may be empty. Zeros are exact on every grid and not counted.
    spec
        Bits, sign, symmetry, granularity.
    distribution
        What the data are taken for: ``Laplace()`` or ``Gauss()``.

    Returns
    -------
    qparams
        Symmetric: −α … α. Asymmetric: μ − α … μ + α; data of one sign, as behind a rectifier,
        are one half of a symmetric distribution and get 0 … α with M one higher, since all
        2^b steps lie on their side. Never wider than ``minmax``.

    Raises
    ------
    TypeError, ValueError
        ``x`` and ``spec`` as for ``minmax``; ``distribution`` is neither.

    Notes
    -----
    The paper's grid has 2^M steps; the symmetric one here has 2^b − 2, which matters at 2 bits.
    Where the data are neither Laplace nor normal, ``mse`` searches what this only supposes.

    Examples
    --------
    >>> x = np.random.default_rng(0).laplace(0, 1, 100_000)       # b = 1
    >>> round(7 * aciq(x, QuantSpec(bits=4)).scale.item(), 1)
    5.0
    """
    return _aciq("aciq", x, spec, distribution)


def aciq_gauss(x: Float[np.ndarray, "..."], spec: QuantSpec) -> QParams:
    """Clip where a normal distribution should be clipped: ``aciq`` with ``Gauss()``.

    Parameters
    ----------
    x, spec
        As for ``aciq``.

    Returns
    -------
    qparams
        Equation 3.

    Raises
    ------
    TypeError, ValueError
        As ``aciq``.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(0, 1, 100_000)        # σ = 1
    >>> round(7 * aciq_gauss(x, QuantSpec(bits=4)).scale.item(), 1)
    2.6
    """
    return _aciq("aciq_gauss", x, spec, Gauss())


def _aciq(function: str, x: np.ndarray, spec: QuantSpec, distribution: object) -> QParams:
    x = finite32(function, "x", x)
    checked_spec(function, spec)
    if not isinstance(distribution, Laplace | Gauss):
        raise TypeError(
            f"{function}: distribution must be Laplace() or Gauss(), got {distribution!r}."
        )
    if spec.symmetric and not spec.signed:
        x = np.maximum(x, 0)  # negatives become 0 whatever α is
    low = per_block(lambda rows: rows.min(axis=1, initial=0), x, spec.granularity)
    high = per_block(lambda rows: rows.max(axis=1, initial=0), x, spec.granularity)
    centred, p = not spec.symmetric, distribution.power
    mu = per_block(lambda rows: _centre(rows, centred), x, spec.granularity)
    width = per_block(lambda rows: _width(rows, centred, p), x, spec.granularity)
    half = (not spec.symmetric or not spec.signed) & ((low == 0) | (high == 0))
    t = np.where(half, _clip(distribution, spec.bits + 1), _clip(distribution, spec.bits))
    return qparams_between(np.maximum(mu - t * width, low), np.minimum(mu + t * width, high), spec)


def _centre(
    rows: Float32[np.ndarray, "blocks length"], centred: bool
) -> Float[np.ndarray, " blocks"]:
    """μ of what is not 0, where it has both signs; else 0."""
    if not centred:
        return np.zeros(len(rows))
    counted = np.count_nonzero(rows, axis=1)
    mean = rows.sum(axis=1, dtype=np.float64) / np.maximum(counted, 1)
    two_sided = (rows.min(axis=1, initial=0) < 0) & (rows.max(axis=1, initial=0) > 0)
    return np.where(two_sided, mean, 0)


def _width(
    rows: Float32[np.ndarray, "blocks length"], centred: bool, power: int
) -> Float[np.ndarray, " blocks"]:
    """(E|x − μ|^p)^(1/p) of what is not 0."""
    mu = _centre(rows, centred)
    counted = np.count_nonzero(rows, axis=1)
    zeros = rows.shape[1] - counted
    d = rows.astype(np.float64)
    d -= mu[:, None]
    total = np.abs(d).sum(axis=1) if power == 1 else np.vecdot(d, d)
    total = np.maximum(total - zeros * np.abs(mu) ** power, 0)
    return (total / np.maximum(counted, 1)) ** (1 / power)


@functools.cache
def _clip(distribution: Laplace | Gauss, bits: int) -> float:
    return distribution.clip(bits)


def _expected_excess(t: float) -> float:
    """E max(X − t, 0) of a standard normal X: φ(t) − t·Q(t)."""
    return math.exp(-t * t / 2) / math.sqrt(2 * math.pi) - t * math.erfc(t / math.sqrt(2)) / 2


def _root(f: Callable[[float], float], low: float = 0.0, high: float = 64.0) -> float:
    """Find the zero of an increasing function, halved down to neighbouring floats."""
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if f(middle) < 0 else (low, middle)
    return high
