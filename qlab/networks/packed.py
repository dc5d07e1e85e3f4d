"""The packed file: weights as codes of b bits side by side, and all that their reader needs.

    bytes of the file = 8 + header + metrics.bytes_packed                                  (1)
    NAME.codes        uint8, ⌈n·b/8⌉: `core.pack`             quantized layers
    NAME.scale        float32, one a block                    quantized layers
    NAME.zero_point   uint8, packed at b bits                 asymmetric ones
    NAME.offset       float32, one a block                    repaired by HQQ
    NAME.input_scale  float32, one an input                   repaired by SmoothQuant or AWQ
    NAME.weight       float32                                 layers left in floats
    NAME.bias         float32

Weights of a codebook, `code_weights`, have a table beside their codes: see `packed_table`; what a
repair leaves beside them is in `packed_repair`.

It is a safetensors file; bits, sign, granularity, shapes and the architecture stand as JSON in its
header, and so do the grids of activations: a few numbers. `packed_header_bytes` tells how long
that is.

Reading executes nothing, and allocates nothing before the sizes that the header claims have been
compared with the bytes that are there.

Source: https://github.com/huggingface/safetensors, "Format".
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from qlab import core
from qlab.core import Granularity, PerAxis, PerGroup, PerTensor, QuantSpec
from qlab.networks.arguments import told
from qlab.networks.coding import CodedNetwork
from qlab.networks.dynamic import DynamicQuantize
from qlab.networks.files import DAMAGE, file_bytes, method_name, reason_of, write_whole
from qlab.networks.layers import Conv2d, FakeQuantize, Flatten, Layer, Linear, MaxPool2d, ReLU
from qlab.networks.packed_reading import (
    KEY,
    MOST_HEADER,
    MOST_LAYERS,
    VERSION,
    checked_name,
    on_grid,
    padded_less_than_kernel,
    parsed,
    scales_fit,
)
from qlab.networks.packed_repair import described_repair
from qlab.networks.packed_table import described_table
from qlab.networks.quantization import Quantized

Arrays = dict[str, Shaped[np.ndarray, "..."]]


def save_packed(small: Quantized | CodedNetwork, path: Path | str) -> Path:
    """Write quantized weights as packed codes: all of the file, or nothing.

    Parameters
    ----------
    small
        From `quantize_weights`, `repair` or `code_weights`; layers without codes stay float32. Its
        network may hold `FakeQuantize` and `DynamicQuantize` layers.
    path
        Usually ``NAME.packed``; a file that is there is replaced at the end.

    Returns
    -------
    Path
        The file, as long as eq. (1) says.

    Raises
    ------
    TypeError
        If `small` is another thing, or holds a layer that a file cannot describe.
    ValueError
        If codes and network do not go together, a code is not one of its grid or has more than
        16 bits, a convolution is padded by its kernel's side or more, or the network has more than
        1,000 layers or a name of more than 200 characters.
    OSError
        If the file can't be written; what was there before is still there.

    Examples
    --------
    >>> import tempfile
    >>> from qlab.networks import build, quantize_weights
    >>> small = quantize_weights(build("student_30", np.random.default_rng(0)), QuantSpec(bits=4))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_packed(small, f"{folder}/small.packed")
    ...     back = read_packed(path)
    ...     path.stat().st_size - packed_header_bytes(path)
    12652
    >>> small.bytes.total
    12652
    >>> all(np.array_equal(back.codes[name], q) for name, q in small.codes.items())
    True
    """
    _check(small)
    arrays: Arrays = {}
    layers = []
    for layer in small.network.layers:
        entry, held = _described(layer, small)
        layers.append(entry)
        arrays |= {f"{layer.name}.{part}": array for part, array in held.items()}
    text = json.dumps(
        {
            "version": VERSION,
            "name": checked_name(small.network.name),
            "input_shape": small.network.input_shape,
            "layers": layers,
        },
        separators=(",", ":"),
    )
    data = file_bytes(arrays, {KEY: text})
    if (header := int.from_bytes(data[:8], "little")) > MOST_HEADER:
        raise ValueError(
            f"save_packed: header must have at most {MOST_HEADER} bytes, got {header}."
        )
    return write_whole(Path(path), data)


def read_packed(path: Path | str) -> Quantized | CodedNetwork:
    """Read a packed file; trust nothing that it says.

    Parameters
    ----------
    path
        A file that `save_packed` wrote.

    Returns
    -------
    Quantized or CodedNetwork
        The codes and parameters of `save_packed`, bit for bit, and the network that they make. Of
        repairs those stay in ``repaired`` that leave more than codes, scales and zero points.

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
        return parsed(data, claimed, size)
    except DAMAGE as error:
        raise ValueError(
            "read_packed: file must be one that qlab packed, got a damaged or foreign one "
            f"(file={path.name!r}): {reason_of(error)}. "
            "Save it again, or take the original."
        ) from error


def packed_header_bytes(path: Path | str) -> int:
    """Return what a packed file holds beside the bytes that ``small.bytes`` counts.

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


def _check(small: object) -> None:
    """Refuse what is no quantized network, and codes of other layers than the network's."""
    if not isinstance(small, Quantized | CodedNetwork):
        raise TypeError(
            f"save_packed: small must be a Quantized or a CodedNetwork, got {told(small)}. "
            "qlab.networks.quantize_weights makes one; qlab.networks.save keeps floats."
        )
    unpaired, coded = set[str](), set[str]()
    if isinstance(small, Quantized):
        unpaired = small.codes.keys() ^ small.qparams.keys()
        coded = small.codes.keys() | small.repaired.keys()
    else:
        coded |= small.coded.keys()
    if strange := unpaired | coded - small.network.weights.keys():
        raise ValueError(
            "save_packed: codes and qparams must be of the same layers of the network, got "
            f"{min(strange)!r} in one alone."
        )
    if (count := len(small.network.layers)) > MOST_LAYERS:
        raise ValueError(f"save_packed: layers must be at most {MOST_LAYERS}, got {count}.")


def _described(layer: Layer, small: Quantized | CodedNetwork) -> tuple[dict[str, Any], Arrays]:
    """Return a layer as JSON and arrays."""
    entry: dict[str, Any] = {"kind": type(layer).__name__, "name": checked_name(layer.name)}
    match layer:
        case Linear() | Conv2d():
            more, arrays = _weighted(layer, small)
            return entry | more, arrays
        case MaxPool2d():
            return entry | {"size": layer.size}, {}
        case ReLU() | Flatten():
            return entry, {}
        case FakeQuantize(qparams=grid):
            # the repr of a float32 as a float64 is exact
            numbers = {"scale": float(grid.scale), "zero_point": int(grid.zero_point)}
            return entry | {"spec": _spec_entry(grid.spec)} | numbers, {}
        case DynamicQuantize(spec=spec):
            method = method_name("save_packed", layer)
            return entry | {"spec": _spec_entry(spec), "method": method}, {}
    raise TypeError(
        "save_packed: each layer must be one of Linear, Conv2d, ReLU, MaxPool2d, Flatten, "
        f"FakeQuantize and DynamicQuantize, got {entry['kind']} (name={layer.name!r})."
    )


def _weighted(
    layer: Linear | Conv2d, small: Quantized | CodedNetwork
) -> tuple[dict[str, Any], Arrays]:
    """Return weights, coded or not, and biases."""
    entry: dict[str, Any] = {}
    if isinstance(layer, Conv2d):
        padded_less_than_kernel(layer.name, layer.padding, layer.weight.shape)
        entry |= {"stride": layer.stride, "padding": layer.padding}
    arrays: Arrays = {"bias": layer.bias}
    if isinstance(small, CodedNetwork):
        if layer.name not in small.coded:
            return entry, arrays | {"weight": layer.weight}
        coded = small.coded[layer.name]
        text, more = described_table(layer.name, coded)
        _of_these_weights(layer, coded.codes, coded.dequantize)
        text["granularity"] = _granularity_entry(coded.granularity)
        return entry | {"shape": coded.codes.shape, "codebook": text}, arrays | more
    if layer.name not in small.codes:
        return entry, arrays | {"weight": layer.weight}
    qparams, codes = small.qparams[layer.name], small.codes[layer.name]
    spec = qparams.spec
    on_grid(layer.name, codes, spec)
    scales_fit(layer.name, qparams.scale.shape, spec.granularity, codes.shape)
    _of_these_weights(layer, codes, lambda: small.dequantize(layer.name))
    entry |= {"shape": codes.shape, "spec": _spec_entry(spec)}
    arrays["codes"] = core.pack(codes, spec.bits, spec.signed)
    arrays["scale"] = qparams.scale
    if not spec.symmetric:
        arrays["zero_point"] = core.pack(qparams.zero_point, spec.bits, spec.signed)
    return entry, arrays | described_repair(small.repaired.get(layer.name))


def _spec_entry(spec: QuantSpec) -> dict[str, Any]:
    return {
        "bits": spec.bits,
        "signed": bool(spec.signed),
        "symmetric": bool(spec.symmetric),
        "granularity": _granularity_entry(spec.granularity),
    }


def _granularity_entry(granularity: Granularity) -> list[Any]:
    match granularity:
        case PerTensor():
            return ["PerTensor"]
        case PerAxis(axis=axis):
            return ["PerAxis", axis]
        case PerGroup(size=size):
            return ["PerGroup", size]


def _of_these_weights(
    layer: Linear | Conv2d,
    codes: Shaped[np.ndarray, "..."],
    meant: Callable[[], Shaped[np.ndarray, "..."]],
) -> None:
    """Refuse codes of other weights: what is read back must be the network that was saved."""
    if codes.shape != layer.weight.shape:
        raise ValueError(
            f"save_packed: codes must have the shape of the weights, got {codes.shape} and "
            f"{layer.weight.shape} (name={layer.name!r})."
        )
    if not np.array_equal(meant(), layer.weight):
        raise ValueError(
            "save_packed: weights must be what their codes mean, got others "
            f"(name={layer.name!r}). Quantize the network as it is now."
        )
