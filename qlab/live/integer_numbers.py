"""The numbers of the Integer instrument: what the network does, and what the sum takes."""

from collections.abc import Iterator

import numpy as np

from qlab.live.integer_state import IntegerResult
from qlab.live.readout import Value
from qlab.metrics import within_noise


def numbers(r: IntegerResult) -> Iterator[Value]:
    """List them, each with its provenance."""
    noise = "within noise" if within_noise(r.accuracy, r.reference) else "beyond noise"
    yield Value.of(
        "accuracy",
        "Accuracy, integers alone",
        r.accuracy,
        form="percent",
        note=f"{noise} of float" if noise == "within noise" else "beyond noise, against float",
    )
    yield Value.of("simulated_accuracy", "Simulated in floats", r.simulated, form="percent")
    yield Value.of("float_accuracy", "Float, same images", r.reference, form="percent")
    yield Value.of("same", "Same class as simulated", r.same, form="percent")
    for name, label, (count, total) in (
        ("overflows", "Accumulators that overflowed", r.overflows),
        ("saturated", "Codes that were clipped", r.saturated),
    ):
        yield Value(
            name=name,
            label=label,
            value=count / total,
            source=r.accuracy.source,
            n=r.accuracy.n,
            form="percent",
            note=f"{count:,} of {total:,}",
        )
    yield from _register(r)


def _register(r: IntegerResult) -> Iterator[Value]:
    w = r.walk
    right = int(w.registers[-1]) == int(w.sums[-1])
    yield Value(
        name="accumulator", label=f"Register, output {w.output} of {r.layer}",
        value=int(w.registers[-1]), source="derived", form="count",
        note="" if right else f"the true sum is {int(w.sums[-1]):,}",
    )  # fmt: skip
    yield Value(
        name="used", label="Of its register it takes", value=r.used, source="derived",
        form="percent", note=f"{w.bits} of {r.accumulator_bits} bits",
    )  # fmt: skip
    yield Value(
        name="needed", label=f"Bits that {r.layer} needs", value=r.needs[r.layer],
        source=r.accuracy.source, n=r.accuracy.n, form="count",
        note="more than there are" if r.needs[r.layer] > r.accumulator_bits else "",
    )  # fmt: skip
    yield Value(
        name="worst_case", label="Bits for any image at all", value=r.worst[r.layer],
        source="derived", form="count",
    )  # fmt: skip
    yield Value(
        name="multiplier", label="Multiplier M", value=float(np.ldexp(float(w.m), w.e - 31)),
        source="derived", form="plain", note=f"{w.m:,} / 2^{31 - w.e}",
    )  # fmt: skip
    yield Value(
        name="code", label="Code that leaves", value=w.code, source="derived", form="count",
        note=f"means {(w.code - w.zero_point) * r.scales[2]:.4g}; float: {r.float_value:.4g}",
    )  # fmt: skip
    floats = [kind for kind in r.types.values() if "float" in kind]
    yield Value(
        name="floats", label="Floats between the doors", value=len(floats), source="derived",
        form="count", note=f"of {len(r.types)} kinds of array",
    )  # fmt: skip
