"""Integer-only inference: from the codes of an image to the codes of its logits, without a float.

    q₀ = quantize(image)      qₖ₊₁ = layerₖ(qₖ)      logits = dequantize(q_K)               (1)

Only the two doors of eq. (1) know real numbers. Between them there are int8 or uint8 codes, int32
accumulators and biases, and a product and a shift for each code (`qlab.networks.requantize`).
NumPy has no 8-bit matrix product, so codes are widened to int32 and multiplied by `einsum`. That is
slower than float32 BLAS, by how much `python -m benchmarks integer` measures; 8 bits are faster
where there is a kernel for them, see `qlab.networks.onnx`.

The network that is simulated in floats, `IntegerNetwork.simulated`, has the same grids. With
scales that are powers of two and sums below 2^24 both give the same codes; else a layer's codes
may differ by one where a float32 rounds to the other side of a tie. Rounded by "float32", the codes
are those of ONNX Runtime's QLinearConv and QLinearMatMul, bit for bit.

Source: Jacob et al. 2018, arXiv:1712.05877, §2; Krishnamoorthi 2018, arXiv:1806.08342.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Integer

from qlab import core, ranges
from qlab.core import PerAxis, QParams, QuantSpec
from qlab.core.arguments import chosen
from qlab.core.spec import checked_spec
from qlab.networks.accumulator import bits_for
from qlab.networks.arguments import (
    Chooser,
    calibrated,
    plain_network,
    told,
)
from qlab.networks.integer_conversion import check_complete, converted, float_twin
from qlab.networks.integer_layers import (
    IntegerLayer,
    LayerRun,
    check_weights,
    code_type,
    largest_codes,
    room_for_bias,
)
from qlab.networks.layers import Layer, MaxPool2d, ReLU
from qlab.networks.network import Network
from qlab.networks.quantization import Quantized, without_fake_quantize
from qlab.networks.quantization import activations as entering_each

WEIGHTS = QuantSpec(bits=8, granularity=PerAxis(0))
ACTIVATIONS = QuantSpec(bits=8, signed=False, symmetric=False)
LOGITS = QuantSpec(bits=16, symmetric=False)  # 8 bits would tie logits, and ties cost accuracy
BATCH = 32  # images: the widened windows of LeNet-5 stay near the cache

Codes = Integer[np.ndarray, "n *shape"]
Leaving = Integer[np.ndarray, "n *out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What one layer did to many images.

    Parameters
    ----------
    accumulators
        How many sums there were.
    overflows
        Those that did not fit in the accumulator.
    saturated
        Codes that were clipped to the grid.
    lowest, highest
        The accumulators that were farthest from 0.
    reach
        What the weights could reach at most, for any image.
    """

    accumulators: int = 0
    overflows: int = 0
    saturated: int = 0
    lowest: int = 0
    highest: int = 0
    reach: int = 0

    @property
    def peak(self) -> int:
        """The largest accumulator, sign aside."""
        return max(self.highest, -self.lowest)

    @property
    def bits(self) -> int:
        """Bits of the smallest register, in two's complement, that holds them all."""
        return bits_for(self.lowest, self.highest)

    def after(self, done: LayerRun) -> "Counts":
        """Return the counts with what the layer did to some more images."""
        return Counts(
            accumulators=self.accumulators + done.accumulators.size,
            overflows=self.overflows + done.overflows,
            saturated=self.saturated + done.saturated,
            lowest=min(self.lowest, int(done.accumulators.min())),
            highest=max(self.highest, int(done.accumulators.max())),
            reach=self.reach,
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class IntegerNetwork:
    """A network whose arithmetic is integer-only, eq. (1).

    Parameters
    ----------
    simulated
        The same grids in floats: `FakeQuantize` before each layer that holds weights and at the
        end, weights and biases on their grids.
    layers
        What is applied to codes, in this order; rectifiers behind weights are part of their layer.
    entering, leaving
        The grids of the image and of the logits.

    Examples
    --------
    >>> import qlab
    >>> mnist, net = qlab.data.load("mnist"), qlab.networks.load("lenet_300_100")
    >>> small = IntegerNetwork.from_calibration(net, mnist.calibration)
    >>> small
    IntegerNetwork('lenet_300_100', 3 integer layers, requantization='half_even')
    >>> small.predict(mnist.test[:2].images).argmax(axis=1)
    array([7, 2])
    >>> small.codes(small.encode(mnist.test[:1].images)).dtype
    dtype('int16')
    """

    simulated: Network
    layers: tuple[IntegerLayer | Layer, ...]
    entering: QParams
    leaving: QParams

    @classmethod
    def from_calibration(
        cls,
        net: Network,
        calibration: Chooser,
        weights: QuantSpec = WEIGHTS,
        activations: QuantSpec = ACTIVATIONS,
        method: Callable[..., QParams] = ranges.minmax,
        *,
        weight_method: Callable[..., QParams] = ranges.minmax,
        logits: QuantSpec = LOGITS,
        requantization: str = "half_even",
        accumulator_bits: int = 32,
        overflow: str = "wrap",
        multiplier_bits: int = 31,
    ) -> "IntegerNetwork":
        """Choose every grid and convert.

        Parameters
        ----------
        net
            In floats; `FakeQuantize` layers that it has are ignored.
        calibration
            Images that the ranges of activations and logits are chosen from.
        weights
            At most 8 bits, `PerTensor` or `PerAxis(0)`.
        activations
            At most 8 bits, `PerTensor`.
        method, weight_method
            From `qlab.ranges.METHODS`.
        logits
            At most 16 bits.
        requantization
            One of `REQUANTIZATIONS`.
        accumulator_bits
            2 to 32.
        overflow
            What a sum does that does not fit: "wrap" or "saturate".
        multiplier_bits
            Of each multiplier, 1 to 31.

        Returns
        -------
        IntegerNetwork
            `net` is left as it is.

        Raises
        ------
        TypeError
            If `calibration` is no split, or another argument of another type.
        ValueError
            If `calibration` is a test split or empty, or a spec does not fit integer arithmetic.
        """
        function = "from_calibration"
        net = without_fake_quantize(plain_network(function, net))
        for name, spec in (
            ("weights", weights),
            ("activations", activations),
            ("logits", logits),
        ):
            checked_spec(function, spec, name)
        chosen(function, "method", method, "ranges.METHODS")
        chosen(function, "weight_method", weight_method, "ranges.METHODS")
        x, _ = calibrated(function, calibration, "calibrate an integer network")
        entering = {name: method(a, activations) for name, a in entering_each(net, x).items()}
        return cls.from_grids(
            net,
            entering,
            method(net.predict(x), logits),
            weights,
            weight_method,
            requantization=requantization,
            accumulator_bits=accumulator_bits,
            overflow=overflow,
            multiplier_bits=multiplier_bits,
        )

    @classmethod
    def from_grids(
        cls,
        net: Network,
        entering: Mapping[str, QParams],
        leaving: QParams,
        weights: QuantSpec = WEIGHTS,
        weight_method: Callable[..., QParams] = ranges.minmax,
        **arithmetic: int | str,
    ) -> "IntegerNetwork":
        """Quantize the weights and convert; the grids of activations are known.

        Parameters
        ----------
        net
            In floats.
        entering
            The grid of what enters each layer that holds weights, by its name.
        leaving
            The grid of the logits.
        weights, weight_method, arithmetic
            As for `from_calibration`.

        Returns
        -------
        IntegerNetwork
            With a scale of the weights that leaves each bias room.

        Raises
        ------
        ValueError
            As `from_quantized`.
        """
        net = without_fake_quantize(plain_network("from_grids", net))
        qparams = {}
        for name, W in net.weights.items():
            check_weights(name, weights, W.ndim)
            if name not in entering:
                continue  # refused below
            chosen = weight_method(W, weights)
            qparams[name] = room_for_bias(chosen, net.biases[name], entering[name])
        codes = {name: core.quantize(net.weights[name], q) for name, q in qparams.items()}
        given: Any = arithmetic
        return cls.from_quantized(Quantized(net, qparams, codes), entering, leaving, **given)

    @classmethod
    def from_quantized(
        cls,
        quantized: Quantized,
        entering: Mapping[str, QParams],
        leaving: QParams,
        *,
        requantization: str = "half_even",
        accumulator_bits: int = 32,
        overflow: str = "wrap",
        multiplier_bits: int = 31,
    ) -> "IntegerNetwork":
        """Convert weights that are codes already, however they were found.

        Parameters
        ----------
        quantized
            With codes for every layer that holds weights, and nothing beside them: offsets and
            factors, which some repairs leave, are no integers.
        entering
            The grid of what enters each of them, by its name.
        leaving
            The grid of the logits.
        requantization, accumulator_bits, overflow, multiplier_bits
            As for `from_calibration`.

        Returns
        -------
        IntegerNetwork
            With the biases rounded to 32 bits.

        Raises
        ------
        TypeError
            If `quantized` is another thing.
        ValueError
            If a layer has no codes or no grid, a repair left it offsets or factors, or the network
            has no layer with weights.
        """
        if not isinstance(quantized, Quantized):
            raise TypeError(
                f"from_quantized: quantized must be a Quantized, got {told(quantized)}. "
                "qlab.networks.quantize_weights makes one."
            )
        net = without_fake_quantize(quantized.network)
        check_complete(net, quantized, entering)
        grids = [*(entering[name] for name in net.weights), leaving]
        arithmetic = {
            "requantization": requantization,
            "accumulator_bits": accumulator_bits,
            "overflow": overflow,
            "multiplier_bits": multiplier_bits,
        }
        layers = converted(net, quantized, grids, arithmetic)
        return cls(float_twin(net, layers, leaving), layers, grids[0], leaving)

    def __repr__(self) -> str:
        held = self.integer_layers
        return (
            f"IntegerNetwork({self.simulated.name!r}, {len(held)} integer layers, "
            f"requantization={held[0].requantization!r})"
        )

    def with_arithmetic(self, **arithmetic: int | str) -> "IntegerNetwork":
        """Return a network of the same codes on another processor.

        Parameters
        ----------
        arithmetic
            Any of requantization, accumulator_bits, overflow, multiplier_bits; what is not named
            stays as it is.

        Raises
        ------
        ValueError
            If there is no such arithmetic.

        Examples
        --------
        >>> import qlab
        >>> mnist, net = qlab.data.load("mnist"), qlab.networks.load("mlp_784_128_10")
        >>> small = IntegerNetwork.from_calibration(net, mnist.calibration)
        >>> narrow = small.with_arithmetic(accumulator_bits=16, overflow="saturate")
        >>> [layer.accumulator_bits for layer in narrow.integer_layers]
        [16, 16]
        """
        known = ("requantization", "accumulator_bits", "overflow", "multiplier_bits")
        unknown = [name for name in arithmetic if name not in known]
        if unknown:
            raise ValueError(
                f"with_arithmetic: one of {', '.join(known)} expected, got {unknown[0]!r}."
            )
        changed: Any = arithmetic
        layers = tuple(
            replace(layer, **changed) if isinstance(layer, IntegerLayer) else layer
            for layer in self.layers
        )
        return replace(self, layers=layers)

    @property
    def integer_layers(self) -> tuple[IntegerLayer, ...]:
        """Those of the layers that hold weights."""
        return tuple(layer for layer in self.layers if isinstance(layer, IntegerLayer))

    def predict(self, images: Float[np.ndarray, "n *shape"]) -> Float32[np.ndarray, "n out"]:
        """Return the logits of images, eq. (1); floats only at the two doors.

        Parameters
        ----------
        images
            (N, C, H, W) in [0, 1], as they come from `qlab.data`.

        Returns
        -------
        np.ndarray
            float32 (N, classes), on the grid of the logits.

        Raises
        ------
        TypeError, ValueError
            As `Network.predict`.
        """
        return core.dequantize(self.codes(self.encode(images)), self.leaving)

    def encode(self, images: Float[np.ndarray, "n *shape"]) -> Codes:
        """Return the codes of images: the door in."""
        images = self.simulated.run(images, 0, 0)  # checked, unchanged
        return core.quantize(images, self.entering).astype(code_type(self.entering.spec))

    def codes(self, q: Codes) -> Leaving:
        """Return the codes of the logits; integers from the first line to the last.

        Parameters
        ----------
        q
            What `encode` returned.

        Returns
        -------
        np.ndarray
            int16, or the type of `leaving`; the largest code is the largest logit.

        Raises
        ------
        TypeError, ValueError
            If `q` holds no integers, codes outside the grid, or the wrong shape.
        """
        q = self._checked(q)
        batches = [self._forward(q[k : k + BATCH]) for k in range(0, max(len(q), 1), BATCH)]
        return np.concatenate(batches)

    def run(self, q: Codes) -> tuple[LayerRun, ...]:
        """Return what happened in each integer layer: for one image or a few.

        Parameters
        ----------
        q
            What `encode` returned; the accumulators of all of them are kept.

        Returns
        -------
        tuple
            One record a layer that holds weights; the last one's codes are those of the logits.

        Raises
        ------
        TypeError, ValueError
            As `codes`.
        """
        return tuple(self._traced(self._checked(q)))

    def enter(self, name: str, q: Codes) -> Leaving:
        """Return the codes that enter a layer.

        Parameters
        ----------
        name
            Of a layer.
        q
            What `encode` returned.

        Raises
        ------
        TypeError, ValueError
            As `codes`; if there is no such layer.
        """
        q = self._checked(q)
        for layer in self.layers:
            if layer.name == name:
                return q
            q = layer.forward(q) if isinstance(layer, IntegerLayer) else self.moved(layer, q)
        known = ", ".join(layer.name for layer in self.layers)
        raise ValueError(f"enter: one of {known} expected, got {name!r}.")

    def count(self, images: Float[np.ndarray, "n *shape"]) -> dict[str, Counts]:
        """Return by layer how often accumulators overflowed and codes saturated.

        Parameters
        ----------
        images
            As for `predict`.

        Returns
        -------
        dict
            `Counts` by the layer's name.

        Raises
        ------
        TypeError, ValueError
            As `Network.predict`.
        """
        q = self.encode(images)
        counts = {k.name: Counts(reach=k.reach) for k in self.integer_layers}
        for k in range(0, len(q), BATCH):
            for done in self._traced(q[k : k + BATCH]):
                counts[done.name] = counts[done.name].after(done)
        return counts

    def _forward(self, q: Codes) -> Leaving:
        for layer in self.layers:
            q = layer.forward(q) if isinstance(layer, IntegerLayer) else self.moved(layer, q)
        return q

    def _traced(self, q: Codes) -> Iterator[LayerRun]:
        for layer in self.layers:
            if isinstance(layer, IntegerLayer):
                done = layer.trace(q)
                yield done
                q = done.codes
            else:
                q = self.moved(layer, q)

    def moved(self, layer: Layer, q: Codes) -> Leaving:
        """Apply a layer without weights to codes: larger codes are larger values.

        Parameters
        ----------
        layer
            One of `layers`.
        q
            What enters it.

        Returns
        -------
        np.ndarray
            Codes of the same grid.
        """
        if isinstance(layer, MaxPool2d):
            return largest_codes(q, layer.size)
        if isinstance(layer, ReLU):  # of the image itself: all others are part of their layer
            return np.maximum(q, int(self.entering.zero_point))
        return q.reshape(len(q), math.prod(q.shape[1:]))

    def _checked(self, q: Codes) -> Codes:
        spec, shape = self.entering.spec, self.simulated.input_shape
        if not (isinstance(q, np.ndarray) and np.issubdtype(q.dtype, np.integer)):
            got = q.dtype if isinstance(q, np.ndarray) else type(q).__name__
            raise TypeError(
                f"{self.simulated.name}: codes must be an integer array, got {got}. "
                "Images become codes by .encode(images)."
            )
        if q.shape[1:] != shape:
            raise ValueError(
                f"{self.simulated.name}: codes must be (N, {', '.join(map(str, shape))}), "
                f"got {q.shape}."
            )
        if q.size and not (spec.quant_min <= q.min() and q.max() <= spec.quant_max):
            raise ValueError(
                f"{self.simulated.name}: codes must lie in {spec.quant_min} … {spec.quant_max}, "
                f"got {q.min()} … {q.max()}."
            )
        return q
