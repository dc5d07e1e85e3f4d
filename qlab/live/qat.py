"""Train quantized: the gradient that a staircase lacks, what is pretended instead, what it buys.

    state → weights or activations of a layer → the method's quantizer as it starts
          → staircase, levels, pretended gradient; errors by bits from the stored table
          → beside them the levels of a network that was trained here

Nothing here trains in the kernel: the table was measured beforehand, with seeds, and a training
of the reader's own runs as another process.
"""

from collections.abc import Generator, Iterator, Sequence
from typing import Any, ClassVar

import ipywidgets as ipw
import numpy as np

from qlab import data, metrics, networks
from qlab.core import surrogate
from qlab.live import qat_quantizers, qat_trained
from qlab.live.figure import Figure
from qlab.live.instrument import Instrument
from qlab.live.job import TRAINING
from qlab.live.qat_code import code_of
from qlab.live.qat_numbers import quantizers_numbers, reached
from qlab.live.qat_pictures import errors_figure, levels_figure, stairs_figure
from qlab.live.qat_presets import PRESETS
from qlab.live.qat_quantizers import METHODS_BITS, Quantized
from qlab.live.qat_shape import axis_of, limits_of, scaled, sharing, stairs_of, steps_across
from qlab.live.qat_state import NETWORK, SAMPLE, QatResult, QatState
from qlab.live.qat_table import Own, Table
from qlab.live.qat_trained import Trained
from qlab.live.qat_training import Training
from qlab.live.readout import Value
from qlab.live.worker import Task
from qlab.metrics import Measured

BINS = 120
POINTS = 481  # of the gradient's curves


class Qat(Instrument):
    """Quantization-aware training: for a notebook cell and for the app.

    Parameters
    ----------
    link
        As for every instrument.
    values
        Settings to start from, for instance ``method="pact"``.

    Examples
    --------
    >>> bench = Qat(method="lsq", weight_bits=2)
    >>> bench.values["levels"].value, bench.values["error_mse"].value > 0.02
    (3, True)
    """

    NAME, TITLE = "qat", "Train quantized"
    LEAD = (
        "A staircase has no slope to learn by. See which slope training pretends instead, and "
        "how many errors it takes away where rounding a finished network fails."
    )
    STATE = QatState
    STAND_INS = {  # noqa: RUF012
        "qat.straight_through": "qlab.live.qat_standin:QatStandIn",
        "qat.lsq_step_gradient": "qlab.live.qat_standin:QatStandIn",
    }
    PROGRAM: ClassVar[Sequence[str]] = TRAINING  # that trains
    SPOKEN = ("levels", "blocked", "error_mse", "error_trained")
    BELOW = (
        *("error_trained", "error_mse", "error_minmax", "error_float"),
        *("error_own", "own_levels", "own_gap", "own_zeros"),
    )
    PRESETS = PRESETS

    # -- what it needs --------------------------------------------------------------

    def build(self) -> list[Figure]:
        """Open the network, some training images and the stored table; make the pictures."""
        self.table = Table()
        net = networks.load(NETWORK)
        self.images, _ = data.load("mnist").train[:SAMPLE].for_choosing("look at activations")
        entering = networks.activations(net, self.images)
        self.given = {
            **{("weights", layer): net.weights[layer] for layer in ("fc2", "fc3")},
            **{("activations", layer): entering[layer] for layer in ("fc2", "fc3")},
        }
        self._quantized: dict[tuple[Any, ...], Quantized] = {}
        self._trained: dict[tuple[Any, ...], Trained] = {}
        self.training = Training(
            lambda: self.state,
            self.table,
            self._take,
            self.fail,
            lambda words: self.page.describe({"learning": words}),
            self.PROGRAM,
        )
        self.training.density = lambda: self.page.density
        return [stairs_figure(), levels_figure(), errors_figure()]

    def extras(self) -> list[ipw.Widget]:
        """Return the corner where a network is trained."""
        training = getattr(self, "training", None)
        return [] if training is None else [training]

    def _take(self, own: Own) -> None:
        """Let a network trained here join the picture; a training that went on replaces itself."""
        before = tuple(o for o in self.state.own if o.seed != own.seed)
        self.state.own = (*before, own)
        self.refresh()

    def quantized(self, s: QatState) -> Quantized:
        """Quantize what the state looks at, once."""
        factor = s.factor if s.learns else 1.0
        known = (s.method, s.bits, s.activations, s.side, s.layer, factor)
        if known not in self._quantized:
            x = self.given[s.side, s.layer]
            if s.side == "weights":
                made = qat_quantizers.weights(s.method, s.bits, x, factor)
            elif s.activations is None:
                made = qat_quantizers.as_it_is(x)
            else:
                made = qat_quantizers.activations(s.method, s.activations, x, factor)
            self._quantized[known] = made
            if len(self._quantized) > 64:
                del self._quantized[next(iter(self._quantized))]
        return self._quantized[known]

    def trained(self, s: QatState, own: Own, made: Quantized) -> Trained | None:
        """Find where a network that was trained here stands, once; None where nothing is coded."""
        if s.side == "activations" and s.activations is None:
            return None
        known = (own, s.side, s.layer)
        if known not in self._trained:
            if s.side == "weights":
                found = qat_trained.weights(own, s.layer, bool(made.row or made.scaled))
            else:
                found = qat_trained.activations(own, s.layer, self.images)
            self._trained[known] = found
        return self._trained[known]

    # -- one state ----------------------------------------------------------------------

    def steps(self, s: QatState) -> Generator[None, None, QatResult]:
        """Quantize a layer as the method starts, and look up what training reached."""
        made = self.quantized(s)
        yield
        x, x_hat = made.x, made.x_hat
        levels, counts = np.unique(x_hat, return_counts=True)
        yield
        stairs, risers = stairs_of(made)
        yield
        limits = limits_of(made, levels)
        xs = np.linspace(limits[0], limits[1], POINTS, dtype=np.float32)
        slope, blocked, learned_slope, pull = self._slopes(s, made, xs)
        yield
        curves = self.table.curves(s.method, s.activations, s.own)
        own = next((o for o in s.own[::-1] if o.fits(s.method, s.bits, s.activations)), None)
        trained = None if own is None else self.trained(s, own, made)
        yield
        spec = None if made.qparams is None else made.qparams.spec
        gaps = np.diff(np.unique(stairs[1])) if risers.size else np.zeros(1)
        moves = s.side == "weights" and s.method != "learned_codebook"
        bottom, top = axis_of(made, xs)
        h = metrics.histogram(x, float(x.min()), float(x.max()), BINS)
        quantized = s.side == "weights" or s.activations is not None
        return QatResult(
            key=s.key(),
            method=s.method,
            bits=s.bits,
            asked=int(s.weight_bits),
            activations=s.activations,
            side=s.side,
            layer=s.layer,
            n=x.size,
            levels=len(levels),
            gap=float(gaps.min()),
            blocked=blocked,
            zeros=metrics.sparsity(x_hat),
            sqnr=metrics.sqnr(x, scaled(made)),
            scaled=made.scaled,
            crossing=steps_across(made, risers, s.lr) if moves and risers.size else None,
            g=surrogate.lsq_gradient_scale(sharing(made, s), spec)
            if s.method == "lsq" and s.learns and spec is not None
            else None,
            learned=None if made.learned is None else made.learned[:2],
            pull=pull,
            stairs=stairs,
            risers=risers,
            x=xs,
            slope=slope,
            learned_slope=learned_slope,
            limits=limits,
            bottom=bottom,
            top=top,
            before=(h.counts, h.edges),
            held=levels if quantized else levels[:0],
            counts=counts if quantized else counts[:0],
            curves=curves,
            errors=self._errors(s),
            own=own,
            trained=trained,
        )

    def _slopes(self, s: QatState, made: Quantized, xs: np.ndarray) -> tuple[Any, ...]:
        """Give the pretended slope at xs, who gets none, the learned slope, and its pull."""
        if self.at_work is not None:
            return self.at_work.slopes(s, made, xs)
        learned = None if made.learned is None else made.learned[2]
        pull = None
        if learned is not None:
            pull = surrogate.squared_error_slope(made.x, made.x_hat, learned(made.x))
        return (
            made.slope(xs),
            float((made.slope(made.x) == 0).mean()),
            None if learned is None else learned(xs),
            pull,
        )

    def _errors(self, s: QatState) -> dict[str, Measured]:
        found = {
            "trained": self.table.mean(s.method, s.bits, s.activations),
            "mse": self.table.mean("mse", s.bits, s.activations),
            "minmax": self.table.mean("minmax", s.bits, s.activations),
        }
        return {name: error for name, error in found.items() if error is not None}

    def background(self, s: QatState) -> Iterator[Task]:
        """At last the codebooks, which take longest, so that a choice is as quick as a slider."""
        yield self._codebooks(s)

    def _codebooks(self, s: QatState) -> Task:
        for layer in ("fc2", "fc3"):
            for bits in METHODS_BITS["learned_codebook"]:
                changed = {"method": "learned_codebook", "weight_bits": bits, "layer": layer}
                self.quantized(s.copy(**changed, side="weights"))
                yield

    def ahead(self, s: QatState, name: str) -> list[Any]:
        """Leave out what the present method does not use, and what moves nothing."""
        return super().ahead(s, name) if name in s.used() - {"epochs"} else []

    def show(self, result: QatResult) -> None:
        """Show a result, and of the controls those that mean something beside the others."""
        used = self.state.used()
        for name, bound in self.controls.items():
            bound.layout.display = None if name in used else "none"
        super().show(result)

    # -- numbers ------------------------------------------------------------------------

    def numbers(self, r: QatResult) -> Iterator[Value]:
        """List the quantizer's own numbers, then what training reached."""
        yield from quantizers_numbers(r)
        yield from reached(r, self.table)

    # -- taking it along -----------------------------------------------------------------

    def code(self) -> str:
        """Write the lines of qlab that print the numbers on screen."""
        r, s = self.result, self.state
        before = "" if r.own is None else self.training.code(r.own)
        return code_of(s, r, self.quantized(s), before)

    def tables(self) -> dict[str, tuple[list[str], list[list[Any]]]]:
        """Add the levels and everything measured."""
        r = self.result
        if r is None:
            return {}
        levels = {f"levels of the {r.side} of {r.layer}": (r.held, r.counts)}
        if r.trained is not None:
            levels[f"the same, trained here, seed {r.own.seed}"] = r.trained.held, r.trained.counts
        header = ["method", "weights, bits", "activations, bits", "seed", "error", "low", "high"]
        return {
            **{
                title: (["value", "count"], [[float(x), int(n)] for x, n in zip(*of, strict=True)])
                for title, of in levels.items()
            },
            "measured": ([*header, "n", "source"], self.table.rows(self.state.own)),
        }
