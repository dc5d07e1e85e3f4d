"""The kinds of settings that a state is made of, each strict at its own door.

A limit in a browser is a suggestion (a client can send anything), so each kind refuses what it
cannot mean, in one sentence that names expected and got. ``accepts`` judges a value, ``parse``
the text of a link.
"""

import bisect
import math
import operator
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import traitlets as tl


def quoted(value: object) -> str:
    """Show a value from outside in a sentence: printable, at most 40 characters.

    Examples
    --------
    >>> quoted("x" * 100)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"
    """
    try:
        text = repr(value) if not isinstance(value, bytes | bytearray | memoryview) else "bytes"
    except Exception:  # a learner's own object, or an integer of too many digits to be written
        text = f"a {type(value).__name__} that cannot be written"
    text = "".join(c if c.isprintable() else "�" for c in text[:200])
    return text if len(text) <= 40 else text[:39] + "…"


class Setting(tl.TraitType[Any, Any]):
    """One trait of a state: a value with a label, a help sentence and a strict check.

    Parameters
    ----------
    default
        The value after a reset.
    label, help
        What a control is called, and its tooltip.
    """

    def __init__(self, default: Any, *, label: str, help: str) -> None:
        super().__init__(default, help=help)
        self.label = label

    @property
    def expected(self) -> str:
        """The half of the sentence that says what is allowed."""
        raise NotImplementedError

    def accepts(self, value: object) -> Any:
        """Return the value in its own type; ValueError if it means nothing here."""
        raise NotImplementedError

    def parse(self, text: str) -> Any:
        """Return the value that a link's text stands for; ValueError if none."""
        raise NotImplementedError

    def validate(self, obj: Any, value: object) -> Any:
        """Traitlets' door: the accepted value or one sentence."""
        try:
            return self.accepts(value)
        except ValueError:
            raise tl.TraitError(
                f"{self.name}: {self.expected} is expected, got {quoted(value)}."
            ) from None


class Whole(Setting):
    """A whole number within limits; ``other`` is one word allowed beside the numbers.

    Parameters
    ----------
    default
        Within the limits, or ``other``.
    low, high
        Both allowed.
    label, help
        As for every setting.
    other
        For instance "float" where no number of bits applies.
    """

    def __init__(
        self,
        default: int | str,
        low: int,
        high: int,
        *,
        label: str,
        help: str,
        other: str | None = None,
    ) -> None:
        super().__init__(default, label=label, help=help)
        self.low, self.high, self.other = low, high, other

    @property
    def values(self) -> list[int | str]:
        """Every allowed value, in the order of a slider."""
        numbers: list[int | str] = list(range(self.low, self.high + 1))
        return numbers if self.other is None else [*numbers, self.other]

    @property
    def expected(self) -> str:
        """For instance "a whole number from 1 to 16"."""
        word = "" if self.other is None else f' or "{self.other}"'
        return f"a whole number from {self.low} to {self.high}{word}"

    def accepts(self, value: object) -> int | str:
        """Whole numbers only: True, 4.0 and "4" are not meant as one, nor are arrays of several."""
        if self.other is not None and isinstance(value, str) and value == self.other:
            return self.other
        plain = _plain(value)
        try:
            number = operator.index(plain)
        except Exception:  # no integer; an object's own code may raise anything
            raise ValueError from None
        if not self.low <= number <= self.high:
            raise ValueError
        return number

    def parse(self, text: str) -> int | str:
        """Digits, at most nine of them, or the other word."""
        if text == self.other:
            return text
        if re.fullmatch(r"-?[0-9]{1,9}", text) is None:
            raise ValueError
        return int(text)


class Real(Setting):
    """A finite number within limits; ``log`` asks for a logarithmic slider.

    Parameters
    ----------
    default
        Within the limits.
    low, high
        Both allowed.
    step
        Of the slider: added, or with ``log`` a step of the exponent of ten.
    label, help
        As for every setting.
    log
        True where factors, not differences, are what a hand should feel.
    unit
        Written after the number, for instance " %".
    stops
        Round numbers, ascending, for a slider that goes from one to the next (a page rounds to
        the slider's steps what the kernel sets, and 4 is no step of a logarithmic slider). Any
        other number that is set by code or by a link becomes a stop while it holds.
    """

    def __init__(
        self,
        default: float | int,
        low: float | int,
        high: float | int,
        step: float | int,
        *,
        label: str,
        help: str,
        log: bool = False,
        unit: str = "",
        stops: Sequence[float] = (),
    ) -> None:
        super().__init__(default, label=label, help=help)
        self.low, self.high, self.step, self.log, self.unit = low, high, step, log, unit
        self.stops = tuple(stops)

    @property
    def expected(self) -> str:
        """For instance "a number from 0 to 99.5"."""
        return f"a number from {self.low:g} to {self.high:g}"

    def near(self, value: float | int, count: int = 30) -> list[float]:
        """List the slider's values around this one, nearest first."""
        if self.stops:
            place = bisect.bisect_left(self.stops, value)
            around = self.stops[max(0, place - count) : place + count + 1]
            return sorted(around, key=lambda x: abs(self.stops.index(x) - place))
        here = round((math.log10(value) if self.log else value) / self.step)
        offsets = sorted(range(-count, count + 1), key=abs)
        places = ((here + k) * self.step for k in offsets)
        numbers = (float(f"{10**p if self.log else p:.9g}") for p in places)
        return [x for x in numbers if self.low <= x <= self.high]

    def accepts(self, value: object) -> float:
        """Any finite number in the limits, rounded to nine digits so that keys are stable."""
        plain = _plain(value)
        if not hasattr(plain, "__float__"):  # text, which float would read
            raise ValueError
        try:
            number = float(plain)
        except Exception:  # no number, or beyond all; an object's own code may raise anything
            raise ValueError from None
        if not math.isfinite(number):
            raise ValueError
        number = float(f"{number:.9g}")  # 10 ** log10(30) is 30.000000000000004
        if not self.low <= number <= self.high:
            raise ValueError
        return number

    def parse(self, text: str) -> float:
        """Read a plain decimal number of at most 24 characters."""
        if re.fullmatch(r"-?[0-9]*\.?[0-9]+(e-?[0-9]{1,3})?", text[:25]) is None:
            raise ValueError
        return float(text)


class Choice(Setting):
    """One of a few words; ``options`` says how each is called in a menu.

    Parameters
    ----------
    default
        One of the options.
    options
        Value to menu text, or just the values.
    label, help
        As for every setting.
    """

    def __init__(
        self,
        default: str,
        options: Mapping[str, str] | Sequence[str],
        *,
        label: str,
        help: str,
    ) -> None:
        super().__init__(default, label=label, help=help)
        self.options: dict[str, str] = (
            dict(options) if isinstance(options, Mapping) else {o: o for o in options}
        )

    @property
    def values(self) -> list[str]:
        """Every allowed value, in menu order."""
        return list(self.options)

    @property
    def expected(self) -> str:
        """For instance "one of minmax, percentile, mse"."""
        return "one of " + ", ".join(self.options)

    def accepts(self, value: object) -> str:
        """Exactly one of the words."""
        if not isinstance(value, str) or value not in self.options:
            raise ValueError
        return value

    def parse(self, text: str) -> str:
        """Return the word itself."""
        return text


class Flag(Setting):
    """Yes or no."""

    @property
    def expected(self) -> str:
        """The two allowed values."""
        return "true or false"

    def accepts(self, value: object) -> bool:
        """Allow True and False only: 1 and "yes" are not meant as one."""
        if not isinstance(value, bool):
            raise ValueError
        return value

    def parse(self, text: str) -> bool:
        """Read ``true`` or ``false``, as ``to_query`` writes them."""
        if text not in ("true", "false"):
            raise ValueError
        return text == "true"


def _plain(value: object) -> Any:
    """Return a number of NumPy's as Python's own, also out of an array that holds it alone.

    True is none: not Python's, not NumPy's.
    """
    if isinstance(value, np.ndarray | np.generic):
        if value.ndim:
            raise ValueError
        value = value.item()
    if isinstance(value, bool):
        raise ValueError
    return value
