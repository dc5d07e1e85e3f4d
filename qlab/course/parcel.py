"""Values on their way home from another process: checked, bounded, and never executed.

A pickle can run code where it is opened. A parcel cannot: it is a head in JSON and the bytes of the
arrays behind it. What is neither number, text, array nor a collection of these stays away, and a
description of it travels in its place.
"""

import dataclasses
import json
import math
from typing import Any

import numpy as np

from qlab.course.outcome import Foreign, Outcome

MOST_NODES = 10_000  # numbers, texts, arrays in one value
DEEPEST = 8
LONGEST = 2_000  # characters of a text
NUMERIC = "biufc"


class TooLargeError(Exception):
    """A value is more than the caller wants to take home."""


def plain(value: Any, most_bytes: int) -> Any:
    """Return a value with ``Foreign`` in place of what is not plain.

    Parameters
    ----------
    value
        Anything.
    most_bytes
        That its arrays may take together.

    Returns
    -------
    plain
        Collections are new, arrays are the same where they are contiguous.

    Raises
    ------
    TooLargeError
        More bytes, more elements or deeper nesting than is taken home.

    Examples
    --------
    >>> plain((1, [np.float32(2.5)], {3}), 1000)
    (1, [np.float32(2.5)], Foreign(kind='set', text='{3}'))
    """
    return _plain(value, 0, {"bytes": most_bytes, "elements": MOST_NODES, "most": most_bytes})


def _plain(value: Any, depth: int, left: dict[str, int]) -> Any:
    _pay(left, "elements", 1, MOST_NODES)
    kind = type(value)
    if value is None or kind in (bool, float, complex):
        return value
    if kind is int and value.bit_length() <= 1024:
        return value
    if kind is str:
        return value[:LONGEST]
    if kind is np.ndarray and value.dtype.kind in NUMERIC:
        _pay(left, "bytes", value.nbytes, left["most"])
        return np.ascontiguousarray(value).reshape(value.shape)
    if isinstance(value, np.generic) and value.dtype.kind in NUMERIC:
        return value
    if depth < DEEPEST and kind in (list, tuple):
        return kind([_plain(one, depth + 1, left) for one in value])
    if depth < DEEPEST and kind is dict and all(type(key) in (str, int) for key in value):
        return {key: _plain(one, depth + 1, left) for key, one in value.items()}
    return _foreign(value)


def _pay(left: dict[str, int], what: str, cost: int, limit: int) -> None:
    left[what] -= cost
    if left[what] < 0:
        raise TooLargeError(f"more than {limit:,} {what}")


def _foreign(value: object) -> Foreign:
    kind = type(value)
    home = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    if kind is np.ndarray:
        return Foreign(f"an array of dtype {value.dtype}", "")  # type: ignore[attr-defined]
    try:
        text = repr(value)[:200]
    except Exception:  # somebody's own __repr__
        text = ""
    return Foreign(home + kind.__qualname__, text)


def pack(outcome: Outcome) -> list[bytes | memoryview]:
    """Turn an outcome, its value already plain, into a head and the bytes of its arrays.

    Parameters
    ----------
    outcome
        From ``watched``.

    Returns
    -------
    parts
        The first is the head.
    """
    arrays: list[np.ndarray] = []
    fields = {field.name: getattr(outcome, field.name) for field in dataclasses.fields(outcome)}
    head = json.dumps(fields | {"value": _tree(outcome.value, arrays)}).encode()
    bodies = [array.reshape(-1).view(np.uint8).data for array in arrays if array.size]
    return [head, *bodies]


def _tree(value: Any, arrays: list[np.ndarray]) -> Any:
    """Return what JSON can hold, and put the arrays aside."""
    if isinstance(value, np.ndarray | np.generic):
        arrays.append(np.asarray(value))
        word = "array" if isinstance(value, np.ndarray) else "scalar"
        return {word: [value.dtype.str, list(value.shape)]}
    if isinstance(value, Foreign):
        return {"foreign": [value.kind, value.text]}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_tree(one, arrays) for one in value]}
    if isinstance(value, dict):
        return {"dict": [[key, _tree(one, arrays)] for key, one in value.items()]}
    return value


def unpack(head: bytes, body: bytearray) -> Outcome:
    """Undo ``pack``.

    Parameters
    ----------
    head
        Its first part.
    body
        Its other parts, joined; the arrays are views of it.

    Returns
    -------
    outcome
        Equal to the packed one.

    Raises
    ------
    ValueError, KeyError, TypeError
        This is no parcel.

    Examples
    --------
    >>> head, *bodies = pack(Outcome(state="returned", value=(np.arange(3.0), 2)))
    >>> unpack(head, bytearray().join(bodies)).value
    (array([0., 1., 2.]), 2)
    """
    fields = json.loads(head)
    lists = {name: tuple(fields[name]) for name in ("changed", "random", "warned")}
    return Outcome(**fields | lists | {"value": _value(fields["value"], _Body(body))})


class _Body:
    """The bytes of the arrays, taken one array after another."""

    def __init__(self, body: bytearray) -> None:
        self.left = memoryview(body)

    def taken(self, size: int) -> memoryview:
        if size > len(self.left):
            raise ValueError("unpack: the body ends before its arrays do.")
        taken, self.left = self.left[:size], self.left[size:]
        return taken


def _value(node: Any, body: _Body) -> Any:
    if not isinstance(node, dict):
        return node
    ((word, rest),) = node.items()
    if word in ("array", "scalar"):
        found = _array(body, *rest)
        return found if word == "array" else found[()]
    if word == "foreign":
        return Foreign(*rest)
    if word == "complex":
        return complex(*rest)
    if word == "dict":
        return {key: _value(one, body) for key, one in rest}
    return {"list": list, "tuple": tuple}[word](_value(one, body) for one in rest)


def _array(body: _Body, dtype: str, shape: list[int]) -> np.ndarray:
    kind = np.dtype(dtype)
    if kind.kind not in NUMERIC:
        raise ValueError(f"unpack: a numeric dtype expected, got {kind}.")
    size = math.prod(shape) * kind.itemsize
    return np.frombuffer(body.taken(size), kind).reshape(shape)
