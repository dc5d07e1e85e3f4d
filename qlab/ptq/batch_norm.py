"""Batch normalization: folded into the layer before it, and estimated anew behind changed weights.

    BN(y) = γ (y − μ) / √(σ² + ε) + β                                                (1)
    W' = W · g,   b' = (b − μ) g + β,   g = γ / √(σ² + ε)   (one for each output)        (2)
    μ' = mean(ŷ),   σ'² = var(ŷ)   over calibration inputs                            (3)

At inference μ and σ are constants, so the whole of (1) is part of the layer, and it is the folded
weights that have to be quantized. Where it is not folded, quantized weights give outputs of another
mean and variance than (1) expects; (3) measures them again.

No layer of ``qlab.networks`` normalizes: ``qlab.training`` folds before it hands a network over.
What stands here works on arrays of a network from elsewhere, and shows the steps by themselves.

Source: Jacob et al. 2018, arXiv:1712.05877, section 3.2, equation 14 (folding); Sun, Fu and others
2019, "Hybrid 8-bit floating point training", NeurIPS (re-tuning the statistics).
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32

from qlab.core.arguments import real
from qlab.core.arrays import finite32


@dataclass(frozen=True, slots=True, eq=False)
class BatchNorm:
    """Constants of equation 1, one for each output.

    Parameters
    ----------
    gamma, beta
        Learned scale and shift.
    mean, variance
        Running statistics; the variance is not negative.
    eps
        ε > 0.

    Raises
    ------
    TypeError, ValueError
        Arrays that are not finite or not equally long, a negative variance, ε not positive.

    Examples
    --------
    >>> one = np.ones(1)
    >>> BatchNorm(2 * one, one, 3 * one, one, eps=1e-5).apply(np.array([[4.0]])).round(3)
    array([[3.]], dtype=float32)
    """

    gamma: Float[np.ndarray, " channels"]
    beta: Float[np.ndarray, " shifts"]
    mean: Float[np.ndarray, " means"]
    variance: Float[np.ndarray, " variances"]
    eps: float = 1e-5

    def __post_init__(self) -> None:
        names = ("gamma", "beta", "mean", "variance")
        for name in names:
            held = finite32("BatchNorm", name, getattr(self, name)).view()
            held.flags.writeable = False
            object.__setattr__(self, name, held)
        shapes = [getattr(self, name).shape for name in names]
        if len(shapes[0]) != 1 or len(set(shapes)) != 1:
            raise ValueError(
                f"BatchNorm: {', '.join(names)} must be equally long, one value for each output, "
                f"got shapes {', '.join(map(str, shapes))}."
            )
        if (self.variance < 0).any() or not 0 < real("BatchNorm", "eps", self.eps) < np.inf:
            raise ValueError(
                "BatchNorm: variance must not be negative and eps must be positive, got "
                f"variance from {self.variance.min()}, eps={self.eps}."
            )

    @property
    def gain(self) -> Float32[np.ndarray, " channels"]:
        """Return g of equation 2."""
        return np.asarray(self.gamma / np.sqrt(self.variance + np.float32(self.eps)))

    def apply(self, y: Float[np.ndarray, "n channels *space"]) -> Float32[np.ndarray, "..."]:
        """Equation 1, along the second axis."""
        y = _outputs("BatchNorm", y, len(self.gamma))
        along = (-1,) + (1,) * (y.ndim - 2)
        g, shift = self.gain, self.beta - self.mean * self.gain
        return y * g.reshape(along) + shift.reshape(along)


def fold_batch_norm(
    W: Float[np.ndarray, "out *in"], b: Float[np.ndarray, " biases"], norm: BatchNorm
) -> tuple[Float32[np.ndarray, "out *in"], Float32[np.ndarray, " out"]]:
    """Make batch normalization part of the layer before it, equation 2.

    Parameters
    ----------
    W, b
        Weight (out, …) and bias (out,) of the layer.
    norm
        The normalization of its outputs.

    Returns
    -------
    W', b'
        Of a layer that gives what both gave together.

    Raises
    ------
    TypeError, ValueError
        Arrays that are not finite, or not one value for each output.

    Examples
    --------
    >>> norm = BatchNorm(np.array([2.0]), np.array([1.0]), np.array([3.0]), np.array([1.0]))
    >>> W, b = fold_batch_norm(np.array([[1.0]]), np.array([0.0]), norm)
    >>> W.round(3), b.round(3)
    (array([[2.]], dtype=float32), array([-5.], dtype=float32))
    """
    _checked("fold_batch_norm", norm)
    w, c = finite32("fold_batch_norm", "W", W), finite32("fold_batch_norm", "b", b)
    if w.ndim < 2 or w.size == 0 or c.shape != w.shape[:1] or norm.gamma.shape != c.shape:
        raise ValueError(
            "fold_batch_norm: W must be (out, …), with one bias and one set of statistics for "
            f"each output, got W={w.shape}, b={c.shape}, norm={norm.gamma.shape}."
        )
    g = norm.gain
    return w * g.reshape((-1,) + (1,) * (w.ndim - 1)), (c - norm.mean) * g + norm.beta  # (2)


def reestimate_batch_norm(y: Float[np.ndarray, "n channels *space"], norm: BatchNorm) -> BatchNorm:
    """Measure mean and variance of the changed layer's outputs, equation 3.

    Parameters
    ----------
    y
        What the changed layer gives on calibration inputs, before normalization: (n, out) or
        (n, out, h, w).
    norm
        Its γ, β and ε stay.

    Returns
    -------
    norm
        With it the outputs over ``y`` have mean β and standard deviation γ again, as far as ε lets.

    Raises
    ------
    TypeError, ValueError
        ``y`` is empty, not finite, or of another number of outputs.

    Notes
    -----
    The variance is that of the sample (divided by n), as a batch is normalized in training.

    Examples
    --------
    >>> one = np.ones(1)
    >>> norm = reestimate_batch_norm(np.array([[1.0], [5.0]]), BatchNorm(one, one, one, one))
    >>> norm.mean, norm.variance
    (array([3.], dtype=float32), array([4.], dtype=float32))
    """
    y = _outputs("reestimate_batch_norm", y, len(_checked("reestimate_batch_norm", norm).gamma))
    axes = (0, *range(2, y.ndim))
    mean, variance = y.mean(axes, np.float64), y.var(axes, np.float64)  # (3)
    return replace(norm, mean=mean.astype(np.float32), variance=variance.astype(np.float32))


def _checked(function: str, norm: object) -> BatchNorm:
    if not isinstance(norm, BatchNorm):
        raise TypeError(f"{function}: norm must be a BatchNorm, got norm={norm!r}.")
    return norm


def _outputs(function: str, y: object, channels: int) -> Float32[np.ndarray, "n channels *space"]:
    """Return y as float32, checked."""
    held = finite32(function, "y", y)
    if held.ndim < 2 or held.shape[1] != channels or held.size == 0:
        raise ValueError(
            f"{function}: y must be (n, {channels}, …) and not empty, got shape={held.shape}."
        )
    return held
