"""Grids other than the affine one, with a table or without: every method is f(W, …) -> Coded.

>>> import numpy as np
>>> W = np.random.default_rng(0).normal(size=(8, 64)).astype(np.float32)
>>> for name in ("kmeans", "nf4", "power_of_two"):
...     coded = METHODS[name](W, bits=4)
...     print(name, coded.bytes.codes, coded.bytes.scales, coded.bytes.levels)
kmeans 256 0 64
nf4 256 32 0
power_of_two 256 1 0
"""

from collections import defaultdict
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float32

from qlab.codebooks.apot import apot, apot_levels
from qlab.codebooks.binary import bnn, xnor
from qlab.codebooks.coded import Coded, nearest_level
from qlab.codebooks.dorefa import dorefa
from qlab.codebooks.fixed_point import fixed_point
from qlab.codebooks.identity import identity
from qlab.codebooks.kmeans import kmeans
from qlab.codebooks.learned import learned
from qlab.codebooks.lloyd import STARTS, lloyd, lloyd_steps
from qlab.codebooks.minifloat import E2M3, E3M2, e5m2, minifloat
from qlab.codebooks.mx import mx, mxfp6_e3m2, mxfp8_e5m2
from qlab.codebooks.nf4 import nf4, normal_levels
from qlab.codebooks.piecewise_linear import piecewise_linear, two_slopes
from qlab.codebooks.power_of_two import power_of_two
from qlab.codebooks.ternary import ternary, twn
from qlab.core.arguments import chosen

Method = Callable[..., Coded]

METHODS: dict[str, Method] = {
    "identity": identity,
    "kmeans": kmeans,
    "lloyd": lloyd,
    "learned": learned,
    "nf4": nf4,
    "fixed_point": fixed_point,
    "power_of_two": power_of_two,
    "apot": apot,
    "piecewise_linear": piecewise_linear,
    "minifloat": minifloat,
    "e5m2": e5m2,
    "mx": mx,
    "mxfp6_e3m2": mxfp6_e3m2,
    "mxfp8_e5m2": mxfp8_e5m2,
    "dorefa": dorefa,
    "twn": twn,
    "ternary": ternary,
    "bnn": bnn,
    "xnor": xnor,
}

# Bits that a method has a grid for, which menus offer: 1 to 8 where no line says otherwise.
BITS: defaultdict[str, tuple[int, ...]] = defaultdict(
    lambda: tuple(range(1, 9)),
    {
        "identity": (32,),
        "nf4": tuple(range(2, 9)),
        "fixed_point": tuple(range(2, 9)),
        "power_of_two": tuple(range(2, 7)),
        "apot": tuple(range(2, 9)),
        "piecewise_linear": tuple(range(3, 9)),
        "minifloat": (4, 6, 8),
        "e5m2": (8,),
        "mx": (4, 6, 8),
        "mxfp6_e3m2": (6,),
        "mxfp8_e5m2": (8,),
        "twn": (2,),
        "ternary": (2,),
        "bnn": (1,),
        "xnor": (1,),
    },
)


def fake_quantize(
    W: Float[np.ndarray, "*shape"], method: Method, **options: object
) -> Float32[np.ndarray, "*shape"]:
    """Return what a method leaves of the weights: method(W, …).dequantize().

    Parameters
    ----------
    W
        Finite.
    method
        One of ``METHODS``.
    options
        Its own: ``bits``, ``granularity`` and more.

    Returns
    -------
    Ŵ
        float32, at most 2^bits different values in a block.

    Raises
    ------
    TypeError, ValueError
        ``method`` is no function; else as the method.

    Examples
    --------
    >>> fake_quantize(np.array([0.9, 0.4, -0.3, 0.1]), power_of_two, bits=3).tolist()
    [1.0, 0.5, -0.25, 0.0]
    """
    chosen("fake_quantize", "method", method, "codebooks.METHODS")
    return method(W, **options).dequantize()


__all__ = [
    "BITS",
    "E2M3",
    "E3M2",
    "METHODS",
    "STARTS",
    "Coded",
    "Method",
    "apot",
    "apot_levels",
    "bnn",
    "dorefa",
    "e5m2",
    "fake_quantize",
    "fixed_point",
    "identity",
    "kmeans",
    "learned",
    "lloyd",
    "lloyd_steps",
    "minifloat",
    "mx",
    "mxfp6_e3m2",
    "mxfp8_e5m2",
    "nearest_level",
    "nf4",
    "normal_levels",
    "piecewise_linear",
    "power_of_two",
    "ternary",
    "twn",
    "two_slopes",
    "xnor",
]
