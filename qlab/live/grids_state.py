"""What the Grids instrument can be set to, and what a setting gives."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from qlab import core
from qlab.core import Format, QuantSpec
from qlab.live.offered import LAYERS
from qlab.live.settings import Choice, Flag, Real, Whole
from qlab.live.state import State

NETWORK = "lenet_300_100"
FORMATS = {
    "symmetric": "Integer, symmetric",
    "asymmetric": "Integer, asymmetric",
    "unsigned": "Integer, unsigned",
    "fixed": "Fixed point Qm.n",
    "e4m3": "Float E4M3, 8 bits",
    "e5m2": "Float E5M2, 8 bits",
    "e2m1": "Float E2M1, 4 bits",
}
FLOATS = {"e4m3": core.E4M3, "e5m2": core.E5M2, "e2m1": core.E2M1}
ENDS = (0.05, 0.1, 0.2, 0.25, 0.3, 0.34, 0.4, 0.5, 0.6, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)


class GridsState(State):
    """What the Grids instrument can be set to."""

    format = Choice(
        "asymmetric",
        FORMATS,
        label="Format",
        help="What a code means: whole steps, whole steps of a power of two, or a float.",
    )
    bits = Whole(4, 1, 16, label="Bits", help="b bits make 2^b codes.")
    fraction_bits = Whole(
        3, 0, 16, label="Fraction bits", help="n of Qm.n: the step is 2^(−n), the rest is range."
    )
    scaled = Flag(
        False,
        label="Scale to the range",
        help="Put the largest level of the float on the end of the range; without, it is as the "
        "standard says.",
    )
    low = Real(
        -0.5,
        -4.0,
        0.0,
        0.05,
        label="Range from",
        help="The lower end of the grid; zero is always inside.",
        stops=(*(-x for x in reversed(ENDS)), 0.0),
    )
    high = Real(
        0.5, 0.05, 4.0, 0.05, label="Range to", help="The upper end of the grid.", stops=ENDS
    )
    layer = Choice(
        "fc1",
        {name: name for name in LAYERS[NETWORK]},
        label="Weights of",
        help="A layer of LeNet-300-100: its weights are rounded to the grid.",
    )
    axis = Choice(
        "linear",
        {"linear": "Where the weights are", "symlog": "The whole grid (logarithmic)"},
        label="Line shows",
        help="Far from zero a logarithmic line is needed to see a float's levels.",
    )

    def used(self) -> set[str]:
        """Name the settings that mean something for the format."""
        always = {"format", "layer", "axis"}
        if self.format == "fixed":
            return always | {"bits", "fraction_bits"}
        if self.format in FLOATS:
            return always | {"scaled"} | ({"low", "high"} if self.scaled else set())
        ends = {"high"} if self.format == "unsigned" else {"low", "high"}
        return always | {"bits"} | ends

    def grid(self) -> Format:
        """Return the format with its range, ready for ``core.round_to``."""
        if self.format == "fixed":
            m = self.bits - 1 - self.fraction_bits
            return core.FixedPoint(integer_bits=m, fraction_bits=self.fraction_bits)
        if self.format in FLOATS:
            plain = FLOATS[self.format]
            return plain.scaled_to(max(-self.low, self.high)) if self.scaled else plain
        return core.qparams_between(self.low, self.high, self.spec())

    def spec(self) -> QuantSpec:
        """Say which codes an integer format has."""
        return QuantSpec(
            bits=self.bits,
            signed=self.format != "unsigned",
            symmetric=self.format != "asymmetric",
        )

    def words(self) -> str:
        """Name the grid as a table of results does.

        Examples
        --------
        >>> GridsState().words(), GridsState(format="e4m3").words()
        ('Integer, asymmetric, 4 bits, -0.5 to 0.5', 'Float E4M3')
        """
        if self.format == "fixed":
            return f"Fixed point Q{self.bits - 1 - self.fraction_bits}.{self.fraction_bits}"
        if self.format in FLOATS:
            reach = f", scaled to {max(-self.low, self.high):g}" if self.scaled else ""
            return f"Float {self.format.upper()}{reach}"
        ends = {"symmetric": f"±{max(-self.low, self.high):g}", "unsigned": f"0 to {self.high:g}"}
        to = ends.get(self.format, f"{self.low:g} to {self.high:g}")
        return f"{FORMATS[self.format]}, {self.bits} bits, {to}"

    def code(self) -> str:
        """Write the grid as the line of Python that makes it."""
        if self.format == "fixed":
            m, n = self.bits - 1 - self.fraction_bits, self.fraction_bits
            return f"core.FixedPoint(integer_bits={m}, fraction_bits={n})"
        if self.format in FLOATS:
            plain = f"core.{self.format.upper()}"
            return f"{plain}.scaled_to({max(-self.low, self.high)})" if self.scaled else plain
        spec = self.spec()
        words = f"bits={spec.bits}, signed={spec.signed}, symmetric={spec.symmetric}"
        return f"core.qparams_between({self.low}, {self.high}, core.QuantSpec({words}))"


@dataclass(frozen=True, slots=True, eq=False)
class GridsResult:
    """What one state gives: all that is written and drawn, no weights."""

    key: tuple[Any, ...]
    layer: str
    axis: str
    grid: Format
    n: int  # weights of the layer
    bits: int
    levels: int  # different ones
    smallest: float  # above zero; infinite if there is none
    largest: float
    gap_at_1: float
    zeros: float
    clipped: float
    sqnr: float
    held: np.ndarray  # levels with weights on them, or fine bins of them
    counts: np.ndarray
    errors: np.ndarray  # of the drawn sample, absolute
    rms: np.ndarray  # of the error in each bin of weights; NaN where there are none
    beside: Any = None  # what stands in for the library, and is shown with this
