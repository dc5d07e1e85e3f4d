"""Round column by column; the columns still to come make up for the error.

    H = 2 XᵀX + λI,   λ = percdamp · mean(diag 2 XᵀX)                                (1)
    H⁻¹ = UᵀU,   U upper triangular (Cholesky)                                        (2)
    for j = 1 … in:
        e_j = (w_j − ŵ_j) / U_jj                                                      (3)
        w_k ← w_k − e_j U_jk   for k > j                                              (4)

(4) is the step of Optimal Brain Surgeon: of all changes of the remaining weights it is the one
that leaves the least squared error of the outputs. All rows share U, so a column is rounded for
all outputs at once. Inside a block only its own columns are updated; the columns behind it get one
matrix product a block.

    act_order    columns with the largest H_jj first, while most others can still correct them

Source: Frantar, Ashkboos, Hoefler and Alistarh 2022, arXiv:2210.17323, algorithm 1.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float32, Float64, Int32, Int64

from qlab import ranges
from qlab.core import PerAxis, PerGroup, QParams, QuantSpec
from qlab.core.arguments import chosen
from qlab.ptq.arguments import check_spec, count, layer_inputs, number, weight_matrix
from qlab.ptq.output_error import second_moments
from qlab.ptq.repaired import Repaired

_DIRECT = 64  # a triangle of this width is inverted at once


def gptq(
    W: Float[np.ndarray, "out in"],
    X: Float[np.ndarray, "n width"],
    spec: QuantSpec,
    *,
    method: Callable[..., QParams] = ranges.mse,
    percdamp: float | int = 0.01,
    act_order: bool = False,
    block_size: int = 128,
) -> Repaired:
    """Quantize a layer column by column, equations 1 to 4.

    Parameters
    ----------
    W
        Weights, (out, in).
    X
        Inputs that the layer meets, (n, in).
    spec
        Bits, sign, symmetry; PerTensor, PerAxis(0) or PerGroup(group_size). A group's range is
        chosen from its weights as corrected so far.
    method
        Where the range comes from, one of ``qlab.ranges.METHODS``.
    percdamp
        λ as a share of the mean of the diagonal, at least 0.
    act_order
        Whether the columns with the largest second moment go first. Groups then keep their places
        and their ranges come from W as it was given.
    block_size
        Columns between two updates of the rest; changes speed, not results.

    Returns
    -------
    repaired
        Codes and qparams; the bias stays.

    Raises
    ------
    TypeError, ValueError
        X is not as wide as W, an array is empty or not finite, group_size does not divide
        in_features, or H is singular because percdamp is 0;
        ``spec`` is no ``QuantSpec``, ``method`` no function.

    Notes
    -----
    Differs from the authors' code where an input was 0 throughout the calibration: they set its
    weights to 0, here those are rounded to nearest, for the input may wake up later.

    References
    ----------
    arXiv:2210.17323, algorithm 1. The order is that of the authors' repository.

    Examples
    --------
    >>> W, X = np.array([[0.4, 0.4, 1.0]]), np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> gptq(W, X, QuantSpec(bits=2), method=ranges.minmax).codes   # the second 0.4 makes up for it
    array([[0, 1, 1]], dtype=int32)
    """
    w = weight_matrix("gptq", W)
    width = w.shape[1]
    check_spec("gptq", spec, width)
    chosen("gptq", "method", method, "ranges.METHODS")
    block_size = count("gptq", "block_size", block_size)
    percdamp = number("gptq", "percdamp", percdamp)
    H = second_moments(layer_inputs("gptq", X, width))  # the factor 2n cancels in (3) and (4)
    order = np.argsort(-H.diagonal(), kind="stable") if act_order else np.arange(width)
    U = _inverse_cholesky(H[np.ix_(order, order)], percdamp)
    grid = _Grid(w, spec, method, fixed=act_order)
    codes = _columns(w, U, order, grid, block_size)
    return Repaired(codes, grid.qparams(), np.zeros(len(w), np.float32))


class _Grid:
    """Scale and zero point of each column: fixed at first, or of each group when it is reached."""

    def __init__(
        self,
        W: Float32[np.ndarray, "out in"],
        spec: QuantSpec,
        method: Callable[..., QParams],
        fixed: bool,
    ) -> None:
        self.spec, self.method = spec, method
        group = spec.granularity.size if isinstance(spec.granularity, PerGroup) else None
        self.group = None if fixed else group
        self.size = group
        if self.group is None:
            chosen = method(W, spec)
            self.s, self.z = chosen.scale, chosen.zero_point
        else:
            compact = spec.granularity.compact_shape(W.shape)
            self.s, self.z = np.ones(compact, np.float32), np.zeros(compact, np.int32)

    def reach(self, j: int, W_t: Float64[np.ndarray, "columns out"]) -> None:
        """Choose the range of the group that begins at column j, corrected as it now is."""
        assert self.group is not None
        row_spec = dataclasses.replace(self.spec, granularity=PerAxis(0))
        chosen = self.method(np.ascontiguousarray(W_t.T, np.float32), row_spec)
        self.s[:, j // self.group] = chosen.scale
        self.z[:, j // self.group] = chosen.zero_point

    def column(self, j: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return scale, zero point and float32 reciprocal of the scale of column j, as float64."""
        at = (slice(None), j // self.size) if self.size else ...
        s, z = np.array(self.s[at], np.float64), np.array(self.z[at], np.float64)
        r = np.asarray(np.float32(1) / self.s[at])  # as core.quantize
        return s, z, r.astype(np.float64)

    def qparams(self) -> QParams:
        """Return the record of what was chosen."""
        return QParams(self.s, self.z, self.spec)


def _columns(
    W: Float32[np.ndarray, "out in"],
    U: Float64[np.ndarray, "in in"],
    order: Int64[np.ndarray, " in"],
    grid: _Grid,
    block_size: int,
) -> Int32[np.ndarray, "out in"]:
    """Equations 3 and 4. Columns lie as rows, so that each is contiguous."""
    W_t = np.ascontiguousarray(W.T[order], np.float64)
    codes = np.empty(W_t.shape, np.int32)
    width = len(W_t)
    begin = 0
    while begin < width:
        end = min(begin + block_size, width)
        if grid.group is not None:  # a block never runs past its group: the next range needs (4)
            last = (begin // grid.group + 1) * grid.group
            end = min(end, last)
            if begin % grid.group == 0:
                grid.reach(begin, W_t[begin:last])
        block = slice(begin, end)
        codes[block], E = _block(W_t[block], U[block, block], order[block], grid)
        W_t[end:] -= U[block, end:].T @ E  # (4) for all columns behind the block
        begin = end
    back = np.empty_like(order)
    back[order] = np.arange(width)
    return np.ascontiguousarray(codes[back].T)


def _block(
    W_t: Float64[np.ndarray, "k out"],
    U: Float64[np.ndarray, "k k"],
    order: Int64[np.ndarray, " k"],
    grid: _Grid,
) -> tuple[Int32[np.ndarray, "k out"], Float64[np.ndarray, "k out"]]:
    """Codes and errors of the columns of one block; (4) is taken when a column's turn comes."""
    q, E = np.empty_like(W_t), np.empty_like(W_t)
    lowest, highest = grid.spec.quant_min, grid.spec.quant_max
    U_t = np.ascontiguousarray(U.T)
    s, z, r = grid.column(int(order[0]))
    for k, j in enumerate(order):
        if grid.size:
            s, z, r = grid.column(int(j))
        w = W_t[k] - U_t[k, :k] @ E[:k]  # (4)
        np.multiply(w, r, out=q[k])
        np.rint(q[k], out=q[k])
        q[k] += z
        np.minimum(np.maximum(q[k], lowest, out=q[k]), highest, out=q[k])  # np.clip is slower
        w -= (q[k] - z) * s
        np.divide(w, U_t[k, k], out=E[k])  # (3)
    return q.astype(np.int32), E


def _inverse_cholesky(
    H: Float64[np.ndarray, "in in"], percdamp: float
) -> Float64[np.ndarray, "in in"]:
    """U of equation 2.

    With the axes reversed, H = R Rᵀ where R is upper triangular; then H⁻¹ = R⁻ᵀ R⁻¹ and U = R⁻¹:
    one factorization and one triangle to invert, no H⁻¹.
    """
    diagonal = H.diagonal()
    damp = percdamp * diagonal.mean()  # (1)
    H = H + np.diag(np.where(diagonal == 0, 1.0, 0.0) + damp)  # an input that is always 0
    try:
        R = np.linalg.cholesky(H[::-1, ::-1])[::-1, ::-1]
    except np.linalg.LinAlgError:
        raise ValueError(
            "gptq: inputs must not depend on one another unless they are damped, got "
            f"percdamp={percdamp:g} and a singular H. Try percdamp=0.01."
        ) from None
    return _inverse_triangle(np.ascontiguousarray(R))


def _inverse_triangle(R: Float64[np.ndarray, "k k"]) -> Float64[np.ndarray, "k k"]:
    """Invert by halves, in matrix products: a quarter of the work of inv.

    [[A, B], [0, D]]⁻¹ = [[A⁻¹, −A⁻¹ B D⁻¹], [0, D⁻¹]]
    """
    if len(R) <= _DIRECT:
        return np.triu(np.linalg.inv(R))
    h = len(R) // 2
    A, D = _inverse_triangle(R[:h, :h]), _inverse_triangle(R[h:, h:])
    U = np.zeros_like(R)
    U[:h, :h], U[h:, h:] = A, D
    U[:h, h:] = -(A @ R[:h, h:]) @ D
    return U
