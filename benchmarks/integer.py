"""Integer-only inference beside floats: accuracy on all test images, what the sums need, time.

Every network of the zoo, weights of 8 bits with one scale for each output, activations of 8 bits,
ranges by minmax on the calibration split, one thread. Nothing is random. Accuracy and accumulators
are those of all 10,000 test images, the time that of the first 1,000, in turns with floats.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import table

if TYPE_CHECKING:
    from qlab.metrics import Measured

TITLE = "Integer-only inference, 8 bits: accuracy in % [95 % interval], sums, time for 1,000 images"
REPEATS = 5
IMAGES = 1_000


def percent(accuracy: "Measured") -> str:
    """Write an accuracy with its interval."""
    low, value, high = (100 * a for a in (accuracy.low, accuracy.value, accuracy.high))
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def median_ms(calls: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Time calls in turns; return the medians."""
    from qlab import metrics

    turns = metrics.latency_in_turns(calls, REPEATS)
    while True:
        try:
            next(turns)
        except StopIteration as end:
            return {name: 1e3 * taken.median for name, taken in end.value.items()}


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
        ms = median_ms(
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
                "float32 ms": ms["float32"],
                "integers ms": ms["integers"],
                "times": ms["integers"] / ms["float32"],
            }
        )
    return rows


def main() -> None:
    """Print the table."""
    print(table(TITLE, run()))


if __name__ == "__main__":
    main()
