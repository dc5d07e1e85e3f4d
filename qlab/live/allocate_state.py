"""What the Allocate instrument can be set to, and what a setting gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qlab.live.offered import LAYERS, NETWORKS
from qlab.live.settings import Choice, Real, Whole
from qlab.live.state import State
from qlab.metrics import Measured
from qlab.networks import Allocation, Sensitivity

UNITS = {"bytes": "Bytes", "operations": "Bit operations of one image"}
CRITERIA = {
    "cross_entropy": "Scan: cross entropy",
    "output_error": "Scan: change of the outputs",
    "hessian": "Hessian trace × squared error",
}
WAYS = ("uniform", "greedy", "exact")
QUARTERS = tuple(k / 4 for k in range(2, 17))
Bits = tuple[int, ...]  # of the network's layers, in their order


def _bits(layer: str) -> Whole:
    return Whole(
        2, 1, 8, label=f"Bits of {layer}", help=f"Each weight of {layer} is a code of so many bits."
    )


class AllocateState(State):
    """The settings of the Allocate instrument."""

    network = Choice(
        "lenet_300_100",
        NETWORKS,
        label="Network",
        help="A network trained on MNIST; its card tells how.",
    )
    unit = Choice(
        "bytes",
        UNITS,
        label="Budget counts",
        help="Bytes: codes, scales and biases. Bit operations: multiplications times bits of the "
        "weight times 8 bits of the activation.",
    )
    budget = Real(
        2.25,
        0.5,
        8.0,
        0.25,
        label="Budget, bits a weight",
        help="As much as all layers cost at so many bits on average.",
        stops=(*QUARTERS, 4.5, 5.0, 6.0, 7.0, 8.0),
    )
    criterion = Choice(
        "cross_entropy",
        CRITERIA,
        label="Greedy and exact choose by",
        help="The table of what each layer loses at each number of bits, found on the calibration "
        "images.",
    )
    bits_conv1 = _bits("conv1")
    bits_conv2 = _bits("conv2")
    bits_fc1 = _bits("fc1")
    bits_fc2 = _bits("fc2")
    bits_fc3 = _bits("fc3")

    @property
    def layers(self) -> tuple[str, ...]:
        """Of the network, in order."""
        return LAYERS[self.network]

    def used(self) -> set[str]:
        """Name the settings that mean something for the network."""
        return {"network", "unit", "budget", "criterion", *map(trait_of, self.layers)}

    def bits(self) -> dict[str, int]:
        """Bits of each layer of the network."""
        return {layer: getattr(self, trait_of(layer)) for layer in self.layers}


def trait_of(layer: str) -> str:
    """Name the setting that holds a layer's bits.

    Examples
    --------
    >>> trait_of("fc1")
    'bits_fc1'
    """
    return f"bits_{layer}"


@dataclass(frozen=True, slots=True, eq=False)
class AllocateResult:
    """What one state gives: allocations with what they cost and what was measured of them."""

    key: tuple[Any, ...]
    network: str
    unit: str
    criterion: str
    table: Sensitivity  # cost in the unit of the budget
    budget: int
    least: Allocation  # the cheapest that there is
    mine: Allocation
    ways: Mapping[str, Allocation]  # uniform, greedy, exact: those that fit
    bytes: int
    operations: int
    seen: Mapping[str, Measured]  # of "mine" and the ways, on validation images
    report: Mapping[str, Measured]  # the same on test images, once they are measured
    beside: Any = None  # what stands in for the library, and is shown with this

    @property
    def players(self) -> dict[str, Allocation]:
        """Mine, and the ways that fit."""
        return {"mine": self.mine, **self.ways}

    @property
    def full(self) -> bool:
        """True if everything is measured."""
        return self.report.keys() >= self.players.keys()

    @property
    def over(self) -> bool:
        """True if mine costs more than the budget."""
        return self.mine.cost > self.budget
