"""What the Pack instrument can be set to, and what a setting gives."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from qlab.coding import Size
from qlab.live.offered import LAYERS
from qlab.live.settings import Choice, Real, Whole
from qlab.live.state import State
from qlab.metrics import Latency, Measured

NETWORK = "lenet_300_100"
GRIDS = {"affine": "Even steps", "kmeans": "k-means table"}
MOST_OF_TABLE = 6  # bits
STOPS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.95, 0.97, 0.98, 0.99)


class PackState(State):
    """What the Pack instrument can be set to."""

    bits = Whole(5, 2, 8, label="Bits", help="b bits make 2^b codes.")
    sparsity = Real(
        0.0,
        0.0,
        0.99,
        0.01,
        label="Sparsity",
        help="The share of weights, the smallest, that is set to 0 before the rest is coded.",
        stops=STOPS,
    )
    grid = Choice(
        "affine",
        GRIDS,
        label="Levels",
        help="Even steps from one scale, or the table of levels with the smallest squared error.",
    )
    layer = Choice(
        "fc2",
        {name: name for name in LAYERS[NETWORK]},
        label="Weights of",
        help="A layer of LeNet-300-100.",
    )
    gap_bits = Whole(
        5, 1, 8, label="Bits of a gap", help="g of the relative index: gaps of 1 to 2^g places."
    )
    weight = Whole(
        0, 0, 999, label="Look at weight", help="One of the first thousand weights, by its number."
    )

    def allowed(self, name: str) -> list[Any] | None:
        """Offer tables of at most 64 levels: larger ones take seconds."""
        return ["affine"] if name == "grid" and self.bits > MOST_OF_TABLE else None

    def chosen(self) -> tuple[Any, ...]:
        """Return what the codes depend on."""
        return self.layer, self.sparsity, self.grid, self.bits

    def words(self) -> str:
        """Name the setting as a table of results does.

        Examples
        --------
        >>> PackState(layer="fc1", sparsity=0.9, grid="kmeans").words()
        'fc1, 90 % zeros, 5 bits, k-means table'
        """
        zeros = f"{100 * self.sparsity:.3g} % zeros"
        return f"{self.layer}, {zeros}, {self.bits} bits, {GRIDS[self.grid]}"

    def code(self) -> str:
        """Write the lines of Python that make the codes ``q`` and what they mean."""
        if self.grid == "affine":
            return f"""qparams = qlab.ranges.minmax(W, core.QuantSpec(bits={self.bits}))
q, zero, meaning = core.quantize(W, qparams), 0, 4  # a scale
W_hat = core.dequantize(q, qparams)"""
        zero = self.sparsity > 0
        lines = f"""coded = qlab.codebooks.kmeans(W, bits={self.bits}, zero={zero})
q, meaning, W_hat = coded.codes, coded.bytes.levels, coded.dequantize()
"""
        return lines + (
            "zero = int(np.flatnonzero(coded.levels == 0)[0])" if zero else "zero = None"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """A layer's weights as codes, and what the codes mean."""

    q: np.ndarray  # flat, int32
    levels: np.ndarray  # of each code from ``lowest`` on
    lowest: int
    zero: int | None  # the code of 0
    meaning: int  # bytes: a scale, or a table
    sqnr: float
    exact: bool  # False for a table made from every few weights, until the whole one is there

    def weights(self, shape: tuple[int, ...]) -> np.ndarray:
        """Decode: return the layer's weights as the codes mean them."""
        return self.levels[self.q - self.lowest].reshape(shape)


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What writing and reading again took, once it was done."""

    bytes: dict[str, int]  # of what was written
    table: int  # bytes of that of arithmetic coding
    same: bool  # as the codes, each of them
    latency: dict[str, Latency]  # of reading
    forward: dict[str, Latency]  # of the layer on 100 images, floats before and after


@dataclass(frozen=True, slots=True, eq=False)
class PackResult:
    """What one state gives: all that is written and drawn, no weights."""

    key: tuple[Any, ...]
    layer: str
    grid: str
    bits: int
    n: int
    levels: np.ndarray
    counts: np.ndarray  # of each level
    lengths: np.ndarray  # of each level's word
    word: str  # of the weight that is looked at
    symbol: int  # its place in the levels
    value: float  # and what it was before
    zeros: float
    sqnr: float
    exact: bool
    entropy: float  # bits a weight
    sizes: dict[str, Size]
    decoded: Decoded | None = None
    accuracy: Measured | None = None  # of the network with this one layer decoded
    reference: Measured | None = None  # and of the float network, on the same images
    beside: Any = None  # what stands in for the library, and is shown with this

    @property
    def mean(self) -> float:
        """Bits of a word, on average."""
        return float(self.counts @ self.lengths) / self.n

    @property
    def kraft(self) -> float:
        """Share of the line that the words take."""
        used = self.lengths[self.lengths > 0]
        return float(np.sum(2.0**-used)) if used.size else 1.0
