"""W21 and W22: when a quantized network is smaller, and when it has less to do.

    bytes of a float32 tensor = 4·n, whatever it was rounded to
    packed = ⌈n·b/8⌉ + scales                                operations = MACs + 4 a rounded value

Source: Horowitz 2014, ISSCC, doi:10.1109/ISSCC.2014.6757323, figure 1.1.9 (energy of operations,
45 nm): float32 multiply 3.7 pJ and add 0.9 pJ; 8-bit multiply 0.2 pJ, 32-bit integer add 0.1 pJ.
"""

import functools
import math
from collections.abc import Callable

import numpy as np

from qlab import data, metrics, networks
from qlab.core import QuantSpec
from qlab.course.clinic import measured, protocol
from qlab.course.clinic.exhibit import Exhibit, Measurement, Outcome, bits, number, stand
from qlab.course.clinic.paired import Paired
from qlab.live.readout import Value
from qlab.live.settings import Choice
from qlab.metrics import Latency
from qlab.networks import FakeQuantize

NETWORK, REPEATS = "mlp_784_128_10", 10
ROUNDED = "W8 = np.round(W / s) * s"
PER_VALUE = 4  # multiply by 1/s, round, clip, multiply by s
FLOAT_MAC, INTEGER_MAC = 3.7 + 0.9, 0.2 + 0.1  # picojoules
BATCHES = {"1": "1 image", "100": "100 images", "1000": "1,000 images"}
Calls = dict[str, Callable[[], object]]


def _w21_stands() -> Outcome:
    W = networks.load(NETWORK).weights["fc1"]
    W8 = stand(ROUNDED, np=np, W=W, s=np.abs(W).max() / np.float32(127))[0]["W8"]
    return Outcome(
        says=f"The rounded tensor is still {W8.dtype}, {W8.nbytes:,} bytes instead of "
        f"{W.nbytes:,}, and is multiplied by the same routine.",
        values={"before": W.nbytes, "after": W8.nbytes},
    )


def _in_turns(calls: Calls) -> dict[str, Latency]:
    turns = metrics.latency_in_turns(calls, REPEATS)
    while True:
        try:
            next(turns)
        except StopIteration as end:
            return dict(end.value)


def _time(name: str, label: str, found: Latency) -> Value:
    return number(name, label, found.median, form="milliseconds", low=found.low, high=found.high,
                  n=found.n)  # fmt: skip


def _w21(bits: int = 8, images: str = "100") -> Measurement:
    net, x = networks.load(NETWORK), data.load("mnist").test[: int(images)].images
    small = networks.quantize_weights(net, QuantSpec(bits=bits))
    packed = protocol.packed_codes(small)
    times = _in_turns(
        {
            "float": lambda: net.predict(x),
            "rounded": lambda: small.network.predict(x),
            "unpacked": lambda: protocol.from_packed(small, packed).predict(x),
        }
    )
    biases = sum(b.nbytes for b in net.biases.values())
    rounded = biases + sum(W.nbytes for W in small.network.weights.values())
    scales = sum(q.scale.nbytes for q in small.qparams.values())
    total = biases + scales + sum(codes.nbytes for codes in packed.values())
    seen = measured.times_against_float("rounded")
    unpacked = measured.times_against_float("unpacked")
    return Measurement(
        values=(
            number(
                "float_bytes",
                "Bytes, float32",
                metrics.bytes_dense(net).total,
                "derived",
                form="bytes",
            ),
            number("rounded_bytes", "Bytes, rounded float32", rounded, form="bytes"),
            number("packed_bytes", "Bytes, codes packed", total, form="bytes"),
            _time("float", "Time, float32", times["float"]),
            _time("rounded", "Time, rounded float32", times["rounded"]),
            _time("unpacked", "Time, unpacked first", times["unpacked"]),
            measured.stored("ratio", "Rounded / float, 8 bits", measured.ratio(seen), "ratio"),
            measured.stored(
                "unpacked_ratio", "Unpacked / float", measured.ratio(unpacked), "ratio"
            ),
        ),
        says=f"Rounding saves no byte; packing leaves {100 * total / rounded:.0f} % of them. "
        f"Time of the rounded network over ten seeds: {_slower(seen)}; unpacked first: "
        f"{_slower(unpacked)}.",
    )


def _slower(seen: Paired) -> str:
    words = {"higher": "slower", "lower": "quicker"}
    return words.get(seen.verdict, seen.verdict)


def _w22_stands() -> Outcome:
    return Outcome(
        says="Two answers of one appendix: it reduces the computing, and it may increase the "
        "computing. No operation is counted for either.",
        nothing=True,
    )


@functools.lru_cache(32)
def _extra(bits: int) -> int:
    """Operations that the simulation adds for one image."""
    net = protocol.quantized(networks.load(NETWORK), bits, data.load("mnist").calibration)
    shapes = zip(net.layers, net.shapes[1:], strict=True)
    rounded = [math.prod(shape) for layer, shape in shapes if isinstance(layer, FakeQuantize)]
    return PER_VALUE * sum(rounded)


def _w22(bits: int = 8, images: str = "100") -> Measurement:
    net, mnist = networks.load(NETWORK), data.load("mnist")
    x = mnist.test[: int(images)].images
    simulated = protocol.quantized(net, bits, mnist.calibration)
    integers = protocol.integer_logits(net, bits, mnist.calibration)
    times = _in_turns(
        {
            "float": lambda: net.predict(x),
            "simulated": lambda: simulated.predict(x),
            "integers": lambda: integers(x),
        }
    )
    added, seen = _extra(bits), measured.times_against_float("simulated")
    whole = measured.times_against_float("integers")
    return Measurement(
        values=(
            number("macs", "MACs, float32", metrics.macs(net).dense, "derived", form="count"),
            number(
                "simulated_macs",
                "MACs, simulated",
                metrics.macs(simulated).dense,
                "derived",
                form="count",
            ),
            number("added", "Operations that simulating adds", added, "derived", form="count"),
            _time("float", "Time, float32", times["float"]),
            _time("simulated", "Time, simulated", times["simulated"]),
            _time("integers", "Time, NumPy's integers", times["integers"]),
            measured.stored("ratio", "Simulated / float, 8 bits", measured.ratio(seen), "ratio"),
            measured.stored("integer_ratio", "Integers / float", measured.ratio(whole), "ratio"),
            number(
                "energy",
                "Energy of a MAC, float32 / int8",
                FLOAT_MAC / INTEGER_MAC,
                "cited",
                form="ratio",
            ),
        ),
        says=f"Simulating keeps every MAC and adds {added:,} operations an image. Time against "
        f"float over ten seeds: simulated, {_slower(seen)}; NumPy's integers, without a kernel "
        f"made for them, {_slower(whole)}. What 8-bit multipliers save is energy in each MAC.",
    )


EXHIBITS = (
    Exhibit(
        number="W21",
        theme="evidence",
        title="Rounded, therefore small",
        claim="A network quantized to 8 bits is smaller and faster.",
        file="all five articles",
        fragment=ROUNDED,
        as_it_stands=_w21_stands,
        controls={
            "bits": bits(8, 2),
            "images": Choice("100", BATCHES, label="Batch", help="Images at a time."),
        },
        measure=_w21,
        truth="A rounded float32 tensor is neither. Bytes shrink when codes are packed; time "
        "shrinks when a kernel works on the codes.",
        reading="Jacob et al. 2018, arXiv:1712.05877, section 2.2 and its appendix B.",
    ),
    Exhibit(
        number="W22",
        theme="evidence",
        title="Less computing, and more",
        claim="Quantization reduces the computing; and: quantization may increase the computing.",
        file="article 003, §6.1 and §6.3",
        as_it_stands=_w22_stands,
        controls={
            "bits": bits(8, 2),
            "images": Choice("100", BATCHES, label="Batch", help="Images at a time."),
        },
        measure=_w22,
        truth="Both can be: simulated quantization adds work to every layer. Integers do as many "
        "MACs, each cheaper, where the hardware and its kernels have them.",
        reading="Horowitz 2014, doi:10.1109/ISSCC.2014.6757323 (energy of operations, 45 nm).",
    ),
)
