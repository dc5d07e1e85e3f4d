"""Entropy: the bits that a symbol takes at least, whatever the code.

    H = Σ_i p_i log2(1/p_i),   p_i = n_i / Σ n                                         (1)

No code that gives every symbol a word of its own takes fewer than H bits a symbol on average; of
the zeroth order, that is, as long as neighbours tell nothing of each other.

Source: Shannon 1948, A mathematical theory of communication, section 6 and theorem 9.
"""

import numpy as np
from jaxtyping import Integer

from qlab.coding.counts import checked_counts


def entropy(counts: Integer[np.ndarray, " symbols"]) -> float:
    """Bits a symbol, equation 1.

    Parameters
    ----------
    counts
        How often each symbol occurs; 0 for those that do not.

    Returns
    -------
    bits
        0 (one symbol, or none at all) to log2 of the number of symbols (all equally frequent).

    Raises
    ------
    TypeError, ValueError
        ``counts`` are no flat array of integers, or one is negative.

    Examples
    --------
    >>> entropy(np.array([2, 1, 1])), entropy(np.array([8, 0]))
    (1.5, 0.0)
    """
    n = checked_counts("entropy", counts)
    n = n[n > 0].astype(np.float64)
    if len(n) < 2:
        return 0.0
    p = n / n.sum()
    return float(-(p * np.log2(p)).sum())  # (1)
