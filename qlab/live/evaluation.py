"""Accuracy for the hand and for the record: on a draw of the test images, then on all.

An estimate uses as many images as fit its time. What enters the first layer that
changed is kept, so the layers before it cost nothing; the whole split is measured in
pieces of about 5 ms, between which the page is heard.
"""

import os
from collections.abc import Callable, Generator, Hashable
from typing import Any, Literal

import numpy as np

from qlab import data, metrics
from qlab.data import Split
from qlab.live.recent import Recent
from qlab.live.worker import finish
from qlab.metrics import Measured
from qlab.networks import Network

WORK = 5e8  # multiply-accumulates that an estimate may cost, about 10 ms
PIECE = 6.5e7  # and a thread's piece between two yields, 4 to 6 ms
THREADS = min(2, os.cpu_count() or 1)  # of an estimate; idle work leaves a core to the page
SWEPT = 1e6  # multiply-accumulates an image: above, only states that were visited are measured
FEWEST, MOST = 250, 1000  # images of an estimate
KEPT = 32  # prefixes and answers, at most 3 MB each


class Evaluation:
    """Answers networks' accuracy on MNIST's test images, or on those of another split.

    Parameters
    ----------
    split
        None means the test split.

    Examples
    --------
    >>> from qlab import networks
    >>> net = networks.build("mlp_784_128_10", np.random.default_rng(0))
    >>> Evaluation().estimate(net).n
    1000
    """

    def __init__(self, split: Split | None = None) -> None:
        self._kept: Recent[Hashable, Any] = Recent(KEPT)
        self.test = data.load("mnist").test if split is None else split
        self.order = np.random.default_rng(0).permutation(len(self.test))

    def draw(self, net: Network, start: int = 0) -> np.ndarray:
        """Return the rows of the test split that an estimate uses, in a fixed random order."""
        return self.order[: int(np.clip(WORK / work(net, start) // 50 * 50, FEWEST, MOST))]

    def classes(
        self,
        net: Network,
        start: int = 0,
        before: Hashable = None,
        batch_size: int | None = None,
    ) -> Generator[None, None, np.ndarray]:
        """Predict the classes of a draw, in pieces.

        Parameters
        ----------
        net
            Whose answers.
        start
            The first layer that differs from what ``before`` names.
        before
            Names the layers ``0 … start−1``; equal names mean equal layers.
        batch_size
            Images that go through the network together, where its answers depend on that: at most
            the images of a piece. None leaves it to the network.
        """
        rows = self.draw(net, start)
        images = self.keep(("images", len(rows)), lambda: self.test[rows].images)
        if start > 0:
            images = self.keep((before, start, len(rows)), lambda: net.run(images, 0, start))
        return (yield from _classes(net, images, start, batch_size, THREADS))

    def all_classes(
        self, net: Network, batch_size: int | None = None
    ) -> Generator[None, None, np.ndarray]:
        """Predict the classes of all test images, in pieces; ``batch_size`` as in ``classes``."""
        return (yield from _classes(net, self.test, 0, batch_size))

    def reference_classes(self, name: Hashable, net: Network, rows: np.ndarray) -> np.ndarray:
        """Predict with what others are compared with, on the same draw; once for each name."""
        whole = self._kept.get(("classes", name))
        if whole is not None:
            return whole[rows]
        return self.keep(
            ("classes", name, len(rows)),
            lambda: net.predict(self.test[rows].images).argmax(axis=1),
        )

    def all_reference_classes(
        self, name: Hashable, net: Network
    ) -> Generator[None, None, np.ndarray]:
        """Predict with what others are compared with, on all images; once for each name."""
        if ("classes", name) not in self._kept:
            found = yield from self.all_classes(net)
            self.keep(("classes", name), lambda: found)
        return self._kept["classes", name]

    def estimate(self, net: Network, start: int = 0, before: Hashable = None) -> Measured:
        """Measure the accuracy on a draw; parameters as for ``classes``."""
        found = finish(self.classes(net, start, before))
        return share(found == self.test.labels[self.draw(net, start)], "estimated")

    def measure(self, net: Network) -> Generator[None, None, Measured]:
        """Measure the accuracy on all test images, in pieces."""
        found = yield from self.all_classes(net)
        return share(found == self.test.labels, "measured")

    def reference(self, name: Hashable, net: Network, rows: np.ndarray) -> Measured:
        """Measure what others are compared with, on the same draw; once for each name."""
        found = self.reference_classes(name, net, rows)
        return share(found == self.test.labels[rows], "estimated")

    def measure_reference(self, name: Hashable, net: Network) -> Generator[None, None, Measured]:
        """Measure what others are compared with, on all test images; once for each name."""
        found = yield from self.all_reference_classes(name, net)
        return share(found == self.test.labels, "measured")

    def keep(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what was made for this key before, or make it."""
        return self._kept.find(key, make)


def work(net: Network, start: int = 0) -> int:
    """Count the multiply-accumulates of one image from a layer on."""
    return max(1, sum(row.macs for row in net.summary().rows[start:]))


def sweepable(net: Network) -> bool:
    """Tell whether every point of a curve can be measured on all images in idle time."""
    return work(net) <= SWEPT


def share(right: np.ndarray, source: Literal["estimated", "measured"]) -> Measured:
    """Turn answers, right or wrong, into their share with its interval."""
    return metrics.wilson(int(np.count_nonzero(right)), len(right), source)


def _classes(
    net: Network,
    images: np.ndarray | Split,
    start: int,
    batch_size: int | None = None,
    threads: int = 1,
) -> Generator[None, None, np.ndarray]:
    size = threads * int(np.clip(PIECE / work(net, start), 25, 500))
    if batch_size is not None:
        size = max(1, size // batch_size) * batch_size  # batches are whole
    found = np.empty(len(images), dtype=np.int64)
    for i in range(0, len(images), size):
        piece = images[i : i + size]
        x = piece.images if isinstance(piece, Split) else piece
        found[i : i + size] = net.run(x, start, None, batch_size, threads).argmax(axis=1)
        yield
    return found
