"""The Integer instrument: a test image goes through a network without a float.

One sum is followed product by product in its register, and from there to its code; the whole
network is measured on the test images, and a register too narrow shows what it costs.
"""

from collections.abc import Generator, Iterator
from concurrent.futures import wait
from dataclasses import replace
from typing import Any

import ipywidgets as ipw
import numpy as np

from qlab import networks
from qlab.core import dequantize
from qlab.live.evaluation import Evaluation, share, sweepable
from qlab.live.figure import Figure
from qlab.live.instrument import Instrument
from qlab.live.integer_arithmetic import (
    Tally,
    base_of,
    calibrated,
    equal,
    first_sums,
    grid_of,
    images_of_an_estimate,
    network_of,
    runs,
    tally,
    types,
)
from qlab.live.integer_code import code
from qlab.live.integer_numbers import numbers
from qlab.live.integer_pictures import (
    WIDTHS,
    curve_figure,
    gauge_figure,
    logits_figure,
    running_figure,
)
from qlab.live.integer_presets import PRESETS
from qlab.live.integer_state import IntegerResult, IntegerState
from qlab.live.integer_steps import csv_rows, table
from qlab.live.legend import HOLLOW
from qlab.live.readout import Value
from qlab.live.recent import Recent
from qlab.live.worker import Task
from qlab.networks import IntegerNetwork, bits_for, follow


class Integer(Instrument):
    """A network in integers alone, its sums and its registers, live."""

    NAME = "integer"
    TITLE = "Integer"
    LEAD = (
        "A digit goes through a network in which no number has a fraction: 8-bit codes, sums in a "
        "register, a product and a shift to the next codes. See how full the register gets."
    )
    STATE = IntegerState
    SPOKEN = ("accuracy", "overflows", "needed")
    PRESETS = PRESETS
    STAND_INS = {  # noqa: RUF012
        "integer.requantize": "qlab.live.integer_standin:IntegerStandIn",
    }

    # -- the library at work --------------------------------------------------------

    def steps(self, s: IntegerState) -> Generator[None, None, IntegerResult]:
        """Follow one sum, run one image, estimate on a draw."""
        base, net = base_of(s), network_of(s)
        yield
        test = self.evaluation.test
        one = test[s.image : s.image + 1]
        q = net.encode(one.images)
        layer = next(k for k in net.integer_layers if k.name == s.layer)
        into = net.enter(s.layer, q)
        output = min(s.neuron, len(layer.codes) - 1)
        walk = follow(layer, into, output)
        recode = None if self.at_work is None else self.at_work.recode(s)
        done = {run.name: run for run in runs(net, q, recode, s.layer)}
        walk = replace(walk, code=int(done[s.layer].codes[(0, output, *walk.place)]))
        yield
        float_net = networks.load(s.network)
        at, stop = (0, output, *walk.place), float_net.index(s.layer) + 1
        rows = self.rows(net)
        found = yield from self._tally(s, net, rows)
        bare = yield from self._base_tally(s, base, rows)
        lowest, highest = bare.ends[s.layer]
        labels = test.labels[rows]
        key = ("simulated", s.network, s.weight_bits, s.activation_bits)
        theirs = self.evaluation.reference_classes(key, base.simulated, rows)
        yield
        return IntegerResult(
            key=s.key(),
            network=s.network,
            layer=s.layer,
            accumulator_bits=s.accumulator_bits,
            multiplier_bits=s.multiplier_bits,
            image=s.image,
            label=int(one.labels[0]),
            pixels=one.images[0, 0],
            walk=walk,
            bias=int(layer.bias[output]),
            scales=grid_of(layer, output),
            leaving=layer.leaving,
            last=not layer.rectified,
            float_value=float(float_net.run(one.images, 0, stop)[at]),
            types=types(layer, q, done[s.layer]),
            logits=dequantize(done[net.integer_layers[-1].name].codes[0], net.leaving),
            float_logits=float_net.predict(one.images)[0],
            needs={name: counts.bits for name, counts in bare.counts.items()},
            worst={k.name: bits_for(*k.extremes) for k in base.integer_layers},
            reach=(int(lowest[output]), int(highest[output])),
            overflows=found.overflows,
            saturated=found.saturated,
            accuracy=share(found.classes == labels, "estimated"),
            simulated=share(theirs == labels, "estimated"),
            reference=self.evaluation.reference(s.network, float_net, rows),
            same=share(found.classes == theirs, "estimated"),
        )

    def rows(self, net: IntegerNetwork) -> np.ndarray:
        """Return the test images of an estimate: as many as fit, in a fixed random order."""
        return self.evaluation.order[: images_of_an_estimate(net)]

    def _tally(
        self, s: IntegerState, net: IntegerNetwork, rows: np.ndarray
    ) -> Generator[None, None, Tally]:
        test = self.evaluation.test
        if self.at_work is not None:
            recode = self.at_work.recode_draw(s, net, rows)
            return (yield from tally(net, test[rows], recode, s.layer))
        processor = ("base",) if equal(base_of(s), net) else s.arithmetic().values()
        key = ("tally", s.network, s.weight_bits, s.activation_bits, *processor, len(rows))
        return (yield from self._kept(key, net, s, rows))

    def _base_tally(
        self, s: IntegerState, base: IntegerNetwork, rows: np.ndarray
    ) -> Generator[None, None, Tally]:
        key = ("tally", s.network, s.weight_bits, s.activation_bits, "base")
        whole = (*key, len(self.evaluation.test))
        if whole in self.tallies:
            return self.tallies[whole]
        return (yield from self._kept((*key, len(rows)), base, s, rows))

    def _kept(
        self, key: Any, net: IntegerNetwork, s: IntegerState, rows: np.ndarray
    ) -> Generator[None, None, Tally]:
        if key not in self.tallies:
            first = yield from self._first_of(s, rows)
            self.tallies[key] = yield from tally(net, self.evaluation.test[rows], first=first)
        return self.tallies[key]

    def _first_of(
        self, s: IntegerState, rows: np.ndarray
    ) -> Generator[None, None, np.ndarray | None]:
        """Return the first layer's sums of these images; those of an estimate are kept."""
        key = (s.network, s.weight_bits, s.activation_bits)
        if key in self.first:
            return self.first[key][rows]
        if not sweepable(networks.load(s.network)) or len(rows) == len(self.evaluation.test):
            return None
        drawn = (*key, len(rows))
        if drawn not in self.first_drawn:
            test = self.evaluation.test[rows]
            self.first_drawn[drawn] = yield from first_sums(base_of(s), test)
        return self.first_drawn[drawn]

    def _sums(self, s: IntegerState) -> Task:
        """Sum up the first layer for all images, once for all registers."""
        key = (s.network, s.weight_bits, s.activation_bits)
        if sweepable(networks.load(s.network)) and key not in self.first:
            self.first[key] = yield from first_sums(base_of(s), self.evaluation.test)

    def _measure(self, s: IntegerState) -> Task:
        """Replace the estimate of a kept result by all test images."""
        result = yield from self.result_of(s)
        if result.full:
            return
        base, net, test = base_of(s), network_of(s), self.evaluation.test
        every = np.arange(len(test))
        found = yield from self._tally(s, net, every)
        key = ("simulated", s.network, s.weight_bits, s.activation_bits)
        theirs = yield from self.evaluation.all_reference_classes(key, base.simulated)
        plain = networks.load(s.network)
        reference = yield from self.evaluation.measure_reference(s.network, plain)
        bare = yield from self._base_tally(s, base, every)
        lowest, highest = bare.ends[s.layer]
        output = result.walk.output
        self.improve(
            s,
            needs={name: counts.bits for name, counts in bare.counts.items()},
            reach=(int(lowest[output]), int(highest[output])),
            overflows=found.overflows,
            saturated=found.saturated,
            accuracy=share(found.classes == test.labels, "measured"),
            simulated=share(theirs == test.labels, "measured"),
            reference=reference,
            same=share(found.classes == theirs, "measured"),
        )

    # -- idle work -------------------------------------------------------------------

    def plan(self, s: IntegerState) -> Iterator[Task]:
        """Measure here, sketch the curve, prepare the slider in hand, measure the curve."""
        near = sorted(WIDTHS, key=lambda b: (abs(b - s.accumulator_bits), b))
        yield self._link_task()
        yield self._words_task()
        yield self._sums(s)
        yield self._measure(s)
        yield self._settled_task()
        yield self._calibrate()
        yield self._sketch(s, near)
        yield self._ahead_task(s)
        yield self.worker.pause()
        if self._swept(s):
            for bits in near:
                yield self._measure(s.copy(accumulator_bits=bits))
                yield self.redraw("curve")
            yield self._ahead_task(s)  # what the page has at hand shows all of the curve, too

    def _swept(self, s: IntegerState) -> bool:
        """Tell whether the whole curve is measured on all images."""
        return sweepable(networks.load(s.network)) and s.overflow == "wrap"

    def _words_task(self) -> Task:
        """Sharpen the pictures and say what they show: measuring all images takes a while."""
        for figure in self.figures.values():
            self.sharpen(figure)
            yield
        self.page.describe({name: figure.alt for name, figure in self.figures.items()})

    def ahead(self, s: IntegerState, name: str) -> list[Any]:
        """Leave out the neurons that the layer has not."""
        values = super().ahead(s, name)
        allowed = s.allowed(name) if name == "neuron" else None
        return values if allowed is None else [v for v in values if v in allowed][:60]

    def _calibrate(self) -> Task:
        """Calibrate the other networks before a hand asks for them."""
        for name in networks.ZOO:
            if name in self.state.settings()["network"].values:
                found = calibrated(name)
                while not found.done():
                    wait([found], 0.004)
                    yield

    def _sketch(self, s: IntegerState, near: list[int]) -> Task:
        for bits in near:
            yield from self.result_of(s.copy(accumulator_bits=bits))
            self.fill("curve")
            yield
        yield from self.redraw("curve")

    # -- what is shown ---------------------------------------------------------------

    def numbers(self, r: IntegerResult) -> Iterator[Value]:
        """List what the network does, then what the sum takes."""
        return numbers(r)

    def show(self, result: IntegerResult) -> None:
        """Show a result, its five steps, and as many neurons as the layer has."""
        outputs = self.state.allowed("neuron")
        if outputs:
            self.controls["neuron"].max = outputs[-1]
            self.controls["neuron"].sync()
        super().show(result)
        heading = self.figures["curve"].heading()
        self.headings["curve"].value = heading + ("" if self._swept(self.state) else HOLLOW)
        self.five.value = table(self.result)

    def build(self) -> list[Figure]:
        """Make the four pictures."""
        self.evaluation = Evaluation()
        self.tallies: Recent[Any, Tally] = Recent(200)  # a few kB each
        self.first: Recent[Any, np.ndarray] = Recent(1)  # 12 MB
        self.first_drawn: Recent[Any, np.ndarray] = Recent(4)  # a tenth of that each
        self.five = ipw.HTML()
        self.five.add_class("qlab-five")
        networks.load(self.state.network)
        return [running_figure(), gauge_figure(), logits_figure(), curve_figure(self._known)]

    def extras(self) -> list[ipw.Widget]:
        """Put the five steps below the pictures."""
        return [self.five]

    def _known(self, r: IntegerResult) -> list[IntegerResult]:
        """List the results at every width that are there already, narrow ones first."""
        keys = ((bits, *r.key[1:]) for bits in WIDTHS)
        return [self.results[key] for key in keys if key in self.results]

    # -- what is taken away -----------------------------------------------------------

    def code(self) -> str:
        """Write the lines of qlab that print the numbers on screen."""
        return code(self.state, self.result)

    def tables(self) -> dict[str, tuple[list[str], list[list[Any]]]]:
        """List the five steps, the sum, and the curve as far as it is known."""
        r = self.result
        curve = [
            [p.accumulator_bits, p.accuracy.value, p.accuracy.low, p.accuracy.high, p.accuracy.n]
            for p in self._known(r)
        ]
        sums = zip(r.walk.sums.tolist(), r.walk.registers.tolist(), strict=True)
        return {
            "five steps": (["step", "integer", "binary", "type", "real"], csv_rows(r)),
            "accuracy against accumulator": (["bits", "accuracy", "low", "high", "n"], curve),
            "one sum": (["products", "sum", "register"], [[i, *p] for i, p in enumerate(sums)]),
        }
