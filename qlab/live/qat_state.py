"""What the Train quantized instrument can be set to, and what a setting gives."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from qlab.live.qat_quantizers import BITS, METHODS, METHODS_BITS
from qlab.live.qat_table import Curves, Own
from qlab.live.qat_trained import Trained
from qlab.live.settings import Choice, Real, Whole
from qlab.live.state import State
from qlab.metrics import Measured

NETWORK = "lenet_300_100"
SAMPLE = 128  # training images whose activations are looked at
FACTORS = (0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.7, 2.0, 2.4, 3.0, 4.0)
RATES = tuple(
    float(f"{m}e{e}") for e in (-4, -3) for m in (1, 1.5, 2, 3, 5, 7)
)  # learning rates that a slider stops at


class QatState(State):
    """What the Train quantized instrument can be set to."""

    method = Choice(
        "lsq",
        METHODS,
        label="Method",
        help="How weights and activations are quantized while they train, and which gradient is "
        "pretended.",
    )
    weight_bits = Whole(
        2,
        BITS[0],
        BITS[-1],
        label="Bits of weights",
        help="b bits make 2^b codes. Straight-through and LSQ begin at 2; ternary has three codes.",
    )
    activation_bits = Choice(
        "float",
        {"float": "float", "4": "4 bits", "2": "2 bits", "1": "1 bit"},
        label="Activations",
        help="Bits of what enters each layer behind a ReLU; the images themselves keep 8 bits.",
    )
    side = Choice(
        "weights",
        {"weights": "weights", "activations": "activations"},
        label="Pictures show",
        help="Whose staircase and gradient are drawn: the weights of a layer, or what enters it.",
    )
    layer = Choice(
        "fc2",
        {"fc2": "fc2, 30,000 weights", "fc3": "fc3, 1,000 weights"},
        label="Layer",
        help="A layer of LeNet-300-100, before the training.",
    )
    factor = Real(
        1.0,
        0.25,
        4.0,
        0.05,
        label="Learned step (or clip), of its start",
        help="What the training moves, moved by hand: see which way the squared error would send "
        "it.",
        stops=FACTORS,
    )
    epochs = Whole(
        3, 1, 10, label="Epochs", help="Of the training below; the table was made with 3."
    )
    lr = Real(
        1e-3,
        RATES[0],
        RATES[-1],
        1e-4,
        label="Learning rate",
        help="Of the training below; the table was made with 0.001. Adam moves a weight by about "
        "so much in a step.",
        stops=RATES,
    )

    def __init__(self, own: tuple[Own, ...] = (), **values: Any) -> None:
        self.own = own  # trained on this page
        super().__init__(**values)

    def copy(self, **changes: Any) -> "QatState":
        """Return another state beside the same trained networks."""
        twin: QatState = super().copy(**changes)
        twin.own = self.own
        return twin

    def key(self) -> tuple[Any, ...]:
        """Return the values, and which networks were trained here."""
        return (*super().key(), tuple(own.key for own in self.own))

    @property
    def bits(self) -> int:
        """Bits of weights that are used: the nearest that the method knows."""
        known = METHODS_BITS[self.method]
        return min(max(int(self.weight_bits), known[0]), known[-1])

    @property
    def activations(self) -> int | None:
        """Bits of activations, None for float."""
        return None if self.activation_bits == "float" else int(self.activation_bits)

    @property
    def learns(self) -> bool:
        """Whether what is drawn has a learned step or clip."""
        if self.side == "weights":
            return bool(self.method == "lsq")
        return self.activations is not None and self.method in ("lsq", "pact")

    def used(self) -> set[str]:
        """Name the settings that mean something beside the others."""
        used = set(self.settings())
        if len(METHODS_BITS[self.method]) == 1:
            used -= {"weight_bits"}
        return used if self.learns else used - {"factor"}


@dataclass(frozen=True, slots=True, eq=False)
class QatResult:
    """What one state gives: all that is written and drawn, no weights."""

    key: tuple[Any, ...]
    method: str
    bits: int
    asked: int  # of the slider; the method may have others
    activations: int | None
    side: str
    layer: str
    n: int  # values that are quantized
    levels: int
    gap: float  # the smallest between two levels; 0 where there is none
    blocked: float  # share of values whose pretended gradient is 0
    zeros: float
    sqnr: float
    scaled: bool  # sqnr is after the best common scale
    crossing: float | None  # steps of the learning rate to the next level
    g: float | None  # LSQ's
    learned: tuple[str, float] | None  # what is learned ("step s", "clip α") and its value
    pull: float | None  # slope of the squared error by it
    stairs: tuple[np.ndarray, np.ndarray]  # x, x̂
    risers: np.ndarray
    x: np.ndarray  # of the gradient
    slope: np.ndarray
    learned_slope: np.ndarray | None
    limits: tuple[float, float, float, float]  # x from, to; x̂ from, to
    bottom: float  # of the gradient's axis
    top: float
    before: tuple[np.ndarray, np.ndarray]  # counts, edges
    held: np.ndarray  # levels that hold values
    counts: np.ndarray
    curves: Curves
    errors: dict[str, Measured]  # of the table, at this setting
    own: Own | None  # the latest trained here at this setting
    trained: Trained | None  # where its values stand
    slopes_of: Any = None  # what a stand-in needs to be compared
    beside: Any = None  # what stands in for the library, and is shown with this

    @property
    def span(self) -> tuple[float, float]:
        """Ends of the axis of values and levels, those of a trained network among them."""
        low, high, bottom, top = self.limits
        held = np.zeros(1) if self.trained is None else 1.1 * self.trained.held
        return min(low, bottom, float(held[0])), max(high, top, float(held[-1]))
