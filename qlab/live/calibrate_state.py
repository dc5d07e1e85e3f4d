"""What the Calibrate instrument can be set to, and what a setting gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qlab import ranges
from qlab.live.offered import LAYERS
from qlab.live.settings import Choice, Real, Whole
from qlab.live.state import State
from qlab.metrics import Measured

NETWORKS = {"lenet_300_100": "LeNet-300-100", "lenet_5": "LeNet-5"}
LAYER_MENU = {name: name for name in ("fc1", "fc2", "fc3", "conv1", "conv2")}
ALL_IMAGES = 1024  # of the calibration split
DRAWS = range(10)
METHODS = {  # in words; a method that is not here is named by its key
    "minmax": "minmax",
    "percentile": "percentile",
    "mse": "MSE",
    "ema": "EMA",
    "sigma": "mean ± 3σ",
    "kl": "KL",
    "aciq": "ACIQ Laplace",
    "aciq_gauss": "ACIQ Gauss",
    "histogram_mapping": "histogram",
    "least_squares_mapping": "least squares",
}


def words(method: str) -> str:
    """Name a range method as menus and pictures do."""
    return METHODS.get(method, method.replace("_", " "))


class Images(Real):
    """A number of images: whole, on a slider that doubles."""

    @property
    def expected(self) -> str:
        """The limits."""
        return f"a whole number from {self.low:g} to {self.high:g}"

    def accepts(self, value: object) -> float:
        """Whole numbers only."""
        number = float(super().accepts(value))
        if not number.is_integer():
            raise ValueError
        return number


class CalibrateState(State):
    """What the Calibrate instrument can be set to."""

    clip = Whole(
        100, 1, 100, label="Clip point, % of the largest",
        help="Where the grid ends. What is larger goes to the last level.",
    )  # fmt: skip
    bits = Whole(4, 2, 8, label="Bits", help="How many codes the grid has: 2^bits.")
    method = Choice(
        "hand",
        {"hand": "by hand"} | {name: words(name) for name in ranges.METHODS},
        label="Clip point chosen",
        help="By hand, or by a method that looks at the images drawn below.",
    )
    images = Images(
        64,
        1,
        ALL_IMAGES,
        1,
        label="Calibration images",
        help="How many images of the calibration split the methods see.",
        stops=tuple(2.0**k for k in range(11)),
    )
    seed = Whole(
        0, DRAWS[0], DRAWS[-1], label="Draw", help="Which images: another draw, another sample."
    )
    kind = Choice(
        "activations",
        {"activations": "What enters the layer", "weights": "Its weights"},
        label="Values",
        help="Activations depend on the images seen; weights are known whole.",
    )
    network = Choice(
        "lenet_300_100", NETWORKS, label="Network", help="A trained network of the zoo."
    )
    layer = Choice("fc2", LAYER_MENU, label="Layer", help="All other layers stay float.")

    def allowed(self, name: str) -> list[Any] | None:
        """Offer the layers of the network."""
        if name == "layer":
            return list(LAYERS[self.network])
        return None

    def used(self) -> set[str]:
        """Name the settings that mean something beside the others."""
        idle = {"clip"} if self.method != "hand" else set()
        idle |= {"images", "seed"} if self.kind == "weights" else set()
        return set(self.settings()) - idle

    def words(self) -> str:
        """Name the setting as a table of results does.

        Examples
        --------
        >>> CalibrateState(bits=2, clip=33).words()
        'into fc2, 2 bits, clipped at 33 %'
        >>> CalibrateState(kind="weights", method="kl").words()
        'weights of fc2, 4 bits, KL'
        """
        values = "into" if self.kind == "activations" else "weights of"
        how = f"clipped at {self.clip} %" if self.method == "hand" else words(self.method)
        if self.method != "hand" and self.kind == "activations":
            how += f" on {self.images:.0f} images"
        return f"{values} {self.layer}, {self.bits} bits, {how}"

    @property
    def source(self) -> tuple[str, str, str]:
        """Name the values that are looked at."""
        return self.network, self.kind, self.layer

    @property
    def draw(self) -> tuple[int, int]:
        """Number of images, and which draw of them; all of them are one draw."""
        if self.kind == "weights":
            return ALL_IMAGES, 0
        n = int(self.images)
        return n, self.seed if n < ALL_IMAGES else 0


@dataclass(frozen=True, slots=True, eq=False)
class CalibrateResult:
    """What one state gives: all that is written and drawn, no activations."""

    key: tuple[Any, ...]
    source: tuple[str, str, str]
    draw: tuple[int, int]
    bits: int
    method: str  # that chose the clip point; "hand"
    waiting: bool  # the method is being computed, and minmax stands in for it
    n: int  # values, all of the layer's
    largest: float
    clip: float
    best: tuple[float, float]  # clip point of the smallest error, and that error
    beyond: int  # values that are clipped
    clipping: float  # errors: mean squares
    rounding: float
    sqnr: float
    seen: np.ndarray  # counts of the drawn images' magnitudes, in the bins of the source
    levels: np.ndarray
    level_counts: np.ndarray
    accuracy: Measured
    reference: Measured
    found: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # clip, error
    draws: Mapping[str, np.ndarray] = field(default_factory=dict)  # clip points, a draw each
    path: Mapping[str, np.ndarray] = field(default_factory=dict)  # (images, clip) of this draw
    beside: Any = None  # what stands in for the library, and is shown with this

    @property
    def total(self) -> float:
        """The mean squared error."""
        return self.clipping + self.rounding

    @property
    def progress(self) -> tuple[int, ...]:
        """How much of the pictures is known: frames differ by it."""
        kept = self.draws.values(), self.path.values()
        return len(self.found), *(sum(map(len, part)) for part in kept)
