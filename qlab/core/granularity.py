"""Granularity: which elements of an array share one scale and one zero point.

    PerTensor    the whole array is one block
    PerAxis      one block for every index of an axis (0 = out_features: one for every row)
    PerGroup     every row is cut into groups of ``size`` neighbours, one block each

A block is a row of the matrix (blocks, length), so a range method is written once, for rows.

Source: Krishnamoorthi 2018, arXiv:1806.08342, section 2.6 (per tensor, per channel);
the names are torchao's.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from qlab.core.arguments import integer, whole


@dataclass(frozen=True, slots=True)
class PerTensor:
    """One block: the whole array."""

    def compact_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the scales for an array of ``shape``: always ()."""
        return ()


@dataclass(frozen=True, slots=True)
class PerAxis:
    """One block for every index of ``axis``; axis 0 of a weight is out_features.

    Raises
    ------
    TypeError
        ``axis`` is not an integer.
    """

    axis: int = 0

    def __post_init__(self) -> None:
        integer("PerAxis", "axis", self.axis)

    def compact_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the scales for an array of ``shape``: (shape[axis],)."""
        if not -len(shape) <= self.axis < len(shape):
            raise ValueError(
                f"PerAxis: axis must name a dimension of the array, got axis={self.axis}, "
                f"shape={shape}. Use PerTensor() or another axis."
            )
        return (shape[self.axis],)


@dataclass(frozen=True, slots=True)
class PerGroup:
    """One block for every ``size`` neighbours of a row.

    Rows are axis 0; groups run along the flattened rest. Where ``size`` does not divide the
    length of a row, the LAST group of each row is shorter.

    Raises
    ------
    TypeError, ValueError
        ``size`` is not an integer of at least 1.
    """

    size: int

    def __post_init__(self) -> None:
        whole("PerGroup", "size", self.size)

    def compact_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the scales for an array of ``shape``: (rows, groups in a row)."""
        if not shape:
            raise ValueError(
                "PerGroup: the array must have rows, got an array without dimensions. "
                "Use PerTensor()."
            )
        length = int(np.prod(shape[1:], dtype=np.int64))
        return shape[0], -(-length // self.size)  # ceiling


Granularity = PerTensor | PerAxis | PerGroup


def checked_granularity(function: str, granularity: object) -> Granularity:
    """Return ``granularity`` if it is one, or say which there are.

    Raises
    ------
    TypeError
        A name, None, or a class in the place of its value.

    Examples
    --------
    >>> checked_granularity("kmeans", "axis")
    Traceback (most recent call last):
    TypeError: kmeans: granularity must be PerTensor(), PerAxis(axis) or PerGroup(size), got \
granularity='axis'.
    """
    if not isinstance(granularity, PerTensor | PerAxis | PerGroup):
        raise TypeError(
            f"{function}: granularity must be PerTensor(), PerAxis(axis) or PerGroup(size), "
            f"got granularity={granularity!r}."
        )
    return granularity


def per_block(
    f: Callable[[Shaped[np.ndarray, "blocks length"]], Shaped[np.ndarray, " blocks"]],
    x: Shaped[np.ndarray, "..."],
    granularity: Granularity,
) -> Shaped[np.ndarray, "..."]:
    """Apply ``f`` to every block of ``x``.

    Parameters
    ----------
    f
        Maps a matrix whose rows are blocks, (blocks, length), to one number a row, (blocks,).
        It is called once, or twice where the last group is shorter. The length may be 0.
    x
        The array to be cut into blocks.
    granularity
        How it is cut.

    Returns
    -------
    array
        Of the compact shape: () PerTensor, (n,) PerAxis, (rows, groups) PerGroup.

    Raises
    ------
    TypeError
        ``granularity`` is none.
    ValueError
        The array lacks the dimension that the granularity names.

    Examples
    --------
    >>> W = np.array([[1.0, 2.0, 9.0], [3.0, 4.0, 5.0]])
    >>> per_block(lambda rows: rows.max(axis=1), W, PerAxis(0))
    array([9., 5.])
    >>> per_block(lambda rows: rows.max(axis=1), W, PerGroup(2))    # the last group is shorter
    array([[2., 9.],
           [4., 5.]])
    """
    compact = checked_granularity("per_block", granularity).compact_shape(x.shape)
    if isinstance(granularity, PerTensor):
        return np.reshape(f(x.reshape(1, x.size)), ())
    if isinstance(granularity, PerAxis):
        rows = np.moveaxis(x, granularity.axis, 0)
        return f(rows.reshape(rows.shape[0], _length(rows.shape)))
    rows = x.reshape(x.shape[0], _length(x.shape))
    size, (n, groups) = granularity.size, compact
    full = rows.shape[1] // size  # groups of full length in a row
    whole = f(rows[:, : full * size].reshape(n * full, size)).reshape(n, full)
    if full == groups:
        return whole
    last = f(rows[:, full * size :]).reshape(n, 1)
    return np.concatenate([whole, last], axis=1) if full else last


def spread(
    compact: Shaped[np.ndarray, "..."], granularity: Granularity, shape: tuple[int, ...]
) -> Shaped[np.ndarray, "..."]:
    """Hand every element the number of its block.

    Parameters
    ----------
    compact
        One number a block, of the compact shape.
    granularity
        How an array of ``shape`` is cut.
    shape
        Of the array.

    Returns
    -------
    array
        Broadcasts against an array of ``shape``.

    Raises
    ------
    TypeError
        ``granularity`` is none.
    ValueError
        There are not as many numbers as an array of this shape has blocks.

    Examples
    --------
    >>> spread(np.array([[1, 2], [3, 4]]), PerGroup(2), (2, 3))
    array([[1, 1, 2],
           [3, 3, 4]])
    """
    expected = checked_granularity("spread", granularity).compact_shape(shape)
    if compact.shape != expected:
        raise ValueError(
            f"spread: {granularity} needs an array of shape {expected} for one of shape {shape}, "
            f"got {compact.shape}."
        )
    if isinstance(granularity, PerTensor):
        return compact
    if isinstance(granularity, PerAxis):
        along = [1] * len(shape)
        along[granularity.axis] = -1
        return compact.reshape(along)
    rows = np.repeat(compact, granularity.size, axis=1)  # the last group may be shorter
    return rows[:, : _length(shape)].reshape(shape)


def _length(shape: tuple[int, ...]) -> int:
    """Elements in a row: reshape(n, -1) cannot tell for an empty array."""
    return int(np.prod(shape[1:], dtype=np.int64))
