"""What the Integer instrument can be set to, and what a setting gives."""

import contextlib
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from qlab import networks
from qlab.core import PerAxis, QParams, QuantSpec
from qlab.live.offered import LAYER_MENU, NETWORKS
from qlab.live.settings import Choice, Whole
from qlab.live.state import State
from qlab.metrics import Measured
from qlab.networks import Walk, bits_for

IMAGES = 100  # of the test split, that one can look at
MOST_OUTPUTS = 500  # of a layer


class IntegerState(State):
    """What the Integer instrument can be set to."""

    accumulator_bits = Whole(
        24, 8, 32, label="Bits of the accumulator", help="Of the register that the products go to."
    )
    overflow = Choice(
        "wrap",
        {"wrap": "It wraps around", "saturate": "It stays at its end"},
        label="A sum that does not fit",
        help="A plain addition wraps; digital signal processors also have one that saturates.",
    )
    weight_bits = Whole(8, 2, 8, label="Bits of weights", help="A scale for each output.")
    activation_bits = Whole(
        8, 2, 8, label="Bits of activations", help="Of what enters each layer; unsigned."
    )
    multiplier_bits = Whole(
        24,
        1,
        24,
        label="Bits of the multiplier",
        help="Of M₀, that takes a sum to the next grid. 24 are all that its float32 scales have; a "
        "single one leaves a power of two, a shift alone.",
    )
    network = Choice("lenet_300_100", NETWORKS, label="Network", help="A network trained on MNIST.")
    layer = Choice(
        "fc1",
        {name: words for name, words in LAYER_MENU.items() if name != "all"},
        label="Layer",
        help="Whose sum is followed.",
    )
    neuron = Whole(
        66,
        0,
        MOST_OUTPUTS - 1,
        label="Output neuron, or channel",
        help="Of a channel, the place whose sum is farthest from 0.",
    )
    image = Whole(0, 0, IMAGES - 1, label="Test image", help="The first hundred.")

    def allowed(self, name: str) -> list[Any] | None:
        """Offer the network's layers, and as many outputs as the layer has."""
        with contextlib.suppress(OSError, ValueError, KeyError):  # a missing file: see ``build``
            if name == "layer":
                return list(_outputs(self.network))
            if name == "neuron":
                return list(range(_outputs(self.network)[self.layer]))
        return None

    def _settle(self, sentences: list[str]) -> None:
        """Begin with the first neuron where another layer has not as many; say so where asked."""
        before, asked, got = len(sentences), "neuron" in (self._held or ()), self.neuron
        super()._settle(sentences)
        kept = [s for s in sentences[before:] if not s.startswith("neuron: ")]
        if asked and got != self.neuron:
            last = _outputs(self.network)[self.layer] - 1
            kept.append(
                f"neuron: 0 to {last} is expected in {self.layer}, got {got}. It becomes 0."
            )
        sentences[before:] = kept

    def weights(self) -> QuantSpec:
        """Say what weights are quantized to."""
        return QuantSpec(bits=self.weight_bits, granularity=PerAxis(0))

    def activations(self) -> QuantSpec:
        """Say what activations are quantized to."""
        return QuantSpec(bits=self.activation_bits, signed=False, symmetric=False)

    def arithmetic(self) -> dict[str, int | str]:
        """Say what processor there is, as ``IntegerNetwork.with_arithmetic`` takes it."""
        return {
            "accumulator_bits": self.accumulator_bits,
            "overflow": self.overflow,
            "multiplier_bits": self.multiplier_bits,
        }


@functools.cache
def _outputs(network: str) -> dict[str, int]:
    return {name: len(W) for name, W in networks.load(network).weights.items()}


@dataclass(frozen=True, slots=True, eq=False)
class IntegerResult:
    """What one state gives: all that is written and drawn, no weights."""

    key: tuple[Any, ...]
    network: str
    layer: str
    accumulator_bits: int
    multiplier_bits: int
    image: int
    label: int
    pixels: np.ndarray
    walk: Walk
    bias: int
    scales: tuple[float, float, float]  # s_x, s_w, s_y
    leaving: QParams
    last: bool  # no rectifier follows
    float_value: float  # of the float network, before the rectifier
    types: dict[str, str]  # what is an integer of which type
    logits: np.ndarray
    float_logits: np.ndarray
    needs: dict[str, int]  # bits by layer, over the images below, in 32-bit accumulators
    worst: dict[str, int]  # bits by layer, for any image
    reach: tuple[int, int]  # this neuron's lowest and highest sum over them
    overflows: tuple[int, int]  # accumulators that are wrong, and all
    saturated: tuple[int, int]  # codes that were clipped, and all
    accuracy: Measured
    simulated: Measured
    reference: Measured  # the float network on the same images
    same: Measured  # predictions that are those of the simulated network
    beside: Any = None  # what stands in for the library, and is shown with this

    @property
    def full(self) -> bool:
        """True once all test images were used."""
        return self.accuracy.source == "measured"

    @property
    def ends(self) -> tuple[int, int]:
        """Of the register."""
        half = 1 << (self.accumulator_bits - 1)
        return -half, half - 1

    @property
    def used(self) -> float:
        """The share of the register, of its side of 0, that the true sum takes."""
        sum_ = int(self.walk.sums[-1])
        return sum_ / self.ends[1] if sum_ >= 0 else sum_ / self.ends[0]

    @property
    def reach_bits(self) -> int:
        """Bits that this neuron's sums need."""
        return bits_for(*self.reach)
