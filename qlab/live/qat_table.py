"""The stored table of quantized trainings, laid out for the picture of errors by bits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qlab import networks
from qlab.live.qat_quantizers import BITS, METHODS_BITS
from qlab.metrics import Measured
from qlab.networks import Network

Points = Mapping[int, Measured]  # by bits of weights
ROUNDED = ("minmax", "mse")


@dataclass(frozen=True, slots=True, eq=False)
class Own:
    """A network that was trained on this page.

    Parameters
    ----------
    method, bits, activations, epochs, lr, seed
        What it was trained with.
    epoch
        The best one, which was kept.
    error
        On the whole test split, measured once, after everything was chosen.
    network
        Its weights.
    stopped
        Whether it ended early.
    recipe
        How it was trained besides.
    """

    method: str
    bits: int
    activations: int | None
    epochs: int
    lr: float
    seed: int
    epoch: int
    error: Measured
    network: Network
    stopped: bool
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[Any, ...]:
        """Tell it from all others."""
        return (self.seed, self.epochs, self.epoch, self.stopped)

    def fits(self, method: str, bits: int, activations: int | None) -> bool:
        """Say whether it was trained with this method and these bits."""
        return (self.method, self.bits, self.activations) == (method, bits, activations)


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """What was measured at one number of activation bits.

    Parameters
    ----------
    key
        Names it, for frames.
    trained
        Mean error of the seeds of the method.
    seeds
        Bits and error in percent of each single run.
    rounded
        "minmax" and "mse", not trained.
    whole
        The network in float32.
    own
        Bits, error, low, high in percent of each trained here.
    """

    key: tuple[Any, ...]
    trained: Points
    seeds: np.ndarray
    rounded: Mapping[str, Points]
    whole: Measured
    own: np.ndarray

    @property
    def words(self) -> str:
        """The picture in a sentence."""
        said = ", ".join(f"{b} bits {100 * m.value:.2f} %" for b, m in self.trained.items())
        plain = ", ".join(f"{b} bits {100 * m.value:.2f} %" for b, m in self.rounded["mse"].items())
        return (
            f"Test error by bits of weights. Trained: {said}. Rounded only, MSE ranges: {plain}. "
            f"Float: {100 * self.whole.value:.2f} %. {len(self.own)} trained here."
        )


class Table:
    """The zoo's table, read once.

    Raises
    ------
    FileNotFoundError, ValueError
        If a file of the zoo is missing or damaged.
    """

    def __init__(self) -> None:
        table = networks.quantized_table()
        self.network, self.recipe, self.runs = table.network, table.recipe, table.runs
        test = networks.card(self.network)["test"]
        self.whole = Measured(
            1 - test["value"], 1 - test["high"], 1 - test["low"], test["n"], "cited"
        )
        self.seeds = sorted({run.seed for run in self.runs if run.seed is not None})

    def errors(self, method: str, bits: int, activations: int | None) -> list[Measured]:
        """List the errors of one setting, a seed each."""
        if method == "pact" and activations is None:
            method = "dorefa"  # PACT's own part is the clip of activations
        return [
            run.error
            for run in self.runs
            if (run.method, run.weight_bits, run.activation_bits) == (method, bits, activations)
        ]

    def mean(self, method: str, bits: int, activations: int | None) -> Measured | None:
        """Return the mean over the seeds, or None where nothing was measured."""
        errors = self.errors(method, bits, activations)
        return networks.mean_of(errors) if errors else None

    def points(self, method: str, activations: int | None) -> Points:
        """Return the mean by bits of weights."""
        found = {b: self.mean(method, b, activations) for b in METHODS_BITS.get(method, BITS)}
        return {b: m for b, m in found.items() if m is not None}

    def curves(self, method: str, activations: int | None, own: Sequence[Own]) -> Curves:
        """Lay out one picture."""
        seeds = [
            (bits, 100 * error.value)
            for bits in METHODS_BITS[method]
            for error in self.errors(method, bits, activations)
        ]
        here = [o for o in own if (o.method, o.activations) == (method, activations)]
        return Curves(
            (method, activations, tuple(o.key for o in here)),
            self.points(method, activations),
            np.array(seeds, float).reshape(-1, 2),
            {name: self.points(name, activations) for name in ROUNDED},
            self.whole,
            np.array(
                [
                    (o.bits, *(100 * x for x in (o.error.value, o.error.low, o.error.high)))
                    for o in here
                ],
                float,
            ).reshape(-1, 4),
        )

    def rows(self, own: Sequence[Own]) -> list[list[Any]]:
        """List everything measured, for a table."""
        told: list[tuple[list[Any], Measured]] = [
            ([run.method, run.weight_bits, run.activation_bits, run.seed], run.error)
            for run in self.runs
        ]
        told += [([o.method, o.bits, o.activations, o.seed], o.error) for o in own]
        return [
            [*setting, activations or "float", "" if seed is None else seed, *_interval(error)]
            for (*setting, activations, seed), error in told
        ]


def _interval(error: Measured) -> tuple[Any, ...]:
    return error.value, error.low, error.high, error.n, error.source
