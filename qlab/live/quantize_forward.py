"""A whole simulated network that stands in for the library's in the Quantize instrument.

    logits = f(images, layers)                                                            (1)

The function gets the images of an estimate and, layer by layer, the weights on their levels, the
biases and the grid of what enters; the accuracy on screen is that of its answers. Two right ways
sum in another order, so one code of one hidden neuron may lie one step off: an image whose two
best logits are nearer than what such a step changes may fall either way.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from qlab.live.evaluation import share
from qlab.live.overlay import point
from qlab.live.quantize_state import QuantizeState
from qlab.live.standin import Difference, Idle, StandIn, Unusable
from qlab.live.worker import Task
from qlab.networks import Conv2d, DynamicQuantize, FakeQuantize, Linear, Network

RELATIVE = 1e-4  # of the largest logit: sums of up to 784 float32 products, in another order
Layer = tuple[np.ndarray, np.ndarray, float | None, int, int]


class ForwardStandIn(StandIn):
    """The accuracy of f(images, layers); weights, errors and bytes stay the library's."""

    def work(self, s: QuantizeState) -> None:
        """Keep the library's result with the accuracy of the function's logits in it."""
        rows, logits = self.answers(s)
        labels = self.instrument.evaluation.test.labels[rows]
        right = share(logits.argmax(axis=1) == labels, "estimated")
        self.results[s.key()] = replace(self.instrument.results[s.key()], accuracy=right)

    def ask(self, s: QuantizeState, *given: Any) -> tuple[np.ndarray, np.ndarray]:
        """Equation 1, on the images of an estimate."""
        net = self._network(s)
        rows = self.instrument.evaluation.draw(net)
        images = self.instrument.evaluation.test[rows].images.reshape(len(rows), -1)
        classes = net.shapes[-1][0]
        return rows, _checked(self.call([(images, layers_of(net))])[0], len(rows), classes)

    def compare(
        self, s: QuantizeState, answers: tuple[np.ndarray, np.ndarray]
    ) -> Difference | None:
        """Compare the classes, image by image, where the library's two best logits are apart."""
        rows, mine = answers
        net = self._network(s)
        right = net.predict(self.instrument.evaluation.test[rows].images)
        best = np.sort(right, axis=1)
        margin = best[:, -1] - best[:, -2]
        wrong = np.flatnonzero(
            (mine.argmax(1) != right.argmax(1)) & (margin > 2 * _slack(net, right))
        )
        if not wrong.size:
            return None
        i = int(wrong[0])
        return Difference(
            place=f"class of test image {int(rows[i])}",
            index=(i,),
            given=f"image {int(rows[i])}",
            reference=int(right[i].argmax()),
            other=int(mine[i].argmax()),
            count=int(wrong.size),
            of=len(rows),
        )

    def overlays(self) -> Iterator[tuple[str, Callable[[Any], Any], Callable[[Any], None]]]:
        """Mark the function's accuracy beside the curve."""
        yield ("curve", *point(lambda r: (float(r.bits), 100 * r.accuracy.value)))

    def remark(self, s: QuantizeState) -> str:
        """Say that an estimate is compared."""
        return "Yours is measured on the images of the estimate, not on all 10,000."

    def complete(self, task: Generator[None, None, Any], s: Any) -> Task:
        """Leave all images to the library: the function answered what it was asked."""
        task.close()
        yield

    def _network(self, s: QuantizeState) -> Network:
        net: Network | None = self.instrument.network_of(s)
        if net is None:
            raise Idle("This setting is being computed; your function is asked when it is there.")
        if any(isinstance(layer, DynamicQuantize) for layer in net.layers):
            raise Idle(
                "Your function gets ranges that were calibrated. Set the menu Range of "
                "activations to that."
            )
        if isinstance(net.layers[-1], FakeQuantize):
            raise Idle("Your function is for float outputs. Set their bits to float.")
        if any(isinstance(layer, Conv2d) for layer in net.layers):
            raise Idle(
                "This network has convolutions, which your function is not asked for. Choose "
                "LeNet-300-100 or 784-128-10."
            )
        return net


def layers_of(net: Network) -> list[Layer]:
    """List what equation 1 gets of a fully connected network.

    Parameters
    ----------
    net
        As ``quantize_activations`` makes it, or with float activations.

    Returns
    -------
    layers
        (W, b, scale, zero_point, quant_max) each; scale None where the input stays float.

    Examples
    --------
    >>> from qlab.networks import build
    >>> net = build("mlp_784_128_10", np.random.default_rng(0))
    >>> [(W.shape, scale) for W, _, scale, _, _ in layers_of(net)]
    [((128, 784), None), ((10, 128), None)]
    """
    layers: list[Layer] = []
    scale, zero_point, quant_max = None, 0, 0
    for layer in net.layers:
        if isinstance(layer, FakeQuantize):
            q = layer.qparams
            scale, zero_point = float(q.scale), int(q.zero_point) - q.spec.quant_min
            quant_max = q.spec.quant_max - q.spec.quant_min
        elif isinstance(layer, Linear):
            layers.append((layer.weight, layer.bias, scale, zero_point, quant_max))
            scale, zero_point, quant_max = None, 0, 0
    return layers


def _slack(net: Network, logits: np.ndarray) -> float:
    """Bound by how much one code of one hidden neuron, and rounding, can move a logit."""
    steps = [0.0 if scale is None else scale for _, _, scale, _, _ in layers_of(net)[1:]]
    last = layers_of(net)[-1][0]
    return max([0.0, *steps]) * float(np.abs(last).max()) + RELATIVE * float(np.abs(logits).max())


def _checked(answer: Any, images: int, classes: int) -> np.ndarray:
    if not isinstance(answer, np.ndarray):
        got = "nothing" if answer is None else f"a {type(answer).__name__}"
        raise Unusable(f"Your function returned {got}; an array of logits is expected.")
    if answer.shape != (images, classes) or answer.dtype.kind != "f":
        raise Unusable(
            f"Your function returned {answer.dtype} of shape {answer.shape}; real logits of shape "
            f"({images}, {classes}) are expected, a row an image."
        )
    return answer
