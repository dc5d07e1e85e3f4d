"""Accuracies of allocations: on validation images, to play by, and on test images, to report.

Allocations come back again and again (greedy often is exact, and mine may be uniform), so what
was measured is kept by network and bits.
"""

import functools
from collections.abc import Generator
from typing import Any

import numpy as np

from qlab import core, data, networks
from qlab.live.allocate_state import Bits
from qlab.live.evaluation import Evaluation, share
from qlab.metrics import Measured
from qlab.networks import Network


class Judge:
    """Measures allocations, each once.

    Examples
    --------
    >>> from qlab.live.worker import finish
    >>> finish(Judge().estimate("mlp_784_128_10", (8, 8))).n
    1000
    """

    def __init__(self) -> None:
        self.known: dict[tuple[str, Bits, str], Measured] = {}
        self._splits: dict[str, Evaluation] = {}

    def on(self, split: str) -> Evaluation:
        """Return what measures on a split, which is read when it is first needed."""
        if split not in self._splits:
            self._splits[split] = Evaluation(getattr(data.load("mnist"), split))
        return self._splits[split]

    def estimate(self, network: str, bits: Bits, moved: int = 0) -> Generator[None, None, Measured]:
        """Measure on a draw of the validation images, or give what all of them said.

        Parameters
        ----------
        network, bits
            The allocation.
        moved
            Layers before this one, counted among those with weights, are as they were: what
            enters it is kept.
        """
        known = self.known.get((network, bits, "validation"))
        if known is not None:
            return known
        net, evaluation = mixed(network, bits), self.on("validation")
        start = net.index(list(net.weights)[moved]) if moved else 0
        found = yield from evaluation.classes(net, start, (network, bits[:moved]))
        return share(found == evaluation.test.labels[evaluation.draw(net, start)], "estimated")

    def measure(self, network: str, bits: Bits, split: str) -> Generator[None, None, Measured]:
        """Measure on all images of a split."""
        key = (network, bits, split)
        if key not in self.known:
            self.known[key] = yield from self.on(split).measure(mixed(network, bits))
        return self.known[key]


def mixed(network: str, bits: Bits) -> Network:
    """Quantize each layer to its own bits: ``networks.quantize_mixed``, with the scales stored."""
    net = networks.load(network)
    layers = zip(net.weights, bits, strict=True)
    return net.with_weights({name: quantized(network, name, b) for name, b in layers})


@functools.lru_cache(maxsize=64)
def quantized(network: str, layer: str, bits: int) -> np.ndarray:
    """Quantize one layer's weights, or give those of before."""
    W: Any = networks.load(network).weights[layer]
    return core.fake_quantize(W, networks.stored_qparams(network, layer, bits))
