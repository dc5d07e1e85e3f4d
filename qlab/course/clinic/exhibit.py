"""What an exhibit is: a claim, what comes of it as it stands, a measurement, and what is true.

An exhibit stands in one file of ``qlab.course.clinic``, in a tuple called ``EXHIBITS``, and is
found from there by its number. The fragment that is shown is the fragment that runs: ``stand``
executes it, and an error is a result like any other.
"""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure as MplFigure

from qlab.live.readout import Value
from qlab.live.settings import Setting, Whole
from qlab.live.state import State

NUMBERS = tuple(f"W{k}" for k in range(1, 28))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a claim does as it stands.

    Parameters
    ----------
    says
        In a sentence or two: the number that comes out, or how it fails.
    error
        Name of the exception that ended it ("NameError"), or nothing where it ran.
    values
        The numbers that came out, by name.
    nothing
        True where the article gives nothing that could be run.
    """

    says: str
    error: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    nothing: bool = False

    @property
    def mark(self) -> str:
        """What became of it, in a word or two."""
        if self.nothing:
            return "Nothing to run."
        return f"It fails: {self.error}." if self.error else "It runs."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measurement:
    """What the laboratory measures at one setting of the controls.

    Parameters
    ----------
    values
        Numbers with their provenance.
    says
        What they show, in a sentence or two.
    draw
        Draws the picture on an empty matplotlib figure; None where no picture helps.
    alt
        The picture in words.
    """

    values: tuple[Value, ...]
    says: str
    draw: Callable[[MplFigure], None] | None = None
    alt: str = ""

    def __getitem__(self, name: str) -> float | int:
        """Return one number by its name."""
        return {value.name: value.value for value in self.values}[name]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exhibit:
    """One claim of the articles.

    Parameters
    ----------
    number
        "W1" to "W27".
    theme
        One of ``qlab.course.clinic.THEMES``.
    title
        A few words.
    claim
        What is said, in our words.
    file
        Where: "article 003, §3.1".
    as_it_stands
        Runs the claim as it is printed.
    controls
        At least one setting to explore with; each becomes a slider, a menu or a box.
    measure
        Takes the controls by name, with their defaults, and measures with qlab's functions.
    truth
        What holds, in a sentence or two.
    reading
        Where that can be read.
    fragment
        The shortest code that is the error itself, rewritten; it is run, not only shown.

    Raises
    ------
    ValueError
        An unknown number, or no control.
    """

    number: str
    theme: str
    title: str
    claim: str
    file: str
    as_it_stands: Callable[[], Outcome]
    controls: Mapping[str, Setting]
    measure: Callable[..., Measurement]
    truth: str
    reading: str
    fragment: str = ""

    def __post_init__(self) -> None:
        if self.number not in NUMBERS:
            raise ValueError(f"Exhibit: number must be W1 to W27, got number={self.number!r}.")
        if not self.controls:
            raise ValueError(f"Exhibit: {self.number} needs a control to explore it, got none.")

    def state(self) -> State:
        """Return the settings of its controls, each checked at its own door."""
        return _state_of(self)()

    def text(self) -> str:
        """Claim, what comes of it, measurement and truth, as plain text."""
        measurement = self.measure()
        numbers = [f"    {v.label}: {v.text} {_where(v)}" for v in measurement.values]
        lines = [
            f"{self.number} · {self.title} ({self.file})",
            f"  claimed   {self.claim}",
            f"  as it is  {self.as_it_stands().says}",
            f"  measured  {measurement.says}",
            *numbers,
            f"  true      {self.truth} {self.reading}",
        ]
        return "\n".join(lines)


@functools.cache
def _state_of(exhibit: Exhibit) -> type[State]:
    return type(f"{exhibit.number}State", (State,), dict(exhibit.controls))


def _where(value: Value) -> str:
    return f"[{value.interval}] {value.provenance}" if value.interval else value.provenance


def stand(fragment: str, **given: Any) -> tuple[dict[str, Any], Exception | None]:
    """Run a fragment of ours as it is shown.

    Parameters
    ----------
    fragment
        Python, a few lines, written in this package.
    **given
        Names that it finds.

    Returns
    -------
    names, error
        What it left behind, and the exception that ended it, or None.

    Examples
    --------
    >>> names, error = stand("step = high / bits", high=100, bits=8)
    >>> names["step"], error
    (12.5, None)
    >>> stand("step = high / bits", high=100)[1]
    NameError("name 'bits' is not defined")
    """
    names: dict[str, Any] = dict(given)
    try:
        exec(compile(fragment, "<as it stands>", "exec"), names)
    except Exception as error:
        return names, error
    names.pop("__builtins__", None)
    return names, None


def failed(error: Exception | None, more: str = "") -> Outcome:
    """Return the outcome of a fragment that broke off.

    Parameters
    ----------
    error
        As ``stand`` returned it.
    more
        A sentence that explains.

    Raises
    ------
    AssertionError
        There was no error: then the fragment isn't what it is said to be.
    """
    assert error is not None, "this fragment is expected to fail"
    kind = type(error).__name__
    said = re.sub(r"\s+", " ", str(error))
    return Outcome(says=f"{kind}: {said}. {more}".strip(), error=kind)


def number(
    name: str, label: str, value: float | int, source: str = "measured", **more: Any
) -> Value:
    """Return a number with its provenance, for a ``Measurement``.

    Parameters
    ----------
    name, label, value, source, **more
        As for `qlab.live.Value`.

    Examples
    --------
    >>> number("levels", "Levels", 255, "derived", form="count").text
    '255'
    """
    return Value(name=name, label=label, value=value, source=source, **more)


def bits(default: int = 8, low: int = 1, high: int = 8) -> Whole:
    """Return a fresh control for a number of bits: a setting belongs to one exhibit.

    Parameters
    ----------
    default, low, high
        Of the slider.
    """
    return Whole(default, low, high, label="Bits", help="Bits of one code: 2 to this power codes.")
