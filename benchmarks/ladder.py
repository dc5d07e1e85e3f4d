"""LeNet-5 at few bits, step by step: minmax, mse, bias correction, AdaRound or GPTQ, training.

The steps after training are those of `benchmarks.ptq`: a scale for each output, ranges and repairs
from the calibration split alone. Training is LSQ from the same trained network with one scale a
layer, so with fewer bytes; its epoch is chosen on the validation split. Each cell is the accuracy
on the 10,000 test images with its 95 % interval, against the step before.

It trains three networks on one thread, LeNet-5 at 2, 3 and 4 bits. Finished ones lie in
`build/qat`; stopped and started again, it goes on where it was, to the same numbers.
"""

from functools import partial
from typing import TYPE_CHECKING

from benchmarks import one_thread, table
from benchmarks.ptq import _percent
from benchmarks.qat import FOLDER, Recipe, _kept, _train

if TYPE_CHECKING:
    from qlab.metrics import Measured

TITLE = "LeNet-5 at few bits, %: accuracy [95 % interval] against the step before"
NETWORK, BITS, SEED = "lenet_5", (4, 3, 2), 0
PLAN = {"epochs": 6, "jitter": 1}
STAGES = (  # each is compared with the better one of the stage before
    ("minmax",),
    ("mse",),
    ("bias correction",),
    ("AdaRound and bias correction", "GPTQ and bias correction"),
    ("training, LSQ",),
)


def run() -> list[dict[str, object]]:
    """Train what is missing, and return a row for each step, a column for each number of bits."""
    import torch

    from qlab import data, metrics, networks, ptq, ranges
    from qlab.core import PerAxis, QuantSpec

    torch.set_num_threads(1)  # one thread gives the same bits everywhere, and after resuming
    FOLDER.mkdir(parents=True, exist_ok=True)
    mnist, net = data.load("mnist"), networks.load(NETWORK)
    adaround = partial(ptq.bias_correction, after=ptq.adaround)
    gptq = partial(ptq.bias_correction, after=ptq.gptq)

    def measured(step: str, bits: int) -> "Measured":
        spec = QuantSpec(bits=bits, granularity=PerAxis(0))
        match step:
            case "minmax" | "mse":
                small = networks.quantize_weights(net, spec, ranges.METHODS[step]).network
            case "bias correction":
                small = networks.repair(net, spec, ptq.bias_correction, mnist.calibration).network
            case "AdaRound and bias correction":
                small = networks.repair(net, spec, adaround, mnist.calibration).network
            case "GPTQ and bias correction":
                small = networks.repair(net, spec, gptq, mnist.calibration).network
            case _:
                recipe = Recipe("LSQ", NETWORK, "lsq", bits, None, PLAN)
                if _kept(FOLDER, recipe, SEED) is None:
                    _train(recipe, SEED, mnist, FOLDER, float("inf"))
                kept = _kept(FOLDER, recipe, SEED)
                assert kept is not None
                return metrics.wilson(len(mnist.test) - kept["errors"], len(mnist.test))
        return metrics.accuracy(small, mnist.test)

    rows: list[dict[str, object]] = []
    before: dict[int, Measured] = {}
    for stage in STAGES:
        reached: dict[int, list[Measured]] = {bits: [] for bits in BITS}
        for step in stage:
            found = {bits: measured(step, bits) for bits in BITS}
            cells = {f"{bits} bits": _percent(found[bits], before.get(bits)) for bits in BITS}
            rows.append({"step": step, **cells})
            for bits in BITS:
                reached[bits].append(found[bits])
        before = {bits: max(many, key=lambda one: one.value) for bits, many in reached.items()}
    return rows


def main() -> None:
    """Print the table."""
    one_thread()  # as in `benchmarks.ptq`: the same roundings
    print(table(TITLE, run()))


if __name__ == "__main__":
    main()
