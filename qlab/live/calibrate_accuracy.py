"""Accuracy of a network in which one layer's values are clipped and rounded.

Every clip point that was tried is kept, so that moving what does not concern the network (the
images that methods see) costs nothing, and the curve fills itself.
"""

from typing import Any

from qlab import core, networks
from qlab.live.calibrate_sources import Source
from qlab.live.calibrate_state import CalibrateResult, CalibrateState
from qlab.live.evaluation import Evaluation, share
from qlab.live.worker import Task
from qlab.metrics import Measured
from qlab.networks import Network

Pair = tuple[Measured, Measured]  # accuracy with the clip point, and of the float network


class Accuracies:
    """Accuracies by clip point; test images are looked at here, and choose nothing."""

    def __init__(self) -> None:
        self.evaluation = Evaluation()
        self.known: dict[tuple[Any, ...], Pair] = {}

    def estimate(self, s: CalibrateState, source: Source, clip: float) -> Task:
        """Use a draw of the test images, in pieces, once for each clip point; ends in a pair."""
        key, evaluation = (*s.source, s.bits, clip), self.evaluation
        if key not in self.known:
            net, (acting, start) = networks.load(s.network), _acting(s, source, clip)
            now = yield from evaluation.classes(acting, start, before=s.network)
            rows = evaluation.draw(acting, start)
            labels = evaluation.test.labels[rows]
            was = evaluation.reference_classes(s.network, net, rows)
            self.known[key] = share(now == labels, "estimated"), share(was == labels, "estimated")
        return self.known[key]

    def measure(self, s: CalibrateState, source: Source, clip: float) -> Task:
        """Use all test images, in pieces, once for each clip point."""
        key, labels = (*s.source, s.bits, clip), self.evaluation.test.labels
        if key not in self.known or self.known[key][0].source != "measured":
            net = networks.load(s.network)
            was = yield from self.evaluation.all_reference_classes(s.network, net)
            now = yield from self.evaluation.all_classes(_acting(s, source, clip)[0])
            self.known[key] = share(now == labels, "measured"), share(was == labels, "measured")
        return self.known[key]

    def points(self, r: CalibrateResult) -> list[tuple[float, Measured]]:
        """List clip points of these values and bits with their accuracy, ascending."""
        start = (*r.source, r.bits)
        found = {key[-1]: now for key, (now, _) in self.known.items() if key[:-1] == start}
        return sorted((found | {r.clip: r.accuracy}).items(), key=lambda pair: pair[0])


def _acting(s: CalibrateState, source: Source, clip: float) -> tuple[Network, int]:
    """Return the network with this one layer quantized, and the first layer that differs."""
    net, grid = networks.load(s.network), source.grid(clip, s.bits)
    start = net.index(s.layer)
    if s.kind == "activations":
        return networks.fake_quantize_inputs(net, {s.layer: grid}), start
    return net.with_weights({s.layer: core.fake_quantize(net.weights[s.layer], grid)}), start
