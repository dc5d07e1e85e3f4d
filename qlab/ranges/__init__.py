"""Choosing scale and zero point from data. Every method is f(x, spec, …) -> QParams."""

from collections.abc import Callable

from qlab.core import QParams
from qlab.ranges.minmax import minmax
from qlab.ranges.mse import mse
from qlab.ranges.percentile import percentile

METHODS: dict[str, Callable[..., QParams]] = {
    "minmax": minmax,
    "percentile": percentile,
    "mse": mse,
}

__all__ = ["METHODS", "minmax", "mse", "percentile"]
