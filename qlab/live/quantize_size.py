"""The five meters of the Quantize instrument: bytes in memory, packed, coded; operations; time."""

from collections.abc import Generator, Iterator

import numpy as np

from qlab import coding, networks
from qlab.live.quantize_acting import packed
from qlab.live.quantize_look import Small
from qlab.live.quantize_state import QuantizeResult, QuantizeState
from qlab.live.readout import Value
from qlab.networks.costs import MOST_BITS

METERS = ("bytes_memory", "bytes", "bytes_huffman", "macs", "bit_operations")


def huffman(s: QuantizeState, small: Small) -> Generator[None, None, tuple[int, float | None]]:
    """Count the bytes with a word a code, and the entropy in bits a weight, layer by layer."""
    if s.width() > MOST_BITS:
        return packed(s, small), None  # no table has room: they stay as they are
    total, bits, n = packed(s, small) - small.bytes.codes, 0.0, 0
    for name, q in networks.codes_of(small).items():
        yield
        total += networks.layer_bytes_huffman(small, name)
        yield
        bits += coding.entropy(np.bincount(q.ravel() - q.min())) * q.size
        n += q.size
    return total, bits / n


def operations(s: QuantizeState) -> tuple[int, int]:
    """Count the multiplications of an image, and their bit operations."""
    net, bits = networks.load(s.network), dict.fromkeys(s.chosen(), s.width())
    inputs = s.input_spec()
    acting = 32 if inputs is None else inputs.bits
    return net.summary().macs, networks.network_bit_operations(net, bits, acting)


def meters(r: QuantizeResult) -> Iterator[Value]:
    """List bytes and operations."""
    for name, label, value, form, note in (
        ("bytes_memory", "1 · Bytes in memory, simulated", r.dense, "bytes", "float32, as before"),
        ("bytes", "2 · Bytes, packed", r.bytes, "bytes", f"float32: {r.dense:,}"),
        ("bytes_huffman", "3 · Bytes, Huffman-coded", r.huffman, "bytes", _entropy(r)),
        ("macs", "4 · Multiplications of an image", r.macs, "count", "as many as before"),
        ("bit_operations", "4 · Bit operations of an image", r.bit_operations, "count", ""),
    ):
        if value is not None:
            yield Value(name=name, label=label, value=value, source="derived", form=form, note=note)


def times(r: QuantizeResult) -> Iterator[Value]:
    """List the times of a call, once they were taken."""
    words = {"float": "5 · Time of 100 images, float", "simulated": "5 · Time, quantized"}
    for name, taken in (r.latency or {}).items():
        share = taken.median / (r.latency or {})["float"].median
        yield Value(
            name=f"time_{name}",
            label=words[name],
            value=taken.median,
            low=taken.low,
            high=taken.high,
            n=taken.n,
            source="measured",
            form="milliseconds",
            note="" if name == "float" else f"{share:.2f} × the float time",
        )


def _entropy(r: QuantizeResult) -> str:
    return "" if r.entropy is None else f"entropy {r.entropy:.2f} bits a weight"


WHY = """<h2>Quantized, and neither smaller in memory nor faster?</h2>
<p>Each weight stands on a level, but is still a float32 and is multiplied as one: memory and time
stay, and quantizing activations in passing even takes time of its own. A file shrinks when the
codes are packed (scales and tables counted), and a little more when frequent codes get short words.
Time falls only where a kernel works on the codes themselves.</p>"""
