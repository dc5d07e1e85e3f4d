"""What the Quantize instrument finds once for all states: networks, ranges, weights in a row."""

import functools
import math
import threading

import numpy as np

from qlab import data, networks, ranges
from qlab.core import QParams, QuantSpec
from qlab.networks import Network

_FOLDED: dict[tuple[str, str], Network] = {}
_FOLDING = threading.Lock()


def base_of(network: str, fold: str = "none") -> Network:
    """Return the float network, as it was trained or with factors moved between its layers.

    The factors of SmoothQuant are looked for on the calibration split, which takes long.
    """
    if fold == "none":
        return networks.load(network)
    with _FOLDING:
        if (network, fold) not in _FOLDED:
            _FOLDED[network, fold] = _fold(networks.load(network), fold)
        return _FOLDED[network, fold]


def folded(network: str, fold: str) -> bool:
    """Tell whether this network is there, or made in no time."""
    return fold in ("none", "equalization") or (network, fold) in _FOLDED


def _fold(net: Network, fold: str) -> Network:
    if fold == "equalization":
        return networks.equalize(net)
    return networks.fold_smoothquant(net, data.load("mnist").calibration)


@functools.lru_cache(maxsize=2048)
def range_of(network: str, fold: str, layer: str, spec: QuantSpec, method: str) -> QParams:
    """Find scale and zero point of one layer, or the ones found before."""
    return ranges.METHODS[method](base_of(network, fold).weights[layer], spec)


def flat(net: Network, chosen: list[str]) -> np.ndarray:
    """Return the weights of some layers in a row."""
    weights = [net.weights[name].ravel() for name in chosen]
    return weights[0] if len(weights) == 1 else np.concatenate(weights)


def divide_by_scales(row: np.ndarray, layers: list[tuple[QParams, tuple[int, ...]]]) -> None:
    """Divide the weights of some layers in a row, in place, each by its scale."""
    start = 0
    for qparams, shape in layers:
        part = row[start : start + math.prod(shape)]
        part /= qparams.scale.item() if qparams.scale.size == 1 else _each(qparams, shape)
        start += part.size


def _each(qparams: QParams, shape: tuple[int, ...]) -> np.ndarray:
    return np.broadcast_to(qparams.expand(shape)[0], shape).ravel()
