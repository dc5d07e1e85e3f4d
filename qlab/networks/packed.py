"""The packed file: weights as codes of b bits side by side, and all that their reader needs.

    bytes of the file = 8 + header + metrics.bytes_packed                                  (1)
    NAME.codes        uint8, ⌈n·b/8⌉: `core.pack`             quantized layers
    NAME.scale        float32, one a block                    quantized layers
    NAME.zero_point   uint8, packed at b bits                 asymmetric ones
    NAME.weight       float32                                 layers left in floats
    NAME.bias         float32

It is a safetensors file; bits, sign, granularity, shapes and the architecture stand as JSON in its
header, and so do the grids of activations: a few numbers. `packed_header_bytes` tells how long
that is.

Reading executes nothing, and allocates nothing before the sizes that the header claims have been
compared with the bytes that are there.

Source: https://github.com/huggingface/safetensors, "Format".
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from jaxtyping import Int32, Shaped
from safetensors import SafetensorError

from qlab import core
from qlab.core import Granularity, PerAxis, PerGroup, PerTensor, QParams, QuantSpec, packed_bytes
from qlab.networks.files import write_whole
from qlab.networks.layers import Conv2d, FakeQuantize, Flatten, Layer, Linear, MaxPool2d, ReLU
from qlab.networks.network import Network
from qlab.networks.quantization import Quantized

VERSION = 1
KEY = "qlab.packed"
MOST_HEADER = 1 << 20  # bytes; that of LeNet-5 has 1.5 kB
MOST_SIDE = 1 << 16  # of an image, kernel, stride or padding

Arrays = dict[str, Shaped[np.ndarray, "..."]]
Grids = dict[str, QParams]
Codes = dict[str, Int32[np.ndarray, "..."]]
DAMAGE = (SafetensorError, KeyError, TypeError, ValueError, OverflowError, RecursionError)


def save_packed(small: Quantized, path: Path | str) -> Path:
    """Write quantized weights as packed codes: all of the file, or nothing.

    Parameters
    ----------
    small
        From `quantize_weights`, or with the codes of a repair; layers without codes stay float32.
        Its network may hold `FakeQuantize` layers.
    path
        Usually ``NAME.packed``; a file that is there is replaced at the end.

    Returns
    -------
    Path
        The file, as long as eq. (1) says.

    Raises
    ------
    ValueError
        If codes and network do not go together, a code is not one of its grid, or a convolution
        is padded by its kernel's side or more.
    OSError
        If the file can't be written; what was there before is still there.

    Examples
    --------
    >>> import tempfile
    >>> from qlab import metrics
    >>> from qlab.networks import build, quantize_weights
    >>> small = quantize_weights(build("student_30", np.random.default_rng(0)), QuantSpec(bits=4))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_packed(small, f"{folder}/small.packed")
    ...     back = read_packed(path)
    ...     path.stat().st_size - packed_header_bytes(path)
    12652
    >>> metrics.bytes_packed(small.network, small.qparams).total
    12652
    >>> all(np.array_equal(back.codes[name], q) for name, q in small.codes.items())
    True
    """
    arrays: Arrays = {}
    layers = []
    unpaired = small.codes.keys() ^ small.qparams.keys()
    if strange := unpaired | small.codes.keys() - small.network.weights.keys():
        raise ValueError(
            "save_packed: codes and qparams must be of the same layers of the network, got "
            f"{min(strange)!r} in one alone."
        )
    for layer in small.network.layers:
        entry, held = _described(layer, small)
        layers.append(entry)
        arrays |= {f"{layer.name}.{part}": array for part, array in held.items()}
    text = json.dumps(
        {
            "version": VERSION,
            "name": small.network.name,
            "input_shape": small.network.input_shape,
            "layers": layers,
        },
        separators=(",", ":"),
    )
    return write_whole(Path(path), safetensors.numpy.save(arrays, {KEY: text}))


def read_packed(path: Path | str) -> Quantized:
    """Read a packed file; trust nothing that it says.

    Parameters
    ----------
    path
        A file that `save_packed` wrote.

    Returns
    -------
    Quantized
        The codes and parameters of `save_packed`, bit for bit, and the network that they make.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, claims more than it holds, contradicts itself, is of another
        version or no packed file at all. Nothing that it says is executed.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            claimed = int.from_bytes(file.read(8), "little")
            size = path.stat().st_size
            data = b"" if claimed > MOST_HEADER else file.read()  # a foreign file may be huge
    except OSError as error:
        raise FileNotFoundError(
            f"read_packed: file must be readable, got {error.strerror} (file={path.name!r}). "
            "Look at the name, or write one with qlab.networks.save_packed."
        ) from None
    try:
        return _parsed(data, claimed, size)
    except DAMAGE as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "nothing readable"
        if isinstance(error, KeyError):
            reason = f"it lacks {reason}"
        raise ValueError(
            "read_packed: file must be one that qlab packed, got a damaged or foreign one "
            f"(file={path.name!r}): {reason[:300].rstrip('.')}. "
            "Save it again, or take the original."
        ) from error


def packed_header_bytes(path: Path | str) -> int:
    """Return what a packed file holds beside the bytes that `metrics.bytes_packed` counts.

    Parameters
    ----------
    path
        A safetensors file.

    Returns
    -------
    int
        8 bytes of length, and the header, eq. (1).
    """
    with Path(path).open("rb") as file:
        return 8 + int.from_bytes(file.read(8), "little")


def _described(layer: Layer, small: Quantized) -> tuple[dict[str, Any], Arrays]:
    """Return a layer as JSON and arrays."""
    entry: dict[str, Any] = {"kind": type(layer).__name__, "name": layer.name}
    match layer:
        case Linear() | Conv2d():
            if isinstance(layer, Conv2d):
                _padded_less_than_kernel(layer.name, layer.padding, layer.weight.shape)
                entry |= {"stride": layer.stride, "padding": layer.padding}
            arrays: Arrays = {"bias": layer.bias}
            if layer.name not in small.codes:
                return entry, arrays | {"weight": layer.weight}
            qparams, codes = small.qparams[layer.name], small.codes[layer.name]
            if codes.shape != layer.weight.shape:
                raise ValueError(
                    f"save_packed: codes must have the shape of the weights, got "
                    f"{codes.shape} and {layer.weight.shape} (name={layer.name!r})."
                )
            _on_grid(layer.name, codes, qparams.spec)
            spec = qparams.spec
            entry |= {"shape": codes.shape, "spec": _spec_entry(spec)}
            arrays["codes"] = core.pack(codes, spec.bits, spec.signed)
            arrays["scale"] = qparams.scale
            if not spec.symmetric:
                arrays["zero_point"] = core.pack(qparams.zero_point, spec.bits, spec.signed)
            return entry, arrays
        case MaxPool2d():
            return entry | {"size": layer.size}, {}
        case ReLU() | Flatten():
            return entry, {}
        case FakeQuantize(qparams=grid):
            # the repr of a float32 as a float64 is exact
            numbers = {"scale": float(grid.scale), "zero_point": int(grid.zero_point)}
            return entry | {"spec": _spec_entry(grid.spec)} | numbers, {}
    raise ValueError(f"save_packed: layer must be one of qlab.networks, got {entry['kind']}.")


def _spec_entry(spec: QuantSpec) -> dict[str, Any]:
    match spec.granularity:
        case PerTensor():
            granularity: list[Any] = ["PerTensor"]
        case PerAxis(axis=axis):
            granularity = ["PerAxis", axis]
        case PerGroup(size=size):
            granularity = ["PerGroup", size]
    return {
        "bits": spec.bits,
        "signed": bool(spec.signed),
        "symmetric": bool(spec.symmetric),
        "granularity": granularity,
    }


def _parsed(data: bytes, claimed: int, size: int) -> Quantized:
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
    for entry in about["layers"]:
        layer = _Entry(dict(entry), arrays).layer(qparams, codes)
        layers.append(layer)
    if arrays:
        raise ValueError(f"no layer owns its array {min(arrays)!r}")
    shape = tuple(_whole(side, 1, MOST_SIDE) for side in about["input_shape"])
    name = about["name"]
    if not isinstance(name, str):
        raise ValueError(f"its name must be a word, got {name!r}")
    return Quantized(Network(name, tuple(layers), shape), qparams, codes)


class _Entry:
    """One layer of the header; every field and array is taken once, and none may be left."""

    def __init__(self, fields: dict[str, Any], arrays: Arrays) -> None:
        self.fields, self.arrays = fields, arrays
        self.kind, self.name = fields.pop("kind"), fields.pop("name")
        if not isinstance(self.name, str):
            raise ValueError(f"the name of a layer must be a word, got {self.name!r}")

    def layer(self, qparams: Grids, codes: Codes) -> Layer:
        """Return the layer; note its codes."""
        layer = self._built(qparams, codes)
        if self.fields:
            raise ValueError(f"its layer {self.name!r} has the unknown field {min(self.fields)!r}")
        return layer

    def _built(self, qparams: Grids, codes: Codes) -> Layer:
        name = self.name
        match self.kind:
            case "Linear":
                return Linear(name, *self._weighted(qparams, codes))
            case "Conv2d":
                stride = _whole(self.fields.pop("stride"), 1, MOST_SIDE)
                padding = _whole(self.fields.pop("padding"), 0, MOST_SIDE)
                W, b = self._weighted(qparams, codes)
                _padded_less_than_kernel(name, padding, W.shape)
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
        self, qparams: Grids, codes: Codes
    ) -> tuple[Shaped[np.ndarray, "..."], Shaped[np.ndarray, " out"]]:
        bias = self._array("bias", np.float32)
        if "spec" not in self.fields:
            return self._array("weight", np.float32), bias
        spec = _spec(self.fields.pop("spec"))
        shape = tuple(_whole(side, 0, 2**40) for side in self.fields.pop("shape"))
        packed, count = self._array("codes", np.uint8), math.prod(shape)
        if packed.ndim != 1 or len(packed) != packed_bytes(count, spec.bits):  # before unpacking
            raise ValueError(
                f"its layer {self.name!r} claims {count} codes of {spec.bits} bits, and holds "
                f"{packed.size} bytes of {packed_bytes(count, spec.bits)}"
            )
        if len(shape) not in (2, 4) or bias.shape != shape[:1] or 0 in shape:
            raise ValueError(f"its layer {self.name!r} has weights {shape}, bias {bias.shape}")
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
        q = core.unpack(packed, spec.bits, count, spec.signed).reshape(shape)
        _on_grid(self.name, q, spec)
        qparams[self.name], codes[self.name] = grid, q
        return core.dequantize(q, grid), bias

    def _array(self, part: str, kind: type) -> Shaped[np.ndarray, "..."]:
        array = self.arrays.pop(f"{self.name}.{part}")
        if array.dtype != kind:
            raise ValueError(
                f"its array {self.name}.{part} must be {np.dtype(kind)}, got {array.dtype}"
            )
        return array


def _spec(entry: dict[str, Any]) -> QuantSpec:
    kinds: dict[str, type[Granularity]] = {
        "PerTensor": PerTensor,
        "PerAxis": PerAxis,
        "PerGroup": PerGroup,
    }
    fields = dict(entry)
    kind, *numbers = fields.pop("granularity")
    if kind not in kinds:
        raise ValueError(f"its granularity {kind!r} is unknown")
    return QuantSpec(**fields, granularity=kinds[kind](*numbers))


def _padded_less_than_kernel(name: str, padding: int, shape: tuple[int, ...]) -> None:
    """Refuse a border that sees no pixel: a file could claim one that fills the memory."""
    if padding >= max(shape[2:], default=0):
        raise ValueError(
            f"packed: padding must be less than the kernel's side, got {padding} (name={name!r})."
        )


def _on_grid(name: str, codes: Shaped[np.ndarray, "..."], spec: QuantSpec) -> None:
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
