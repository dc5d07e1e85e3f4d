"""A layer as the Microscope looks at it: a matrix of rows, and a window of cells in it.

A row is what one output sums over. A linear layer is shown by windows of 24 rows and 32 columns;
of a convolution one filter is shown, its channels side by side, each as its kernel.
"""

import functools
from dataclasses import dataclass

import numpy as np

from qlab import data, networks, ranges
from qlab.core import PerAxis, PerGroup, QParams, QuantSpec
from qlab.networks.layers import Conv2d

TALL, WIDE = 264, 352  # pixels of the window
SIDE = 11  # pixels of a cell; larger where fewer cells are there
ROWS, COLUMNS = TALL // SIDE, WIDE // SIDE


@dataclass(frozen=True, slots=True, eq=False)
class Slide:
    """A layer's weights as rows.

    Parameters
    ----------
    network, layer
        Their names.
    tensor
        The weights as they are.
    bias
        One a row.
    darkest
        |w| from which on a cell is drawn darkest: 99.5 % of the weights are smaller.
    """

    network: str
    layer: str
    tensor: np.ndarray
    bias: np.ndarray
    darkest: float

    @property
    def W(self) -> np.ndarray:
        """The weights, (rows, columns)."""
        return self.tensor.reshape(len(self.tensor), -1)

    @property
    def is_filter(self) -> bool:
        """Whether a row is a filter."""
        return self.tensor.ndim == 4

    def window_of(self, row: int, column: int) -> tuple[int, int]:
        """Name the window in which a weight lies: its first row and column."""
        if self.is_filter:
            return row, 0
        return row // ROWS * ROWS, column // COLUMNS * COLUMNS

    def cells(self, window: tuple[int, int]) -> np.ndarray:
        """Say which weight each cell of a window shows: its place in the flat tensor, or −1."""
        return _cells(self.tensor.shape, window)

    @property
    def side(self) -> int:
        """Pixels of a cell, the same in every window."""
        rows, columns = self.W.shape
        if self.is_filter:
            rows, columns = self.cells((0, 0)).shape
        return min(TALL // min(rows, ROWS), WIDE // min(columns, COLUMNS))

    def block(self, row: int, column: int, spec: QuantSpec) -> tuple[int, int]:
        """Find the weights that share a scale with this one: first, and one after the last."""
        rows, columns = self.W.shape
        match spec.granularity:
            case PerAxis():
                return row * columns, (row + 1) * columns
            case PerGroup(size):
                first = row * columns + column // size * size
                return first, min(first + size, (row + 1) * columns)
        return 0, rows * columns


@functools.lru_cache(maxsize=64)
def _cells(shape: tuple[int, ...], window: tuple[int, int]) -> np.ndarray:
    n = int(np.prod(shape[1:]))
    if len(shape) == 2:
        (row, column), (rows, columns) = window, (min(shape[0] - window[0], ROWS), COLUMNS)
        at = np.arange(column, min(column + columns, n)) + n * np.arange(row, row + rows)[:, None]
    else:
        channels, kh, kw = shape[1:]
        across = min(channels, int(np.ceil(np.sqrt(channels * 1.25))))  # a little wider than tall
        down = -(-channels // across)
        at = np.full((down * (kh + 1) - 1, across * (kw + 1) - 1), -1)
        for k in range(channels):
            i, j = k // across * (kh + 1), k % across * (kw + 1)
            at[i : i + kh, j : j + kw] = np.arange(kh * kw).reshape(kh, kw) + k * kh * kw
        at[at >= 0] += window[0] * n
    at.flags.writeable = False
    return at


@functools.lru_cache(maxsize=16)
def slide(network: str, layer: str) -> Slide:
    """Prepare a layer, once."""
    net = networks.load(network)
    W = net.weights[layer]
    darkest = float(np.quantile(np.abs(W), 0.995))
    return Slide(network, layer, W, net.biases[layer], darkest)


@functools.lru_cache(maxsize=48)
def found_range(network: str, layer: str, spec: QuantSpec, method: str) -> QParams:
    """Find scale and zero point of every block of a layer, once."""
    return ranges.METHODS[method](networks.load(network).weights[layer], spec)


@functools.lru_cache(maxsize=64)
def _entering(network: str, layer: str, image: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what enters a layer for one test image, and what leaves it."""
    net = networks.load(network)
    images = data.load("mnist").test[np.array([image])].images
    x = net.run(images, 0, net.index(layer))
    return x[0], net.layer(layer).forward(x)[0]


def inputs(network: str, layer: str, row: int, image: int) -> tuple[np.ndarray, tuple[int, ...]]:
    """List what a row's weights are multiplied by for one test image, and where in the image.

    Parameters
    ----------
    network, layer, row, image
        Names and numbers.

    Returns
    -------
    x, place
        One number a column. A filter looks at many places of an image: the one is taken at which
        it answers most strongly, up or down, and its row and column are returned.
    """
    x, y = _entering(network, layer, image)
    kind = networks.load(network).layer(layer)
    if not isinstance(kind, Conv2d):
        return x, ()
    assert (kind.stride, kind.padding) == (1, 0)
    p, q = (int(k) for k in np.unravel_index(np.abs(y[row]).argmax(), y[row].shape))
    kh, kw = kind.weight.shape[2:]
    return x[:, p : p + kh, q : q + kw].ravel(), (p, q)
