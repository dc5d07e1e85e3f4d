"""One layer in integers: codes in, 32-bit accumulators, codes out.

    acc[o] = Σ_i (q_x[i] − z_x)(q_w[o, i] − z_w) + b[o],    b = round(bias / (s_x s_w))      (1)
    q_y[o] = clip(z_y + round(M[o] · acc[o]), low, quant_max),   M[o] = s_x s_w[o] / s_y     (2)

A rectifier behind the layer costs nothing: low = max(quant_min, z_y), since z_y means 0. A padded
pixel is the code z_x. The largest of some codes is the code of the largest value, so pooling works
on codes.

The sum needs 32 bits, not the products: |q_x − z_x| ≤ 255 and |q_w − z_w| ≤ 255, so 33,000 of them
fit. What a layer's weights can reach at most is known before it sees an image; only where that
leaves the accumulator is the sum taken in 64 bits, counted, and wrapped or saturated as the
register would (`qlab.networks.accumulator`).

Source: Jacob et al. 2018, arXiv:1712.05877, §2.2 to 2.4.
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int32, Integer, Shaped
from numpy.lib.stride_tricks import sliding_window_view

from qlab import core
from qlab.core import PerAxis, PerTensor, QParams, QuantSpec
from qlab.core.arguments import integer
from qlab.networks.accumulator import OVERFLOWS, extremes, limits, saturated, wrapped
from qlab.networks.requantize import REQUANTIZATIONS, Multiplier, fixed_point

BIAS_REACH = 2**30  # a bias takes at most half of the accumulator


@dataclass(frozen=True, slots=True, eq=False)
class LayerRun:
    """What happened in one layer.

    Parameters
    ----------
    name
        Of the layer.
    accumulators
        int32 (n, out, …), eq. (1), bias included, as the register holds them.
    codes
        (n, out, …), eq. (2).
    overflows
        Accumulators that do not hold the true sum: it did not fit.
    saturated
        Codes that were clipped to the grid; those that a rectifier cuts are not among them.
    """

    name: str
    accumulators: Int32[np.ndarray, "n out *place"]
    codes: Integer[np.ndarray, "n out *place"]
    overflows: int
    saturated: int


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class IntegerLayer:
    """A Linear or Conv2d layer in integers, eqs. (1) and (2).

    Parameters
    ----------
    name
        Unique in its network.
    codes
        Weights, (out, in) or (out, in, height, width).
    bias
        In steps of s_x·s_w.
    entering, weight, leaving
        The grids of what enters, of the weights (`PerTensor` or `PerAxis(0)`) and of what leaves.
    rectified
        Whether a rectifier follows.
    stride, padding
        Of a convolution.
    requantization
        One of `REQUANTIZATIONS`.
    accumulator_bits
        2 to 32; real ones have 32, fewer show what overflow does.
    overflow
        What a sum does that does not fit: one of `OVERFLOWS`.
    multiplier_bits
        Of the fixed-point multiplier, 1 to 31; a single one is a power of two, a shift alone.

    Raises
    ------
    TypeError
        If a number of bits is no integer.
    ValueError
        If a grid has too many bits or the wrong granularity, shapes do not go together, or there is
        no such arithmetic.
    """

    name: str
    codes: Integer[np.ndarray, "out *inputs"]
    bias: Int32[np.ndarray, " out"]
    entering: QParams
    weight: QParams
    leaving: QParams
    rectified: bool = False
    stride: int = 1
    padding: int = 0
    requantization: str = "half_even"
    accumulator_bits: int = 32
    overflow: str = "wrap"
    multiplier_bits: int = 31
    multiplier: Multiplier = field(init=False)
    steps: Integer[np.ndarray, "out inputs"] = field(init=False)  # q_w − z_w, one row an output
    reach: int = field(init=False)  # no accumulator can be larger, sign aside

    def __post_init__(self) -> None:
        _check(self)
        codes = self.codes.astype(code_type(self.weight.spec))
        codes.flags.writeable = False
        z = self.weight.zero_point.reshape(-1, 1)
        steps = codes.reshape(len(codes), -1).astype(np.int32) - z  # widen first
        farthest = max(abs(zero - end) for end, zero in _ends(self.entering))
        sums = np.abs(steps).sum(axis=1, dtype=np.int64) * farthest + np.abs(self.bias)
        reach = int(sums.max(initial=0))
        steps = steps.astype(np.int32 if reach < 2**31 else np.int64)
        M = self.entering.scale * self.weight.scale / self.leaving.scale  # float32
        for name, value in {
            "codes": codes,
            "steps": steps,
            "reach": reach,
            "multiplier": fixed_point(M, self.multiplier_bits).along(codes.ndim),
        }.items():
            object.__setattr__(self, name, value)

    @property
    def lowest(self) -> int:
        """The smallest code that leaves: quant_min, or that of 0 behind a rectifier."""
        floor = int(self.leaving.zero_point) if self.rectified else self.leaving.spec.quant_min
        return max(floor, self.leaving.spec.quant_min)

    @property
    def extremes(self) -> tuple[int, int]:
        """The lowest and the highest accumulator that any input can bring about."""
        ends = [end - zero for end, zero in _ends(self.entering)]
        lowest, highest = extremes(self.steps, min(*ends, 0), max(*ends, 0), self.bias)
        return int(lowest.min(initial=0)), int(highest.max(initial=0))

    def forward(self, q: Integer[np.ndarray, "n *inputs"]) -> Integer[np.ndarray, "n out *place"]:
        """Return the codes that leave, eqs. (1) and (2)."""
        return self.recoded(self._register(q, None))

    def recoded(
        self, acc: Integer[np.ndarray, "n out *place"]
    ) -> Integer[np.ndarray, "n out *place"]:
        """Return the codes of accumulators, eq. (2)."""
        highest = self.leaving.spec.quant_max
        codes = np.clip(self._rescaled(acc), self.lowest, highest)
        return codes.astype(code_type(self.leaving.spec))

    def trace(
        self,
        q: Integer[np.ndarray, "n *inputs"],
        sums: Integer[np.ndarray, "n out *place"] | None = None,
    ) -> LayerRun:
        """Return the codes that leave with the accumulators, and what did not fit.

        Parameters
        ----------
        q
            What enters.
        sums
            ``sums(q)``, where it is known already.
        """
        sums = self.sums(q) if sums is None else sums
        acc = self._register(q, sums)
        y = self._rescaled(acc)
        lowest, highest = self.lowest, self.leaving.spec.quant_max
        too_low = 0 if self.rectified else int((y < lowest).sum())
        return LayerRun(
            self.name,
            acc.astype(np.int32),
            np.clip(y, lowest, highest).astype(code_type(self.leaving.spec)),
            int((sums != acc).sum()),
            too_low + int((y > highest).sum()),
        )

    def columns(self, q: Integer[np.ndarray, "n *inputs"]) -> Integer[np.ndarray, "inputs places"]:
        """Return q_x − z_x, a column for each sum of an output: an image, or a place of one.

        Parameters
        ----------
        q
            What enters.

        Returns
        -------
        np.ndarray
            Of the type of `steps`; images first, then rows, then columns of a convolution.
        """
        z, kind = int(self.entering.zero_point), self.steps.dtype
        if self.codes.ndim == 2:
            return q.astype(kind).T - z
        pad, s = self.padding, self.stride
        if pad:
            around = ((0, 0), (0, 0), (pad, pad), (pad, pad))
            q = np.pad(q, around, constant_values=z)  # real 0
        windows = sliding_window_view(q, self.codes.shape[2:], axis=(2, 3))[:, :, ::s, ::s]
        n, _, height, width, _, _ = windows.shape
        shape = (self.steps.shape[1], n * height * width)
        return windows.transpose(1, 4, 5, 0, 2, 3).reshape(shape).astype(kind) - z

    def sums(self, q: Integer[np.ndarray, "n *inputs"]) -> Integer[np.ndarray, "n out *place"]:
        """Return the true sums, eq. (1), whether the accumulator holds them or not.

        Parameters
        ----------
        q
            What enters.
        """
        # einsum multiplies integers at the processor's width, `@` does not
        W, b = self.steps, self.bias.astype(self.steps.dtype)
        if self.codes.ndim == 2:
            return np.einsum("ni,oi->no", self.columns(q).T, W) + b
        acc = np.einsum("oi,ip->op", W, self.columns(q))
        acc += b[:, None]
        return self._placed(acc, q)

    def _placed(
        self, acc: Integer[np.ndarray, "out places"], q: Integer[np.ndarray, "n *inputs"]
    ) -> Integer[np.ndarray, "n out *place"]:
        """Put sums, an output a row, where they belong."""
        if self.codes.ndim == 2:
            return acc.T
        pad, s, n = self.padding, self.stride, len(q)
        height, width = (
            (side + 2 * pad - k) // s + 1
            for side, k in zip(q.shape[2:], self.codes.shape[2:], strict=True)
        )
        return acc.reshape(len(acc), n, height, width).transpose(1, 0, 2, 3)

    def _register(
        self,
        q: Integer[np.ndarray, "n *inputs"],
        sums: Integer[np.ndarray, "n out *place"] | None,
    ) -> Integer[np.ndarray, "n out *place"]:
        """Return what the accumulators hold; `sums` where they are known already."""
        if self.reach > limits(self.accumulator_bits)[1] and self.overflow == "saturate":
            held = saturated(self.steps, self.columns(q), self.bias, self.accumulator_bits)
            return self._placed(held, q)
        sums = self.sums(q) if sums is None else sums
        if self.reach <= limits(self.accumulator_bits)[1]:
            return sums  # nothing can overflow, for any image
        return wrapped(sums, self.accumulator_bits)

    def _rescaled(self, acc: Integer[np.ndarray, "n *place"]) -> Integer[np.ndarray, "n *place"]:
        """Equation 2 without the clip."""
        rounded = REQUANTIZATIONS[self.requantization](acc, self.multiplier)
        return rounded + int(self.leaving.zero_point)


def code_type(spec: QuantSpec) -> np.dtype[np.signedinteger] | np.dtype[np.unsignedinteger]:
    """Return the smallest integer type that holds the codes: 8 bits or 16.

    Parameters
    ----------
    spec
        Bits and sign.

    Examples
    --------
    >>> code_type(QuantSpec(bits=4, signed=False))
    dtype('uint8')
    """
    size = 1 if spec.bits <= 8 else 2
    return np.dtype(f"{'i' if spec.signed else 'u'}{size}")


def check_weights(name: str, spec: QuantSpec, ndim: int) -> None:
    """Refuse weights whose scale would stay inside the sum, or that 8 bits don't hold.

    Parameters
    ----------
    name
        Of the layer, for the message.
    spec
        Of its weights.
    ndim
        2 or 4.

    Raises
    ------
    ValueError
        If the granularity is neither `PerTensor` nor `PerAxis(0)`, or there are more than 8 bits.
    """
    granularity = spec.granularity
    by_row = isinstance(granularity, PerAxis) and granularity.axis % ndim == 0
    if spec.bits > 8 or not (by_row or isinstance(granularity, PerTensor)):
        raise ValueError(
            "IntegerLayer: weights must have at most 8 bits, PerTensor() or PerAxis(0), got "
            f"(name={name!r}, bits={spec.bits}, granularity={granularity}). "
            "Another scale stays inside the sum."
        )


def bias_codes(
    name: str,
    bias: Float[np.ndarray, " out"],
    entering: QParams,
    weight: QParams,
) -> Int32[np.ndarray, " out"]:
    """Return the bias in steps of s_x·s_w, as eq. (1) adds it.

    Parameters
    ----------
    name
        Of the layer, for the message.
    bias
        Real numbers.
    entering, weight
        The two grids.

    Raises
    ------
    ValueError
        If a bias takes more than half of 32 bits, beside weights that small.

    Examples
    --------
    >>> unit = QParams(np.array(0.5), np.array(0), QuantSpec())
    >>> bias_codes("fc", np.array([1.1]), unit, unit)
    array([4], dtype=int32)
    """
    s = entering.scale.astype(np.float64) * weight.scale.astype(np.float64)
    b = np.rint(bias / s)
    if (np.abs(b) > BIAS_REACH).any():
        raise ValueError(
            f"bias_codes: a bias must fit in 2^30 steps of s_x·s_w, got {np.abs(b).max():.3g} "
            f"(name={name!r}). Give its row of weights a larger scale, or use PerTensor()."
        )
    return b.astype(np.int32)


def room_for_bias(weight: QParams, bias: Float[np.ndarray, " out"], entering: QParams) -> QParams:
    """Return weight scales large enough that each bias fits, eq. (1).

    Parameters
    ----------
    weight
        `PerTensor` or `PerAxis(0)`; changed only where weights are so small, or all zero, that
        their scale leaves the bias no room.
    bias
        Real numbers.
    entering
        The grid of what enters.

    Examples
    --------
    >>> dead = QParams(np.array([1e-37, 0.1]), np.array([0, 0]), QuantSpec(granularity=PerAxis(0)))
    >>> unit = QParams(np.array(1.0), np.array(0), QuantSpec())
    >>> [f"{s:.2g}" for s in room_for_bias(dead, np.array([1.0, 1.0]), unit).scale]
    ['9.3e-10', '0.1']
    """
    needed = np.abs(bias).astype(np.float64) / (entering.scale.astype(np.float64) * BIAS_REACH)
    if weight.scale.ndim == 0:
        needed = needed.max(initial=0)
    scale = np.maximum(weight.scale, np.nextafter(np.float32(needed), np.float32(np.inf)))
    kept = np.where(weight.scale >= needed, weight.scale, scale)
    return QParams(kept, weight.zero_point, weight.spec)


def largest_codes(q: Shaped[np.ndarray, "n c h w"], size: int) -> Shaped[np.ndarray, "n c p q"]:
    """Return the largest of each size×size block of codes; a remainder at the edge is dropped.

    Parameters
    ----------
    q
        Codes; the type is kept.
    size
        Side of a block.

    Examples
    --------
    >>> largest_codes(np.arange(16, dtype=np.uint8).reshape(1, 1, 4, 4), 2)[0, 0]
    array([[ 5,  7],
           [13, 15]], dtype=uint8)
    """
    h, w = q.shape[2] // size * size, q.shape[3] // size * size
    rows = q[:, :, 0:h:size]
    for i in range(1, size):
        rows = np.maximum(rows, q[:, :, i:h:size])
    y = rows[..., 0:w:size]
    for j in range(1, size):
        y = np.maximum(y, rows[..., j:w:size])
    return y


def _ends(qparams: QParams) -> tuple[tuple[int, int], ...]:
    z = int(qparams.zero_point)
    return (qparams.spec.quant_min, z), (qparams.spec.quant_max, z)


def _check(layer: IntegerLayer) -> None:
    """Refuse what integer arithmetic can't do."""
    name = layer.name
    check_weights(name, layer.weight.spec, layer.codes.ndim)
    for side, bits in (("entering", 8), ("leaving", 16)):
        spec = getattr(layer, side).spec
        if not isinstance(spec.granularity, PerTensor) or spec.bits > bits:
            raise ValueError(
                f"IntegerLayer: {side} codes must have at most {bits} bits, PerTensor(), got "
                f"(name={name!r}, bits={spec.bits}, granularity={spec.granularity})."
            )
    for part, known in (("requantization", list(REQUANTIZATIONS)), ("overflow", list(OVERFLOWS))):
        if (value := getattr(layer, part)) not in known:
            raise ValueError(
                f"IntegerLayer: {part} must be one of {', '.join(known)}, got {value!r}."
            )
    for part, low, high in (("accumulator_bits", 2, 32), ("multiplier_bits", 1, 31)):
        bits = integer("IntegerLayer", part, getattr(layer, part))
        if not low <= bits <= high:
            raise ValueError(f"IntegerLayer: {part} must be {low} to {high}, got {bits}.")
    if layer.codes.ndim not in (2, 4) or layer.bias.shape != layer.codes.shape[:1]:
        raise ValueError(
            f"IntegerLayer: codes must be (out, in) or (out, in, h, w) and bias (out,), got "
            f"(name={name!r}, codes={layer.codes.shape}, bias={layer.bias.shape})."
        )
    spec = layer.weight.spec
    if layer.codes.size and not (
        spec.quant_min <= layer.codes.min() and layer.codes.max() <= spec.quant_max
    ):
        raise ValueError(
            f"IntegerLayer: codes must lie in {spec.quant_min} … {spec.quant_max}, got "
            f"{layer.codes.min()} … {layer.codes.max()} (name={name!r})."
        )
    core.dequantize(layer.codes[:, :0], layer.weight)  # shapes of codes and scales go together
