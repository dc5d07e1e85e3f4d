"""A network: an ordered list of layers, applied one after the other in NumPy.

x₀ = images,   xₖ₊₁ = layerₖ(xₖ),   logits = x_K                             (1)
"""

import functools
import math
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Float32

from qlab.networks.layers import WEIGHTED, Conv2d, Layer, Shape
from qlab.networks.summary import Row, Summary

BATCH_BYTES = 4 * 2**20  # of the largest array inside a batch: it stays in or near the cache


@functools.cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Keep the threads: a new one costs BLAS a buffer. NumPy lets go of the lock while it works.

    Each process has its own: in a forked child none of its parent's threads runs.
    """
    return ThreadPoolExecutor(threads, "qlab-batches")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Network:
    """An ordered list of layers that hold arrays, eq. (1).

    Parameters
    ----------
    name
        Its name in the zoo, or your own.
    layers
        In the order of application, names unique.
    input_shape
        (C, H, W) of one image.

    Raises
    ------
    ValueError
        If two layers share a name or the shapes do not chain.

    Examples
    --------
    >>> from qlab.networks import build
    >>> net = build("mlp_784_128_10", np.random.default_rng(0))
    >>> net
    Network('mlp_784_128_10', 4 layers, 101,770 parameters)
    >>> net.predict(np.zeros((2, 1, 28, 28), np.float32)).shape
    (2, 10)
    >>> list(net.weights)
    ['fc1', 'fc2']
    """

    name: str
    layers: tuple[Layer, ...]
    input_shape: Shape
    shapes: tuple[Shape, ...] = field(init=False)  # shapes[k] enters layer k; the last one leaves

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        object.__setattr__(self, "input_shape", tuple(self.input_shape))
        names = [layer.name for layer in self.layers]
        double = sorted({name for name in names if names.count(name) > 1})
        if double:
            raise ValueError(f"Network: layer names must differ, got {double[0]!r} twice.")
        shapes = [self.input_shape]
        for layer in self.layers:
            shapes.append(layer.output_shape(shapes[-1]))
        object.__setattr__(self, "shapes", tuple(shapes))

    def __repr__(self) -> str:
        return f"Network({self.name!r}, {len(self.layers)} layers, {self.parameters:,} parameters)"

    @property
    def weights(self) -> Mapping[str, Float32[np.ndarray, "..."]]:
        """Weight of each Linear and Conv2d layer, by name, read-only."""
        return MappingProxyType({k.name: k.weight for k in self.layers if isinstance(k, WEIGHTED)})

    @property
    def biases(self) -> Mapping[str, Float32[np.ndarray, " out"]]:
        """Bias of each Linear and Conv2d layer, by name, read-only."""
        return MappingProxyType({k.name: k.bias for k in self.layers if isinstance(k, WEIGHTED)})

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return sum(a.size for part in (self.weights, self.biases) for a in part.values())

    def index(self, name: str) -> int:
        """Return the position of a layer.

        Raises
        ------
        ValueError
            If no layer has this name.
        """
        for k, layer in enumerate(self.layers):
            if layer.name == name:
                return k
        known = ", ".join(layer.name for layer in self.layers)
        raise ValueError(f"{self.name}: layer must be one of {known}, got {name!r}.")

    def layer(self, name: str) -> Layer:
        """Return a layer by name; ValueError if there is none."""
        return self.layers[self.index(name)]

    def predict(
        self,
        images: Float[np.ndarray, "n *shape"],
        batch_size: int | None = None,
        threads: int = 1,
    ) -> Float32[np.ndarray, "n *out"]:
        """Return the logits of images.

        Parameters
        ----------
        images
            (N, C, H, W) in [0, 1], as they come from `qlab.data`; finite, which is not checked.
        batch_size
            Images at a time. By default as many as fit `BATCH_BYTES`.
        threads
            Batches at the same time. Helps where BLAS itself is held to one thread
            (``OPENBLAS_NUM_THREADS=1``), and suffers less from a busy machine than BLAS's own.

        Returns
        -------
        np.ndarray
            float32 (N, classes). An image that holds NaN has logits of NaN.

        Raises
        ------
        TypeError
            If the images are no array of floats.
        ValueError
            If their shape is not the network's input shape, or one that isn't finite meets a
            layer that quantizes.

        Notes
        -----
        Looking for NaN would cost every call time, so who reads the logits looks:
        `qlab.metrics.accuracy` refuses such logits.
        """
        return self.run(images, batch_size=batch_size, threads=threads)

    def run(
        self,
        x: Float[np.ndarray, "n *shape"],
        start: int = 0,
        stop: int | None = None,
        batch_size: int | None = None,
        threads: int = 1,
    ) -> Float32[np.ndarray, "n *out"]:
        """Apply the layers ``start`` to ``stop − 1``: a prefix, a suffix, or what lies between.

        ``run(run(x, 0, k), k)`` is ``predict(x)``, so that the activations before the layer in
        hand can be kept.

        Parameters
        ----------
        x
            What enters layer `start`.
        start, stop
            Positions in `layers`; `stop` None means all the rest.
        batch_size
            Images at a time. By default as many as fit `BATCH_BYTES`.
        threads
            Batches at the same time. Helps where BLAS itself is held to one thread
            (``OPENBLAS_NUM_THREADS=1``), and suffers less from a busy machine than BLAS's own.

        Returns
        -------
        np.ndarray
            float32, what leaves layer ``stop − 1``.

        Raises
        ------
        TypeError
            If `x` is no array of floats.
        ValueError
            If a position is out of range or the shape is not that which enters layer `start`.
        """
        stop = len(self.layers) if stop is None else stop
        if not 0 <= start <= stop <= len(self.layers):
            raise ValueError(
                f"run: start and stop must be 0 <= start <= stop <= {len(self.layers)}, got "
                f"(start={start}, stop={stop})."
            )
        x = self._checked(x, start)
        if (batch_size is not None and batch_size < 1) or threads < 1:
            raise ValueError(
                "run: batch_size and threads must be at least 1, got "
                f"(batch_size={batch_size}, threads={threads})."
            )
        share = -(-len(x) // threads)  # rounded up
        size = batch_size or max(1, min(self._batch_size(start, stop), share))
        if len(x) <= size:
            return self._forward(x, start, stop)
        y = np.empty((len(x), *self.shapes[stop]), np.float32)

        firsts = iter(range(0, len(x), size))

        def work() -> None:
            for first in firsts:  # shared: each thread takes the next batch
                y[first : first + size] = self._forward(x[first : first + size], start, stop)

        others = [_pool(threads, os.getpid()).submit(work) for _ in range(threads - 1)]
        work()
        for other in others:
            other.result()
        return y

    def with_weights(
        self,
        weights: Mapping[str, Float[np.ndarray, "..."]],
        biases: Mapping[str, Float[np.ndarray, " out"]] | None = None,
    ) -> "Network":
        """Return a network with some arrays replaced; all others are shared.

        Parameters
        ----------
        weights, biases
            New arrays by layer name, of the old shapes.

        Raises
        ------
        ValueError
            If a layer is unknown or holds no weights, or a shape differs.
        """
        biases = biases or {}
        for part, arrays, old in (
            ("weight", weights, self.weights),
            ("bias", biases, self.biases),
        ):
            for name, array in arrays.items():
                if name not in old:
                    raise ValueError(
                        f"with_weights: layer must be one of {', '.join(old)}, got {name!r}."
                    )
                if np.shape(array) != old[name].shape:
                    raise ValueError(
                        f"with_weights: {part} of {name!r} must be {old[name].shape}, got "
                        f"{np.shape(array)}."
                    )
        return self.with_layers(
            [
                replace(
                    layer,
                    weight=weights.get(layer.name, layer.weight),
                    bias=biases.get(layer.name, layer.bias),
                )
                if isinstance(layer, WEIGHTED) and (layer.name in weights or layer.name in biases)
                else layer
                for layer in self.layers
            ]
        )

    def with_layers(self, layers: list[Layer]) -> "Network":
        """Return a network of the same name and input with other layers."""
        return Network(self.name, tuple(layers), self.input_shape)

    def summary(self) -> Summary:
        """Return the table of layers: shapes, parameters, multiply-accumulates per image."""
        rows = [
            Row(
                layer.name,
                type(layer).__name__,
                self.shapes[k + 1],
                layer.weight.size + layer.bias.size if isinstance(layer, WEIGHTED) else 0,
                layer.macs(self.shapes[k]),
            )
            for k, layer in enumerate(self.layers)
        ]
        return Summary(self.name, self.input_shape, tuple(rows))

    def _checked(self, x: Float[np.ndarray, "..."], start: int) -> Float32[np.ndarray, "..."]:
        if not isinstance(x, np.ndarray) or not np.issubdtype(x.dtype, np.floating):
            got = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
            raise TypeError(
                f"{self.name}: images must be a float array, got {got}. Bytes become floats in "
                "[0, 1] by dividing by 255; a torch tensor becomes an array by .numpy()."
            )
        if x.shape[1:] != self.shapes[start]:
            raise ValueError(
                f"{self.name}: input must be (N, {', '.join(map(str, self.shapes[start]))}), got "
                f"{x.shape}."
            )
        return np.asarray(x, np.float32)

    def _forward(
        self, x: Float32[np.ndarray, "n *shape"], start: int, stop: int
    ) -> Float32[np.ndarray, "n *out"]:
        for layer in self.layers[start:stop]:
            x = layer.forward(x)
        return x

    def _batch_size(self, start: int, stop: int) -> int:
        largest = math.prod(self.shapes[start])
        for k in range(start, stop):
            layer, floats = self.layers[k], math.prod(self.shapes[k + 1])
            if isinstance(layer, Conv2d):  # its columns: every window copied
                floats = floats // len(layer.weight) * math.prod(layer.weight.shape[1:])
            largest = max(largest, floats)
        return max(1, BATCH_BYTES // (4 * max(1, largest)))
