"""What the Quantize instrument can be set to, and what a setting gives."""

import contextlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from qlab import core, metrics, networks, ranges
from qlab.core import PerAxis, PerGroup, PerTensor, QuantSpec
from qlab.live.offered import LAYER_MENU, NETWORKS, available
from qlab.live.settings import Choice, Flag, Whole
from qlab.live.state import State
from qlab.metrics import Measured

GRANULARITIES: dict[str, tuple[str, core.Granularity]] = {
    "tensor": ("One scale a layer", PerTensor()),
    "axis": ("One scale an output (row)", PerAxis(0)),
    "group": ("One scale for 64 weights", PerGroup(64)),
}
METHOD_NAMES = {"minmax": "Smallest to largest", "percentile": "99.9th percentile", "mse": "MSE"}
METHOD_NAMES |= {"ema": "Moving average", "sigma": "Mean ± 3σ", "kl": "KL (entropy)"}
METHOD_NAMES |= {"aciq": "ACIQ, Laplace", "aciq_gauss": "ACIQ, Gauss"}
METHOD_NAMES |= {"histogram_mapping": "Histogram mapping"}
METHOD_NAMES |= {"least_squares_mapping": "Least-squares mapping"}
ROUNDING_NAMES = {"nearest": "To nearest, ties to even", "toward_zero": "Toward zero"}
ROUNDING_NAMES |= {"floor": "Down (floor)", "stochastic": "Stochastic"}


class QuantizeState(State):
    """What the Quantize instrument can be set to."""

    network = Choice(
        "lenet_300_100",
        NETWORKS,
        label="Network",
        help="A network trained on MNIST; its card tells how.",
    )
    layer = Choice(
        "all",
        LAYER_MENU,
        label="Layer",
        help="Quantize every layer, or one alone to see how sensitive it is.",
    )
    bits = Whole(4, 1, 16, label="Bits of weights", help="b bits give at most 2^b levels.")
    activation_bits = Whole(
        "float",
        1,
        16,
        other="float",
        label="Bits of activations",
        help="What enters each layer is quantized too, with ranges from 1,024 training images; "
        "float leaves it alone.",
    )
    symmetric = Flag(
        True,
        label="Symmetric",
        help="Levels mirrored around zero; without, a zero point shifts them to the range.",
    )
    granularity = Choice(
        "tensor",
        {name: words for name, (words, _) in GRANULARITIES.items()},
        label="Granularity",
        help="How many weights share one scale: fewer fit better and cost more bytes.",
    )
    method = Choice(
        "minmax",
        {name: METHOD_NAMES.get(name, name) for name in ranges.METHODS},
        label="Range",
        help="How the range of the levels is chosen; what lies outside is clipped.",
    )
    rounding = Choice(
        "nearest",
        {name: ROUNDING_NAMES.get(name, name) for name in (*core.ROUNDINGS, "stochastic")},
        label="Rounding",
        help="Where a value between two levels goes.",
    )

    def allowed(self, name: str) -> list[Any] | None:
        """Offer the networks that are there, and the layers that the network has."""
        if name == "network":
            return available()
        if name == "layer":
            with contextlib.suppress(OSError, ValueError):  # a missing file is told by ``build``
                return ["all", *networks.load(self.network).weights]
        return None

    def chosen(self) -> list[str]:
        """Name the layers that are quantized."""
        return list(networks.load(self.network).weights) if self.layer == "all" else [self.layer]

    def spec(self) -> QuantSpec:
        """Say what the weights are quantized to."""
        _, granularity = GRANULARITIES[self.granularity]
        return QuantSpec(bits=self.bits, symmetric=self.symmetric, granularity=granularity)

    def rounding_function(self) -> core.Rounding:
        """Return the rounding; a stochastic one draws the same for the same state."""
        if self.rounding == "stochastic":
            return core.stochastic(np.random.default_rng(0))
        return core.ROUNDINGS[self.rounding]


@dataclass(frozen=True, slots=True, eq=False)
class QuantizeResult:
    """What one state gives: all that is written and drawn, no weights."""

    key: tuple[Any, ...]
    network: str
    layer: str
    chosen: list[str]  # the layers that were quantized
    bits: int
    accuracy: Measured
    reference: Measured  # the float network on the same images
    flipped: Measured
    flips: tuple[tuple[int, int, int], ...]  # (image, was, is), at most ten
    errors: metrics.Errors
    error_counts: np.ndarray
    mean_error: float  # in steps
    levels: np.ndarray
    level_counts: np.ndarray
    stairs: np.ndarray  # (2, points): the narrowest and the widest scale
    steps: tuple[float, float]  # the narrowest and the widest scale
    bytes: int
    dense: int
    beside: Any = None  # what stands in for the library, and is shown with this

    @property
    def full(self) -> bool:
        """True once all test images were used."""
        return self.accuracy.source == "measured"
