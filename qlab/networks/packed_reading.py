"""What a packed file says, taken apart; nothing in it is trusted.

Nothing is allocated before the sizes that the header claims have been compared with the bytes that
are there, and nothing is executed. The format: `qlab.networks.packed`.
"""

import json
import math
from typing import Any

import numpy as np
import safetensors.numpy
from jaxtyping import Int32, Shaped

from qlab import core
from qlab.codebooks import Coded
from qlab.core import Granularity, PerAxis, PerGroup, PerTensor, QParams, QuantSpec, packed_bytes
from qlab.networks.coding import CodedNetwork
from qlab.networks.layers import Conv2d, FakeQuantize, Flatten, Layer, Linear, MaxPool2d, ReLU
from qlab.networks.network import Network
from qlab.networks.packed_table import MOST_BITS, parsed_table
from qlab.networks.quantization import Quantized

VERSION = 1
KEY = "qlab.packed"
MOST_HEADER = 1 << 20  # bytes; that of LeNet-5 has 1.5 kB
MOST_SIDE = 1 << 16  # of an image, kernel, stride or padding

Arrays = dict[str, Shaped[np.ndarray, "..."]]
Grids = dict[str, QParams]
Codes = dict[str, Int32[np.ndarray, "..."]]
Tables = dict[str, Coded]


def parsed(data: bytes, claimed: int, size: int) -> Quantized | CodedNetwork:
    """Return what the bytes behind the first eight describe."""
    if claimed > min(size - 8, MOST_HEADER):
        raise ValueError(f"its header claims {claimed} bytes, and the file has {size}")
    # load checks that offsets lie in the file and fit the shapes
    arrays = safetensors.numpy.load(claimed.to_bytes(8, "little") + data)
    metadata = json.loads(data[:claimed]).get("__metadata__", {})
    if KEY not in metadata:
        raise ValueError("its header describes no packed network")
    about = json.loads(metadata[KEY])
    if not isinstance(about, dict) or about.get("version") != VERSION:
        version = about.get("version") if isinstance(about, dict) else None
        raise ValueError(f"its version is {version!r}, and this qlab reads {VERSION}")
    layers: list[Layer] = []
    qparams: Grids = {}
    codes: Codes = {}
    tables: Tables = {}
    for entry in about["layers"]:
        layer = _Entry(dict(entry), arrays).layer(qparams, codes, tables)
        layers.append(layer)
    if arrays:
        raise ValueError(f"no layer owns its array {min(arrays)!r}")
    shape = tuple(_whole(side, 1, MOST_SIDE) for side in about["input_shape"])
    name = about["name"]
    if not isinstance(name, str):
        raise ValueError(f"its name must be a word, got {name!r}")
    net = Network(name, tuple(layers), shape)
    if tables and codes:
        raise ValueError("some of its layers have a codebook and others a scale and zero point")
    return CodedNetwork(net, tables) if tables else Quantized(net, qparams, codes)


class _Entry:
    """One layer of the header; every field and array is taken once, and none may be left."""

    def __init__(self, fields: dict[str, Any], arrays: Arrays) -> None:
        self.fields, self.arrays = fields, arrays
        self.kind, self.name = fields.pop("kind"), fields.pop("name")
        if not isinstance(self.name, str):
            raise ValueError(f"the name of a layer must be a word, got {self.name!r}")

    def layer(self, qparams: Grids, codes: Codes, tables: Tables) -> Layer:
        """Return the layer; note its codes."""
        layer = self._built(qparams, codes, tables)
        if self.fields:
            raise ValueError(f"its layer {self.name!r} has the unknown field {min(self.fields)!r}")
        return layer

    def _built(self, qparams: Grids, codes: Codes, tables: Tables) -> Layer:
        name = self.name
        match self.kind:
            case "Linear":
                return Linear(name, *self._weighted(qparams, codes, tables))
            case "Conv2d":
                stride = _whole(self.fields.pop("stride"), 1, MOST_SIDE)
                padding = _whole(self.fields.pop("padding"), 0, MOST_SIDE)
                W, b = self._weighted(qparams, codes, tables)
                padded_less_than_kernel(name, padding, W.shape)
                return Conv2d(name, W, b, stride, padding)
            case "MaxPool2d":
                return MaxPool2d(name, _whole(self.fields.pop("size"), 1, MOST_SIDE))
            case "ReLU":
                return ReLU(name)
            case "Flatten":
                return Flatten(name)
            case "FakeQuantize":
                spec = _spec(self.fields.pop("spec"))
                s, z = self.fields.pop("scale"), self.fields.pop("zero_point")
                if type(s) is not float or type(z) is not int:
                    raise ValueError(f"its layer {name!r} has no numbers as scale and zero point")
                return FakeQuantize(name, QParams(np.array(s), np.array(z), spec))
        raise ValueError(f"its layer {name!r} is of the unknown kind {self.kind!r}")

    def _weighted(
        self, qparams: Grids, codes: Codes, tables: Tables
    ) -> tuple[Shaped[np.ndarray, "..."], Shaped[np.ndarray, " out"]]:
        bias = self._array("bias", np.float32)
        if "codebook" in self.fields:
            entry = dict(self.fields.pop("codebook"))
            granularity = _granularity(entry.pop("granularity"))
            shape, packed = self._packed(_whole(entry["bits"], 1, MOST_BITS), bias)
            q = core.unpack(packed, entry["bits"], math.prod(shape), signed=False).reshape(shape)
            coded = parsed_table(self.name, entry, granularity, q, self._array)
            if entry:
                raise ValueError(f"its codebook has the unknown field {min(entry)!r}")
            tables[self.name] = coded
            return coded.dequantize(), bias
        if "spec" not in self.fields:
            return self._array("weight", np.float32), bias
        spec = _spec(self.fields.pop("spec"))
        shape, packed = self._packed(spec.bits, bias)
        scale = self._array("scale", np.float32)
        if scale.shape != spec.granularity.compact_shape(shape):
            raise ValueError(
                f"its layer {self.name!r} has scales {scale.shape}, which do not fit {shape}"
            )
        z = np.zeros(scale.shape, np.int32)
        if not spec.symmetric:
            held = self._array("zero_point", np.uint8).reshape(-1)
            z = core.unpack(held, spec.bits, scale.size, spec.signed).reshape(scale.shape)
        grid = QParams(scale, z, spec)  # refuses NaN, and zero points that are no codes
        q = core.unpack(packed, spec.bits, math.prod(shape), spec.signed).reshape(shape)
        on_grid(self.name, q, spec)
        qparams[self.name], codes[self.name] = grid, q
        return core.dequantize(q, grid), bias

    def _packed(
        self, bits: int, bias: Shaped[np.ndarray, " out"]
    ) -> tuple[tuple[int, ...], Shaped[np.ndarray, " bytes"]]:
        """Return the shape that is claimed, once the bytes bear it out, and the packed codes."""
        shape = tuple(_whole(side, 0, 2**40) for side in self.fields.pop("shape"))
        packed, count = self._array("codes", np.uint8), math.prod(shape)
        if packed.ndim != 1 or len(packed) != packed_bytes(count, bits):  # before unpacking
            raise ValueError(
                f"its layer {self.name!r} claims {count} codes of {bits} bits, and holds "
                f"{packed.size} bytes of {packed_bytes(count, bits)}"
            )
        if len(shape) not in (2, 4) or bias.shape != shape[:1] or 0 in shape:
            raise ValueError(f"its layer {self.name!r} has weights {shape}, bias {bias.shape}")
        return shape, packed

    def _array(self, part: str, kind: type) -> Shaped[np.ndarray, "..."]:
        array = self.arrays.pop(f"{self.name}.{part}")
        if array.dtype != kind:
            raise ValueError(
                f"its array {self.name}.{part} must be {np.dtype(kind)}, got {array.dtype}"
            )
        return array


def _spec(entry: dict[str, Any]) -> QuantSpec:
    fields = dict(entry)
    granularity = _granularity(fields.pop("granularity"))
    return QuantSpec(**fields, granularity=granularity)


def _granularity(entry: Any) -> Granularity:
    kinds: dict[str, type[Granularity]] = {
        "PerTensor": PerTensor,
        "PerAxis": PerAxis,
        "PerGroup": PerGroup,
    }
    kind, *numbers = entry
    if kind not in kinds:
        raise ValueError(f"its granularity {kind!r} is unknown")
    return kinds[kind](*numbers)


def padded_less_than_kernel(name: str, padding: int, shape: tuple[int, ...]) -> None:
    """Refuse a border that sees no pixel: a file could claim one that fills the memory."""
    if padding >= max(shape[2:], default=0):
        raise ValueError(
            f"packed: padding must be less than the kernel's side, got {padding} (name={name!r})."
        )


def on_grid(name: str, codes: Shaped[np.ndarray, "..."], spec: QuantSpec) -> None:
    """Refuse codes that fit in their bits and are none of the grid, as −8 of −7 … 7."""
    if codes.size and not spec.quant_min <= codes.min() <= codes.max() <= spec.quant_max:
        raise ValueError(
            f"packed: codes must lie in {spec.quant_min} … {spec.quant_max}, got "
            f"{codes.min()} … {codes.max()} (name={name!r})."
        )


def _whole(value: object, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"a number must be whole, {low} to {high}, got {str(value)[:40]}")
    return value
