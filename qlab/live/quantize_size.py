"""The five meters of the Quantize instrument: bytes in memory, packed, coded; operations; time.

    packed    codes at b bits, scales, zero points, tables, offsets, factors, biases    (1)
    Huffman   the same with a word a code, and the words' lengths in front              (2)
    bit operations   Σ_layers MACs · bits of weights · bits of activations              (3)

What is not quantized counts 32 bits.
"""

from collections.abc import Generator, Iterator, Mapping

import numpy as np

from qlab import coding, core, metrics, networks
from qlab.live.quantize_look import Small
from qlab.live.quantize_state import QuantizeResult, QuantizeState
from qlab.live.readout import Value
from qlab.metrics import Bytes

MOST_SYMBOLS = 1 << 16  # that a table of words has room for
HEAD = 7  # bytes in front of a stream
METERS = ("bytes_memory", "bytes", "bytes_huffman", "macs", "bit_operations")


def packed(small: Small) -> Bytes:
    """Count the bytes of a file, equation 1."""
    if isinstance(small, networks.CodedNetwork):
        return metrics.bytes_packed(small.network, small.coded)
    more = [a for r in small.repaired.values() for a in (r.offset, r.input_scale) if a is not None]
    extra = Bytes(scales=4 * sum(a.size for a in more))
    return metrics.bytes_packed(small.network, small.qparams) + extra


def codes_of(small: Small) -> dict[str, np.ndarray]:
    """Return the codes of every layer that has some."""
    if isinstance(small, networks.CodedNetwork):
        return {name: coded.codes for name, coded in small.coded.items()}
    return dict(small.codes)


def huffman(small: Small) -> Generator[None, None, tuple[int, float | None]]:
    """Count the bytes of equation 2, without writing them, and the entropy in bits a weight."""
    size, bits, n = packed(small), 0.0, 0
    total = size.total - size.codes
    coded = small.coded.values() if isinstance(small, networks.CodedNetwork) else ()
    wide = any(c.bits > 16 for c in coded)
    for q in codes_of(small).values():
        yield
        lowest = int(q.min(initial=0))
        if wide or int(q.max(initial=0)) - lowest >= MOST_SYMBOLS:
            return size.total, None  # no table has room: they stay as they are
        counts = np.bincount(q.ravel() - lowest)
        bits, n = bits + coding.entropy(counts) * q.size, n + q.size
        yield
        lengths = coding.huffman_lengths(counts)
        widest = int(lengths.max()).bit_length() if len(lengths) > 1 else 0
        table = core.packed_bytes(len(lengths), widest) if widest else 0
        total += HEAD + table + -(-int(counts @ lengths) // 8)
    return total, bits / n


def operations(s: QuantizeState) -> tuple[int, int]:
    """Count the multiplications of an image, and their bit operations, equation 3."""
    net, chosen = networks.load(s.network), s.chosen()
    acting = 32 if s.activation_bits == "float" else s.activation_bits
    macs = {name: net.layers[k].macs(net.shapes[k]) for name, k in _places(net).items()}
    bits = {name: s.width() if name in chosen else 32 for name in macs}
    return sum(macs.values()), sum(macs[name] * bits[name] * acting for name in macs)


def _places(net: networks.Network) -> Mapping[str, int]:
    return {name: net.index(name) for name in net.weights}


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
