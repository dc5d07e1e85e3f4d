"""Layers: small frozen records that hold arrays and know how to apply themselves.

    Linear      y = x Wᵀ + b                                                     (1)
    Conv2d      y[o, p, q] = b[o] + Σ_cij W[o, c, i, j] x[c, p·s + i, q·s + j]         (2)
    ReLU        y = max(x, 0)                                                    (3)
    MaxPool2d   y[c, p, q] = max_{i, j < k} x[c, p·k + i, q·k + j]                     (4)

Weights are (out, in, …), images (N, C, H, W), everything float32. Equation (2) is the
correlation that every deep-learning library calls convolution: the kernel is not mirrored.

Arrays may lie in memory in another order than their axes are named (channels last, say): no
result depends on it, only speed does.

Source: LeCun et al. 1998, "Gradient-based learning applied to document recognition", Proc. IEEE.
"""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32
from numpy.lib.stride_tricks import sliding_window_view

from qlab import core

Shape = tuple[int, ...]
Batch = Float32[np.ndarray, "n *shape"]


@runtime_checkable
class Layer(Protocol):
    """What every layer can do; shapes are those of one image, without N."""

    @property
    def name(self) -> str:
        """Return the name, unique in its network."""
        ...

    def forward(self, x: Batch) -> Batch:
        """Apply the layer to a batch; `x` is left as it was."""
        ...

    def output_shape(self, shape: Shape) -> Shape:
        """Return what becomes of an input shape; ValueError if it doesn't fit."""
        ...

    def macs(self, shape: Shape) -> int:
        """Return the multiply-accumulate operations for one image."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """A fully connected layer, eq. (1).

    Parameters
    ----------
    name
        Unique in its network.
    weight
        Row o holds the weights of output o.
    bias
        One per output.

    Raises
    ------
    ValueError
        If the shapes of weight and bias do not go together, or a value is not finite.

    Examples
    --------
    >>> fc = Linear("fc", np.array([[1.0, 2.0]]), np.array([0.5]))
    >>> fc.forward(np.array([[3.0, 4.0]], np.float32))
    array([[11.5]], dtype=float32)
    """

    name: str
    weight: Float[np.ndarray, "out in"]
    bias: Float[np.ndarray, " units"]  # as many as out: checked below, in our own words

    def __post_init__(self) -> None:
        _own_arrays(self, ndim=2)

    def forward(self, x: Float32[np.ndarray, "n in"]) -> Float32[np.ndarray, "n out"]:
        """Apply eq. (1)."""
        y = x @ self.weight.T
        y += self.bias
        return y

    def output_shape(self, shape: Shape) -> Shape:
        """Return (out,)."""
        _expect(self, shape, "(in,)", fits=shape == self.weight.shape[1:])
        return self.weight.shape[:1]

    def macs(self, shape: Shape) -> int:
        """Return in · out."""
        return self.weight.size


@dataclass(frozen=True, slots=True, eq=False)
class Conv2d:
    """A convolution layer, eq. (2), computed as one matrix product.

    Parameters
    ----------
    name
        Unique in its network.
    weight
        (out, in, height, width).
    bias
        One per output channel.
    stride
        Pixels from one output to the next, at least 1.
    padding
        Zeros around the image, on each side.

    Raises
    ------
    ValueError
        If the shapes of weight and bias do not go together, a value is not finite, or stride or
        padding is out of range.

    Examples
    --------
    >>> blur = Conv2d("blur", np.ones((1, 1, 2, 2)) / 4, np.zeros(1))
    >>> blur.forward(np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3))[0, 0]
    array([[2., 3.],
           [5., 6.]], dtype=float32)
    """

    name: str
    weight: Float[np.ndarray, "out in kh kw"]
    bias: Float[np.ndarray, " units"]  # as many as out: checked below, in our own words
    stride: int = 1
    padding: int = 0

    def __post_init__(self) -> None:
        _own_arrays(self, ndim=4)
        if self.stride < 1 or self.padding < 0:
            raise ValueError(
                f"Conv2d: stride must be at least 1 and padding at least 0, got "
                f"(name={self.name!r}, stride={self.stride}, padding={self.padding})."
            )

    def forward(self, x: Float32[np.ndarray, "n in h w"]) -> Float32[np.ndarray, "n out p q"]:
        """Apply eq. (2): copy each window into a column, then multiply once."""
        W, s, pad = self.weight, self.stride, self.padding
        out, channels, kh, kw = W.shape
        if pad:
            x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        # Copying the windows costs more than multiplying them unless the copied runs are long:
        # with few channels they run along the image's rows, with many along the channels.
        if channels * kw < x.shape[3] - kw + 1:
            windows = sliding_window_view(x, (kh, kw), axis=(2, 3))[:, :, ::s, ::s]
            n, _, p, q, _, _ = windows.shape
            columns = windows.transpose(1, 4, 5, 0, 2, 3).reshape(W[0].size, n * p * q)
            y = W.reshape(out, -1) @ columns  # (out, in·kh·kw) @ (in·kh·kw, n·p·q)
            y += self.bias[:, None]
            return y.reshape(out, n, p, q).transpose(1, 0, 2, 3)
        last = np.ascontiguousarray(x.transpose(0, 2, 3, 1))  # (n, h, w, in)
        windows = sliding_window_view(last, (kh, kw), axis=(1, 2))[:, ::s, ::s]
        n, p, q, _, _, _ = windows.shape
        rows = windows.transpose(0, 1, 2, 4, 5, 3).reshape(n * p * q, W[0].size)
        y = rows @ W.transpose(2, 3, 1, 0).reshape(W[0].size, out)  # (n·p·q, kh·kw·in) @ (…, out)
        y += self.bias
        return y.reshape(n, p, q, out).transpose(0, 3, 1, 2)

    def output_shape(self, shape: Shape) -> Shape:
        """Return (out, p, q)."""
        out, channels, kh, kw = self.weight.shape
        p = q = 0
        if len(shape) == 3 and shape[0] == channels:
            p = (shape[1] + 2 * self.padding - kh) // self.stride + 1
            q = (shape[2] + 2 * self.padding - kw) // self.stride + 1
        _expect(self, shape, "(in, h, w)", fits=p > 0 and q > 0)
        return out, p, q

    def macs(self, shape: Shape) -> int:
        """Return weights · positions."""
        return self.weight.size * math.prod(self.output_shape(shape)[1:])


@dataclass(frozen=True, slots=True)
class ReLU:
    """The rectifier, eq. (3).

    Examples
    --------
    >>> ReLU("relu").forward(np.array([[-1.0, 2.0]], np.float32))
    array([[0., 2.]], dtype=float32)
    """

    name: str

    def forward(self, x: Batch) -> Batch:
        """Apply eq. (3)."""
        return np.maximum(x, 0)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape unchanged."""
        return shape

    def macs(self, shape: Shape) -> int:
        """Return 0: a comparison is no multiplication."""
        return 0


@dataclass(frozen=True, slots=True)
class MaxPool2d:
    """The largest of each size×size block, eq. (4); a remainder at the edge is dropped.

    Parameters
    ----------
    name
        Unique in its network.
    size
        Side of the block and distance between blocks, at least 1.

    Raises
    ------
    ValueError
        If size is below 1.

    Examples
    --------
    >>> MaxPool2d("pool").forward(np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4))[0, 0]
    array([[ 5.,  7.],
           [13., 15.]], dtype=float32)
    """

    name: str
    size: int = 2

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(
                f"MaxPool2d: size must be at least 1, got (name={self.name!r}, size={self.size})."
            )

    def forward(self, x: Float32[np.ndarray, "n c h w"]) -> Float32[np.ndarray, "n c p q"]:
        """Apply eq. (4), rows first: maxima of whole strided slices, no windows."""
        k = self.size
        h, w = x.shape[2] // k * k, x.shape[3] // k * k
        rows = x[:, :, 0:h:k]
        for i in range(1, k):
            rows = np.maximum(rows, x[:, :, i:h:k])
        y = rows[..., 0:w:k]
        for j in range(1, k):
            y = np.maximum(y, rows[..., j:w:k])
        return y

    def output_shape(self, shape: Shape) -> Shape:
        """Return (c, h // size, w // size)."""
        _expect(self, shape, "(c, h, w)", fits=len(shape) == 3 and min(shape[1:]) >= self.size)
        return shape[0], shape[1] // self.size, shape[2] // self.size

    def macs(self, shape: Shape) -> int:
        """Return 0: a comparison is no multiplication."""
        return 0


@dataclass(frozen=True, slots=True)
class Flatten:
    """All axes of an image in one, the last running fastest.

    Examples
    --------
    >>> Flatten("flatten").forward(np.zeros((2, 3, 4, 4), np.float32)).shape
    (2, 48)
    """

    name: str

    def forward(self, x: Batch) -> Float32[np.ndarray, "n k"]:
        """Reshape to (N, c·h·w)."""
        return x.reshape(len(x), math.prod(x.shape[1:]))

    def output_shape(self, shape: Shape) -> Shape:
        """Return (c·h·w,)."""
        return (math.prod(shape),)

    def macs(self, shape: Shape) -> int:
        """Return 0."""
        return 0


@dataclass(frozen=True, slots=True, eq=False)
class FakeQuantize:
    """Activations rounded to the grid of their quantized codes, still float32.

    Parameters
    ----------
    name
        Unique in its network.
    qparams
        One scale and zero point for the whole batch (`PerTensor`).

    Raises
    ------
    ValueError
        If the granularity is another one.
    """

    name: str
    qparams: core.QParams

    def __post_init__(self) -> None:
        if not isinstance(self.qparams.spec.granularity, core.PerTensor):
            raise ValueError(
                "FakeQuantize: granularity must be PerTensor() for activations, got "
                f"(name={self.name!r}, granularity={self.qparams.spec.granularity}). "
                "Another one would need a scale inside the sum of each output."
            )

    def forward(self, x: Batch) -> Batch:
        """Quantize and dequantize."""
        return core.fake_quantize(x, self.qparams)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape unchanged."""
        return shape

    def macs(self, shape: Shape) -> int:
        """Return 0: in integer arithmetic this is one rescaling per output."""
        return 0


WEIGHTED = (Linear, Conv2d)


def _own_arrays(layer: Linear | Conv2d, ndim: int) -> None:
    """Check weight and bias, and keep read-only float32 views of them."""
    kind = type(layer).__name__
    for part in ("weight", "bias"):
        if not isinstance(getattr(layer, part), np.ndarray):
            raise TypeError(
                f"{kind}: {part} must be a NumPy array, got "
                f"(name={layer.name!r}, type={type(getattr(layer, part)).__name__})."
            )
    W, b = layer.weight, layer.bias
    if W.ndim != ndim or b.shape != W.shape[:1]:
        raise ValueError(
            f"{kind}: weight must have {ndim} axes and bias one value per output, got "
            f"(name={layer.name!r}, weight={W.shape}, bias={b.shape})."
        )
    for part, array in (("weight", W), ("bias", b)):
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes inf and is refused
            held = np.asarray(array, np.float32)
        bad = held.size - int(np.isfinite(held).sum())
        if bad:
            raise ValueError(
                f"{kind}: {part} must be finite, got {bad} NaN or infinite of {held.size} "
                f"(name={layer.name!r})."
            )
        if held.flags.writeable:  # a view, so that the caller's array stays the caller's
            held = held.view()
            held.flags.writeable = False
        object.__setattr__(layer, part, held)


def _expect(layer: Layer, shape: Shape, form: str, *, fits: bool) -> None:
    if not fits:
        held = f", weight={layer.weight.shape}" if isinstance(layer, WEIGHTED) else ""
        raise ValueError(
            f"{type(layer).__name__}: input must be {form} that fits the layer, got "
            f"(name={layer.name!r}, input={shape}{held})."
        )
