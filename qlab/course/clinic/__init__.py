"""The claims clinic: what five articles say, what comes of it, and what is true.

One file a theme, each with its ``EXHIBITS``; a new file is found by them, nothing lists it.
``clinic()`` shows all of them, ``clinic("steps")`` a theme, ``exhibit("W3")`` one of them.
"""

import functools
import importlib
import pkgutil

from qlab.course.clinic.card import Card, Clinic
from qlab.course.clinic.exhibit import NUMBERS, Exhibit, Measurement, Outcome

__all__ = [
    "NUMBERS",
    "THEMES",
    "Card",
    "Clinic",
    "Exhibit",
    "Measurement",
    "Outcome",
    "clinic",
    "exhibit",
    "exhibits",
]

THEMES = {
    "steps": "Scales, steps and offsets",
    "corrections": "Least squares and corrections",
    "pruning": "Pruning and penalties",
    "networks": "Teachers, layers and losses",
    "apis": "Code that calls what is not there",
    "evidence": "Claims without a measurement",
    "references": "References",
}


@functools.cache
def exhibits() -> dict[str, Exhibit]:
    """Return every exhibit by its number, W1 first."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    files = (importlib.import_module(f"{__name__}.{name}") for name in names)
    found = [one for file in files for one in getattr(file, "EXHIBITS", ())]
    return {one.number: one for one in sorted(found, key=lambda one: NUMBERS.index(one.number))}


def exhibit(number: str) -> Card:
    """Show one exhibit: claim, as it stands, measured, true.

    Parameters
    ----------
    number
        "W1" to "W27".

    Returns
    -------
    Card
        A widget; its ``text()`` says the same without a page.

    Raises
    ------
    ValueError
        There is no such exhibit.
    """
    if number not in exhibits():
        raise ValueError(f"exhibit: one of W1 to W27 expected, got {number!r}.")
    return Card(exhibits()[number])


def clinic(theme: str = "") -> Clinic:
    """Show the exhibits of a theme, or all, one at a time, with a menu.

    Parameters
    ----------
    theme
        One of ``THEMES``; all of them without.

    Returns
    -------
    Clinic
        A widget; ``choose("W3")`` turns to an exhibit.

    Raises
    ------
    ValueError
        There is no such theme.
    """
    if theme and theme not in THEMES:
        raise ValueError(f"clinic: one of {', '.join(THEMES)} expected, got {theme!r}.")
    shown = [one for one in exhibits().values() if theme in ("", one.theme)]
    return Clinic(THEMES.get(theme, "The claims clinic"), shown)
