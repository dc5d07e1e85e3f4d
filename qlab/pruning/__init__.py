"""Which weights go. Every method is f(W, sparsity, …) -> mask, True = keep.

A method that can rank several arrays as one takes ``scope``; one that removes whole rows stands in
``STRUCTURED``, too. Menus ask no more than that of a method.
"""

from collections.abc import Callable

from qlab.pruning.filters import filters
from qlab.pruning.magnitude import magnitude
from qlab.pruning.masks import Masks, Weights, keep_largest
from qlab.pruning.neurons import neurons, row_norms
from qlab.pruning.random import random

METHODS: dict[str, Callable[..., Masks]] = {
    "magnitude": magnitude,
    "random": random,
    "neurons": neurons,
    "filters": filters,
}
STRUCTURED = ("neurons", "filters")  # of METHODS, those whose masks are whole rows

__all__ = [
    "METHODS",
    "STRUCTURED",
    "Masks",
    "Weights",
    "filters",
    "keep_largest",
    "magnitude",
    "neurons",
    "random",
    "row_norms",
]
