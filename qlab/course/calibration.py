"""How well a learner's predictions meet the measurements.

    error = predicted − measured                                       in the unit of the question
    a hit = the measurement lies in the predicted interval, or the prediction in the measured one

Only the first prediction for a question counts, and none that was made with the answer in sight.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

POINTS = {"%": "points"}  # a difference of percentages has another unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Predictions against measurements.

    Parameters
    ----------
    numbers, hits
        Predicted numbers, and how many of them met.
    errors
        Mean signed error by (unit, which side is optimistic: "high", "low" or "").
    choices, right
        Predicted choices, and how many of them were right.
    last
        The latest number that missed or met, in words: "12.0 points too optimistic at 3 bits".
    """

    numbers: int = 0
    hits: int = 0
    errors: dict[tuple[str, str], float]
    choices: int = 0
    right: int = 0
    last: str = ""

    @classmethod
    def of(cls, predictions: Iterable[dict[str, Any]]) -> "Calibration":
        """Count entries of a record; those that lack a measurement are passed over.

        Parameters
        ----------
        predictions
            With ``key``; choices with ``right``; numbers with ``predicted``, ``measured``,
            ``unit``, and where there are any ``low``, ``high``, ``margin``, ``optimistic``,
            ``where``.

        Returns
        -------
        calibration
            Over the first entry of each key that was not ``seen`` before.

        Examples
        --------
        >>> print(Calibration.of([
        ...     {"key": "a", "predicted": 95, "measured": 83.0, "unit": "%",
        ...      "optimistic": "high", "where": "3 bits"},
        ...     {"key": "b", "predicted": "rows", "right": True},
        ... ]))
        Your 1 number so far: on average 12.0 points too optimistic; 0 of 1 met the measurement. \
Your choices: 1 of 1 right.
        """
        first: dict[Any, dict[str, Any]] = {}
        for entry in predictions:
            if not entry.get("seen"):
                first.setdefault(str(entry.get("key")), entry)
        choices = [e["right"] for e in first.values() if isinstance(e.get("right"), bool)]
        numbers = [e for e in first.values() if _number(e, "predicted") and _number(e, "measured")]
        groups: dict[tuple[str, str], list[float]] = {}
        for e in numbers:
            group = (str(e.get("unit", "")), str(e.get("optimistic", "")))
            groups.setdefault(group, []).append(float(e["predicted"] - e["measured"]))
        last = ""
        if numbers:
            e = numbers[-1]
            where = f" at {e['where']}" if e.get("where") else ""
            last = missed(e) + where
        return cls(
            numbers=len(numbers),
            hits=sum(hit(e) for e in numbers),
            errors={group: math.fsum(found) / len(found) for group, found in groups.items()},
            choices=len(choices),
            right=sum(choices),
            last=last,
        )

    def __str__(self) -> str:
        parts = []
        if self.numbers:
            means = ", ".join(miss(error, *group) for group, error in self.errors.items())
            noun = "number" if self.numbers == 1 else "numbers"
            parts.append(
                f"Your {self.numbers} {noun} so far: on average {means}; "
                f"{self.hits} of {self.numbers} met the measurement."
            )
        if self.choices:
            parts.append(f"Your choices: {self.right} of {self.choices} right.")
        return " ".join(parts) or "No predictions yet."


def hit(entry: dict[str, Any]) -> bool:
    """Whether a predicted number met the measurement.

    Parameters
    ----------
    entry
        With ``predicted`` and ``measured``; ``margin`` is what the learner gave or took, ``low``
        and ``high`` the interval of the measurement.

    Returns
    -------
    met
        The measurement lies within the margin, or the prediction within the interval.

    Examples
    --------
    >>> hit({"predicted": 95, "measured": 94.2, "margin": 1})
    True
    >>> hit({"predicted": 95, "measured": 94.2, "low": 93.8, "high": 94.6})
    False
    """
    predicted, measured = entry["predicted"], entry["measured"]
    margin = entry["margin"] if _number(entry, "margin") else 0
    ends = [entry[k] if _number(entry, k) else measured for k in ("low", "high")]
    return bool(abs(predicted - measured) <= margin or ends[0] <= predicted <= ends[1])


def within_noise(entry: dict[str, Any]) -> bool:
    """Whether the predicted number lies in the interval of the measurement.

    Parameters
    ----------
    entry
        As ``hit`` takes it.

    Returns
    -------
    inside
        False where the measurement has no interval, unless the two are equal.

    Examples
    --------
    >>> within_noise({"predicted": 94, "measured": 94.2, "low": 93.8, "high": 94.6, "margin": 9})
    True
    """
    return hit({**entry, "margin": 0})


def missed(entry: dict[str, Any]) -> str:
    """Say by how much an entry's prediction missed, or that it is within noise.

    Parameters
    ----------
    entry
        As ``hit`` takes it, with ``unit`` and ``optimistic``.

    Returns
    -------
    words
        "within noise" or "12.0 points too optimistic".

    Examples
    --------
    >>> missed({"predicted": 3, "measured": 5, "unit": "bits"})
    '2 bits too low'
    """
    if within_noise(entry):
        return "within noise" if _number(entry, "low") else "exactly right"
    error = float(entry["predicted"] - entry["measured"])
    return miss(error, str(entry.get("unit", "")), str(entry.get("optimistic", "")))


def miss(error: float | int, unit: str, optimistic: str = "") -> str:
    """Say an error in words.

    Parameters
    ----------
    error
        Predicted minus measured.
    unit
        Of both; percentages differ by points.
    optimistic
        "high" where a number too high is too optimistic, "low" for the opposite, else "".

    Returns
    -------
    words
        With unit and direction.

    Examples
    --------
    >>> miss(-12, "%", "high"), miss(1500, "bytes"), miss(0, "%")
    ('12.0 points too pessimistic', '1,500 bytes too high', '0.0 points off')
    """
    size = f"{abs(error):.1f}" if unit in POINTS else figures(abs(error))
    number = f"{size} {POINTS.get(unit, unit)}".strip()
    if float(size.replace(",", "")) == 0:
        return f"{number} off"
    high = error > 0
    if optimistic in ("high", "low"):
        return f"{number} too {'optimistic' if high == (optimistic == 'high') else 'pessimistic'}"
    return f"{number} too {'high' if high else 'low'}"


def figures(value: float | int) -> str:
    """Write a number with about four figures, in full where it is a count.

    Parameters
    ----------
    value
        Finite.

    Returns
    -------
    text
        Without a unit.

    Examples
    --------
    >>> figures(83.0), figures(266610), figures(0.08333333), figures(2e-9)
    ('83', '266,610', '0.08333', '2e-09')
    """
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e15 else f"{value:.4g}"


def _number(entry: dict[str, Any], name: str) -> bool:
    value: Any = entry.get(name)
    return type(value) in (int, float) and math.isfinite(value)
