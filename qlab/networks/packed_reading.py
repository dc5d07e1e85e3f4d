"""What a packed file says, taken apart; nothing in it is trusted.

Nothing is allocated before the sizes that the header claims have been compared with the bytes that
are there, and nothing is executed. The format: `qlab.networks.packed`.
"""

import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import safetensors.numpy
from jaxtyping import Int32, Shaped

from qlab import core, ranges
from qlab.codebooks import Coded
from qlab.core import Granularity, PerAxis, PerGroup, PerTensor, QParams, QuantSpec, packed_bytes
from qlab.networks.coding import CodedNetwork
from qlab.networks.dynamic import DynamicQuantize
from qlab.networks.files import described, kind_of, listed, record
from qlab.networks.layers import Conv2d, FakeQuantize, Flatten, Layer, Linear, MaxPool2d, ReLU
from qlab.networks.network import Network
from qlab.networks.packed_repair import PARTS, parsed_repair, repaired_weights
from qlab.networks.packed_table import MOST_BITS, parsed_table
from qlab.networks.quantization import Quantized
from qlab.ptq import Repaired

VERSION = 1
KEY = "qlab.packed"
MOST_HEADER = 1 << 20  # bytes; that of LeNet-5 has 1.5 kB
MOST_SIDE = 1 << 16  # of an image, kernel, stride or padding
MOST_LAYERS = 1000
MOST_NAME = 200  # characters
JSON = {
    str: "a word",
    bool: "true or false",
    type(None): "nothing",
    dict: "a record",
    list: "a list",
}

Arrays = dict[str, Shaped[np.ndarray, "..."]]


def parsed(data: bytes, claimed: int, size: int) -> Quantized | CodedNetwork:
    """Return what the bytes behind the first eight describe."""
    if claimed > min(size - 8, MOST_HEADER):
        raise ValueError(f"its header claims {claimed} bytes, and the file has {size}")
    # load checks that offsets lie in the file and fit the shapes
    arrays = safetensors.numpy.load(claimed.to_bytes(8, "little") + data)
    metadata = json.loads(data[:claimed]).get("__metadata__", {})
    if KEY not in metadata:
        raise ValueError("its header describes no packed network")
    about = described(metadata[KEY])
    if about.get("version") != VERSION:
        version = str(about.get("version"))[:40]
        raise ValueError(f"its version is {version}, and this qlab reads {VERSION}")
    found = _Found()
    layers = [
        _Entry(record("a layer", entry), arrays).layer(found)
        for entry in _list("its layers", about["layers"], MOST_LAYERS)
    ]
    if arrays:
        raise ValueError(f"no layer owns its array {min(arrays)[:40]!r}")
    sides = _list("the sides of its images", about["input_shape"], 3)
    shape = tuple(_whole(side, 1, MOST_SIDE) for side in sides)
    net = Network(checked_name(about["name"]), tuple(layers), shape)
    if found.tables and found.codes:
        raise ValueError("some of its layers have a codebook and others a scale and zero point")
    if found.tables:
        return CodedNetwork(net, found.tables)
    return Quantized(net, found.qparams, found.codes, found.repaired)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the layers hold, by name."""

    qparams: dict[str, QParams] = field(default_factory=dict)
    codes: dict[str, Int32[np.ndarray, "..."]] = field(default_factory=dict)
    repaired: dict[str, Repaired] = field(default_factory=dict)
    tables: dict[str, Coded] = field(default_factory=dict)


class _Entry:
    """One layer of the header; every field and array is taken once, and none may be left."""

    def __init__(self, fields: dict[str, Any], arrays: Arrays) -> None:
        self.fields, self.arrays = fields, arrays
        self.kind, self.name = fields.pop("kind"), checked_name(fields.pop("name"))

    def layer(self, found: _Found) -> Layer:
        """Return the layer; note its codes."""
        layer = self._built(found)
        _nothing_left(f"its layer {self.name!r}", self.fields)
        return layer

    def _built(self, found: _Found) -> Layer:
        name = self.name
        match self.kind:
            case "Linear":
                return Linear(name, *self._weighted(found))
            case "Conv2d":
                stride = _whole(self.fields.pop("stride"), 1, MOST_SIDE)
                padding = _whole(self.fields.pop("padding"), 0, MOST_SIDE)
                W, b = self._weighted(found)
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
                if type(s) is not float:
                    raise ValueError(f"its layer {name!r} has no number as its scale")
                z = _whole(z, spec.quant_min, spec.quant_max)
                return FakeQuantize(name, QParams(np.array(s), np.array(z), spec))
            case "DynamicQuantize":
                spec, method = _spec(self.fields.pop("spec")), self.fields.pop("method")
                if type(method) is not str or method not in ranges.METHODS:
                    said = str(method)[:40]
                    raise ValueError(f"its layer {name!r} has the unknown method {said!r}")
                return DynamicQuantize(name, spec, ranges.METHODS[method])
        raise ValueError(f"its layer {name!r} is of the unknown kind {str(self.kind)[:40]!r}")

    def _weighted(
        self, found: _Found
    ) -> tuple[Shaped[np.ndarray, "..."], Shaped[np.ndarray, " out"]]:
        bias = self._array("bias", np.float32)
        if "codebook" in self.fields:
            entry = record("its codebook", self.fields.pop("codebook"))
            granularity = _granularity(entry.pop("granularity"))
            shape, packed = self._packed(_whole(entry["bits"], 1, MOST_BITS), bias)
            q = core.unpack(packed, entry["bits"], math.prod(shape), signed=False).reshape(shape)
            coded = parsed_table(self.name, entry, granularity, q, self._array)
            _nothing_left("its codebook", entry)
            found.tables[self.name] = coded
            return coded.dequantize(), bias
        if "spec" not in self.fields:
            return self._array("weight", np.float32), bias
        spec = _spec(self.fields.pop("spec"))
        shape, packed = self._packed(spec.bits, bias)
        scale = self._array("scale", np.float32)
        scales_fit(self.name, scale.shape, spec.granularity, shape)
        z = np.zeros(scale.shape, np.int32)
        if not spec.symmetric:
            held = self._array("zero_point", np.uint8).reshape(-1)
            z = core.unpack(held, spec.bits, scale.size, spec.signed).reshape(scale.shape)
        grid = QParams(scale, z, spec)  # refuses NaN, and zero points that are no codes
        q = core.unpack(packed, spec.bits, math.prod(shape), spec.signed).reshape(shape)
        on_grid(self.name, q, spec)
        found.qparams[self.name], found.codes[self.name] = grid, q
        beside = {part for part in PARTS if f"{self.name}.{part}" in self.arrays}
        if beside:
            repaired = parsed_repair(self.name, q, grid, beside, self._array)
            found.repaired[self.name] = repaired
            return repaired_weights(repaired, shape), bias
        return core.dequantize(q, grid), bias

    def _packed(
        self, bits: int, bias: Shaped[np.ndarray, " out"]
    ) -> tuple[tuple[int, ...], Shaped[np.ndarray, " bytes"]]:
        """Return the shape that is claimed, once the bytes bear it out, and the packed codes."""
        sides = _list("the shape of a layer", self.fields.pop("shape"), 4)
        shape = tuple(_whole(side, 0, 2**40) for side in sides)
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


def _spec(entry: object) -> QuantSpec:
    fields = record("a grid", entry)
    granularity = _granularity(fields.pop("granularity"))
    known = {part: fields.pop(part) for part in ("bits", "signed", "symmetric")}
    _nothing_left("a grid", fields)
    return QuantSpec(**known, granularity=granularity)


def _granularity(entry: Any) -> Granularity:
    match entry:
        case ["PerTensor"]:
            return PerTensor()
        case ["PerAxis", axis]:
            return PerAxis(axis)
        case ["PerGroup", size]:
            return PerGroup(size)
    raise ValueError(f"its granularity {str(entry)[:40]!r} is unknown")


def padded_less_than_kernel(name: str, padding: int, shape: tuple[int, ...]) -> None:
    """Refuse a border that sees no pixel: a file could claim one that fills the memory."""
    if padding >= max(shape[2:], default=0):
        raise ValueError(
            f"packed: padding must be less than the kernel's side, got {padding} (name={name!r})."
        )


def scales_fit(
    name: str, scales: tuple[int, ...], granularity: Granularity, shape: tuple[int, ...]
) -> None:
    """Refuse scales of other blocks than those of the codes."""
    if scales != granularity.compact_shape(shape):
        raise ValueError(
            f"packed: scales must fit codes of {shape}, {granularity}, got {scales} "
            f"(name={name!r})."
        )


def checked_name(name: object) -> str:
    """Refuse a name that is none, or that fills a header."""
    if not isinstance(name, str) or len(name) > MOST_NAME:
        got = f"{len(name)}" if isinstance(name, str) else kind_of(name)
        raise ValueError(f"packed: a name must have at most {MOST_NAME} characters, got {got}.")
    return name


def on_grid(name: str, codes: Shaped[np.ndarray, "..."], spec: QuantSpec) -> None:
    """Refuse codes that fit in their bits and are none of the grid, as −8 of −7 … 7."""
    if codes.size and not spec.quant_min <= codes.min() <= codes.max() <= spec.quant_max:
        raise ValueError(
            f"packed: codes must lie in {spec.quant_min} … {spec.quant_max}, got "
            f"{codes.min()} … {codes.max()} (name={name!r})."
        )


def _list(what: str, value: object, most: int) -> list[Any]:
    found = listed(what, value)
    if len(found) > most:
        raise ValueError(f"{what} must be at most {most}, got {len(found)}")
    return found


def _nothing_left(what: str, fields: dict[str, Any]) -> None:
    if fields:
        raise ValueError(f"{what} has the unknown field {min(fields)[:40]!r}")


def _whole(value: object, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"a number must be whole, {low} to {high}, got {str(value)[:40]}")
    return value
