"""Filter pruning: whole output channels of a convolution go.

    score(i) = ‖W[i, :, :, :]‖₂                                                       (1)

A removed filter removes its output map, and with it an input channel of the next layer.

Source: Li et al. 2017, arXiv:1608.08710 (there by L1; L2 as in He et al. 2018,
arXiv:1808.06866).
"""

from qlab.pruning.masks import Masks, Weights
from qlab.pruning.neurons import rows_of_largest_norm


def filters(W: Weights, sparsity: float | int) -> Masks:
    """Keep the filters of largest norm, equation 1.

    Parameters
    ----------
    W
        One kernel (out, in, kh, kw), or a dict of arrays, of which those with four dimensions
        are pruned and the others kept whole.
    sparsity
        Share of the filters to be zeroed, 0 … 1.

    Returns
    -------
    mask
        Boolean, of the shape of W, whole filters True or False; a dict for a dict.

    Raises
    ------
    TypeError, ValueError
        As ``magnitude``; or an array by itself that is no convolution's.

    Examples
    --------
    >>> import numpy as np
    >>> W = np.arange(8.0).reshape(2, 1, 2, 2)
    >>> filters(W, sparsity=0.5)[:, 0, 0, 0]
    array([False,  True])
    """
    return rows_of_largest_norm("filters", W, sparsity, ndim=4)
