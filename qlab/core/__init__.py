"""Affine quantization: the decision, the grid, the codes, the bytes."""

from qlab.core.affine import dequantize, fake_quantize, quantize
from qlab.core.granularity import Granularity, PerAxis, PerGroup, PerTensor, per_block
from qlab.core.grid import qparams_between
from qlab.core.packing import pack, packed_bytes, unpack
from qlab.core.rounding import ROUNDINGS, Rounding, floor, nearest, stochastic, toward_zero
from qlab.core.spec import QParams, QuantSpec

__all__ = [
    "ROUNDINGS",
    "Granularity",
    "PerAxis",
    "PerGroup",
    "PerTensor",
    "QParams",
    "QuantSpec",
    "Rounding",
    "dequantize",
    "fake_quantize",
    "floor",
    "nearest",
    "pack",
    "packed_bytes",
    "per_block",
    "qparams_between",
    "quantize",
    "stochastic",
    "toward_zero",
    "unpack",
]
