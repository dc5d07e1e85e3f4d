"""The Grids instrument: which numbers a few bits can write, and what it does to real weights.

Integers stand at even distances, fixed point at a power of two, floats crowd around zero. The
levels, their gaps and the errors of a layer's weights follow the hand.
"""

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np

from qlab import core, metrics, networks
from qlab.core import Format, MiniFloat, QParams
from qlab.live.figure import Figure
from qlab.live.grids_pictures import BINS, Layer, errors_figure, gaps_figure, levels_figure
from qlab.live.grids_state import NETWORK, GridsResult, GridsState
from qlab.live.instrument import Instrument, Preset
from qlab.live.readout import Value

MOST_STEMS = 512  # more levels than this are shown as fine bins of them
BINS_OF_LEVELS = 320  # then


class Grids(Instrument):
    """Formats, bits and range, their levels, and a layer's weights on them, live."""

    NAME = "grids"
    TITLE = "Grids"
    LEAD = (
        "A few bits can mean only a few numbers. See which ones, how far apart they are, and what "
        "becomes of the weights of a trained network that have to move there."
    )
    STATE = GridsState
    SPOKEN = ("levels", "zeros", "sqnr")
    STAND_INS = {  # noqa: RUF012
        "grids.nearest_level": "qlab.live.grids_standin:GridsStandIn",
        "grids.fixed_point": "qlab.live.grids_standin:GridsStandIn",
    }
    PRESETS = (
        Preset(
            "Eight bits are 255 steps",
            {"bits": 8},
            "2^8 = 256 codes have 255 gaps between them, so a range of 1 has steps of 1/255. "
            "Dividing by 8, the number of bits, or by 256, the number of codes, misses the ends.",
        ),
        Preset(
            "A range eight times too wide",
            {"bits": 8, "low": -4.0, "high": 4.0},
            "An even grid pays for range with its step: eight times the range is three bits, 18 "
            "decibels. Set the format to E4M3, which does not ask, and compare.",
        ),
        Preset(
            "Fixed point without a range",
            {"format": "fixed", "bits": 8, "fraction_bits": 4},
            "Q3.4 has the range of −8 to 8 whether the weights need it or not, and its step "
            "of 1/16 is larger than most of them. Move the point with the fraction bits.",
        ),
        Preset(
            "Float8 spends its codes near zero",
            {"format": "e4m3", "axis": "symlog"},
            "E4M3 reaches 448, and half of its levels lie between −2 and 2. Nobody chose "
            "a range for these weights, and still few become zero.",
        ),
        Preset(
            "Four bits as a float",
            {"format": "e2m1", "scaled": True, "low": -0.34, "high": 0.34},
            "A float of four bits, scaled to the weights: fine near zero, where most of them are, "
            "coarse outside. Set the format to symmetric integers of 4 bits and compare.",
        ),
        Preset(
            "No sign, no negative weights",
            {"format": "unsigned", "bits": 8},
            "Unsigned codes begin at zero: every negative weight is clipped there. They are meant "
            "for what is never negative, such as activations behind a ReLU.",
        ),
    )

    # -- the library at work --------------------------------------------------------

    def steps(self, s: GridsState) -> Generator[None, None, GridsResult]:
        """Round the weights to the grid and look at levels and errors."""
        layer, grid = self.layer_of(s), s.grid()
        W, levels = layer.W, core.levels(grid)
        if self.at_work is None:
            q = core.encode(W, grid)
            yield
            W_hat = core.decode(q, grid)
            held, counts = _held(q, W_hat, grid, levels, layer.limit)
        else:
            W_hat = self.at_work.answers(s)
            held, counts = self.at_work.held(W_hat, layer.limit)
        yield
        error = np.abs(W_hat - W)
        squares = np.bincount(layer.bins, error.astype(np.float64) ** 2, minlength=BINS)
        with np.errstate(invalid="ignore"):  # 0/0 where no weight is: no point in the picture
            rms = np.sqrt(squares / np.bincount(layer.bins, minlength=BINS))
        yield
        above = levels[levels > 0]
        return GridsResult(
            key=s.key(),
            layer=s.layer,
            axis=s.axis,
            grid=grid,
            n=W.size,
            bits=grid.spec.bits if isinstance(grid, QParams) else grid.bits,
            levels=len(levels),
            smallest=float(above.min(initial=np.inf)),
            largest=float(levels[-1]),
            gap_at_1=core.gap(grid, 1.0),
            zeros=metrics.sparsity(W_hat),
            clipped=float(((W < levels[0]) | (W > levels[-1])).mean()),
            sqnr=metrics.sqnr(W, W_hat),
            held=held,
            counts=counts,
            errors=error[layer.sample],
            rms=rms,
        )

    def layer_of(self, s: GridsState | GridsResult) -> Layer:
        """Look a layer over, once."""
        if s.layer not in self.layers:
            self.layers[s.layer] = Layer.of(networks.load(NETWORK).weights[s.layer])
        return self.layers[s.layer]

    # -- numbers ---------------------------------------------------------------------

    def numbers(self, r: GridsResult) -> Iterator[Value]:
        """List the grid's own numbers, then what it does to the weights."""
        special = isinstance(r.grid, MiniFloat)
        for name, label, value, form, note in (
            ("codes", f"Codes of {r.bits} bits", 2**r.bits, "count", ""),
            ("levels", "Distinct levels", r.levels, "count", _why(r) if special else ""),
            ("smallest", "Smallest positive level", r.smallest, "number", ""),
            ("largest", "Largest level", r.largest, "number", ""),
            ("gap_at_1", "Gap at 1", r.gap_at_1, "number", _beyond(r)),
        ):
            yield Value(name=name, label=label, value=value, source="derived", form=form, note=note)
        for name, label, value in (
            ("zeros", "Weights that become 0", r.zeros),
            ("clipped", "Weights that are clipped", r.clipped),
        ):
            yield Value(
                name=name, label=label, value=value, source="measured", n=r.n, form="percent"
            )
        yield Value(
            name="sqnr", label=f"SQNR, weights of {r.layer}", value=r.sqnr, source="derived",
            form="decibel",
        )  # fmt: skip

    # -- pictures ---------------------------------------------------------------------

    def build(self) -> list[Figure]:
        """Make the three pictures."""
        self.layers: dict[str, Layer] = {}
        self.layer_of(self.state)
        return [
            levels_figure(self.layer_of),
            gaps_figure(self.layer_of),
            errors_figure(self.layer_of),
        ]

    def show(self, result: GridsResult) -> None:
        """Show a result, and of the controls those that mean something for its format."""
        used = self.state.used()
        for name, bound in self.controls.items():
            bound.layout.display = None if name in used else "none"
        super().show(result)

    def ahead(self, s: GridsState) -> list[Any]:
        """Leave out what the present format does not use."""
        return super().ahead(s) if self.in_hand in s.used() else []

    # -- what is taken away -----------------------------------------------------------

    def code(self) -> str:
        """Write the lines of qlab that print the numbers on screen."""
        return f"""import numpy as np, qlab
from qlab import core
W = qlab.networks.load("{NETWORK}").weights["{self.state.layer}"]
grid = {self.state.code()}
levels, W_hat = core.levels(grid), core.round_to(W, grid)
print("codes", 2**{self.result.bits}, "\\nlevels", len(levels))
print("smallest", float(levels[levels > 0].min(initial=np.inf)))
print("largest", float(levels[-1]), "\\ngap_at_1", core.gap(grid, 1.0))
print("zeros", qlab.metrics.sparsity(W_hat))
print("clipped", ((W < levels[0]) | (W > levels[-1])).mean())
print("sqnr", qlab.metrics.sqnr(W, W_hat))
"""

    def tables(self) -> dict[str, tuple[list[str], list[list[Any]]]]:
        """List the levels, as far as they are few enough to be read."""
        r = self.result
        levels = [[float(x)] for x in core.levels(r.grid)] if r.levels <= MOST_STEMS else []
        return {"levels": (["value"], levels)}


def _held(
    q: np.ndarray, W_hat: np.ndarray, grid: Format, levels: np.ndarray, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Levels and how many weights each holds; where too many hold some, fine bins of them."""
    if isinstance(grid, MiniFloat):  # its codes are a sign and a magnitude
        magnitude = q & (2 ** (grid.bits - 1) - 1)
        places = grid.top + np.where(q == magnitude, magnitude, -magnitude)
    else:
        places = q - core.encode(levels[:1], grid)
    counts = np.bincount(places, minlength=len(levels))
    if len(levels) > MOST_STEMS:
        held = counts > 0
        levels, counts = levels[held], counts[held]
    if len(levels) > MOST_STEMS:
        h = metrics.histogram(W_hat, -limit, limit, BINS_OF_LEVELS)
        return (h.edges[:-1] + h.edges[1:]) / 2, h.counts
    return levels, counts


def _why(r: GridsResult) -> str:
    assert isinstance(r.grid, MiniFloat)
    special = 2 * r.grid.reserved
    return "two zeros" + (f"; {special} codes are no number" if special else "")


def _beyond(r: GridsResult) -> str:
    return "" if np.isfinite(r.gap_at_1) else f"the grid ends at {r.largest:.3g}"
