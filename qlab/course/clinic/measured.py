"""The measured part of W20 to W25: one committed file, and the intervals that follow from it.

``measured.json`` holds one number for each seed, with the recipe, the versions and the date;
``python -m benchmarks.clinic`` writes it. Every interval is computed here from those numbers.
"""

import functools
import json
import math
from pathlib import Path
from typing import Any

from qlab.course.clinic.paired import Paired, paired
from qlab.live.readout import Value
from qlab.metrics import Measured

FILE = Path(__file__).with_name("measured.json")
REGIMES = {
    "all": "all 55,000 training images, 5 epochs",
    "few": "1,000 training images, 40 epochs",
}
LADDER = ("8", "4", "3", "2")
STRESSES = ("noise 0.1", "noise 0.2", "shift 1", "shift 2")
GAPS = 2 * len(REGIMES) * len(LADDER)  # comparisons of W24: the gap, and the test images alone
DISTURBANCES = (len(STRESSES) + 1) * len(LADDER)  # of W25: calibration is the fifth


@functools.cache
def measured() -> dict[str, Any]:
    """Return what the file holds, read once.

    Raises
    ------
    FileNotFoundError, ValueError
        It is missing or damaged; the sentence says what to do.
    """
    try:
        found = json.loads(FILE.read_text(encoding="utf-8"))
        assert len(found["seeds"]) >= 5
    except OSError:
        raise FileNotFoundError(f"measured: {FILE.name} is missing. {_REMEDY}") from None
    except (ValueError, KeyError, AssertionError):
        raise ValueError(f"measured: {FILE.name} is damaged. {_REMEDY}") from None
    return found


_REMEDY = "Run `git checkout` on it, or `python -m benchmarks.clinic` to measure again."


def numbers(regime: str, precision: str, name: str) -> list[float]:
    """Return one measured number seed by seed.

    Parameters
    ----------
    regime
        One of `REGIMES`.
    precision
        "float", or bits as text.
    name
        For instance "clean" or "noise 0.2"; "gap" is train − clean.
    """
    row = measured()["per_seed"][regime][precision]
    if name == "gap":
        return [a - b for a, b in zip(row["train"], row["clean"], strict=True)]
    return list(row[name])


def against_float(regime: str, bits: str, name: str, comparisons: int) -> Paired:
    """Compare a precision with float32, seed by seed.

    Parameters
    ----------
    regime, bits, name
        As for ``numbers``.
    comparisons
        How many such comparisons an exhibit shows.
    """
    return paired(numbers(regime, bits, name), numbers(regime, "float", name), comparisons)


def times_against_float(way: str) -> Paired:
    """Compare the time of a way to compute with that of float32, seed by seed, as a logarithm.

    A busy machine slows both alike, by a factor: so factors are compared, ln(t/t_float). Two ways
    are shown in each of W21 and W22.

    Parameters
    ----------
    way
        "rounded", "unpacked", "simulated" or "integers".
    """
    found = measured()["milliseconds"]
    after, before = ([math.log(t) for t in found[one]] for one in (way, "float"))
    return paired(after, before, comparisons=2)


def intervals() -> dict[str, dict[str, Any]]:
    """List every comparison of W20 to W25 by exhibit, as it goes into the file.

    Returns
    -------
    dict
        Exhibit to comparison to mean, low, high, comparisons and verdict.
    """
    found: dict[str, dict[str, Paired]] = {
        "W20": {"8 bits": against_float("all", "8", "clean", 1)},
        "W21": {f"ln time, {way}": times_against_float(way) for way in ("rounded", "unpacked")},
        "W22": {f"ln time, {way}": times_against_float(way) for way in ("simulated", "integers")},
        "W23": {f"{b} bits": against_float("all", b, "clean", len(LADDER)) for b in LADDER},
        "W24": {
            f"{name}, {regime}, {b} bits": against_float(regime, b, name, GAPS)
            for name in ("gap", "clean")
            for regime in REGIMES
            for b in LADDER
        },
        "W25": {
            f"{name}, {b} bits": against_float("all", b, name, DISTURBANCES)
            for name in (*STRESSES, "ece")
            for b in LADDER
        },
    }
    return {
        exhibit: {name: _row(comparison) for name, comparison in rows.items()}
        for exhibit, rows in found.items()
    }


def _row(p: Paired) -> dict[str, Any]:
    return {
        "mean": round(p.mean, 6),
        "low": round(p.low, 6),
        "high": round(p.high, 6),
        "comparisons": p.comparisons,
        "verdict": p.verdict,
    }


def stored(name: str, label: str, found: Paired | Measured, form: str) -> Value:
    """Return a number of the file for an exhibit: cited, since it was measured beforehand.

    Parameters
    ----------
    name, label, form
        As for `qlab.live.Value`.
    found
        A comparison, whose verdict is noted, or a mean.
    """
    seeds = f"{found.n} seeds, {measured()['date']}"
    note = f"{found.verdict}; {seeds}" if isinstance(found, Paired) else seeds
    value = found.measured if isinstance(found, Paired) else found
    return Value(
        name=name,
        label=label,
        value=value.value,
        low=value.low,
        high=value.high,
        n=value.n,
        source="cited",
        form=form,
        note=note,
    )


def ratio(found: Paired) -> Measured:
    """Turn a comparison of logarithms into a factor, with its interval.

    Parameters
    ----------
    found
        As ``times_against_float`` returns it.
    """
    return Measured(math.exp(found.mean), math.exp(found.low), math.exp(found.high), found.n)
