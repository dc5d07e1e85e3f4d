"""The Calibrate instrument: the calibration theatre, where one clip point decides between errors.

What is larger than the clip point is cut off, what is smaller is rounded; the methods of
``qlab.ranges`` stand where they put it, and wander or stay as they see other images.
"""

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np

from qlab import networks
from qlab.live.calibrate_accuracy import Accuracies
from qlab.live.calibrate_numbers import code, numbers
from qlab.live.calibrate_pictures import (
    METHODS,
    WANDERERS,
    accuracy_figure,
    images_figure,
    theatre_figure,
)
from qlab.live.calibrate_presets import PRESETS
from qlab.live.calibrate_sources import PLACES, Source, Sources
from qlab.live.calibrate_state import ALL_IMAGES, DRAWS, CalibrateResult, CalibrateState
from qlab.live.evaluation import sweepable
from qlab.live.figure import Figure
from qlab.live.instrument import Instrument
from qlab.live.readout import Value
from qlab.live.worker import Task

SKETCHED = (100, 80, 60, 50, 40, 30, 20, 15, 10, 5, 2)  # % of the largest: points of the curve


class Calibrate(Instrument):
    """A clip point over a real layer's values, its two errors, and every range method, live."""

    NAME = "calibrate"
    TITLE = "Calibrate"
    LEAD = (
        "Where should the grid end? Beyond the clip point values are cut off, inside it they are "
        "rounded. Drag it, and see both errors, what the network makes of them, and where each "
        "method would have put it."
    )
    STATE = CalibrateState
    STAND_INS = {  # noqa: RUF012
        "calibration.mse_clip": "qlab.live.calibrate_standin:CalibrateStandIn",
        "calibration.aciq_clip": "qlab.live.calibrate_standin:CalibrateStandIn",
    }
    SPOKEN = ("clip", "error", "accuracy")
    BELOW = tuple(METHODS) + tuple(f"{name}_spread" for name in WANDERERS)
    PRESETS = PRESETS

    # -- the library at work --------------------------------------------------------

    def steps(self, s: CalibrateState) -> Generator[None, None, CalibrateResult]:
        """Place the methods, clip, measure both errors, estimate the accuracy."""
        source = self.sources[s.source]
        yield
        seen, spec = source.magnitudes, source.spec(s.bits)
        curve = source.curve(s.bits)
        yield
        clips = self.sources.at_once(s.source, s.draw, s.bits, s.method)
        if self.at_work is not None:
            clips = clips | self.at_work.answers(s)
        yield
        clip = clips.get(s.method, clips["minmax"])
        if s.method == "hand":
            clip = source.place(s.clip)
        errors = seen.errors(np.array([clip]), spec)
        levels, counts = seen.held(clip, spec)
        yield
        now, was = yield from self.accuracies.estimate(s, source, clip)
        best = int(curve.total.argmin())
        return CalibrateResult(
            key=s.key(),
            source=s.source,
            draw=s.draw,
            bits=s.bits,
            method=s.method,
            waiting=s.method != "hand" and s.method not in clips,
            n=seen.n,
            largest=seen.largest,
            clip=clip,
            best=(float(PLACES[best] * seen.largest), float(curve.total[best])),
            beyond=seen.beyond(float(source.grid(clip, s.bits).scale) * spec.quant_max),
            clipping=float(errors.clipping[0]),
            rounding=float(errors.rounding[0]),
            sqnr=float(10 * np.log10(source.power / errors.total[0])),
            seen=self.sources.seen(s.source, s.draw),
            levels=levels,
            level_counts=counts,
            accuracy=now,
            reference=was,
            found=self._judged(s, source, clips),
            draws=self._known_draws(s),
            path=self._known_path(s),
        )

    def _judged(
        self, s: CalibrateState, source: Source, clips: dict[str, float]
    ) -> dict[str, tuple[float, float]]:
        """Give each clip point its error on all values."""
        places = np.array(list(clips.values()))
        total = source.magnitudes.errors(places, source.spec(s.bits)).total
        return {
            name: (clip, float(e)) for (name, clip), e in zip(clips.items(), total, strict=True)
        }

    # -- idle work -------------------------------------------------------------------

    def later(self, s: CalibrateState) -> Iterator[Task]:
        """Ask the slow methods, measure on all test images, see how three of them wander."""
        yield self._tell_pictures()
        yield self._ask(s)
        yield self._measure(s)
        yield from self.stood(self._measure, s)
        if s.kind == "activations":
            yield self._wander(s, list(WANDERERS))

    def background(self, s: CalibrateState) -> Iterator[Task]:
        """Sketch the curve of accuracy, see more images, let the others wander."""
        yield self._sketch(s)
        yield self._walk(s)
        if s.kind == "activations":
            yield self._wander(s, [name for name in METHODS if name not in WANDERERS])
        if sweepable(networks.load(s.network)):
            for percent in SKETCHED:
                yield self._measure_at(s, percent)

    def _tell_pictures(self) -> Task:
        """Say what the pictures show before the slow work begins."""
        for figure in self.figures.values():
            figure.sharpen(1.0)
        self.page.describe({name: figure.alt for name, figure in self.figures.items()})
        yield

    def _ask(self, s: CalibrateState) -> Task:
        """Let the methods choose that were too slow for the hand."""
        result = yield from self.result_of(s)
        source, missing = self.sources[s.source], set(METHODS) - result.found.keys()
        yield from self.sources.patiently(s.source, [s.draw], s.bits, sorted(missing))
        if result.waiting:  # what it was shown with is not what was asked for
            self.results.pop(s.key(), None)
            result = yield from self.result_of(s)
            if s.key() == self.state.key():
                self.show(result)
        clips = {name: self.sources.known(s.source, s.draw, s.bits, name) for name in METHODS}
        known = {name: clip for name, clip in clips.items() if clip is not None}
        if missing:
            self.improve(s, found=self._judged(s, source, known))

    def _measure(self, s: CalibrateState) -> Task:
        """Replace the estimate of a kept result by all test images."""
        result = yield from self.result_of(s)
        if result.accuracy.source == "measured":
            return
        source = self.sources[s.source]
        now, was = yield from self.accuracies.measure(s, source, result.clip)
        self.improve(s, accuracy=now, reference=was)

    def _measure_at(self, s: CalibrateState, percent: int) -> Task:
        source = self.sources[s.source]
        yield from self.accuracies.measure(s, source, source.place(percent))
        yield from self._redraw()

    def _sketch(self, s: CalibrateState) -> Task:
        source = self.sources[s.source]
        for percent in SKETCHED:
            yield from self.accuracies.estimate(s, source, source.place(percent))
            yield from self._redraw()

    def _wander(self, s: CalibrateState, methods: list[str]) -> Task:
        """Ask methods for the other draws of as many images."""
        yield from self.sources.patiently(s.source, _draws(s), s.bits, methods)
        yield from self.result_of(s)
        self.improve(s, draws=self._known_draws(s))

    def _walk(self, s: CalibrateState) -> Task:
        """Ask three methods as the images double."""
        yield from self.sources.patiently(s.source, _stops(s), s.bits, list(WANDERERS))
        yield from self.result_of(s)
        self.improve(s, path=self._known_path(s))

    def _known_draws(self, s: CalibrateState) -> dict[str, np.ndarray]:
        if s.kind == "weights":
            return {}
        found = {
            name: [self.sources.known(s.source, draw, s.bits, name) for draw in _draws(s)]
            for name in METHODS
        }
        return {name: np.array(clips) for name, clips in found.items() if None not in clips}

    def _known_path(self, s: CalibrateState) -> dict[str, np.ndarray]:
        path = {}
        for name in WANDERERS:
            clips = [(d[0], self.sources.known(s.source, d, s.bits, name)) for d in _stops(s)]
            if all(clip is not None for _, clip in clips):
                path[name] = np.array(clips, dtype=float)
                if s.kind == "weights":  # known whole, however many images
                    path[name] = np.array([(1, clips[0][1]), (ALL_IMAGES, clips[0][1])])
        return path

    def _redraw(self) -> Task:
        if self.at_work is None and self.standing is None:
            yield from self.redraw("accuracy")

    # -- numbers ---------------------------------------------------------------------

    def numbers(self, r: CalibrateResult) -> Iterator[Value]:
        """Clip point and errors, accuracy; below the error of each method's clip point."""
        return numbers(r)

    # -- pictures ---------------------------------------------------------------------

    def build(self) -> list[Figure]:
        """Make the three pictures."""
        self.accuracies, self.sources = Accuracies(), Sources()
        networks.load(self.state.network)
        find = lambda r: self.sources[r.source]  # noqa: E731
        return [
            theatre_figure(find, self.offer_clip),
            accuracy_figure(self.accuracies.points),
            images_figure(),
        ]

    def offer_clip(self, percent: int) -> None:
        """Put the clip point where the theatre was touched, as the slider would."""
        self.state.offer({"clip": percent, "method": "hand"})

    def show(self, result: CalibrateResult) -> None:
        """Show a result, and of the controls those that mean something beside the others."""
        used = self.state.used()
        for name, bound in self.controls.items():
            bound.layout.display = None if name in used else "none"
        super().show(result)

    def ahead(self, s: CalibrateState, name: str) -> list[Any]:
        """Leave out networks and layers: each would be loaded."""
        dear = {"network", "layer", "kind"}
        return super().ahead(s, name) if name in s.used() - dear else []

    # -- what is taken away -----------------------------------------------------------

    def code(self) -> str:
        """Write the lines of qlab that print the numbers on screen."""
        return code(self.state, self.sources[self.state.source].signed)

    def tables(self) -> dict[str, tuple[list[str], list[list[Any]]]]:
        """List the methods and both errors at every clip point."""
        r, source = self.result, self.sources[self.state.source]
        curve = source.curve(r.bits)
        places = PLACES * r.largest
        parts = zip(places, curve.clipping, curve.rounding, strict=True)
        return {
            "methods": (
                ["method", "clip point", "error"],
                [[name, *found] for name, found in r.found.items()],
            ),
            "errors": (
                ["clip point", "clipping", "rounding"],
                [[float(one) for one in part] for part in parts],
            ),
        }


def _draws(s: CalibrateState) -> list[tuple[int, int]]:
    """List the ten draws of as many images; of all images there is one."""
    return [s.copy(seed=seed).draw for seed in DRAWS]


def _stops(s: CalibrateState) -> list[tuple[int, int]]:
    """List the draws of this seed as the images double."""
    return sorted({s.copy(images=2.0**k).draw for k in range(11)})
