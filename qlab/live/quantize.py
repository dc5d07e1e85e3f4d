"""The Quantize instrument: drag the bits of a trained network and watch what it costs.

The weights fall onto levels, the staircase gets its treads, the error its shape, and the
accuracy is measured: at once on a fixed random draw of the test images, then on all.
"""

import functools
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

import ipywidgets as ipw
import numpy as np

from qlab import codebooks, core, data, metrics, networks, ranges
from qlab.core import QParams, QuantSpec
from qlab.live.evaluation import Evaluation, share, sweepable
from qlab.live.figure import Figure
from qlab.live.instrument import Instrument
from qlab.live.quantize_background import Job, Jobs
from qlab.live.quantize_code import code_of
from qlab.live.quantize_kept import activation_ends, base_of, divide_by_scales, flat, range_of
from qlab.live.quantize_look import Look, Small, affine_levels, extreme_scales, look_coded
from qlab.live.quantize_numbers import numbers, waits_for
from qlab.live.quantize_pictures import (
    curve_figure,
    error_figure,
    flips_figure,
    stairs_figure,
    weights_figure,
)
from qlab.live.quantize_presets import PRESETS
from qlab.live.quantize_size import METERS, WHY, huffman, operations, packed, times
from qlab.live.quantize_state import REPAIR_IMAGES, QuantizeResult, QuantizeState
from qlab.live.readout import Readout, Value
from qlab.live.worker import Task, finish
from qlab.networks import Network

AT_ONCE = 0.02  # seconds that a hand waits for a grid that is not affine
SOON = 0.3  # seconds of such a grid that is worth a curve
TIMED, REPEATS = 100, 20  # images of a call, calls
NEAREST: dict[str, Any] = {"repair": "none", "rounding": "nearest", "granularity": "tensor"}
SEARCHED = ("mse", "least_squares_mapping", "kl", "histogram_mapping")  # 5 to 50 ms a layer
_CALIBRATOR = ThreadPoolExecutor(1, "qlab-calibrate")


class Quantize(Instrument):
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
        self.clock, self.waits = Readout("clock"), ipw.HTML()
        self.waits.add_class("qlab-waits")
        super().__init__(**given)

    # -- the library at work --------------------------------------------------------

    def steps(self, s: QuantizeState) -> Generator[None, None, QuantizeResult]:
        """Quantize, measure the errors, estimate the accuracy."""
        net, chosen = base_of(s.network, s.equalized()), s.chosen()
        small, look = self.made(s)
        waiting = small is None
        if small is None:  # until then
            plain = s.copy(grid="affine", bits=min(16, s.width()), **NEAREST)
            for name in chosen:
                range_of(s.network, s.equalized(), name, plain.spec(), plain.method)
                yield
            small = self._quantized(plain)
        acting = self._with_activations(s, small)
        yield
        if look is None:
            look = yield from self._look(s, net, small)

        start = min(acting.index(name) for name in chosen) if s.activation_bits == "float" else 0
        base = (s.network, s.equalized())
        now = yield from self.evaluation.classes(acting, start, before=base)
        rows = self.evaluation.draw(acting, start)
        labels = self.evaluation.test.labels[rows]
        was = self.evaluation.reference_classes(base, net, rows)
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
            bytes=packed(small).total,
            dense=metrics.bytes_dense(net).total,
            macs=macs,
            bit_operations=bit_operations,
        )

    def result_of(self, s: QuantizeState) -> Generator[None, None, QuantizeResult]:
        """Find or compute the result of a state; one that waited is computed again."""
        found = self.results.get(s.key())
        if found is not None and found.waiting:
            del self.results[s.key()]
        return (yield from super().result_of(s))

    def _look(
        self, s: QuantizeState, net: Network, small: networks.Quantized
    ) -> Generator[None, None, Look]:
        chosen = s.chosen()
        W, W_hat = flat(net, chosen), flat(small.network, chosen)
        in_steps = W_hat - W
        divide_by_scales(in_steps, [(small.qparams[k], net.weights[k].shape) for k in chosen])
        levels_of = affine_levels if self.at_work is None else self.at_work.levels
        levels = levels_of(small, chosen, W_hat, self._limit(s))
        yield
        narrow, wide = extreme_scales(small.qparams)
        stairs = self._stairs(s, narrow, wide)
        yield
        ends = (float(narrow.scale), float(wide.scale))
        return Look.of(W, W_hat, in_steps, levels, stairs, ends)

    def _measure(self, s: QuantizeState) -> Task:
        """Replace the estimate of a kept result by all test images."""
        result = yield from self.result_of(s)
        small, _ = self.made(s)
        if result.full or result.waiting or small is None:
            return
        net, labels = base_of(s.network, s.equalized()), self.evaluation.test.labels
        was = yield from self.evaluation.all_reference_classes((s.network, s.equalized()), net)
        now = yield from self.evaluation.all_classes(self._with_activations(s, small))
        flipped = np.flatnonzero(now != was)
        size, entropy = yield from huffman(small)
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
        small, _ = self.made(s)
        if result.latency is not None or result.waiting or small is None:
            return
        images = self.evaluation.test[:TIMED].images
        variants = {
            "float": networks.load(s.network),
            "simulated": self._with_activations(s, small),
        }
        calls = {name: functools.partial(net.predict, images) for name, net in variants.items()}
        latency = yield from metrics.latency_in_turns(calls, REPEATS)
        self.results[s.key()] = timed = replace(self.results[s.key()], latency=latency)
        if s.key() == self.state.key():
            self.result = timed if self.standing is None else self.standing.view(timed)
            self.clock.show(times(self.result))  # no picture shows it

    def made(self, s: QuantizeState) -> tuple[Any, Look | None]:
        """Return what a state makes of the weights, and its look; None while it is computed."""
        if self.at_work is not None:
            return self.at_work.answers(s).small, None
        return self.by_library(s)

    def by_library(self, s: QuantizeState, seconds: float = AT_ONCE) -> tuple[Any, Look | None]:
        """Return the same, whatever stands in for the library, after at most so long."""
        if s.plain():
            return self._quantized(s), None
        job = self._job(s)
        return job.result if job.ready(seconds) else (None, None)

    def network_of(self, s: QuantizeState) -> Network | None:
        """Return the network that a state infers with; None while it is computed."""
        small, _ = self.made(s)
        return None if small is None else self._with_activations(s, small)

    def _work(self, s: QuantizeState, pause: Callable[[], None]) -> tuple[Any, Look | None]:
        """Repair, or code the weights, in a thread of its own."""
        net, layers = networks.load(s.network), s.chosen()
        if s.rounds_itself():
            images = data.load("mnist").calibration[:REPAIR_IMAGES]
            method = pausing(s.repair_function(), pause)
            return networks.repair(net, s.spec(), method, images, layers), None
        method = pausing(codebooks.METHODS[s.grid], pause)
        small = networks.code_weights(net, method, layers, **s.grid_options())
        return small, finish(look_coded(net, small, self.stair_points(s), self._limit(s)))

    def _quantized(self, s: QuantizeState) -> networks.Quantized:
        """Round the weights to an affine grid."""
        net = base_of(s.network, s.equalized())
        found = {id(net.weights[name]): q for name, q in self.ranges_of(s).items()}
        return networks.quantize_weights(
            net, s.spec(), lambda W, spec: found[id(W)], s.rounding_function(), s.chosen()
        )

    def _with_activations(self, s: QuantizeState, small: Small) -> Network:
        """Return the network that infers, its activations quantized where they are to be."""
        if s.activation_bits == "float":
            return small.network
        acting = self._acting(s.network, s.equalized(), s.activation_bits)
        return acting.with_weights(small.network.weights, small.network.biases)

    def ranges_of(self, s: QuantizeState) -> dict[str, QParams]:
        """Find scale and zero point of each layer that is quantized."""
        even = s.equalized()
        return {name: range_of(s.network, even, name, s.spec(), s.method) for name in s.chosen()}

    def stair_points(self, s: QuantizeState) -> np.ndarray:
        """List the weights at which the staircase is drawn."""
        limit = self._limit(s)
        return np.linspace(-limit, limit, 401, dtype=np.float32)

    def _stairs(self, s: QuantizeState, *ends: QParams) -> np.ndarray:
        if self.at_work is not None:
            return self.at_work.answers(s).stairs
        x, rounding = self.stair_points(s), s.rounding_function()
        return np.stack([core.fake_quantize(x, q, rounding) for q in ends])

    def _acting(self, name: str, even: bool, bits: int) -> Network:
        """Return a network whose activations have so many bits."""
        spec = QuantSpec(bits=bits, signed=False, symmetric=False)
        ends = self._calibrated(name, even).result()
        qparams = {layer: ranges.minmax(x, spec) for layer, x in ends.items()}
        return networks.fake_quantize_inputs(base_of(name, even), qparams)

    def _calibrated(self, name: str, even: bool) -> "Future[dict[str, np.ndarray]]":
        """Calibrate once for all bits, in a thread: the page is heard meanwhile."""
        if (name, even) not in self._ends:
            self._ends[name, even] = _CALIBRATOR.submit(activation_ends, name, even)
        return self._ends[name, even]

    def _limit(self, s: QuantizeState | QuantizeResult) -> float:
        """Find the largest weight, a little rounded up: both ends of the weight axes."""
        even = (s if isinstance(s, QuantizeState) else s.state).equalized()
        weights = base_of(s.network, even).weights
        chosen = weights.values() if s.layer == "all" else [weights[s.layer]]
        return self.evaluation.keep(
            ("limit", s.network, s.layer, even),
            lambda: 1.04 * max(float(np.abs(W).max()) for W in chosen),
        )

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

    def ahead(self, s: QuantizeState, name: str) -> list[Any]:
        """Leave out what would have to be waited for, and what the grid does not have."""
        here = s.plain() and name in s.used() - {"grid", "repair"}
        return super().ahead(s, name) if here else []

    def _first(self) -> Task:
        """Draw and describe the first time what is drawn at rest: all images may take a while."""
        if not self.page.alts:
            self.figures["flips"].show(self.result)
            yield
            self.page.describe({name: figure.alt for name, figure in self.figures.items()})

    def _job(self, s: QuantizeState) -> Job:
        return self.jobs.ask(s.weights_key(), functools.partial(self._work, s.copy()))

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
        calibration = self._calibrated(s.network, s.equalized())
        while not calibration.done():
            wait([calibration], 0.004)
            yield

    def _search(self, s: QuantizeState, near: list[int]) -> Task:
        """Search ranges ahead that take too long for a hand, those of the method shown first."""
        for method in sorted(SEARCHED, key=lambda name: name != s.method):
            for bits in near:
                spec = s.copy(bits=bits).spec()
                for name in s.chosen():
                    range_of(s.network, s.equalized(), name, spec, method)
                    yield

    def _sketch(self, s: QuantizeState, near: list[int]) -> Task:
        for bits in near:
            other = s.copy(bits=bits)
            while not other.plain() and not self._job(other).ready(0.004):
                yield
            yield from self.result_of(other)
            self.figures["curve"].show(self.result)
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
        """Make the five pictures."""
        self.evaluation, self.jobs = Evaluation(), Jobs()
        self._ends: dict[tuple[str, bool], Future[dict[str, np.ndarray]]] = {}
        networks.load(self.state.network)
        return [
            weights_figure(self._limit, lambda r: flat(_base(r), r.chosen)),
            stairs_figure(self._limit),
            error_figure(),
            curve_figure(self._known),
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
        self.waits.value = f'<p role="status">{waits_for(s)}</p>' if result.waiting else ""

    def tools(self) -> list[ipw.Widget]:
        """Return the sentence about what is being computed."""
        return [self.waits]

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


def pausing(method: Callable[..., Any], pause: Callable[[], None]) -> Callable[..., Any]:
    """Let a method of a layer pause first."""

    def paused(*given: Any, **options: Any) -> Any:
        pause()
        return method(*given, **options)

    return paused


def _base(r: QuantizeResult) -> Network:
    return base_of(r.network, r.state.equalized())
