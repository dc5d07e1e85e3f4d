"""Whether what a learner's function gave back is what was expected, and the words if it is not.

    slack = (n + 8)·ε·size                                                            (1)

Two right ways to add n terms whose sizes sum to ``size`` differ by at most (n + 8)·ε·size in
float64: each of n + 8 operations (eight for what is done to a term) loses at most ε/2 in each.

What comes back may be anything at all, so nothing here trusts it. Every function answers None
where all is well, else what was expected.

Source: Higham 2002, Accuracy and Stability of Numerical Algorithms, section 4.2.
"""

from collections.abc import Callable, Iterable

import numpy as np

from qlab.course.exercise import Case, Property

EPSILON = float(np.finfo(np.float64).eps)
DIGITS = 6  # of a number in a sentence, unless they hide the difference


def rounding(n: int, size: float = 1.0) -> float:
    """Slack of a sum of n terms, equation 1.

    Parameters
    ----------
    n
        Terms.
    size
        Sum of their absolute values, or more.

    Returns
    -------
    slack
        In units of ``size``.

    Examples
    --------
    >>> rounding(2) == 10 * 2.0**-52
    True
    """
    return (n + 8) * EPSILON * size


def number(got: object, expected: float | int, slack: float = 0.0) -> str | None:
    """Compare a number; ±infinity equals itself, NaN nothing, True is no number.

    Parameters
    ----------
    got
        Anything.
    expected, slack
        The right number, and how far from it is still right.

    Returns
    -------
    broken
        None, or the number expected.

    Examples
    --------
    >>> number(0.25, 0.125), number(np.float64(0.125), 0.125), number([0.125], 0.125)
    ('0.125', None, 'a number, 0.125')
    """
    if isinstance(got, np.ndarray) and got.shape == ():
        got = got[()]
    if isinstance(got, bool | np.bool) or not isinstance(
        got, float | int | np.floating | np.integer
    ):
        return f"a number, {expected:.{DIGITS}g}"
    try:
        value = float(got)
    except (OverflowError, TypeError):  # 10**400; a span of time
        return f"{expected:.{DIGITS}g}"
    if value == expected or abs(value - expected) <= slack:
        return None
    alike = f"{value:.{DIGITS}g}" == f"{expected:.{DIGITS}g}"
    return f"{expected!r}, give or take {slack:.1g}" if alike else f"{expected:.{DIGITS}g}"


def array(got: object, expected: np.ndarray, slack: float = 0.0) -> str | None:
    """Compare numbers element by element, and the shape.

    Parameters
    ----------
    got
        Anything; where ``expected`` has no axes, a number does.
    expected, slack
        The right numbers, and how far from each is still right.

    Returns
    -------
    broken
        None, or the array expected.

    Examples
    --------
    >>> array(np.array([1.0, 2.0]), np.array([1.0, 2.5]))
    '[1, 2.5]'
    >>> array(np.array([[1.0, 2.0]]), np.array([1.0, 2.0]))
    'an array of shape (2,): [1, 2]'
    """
    expected = np.asarray(expected)
    if expected.shape == ():
        return number(got, float(expected), slack)
    if (
        not isinstance(got, np.ndarray)
        or got.dtype.kind not in "fiu"
        or got.shape != expected.shape
    ):
        return f"an array of shape {expected.shape}: {shown(expected)}"
    with np.errstate(invalid="ignore"):  # inf − inf
        right = (got == expected) | (np.abs(got - expected) <= slack)
    if right.all():
        return None
    alike = shown(got) == shown(expected)
    return f"{shown(expected)}, give or take {slack:.1g}" if alike else shown(expected)


def truth(got: object, expected: bool) -> str | None:
    """Compare a truth value.

    Parameters
    ----------
    got
        Anything.
    expected
        The right one.

    Returns
    -------
    broken
        None, or the one expected.

    Examples
    --------
    >>> truth(np.True_, True), truth(True, False), truth(1, True)
    (None, 'False', 'True (or False, but nothing else)')
    """
    if not isinstance(got, bool | np.bool):
        return f"{expected} (or {not expected}, but nothing else)"
    return None if bool(got) == expected else str(expected)


def mask(got: object, expected: np.ndarray) -> str | None:
    """Compare an array of True and False.

    Parameters
    ----------
    got
        Anything.
    expected
        The right mask.

    Returns
    -------
    broken
        None, or the mask expected.

    Examples
    --------
    >>> mask(np.array([1, 0]), np.array([True, False]))
    'an array of True and False, of shape (2,)'
    """
    wrong = mask_of(got, expected.shape)
    if wrong is None and not np.array_equal(np.asarray(got), expected):
        return shown(expected)
    return wrong


def mask_of(got: object, shape: tuple[int, ...]) -> str | None:
    """Ask for an array of True and False of a shape.

    Parameters
    ----------
    got
        Anything.
    shape
        The right shape.

    Returns
    -------
    broken
        None, or what was expected.
    """
    if isinstance(got, np.ndarray) and got.dtype == np.bool and got.shape == shape:
        return None
    return f"an array of True and False, of shape {shape}"


def shown(x: np.ndarray) -> str:
    """Write an array in a sentence: four digits, in one line, the middle of a long one left out.

    Parameters
    ----------
    x
        Any array.

    Returns
    -------
    text
        Without a line break.

    Examples
    --------
    >>> shown(np.array([[1 / 3, 2.0]]))
    '[[0.3333, 2]]'
    """
    text = np.array2string(
        np.asarray(x),
        formatter={"float_kind": lambda value: f"{value:.4g}"},
        separator=", ",
        threshold=32,
    )
    return " ".join(text.split())


def agrees(
    sentence: str,
    cases: Callable[[np.random.Generator], Iterable[Case]],
    right: Callable[..., float | int | np.ndarray],
    slack: Callable[..., float] = lambda *case: 0.0,
) -> Property:
    """Make a property of a value: what comes back is what the right function gives.

    Parameters
    ----------
    sentence, cases
        As in ``Property``.
    right
        From the arguments to the number or the array.
    slack
        From the arguments to how far from it is still right.

    Returns
    -------
    property
        For an exercise.

    Examples
    --------
    >>> double = agrees("twice as much", lambda rng: [(1,), (2,)], lambda x: 2 * x)
    >>> double.broken(3, 1), double.broken(4, 2)
    ('2', None)
    """

    def broken(got: object, *case: object) -> str | None:
        expected = right(*case)
        if isinstance(expected, np.ndarray | np.generic):
            return array(got, np.asarray(expected), slack(*case))
        return number(got, expected, slack(*case))

    return Property(sentence, cases, broken)
