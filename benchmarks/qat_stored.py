"""Error against bits, trained with quantization or not: ``python -m benchmarks.qat_stored``.

LeNet-300-100 at 1 to 4 bits of weights, with activations in float and at 4, 2 and 1 bits, by each
method that knows these bits, two seeds each, all by one short recipe; beside them the network
that is rounded after training. Each run's epoch is chosen on validation; the test images are read
once, at its end. One thread; about ten minutes of one core. Each finished run is written to
`qlab/networks/zoo/qat.json` at once: stopped and started again, it goes on where it was.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import table
from qlab import codebooks, data, metrics, networks, ranges
from qlab.core import PerAxis, QuantSpec
from qlab.networks import Network
from qlab.networks.files import write_whole

TITLE = "Error of LeNet-300-100 on MNIST by bits, %"
NETWORK = "lenet_300_100"
FILE = Path(networks.__file__).with_name("zoo") / "qat.json"
SEEDS = (0, 1)
BITS = (1, 2, 3, 4)
ACTIVATIONS = (None, 2, 4, 1)
RECIPE: dict[str, Any] = {
    "epochs": 3,
    "train_images": 15_000,
    "batch_size": 128,
    "optimizer": "adam",
    "lr": 1e-3,
}
NOT_TRAINED = ("minmax", "mse")


def settings() -> Iterator[dict[str, Any]]:
    """List every training of the table, one seed of all first."""
    from qlab.training.qat import METHODS

    for seed in SEEDS:
        for activation_bits in ACTIVATIONS:
            for method, how in METHODS.items():
                if method == "pact" and activation_bits is None:
                    continue  # its own part is the clip of activations; without it, it is dorefa
                for bits in (b for b in BITS if b in how.bits):
                    yield {
                        "method": method,
                        "weight_bits": bits,
                        "activation_bits": activation_bits,
                        "seed": seed,
                    }


def rounded(method: str, weight_bits: int, activation_bits: int | None) -> Network:
    """Return the network that is rounded after training, all ranges by one method.

    Weights have one range a layer; at one bit, signs with a scale for each row, which is what the
    least squared error asks for. Images keep 8 bits, as in training.
    """
    net = networks.load(NETWORK)
    x, _ = data.load("mnist").calibration.for_choosing("calibrate activation ranges")
    entering = networks.activations(net, x)
    if weight_bits == 1:
        small = net.with_weights(
            {
                name: codebooks.xnor(W, granularity=PerAxis(0)).dequantize()
                for name, W in net.weights.items()
            }
        )
    else:
        spec = QuantSpec(bits=weight_bits)
        small = networks.quantize_weights(net, spec, method=getattr(ranges, method)).network
    if activation_bits is None:
        return small
    grids = {}
    for k, (layer, values) in enumerate(entering.items()):
        bits = activation_bits if k else 8
        spec = QuantSpec(bits=bits, signed=bits > 1 and bool((values < 0).any()))
        grids[layer] = getattr(ranges, method)(values, spec)
    return networks.fake_quantize_inputs(small, grids)


def run(path: Path = FILE) -> list[dict[str, object]]:
    """Train what is missing, and return the table."""
    import torch

    torch.set_num_threads(1)  # with one thread the same weights come out again
    mnist = data.load("mnist")
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    runs = kept.get("runs", []) if kept.get("recipe") == RECIPE else []
    runs = [run for run in runs if run["seed"] in (None, *SEEDS)]
    known = {_key(run) for run in runs}
    for method in NOT_TRAINED:
        for activation_bits in ACTIVATIONS:
            for bits in BITS:
                setting = _untrained(method, bits, activation_bits)
                if _key(setting) not in known and not (method == "minmax" and bits == 1):
                    test = metrics.accuracy(rounded(method, bits, activation_bits), mnist.test)
                    runs.append({**setting, **_measured(test)})
                    _write(path, runs)
    for setting in settings():
        if _key(setting) not in known:
            runs.append(_trained(setting, mnist))
            _write(path, runs)
    _write(path, runs)
    return list(_rows(runs))


def main() -> None:
    """Print the table."""
    print(table(TITLE, run()))


def _untrained(method: str, bits: int, activation_bits: int | None) -> dict[str, Any]:
    return {
        "method": method, "weight_bits": bits, "activation_bits": activation_bits, "seed": None
    }  # fmt: skip


def _trained(setting: dict[str, Any], mnist: data.Dataset) -> dict[str, Any]:
    from qlab.training import train_quantized

    began = time.process_time()
    fitted = train_quantized(networks.load(NETWORK), mnist, **setting, **RECIPE)
    test = metrics.accuracy(fitted.network, mnist.test)
    return {
        **setting,
        **_measured(test),
        "validation": _interval(fitted.validation),
        "best_epoch": fitted.best_epoch,
        "core_seconds": round(time.process_time() - began, 1),
    }


def _measured(test: metrics.Measured) -> dict[str, Any]:
    return {"test_errors": round((1 - test.value) * test.n), "test": _interval(test)}


def _interval(m: metrics.Measured) -> dict[str, float]:
    return {"value": round(m.value, 6), "low": round(m.low, 6), "high": round(m.high, 6), "n": m.n}


def _key(run: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(run[name] for name in ("method", "weight_bits", "activation_bits", "seed"))


def _write(path: Path, runs: list[dict[str, Any]]) -> None:
    lines = ",\n".join(f"    {json.dumps(run)}" for run in runs)
    head = json.dumps(
        {"network": NETWORK, "dataset": "mnist", "seeds": SEEDS, "recipe": RECIPE}, indent=2
    )
    write_whole(path, f'{head[:-2]},\n  "runs": [\n{lines}\n  ]\n}}\n'.encode())


def _rows(runs: list[dict[str, Any]]) -> Iterator[dict[str, object]]:
    found: dict[tuple[Any, ...], dict[int, list[int]]] = {}
    for run in runs:
        by_bits = found.setdefault((run["activation_bits"] or 32, run["method"]), {})
        by_bits.setdefault(run["weight_bits"], []).append(run["test_errors"])
    for (activations, method), by_bits in sorted(found.items(), reverse=True):
        row: dict[str, object] = {"activations, bits": str(activations), "method": method}
        for bits in BITS:
            errors = by_bits.get(bits, [])
            mean = f"{sum(errors) / len(errors) / 100:.2f}" if errors else ""
            each = ", ".join(f"{e / 100:.2f}" for e in errors) if len(errors) > 1 else ""
            row[f"{bits} bits"] = f"{mean} ({each})" if each else mean
        yield row


if __name__ == "__main__":
    main()
