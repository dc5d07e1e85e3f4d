"""The whole range: nothing clips, one outlier sets the step.

    low = min(x, 0),  high = max(x, 0)                          (1)

Source: Krishnamoorthi 2018, arXiv:1806.08342, section 2.5.
"""

import numpy as np
from jaxtyping import Float

from qlab.core import QParams, QuantSpec, per_block, qparams_between
from qlab.core.arrays import finite32
from qlab.core.spec import checked_spec


def minmax(x: Float[np.ndarray, "..."], spec: QuantSpec) -> QParams:
    """Cover every value, equation 1.

    Parameters
    ----------
    x
        Finite values of any shape; may be empty.
    spec
        Bits, sign, symmetry, granularity.

    Returns
    -------
    qparams
        Symmetric: scale = absmax / (2^(b−1) − 1).

    Raises
    ------
    TypeError, ValueError
        ``x`` is no NumPy float array, is not finite, or lacks the granularity's axis; ``spec`` is
        no ``QuantSpec``.

    Examples
    --------
    >>> minmax(np.array([-0.5, 0.2, 1.27]), QuantSpec(bits=8)).scale.item()
    0.009999999776482582
    """
    x = finite32("minmax", "x", x)
    checked_spec("minmax", spec)
    low = per_block(lambda rows: rows.min(axis=1, initial=0), x, spec.granularity)  # (1)
    high = per_block(lambda rows: rows.max(axis=1, initial=0), x, spec.granularity)
    return qparams_between(low, high, spec)
