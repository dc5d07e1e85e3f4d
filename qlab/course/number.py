"""A number as people type it: a comma for a point, a unit behind it, full-width digits."""

import math
import re
import unicodedata


def read_number(
    text: str,
    unit: str = "",
    between: tuple[float | int, float | int] = (-math.inf, math.inf),
    example: float | int = 12.5,
) -> float:
    """Read a number that somebody typed.

    Parameters
    ----------
    text
        The unit may stand behind it; a single comma is a decimal point, commas before groups of
        three digits are none.
    unit
        Of the question.
    between
        The least and the greatest that make sense.
    example
        Shown to whoever typed something else.

    Returns
    -------
    number
        Finite and within ``between``.

    Raises
    ------
    ValueError
        With one sentence for whoever typed it.

    Examples
    --------
    >>> read_number("97,5 %", "%"), read_number("1,234,567"), read_number("９５％", "%")
    (97.5, 1234567.0, 95.0)
    >>> read_number("250 %", "%", (0, 100))
    Traceback (most recent call last):
    ValueError: A number from 0 to 100 % is expected, got "250 %".
    """
    shown = text.strip() if len(text.strip()) <= 40 else text.strip()[:39] + "…"
    behind = f" {unit}" if unit else ""
    if not shown:
        raise ValueError(f"Type a number first, for instance {example:g}{behind}.")
    plain = unicodedata.normalize("NFKC", text).strip().replace("−", "-")
    plain = plain.removesuffix(unicodedata.normalize("NFKC", unit)).strip() if unit else plain
    if re.fullmatch(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?", plain):
        plain = plain.replace(",", "")
    plain = plain.replace(",", ".")
    number = math.nan
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", plain[:64], re.IGNORECASE):
        number = float(plain)
    low, high = between
    if not math.isfinite(number):
        raise ValueError(f'A number is expected, for instance {example:g}{behind}, got "{shown}".')
    if not low <= number <= high:
        if math.isinf(high):
            ends = f"of at least {low:g}"
        else:
            ends = f"from {low:g} to {high:g}" if math.isfinite(low) else f"of at most {high:g}"
        raise ValueError(f'A number {ends}{behind} is expected, got "{shown}".')
    return number
