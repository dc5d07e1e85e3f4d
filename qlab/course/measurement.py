"""What an instrument measured, in the unit in which a learner predicts it."""

import math
from dataclasses import dataclass
from typing import Any

from qlab.course.calibration import figures
from qlab.live import Value
from qlab.metrics import Measured

# form of an instrument's number: (its number times this is what people say, in this unit)
SCALES: dict[str, tuple[float, str]] = {
    "percent": (100.0, "%"),
    "points": (100.0, "points"),
    "bytes": (1.0, "bytes"),
    "ratio": (1.0, "×"),
    "decibel": (1.0, "dB"),
    "milliseconds": (1000.0, "ms"),
    "bits": (1.0, "bits"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A measured number with its interval, or the choice that turned out to hold.

    Parameters
    ----------
    value
        In the unit of the question; text for a choice.
    low, high, n
        Interval and sample, where there are any.
    source
        One of ``Measured``'s words, or nothing.
    text
        As a page writes it, with its unit.
    """

    value: float | str
    text: str
    low: float | None = None
    high: float | None = None
    n: int | None = None
    source: str = ""

    def fields(self) -> dict[str, Any]:
        """Return what a record keeps of it."""
        fields: dict[str, Any] = {"measured": self.value, "measured_text": self.text}
        if self.low is not None:
            fields |= {"low": self.low, "high": self.high}
        return fields | {k: v for k in ("n", "source") if (v := getattr(self, k))}


def measurement(found: Any, unit: str = "") -> Measurement:
    """Take a measurement from what an instrument or a function returned.

    Parameters
    ----------
    found
        A ``Value``, a ``Measured`` (a share where the unit is %), a number in the unit itself, or
        the text of a choice.
    unit
        Of the question.

    Returns
    -------
    measurement
        In that unit.

    Raises
    ------
    ValueError
        Something else, or a number that is not finite.

    Examples
    --------
    >>> measurement(Measured(0.983, 0.980, 0.986, 10_000), "%").text
    '98.30 % (98.00 to 98.60 %)'
    >>> measurement(7, "bits").text
    '7 bits'
    """
    match found:
        case str():
            return Measurement(value=found, text=found)
        case Value():
            scale, text = SCALES.get(found.form, (1.0, ""))[0], found.text
            interval = f" ({found.interval})" if found.interval else ""
        case Measured() if unit == "%":
            value = Value.of("found", "", found, form="percent")
            scale, text, interval = 100.0, value.text, f" ({value.interval})"
        case _:
            number = float(getattr(found, "value", found))
            scale, text, interval = 1.0, f"{figures(number)} {unit}".strip(), ""
            if isinstance(found, Measured) and found.high > found.low:
                interval = f" ({figures(found.low)} to {figures(found.high)})"
    number = scale * float(getattr(found, "value", found))
    if not math.isfinite(number):
        raise ValueError(f"measurement: a finite number is expected, got {number}.")
    low, high = getattr(found, "low", None), getattr(found, "high", None)
    return Measurement(
        value=number,
        text=text + interval,
        low=None if low is None else scale * float(low),
        high=None if high is None else scale * float(high),
        n=getattr(found, "n", None),
        source=getattr(found, "source", ""),
    )
