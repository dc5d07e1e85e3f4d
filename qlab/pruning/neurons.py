"""Neuron pruning: whole rows of a linear layer go.

    score(i) = ‖W[i, :]‖₂                                                             (1)

Unlike single weights, a removed row makes the matrix smaller, and the next layer's too: it loses
the column that read this neuron.

Source: Li et al. 2017, arXiv:1608.08710 (norms of whole filters; there L1).
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from qlab.pruning.masks import Masks, Weights, check_sparsity, check_weights, keep_largest


def neurons(W: Weights, sparsity: float | int) -> Masks:
    """Keep the rows of largest norm, equation 1.

    Parameters
    ----------
    W
        One weight matrix (out, in), or a dict of arrays, of which those with two dimensions are
        pruned and the others kept whole.
    sparsity
        Share of the rows to be zeroed, 0 … 1.

    Returns
    -------
    mask
        Boolean, of the shape of W, whole rows True or False; a dict for a dict.

    Raises
    ------
    TypeError, ValueError
        As ``magnitude``; or an array by itself that is no matrix.

    Notes
    -----
    Leave the last layer out: its rows are the classes. torch: ``ln_structured(n=2, dim=0)``.

    Examples
    --------
    >>> neurons(np.array([[3.0, 4.0], [1.0, 1.0]]), sparsity=0.5)
    array([[ True,  True],
           [False, False]])
    """
    return rows_of_largest_norm("neurons", W, sparsity, ndim=2)


def rows_of_largest_norm(function: str, W: Weights, sparsity: float | int, ndim: int) -> Masks:
    """Keep whole indices of axis 0; arrays of a dict with other than ``ndim`` axes stay whole."""
    check_sparsity(function, sparsity)
    check_weights(function, W)
    if isinstance(W, Mapping):
        return {
            name: _rows(w, sparsity) if w.ndim == ndim else np.ones(w.shape, np.bool)
            for name, w in W.items()
        }
    if W.ndim != ndim:
        raise ValueError(f"{function}: W must have {ndim} dimensions, got shape {W.shape}.")
    return _rows(W, sparsity)


def _rows(W: Float[np.ndarray, "out ..."], sparsity: float | int) -> Bool[np.ndarray, "out ..."]:
    """Keep the rows of largest norm of one array."""
    keep = keep_largest(row_norms(W), sparsity)
    return np.broadcast_to(keep.reshape(-1, *[1] * (W.ndim - 1)), W.shape).copy()


def row_norms(W: Float[np.ndarray, "out ..."]) -> Float[np.ndarray, " out"]:
    """Score neurons or filters, equation 1.

    Parameters
    ----------
    W
        Weights of a layer; a row is all that belongs to one index of axis 0.

    Returns
    -------
    norms
        float64, at least 0.

    Examples
    --------
    >>> row_norms(np.array([[3.0, 4.0], [1.0, 0.0]]))
    array([5., 1.])
    """
    rows = W.reshape(len(W), int(np.prod(W.shape[1:]))).astype(np.float64)  # no under-/overflow
    return np.sqrt(np.vecdot(rows, rows))  # (1)
