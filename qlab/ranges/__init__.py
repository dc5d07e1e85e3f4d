"""Choosing scale and zero point from data. Every method is f(x, spec, …) -> QParams.

Observers do the same for data that arrive in pieces: ``observe(x)``, then ``calculate_qparams()``.
"""

from collections.abc import Callable

from qlab.core import QParams
from qlab.ranges.aciq import Gauss, Laplace, aciq, aciq_gauss
from qlab.ranges.clipping import ClippingErrors, Magnitudes
from qlab.ranges.ema import ema
from qlab.ranges.histogram_mapping import histogram_mapping
from qlab.ranges.histogram_observers import HistogramObserver, PercentileObserver
from qlab.ranges.kl import kl
from qlab.ranges.least_squares_mapping import least_squares_mapping
from qlab.ranges.minmax import minmax
from qlab.ranges.mse import mse
from qlab.ranges.observers import EMAObserver, MinMaxObserver, Observer
from qlab.ranges.percentile import percentile
from qlab.ranges.sigma import sigma

METHODS: dict[str, Callable[..., QParams]] = {
    "minmax": minmax,
    "percentile": percentile,
    "mse": mse,
    "ema": ema,
    "sigma": sigma,
    "kl": kl,
    "aciq": aciq,
    "aciq_gauss": aciq_gauss,
    "histogram_mapping": histogram_mapping,
    "least_squares_mapping": least_squares_mapping,
}

OBSERVERS: dict[str, Callable[..., Observer]] = {
    "minmax": MinMaxObserver,
    "ema": EMAObserver,
    "percentile": PercentileObserver,
    "histogram": HistogramObserver,
}

__all__ = [
    "METHODS",
    "OBSERVERS",
    "ClippingErrors",
    "EMAObserver",
    "Gauss",
    "HistogramObserver",
    "Laplace",
    "Magnitudes",
    "MinMaxObserver",
    "Observer",
    "PercentileObserver",
    "aciq",
    "aciq_gauss",
    "ema",
    "histogram_mapping",
    "kl",
    "least_squares_mapping",
    "minmax",
    "mse",
    "percentile",
    "sigma",
]
