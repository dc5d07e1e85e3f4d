"""Numbers with their provenance, as text that an eye, a test and a screen reader can read.

Each number is an ``<output class="qlab-value">`` that carries its interval, its n and its
source, and shows the source in a word and a mark beside it, never by colour alone:

    ● measured   on the whole split          ≈ estimated   on a subset of n
    = derived    by a formula                § cited       from a card of the zoo, or a publication

All numbers of an instrument stand in one HTML widget and travel beside the pictures, so a new
state costs one message.
"""

import html
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import ipywidgets as ipw

from qlab.metrics import Measured, within_noise

MARKS = {"measured": "●", "estimated": "≈", "derived": "=", "cited": "§"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One number of an instrument.

    Parameters
    ----------
    name
        One word for code and tests, ``data-name`` in the page.
    label
        What the page calls it.
    value
        In plain units: a fraction for a percentage, bytes, seconds.
    low, high, n
        Interval and number of trials, where there are any.
    source
        One of the words of ``MARKS``.
    form
        "percent", "points" (signed percentage points), "bytes", "count", "ratio",
        "decibel", "milliseconds", "plain" (six figures), "number" (three) or "coming" (none
        yet: it is being measured).
    note
        A few words after it, for instance "within noise".
    """

    name: str
    label: str
    value: float | int
    source: str
    low: float | int | None = None
    high: float | int | None = None
    n: int | None = None
    form: str = "number"
    note: str = ""

    @classmethod
    def of(cls, name: str, label: str, measured: Measured, *, form: str, note: str = "") -> "Value":
        """Take value, interval, n and source from a ``qlab.metrics.Measured``."""
        return cls(
            name=name,
            label=label,
            value=measured.value,
            low=measured.low,
            high=measured.high,
            n=measured.n,
            source=measured.source,
            form=form,
            note=note,
        )

    @classmethod
    def change(cls, label: str, now: Measured, before: Measured) -> "Value":
        """Take the difference of two shares of the same images, and whether it is noise."""
        return cls(
            name="change",
            label=label,
            value=now.value - before.value,
            source=now.source,
            n=now.n,
            form="points",
            note="within noise" if within_noise(now, before) else "beyond noise",
        )

    @property
    def text(self) -> str:
        """The number as the page writes it.

        Examples
        --------
        >>> Value(name="a", label="accuracy", value=0.9836, source="measured", form="percent").text
        '98.36 %'
        """
        return written(self.value, self.form)

    @property
    def interval(self) -> str:
        """The interval as the page writes it, or nothing."""
        if self.low is None or self.high is None:
            return ""
        return f"{written(self.low, self.form, unit=False)} to {written(self.high, self.form)}"

    @property
    def provenance(self) -> str:
        """Where the number comes from, in words: "estimated on 1,000 images"."""
        if self.form == "coming":
            return f"to be {self.source}"
        if self.n is None or self.source in ("derived", "cited"):
            return self.source
        return f"{self.source}, n = {self.n:,}"

    def html(self) -> str:
        """Return the row of this number; everything in it is escaped."""
        data = {"name": self.name, "value": _plain(self.value), "source": self.source}
        if self.low is not None and self.high is not None:
            data |= {"low": _plain(self.low), "high": _plain(self.high)}
        if self.n is not None:
            data["n"] = str(self.n)
        attributes = " ".join(f'data-{k}="{html.escape(v)}"' for k, v in data.items())
        interval = f'<span class="qlab-interval">{html.escape(self.interval)}</span>'
        note = f'<span class="qlab-remark">{html.escape(self.note)}</span>' if self.note else ""
        return (
            f'<div class="qlab-number qlab-{html.escape(self.source)}">'
            f'<span class="qlab-label">{html.escape(self.label)}</span>'
            f'<output class="qlab-value" aria-live="off" {attributes}>{html.escape(self.text)}'
            f"</output>{interval if self.interval else ''}{note}"
            f'<span class="qlab-source"><span aria-hidden="true">{MARKS[self.source]}</span> '
            f"{html.escape(self.provenance)}</span></div>"
        )


def written(value: float | int, form: str, unit: bool = True) -> str:
    """Write a number in its form.

    Examples
    --------
    >>> written(-0.0021, "points"), written(266_610, "bytes"), written(0.0, "points")
    ('−0.21 points', '266,610 bytes', '0.00 points')
    >>> written(7.9995, "ratio"), written(float("inf"), "decibel"), written(3.2e-5, "number")
    ('8.00 ×', '∞ dB', '3.20e-05')
    """
    if form == "coming":
        return "coming …"
    figures, name = {
        "percent": (f"{100 * value:.2f}", " %"),
        "points": (f"{100 * value:+.2f}", " points"),
        "bytes": (f"{value:,.0f}", " byte" if value == 1 else " bytes"),
        "count": (f"{value:,.0f}", ""),
        "ratio": (f"{value:.2f}", " ×"),
        "decibel": (f"{value:.2f}", " dB"),
        "milliseconds": (f"{1000 * value:.2f}", " ms"),
        "bits": (f"{value:.3f}", " bits"),
        "plain": (f"{value:.6g}", ""),
        "number": (
            f"{value:.3g}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.2e}",
            "",
        ),
    }[form]
    if math.isnan(value):
        return "not defined"
    if math.isinf(value):
        figures = "∞" if value > 0 else "-∞"
    elif float(figures.replace(",", "")) == 0.0:
        figures = figures.lstrip("+-")
    return figures.replace("-", "−" if form != "number" else "-") + (name if unit else "")


def _plain(value: float | int) -> str:
    return f"{value:.9g}"


def page_of(values: Iterable[Value]) -> str:
    """Return numbers as HTML."""
    rows = "".join(value.html() for value in values)
    return f'<div class="qlab-numbers">{rows}</div>' if rows else ""


class Readout(ipw.HTML):
    """Numbers of an instrument in one widget; ``values`` finds them by name.

    Parameters
    ----------
    name
        One word: the page finds the widget by its class ``qlab-readout-NAME``.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.values: dict[str, Value] = {}
        self.ahead = False  # the page got the numbers beside the pictures, and the model at rest
        self.add_class("qlab-readout")
        self.add_class(f"qlab-readout-{name}")

    def _should_send_property(self, key: str, value: Any) -> bool:
        if key == "value" and self.ahead:
            return False
        return bool(super()._should_send_property(key, value))

    def show(self, values: Iterable[Value]) -> None:
        """Replace all numbers, with a message of their own to the page."""
        self.ahead = False
        self._write(values)

    def turn(self, values: Iterable[Value], before: str | None = None) -> str | None:
        """Replace all numbers, and return them as HTML if they are others: the caller sends it.

        ``before`` is what the page shows, where that is not what was shown last.
        """
        before, behind, self.ahead = self.value if before is None else before, self.ahead, True
        self._write(values)
        if self.value == before:
            self.ahead = behind
            return None
        return self.value

    def catch_up(self) -> None:
        """Let the page's model of the numbers know what the page shows already."""
        if self.ahead:
            self.ahead = False
            self.send_state("value")

    def _write(self, values: Iterable[Value]) -> None:
        self.values = {value.name: value for value in values}
        self.value = page_of(self.values.values())

    def sentence(self, names: Iterable[str]) -> str:
        """Say some of the numbers in one sentence, for the aria-live region."""
        parts = []
        for value in (self.values[name] for name in names if name in self.values):
            interval = f" ({value.interval})" if value.interval else ""
            note = f", {value.note}" if value.note else ""
            parts.append(f"{value.label} {value.text}{interval}, {value.provenance}{note}")
        return "; ".join(parts) + "." if parts else ""
