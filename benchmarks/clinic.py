"""Measure the claims W20 to W25 on MNIST: ``python -m benchmarks.clinic`` writes their file.

Ten trainings of the articles' network (784-128-10) on all training images, and ten on a thousand,
where there is something to overfit; each then measured in float32 and quantized to 8, 4, 3 and 2
bits, under noise and shift, and timed. One thread; about six minutes of one core. It isn't among
the benchmarks of ``python -m benchmarks``: what it measures is a result, no promise about speed.
"""

import importlib.metadata
import json
import os
import platform
import re
import sys
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np

from benchmarks import table
from qlab import data, metrics, networks
from qlab.core import QuantSpec
from qlab.course.clinic import measured, protocol
from qlab.metrics import Latency
from qlab.networks import Network

TITLE = "Claims W20 to W25: quantized minus float, paired over the seeds"
SEEDS = tuple(range(10))
NETWORK = "mlp_784_128_10"
PLANS: dict[str, dict[str, Any]] = {
    "all": {"epochs": 5},
    "few": {"epochs": 40, "train_images": 1_000},
}
PRECISIONS = {"float": None, **{str(bits): bits for bits in protocol.BITS}}
TIMED_IMAGES, REPEATS, TIMED_BITS = 1_000, 30, 8


def run() -> list[dict[str, object]]:
    """Measure, write the file, and return its comparisons as rows."""
    mnist = data.load("mnist")
    found: dict[str, Any] = {
        "recipe": _recipe(),
        "seeds": list(SEEDS),
        "date": date.today().isoformat(),
        "versions": _versions(),
        "per_seed": {regime: {p: {} for p in PRECISIONS} for regime in PLANS},
        "flips": {str(bits): [] for bits in protocol.BITS},
        "milliseconds": {},
    }
    for seed in SEEDS:
        for regime in PLANS:
            net = _train(regime, seed, mnist)
            _observe(found, regime, net, mnist)
            if regime == "all":
                for way, latency in _time(net, mnist).items():
                    _append(found["milliseconds"], way, round(1e3 * latency.median, 4))
                found["bytes"] = _bytes(net)
        print(f"seed {seed} done", file=sys.stderr, flush=True)
    _write(found)
    measured.measured.cache_clear()
    found["intervals"] = measured.intervals()
    _write(found)
    return [
        {"claim": claim, "comparison": name, **row}
        for claim, rows in found["intervals"].items()
        for name, row in rows.items()
    ]


def main() -> None:
    """Print the table."""
    print(table(TITLE, run()))


def _train(regime: str, seed: int, mnist: data.Dataset) -> Network:
    import torch

    from qlab import training

    torch.set_num_threads(1)
    start = networks.build(NETWORK, np.random.default_rng(seed))
    return training.fit(start, mnist, seed=seed, **PLANS[regime]).network


def _observe(found: dict[str, Any], regime: str, net: Network, mnist: data.Dataset) -> None:
    logits = {}
    for name, bits in PRECISIONS.items():
        learnt = PLANS[regime].get("train_images")
        row, logits[name] = protocol.observe(net, bits, mnist, learnt, stressed=regime == "all")
        for key, value in row.items():
            _append(found["per_seed"][regime][name], key, value)
    if regime == "all":
        for bits in protocol.BITS:
            changed = protocol.flips(logits[str(bits)], logits["float"], mnist.test.labels)
            found["flips"][str(bits)].append([round(share, 6) for share in changed])


def _time(net: Network, mnist: data.Dataset) -> dict[str, Latency]:
    images = mnist.test[:TIMED_IMAGES].images
    small = networks.quantize_weights(net, QuantSpec(bits=TIMED_BITS))
    packed = protocol.packed_codes(small)
    simulated = protocol.quantized(net, TIMED_BITS, mnist.calibration)
    integers = protocol.integer_logits(net, TIMED_BITS, mnist.calibration)
    turns = metrics.latency_in_turns(
        {
            "float": lambda: net.predict(images),
            "rounded": lambda: small.network.predict(images),
            "unpacked": lambda: protocol.from_packed(small, packed).predict(images),
            "simulated": lambda: simulated.predict(images),
            "integers": lambda: integers(images),
        },
        REPEATS,
    )
    while True:
        try:
            next(turns)
        except StopIteration as end:
            return end.value


def _bytes(net: Network) -> dict[str, int]:
    small = networks.quantize_weights(net, QuantSpec(bits=TIMED_BITS))
    rounded = [*small.network.weights.values(), *small.network.biases.values()]
    return {
        "float": metrics.bytes_dense(net).total,
        "rounded": sum(array.nbytes for array in rounded),
        "packed": metrics.bytes_packed(net, small.qparams).total,
    }


def _append(lists: dict[str, list[float]], name: str, value: float) -> None:
    lists.setdefault(name, []).append(value)


def _recipe() -> dict[str, Any]:
    return {
        "network": NETWORK,
        "dataset": "mnist",
        "plans": PLANS,
        "others": "as qlab.training.Plan has them: adam, lr 0.001, cosine, batches of 128",
        "quantized": "weights and activations, symmetric, one scale an array, minmax",
        "calibration": "mnist.calibration, 1,024 training images",
        "test_images": 10_000,
        "timed": {"images": TIMED_IMAGES, "repeats": REPEATS, "bits": TIMED_BITS, "threads": 1},
        "command": "OPENBLAS_NUM_THREADS=1 python -m benchmarks.clinic",
    }


def _versions() -> Mapping[str, str]:
    versions = {name: importlib.metadata.version(name) for name in ("qlab", "numpy", "torch")}
    return {**versions, "python": platform.python_version(), "machine": platform.machine()}


def _write(found: dict[str, Any]) -> None:
    text = json.dumps(found, indent=1, ensure_ascii=False)
    text = re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda m: f"[{' '.join(m[1].split())}]", text)
    measured.FILE.write_text(text + "\n", encoding="utf-8")  # a list of numbers in one line


if __name__ == "__main__":
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":  # read once, when NumPy is imported
        os.execve(
            sys.executable,
            [sys.executable, "-m", "benchmarks.clinic"],
            os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
    main()
