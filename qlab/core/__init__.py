"""Affine quantization and other number formats: the decision, the grid, the codes, the bytes."""

from qlab.core.affine import dequantize, fake_quantize, quantize
from qlab.core.formats import FixedPoint, Format, decode, encode, gap, levels, round_to
from qlab.core.granularity import Granularity, PerAxis, PerGroup, PerTensor, per_block, spread
from qlab.core.grid import qparams_between
from qlab.core.minifloat import E2M1, E4M3, E5M2, MiniFloat
from qlab.core.packing import pack, packed_bytes, unpack
from qlab.core.rounding import ROUNDINGS, Rounding, floor, nearest, stochastic, toward_zero
from qlab.core.spec import QParams, QuantSpec

__all__ = [
    "E2M1",
    "E4M3",
    "E5M2",
    "ROUNDINGS",
    "FixedPoint",
    "Format",
    "Granularity",
    "MiniFloat",
    "PerAxis",
    "PerGroup",
    "PerTensor",
    "QParams",
    "QuantSpec",
    "Rounding",
    "decode",
    "dequantize",
    "encode",
    "fake_quantize",
    "floor",
    "gap",
    "levels",
    "nearest",
    "pack",
    "packed_bytes",
    "per_block",
    "qparams_between",
    "quantize",
    "round_to",
    "spread",
    "stochastic",
    "toward_zero",
    "unpack",
]
