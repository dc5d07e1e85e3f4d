"""Values as a learner reads them: short, with dtype and shape, on as few lines as they need."""

from typing import Any

import numpy as np

from qlab.course.outcome import Foreign

FEW = 24  # elements of an array that are all written out
LONGEST = 600


def shown(value: Any) -> str:
    """Write a value, abbreviated.

    Parameters
    ----------
    value
        Plain (``qlab.course.parcel``), or an argument of a case.

    Returns
    -------
    text
        Of at most 600 characters.

    Examples
    --------
    >>> shown(np.array([0.25, -1.5], np.float32)), shown((np.float32(0.1), None))
    ('[ 0.25, -1.5 ] (float32)', '(0.1, None)')
    >>> shown(np.zeros(1000, np.int32))
    '[0, 0, 0, ..., 0, 0, 0] (int32, 1,000 numbers)'
    """
    text = _written(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _written(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, np.generic):
        return str(value)
    if isinstance(value, Foreign):
        return f"{value.kind}: {value.text}" if value.text else value.kind
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_written, value)) + ")"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_written(one)}" for key, one in value.items()) + "}"
    return repr(value)


def _array(x: np.ndarray) -> str:
    numbers = np.array2string(
        x, threshold=FEW, edgeitems=3, precision=6, separator=", ", max_line_width=76
    )
    kind = str(x.dtype)
    if x.ndim > 1:
        kind += ", " + " × ".join(map(str, x.shape))
    elif x.size > FEW:
        kind += f", {x.size:,} numbers"
    return f"{numbers} ({kind})"


def kind(value: Any) -> str:
    """Say what sort of thing a value is: that much has to be right before numbers are compared.

    Parameters
    ----------
    value
        Plain.

    Returns
    -------
    words
        Two values that may be compared number by number have the same.

    Examples
    --------
    >>> kind(np.zeros((2, 3))), kind(np.float32(1)), kind(True), kind([1.0, None])
    ('an array of shape (2, 3)', 'a number', 'a number', '2 values: a number, nothing (None)')
    """
    if value is None:
        return "nothing (None)"
    if isinstance(value, Foreign):
        return value.kind if value.kind.startswith("an array") else f"a {value.kind}"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, dict):
        return "a dictionary of " + ", ".join(f"{k!r}: {kind(one)}" for k, one in value.items())
    if isinstance(value, list | tuple):
        return f"{len(value)} values: " + ", ".join(map(kind, value))
    shape = np.shape(value)
    return f"an array of shape {shape}" if shape else "a number"
