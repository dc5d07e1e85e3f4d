"""Quantization-aware training on MNIST: what it mends at 4, 3 and 2 bits, and binary networks.

`python -m benchmarks qat` trains a small table in minutes; `python -m benchmarks qat --minutes 300`
works on the whole one for so long, then prints what it has. Results and checkpoints lie in
`build/qat` (`--folder`): started again, it goes on where it stopped, to the same numbers. On many
cores, start `--part 1/8` to `--part 8/8`, each with one thread, on one folder. `--only binary
--only twn` trains and shows the rows of those names alone. One seed of all comes before the next.
Every seed's network is chosen on the validation split and measured once on the 10,000 test images.

Each entry is the error in percent: the mean over seeds, the 95 % interval of that share of 10,000
images, and each seed's error where there are several.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import table

if TYPE_CHECKING:
    from qlab import data
    from qlab.networks import Network
    from qlab.training import Progress

TITLE = "Error on MNIST after quantization-aware training, %"
BITS = (4, 3, 2)
SEEDS = (0, 1, 2)
LENETS = ("lenet_300_100", "lenet_5")
WIDE = (784, 1024, 1024, 1024, 10)  # BinaryConnect's network, arXiv:1511.00363
WIDER = (784, 2048, 2048, 2048, 10)  # half of BNN's, arXiv:1602.02830
FOLDER = Path(__file__).parents[1] / "build" / "qat"


@dataclass(frozen=True)
class Recipe:
    """One entry of the table: a network, a method, and how it is trained.

    Parameters
    ----------
    row
        What the table calls it.
    network
        A trained network of the zoo, or the widths of one that starts untrained.
    method, weight_bits, activation_bits
        As in `train_quantized`.
    plan
        Its other arguments.
    """

    row: str
    network: str | tuple[int, ...]
    method: str
    weight_bits: int
    activation_bits: int | None
    plan: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The network, as the table shows it."""
        return self.network if isinstance(self.network, str) else "-".join(map(str, self.network))

    def key(self, seed: int) -> str:
        """Return the name under which a seed's result is kept."""
        method = f"{self.method}-w{self.weight_bits}-a{self.activation_bits}"
        return f"{self.title}-{method}-e{self.plan['epochs']}-{seed}"


def recipes() -> list[Recipe]:
    """Return the whole table, what matters most first."""
    tuned = {
        "lenet_300_100": {"epochs": 20, "jitter": 1},
        "lenet_5": {"epochs": 10, "jitter": 1},
    }
    found = [
        Recipe(f"QAT, {method}", net, method, bits, bits if activations else None, tuned[net])
        for activations in (False, True)
        for net in LENETS
        for bits in BITS
        for method in ("lsq", "straight_through", "learned_codebook", "pact")
        if not (activations and method == "learned_codebook") and (activations or method != "pact")
    ]
    found += [
        Recipe("QAT, twn", "lenet_5", "twn", 2, None, tuned["lenet_5"]),
        Recipe(
            "binary weights",
            WIDE,
            "bnn",
            1,
            None,
            {"epochs": 80, "jitter": 1, "lr": 3e-3, "dropout": {"fc2": 0.2, "fc3": 0.2}},
        ),
        Recipe(
            "binary weights and activations",
            WIDE,
            "bnn",
            1,
            1,
            {"epochs": 30, "jitter": 1, "lr": 3e-3},
        ),
        Recipe(
            "binary weights and activations",
            WIDER,
            "bnn",
            1,
            1,
            {"epochs": 60, "jitter": 1, "lr": 3e-3},
        ),
    ]
    return found


def quick() -> list[Recipe]:
    """Return the small table."""
    plan = {"epochs": 3, "train_images": 15_000}
    return [Recipe("QAT, lsq", "lenet_300_100", "lsq", 2, a, plan) for a in (None, 2)]


def run(
    minutes: float | None = None,
    folder: Path = FOLDER,
    part: int = 1,
    parts: int = 1,
    only: Sequence[str] = (),
) -> list[dict[str, object]]:
    """Train what is missing, for so many minutes, and return the table of what is there."""
    import torch

    from qlab import data

    torch.set_num_threads(1)  # one thread gives the same bits everywhere, and after resuming
    folder.mkdir(parents=True, exist_ok=True)
    mnist = data.load("mnist")
    chosen, seeds = (quick(), SEEDS[:1]) if minutes is None else (recipes(), SEEDS)
    end = time.monotonic() + 60 * (minutes or 60)
    chosen = [recipe for recipe in chosen if not only or any(name in recipe.row for name in only)]
    work = [(recipe, seed) for seed in seeds for recipe in chosen]  # one seed of all first
    for recipe, seed in work[part - 1 :: parts]:
        if time.monotonic() < end and _kept(folder, recipe, seed) is None:
            _train(recipe, seed, mnist, folder, end)
    return list(_rows(chosen, seeds, mnist, folder))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=TITLE)
    parser.add_argument("--minutes", type=float, help="train the whole table for so long")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of results and checkpoints")
    parser.add_argument("--part", default="1/1", help="K/N: each N-th training, from the K-th")
    parser.add_argument("--only", action="append", default=[], help="rows of this name")
    given = parser.parse_args()
    part, _, parts = given.part.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        parser.error(f"--part must be K/N with 1 <= K <= N, got {given.part}")
    print(table(TITLE, run(given.minutes, given.folder, int(part), int(parts), given.only)))


def _start(recipe: Recipe, seed: int) -> "Network":
    import numpy as np

    from qlab import networks

    if isinstance(recipe.network, str):
        return networks.load(recipe.network)
    return networks.mlp(recipe.title, recipe.network, np.random.default_rng(seed))


def _train(recipe: Recipe, seed: int, mnist: "data.Dataset", folder: Path, end: float) -> None:
    from qlab import metrics
    from qlab.training import train_quantized

    key, told = recipe.key(seed), 0.0

    def on_progress(p: "Progress") -> None:
        nonlocal told
        if time.monotonic() - told > 30:
            told = time.monotonic()
            print(
                f"{key}: epoch {p.epoch} of {p.epochs}, loss {p.loss:.4f}, validation "
                f"{p.validation_accuracy:.4f}, {p.seconds_left / 60:.0f} min left",
                file=sys.stderr,
                flush=True,
            )

    checkpoint = folder / f"{key}.pt"
    fitted = train_quantized(
        _start(recipe, seed),
        mnist,
        recipe.method,
        recipe.weight_bits,
        recipe.activation_bits,
        seed=seed,
        on_progress=on_progress,
        should_stop=lambda: time.monotonic() > end,
        resume=checkpoint,
        **recipe.plan,
    )
    if fitted.stopped:
        return
    test = metrics.accuracy(fitted.network, mnist.test)
    result = {
        "errors": round((1 - test.value) * test.n),
        "best_epoch": fitted.best_epoch,
        "validation": fitted.validation.value,
        "seconds": round(fitted.seconds),
    }
    (folder / f"{key}.json").write_text(json.dumps(result) + "\n", encoding="utf-8")
    checkpoint.unlink(missing_ok=True)
    print(f"{key}: {result}", file=sys.stderr, flush=True)


def _kept(folder: Path, recipe: Recipe, seed: int) -> dict[str, Any] | None:
    path = folder / f"{recipe.key(seed)}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _rows(
    chosen: list[Recipe], seeds: tuple[int, ...], mnist: "data.Dataset", folder: Path
) -> Iterator[dict[str, object]]:
    from qlab import metrics, networks

    settings = {(r.title, r.weight_bits, r.activation_bits): r for r in chosen}
    for net in dict.fromkeys(r.network for r in chosen if isinstance(r.network, str)):
        whole = metrics.accuracy(networks.load(net), mnist.test)
        yield _row(net, "float32", "32", "32", [round((1 - whole.value) * whole.n)])
    for (title, weight_bits, activation_bits), first in settings.items():
        bits = str(weight_bits), str(activation_bits or "32")
        if isinstance(first.network, str) and weight_bits > 1:
            errors = _rounded(first.network, weight_bits, activation_bits, mnist)
            yield _row(title, "minmax, not trained", *bits, [errors])
        for recipe in chosen:
            if (recipe.title, recipe.weight_bits, recipe.activation_bits) != (
                title,
                weight_bits,
                activation_bits,
            ):
                continue
            kept = [found for seed in seeds if (found := _kept(folder, recipe, seed))]
            yield _row(title, recipe.row, *bits, [found["errors"] for found in kept])


def _rounded(
    name: str, weight_bits: int, activation_bits: int | None, mnist: "data.Dataset"
) -> int:
    """Errors of the network that is rounded after training, by the same rules for bits."""
    from qlab import metrics, networks, ranges
    from qlab.core import QuantSpec

    net = networks.load(name)
    x, _ = mnist.calibration.for_choosing("calibrate activation ranges")
    small = networks.quantize_weights(net, QuantSpec(bits=weight_bits)).network
    if activation_bits is not None:
        grids = {}
        for k, (layer, values) in enumerate(networks.activations(net, x).items()):
            bits = activation_bits if k else 8
            spec = QuantSpec(bits=bits, signed=bool((values < 0).any()))
            grids[layer] = ranges.minmax(values, spec)
        small = networks.fake_quantize_inputs(small, grids)
    measured = metrics.accuracy(small, mnist.test)
    return round((1 - measured.value) * measured.n)


def _row(
    network: str, step: str, weight_bits: str, activation_bits: str, errors: list[int]
) -> dict[str, object]:
    from qlab.metrics import wilson

    said, each = "not reached yet", ""
    if errors:
        n = 10_000
        right = wilson(n - round(sum(errors) / len(errors)), n)
        mean = sum(errors) / len(errors) * 100 / n
        said = f"{mean:.2f} [{100 - 100 * right.high:.2f}, {100 - 100 * right.low:.2f}]"
        each = ", ".join(f"{100 * e / n:.2f}" for e in errors) if len(errors) > 1 else ""
    return {
        "network": network,
        "step": step,
        "weights, bits": weight_bits,
        "activations, bits": activation_bits,
        "error, %": said,
        "seeds": each,
    }


if __name__ == "__main__":
    main()
