"""What each repair is worth: test accuracy of the LeNets at 4, 3 and 2 bits.

Weights are quantized, one scale for each output, symmetric; activations stay float32. Ranges and
repairs see the calibration split alone (1,024 training images), the accuracy is that of all 10,000
test images with its 95 % interval, compared with the step before; AdaRound and GPTQ are one step,
with or without correcting the bias, each compared with bias correction alone. A cell says so where
correcting the bias made it worse than AdaRound or GPTQ alone. Nothing is random; NumPy's BLAS has
one thread, since the order of its sums tips a few roundings.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import one_thread, table

if TYPE_CHECKING:
    from qlab.metrics import Measured

TITLE = "Accuracy after quantizing weights, one scale for each output, %: value [95 % interval]"
NETWORKS = ("lenet_5", "lenet_300_100")
BITS = (4, 3, 2)
ALONE = "mse range, bias correction"  # what AdaRound and GPTQ are compared with


def run() -> list[dict[str, object]]:
    """Return one row for each network and step, with a column for each number of bits."""
    from qlab import data, metrics, networks, ptq, ranges
    from qlab.core import PerAxis, QParams, QuantSpec

    mnist = data.load("mnist")
    images, labels = mnist.test

    def measured(net: networks.Network) -> "Measured":
        return metrics.accuracy(net.predict(images, threads=2), labels)

    def by_range(method: Callable[..., QParams]) -> Callable[..., networks.Network]:
        return lambda net, spec: networks.quantize_weights(net, spec, method).network

    def by_repair(method: Callable[..., ptq.Repaired]) -> Callable[..., networks.Network]:
        return lambda net, spec: networks.repair(net, spec, method, mnist.calibration).network

    steps: dict[str, Callable[..., networks.Network]] = {
        "minmax": by_range(ranges.minmax),
        "mse range": by_range(ranges.mse),
        "mse range, bias correction": by_repair(ptq.bias_correction),
        "mse range, AdaRound": by_repair(ptq.adaround),
        "mse range, GPTQ": by_repair(ptq.gptq),
        "mse range, AdaRound and bias": by_repair(partial(ptq.bias_correction, after=ptq.adaround)),
        "mse range, GPTQ and bias": by_repair(partial(ptq.bias_correction, after=ptq.gptq)),
    }
    rows: list[dict[str, object]] = []
    for name in NETWORKS:
        net = networks.load(name)
        whole = measured(net)
        rows.append(_row(name, "float32", [_percent(whole)] * len(BITS)))
        reached: dict[str, dict[int, Measured]] = {}
        for step, make in steps.items():
            specs = {b: QuantSpec(bits=b, granularity=PerAxis(0)) for b in BITS}
            found = {b: measured(make(net, spec)) for b, spec in specs.items()}
            before = reached.get(ALONE, next(reversed(reached.values()), {}))
            without = reached.get(step.removesuffix(" and bias"), {})
            cells = [_percent(found[b], before.get(b), without.get(b)) for b in BITS]
            rows.append(_row(name, step, cells))
            reached[step] = found
    return rows


def main() -> None:
    """Print the table."""
    one_thread()
    print(table(TITLE, run()))


def _row(network: str, step: str, cells: list[str]) -> dict[str, object]:
    row: dict[str, object] = {"network": network, "step": step}
    return row | {f"{b} bits": cell for b, cell in zip(BITS, cells, strict=True)}


def _percent(
    found: "Measured", before: "Measured | None" = None, without: "Measured | None" = None
) -> str:
    """Write value and interval, how it stands to the step before, and whether its bias harmed."""
    text = f"{100 * found.value:.2f} [{100 * found.low:.2f}, {100 * found.high:.2f}]"
    if before is None:
        return text
    said = "worse" if found.high < before.low else "within noise"
    said = "better" if found.low > before.high else said
    harmed = without is not None and found.high < without.low
    return f"{text} {said}" + (", worse than without bias" if harmed else "")


if __name__ == "__main__":
    main()
