"""What quantization-aware training reached in the zoo's table: one run per setting and seed.

The file is made by ``python -m benchmarks.qat_stored``; every run chose its epoch on the
validation split and met the test split once.
"""

import json
from dataclasses import dataclass
from typing import Any

from qlab.metrics import Measured
from qlab.networks import trained

FILE = "qat.json"
REMEDY = "Run `python -m benchmarks.qat_stored`."


@dataclass(frozen=True, slots=True)
class QuantizedRun:
    """One network with few bits and how often it erred.

    Parameters
    ----------
    method
        One of `qlab.training.qat.METHODS`; "minmax" or "mse" for the network that was rounded
        after training, its ranges chosen so.
    weight_bits, activation_bits
        Of each layer; None for float activations.
    seed
        Of the order of the images; None where nothing was trained.
    error
        On the test split, with its interval; "cited".
    """

    method: str
    weight_bits: int
    activation_bits: int | None
    seed: int | None
    error: Measured


@dataclass(frozen=True, slots=True)
class QuantizedTable:
    """All runs, and how they were trained.

    Parameters
    ----------
    network
        Which network of the zoo every run started from.
    recipe
        In the words of ``qlab.training.Plan``.
    seeds
        Of every setting.
    runs
        In the order in which they were made.
    """

    network: str
    recipe: dict[str, Any]
    seeds: tuple[int, ...]
    runs: tuple[QuantizedRun, ...]


def quantized_table() -> QuantizedTable:
    """Return the zoo's table of quantized networks.

    Returns
    -------
    QuantizedTable
        At least one run.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    ValueError
        If it is damaged.

    Examples
    --------
    >>> table = quantized_table()
    >>> table.network, sorted({run.weight_bits for run in table.runs})
    ('lenet_300_100', [1, 2, 3, 4])
    """
    try:
        text = (trained.FOLDER / FILE).read_text(encoding="utf-8")
    except OSError:
        raise FileNotFoundError(
            f"quantized_table: the zoo lacks a file (file='{FILE}'). {REMEDY}"
        ) from None
    try:
        held = json.loads(text)
        runs = tuple(_run(row) for row in held["runs"])
        seeds = tuple(int(seed) for seed in held["seeds"])
        table = QuantizedTable(str(held["network"]), dict(held["recipe"]), seeds, runs)
        if not runs:
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"quantized_table: the zoo's results are damaged, expected runs (file='{FILE}'). "
            f"{REMEDY}"
        ) from None
    return table


def _run(row: Any) -> QuantizedRun:
    test, activation_bits, seed = row["test"], row["activation_bits"], row["seed"]
    return QuantizedRun(
        str(row["method"]),
        int(row["weight_bits"]),
        None if activation_bits is None else int(activation_bits),
        None if seed is None else int(seed),
        Measured(1 - test["value"], 1 - test["high"], 1 - test["low"], int(test["n"]), "cited"),
    )
