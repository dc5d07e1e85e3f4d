"""Accuracy for the hand and for the record: on a draw of the test images, then on all.

An estimate uses as many images as fit its time. What enters the first layer that
changed is kept, so the layers before it cost nothing; the whole split is measured in
pieces of about 5 ms, between which the page is heard.
"""

from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable, Iterator
from typing import Any, Literal

import numpy as np

from qlab import data, metrics
from qlab.metrics import Measured
from qlab.networks import Network

WORK = 8e8  # multiply-accumulates that an estimate may cost, about 10 ms
PIECE = 3e8  # and a piece of the whole split
FEWEST, MOST = 250, 1000  # images of an estimate
KEPT = 32  # prefixes and answers, at most 3 MB each


class Evaluation:
    """Answers networks' accuracy on MNIST's test images.

    Examples
    --------
    >>> from qlab import networks
    >>> net = networks.build("mlp_784_128_10", np.random.default_rng(0))
    >>> Evaluation().estimate(net).n
    1000
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self.test = data.load("mnist").test
        self.order = np.random.default_rng(0).permutation(len(self.test))

    def draw(self, net: Network, start: int = 0) -> np.ndarray:
        """Return the rows of the test split that an estimate uses, in a fixed random order."""
        work = sum(row.macs for row in net.summary().rows[start:])
        return self.order[: int(np.clip(WORK / max(1, work) // 50 * 50, FEWEST, MOST))]

    def estimate(self, net: Network, start: int = 0, before: Hashable = None) -> Measured:
        """Measure on a draw.

        Parameters
        ----------
        net
            Whose accuracy.
        start
            The first layer that differs from what ``before`` names.
        before
            Names the layers ``0 … start−1``; equal names mean equal layers.
        """
        rows = self.draw(net, start)
        images = self.keep(("images", len(rows)), lambda: self.test.images[rows])
        if start > 0:
            images = self.keep((before, start, len(rows)), lambda: net.run(images, 0, start))
        right = net.run(images, start).argmax(axis=1) == self.test.labels[rows]
        return _share(right, "estimated")

    def measure(self, net: Network) -> Generator[None, None, Measured]:
        """Measure on all test images, in pieces."""
        right = yield from self._right(net)
        return _share(right, "measured")

    def reference(self, name: Hashable, net: Network, rows: np.ndarray) -> Measured:
        """Measure what others are compared with, on the same draw; once for each name."""
        whole = self._kept.get(("right", name))
        if whole is None:
            images, labels = self.test.images, self.test.labels
            return self.keep(
                ("reference", name, len(rows)),
                lambda: _share(
                    net.predict(images[rows]).argmax(axis=1) == labels[rows], "estimated"
                ),
            )
        return _share(whole[rows], "estimated")

    def measure_reference(self, name: Hashable, net: Network) -> Generator[None, None, Measured]:
        """Measure what others are compared with, on all test images; once for each name."""
        if ("right", name) not in self._kept:
            right = yield from self._right(net)
            self.keep(("right", name), lambda: right)
        return _share(self._kept["right", name], "measured")

    def _right(self, net: Network) -> Generator[None, None, np.ndarray]:
        right = np.empty(len(self.test), dtype=bool)
        for rows in _pieces(net, len(right)):
            classes = net.predict(self.test.images[rows]).argmax(axis=1)
            right[rows] = classes == self.test.labels[rows]
            yield
        return right

    def keep(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what was made for this key before, or make it."""
        if key not in self._kept:
            self._kept[key] = make()
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def forget(self, key: Hashable) -> None:
        """Drop what was kept under a name, its prefixes included."""
        for kept in [k for k in self._kept if isinstance(k, tuple) and key in k]:
            del self._kept[kept]


def _pieces(net: Network, n: int) -> Iterator[slice]:
    work = sum(row.macs for row in net.summary().rows)
    size = int(np.clip(PIECE / work, 50, 500))
    return (slice(i, i + size) for i in range(0, n, size))


def _share(right: np.ndarray, source: Literal["estimated", "measured"]) -> Measured:
    return metrics.wilson(int(np.count_nonzero(right)), len(right), source)
