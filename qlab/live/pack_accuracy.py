"""Accuracy of the network in which one layer's weights were coded and decoded.

A setting that was measured is known from then on. One that is new gets an estimate where that
takes a millisecond, behind the first layers; the first layer itself waits for idle work.
"""

from collections.abc import Callable, Generator
from typing import Any

from qlab import networks
from qlab.live.evaluation import Evaluation, work
from qlab.live.pack_state import NETWORK, Codes, PackState
from qlab.live.worker import Task
from qlab.metrics import Measured
from qlab.networks import Network

Pair = tuple[Measured, Measured]  # accuracy with the decoded codes, and of the float network
AT_ONCE = 5e7  # multiply-accumulates that an estimate may cost while a hand moves, about 2 ms


class Accuracies:
    """Accuracies by setting; test images are looked at here, and choose nothing."""

    def __init__(self) -> None:
        self.evaluation = Evaluation()
        self.known: dict[tuple[Any, ...], Pair] = {}
        self.ready: set[str] = set()  # layers whose estimate costs its last layers only

    def at_once(self, s: PackState, codes: Codes) -> Pair | None:
        """Return what is known, or an estimate where that is quick, or None."""
        key = (*s.chosen(), codes.exact)
        if key not in self.known and s.layer in self.ready:
            acting, start = _acting(s, codes)
            rows = self.evaluation.draw(acting, start)
            self.known[key] = (
                self.evaluation.estimate(acting, start, before=NETWORK),
                self.evaluation.reference(NETWORK, networks.load(NETWORK), rows),
            )
        return self.known.get(key)

    def measure(
        self,
        s: PackState,
        codes: Codes,
        beside: Callable[[Callable[[], Any]], Generator[None, None, Any]],
    ) -> Task:
        """Use all test images, in pieces, once for each setting; ``beside`` unpacks them."""
        key, evaluation = (*s.chosen(), codes.exact), self.evaluation
        if key not in self.known or self.known[key][0].source != "measured":
            yield from beside(lambda: evaluation.test.images)
            acting, start = _acting(s, codes)
            was = yield from evaluation.measure_reference(NETWORK, networks.load(NETWORK))
            now = yield from evaluation.measure(acting)
            self.known[key] = now, was
            if work(acting, start) * len(evaluation.draw(acting, start)) <= AT_ONCE:
                yield from evaluation.classes(acting, start, before=NETWORK)
                self.ready.add(s.layer)
        return self.known[key]


def _acting(s: PackState, codes: Codes) -> tuple[Network, int]:
    """Return the network with this one layer decoded, and the place of the layer."""
    net = networks.load(NETWORK)
    W_hat = codes.weights(net.weights[s.layer].shape)
    return net.with_weights({s.layer: W_hat}), net.index(s.layer)
