"""The integer networks behind the Integer instrument, kept, and what they do to many images."""

import functools
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from qlab import data, networks, ranges
from qlab.core import QuantSpec
from qlab.live.evaluation import work
from qlab.networks import Counts, IntegerLayer, IntegerNetwork, LayerRun
from qlab.networks.integer import LOGITS

KEPT = 6  # networks, at most 4 MB each; on other processors they share their codes
PIECE = 4e6  # multiply-accumulates between two yields: integers take four times a float's time
ESTIMATE = 1.6e7  # and of an estimate
FEWEST, MOST = 20, 200  # images of an estimate
SLOWER = 3  # a sum that saturates is taken product by product,
AT_ONCE = 20  # of so many images beside each other
_CALIBRATOR = ThreadPoolExecutor(1, "qlab-integer")

Recode = Callable[[LayerRun, np.ndarray], np.ndarray]  # codes of a layer, for these rows


@dataclass(slots=True)
class Tally:
    """What a network did to many images."""

    classes: np.ndarray
    counts: dict[str, Counts]
    ends: dict[str, tuple[np.ndarray, np.ndarray]]  # lowest and highest sum of each output

    @property
    def overflows(self) -> tuple[int, int]:
        """Accumulators that are wrong, and all of them."""
        held = self.counts.values()
        return sum(c.overflows for c in held), sum(c.accumulators for c in held)

    @property
    def saturated(self) -> tuple[int, int]:
        """Codes that were clipped, and all of them."""
        held = self.counts.values()
        return sum(c.saturated for c in held), sum(c.accumulators for c in held)


def base_of(s: Any) -> IntegerNetwork:
    """Return the network of a state in accumulators and multipliers of 32 bits."""
    return _base(s.network, s.weights(), s.activations())


def network_of(s: Any) -> IntegerNetwork:
    """Return the network of a state on its own processor."""
    return _at(s.network, s.weights(), s.activations(), *s.arithmetic().items())


@functools.cache
def calibrated(name: str) -> "Future[dict[str, np.ndarray]]":
    """Calibrate once for all bits, in a thread: the page is heard meanwhile."""
    return _CALIBRATOR.submit(_ends, name)


@functools.lru_cache(maxsize=KEPT)
def _base(network: str, weights: QuantSpec, activations: QuantSpec) -> IntegerNetwork:
    net, ends = networks.load(network), calibrated(network).result()
    grids = {name: ranges.minmax(ends[name], activations) for name in net.weights}
    return IntegerNetwork.from_grids(net, grids, ranges.minmax(ends["logits"], LOGITS), weights)


@functools.lru_cache(maxsize=KEPT)
def _at(
    network: str, weights: QuantSpec, activations: QuantSpec, *processor: Any
) -> IntegerNetwork:
    return _base(network, weights, activations).with_arithmetic(**dict(processor))


def images_of_an_estimate(net: IntegerNetwork) -> int:
    """Return how many images fit the time of a hand."""
    return int(np.clip(ESTIMATE / _cost(net) // 10 * 10, FEWEST, MOST))


def equal(base: IntegerNetwork, net: IntegerNetwork) -> bool:
    """Tell whether another processor gives the same codes: it has bits enough for any image."""
    return all(
        one.reach < 1 << (one.accumulator_bits - 1)
        and np.array_equal(one.multiplier.m, wide.multiplier.m)
        and np.array_equal(one.multiplier.e, wide.multiplier.e)
        for one, wide in zip(net.integer_layers, base.integer_layers, strict=True)
    )


def tally(
    net: IntegerNetwork,
    images: Any,
    recode: Recode | None = None,
    layer: str = "",
    first: np.ndarray | None = None,
) -> Generator[None, None, Tally]:
    """Run images through a network, in pieces, and count.

    ``recode`` says the codes of ``layer`` in the place of the library's own; ``first`` are the
    ``first_sums`` of the images, where they are known.
    """
    size = AT_ONCE if _slow(net) else int(np.clip(PIECE / _cost(net), 4, 50))
    counts = {k.name: Counts(reach=k.reach) for k in net.integer_layers}
    ends: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    classes = np.empty(len(images), np.int64)
    for i in range(0, len(images), size):
        rows = np.arange(i, min(i + size, len(images)))
        q = net.encode(images[i : i + size].images)
        known = None if first is None else first[i : i + size]
        for done in runs(net, q, recode, layer, rows, known):
            counts[done.name] = counts[done.name].after(done)
            low, high = _by_output(done.accumulators)
            old = ends.get(done.name, (low, high))
            ends[done.name] = (np.minimum(old[0], low), np.maximum(old[1], high))
            classes[rows] = done.codes.reshape(len(q), -1).argmax(axis=1)
            yield
    return Tally(classes, counts, ends)


def first_sums(net: IntegerNetwork, images: Any) -> Generator[None, None, np.ndarray]:
    """Return what the first layer sums up: most of the work, and the same in every register."""
    layer = net.integer_layers[0]
    size = int(np.clip(PIECE / _cost(net), 4, 50))
    found = np.empty((len(images), len(layer.codes)), layer.steps.dtype)
    for i in range(0, len(images), size):
        q = net.encode(images[i : i + size].images)
        found[i : i + size] = layer.sums(net.enter(layer.name, q))
        yield
    return found


def runs(
    net: IntegerNetwork,
    q: np.ndarray,
    recode: Recode | None = None,
    name: str = "",
    rows: np.ndarray | None = None,
    first: np.ndarray | None = None,
) -> Iterator[LayerRun]:
    """Yield what happens in each integer layer; `first` as for ``tally``."""
    for layer in net.layers:
        if isinstance(layer, IntegerLayer):
            done = layer.trace(q, first)
            first = None  # of the first layer alone
            if recode is not None and layer.name == name:
                codes = recode(done, np.zeros(1, int) if rows is None else rows)
                done = LayerRun(done.name, done.accumulators, codes, done.overflows, done.saturated)
            yield done
            q = done.codes
        else:
            q = net.moved(layer, q)


def types(layer: IntegerLayer, q: np.ndarray, done: LayerRun) -> dict[str, str]:
    """Name the type of everything between the doors of a layer."""
    return {
        "codes in": q.dtype.name,
        "weights": layer.codes.dtype.name,
        "bias": layer.bias.dtype.name,
        "accumulator": done.accumulators.dtype.name,
        "multiplier": layer.multiplier.m.dtype.name,
        "codes out": done.codes.dtype.name,
    }


def _by_output(acc: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    axes = (0, *range(2, acc.ndim))
    return acc.min(axis=axes), acc.max(axis=axes)


def _cost(net: IntegerNetwork) -> int:
    return work(net.simulated) * (SLOWER if _slow(net) else 1)


def _slow(net: IntegerNetwork) -> bool:
    return any(
        k.overflow == "saturate" and k.reach >= 1 << (k.accumulator_bits - 1)
        for k in net.integer_layers
    )


def _ends(name: str) -> dict[str, np.ndarray]:
    """Find least and largest of what enters each layer and of the logits, for calibration."""
    net = networks.load(name)
    x, _ = data.load("mnist").calibration.for_choosing("calibrate an integer network")
    found = networks.activations(net, x) | {"logits": net.predict(x)}
    return {layer: np.array([a.min(), a.max()]) for layer, a in found.items()}


def grid_of(layer: IntegerLayer, output: int) -> tuple[float, float, float]:
    """Return s_x, s_w and s_y of one output."""
    by_row = np.broadcast_to(layer.weight.scale, len(layer.codes))
    return float(layer.entering.scale), float(by_row[output]), float(layer.leaving.scale)
