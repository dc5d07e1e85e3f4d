"""The values whose clip point is sought: a layer's weights, or what enters it.

The calibration split holds 1,024 images; what they send into a layer is all that is judged here.
A method sees those of a draw: n of them, by a seed.
"""

from collections.abc import Generator, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import numpy as np

from qlab import data, metrics, networks, ranges
from qlab.core import QParams, QuantSpec, qparams_between
from qlab.live.calibrate_state import ALL_IMAGES
from qlab.live.recent import Recent
from qlab.ranges import ClippingErrors, Magnitudes

BINS = 150  # of the histogram, two pixels each
PLACES = np.arange(1, 101) / 100  # clip points, as shares of the largest: the slider's
SOURCES = 3  # kept; what enters conv2 takes 24 MB
CLIPS = 4096  # kept
SHOWN = 0.012  # seconds of methods that may be computed at once
COST = {"percentile": 60, "sigma": 20, "kl": 40, "aciq": 20, "aciq_gauss": 20}  # ns a value
COST |= {"minmax": 1, "ema": 1, "histogram_mapping": 60, "mse": 330, "least_squares_mapping": 220}
_THREAD = ThreadPoolExecutor(1, "qlab-calibrate")


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A layer's values, in order and in bins."""

    x: np.ndarray  # (images, …), or the weights
    signed: bool
    magnitudes: Magnitudes
    counts: np.ndarray  # of |x| in BINS bins from 0 to the largest
    curves: dict[int, ClippingErrors] = field(default_factory=dict)  # by bits, at PLACES
    power: float = 0.0  # mean of x²

    @classmethod
    def of(cls, network: str, kind: str, layer: str) -> "Source":
        """Run the network, or take its weights."""
        net = networks.load(network)
        if kind == "weights":
            x = net.weights[layer]
        else:
            images, _ = data.load("mnist").calibration.for_choosing("choose a clip point")
            x = net.run(images, 0, net.index(layer), threads=2)
        seen = Magnitudes(x)
        power = float(np.square(x, dtype=np.float64).mean())
        return cls(x, seen.negative, seen, binned(x, seen.largest), {}, power)

    def spec(self, bits: int) -> QuantSpec:
        """Say which codes: mirrored at zero, or from zero up where nothing is negative."""
        return QuantSpec(bits=bits, signed=self.signed)

    def grid(self, clip: float, bits: int) -> QParams:
        """Return the grid that ends at a clip point."""
        return qparams_between(-clip if self.signed else 0.0, clip, self.spec(bits))

    def place(self, percent: int) -> float:
        """Return the clip point at so many hundredths of the largest."""
        return float(PLACES[percent - 1] * self.magnitudes.largest)

    def curve(self, bits: int) -> ClippingErrors:
        """Measure both errors at every hundredth of the largest, once."""
        if bits not in self.curves:
            clips = PLACES * self.magnitudes.largest
            self.curves[bits] = self.magnitudes.errors(clips, self.spec(bits))
        return self.curves[bits]

    def drawn(self, images: int, seed: int) -> np.ndarray:
        """Return what a draw of images sends there; of weights, all."""
        if images >= ALL_IMAGES:
            return self.x
        rows = np.random.default_rng(seed).permutation(len(self.x))[:images]
        return self.x[np.sort(rows)]


class Sources:
    """Sources and clip points that were computed, by name."""

    def __init__(self) -> None:
        self._sources: Recent[Hashable, Source] = Recent(SOURCES)
        self._clips: Recent[Hashable, float] = Recent(CLIPS)
        self._counts: Recent[Hashable, np.ndarray] = Recent(CLIPS)

    def __getitem__(self, name: tuple[str, str, str]) -> Source:
        return self._sources.find(name, lambda: Source.of(*name))

    def seen(self, name: tuple[str, str, str], draw: tuple[int, int]) -> np.ndarray:
        """Count the magnitudes of a draw in the bins of its source."""
        source = self[name]
        if draw[0] >= ALL_IMAGES:
            return source.counts
        largest = source.magnitudes.largest
        return self._counts.find((name, draw), lambda: binned(source.drawn(*draw), largest))

    def known(self, name: Hashable, draw: Hashable, bits: int, method: str) -> float | None:
        """Return a method's clip point if it was computed."""
        return self._clips.get((name, draw, bits, method))

    def at_once(
        self, name: tuple[str, str, str], draw: tuple[int, int], bits: int, wanted: str
    ) -> dict[str, float]:
        """Return the clip points that are known, or quick: the wanted one first."""
        source, left = self[name], SHOWN
        each = source.x.size // (len(source.x) if draw[0] < ALL_IMAGES else 1)
        size = each * (draw[0] if draw[0] < ALL_IMAGES else 1)
        found = {}
        order = sorted(ranges.METHODS, key=lambda m: (m != wanted, COST.get(m, 300)))
        for method in order:
            clip = self.known(name, draw, bits, method)
            cost = 1e-9 * COST.get(method, 300) * size
            if clip is None and (cost <= left or method == "minmax"):
                clip, left = self.compute(name, draw, bits, method), left - cost
            if clip is not None:
                found[method] = clip
        return {method: found[method] for method in ranges.METHODS if method in found}

    def compute(
        self, name: tuple[str, str, str], draw: tuple[int, int], bits: int, method: str
    ) -> float:
        """Let a method choose its clip point, once."""
        key = (name, draw, bits, method)
        return self._clips.find(key, lambda: chosen(self[name], draw, bits, method))

    def patiently(
        self,
        name: tuple[str, str, str],
        draws: Sequence[tuple[int, int]],
        bits: int,
        methods: Sequence[str],
    ) -> Generator[None, None, None]:
        """Yield until the clip points are there: a thread computes them, and the page is heard."""
        source = self[name]
        keys = {(name, draw, bits, method) for draw in draws for method in methods}
        coming = {
            key: _THREAD.submit(chosen, source, key[1], bits, key[3])
            for key in sorted(keys - self._clips.keys())
        }
        try:
            for key, clip in coming.items():
                while not clip.done():
                    wait([clip], 0.004)
                    yield
                self._clips[key] = clip.result()
        finally:  # the state has moved: what has not begun is not wanted
            for clip in coming.values():
                clip.cancel()


def chosen(source: Source, draw: tuple[int, int], bits: int, method: str) -> float:
    """Return the clip point that a method chooses from a draw."""
    spec = source.spec(bits)
    grid = ranges.METHODS[method](source.drawn(*draw), spec)
    return float(grid.scale) * spec.quant_max


def binned(x: np.ndarray, largest: float) -> np.ndarray:
    """Count magnitudes from 0 to the largest."""
    return metrics.histogram(np.abs(x), 0.0, largest or 1.0, BINS).counts
