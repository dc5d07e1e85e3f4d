"""What the Microscope can be set to, and what a setting gives."""

import contextlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from qlab import networks, ranges
from qlab.core import Granularity, PerAxis, PerGroup, PerTensor, QuantSpec
from qlab.live.offered import NETWORKS
from qlab.live.quantize_state import METHOD_NAMES
from qlab.live.settings import Choice, Flag, Whole
from qlab.live.state import State

MOST_ROWS, MOST_COLUMNS = 500, 800  # of all layers that are offered
IMAGES = 100  # the first ones of the test split
GRANULARITIES: dict[str, tuple[str, Granularity]] = {
    "tensor": ("One scale a layer", PerTensor()),
    "row": ("One scale an output (row)", PerAxis(0)),
    "group64": ("One scale for 64 weights", PerGroup(64)),
    "group32": ("One scale for 32 weights", PerGroup(32)),
    "group16": ("One scale for 16 weights", PerGroup(16)),
}
SHOWN = {
    "codes": "Codes, less the zero point",
    "weights": "Weights",
    "back": "Values that come back",
    "errors": "Errors, in steps",
}


class MicroscopeState(State):
    """What the Microscope can be set to."""

    network = Choice(
        "lenet_300_100",
        NETWORKS,
        label="Network",
        help="A network trained on MNIST; its card tells how.",
    )
    layer = Choice(
        "fc1",
        {name: name for name in ("fc1", "fc2", "fc3", "conv1", "conv2")},
        label="Layer",
        help="Whose weights lie under the microscope.",
    )
    bits = Whole(4, 1, 16, label="Bits", help="b bits make 2^b codes.")
    symmetric = Flag(
        True,
        label="Symmetric",
        help="Levels mirrored around zero; without, a zero point shifts them to the range.",
    )
    granularity = Choice(
        "tensor",
        {name: words for name, (words, _) in GRANULARITIES.items()},
        label="Granularity",
        help="Which weights share one scale: the outlined block.",
    )
    method = Choice(
        "minmax",
        {name: METHOD_NAMES.get(name, name) for name in ranges.METHODS},
        label="Range",
        help="How the range of a block is chosen; what lies outside is clipped.",
    )
    row = Whole(
        36, 0, MOST_ROWS - 1, label="Row (output)", help="The neuron, or the filter; counts from 0."
    )
    column = Whole(
        215,
        0,
        MOST_COLUMNS - 1,
        label="Column (input)",
        help="The input; in a filter channel by channel, each in its rows. Counts from 0.",
    )
    image = Whole(
        10,
        0,
        IMAGES - 1,
        label="Test image",
        help="Whose pixels, or features, are multiplied by the weights of the row.",
    )
    show = Choice("codes", SHOWN, label="Colours show", help="What the colour of a cell means.")

    def allowed(self, name: str) -> list[Any] | None:
        """Offer the network's layers, and the layer's weights."""
        if name == "layer":
            with contextlib.suppress(OSError, ValueError):  # a missing file is told by ``build``
                return list(networks.load(self.network).weights)
        if name in ("row", "column"):
            return list(range(self.shape()[name == "column"]))
        return None

    def shape(self) -> tuple[int, int]:
        """Return rows and columns of the layer; a filter is a row."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            shape = networks.load(self.network).weights[self.layer].shape
            return shape[0], int(np.prod(shape[1:]))
        return MOST_ROWS, MOST_COLUMNS

    def _fall_back(self, name: str, allowed: list[Any], sentences: list[str]) -> None:
        if name not in ("row", "column"):
            return super()._fall_back(name, allowed, sentences)
        got, last = getattr(self, name), allowed[-1]
        if name in (self._held or ()):  # a smaller layer moves in silence what nobody asked for
            sentences.append(
                f"{name}: a whole number from 0 to {last} is expected in {self.layer}, got {got}. "
                f"It becomes {last}."
            )
        setattr(self, name, last)

    def spec(self, granularity: Granularity | None = None) -> QuantSpec:
        """Say what the weights are quantized to."""
        chosen = granularity or GRANULARITIES[self.granularity][1]
        return QuantSpec(bits=self.bits, symmetric=self.symmetric, granularity=chosen)

    def words(self) -> str:
        """Name the quantizer as a table of results does.

        Examples
        --------
        >>> MicroscopeState().words()
        'lenet_300_100 fc1, 4 bits, tensor, minmax'
        """
        symmetric = "" if self.symmetric else ", asymmetric"
        return (
            f"{self.network} {self.layer}, {self.bits} bits{symmetric}, {self.granularity}, "
            f"{self.method}"
        )


@dataclass(frozen=True, slots=True, eq=False)
class WholeLayer:
    """What takes the whole layer to compute."""

    sqnr: float
    narrow: tuple[float, int]  # the least scale that is used, and a row that uses it
    wide: tuple[float, int]
    own: np.ndarray  # scale of each row for itself, over that of the layer by minmax
    low: np.ndarray  # least and greatest scale in each row, likewise
    high: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class MicroscopeResult:
    """What one state gives: all that is written and drawn."""

    key: tuple[Any, ...]
    network: str
    layer: str
    spec: QuantSpec
    method: str
    show: str
    row: int
    column: int
    image: int
    place: tuple[int, ...]  # of the weight in its tensor
    block: tuple[int, int]  # first weight of its block and the one after the last, flat
    cells: np.ndarray  # what the colours show, in the window
    value: float
    scale: float
    zero_point: int
    code: int
    back: float
    block_sqnr: float
    whole: WholeLayer | None  # None while it is being computed
    x: float
    patch: tuple[int, ...]  # where in the image a filter looks; empty for a linear layer
    sums: np.ndarray  # running sums of w·x, float: from the bias to the pre-activation
    back_sums: np.ndarray  # the same with ŵ
    bytes: int
    side: int  # of them, for scales and zero points
    weights: int
    beside: Any = None  # what stands in for the library, and is shown with this

    @property
    def error(self) -> float:
        """What comes back less what was there."""
        return self.back - self.value

    @property
    def clipped(self) -> bool:
        """Whether the weight lies more than half a step beyond the last level."""
        ends = (self.spec.quant_min, self.spec.quant_max)
        return self.code in ends and abs(self.error) > 0.5001 * self.scale

    @property
    def bits(self) -> np.ndarray:
        """The code as it is stored, two's complement, the first bit first."""
        stored = self.code & (2**self.spec.bits - 1)
        return np.array([bool(stored >> k & 1) for k in reversed(range(self.spec.bits))])

    @property
    def binary(self) -> str:
        """The same as text."""
        return "".join("1" if bit else "0" for bit in self.bits)
