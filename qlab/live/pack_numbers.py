"""The numbers of the Pack instrument, each with its provenance."""

import math
from collections.abc import Iterator

from qlab import metrics
from qlab.live.pack_pictures import NAMES
from qlab.live.pack_state import PackResult
from qlab.live.readout import Value

LABELS = {
    "packed": "Packed",
    "bitmap": "Bitmap and the rest",
    "relative_index": "Relative index",
    "huffman": "Huffman",
    "deep_compression": "Relative index, Huffman on both",
    "rans": "Arithmetic coding (rANS)",
}
LABELS |= {name: name for name in NAMES if name not in LABELS}


def numbers(r: PackResult) -> Iterator[Value]:
    """List bits a weight, bytes by format, the one weight, and what reading took."""
    told = "derived" if r.exact else "estimated"
    note = "" if r.exact else "levels from every few weights; the whole table is being computed"
    yield _value("entropy", "Entropy of the codes", r.entropy, told, "bits", note)
    yield _value(
        "huffman_bits", "Huffman, words alone", r.mean, told, "bits", _over(r.mean, r.entropy)
    )
    yield _value("sqnr", f"SQNR, weights of {r.layer}", r.sqnr, told, "decibel")
    yield from _accuracy(r)
    yield Value(
        name="zeros",
        label="Codes that mean 0",
        value=r.zeros,
        source="measured",
        n=r.n,
        form="percent",
    )
    yield _value("dense", "Bytes in memory, float32", 4 * r.n, "derived", "bytes")
    for name, label in LABELS.items():
        if name in r.sizes:
            yield _value(name, label, r.sizes[name].total, told, "bytes", _share(r, name))
        else:  # it is written while the page rests
            yield _value(name, label, math.nan, "derived", "coming")
    yield _value("bound", "Entropy bound, no table", r.sizes["entropy"].codes, told, "bytes")
    best = min((n for n in NAMES if n in r.sizes), key=lambda n: r.sizes[n].total)
    if "rans" in r.sizes:
        ratio = 4 * r.n / r.sizes[best].total
        note = f"by {LABELS[best].lower()}"
        yield _value("best", "Smaller than float32", ratio, told, "ratio", note)
    else:
        yield _value("best", "Smaller than float32", math.nan, "derived", "coming")
    bits = int(r.lengths[r.symbol])
    yield _value("weight", "The weight looked at", r.value, "derived", "number")
    yield _value(
        "level", "Its level", float(r.levels[r.symbol]), told, "number",
        f"code {r.symbol} of {len(r.levels)}",
    )  # fmt: skip
    yield _value(
        "word", "Bits of its word", bits, told, "count", f"word {r.word}" if r.word else ""
    )
    yield from _times(r)


def _accuracy(r: PackResult) -> Iterator[Value]:
    """Give the accuracy and its change, once there is one; until then say that it is coming."""
    label = f"Accuracy, only {r.layer} coded"
    if r.accuracy is None or r.reference is None:
        yield _value("accuracy", label, math.nan, "measured", "coming")
        yield _value("change", "Change against float", math.nan, "measured", "coming")
        return
    yield Value.of("accuracy", label, r.accuracy, form="percent")
    yield Value.change("Change against float", r.accuracy, r.reference)


def _value(
    name: str, label: str, value: float | int, source: str, form: str, note: str = ""
) -> Value:
    return Value(name=name, label=label, value=value, source=source, form=form, note=note)


def _over(bits: float, entropy: float) -> str:
    return f"{bits - entropy:.3f} above the entropy"


def _share(r: PackResult, name: str) -> str:
    return f"{8 * r.sizes[name].total / r.n:.2f} bits a weight"


def _times(r: PackResult) -> Iterator[Value]:
    """List what reading and computing took, once it was measured."""
    if r.decoded is None:
        return
    labels = {
        "packed": "Time to unpack",
        "huffman": "Time to read Huffman",
        "rans": "Time to read rANS",
    }
    forward = {
        "before": "Time of the layer, floats",
        "after": "Time of the layer, levels as floats",
    }
    same = "read again: all codes the same" if r.decoded.same else "read again: NOT the same"
    for name, latency in r.decoded.latency.items():
        label = labels.get(name, f"Time to read {name}")
        yield _taken(f"time_{name}", label, latency, same)
    for name, latency in r.decoded.forward.items():
        yield _taken(f"layer_{name}", forward[name], latency, "100 images")


def _taken(name: str, label: str, latency: metrics.Latency, note: str) -> Value:
    return Value(
        name=name, label=label, value=latency.median, low=latency.low, high=latency.high,
        n=latency.n, source="measured", form="milliseconds", note=note,
    )  # fmt: skip
