"""What the Grids instrument can be set to, and what a setting gives."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from qlab import codebooks, core
from qlab.core import Format, Granularity, QuantSpec
from qlab.live.grids_tables import NETWORK
from qlab.live.offered import LAYERS
from qlab.live.settings import Choice, Flag, Real, Whole
from qlab.live.state import State

INTEGERS = {
    "symmetric": "Integer, symmetric",
    "asymmetric": "Integer, asymmetric",
    "unsigned": "Integer, unsigned",
    "fixed": "Fixed point Qm.n",
    "e4m3": "Float E4M3, 8 bits",
    "e5m2": "Float E5M2, 8 bits",
    "e2m1": "Float E2M1, 4 bits",
}
TABLES = {
    "kmeans": "Table by k-means, exact",
    "lloyd": "Table by Lloyd's k-means",
    "nf4": "NormalFloat (NF4)",
    "fixed_point": "Fixed point, n by the weights",
    "power_of_two": "Powers of two",
    "apot": "Sums of powers of two, APoT",
    "piecewise_linear": "Two slopes, fine and coarse",
    "ternary": "Ternary, the optimum",
    "twn": "Ternary, the rule of TWN",
    "binary": "Binary, sign and mean (XNOR)",
    "bnn": "Binary, the sign alone (BNN)",
    "mxfp4": "MXFP4: E2M1, blocks of 32",
    "mxfp6": "MXFP6: E2M3, blocks of 32",
    "mxfp8": "MXFP8: E4M3, blocks of 32",
    "mxfp6_e3m2": "MXFP6: E3M2, blocks of 32",
    "mxfp8_e5m2": "MXFP8: E5M2, blocks of 32",
}
NAMED_OTHERWISE = {"minifloat", "e5m2", "mx", "xnor"}  # above, by their formats
LEFT_OUT = {"identity", "learned", "dorefa"}  # no grid of its own, a k-means start, a bent range
OTHERS = [n for n in codebooks.METHODS if n not in TABLES.keys() | NAMED_OTHERWISE | LEFT_OUT]
TABLES |= {name: name for name in OTHERS}
FORMATS = INTEGERS | TABLES
FLOATS = {"e4m3": core.E4M3, "e5m2": core.E5M2, "e2m1": core.E2M1}
ENDS = (0.05, 0.1, 0.2, 0.25, 0.3, 0.34, 0.4, 0.5, 0.6, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
TABLE_BITS = (2, 3, 4, 5, 6)
ANY_BITS = {  # formats that have several numbers of bits
    name
    for name in TABLES.keys() & codebooks.METHODS.keys()
    if len(set(TABLE_BITS) & set(codebooks.BITS[name])) > 1
}
ANY_BLOCK = {"nf4", "fixed_point", "power_of_two", "apot", "ternary", "twn", "binary", *OTHERS}
BLOCKS: dict[str, Granularity] = {
    "layer": core.PerTensor(),
    "row": core.PerAxis(0),
    "64": core.PerGroup(64),
    "32": core.PerGroup(32),
}
IN = {"layer": "", "row": ", a scale a row", "64": ", blocks of 64", "32": ", blocks of 32"}


class GridsState(State):
    """What the Grids instrument can be set to."""

    format = Choice(
        "asymmetric",
        FORMATS,
        label="Format",
        help="What a code means: whole steps, a float, or a place in a table of levels.",
    )
    bits = Whole(4, 1, 16, label="Bits", help="b bits make 2^b codes.")
    code_bits = Whole(
        4, TABLE_BITS[0], TABLE_BITS[-1], label="Bits of a code", help="b bits: 2^b levels."
    )
    start = Choice(
        "linear",
        {
            "linear": "Even steps",
            "density": "Equal shares of the weights",
            "random": "Weights by lot",
        },
        label="Start",
        help="Where Lloyd's iterations begin decides where they end.",
    )
    block = Choice(
        "layer",
        {"layer": "The whole layer", "row": "Every output (row)"}
        | {n: f"{n} neighbours" for n in ("64", "32")},
        label="A scale for",
        help="Smaller blocks have scales that fit better, and more of them.",
    )
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

    def allowed(self, name: str) -> list[Any] | None:
        """Offer the bits that a table has: two leave a grid of two slopes no coarse part."""
        if name == "code_bits" and self.format in ANY_BITS:
            return [b for b in TABLE_BITS if b in codebooks.BITS[self.format]]
        return None

    def used(self) -> set[str]:
        """Name the settings that mean something for the format."""
        always = {"format", "layer", "axis"}
        if self.format in TABLES:
            choices = {
                "code_bits": self.format in ANY_BITS,
                "start": self.format == "lloyd",
                "block": self.format in ANY_BLOCK,
            }
            return always | {name for name, meant in choices.items() if meant}
        if self.format == "fixed":
            return always | {"bits", "fraction_bits"}
        if self.format in FLOATS:
            return always | {"scaled"} | ({"low", "high"} if self.scaled else set())
        ends = {"high"} if self.format == "unsigned" else {"low", "high"}
        return always | {"bits"} | ends

    def options(self) -> dict[str, Any]:
        """Return what a codebook's method is given beside the weights."""
        bits = {"bits": self.code_bits} if self.format in ANY_BITS else {}
        return bits | ({"granularity": BLOCKS[self.block]} if self.format in ANY_BLOCK else {})

    def grid(self) -> Format:
        """Return an even grid or a float with its range, ready for ``core.round_to``."""
        if self.format in TABLES:
            raise ValueError(f"grid: an even grid or a float is expected, got {self.format!r}.")
        if self.format == "fixed":
            m = self.bits - 1 - self.fraction_bits
            return core.FixedPoint(integer_bits=m, fraction_bits=self.fraction_bits)
        if self.format in FLOATS:
            plain = FLOATS[self.format]
            return plain.scaled_to(max(-self.low, self.high)) if self.scaled else plain
        return core.qparams_between(self.low, self.high, self.spec())

    def words(self) -> str:
        """Name the grid as a table of results does.

        Examples
        --------
        >>> GridsState().words(), GridsState(format="e4m3").words()
        ('Integer, asymmetric, 4 bits, -0.5 to 0.5', 'Float E4M3')
        >>> GridsState(format="nf4", block="64").words()
        'NormalFloat (NF4), 4 bits, blocks of 64'
        """
        if self.format in TABLES:
            used = self.used()
            bits = f", {self.code_bits} bits" if "code_bits" in used else ""
            start = f", start {self.start}" if "start" in used else ""
            return FORMATS[self.format] + bits + start + (IN[self.block] if "block" in used else "")
        if self.format == "fixed":
            return f"Fixed point Q{self.bits - 1 - self.fraction_bits}.{self.fraction_bits}"
        if self.format in FLOATS:
            reach = f", scaled to {max(-self.low, self.high):g}" if self.scaled else ""
            return f"Float {self.format.upper()}{reach}"
        ends = {"symmetric": f"±{max(-self.low, self.high):g}", "unsigned": f"0 to {self.high:g}"}
        to = ends.get(self.format, f"{self.low:g} to {self.high:g}")
        return f"{FORMATS[self.format]}, {self.bits} bits, {to}"

    def spec(self) -> QuantSpec:
        """Say which codes an integer format has."""
        return QuantSpec(
            bits=self.bits,
            signed=self.format != "unsigned",
            symmetric=self.format != "asymmetric",
        )


@dataclass(frozen=True, slots=True, eq=False)
class GridsResult:
    """What one state gives: all that is written and drawn, no weights."""

    key: tuple[Any, ...]
    layer: str
    axis: str
    grid: Format | np.ndarray  # or the levels of a table, of the widest block
    n: int  # weights of the layer
    bits: int
    levels: int  # different ones
    smallest: float  # above zero; infinite if there is none
    largest: float
    gap_at_1: float
    zeros: float
    clipped: float
    sqnr: float
    side: int  # bytes of scales, zero point and table
    words: str  # which of these
    total: int  # bytes, the codes too
    blocks: int  # that have a scale of their own
    held: np.ndarray  # levels with weights on them, or fine bins of them
    counts: np.ndarray
    errors: np.ndarray  # of the drawn sample, absolute
    rms: np.ndarray  # of the error in each bin of weights; NaN where there are none
    beside: Any = None  # what stands in for the library, and is shown with this

    @property
    def drawn(self) -> np.ndarray:
        """The levels that the pictures show."""
        return self.grid if isinstance(self.grid, np.ndarray) else core.levels(self.grid)
