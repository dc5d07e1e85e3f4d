"""The Quantize instrument: drag the bits of a trained network and watch what it costs.

The weights fall onto levels, the staircase gets its treads, the error its shape, and the
accuracy is measured: at once on a fixed random draw of the test images, then on all.
"""

import functools
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np

from qlab import core, data, metrics, networks, ranges
from qlab.core import PerTensor, QParams, QuantSpec
from qlab.live.evaluation import Evaluation, share, sweepable
from qlab.live.figure import Figure
from qlab.live.instrument import Instrument, Preset
from qlab.live.quantize_pictures import (
    ERRORS,
    curve_figure,
    error_figure,
    flips_figure,
    stairs_figure,
    weights_figure,
)
from qlab.live.quantize_state import GRANULARITIES, QuantizeResult, QuantizeState
from qlab.live.readout import Value
from qlab.live.worker import Task
from qlab.networks import Network

BITS = range(1, 17)
BINS = 320  # of the weight histogram, about one a pixel
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
        "model.forward": "qlab.live.quantize_forward:ForwardStandIn",
    }
    SPOKEN = ("accuracy", "change", "ratio")
    PRESETS = (
        Preset(
            "8 bits are free",
            {"bits": 8},
            "A quarter of the bytes and the same accuracy, within noise: 255 levels are more "
            "than these weights need. That is why 8 bits is where everyone starts.",
        ),
        Preset(
            "2 bits and the outlier",
            {"bits": 2},
            "One scale must reach the largest weight, so with three levels nearly all others "
            "round to zero. Look at the levels: the bell is under the middle one.",
        ),
        Preset(
            "2 bits, clipped",
            {"bits": 2, "method": "mse"},
            "The same two bits, but the range is chosen for the smallest squared error: a few "
            "large weights are clipped, the many small ones get levels. Compare the accuracy.",
        ),
        Preset(
            "2 bits, a scale a row",
            {"bits": 2, "granularity": "axis"},
            "Each output neuron gets a scale that fits its own weights. The price is in the "
            "bytes: 4 more for each row. Does it help as much as clipping?",
        ),
        Preset(
            "Rounding down",
            {"bits": 5, "rounding": "floor"},
            "Floor errs in one direction only: the mean error is not zero but half a step, and "
            "a sum over hundreds of inputs adds it up. Set it to nearest and compare.",
        ),
        Preset(
            "Activations too",
            {"bits": 8, "activation_bits": 2},
            "Weights at 8 bits, but what enters each layer has only four values. Integer hardware "
            "needs both. Give the weights these 2 bits instead, and leave the activations float: "
            "which half of this network is the harder one?",
        ),
    )

    # -- the library at work --------------------------------------------------------

    def steps(self, s: QuantizeState) -> Generator[None, None, QuantizeResult]:
        """Quantize, measure the errors, estimate the accuracy."""
        net = networks.load(s.network)
        chosen = s.chosen()
        for name in chosen:
            _range(s.network, name, s.spec(), s.method)
            yield
        small, acting = self._quantized(s)
        yield

        W = _flat(net, chosen)
        W_hat = _flat(small.network, chosen)
        s_ = np.concatenate([_scales(small.qparams[k], net.weights[k].shape) for k in chosen])
        errors = metrics.errors(W, W_hat)
        in_steps = (W_hat - W) / s_
        error_counts = metrics.histogram(in_steps, *ERRORS).counts
        levels_of = _levels if self.at_work is None else self.at_work.levels
        levels, level_counts = levels_of(small, chosen, W_hat, self._limit(s))
        yield

        narrow, wide = extreme_scales(small.qparams)
        stairs = self._stairs(s, narrow, wide)
        yield

        start = min(acting.index(name) for name in chosen) if s.activation_bits == "float" else 0
        now = yield from self.evaluation.classes(acting, start, before=s.network)
        rows = self.evaluation.draw(acting, start)
        labels = self.evaluation.test.labels[rows]
        was = self.evaluation.reference_classes(s.network, net, rows)
        yield
        flipped = np.flatnonzero(now != was)
        return QuantizeResult(
            key=s.key(),
            network=s.network,
            layer=s.layer,
            chosen=chosen,
            bits=s.bits,
            accuracy=share(now == labels, "estimated"),
            reference=share(was == labels, "estimated"),
            flipped=share(now != was, "estimated"),
            flips=tuple((int(rows[i]), int(was[i]), int(now[i])) for i in flipped[:10]),
            errors=errors,
            error_counts=error_counts,
            mean_error=float(in_steps.mean()),
            levels=levels,
            level_counts=level_counts,
            stairs=stairs,
            steps=(float(narrow.scale), float(wide.scale)),
            bytes=metrics.bytes_packed(small.network, small.qparams).total,
            dense=metrics.bytes_dense(net).total,
        )

    def _measure(self, s: QuantizeState) -> Task:
        """Replace the estimate of a kept result by all test images."""
        result = yield from self.result_of(s)
        if result.full:
            return
        net, labels = networks.load(s.network), self.evaluation.test.labels
        was = yield from self.evaluation.all_reference_classes(s.network, net)
        _, acting = self._quantized(s)
        now = yield from self.evaluation.all_classes(acting)
        flipped = np.flatnonzero(now != was)
        self.improve(
            s,
            accuracy=share(now == labels, "measured"),
            reference=share(was == labels, "measured"),
            flipped=share(now != was, "measured"),
            flips=tuple((int(i), int(was[i]), int(now[i])) for i in flipped[:10]),
        )

    def _quantized(self, s: QuantizeState) -> tuple[networks.Quantized, Network]:
        """Return the quantized weights, and the network that infers with them."""
        net = networks.load(s.network)
        chosen = s.chosen()
        if self.at_work is not None:
            small = self.at_work.answers(s).small
        else:
            found = {id(net.weights[name]): q for name, q in self.ranges_of(s).items()}
            small = networks.quantize_weights(
                net, s.spec(), lambda W, spec: found[id(W)], s.rounding_function(), chosen
            )
        if s.activation_bits == "float":
            return small, small.network
        acting = self._acting(s.network, s.activation_bits)
        return small, acting.with_weights({k: small.network.weights[k] for k in chosen})

    def ranges_of(self, s: QuantizeState) -> dict[str, QParams]:
        """Find scale and zero point of each layer that is quantized."""
        return {name: _range(s.network, name, s.spec(), s.method) for name in s.chosen()}

    def stair_points(self, s: QuantizeState) -> np.ndarray:
        """List the weights at which the staircase is drawn."""
        limit = self._limit(s)
        return np.linspace(-limit, limit, 401, dtype=np.float32)

    def _stairs(self, s: QuantizeState, *ends: QParams) -> np.ndarray:
        if self.at_work is not None:
            return self.at_work.answers(s).stairs
        x, rounding = self.stair_points(s), s.rounding_function()
        return np.stack([core.fake_quantize(x, q, rounding) for q in ends])

    def _acting(self, name: str, bits: int) -> Network:
        """Return a network whose activations have so many bits."""
        spec = QuantSpec(bits=bits, signed=False, symmetric=False)
        ends = self._calibrated(name).result()
        qparams = {layer: ranges.minmax(x, spec) for layer, x in ends.items()}
        return networks.fake_quantize_inputs(networks.load(name), qparams)

    def _calibrated(self, name: str) -> "Future[dict[str, np.ndarray]]":
        """Calibrate once for all bits, in a thread: the page is heard meanwhile."""
        if name not in self._ends:
            self._ends[name] = _CALIBRATOR.submit(_activation_ends, name)
        return self._ends[name]

    def _limit(self, s: QuantizeState | QuantizeResult) -> float:
        """Find the largest weight, a little rounded up: both ends of the weight axes."""
        weights = networks.load(s.network).weights
        chosen = weights.values() if s.layer == "all" else [weights[s.layer]]
        return self.evaluation.keep(
            ("limit", s.network, s.layer),
            lambda: 1.04 * max(float(np.abs(W).max()) for W in chosen),
        )

    # -- idle work -------------------------------------------------------------------

    def plan(self, s: QuantizeState) -> Iterator[Task]:
        """Measure here, sketch the curve, prepare the slider in hand, measure the curve."""
        near = sorted(BITS, key=lambda b: (abs(b - s.bits), b))
        yield self._link_task()
        yield self._measure(s)
        yield from self.stood(self._measure, s)
        yield self._settled_task()
        yield self._calibrate(s)
        yield self._sketch(s, near)
        yield self._ahead_task(s)
        yield self._search(s, near)
        if sweepable(networks.load(s.network)):
            for bits in near:
                yield self._measure(s.copy(bits=bits))
                yield self._redraw()

    def _calibrate(self, s: QuantizeState) -> Task:
        calibration = self._calibrated(s.network)
        while not calibration.done():
            wait([calibration], 0.004)
            yield

    def _search(self, s: QuantizeState, near: list[int]) -> Task:
        """Search ranges ahead that take too long for a hand, those of the method shown first."""
        for method in sorted(SEARCHED, key=lambda name: name != s.method):
            for bits in near:
                spec = s.copy(bits=bits).spec()
                for name in s.chosen():
                    _range(s.network, name, spec, method)
                    yield

    def _sketch(self, s: QuantizeState, near: list[int]) -> Task:
        for bits in near:
            yield from self.result_of(s.copy(bits=bits))
            self.figures["curve"].show(self.result)
            yield
        yield from self._redraw()

    def _redraw(self) -> Task:
        self.sharpen(self.figures["curve"])
        yield

    # -- numbers ---------------------------------------------------------------------

    def numbers(self, r: QuantizeResult) -> Iterator[Value]:
        """Accuracy and what it is compared with, errors, bytes."""
        yield Value.of("accuracy", "Accuracy", r.accuracy, form="percent")
        yield Value.change("Change against float", r.accuracy, r.reference)
        yield Value.of("float_accuracy", "Float accuracy, same images", r.reference, form="percent")
        yield Value.of("flipped", "Predictions flipped", r.flipped, form="percent")
        weights = "all weights" if r.layer == "all" else f"weights of {r.layer}"
        for name, label, form in (
            ("sqnr", f"SQNR, {weights}", "decibel"),
            ("mse", f"MSE, {weights}", "number"),
        ):
            yield Value(
                name=name,
                label=label,
                value=getattr(r.errors, name),
                source="derived",
                form=form,
            )
        yield Value(
            name="bytes",
            label="Bytes, packed",
            value=r.bytes,
            source="derived",
            form="bytes",
            note=f"float32: {r.dense:,}",
        )
        yield Value(
            name="ratio",
            label="Smaller by",
            value=r.dense / r.bytes,
            source="derived",
            form="ratio",
        )

    # -- pictures ---------------------------------------------------------------------

    def build(self) -> list[Figure]:
        """Make the five pictures."""
        self.evaluation = Evaluation()
        self._ends: dict[str, Future[dict[str, np.ndarray]]] = {}
        networks.load(self.state.network)
        return [
            weights_figure(self._limit, lambda r: _flat(networks.load(r.network), r.chosen)),
            stairs_figure(self._limit),
            error_figure(),
            curve_figure(self._known),
            flips_figure(lambda: self.evaluation.test),
        ]

    def _known(self, r: QuantizeResult) -> list[QuantizeResult]:
        """List the results at every number of bits that are there already, bits ascending."""
        keys = ((*r.key[:2], bits, *r.key[3:]) for bits in BITS)
        return [self.results[key] for key in keys if key in self.results]

    # -- what is taken away -----------------------------------------------------------

    def code(self) -> str:
        """Write the lines of qlab that print the numbers on screen."""
        s = self.state
        layers = None if s.layer == "all" else [s.layer]
        spec = f"bits={s.bits}, symmetric={s.symmetric}"
        rounding = (
            "qlab.core.stochastic(np.random.default_rng(0))"
            if s.rounding == "stochastic"
            else f"qlab.core.{s.rounding}"
        )
        acting = "acting = small.network"
        if s.activation_bits != "float":
            acting = (
                "acting = qlab.networks.quantize_activations(net, mnist.calibration, qlab.core."
                f"QuantSpec(bits={s.activation_bits}, signed=False, symmetric=False)"
                ").with_weights(small.network.weights)"
            )
        return f"""import numpy as np, qlab
net, mnist = qlab.networks.load("{s.network}"), qlab.data.load("mnist")
spec = qlab.core.QuantSpec({spec}, granularity=qlab.core.{GRANULARITIES[s.granularity][1]!r})
small = qlab.networks.quantize_weights(net, spec, qlab.ranges.{s.method}, {rounding}, {layers})
{acting}
W, W_hat = (np.concatenate([n.weights[k].ravel() for k in small.qparams])
            for n in (net, small.network))
was, now = (n.predict(mnist.test.images) for n in (net, acting))
before, after = (qlab.metrics.accuracy(x, mnist.test).value for x in (was, now))
print("accuracy", after, "\\nfloat_accuracy", before, "\\nchange", after - before)
print("flipped", (was.argmax(1) != now.argmax(1)).mean())
print("sqnr", qlab.metrics.sqnr(W, W_hat), "\\nmse", qlab.metrics.mse(W, W_hat))
size, dense = qlab.metrics.bytes_packed(small.network, small.qparams), qlab.metrics.bytes_dense(net)
print("bytes", size.total, "\\nratio", dense.total / size.total)
"""

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


def _activation_ends(name: str) -> dict[str, np.ndarray]:
    """Find least and largest of what enters each layer, on the calibration split."""
    x, _ = data.load("mnist").calibration.for_choosing("calibrate activation ranges")
    entering = networks.activations(networks.load(name), x)
    return {layer: np.array([x.min(), x.max()]) for layer, x in entering.items()}


@functools.lru_cache(maxsize=2048)
def _range(network: str, layer: str, spec: QuantSpec, method: str) -> QParams:
    """Find scale and zero point of one layer, or the ones found before."""
    return ranges.METHODS[method](networks.load(network).weights[layer], spec)


def _flat(net: Network, chosen: list[str]) -> np.ndarray:
    weights = [net.weights[name].ravel() for name in chosen]
    return weights[0] if len(weights) == 1 else np.concatenate(weights)


def _scales(qparams: QParams, shape: tuple[int, ...]) -> np.ndarray:
    return np.broadcast_to(qparams.expand(shape)[0], shape).ravel()


def _levels(
    small: networks.Quantized, chosen: list[str], W_hat: np.ndarray, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Levels and how many weights each holds; where they are too many, fine bins of them."""
    spec = next(iter(small.qparams.values())).spec
    if spec.granularity == PerTensor() and spec.bits <= 8:
        codes = np.arange(spec.quant_min, spec.quant_max + 1, dtype=np.int32)
        positions = [core.dequantize(codes, small.qparams[name]) for name in chosen]
        counts = [metrics.code_counts(small.codes[name], spec) for name in chosen]
        return np.concatenate(positions), np.concatenate(counts)
    h = metrics.histogram(W_hat, -limit, limit, BINS)
    return (h.edges[:-1] + h.edges[1:]) / 2, h.counts


def extreme_scales(qparams: Any) -> tuple[QParams, QParams]:
    """Scalar QParams of the narrowest and the widest step among all blocks."""
    scale = np.concatenate([q.scale.ravel() for q in qparams.values()])
    zero = np.concatenate([q.zero_point.ravel() for q in qparams.values()])
    spec = next(iter(qparams.values())).spec
    one = QuantSpec(bits=spec.bits, signed=spec.signed, symmetric=spec.symmetric)
    ends = (int(scale.argmin()), int(scale.argmax()))
    narrow, wide = (QParams(np.array(scale[i]), np.array(zero[i]), one) for i in ends)
    return narrow, wide
