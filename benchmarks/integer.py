"""Integer-only inference beside floats: accuracy on all test images, what the sums need, time.

Every network of the zoo, weights of 8 bits with one scale for each output, activations of 8 bits,
ranges by minmax on the calibration split, one thread. Nothing is random. Accuracy and accumulators
are those of all 10,000 test images, the time that of the first 1,000, in turns with floats.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import one_thread, table

if TYPE_CHECKING:
    from qlab.metrics import Measured

TITLE = (
    "Integer-only inference, 8 bits: accuracy in % [95 % interval], sums, "
    "and milliseconds for 1,000 images: median (quartiles), in turns, one thread"
)
TURNS = 9
IMAGES = 1_000


def percent(accuracy: "Measured") -> str:
    """Write an accuracy with its interval."""
    low, value, high = (100 * a for a in (accuracy.low, accuracy.value, accuracy.high))
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def in_turns(calls: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Time calls one after the other, again and again; return the milliseconds of each."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(TURNS + 1):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            if turn:  # the first fills caches, not counted
                taken[name].append((time.perf_counter() - began) * 1e3)
    return taken


def spread(milliseconds: Sequence[float]) -> str:
    """Write median and quartiles."""
    low, median, high = statistics.quantiles(milliseconds, n=4)
    return f"{median:.3g} ({low:.3g} to {high:.3g})"


def run() -> list[dict[str, object]]:
    """Return one row for each network of the zoo."""
    from qlab import data, metrics, networks

    mnist = data.load("mnist")
    images, labels = mnist.test

    rows: list[dict[str, object]] = []
    for name in networks.ZOO:
        net = networks.load(name)
        small = networks.IntegerNetwork.from_calibration(net, mnist.calibration)
        floats, integers = net.predict(images), small.predict(images)
        one, other = metrics.accuracy(floats, labels), metrics.accuracy(integers, labels)
        counts = small.count(images).values()
        some = images[:IMAGES]
        ms = in_turns(
            {"float32": partial(net.predict, some), "integers": partial(small.predict, some)}
        )
        rows.append(
            {
                "network": name,
                "float32": percent(one),
                "integers": percent(other),
                "within noise": "yes" if metrics.within_noise(one, other) else "no",
                "predictions changed": int((floats.argmax(1) != integers.argmax(1)).sum()),
                "bits of the largest sum": max(count.bits for count in counts),
                "overflows": sum(count.overflows for count in counts),
                "float32 ms": spread(ms["float32"]),
                "integers ms": spread(ms["integers"]),
                "times": statistics.median(ms["integers"]) / statistics.median(ms["float32"]),
            }
        )
    return rows


def main() -> None:
    """Print the table."""
    one_thread()
    print(table(TITLE, run()))


if __name__ == "__main__":
    main()
