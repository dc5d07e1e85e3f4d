"""The Quantize instrument: drag the bits of a trained network and watch what it costs.

The weights fall onto levels, the staircase gets its treads, the error its shape, and the
accuracy is measured: at once on a fixed random draw of the test images, then on all.
"""

import functools
from collections.abc import Generator, Iterator
from concurrent.futures import wait
from dataclasses import replace
from typing import Any

import ipywidgets as ipw
import numpy as np

from qlab import metrics, networks
from qlab.live.evaluation import Evaluation, share, sweepable
from qlab.live.figure import Figure
from qlab.live.instrument import Instrument
from qlab.live.legend import HOLLOW
from qlab.live.quantize_acting import Made, packed
from qlab.live.quantize_background import Jobs
from qlab.live.quantize_code import code_of
from qlab.live.quantize_kept import divide_by_scales, flat, range_of
from qlab.live.quantize_look import Look, affine_levels, extreme_scales
from qlab.live.quantize_making import Making
from qlab.live.quantize_notes import note
from qlab.live.quantize_numbers import numbers, waits_for
from qlab.live.quantize_pictures import (
    curve_figure,
    error_figure,
    flips_figure,
    stairs_figure,
    weights_figure,
)
from qlab.live.quantize_presets import PRESETS
from qlab.live.quantize_size import METERS, WHY, huffman, operations, times
from qlab.live.quantize_state import QuantizeResult, QuantizeState
from qlab.live.quantize_strips import strips_figure
from qlab.live.readout import Readout, Value
from qlab.live.worker import Task

SOON = 0.3  # seconds of such a grid that is worth a curve
TIMED, REPEATS = 100, 20  # images of a call, calls
NEAREST: dict[str, Any] = {"repair": "none", "rounding": "nearest", "granularity": "tensor"}
SEARCHED = ("mse", "least_squares_mapping", "kl", "histogram_mapping")  # 5 to 50 ms a layer


class Quantize(Making, Instrument):
    """Bits, granularity, range and rounding of a trained network, live."""

    NAME = "quantize"
    TITLE = "Quantize"
    LEAD = (
        "Give each weight of a trained network only a few bits, and measure what the network "
        "still knows about 10,000 handwritten digits that it has never seen."
    )
    STATE = QuantizeState
    STAND_INS = {  # noqa: RUF012
        "affine.quantize": "qlab.live.quantize_standin:QuantizeStandIn",
        "meters.sqnr": "qlab.live.quantize_meter:MeterStandIn",
        "repair.least_squares_scale": "qlab.live.quantize_scale:ScaleStandIn",
        "model.forward": "qlab.live.quantize_forward:ForwardStandIn",
    }
    SPOKEN = ("accuracy", "change", "ratio")
    PRESETS = PRESETS
    BELOW = METERS

    def __init__(self, **given: Any) -> None:
        self.clock, self.waits, self.notes = Readout("clock"), ipw.HTML(), ipw.HTML()
        self.waits.add_class("qlab-waits")
        super().__init__(**given)

    # -- the library at work --------------------------------------------------------

    def steps(self, s: QuantizeState) -> Generator[None, None, QuantizeResult]:
        """Quantize, measure the errors, estimate the accuracy."""
        chosen, made = s.chosen(), self.made(s)
        waiting = made is None
        if made is None:  # until then
            plain = s.copy(grid="affine", bits=min(16, s.width()), **NEAREST)
            for name in chosen:
                range_of(s.network, "none", name, plain.spec(), plain.method)
                yield
            made = self._quantized(plain)
        net, small, look = made.base, made.small, made.look
        acts = self._with_activations(s, made)
        yield
        if look is None:
            look = yield from self._look(s, made)

        floats = s.activation_bits == "float" and s.bias_spec() is None
        start = min(acts.index(name) for name in chosen) if floats else 0
        now = yield from self.evaluation.classes(
            acts, start, before=made.name, batch_size=s.batch_size()
        )
        rows = self.evaluation.draw(acts, start)
        labels = self.evaluation.test.labels[rows]
        was = self.evaluation.reference_classes(s.network, networks.load(s.network), rows)
        yield
        flipped = np.flatnonzero(now != was)
        macs, bit_operations = operations(s)
        return QuantizeResult(
            key=s.key(),
            state=s,
            network=s.network,
            layer=s.layer,
            chosen=chosen,
            bits=s.width(),
            base=made.name,
            limit=self._limit(s, made),
            before=self._before(s, made),
            waiting=waiting,
            accuracy=share(now == labels, "estimated"),
            reference=share(was == labels, "estimated"),
            flipped=share(now != was, "estimated"),
            flips=tuple((int(rows[i]), int(was[i]), int(now[i])) for i in flipped[:10]),
            errors=look.errors,
            error_counts=look.error_counts,
            mean_error=look.mean_error,
            levels=look.levels,
            level_counts=look.level_counts,
            stairs=look.stairs,
            steps=look.steps,
            bytes=packed(s, small),
            dense=metrics.bytes_dense(net).total,
            macs=macs,
            bit_operations=bit_operations,
            strips=self._strips(s, made, acts),
        )

    def result_of(self, s: QuantizeState) -> Generator[None, None, QuantizeResult]:
        """Find or compute the result of a state; one that waited is computed again."""
        found = self.results.get(s.key())
        if found is not None and found.waiting:
            del self.results[s.key()]
        return (yield from super().result_of(s))

    def _look(self, s: QuantizeState, made: Made) -> Generator[None, None, Look]:
        chosen, small = s.chosen(), made.small
        assert isinstance(small, networks.Quantized)  # a coded one has its look
        W, W_hat = flat(made.base, chosen), flat(small.network, chosen)
        in_steps = W_hat - W
        shapes = {name: made.base.weights[name].shape for name in chosen}
        divide_by_scales(in_steps, [(small.qparams[k], shapes[k]) for k in chosen])
        levels_of = affine_levels if self.at_work is None else self.at_work.levels
        levels = levels_of(small, chosen, W_hat, self._limit(s, made))
        yield
        narrow, wide = extreme_scales(small.qparams)
        stairs = self._stairs(s, self._limit(s, made), narrow, wide)
        yield
        ends = (float(narrow.scale), float(wide.scale))
        return Look.of(W, W_hat, in_steps, levels, stairs, ends)

    def _measure(self, s: QuantizeState) -> Task:
        """Replace the estimate of a kept result by all test images."""
        result = yield from self.result_of(s)
        made = self.made(s)
        if result.full or result.waiting or made is None:
            return
        net, labels = networks.load(s.network), self.evaluation.test.labels
        was = yield from self.evaluation.all_reference_classes(s.network, net)
        now = yield from self.evaluation.all_classes(
            self._with_activations(s, made), batch_size=s.batch_size()
        )
        flipped = np.flatnonzero(now != was)
        size, entropy = yield from huffman(s, made.small)
        self.improve(
            s,
            accuracy=share(now == labels, "measured"),
            reference=share(was == labels, "measured"),
            flipped=share(now != was, "measured"),
            flips=tuple((int(i), int(was[i]), int(now[i])) for i in flipped[:10]),
            huffman=size,
            entropy=entropy,
        )

    def _time(self, s: QuantizeState) -> Task:
        """Take the time of the float network and of the quantized one, in turns."""
        result = yield from self.result_of(s)
        made = self.made(s)
        if result.latency is not None or result.waiting or made is None:
            return
        images = self.evaluation.test[:TIMED].images
        variants = {
            "float": networks.load(s.network),
            "simulated": self._with_activations(s, made),
        }
        size = s.batch_size()
        calls = {k: functools.partial(net.predict, images, size) for k, net in variants.items()}
        latency = yield from metrics.latency_in_turns(calls, REPEATS)
        self.results[s.key()] = timed = replace(self.results[s.key()], latency=latency)
        if s.key() == self.state.key():
            self.result = timed if self.standing is None else self.standing.view(timed)
            self.clock.show(times(self.result))  # no picture shows it

    # -- idle work -------------------------------------------------------------------

    def plan(self, s: QuantizeState) -> Iterator[Task]:
        """Measure here, sketch the curve, prepare the slider in hand, measure the curve."""
        possible = s.possible_bits()
        near = sorted(possible, key=lambda b: (abs(b - s.bits), b)) if len(possible) > 1 else []
        yield self._link_task()
        yield self._first()
        yield self._calibrate(s)
        yield self._await(s)
        yield self._measure(s)
        yield from self.stood(self._measure, s)
        yield self._settled_task()
        yield self._time(s)
        if not s.plain():
            if self._made_soon(s):
                yield self._sketch(s, near)
            return
        yield self._sketch(s, near)
        yield self._ahead_task(s)
        yield self.worker.pause()
        yield self._search(s, near)
        if sweepable(networks.load(s.network)):
            for bits in near:
                yield self._measure(s.copy(bits=bits))
                yield self.redraw("curve")
            yield self._ahead_task(s)  # what the page has at hand shows all of the curve, too

    def ahead(self, s: QuantizeState, name: str) -> list[Any]:
        """Leave out what would have to be waited for, and what the grid does not have."""
        here = s.plain() and name in s.used() - {"grid", "repair"}
        return super().ahead(s, name) if here else []

    def _first(self) -> Task:
        """Draw and describe the first time what is drawn at rest: all images may take a while."""
        if not self.page.alts:
            self.fill("flips")
            yield
            self.page.describe({name: figure.alt for name, figure in self.figures.items()})

    def _await(self, s: QuantizeState) -> Task:
        """Wait for what is being computed, then show it."""
        found = self.results.get(s.key())
        if found is None or not found.waiting:
            return
        job = self._job(s)
        while not job.ready(0.004):
            yield
        if s.key() == self.state.key():
            self.refresh()

    def _made_soon(self, s: QuantizeState) -> bool:
        return s.plain() or self._job(s).seconds <= SOON

    def _calibrate(self, s: QuantizeState) -> Task:
        calibration = self._calibrated(s.network, "none" if s.fold() == "awq" else s.fold())
        while not calibration.done():
            wait([calibration], 0.004)
            yield

    def _search(self, s: QuantizeState, near: list[int]) -> Task:
        """Search ranges ahead that take too long for a hand, those of the method shown first."""
        for method in sorted(SEARCHED, key=lambda name: name != s.method):
            for bits in near:
                spec = s.copy(bits=bits).spec()
                for name in s.chosen():
                    range_of(s.network, s.fold(), name, spec, method)
                    yield

    def _sketch(self, s: QuantizeState, near: list[int]) -> Task:
        for bits in near:
            other = s.copy(bits=bits)
            while not other.plain() and not self._job(other).ready(0.004):
                yield
            yield from self.result_of(other)
            self.fill("curve")
            yield
        yield from self.redraw("curve")

    # -- numbers ---------------------------------------------------------------------

    def numbers(self, r: QuantizeResult) -> Iterator[Value]:
        """Accuracy and what it is compared with, errors, bytes."""
        return numbers(r)

    @property
    def readouts(self) -> tuple[Readout, ...]:
        """Where numbers stand on the page, the clock among them."""
        return *super().readouts, self.clock

    def parts(self, result: Any) -> dict[Readout, list[Value]]:
        """Sort the numbers by where they stand, the times on the clock."""
        return {**super().parts(result), self.clock: list(times(result))}

    # -- pictures ---------------------------------------------------------------------

    def build(self) -> list[Figure]:
        """Make the six pictures."""
        self.evaluation, self.jobs = Evaluation(), Jobs()
        networks.load(self.state.network)
        return [
            weights_figure(),
            stairs_figure(),
            error_figure(),
            curve_figure(self._known),
            strips_figure(),
            flips_figure(lambda: self.evaluation.test),
        ]

    def _known(self, r: QuantizeResult) -> list[QuantizeResult]:
        """List the results at every number of bits that are there already, bits ascending."""
        possible = r.state.possible_bits()
        if len(possible) == 1:
            return [r]
        found = (self.results.get(r.state.at_bits(bits)) for bits in possible)
        return [other for other in found if other is not None and not other.waiting]

    def refresh(self) -> None:
        """Compute and show the present state; what was computed for another one is dropped."""
        if self._built:
            self.jobs.only(self.state.weights_key())
        super().refresh()

    def show(self, result: QuantizeResult) -> None:
        """Show a result, and of the controls those that mean something beside the others."""
        s = result.state
        used, possible = s.used(), s.possible_bits()
        for name, bound in self.controls.items():
            bound.layout.display = None if name in used else "none"
        bits = self.controls["bits"]
        if "bits" in used and (bits.min, bits.max) != (possible[0], possible[-1]):
            bits.min, bits.max = 1, 16
            bits.min, bits.max = possible[0], possible[-1]
            bits.sync()
        super().show(result)
        self.notes.value = note(s)
        swept = s.plain() and sweepable(networks.load(s.network))
        self.headings["curve"].value = self.figures["curve"].heading() + ("" if swept else HOLLOW)
        self.waits.value = f'<p role="status">{waits_for(s)}</p>' if result.waiting else ""

    def tools(self) -> list[ipw.Widget]:
        """Return what is said of the method chosen, and of what is being computed."""
        return [self.notes, self.waits]

    def extras(self) -> list[ipw.Widget]:
        """Return the clock, and why it does not fall."""
        card = ipw.VBox([ipw.HTML(WHY), self.clock])
        card.add_class("qlab-card")
        card.layout.margin = "14px 0 0"
        return [card]

    # -- what is taken away -----------------------------------------------------------

    def code(self) -> str:
        """Write the lines of qlab that print the numbers on screen."""
        return code_of(self.state)

    def tables(self) -> dict[str, tuple[list[str], list[list[Any]]]]:
        """List the curve and the flipped images, as far as they are known."""
        r = self.result
        curve = [
            [p.bits, p.accuracy.value, p.accuracy.low, p.accuracy.high, p.accuracy.n, p.bytes]
            for p in self._known(r)
        ]
        return {
            "accuracy against bits": (["bits", "accuracy", "low", "high", "n", "bytes"], curve),
            "flipped": (["test image", "was", "is"], [list(flip) for flip in r.flips]),
        }
