"""The Grids instrument: which numbers a few bits can write, and what it does to real weights.

Integers stand at even distances, fixed point at a power of two, floats crowd around zero. The
levels, their gaps and the errors of a layer's weights follow the hand.
"""

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np

from qlab import core, metrics, networks
from qlab.core import MiniFloat, packed_bytes
from qlab.live.figure import Figure
from qlab.live.grids_code import program
from qlab.live.grids_pictures import BINS, Layer, errors_figure, gaps_figure, levels_figure
from qlab.live.grids_placing import MOST_STEMS, placed
from qlab.live.grids_presets import PRESETS
from qlab.live.grids_state import GridsResult, GridsState
from qlab.live.grids_tables import NETWORK
from qlab.live.instrument import Instrument
from qlab.live.readout import Value


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
        "codebooks.assign": "qlab.live.grids_standin:GridsStandIn",
        "codebooks.ternary": "qlab.live.grids_standin:GridsStandIn",
    }
    PRESETS = PRESETS

    # -- the library at work --------------------------------------------------------

    def steps(self, s: GridsState) -> Generator[None, None, GridsResult]:
        """Round the weights to the grid and look at levels and errors."""
        layer = self.layer_of(s)
        W = layer.W
        place = yield from placed(s, W, layer.shape, layer.limit)
        yield
        W_hat, held, counts = place.W_hat, place.held, place.counts
        if self.at_work is not None:
            W_hat = self.at_work.answers(s, place)
            held, counts = self.at_work.held(W_hat, layer.limit)
        yield
        error = np.abs(W_hat - W)
        squares = np.bincount(layer.bins, error.astype(np.float64) ** 2, minlength=BINS)
        with np.errstate(invalid="ignore"):  # 0/0 where no weight is: no point in the picture
            rms = np.sqrt(squares / np.bincount(layer.bins, minlength=BINS))
        yield
        above = place.levels[place.levels > 0]
        return GridsResult(
            key=s.key(),
            layer=s.layer,
            axis=s.axis,
            grid=place.grid,
            n=W.size,
            bits=place.bits,
            levels=len(place.levels),
            smallest=float(above.min(initial=np.inf)),
            largest=float(place.levels[-1]),
            gap_at_1=np.inf if isinstance(place.grid, np.ndarray) else core.gap(place.grid, 1.0),
            zeros=metrics.sparsity(W_hat),
            clipped=place.clipped,
            sqnr=metrics.sqnr(W, W_hat),
            side=place.side,
            words=place.beside,
            total=packed_bytes(W.size, place.bits) + place.side,
            blocks=place.blocks,
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
        """List the grid's own numbers, then what it does to the weights, then what it costs."""
        table = isinstance(r.grid, np.ndarray)
        widest = "of the widest block" if r.blocks > 1 else ""
        why = _why(r) if isinstance(r.grid, MiniFloat) else ""
        for name, label, value, form, note in (
            ("codes", f"Codes of {r.bits} bits", 2**r.bits, "count", ""),
            ("levels", "Distinct levels", r.levels, "count", "in a block" if widest else why),
            ("smallest", "Smallest positive level", r.smallest, "number", widest),
            ("largest", "Largest level", r.largest, "number", widest),
            ("gap_at_1", "Gap at 1", r.gap_at_1, "number", _beyond(r)),
        ):
            if not (table and name == "gap_at_1"):  # a table ends where its weights do
                yield Value(
                    name=name, label=label, value=value, source="derived", form=form, note=note
                )
        beyond = "Weights beyond the outer levels" if table else "Weights that are clipped"
        for name, label, value in (
            ("zeros", "Weights that become 0", r.zeros),
            ("clipped", beyond, r.clipped),
        ):
            yield Value(
                name=name, label=label, value=value, source="measured", n=r.n, form="percent"
            )
        for name, label, value, form, note in (
            ("sqnr", f"SQNR, weights of {r.layer}", r.sqnr, "decibel", ""),
            ("side", "Beside the codes", r.side, "bytes", r.words),
            ("bits_a_weight", "Bits a weight, all told", 8 * r.total / r.n, "plain", ""),
        ):
            yield Value(name=name, label=label, value=value, source="derived", form=form, note=note)

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

    def ahead(self, s: GridsState, name: str) -> list[Any]:
        """Leave out what the present format does not use."""
        if name not in s.used():
            return []
        possible = s.allowed(name)
        return [v for v in super().ahead(s, name) if possible is None or v in possible]

    # -- what is taken away -----------------------------------------------------------

    def code(self) -> str:
        """Write the lines of qlab that print the numbers on screen."""
        return program(self.state)

    def tables(self) -> dict[str, tuple[list[str], list[list[Any]]]]:
        """List the levels, as far as they are few enough to be read."""
        r = self.result
        levels = [[float(x)] for x in r.drawn] if r.levels <= MOST_STEMS else []
        return {"levels": (["value"], levels)}


def _why(r: GridsResult) -> str:
    assert isinstance(r.grid, MiniFloat)
    special = 2 * r.grid.reserved
    return "two zeros" + (f"; {special} codes are no number" if special else "")


def _beyond(r: GridsResult) -> str:
    return "" if np.isfinite(r.gap_at_1) else f"the grid ends at {r.largest:.3g}"
