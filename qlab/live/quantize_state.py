"""What the Quantize instrument can be set to, and what a setting gives."""

import contextlib
import functools
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from qlab import codebooks, core, metrics, networks, ptq, ranges
from qlab.core import PerAxis, PerGroup, PerTensor, QuantSpec
from qlab.live.offered import LAYER_MENU, NETWORKS
from qlab.live.settings import Choice, Flag, Whole
from qlab.live.state import State
from qlab.metrics import Measured

GRANULARITIES: dict[str, tuple[str, core.Granularity]] = {
    "tensor": ("One scale a layer", PerTensor()),
    "axis": ("One scale an output (row)", PerAxis(0)),
    "group": ("One scale for 64 weights", PerGroup(64)),
}
OWN = "own"  # the blocks that a codebook's own paper has
GRIDS = {"affine": "Affine (even steps)"}
GRID_NAMES = {"identity": "Identity (32 bits, control)", "kmeans": "K-means, exact"}
GRID_NAMES |= {"lloyd": "K-means, Lloyd", "learned": "Equal shares (learned codebook's start)"}
GRID_NAMES |= {"nf4": "NormalFloat (NF4)", "power_of_two": "Power of two", "apot": "APoT"}
GRID_NAMES |= {"piecewise_linear": "Two slopes (piecewise linear)"}
GRID_NAMES |= {"minifloat": "Float E2M1, E2M3, E4M3", "e5m2": "Float E5M2"}
GRID_NAMES |= {"fixed_point": "Fixed point (steps of 2^−n)", "mx": "Microscaling (MXFP4, 6, 8)"}
GRID_NAMES |= {"mxfp6_e3m2": "Microscaling, MXFP6 E3M2", "mxfp8_e5m2": "Microscaling, MXFP8 E5M2"}
GRID_NAMES |= {"dorefa": "DoReFa", "twn": "Ternary, TWN rule"}
GRID_NAMES |= {"ternary": "Ternary, optimum", "bnn": "Binary, signs (BNN)"}
GRID_NAMES |= {"xnor": "Binary with a mean (XNOR)"}
GRIDS |= {name: GRID_NAMES.get(name, name) for name in codebooks.METHODS}
UNSCALED = ("identity", "bnn")  # grids that no block has a scale of
IN_TIME = {"kmeans": 7}  # most bits of a page: the optimum of 8 takes much memory
REPAIRS = {"none": "None", "equalization": "Cross-layer equalization"}
REPAIR_NAMES = {"least_squares": "Least-squares scale", "bias_correction": "Bias correction"}
REPAIR_NAMES |= {"adaround": "AdaRound", "gptq": "GPTQ", "awq": "AWQ", "hqq": "HQQ"}
REPAIR_NAMES |= {"smoothquant": "SmoothQuant"}
REPAIRS |= {name: REPAIR_NAMES.get(name, name) for name in ptq.METHODS}
REPAIR_OPTIONS: dict[str, dict[str, int]] = {"adaround": {"iterations": 100}}  # seconds, not tens
REPAIR_IMAGES = 256  # of the calibration split
FOLDED = ("equalization", "smoothquant", "awq")  # factors go into the layers: no codes are made
INPUT_RANGES = {"static": "Calibrated (static)", "batch": "Per batch (dynamic)"}
INPUT_RANGES |= {"row": "Per image (dynamic, per row)"}
BATCH = 50  # images that share a range
ELSEWHERE = {"activation_bits", "input_range", "whole", "bias_bits", "output_bits"}
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
    grid = Choice(
        "affine",
        GRIDS,
        label="Grid",
        help="Where the levels stand: at even steps, or where a method's table puts them.",
    )
    bits = Whole(4, 1, 16, label="Bits of weights", help="b bits give at most 2^b levels.")
    activation_bits = Whole(
        "float",
        1,
        16,
        other="float",
        label="Bits of activations",
        help="What enters each layer is quantized too; float leaves it alone.",
    )
    input_range = Choice(
        "static",
        INPUT_RANGES,
        label="Range of activations",
        help="Found beforehand on 1,024 training images, or anew from what enters: from 50 images "
        "at a time, or from each image (row) by itself.",
    )
    symmetric = Flag(
        True,
        label="Symmetric",
        help="Levels mirrored around zero; without, a zero point shifts them to the range.",
    )
    granularity = Choice(
        "tensor",
        {name: words for name, (words, _) in GRANULARITIES.items()} | {OWN: "As its paper has it"},
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
    repair = Choice(
        "none",
        REPAIRS,
        label="Repair",
        help="What is done about the damage without training, on images of the calibration split.",
    )
    whole = Flag(
        False,
        label="Biases and outputs, too",
        help="The whole model: nothing that is stored or handed on stays float32.",
    )
    bias_bits = Whole(
        8,
        1,
        16,
        other="float",
        label="Bits of biases",
        help="Symmetric, a scale a layer; integer inference adds them with 32.",
    )
    output_bits = Whole(
        8,
        1,
        8,
        other="float",
        label="Bits of outputs",
        help="What leaves the last layer, its range calibrated on 1,024 training images.",
    )

    def used(self) -> set[str]:
        """Name the settings that mean something beside the others."""
        always = {"network", "layer", "grid", "activation_bits", "whole"}
        always |= set() if self.activation_bits == "float" else {"input_range"}
        always |= {"bias_bits", "output_bits"} if self.whole else set()
        if self.grid != "affine":
            bits = {"bits"} if len(self.possible_bits()) > 1 else set()
            return always | bits | (set() if self.grid in UNSCALED else {"granularity"})
        rounds = set() if self.rounds_itself() else {"rounding"}
        return always | {"bits", "symmetric", "granularity", "method", "repair"} | rounds

    def possible_bits(self) -> tuple[int, ...]:
        """List the bits that the grid can have here."""
        if self.grid == "affine":
            return tuple(range(1, 17))
        return tuple(b for b in codebooks.BITS[self.grid] if b <= IN_TIME.get(self.grid, 32))

    def width(self) -> int:
        """Return the bits of a code: the grid's own where it has no choice."""
        possible = self.possible_bits()
        return self.bits if self.bits in possible else possible[0]

    def rounds_itself(self) -> bool:
        """Tell whether a repair decides how weights are rounded."""
        return self.grid == "affine" and self.repair in ptq.METHODS and self.fold() == "none"

    def fold(self) -> str:
        """Name what moves factors between the layers before anything is rounded, or "none"."""
        return self.repair if self.grid == "affine" and self.repair in FOLDED else "none"

    def plain(self) -> bool:
        """Tell whether a hand can wait for it: an affine grid, factors found once for all bits."""
        return self.grid == "affine" and not self.rounds_itself() and self.fold() != "awq"

    def batch_size(self) -> int | None:
        """Return how many images share a range of activations; None where it does not matter."""
        return BATCH if {"input_range"} <= self.used() and self.input_range == "batch" else None

    def input_spec(self) -> QuantSpec | None:
        """Say what enters each layer is quantized to; None leaves it float."""
        if self.activation_bits == "float":
            return None
        blocks = PerAxis(0) if self.input_range == "row" else PerTensor()
        bits = int(self.activation_bits)
        return QuantSpec(bits=bits, signed=False, symmetric=False, granularity=blocks)

    def bias_spec(self) -> QuantSpec | None:
        """Say what biases are quantized to; None leaves them float."""
        floats = not self.whole or self.bias_bits == "float"
        return None if floats else QuantSpec(bits=int(self.bias_bits))

    def output_spec(self) -> QuantSpec | None:
        """Say what leaves the last layer is quantized to; None leaves it float."""
        floats = not self.whole or self.output_bits == "float"
        return None if floats else QuantSpec(bits=int(self.output_bits), symmetric=False)

    def repair_function(self) -> Callable[..., ptq.Repaired]:
        """Return the repair with the range method and what else it is given."""
        options = REPAIR_OPTIONS.get(self.repair, {})
        return functools.partial(
            ptq.METHODS[self.repair], method=ranges.METHODS[self.method], **options
        )

    def grid_options(self) -> dict[str, Any]:
        """Return what a codebook's method is given beside the weights."""
        given: dict[str, Any] = {"bits": self.width()}
        if self.granularity != OWN and self.grid not in UNSCALED:
            given["granularity"] = GRANULARITIES[self.granularity][1]
        return given

    def weights_key(self) -> tuple[Any, ...]:
        """Return what decides the weights: of the settings used, those that are about them."""
        used = self.used() - ELSEWHERE
        return tuple((n, v) for n, v in self.values().items() if n in used)

    def at_bits(self, bits: int) -> tuple[Any, ...]:
        """Return the key of the same state with other bits."""
        return tuple(({**self.values(), "bits": bits}).values())

    def _settle(self, sentences: list[str]) -> None:
        possible = self.possible_bits()
        if len(possible) > 1 and self.bits not in possible:
            before = getattr(self, "_bits", self.bits)
            onward = [b for b in possible if (b > self.bits) == (self.bits > before)]
            self.bits = min(onward or possible, key=lambda b: abs(b - self.bits))
        self._bits = self.bits
        super()._settle(sentences)

    def allowed(self, name: str) -> list[Any] | None:
        """Offer the network's layers, and blocks that fit."""
        if name == "granularity":
            if self.grid != "affine":
                return [OWN, *GRANULARITIES]
            return list(GRANULARITIES) if self.plain() else ["tensor", "axis"]
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

    def stochastic(self) -> bool:
        """Tell whether rounding draws."""
        return "rounding" in self.used() and self.rounding == "stochastic"

    def rounding_function(self) -> core.Rounding:
        """Return the rounding; a stochastic one draws the same for the same state.

        Where it is not used (a repair rounds) it is the nearest: the staircase shows no other.
        """
        if "rounding" not in self.used():
            return core.ROUNDINGS["nearest"]
        if self.stochastic():
            return core.stochastic(np.random.default_rng(0))
        return core.ROUNDINGS[self.rounding]


@dataclass(frozen=True, slots=True, eq=False)
class QuantizeResult:
    """What one state gives: all that is written and drawn, no weights."""

    key: tuple[Any, ...]
    network: str
    layer: str
    state: QuantizeState  # that it belongs to: not moved by any hand
    chosen: list[str]  # the layers that were quantized
    bits: int  # of a code
    base: Hashable  # names the float network that was rounded: factors may have gone into it
    limit: float  # both ends of the weight axes
    before: np.ndarray  # counts of the float weights, in bins over these
    waiting: bool  # what was asked for is being computed: this is the plain affine grid
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
    macs: int
    bit_operations: int
    strips: tuple[Any, ...]  # biases, what enters, what leaves: counts before and after
    huffman: int | None = None  # bytes, once they were counted
    entropy: float | None = None  # bits a weight
    latency: dict[str, metrics.Latency] | None = None
    beside: Any = None  # what stands in for the library, and is shown with this

    @property
    def full(self) -> bool:
        """True once all test images were used."""
        return self.accuracy.source == "measured"

    @property
    def looks(self) -> tuple[Any, ...]:
        """Name what the pictures of the weights show; while waiting, plain ones of all settings."""
        return self.key if self.waiting else self.state.weights_key()
