"""What a repair leaves of a layer: codes, their grid, and what must travel beside them.

    Ŵ = ((q − z)·s + o) / t                                                           (1)
    y = Ŵ x + b + Δb                                                                  (2)

s, z  scale and zero point;  o  a real offset of each block (a zero point that is no integer);
t  one factor for each input;  Δb  what is added to the bias. Most methods need neither o nor t.

Source: Jacob et al. 2018, arXiv:1712.05877 (s and z); Badri and Shaji 2023, "Half-Quadratic
Quantization of Large Machine Learning Models", mobiusml.github.io/hqq_blog (o); Lin et al. 2023,
arXiv:2306.00978, section 3.2 (t); Nagel et al. 2019, arXiv:1906.04721, section 4.2 (Δb).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

from qlab.core import QParams, dequantize, quantize
from qlab.metrics import Bytes, bytes_coded
from qlab.ptq.arguments import full


@dataclass(frozen=True, slots=True, eq=False)
class Repaired:
    """Codes of one layer's weights, (out, in), and all that their reader needs, equation 1.

    Parameters
    ----------
    codes
        int32 (out, in), within the codes of ``qparams.spec``.
    qparams
        Scale and zero point.
    bias_shift
        Δb, one for each output; zeros where the method leaves the bias alone.
    offset
        o, of the compact shape of ``qparams.scale``, in units of W·t; None means 0.
    input_scale
        t, one for each input, > 0; None means 1. ``fold_factors`` lets the layer before divide
        its outputs by t, which a rectifier lets through; then nothing needs it.

    Examples
    --------
    >>> from qlab.core import QuantSpec
    >>> qparams = QParams(np.array(0.5), np.array(0), QuantSpec(bits=3))
    >>> repaired = Repaired(np.array([[3, -1]], np.int32), qparams, np.zeros(1, np.float32))
    >>> repaired.dequantize()
    array([[ 1.5, -0.5]], dtype=float32)
    """

    codes: Int32[np.ndarray, "out in"]
    qparams: QParams
    bias_shift: Float32[np.ndarray, " out"]
    offset: Float32[np.ndarray, "..."] | None = None
    input_scale: Float32[np.ndarray, " in"] | None = None

    def __post_init__(self) -> None:
        for name in ("codes", "bias_shift", "offset", "input_scale"):
            if (array := getattr(self, name)) is not None:
                held = array.view()
                held.flags.writeable = False
                object.__setattr__(self, name, held)

    def dequantize(self) -> Float32[np.ndarray, "out in"]:
        """Return Ŵ, equation 1."""
        W_hat = dequantize(self.codes, self.qparams)
        if self.offset is not None:
            W_hat += full(self.offset, self.qparams.spec, self.codes.shape)
        if self.input_scale is not None:
            W_hat /= self.input_scale
        return W_hat

    @property
    def bytes(self) -> Bytes:
        """Codes, scales with the factors, zero points with the offsets; Δb is part of the bias."""
        factors, offsets = (0 if a is None else 4 * a.size for a in (self.input_scale, self.offset))
        beside = Bytes(scales=factors, zero_points=offsets)
        return bytes_coded(self.codes.size, self.qparams) + beside


def rounded(
    W: Float32[np.ndarray, "out in"],
    qparams: QParams,
    *,
    input_scale: Float32[np.ndarray, " in"] | None = None,
) -> Repaired:
    """Round to the nearest codes: what every repair starts from.

    Parameters
    ----------
    W
        Weights, (out, in).
    qparams
        The grid; of W·t where t is given.
    input_scale
        t, one factor for each input, or None.

    Returns
    -------
    repaired
        Codes of W·t; the bias stays.

    Examples
    --------
    >>> from qlab.core import QuantSpec
    >>> qparams = QParams(np.array(0.5), np.array(0), QuantSpec(bits=3))
    >>> rounded(np.array([[1.4, -0.6]], np.float32), qparams).codes
    array([[ 3, -1]], dtype=int32)
    """
    scaled = W if input_scale is None else W * input_scale
    codes = quantize(scaled, qparams)
    return Repaired(codes, qparams, np.zeros(len(W), np.float32), None, input_scale)
