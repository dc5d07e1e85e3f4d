"""The packed file: weights as codes of b bits side by side, and all that their reader needs.

    bytes of the file = 8 + header + metrics.bytes_packed                                  (1)
    NAME.codes        uint8, ⌈n·b/8⌉: `core.pack`             quantized layers
    NAME.scale        float32, one a block                    quantized layers
    NAME.zero_point   uint8, packed at b bits                 asymmetric ones
    NAME.weight       float32                                 layers left in floats
    NAME.bias         float32

Weights of a codebook, `code_weights`, have a table beside their codes: see `packed_table`.

It is a safetensors file; bits, sign, granularity, shapes and the architecture stand as JSON in its
header, and so do the grids of activations: a few numbers. `packed_header_bytes` tells how long
that is.

Reading executes nothing, and allocates nothing before the sizes that the header claims have been
compared with the bytes that are there.

Source: https://github.com/huggingface/safetensors, "Format".
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from jaxtyping import Shaped
from safetensors import SafetensorError

from qlab import core
from qlab.core import Granularity, PerAxis, PerGroup, PerTensor, QuantSpec
from qlab.networks.coding import CodedNetwork
from qlab.networks.files import write_whole
from qlab.networks.layers import Conv2d, FakeQuantize, Flatten, Layer, Linear, MaxPool2d, ReLU
from qlab.networks.packed_reading import (
    KEY,
    MOST_HEADER,
    VERSION,
    on_grid,
    padded_less_than_kernel,
    parsed,
)
from qlab.networks.packed_table import described_table
from qlab.networks.quantization import Quantized

Arrays = dict[str, Shaped[np.ndarray, "..."]]
DAMAGE = (SafetensorError, KeyError, TypeError, ValueError, OverflowError, RecursionError)


def save_packed(small: Quantized | CodedNetwork, path: Path | str) -> Path:
    """Write quantized weights as packed codes: all of the file, or nothing.

    Parameters
    ----------
    small
        From `quantize_weights`, with the codes of a repair, or from `code_weights`; layers without
        codes stay float32. Its network may hold `FakeQuantize` layers.
    path
        Usually ``NAME.packed``; a file that is there is replaced at the end.

    Returns
    -------
    Path
        The file, as long as eq. (1) says.

    Raises
    ------
    ValueError
        If codes and network do not go together, a code is not one of its grid or has more than
        16 bits, or a convolution is padded by its kernel's side or more.
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
    if isinstance(small, Quantized):
        unpaired = small.codes.keys() ^ small.qparams.keys()
        coded = small.codes.keys()
    else:
        unpaired, coded = set(), small.coded.keys()
    if strange := unpaired | coded - small.network.weights.keys():
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


def read_packed(path: Path | str) -> Quantized | CodedNetwork:
    """Read a packed file; trust nothing that it says.

    Parameters
    ----------
    path
        A file that `save_packed` wrote.

    Returns
    -------
    Quantized or CodedNetwork
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
        return parsed(data, claimed, size)
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


def _described(layer: Layer, small: Quantized | CodedNetwork) -> tuple[dict[str, Any], Arrays]:
    """Return a layer as JSON and arrays."""
    entry: dict[str, Any] = {"kind": type(layer).__name__, "name": layer.name}
    match layer:
        case Linear() | Conv2d():
            if isinstance(layer, Conv2d):
                padded_less_than_kernel(layer.name, layer.padding, layer.weight.shape)
                entry |= {"stride": layer.stride, "padding": layer.padding}
            arrays: Arrays = {"bias": layer.bias}
            if isinstance(small, CodedNetwork):
                if layer.name not in small.coded:
                    return entry, arrays | {"weight": layer.weight}
                coded = small.coded[layer.name]
                _of_shape(layer, coded.codes)
                text, more = described_table(layer.name, coded)
                text["granularity"] = _granularity_entry(coded.granularity)
                return entry | {"shape": coded.codes.shape, "codebook": text}, arrays | more
            if layer.name not in small.codes:
                return entry, arrays | {"weight": layer.weight}
            qparams, codes = small.qparams[layer.name], small.codes[layer.name]
            _of_shape(layer, codes)
            on_grid(layer.name, codes, qparams.spec)
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


def _of_shape(layer: Linear | Conv2d, codes: Shaped[np.ndarray, "..."]) -> None:
    """Refuse codes of other weights."""
    if codes.shape != layer.weight.shape:
        raise ValueError(
            f"save_packed: codes must have the shape of the weights, got {codes.shape} and "
            f"{layer.weight.shape} (name={layer.name!r})."
        )
