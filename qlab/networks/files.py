"""Networks in safetensors files: the arrays as they are, the architecture as JSON beside them.

The file's metadata holds one entry, ``qlab``:

    {"format": 1, "name": "tiny", "input_shape": [1, 28, 28],
     "layers": [{"kind": "Flatten", "name": "flatten"}, {"kind": "Linear", "name": "fc1"}]}

and each array is named ``LAYER.FIELD``. Reading executes nothing and trusts nothing: whatever a
file says is checked by the same constructors that check a caller.

Source: https://github.com/huggingface/safetensors, "Format".
"""

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from jaxtyping import Float, Shaped
from safetensors import SafetensorError

from qlab import core, ranges
from qlab.networks.dynamic import DynamicQuantize
from qlab.networks.layers import Conv2d, FakeQuantize, Flatten, Layer, Linear, MaxPool2d, ReLU
from qlab.networks.network import Network

FORMAT = 1

Arrays = dict[str, Shaped[np.ndarray, "..."]]
DAMAGE = (SafetensorError, KeyError, TypeError, ValueError, OverflowError, RecursionError)
JSON = {
    str: "a word",
    bool: "true or false",
    type(None): "nothing",
    dict: "a record",
    list: "a list",
}


def save(network: Network, path: Path | str) -> Path:
    """Write a network to a file: all of it, or nothing.

    Parameters
    ----------
    network
        Of the layers in `qlab.networks`.
    path
        Usually ``NAME.safetensors``; a file that is there is replaced at the end.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OSError
        If the file can't be written (a full disk, no folder), with one sentence that says so;
        what was there before is still there.

    Examples
    --------
    >>> import tempfile
    >>> from qlab.networks import build
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(build("student_30", np.random.default_rng(0)), f"{folder}/s.safetensors")
    ...     read(path)
    Network('student_30', 6 layers, 24,790 parameters)
    """
    arrays: Arrays = {}
    layers = []
    for layer in network.layers:
        entry, held = _describe(layer)
        layers.append(entry)
        arrays |= {f"{layer.name}.{part}": array for part, array in held.items()}
    text = json.dumps(
        {
            "format": FORMAT,
            "name": network.name,
            "input_shape": network.input_shape,
            "layers": layers,
        }
    )
    return write_whole(Path(path), file_bytes(arrays, {"qlab": text}))


def read(path: Path | str) -> Network:
    """Read a network from a file.

    Parameters
    ----------
    path
        A file that `save` wrote. float16 and float64 arrays are accepted and become float32.

    Returns
    -------
    Network
        With predictions equal, bit for bit, to those of the network saved.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, holds no qlab network, or its architecture and its arrays
        contradict each other.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileNotFoundError(
            f"read: file must be a readable network, got {error.strerror} (file={path.name!r}). "
            "Look at the name, or write one with qlab.networks.save."
        ) from None
    try:
        return _parse(data)
    except DAMAGE as error:
        raise ValueError(
            f"read: file must hold a network that qlab saved, got a damaged or foreign one "
            f"(file={path.name!r}): {reason_of(error)}. Save it again, or take the original."
        ) from error


def reason_of(error: Exception) -> str:
    """Return what is wrong with a file, of one line and no end."""
    lines = str(error).strip().splitlines()
    reason = lines[0] if lines else "nothing readable"
    return (f"it lacks {reason}" if isinstance(error, KeyError) else reason)[:300].rstrip(".?")


def described(text: str) -> dict[str, Any]:
    """Return the JSON that stands in a file's metadata: a record."""
    try:
        return record("its description", json.loads(text))
    except (json.JSONDecodeError, RecursionError):
        raise ValueError("its description is no JSON, or nested too deep") from None


def record(what: str, value: object) -> dict[str, Any]:
    """Return a copy of a record of JSON, to take fields from."""
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be a record, got {kind_of(value)}")
    return dict(value)


def listed(what: str, value: object) -> list[Any]:
    """Return a list of JSON."""
    if not isinstance(value, list):
        raise ValueError(f"{what} must be a list, got {kind_of(value)}")
    return value


def kind_of(value: object) -> str:
    """Return what JSON calls a value."""
    return JSON.get(type(value), "a number")


def file_bytes(arrays: Arrays, about: dict[str, str]) -> bytes:
    """Return a safetensors file of these arrays, whatever order they lie in.

    The library writes the memory behind an array as it lies there: a transposed one, or every
    second element of one, would come back as another array.
    """
    in_order = {name: np.asarray(a, order="C") for name, a in arrays.items()}
    return safetensors.numpy.save(in_order, about)


def write_whole(path: Path, data: bytes) -> Path:
    """Write a file beside its place and move it there when it is complete.

    Raises
    ------
    OSError
        If that fails; nothing is left behind and `path` is as it was.
    """
    scratch: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            scratch = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # moved only once it lies on the disk
        scratch.chmod(0o644)  # a temporary file is born private
        scratch.replace(path)
    except OSError as error:
        if scratch is not None:
            with contextlib.suppress(OSError):
                scratch.unlink(missing_ok=True)
        raise OSError(
            error.errno,
            f"save: file could not be written, {os.strerror(error.errno or 0)} "
            f"(file={path.name!r}, bytes={len(data)}). Nothing was changed; free some space or "
            "choose another folder",
        ) from error
    return path


def _describe(layer: Layer) -> tuple[dict[str, Any], Arrays]:
    entry: dict[str, Any] = {"kind": type(layer).__name__, "name": layer.name}
    match layer:
        case Linear():
            return entry, {"weight": layer.weight, "bias": layer.bias}
        case Conv2d():
            more = {"stride": layer.stride, "padding": layer.padding}
            return entry | more, {"weight": layer.weight, "bias": layer.bias}
        case MaxPool2d():
            return entry | {"size": layer.size}, {}
        case ReLU() | Flatten():
            return entry, {}
        case FakeQuantize(qparams=qparams):
            spec = qparams.spec
            more = {"bits": spec.bits, "signed": spec.signed, "symmetric": spec.symmetric}
            return entry | more, {"scale": qparams.scale, "zero_point": qparams.zero_point}
        case DynamicQuantize(spec=spec):
            more = {"bits": spec.bits, "signed": spec.signed, "symmetric": spec.symmetric}
            rows = isinstance(spec.granularity, core.PerAxis)
            return entry | more | {"rows": rows, "method": method_name("save", layer)}, {}
    raise TypeError(f"save: layer must be one of qlab.networks, got {type(layer).__name__}.")


def _parse(data: bytes) -> Network:
    arrays = safetensors.numpy.load(data)
    # load checked the header; its length is the first eight bytes, little-endian
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    if "qlab" not in header.get("__metadata__", {}):
        raise ValueError("its metadata describes no qlab network")
    about = described(header["__metadata__"]["qlab"])
    if about.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT}")
    entries = listed("its layers", about["layers"])
    layers = [_rebuild(record("a layer", entry), arrays) for entry in entries]
    if arrays:
        raise ValueError(f"no layer owns its array {min(arrays)!r}")
    sides = listed("the sides of its images", about["input_shape"])
    return Network(_word(about["name"]), tuple(layers), tuple(_whole(side) for side in sides))


def _rebuild(entry: dict[str, Any], arrays: Arrays) -> Layer:
    kind, name = entry.pop("kind"), _word(entry.pop("name"))

    def take(part: str) -> Shaped[np.ndarray, "..."]:
        if f"{name}.{part}" not in arrays:
            raise ValueError(f"its array {name}.{part!s} is missing")
        return arrays.pop(f"{name}.{part}")

    layer: Layer
    match kind:
        case "Linear":
            layer = Linear(name, _floats(take("weight")), _floats(take("bias")))
        case "Conv2d":
            stride, padding = _whole(entry.pop("stride")), _whole(entry.pop("padding"))
            layer = Conv2d(name, _floats(take("weight")), _floats(take("bias")), stride, padding)
        case "MaxPool2d":
            layer = MaxPool2d(name, _whole(entry.pop("size")))
        case "ReLU":
            layer = ReLU(name)
        case "Flatten":
            layer = Flatten(name)
        case "FakeQuantize":
            layer = FakeQuantize(
                name, core.QParams(take("scale"), take("zero_point"), _spec(entry))
            )
        case "DynamicQuantize":
            rows = core.PerAxis(0) if entry.pop("rows") else core.PerTensor()
            method = _word(entry.pop("method"))
            if method not in ranges.METHODS:
                raise ValueError(f"its layer {name!r} has the unknown method {method!r}")
            layer = DynamicQuantize(name, _spec(entry, rows), ranges.METHODS[method])
        case _:
            raise ValueError(f"its layer {name!r} is of the unknown kind {kind!r}")
    if entry:
        raise ValueError(f"its layer {name!r} has the unknown field {min(entry)!r}")
    return layer


def _spec(
    entry: dict[str, Any],
    granularity: core.Granularity = core.PerTensor(),
) -> core.QuantSpec:
    return core.QuantSpec(
        bits=_whole(entry.pop("bits")),
        signed=bool(entry.pop("signed")),
        symmetric=bool(entry.pop("symmetric")),
        granularity=granularity,
    )


def method_name(function: str, layer: DynamicQuantize) -> str:
    """Return the name in `qlab.ranges.METHODS` of how a layer finds its ranges.

    Raises
    ------
    TypeError
        If the method is another one: a file could not name it.
    """
    for name, method in ranges.METHODS.items():
        if method is layer.method:
            return name
    raise TypeError(
        f"{function}: the range method of a DynamicQuantize layer must be one of "
        f"qlab.ranges.METHODS, got another (name={layer.name!r})."
    )


def _floats(array: Shaped[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"an array must hold floats, got {array.dtype}")
    return array


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError(f"a number must be whole, got {value!r}")
    return value


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a name must be a word, got {value!r}")
    return value
