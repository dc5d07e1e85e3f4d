"""What the Quantize instrument finds once for all states: networks, ranges, weights in a row."""

import functools
import math

import numpy as np

from qlab import data, networks, ranges
from qlab.core import QParams, QuantSpec
from qlab.networks import Network


@functools.lru_cache(maxsize=8)
def base_of(network: str, even: bool) -> Network:
    """Return the float network, its layers equalized or as they were trained."""
    net = networks.load(network)
    return networks.equalize(net) if even else net


def activation_ends(name: str, even: bool) -> dict[str, np.ndarray]:
    """Find least and largest of what enters each layer, on the calibration split."""
    x, _ = data.load("mnist").calibration.for_choosing("calibrate activation ranges")
    entering = networks.activations(base_of(name, even), x)
    return {layer: np.array([x.min(), x.max()]) for layer, x in entering.items()}


@functools.lru_cache(maxsize=2048)
def range_of(network: str, even: bool, layer: str, spec: QuantSpec, method: str) -> QParams:
    """Find scale and zero point of one layer, or the ones found before."""
    return ranges.METHODS[method](base_of(network, even).weights[layer], spec)


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
