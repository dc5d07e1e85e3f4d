"""Observers: the range of data that arrive in pieces and are not kept.

    observe(x)                  takes a piece in, and returns nothing
    calculate_qparams()         scale and zero point for everything seen so far

An observer holds a few numbers, however much it has seen, so a network can be calibrated on images
whose activations don't fit into memory: ``qlab.networks.quantize_activations(…, observer=…)`` shows
it one batch after the other. The names are torch's (``torch.ao.quantization.observer``).

Source: Jacob et al. 2018, arXiv:1712.05877, section 3.1 (ranges gathered over batches).
"""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from qlab.core import QParams, QuantSpec, per_block, qparams_between
from qlab.core.arrays import finite32
from qlab.core.spec import checked_spec
from qlab.ranges.arguments import share
from qlab.ranges.ema import moved

Compact = Float[np.ndarray, "*compact"]


@runtime_checkable
class Observer(Protocol):
    """What every observer can do."""

    def observe(self, x: Float[np.ndarray, "..."]) -> None:
        """Take a piece of the data in; an empty piece changes nothing."""
        ...

    def calculate_qparams(self) -> QParams:
        """Return scale and zero point for what was seen; ValueError if that is nothing."""
        ...


class MinMaxObserver:
    """The whole range of everything seen: ``minmax`` in pieces, and equal to it.

    Parameters
    ----------
    spec
        Bits, sign, symmetry, granularity. Pieces must have equally many blocks.

    Raises
    ------
    TypeError
        ``spec`` is no ``QuantSpec``.

    Examples
    --------
    >>> observer = MinMaxObserver(QuantSpec(bits=8))
    >>> for piece in (np.array([-0.5, 0.2]), np.array([1.27])):
    ...     observer.observe(piece)
    >>> observer.calculate_qparams().scale.item()
    0.009999999776482582
    """

    def __init__(self, spec: QuantSpec) -> None:
        self.spec = checked_spec(type(self).__name__, spec)
        self._ends: tuple[Compact, Compact] | None = None

    def observe(self, x: Float[np.ndarray, "..."]) -> None:
        """Widen the range to hold ``x``.

        Raises
        ------
        TypeError, ValueError
            ``x`` as for ``minmax``, or a piece with another number of blocks than before.
        """
        piece = self._piece(x)
        if piece is not None:
            self._ends = piece if self._ends is None else self._joined(self._ends, piece)

    def calculate_qparams(self) -> QParams:
        """Return the grid over the range.

        Raises
        ------
        ValueError
            Nothing was seen.
        """
        if self._ends is None:
            raise nothing_seen(self)
        return qparams_between(*self._ends, self.spec)

    def _piece(self, x: np.ndarray) -> tuple[Compact, Compact] | None:
        """Least and largest of each block of ``x``; None where there is nothing."""
        x = finite32(f"{type(self).__name__}.observe", "x", x)
        if x.size == 0:
            return None
        low = per_block(lambda rows: rows.min(axis=1), x, self.spec.granularity)
        high = per_block(lambda rows: rows.max(axis=1), x, self.spec.granularity)
        if self._ends is not None and self._ends[0].shape != low.shape:
            raise ValueError(
                f"{type(self).__name__}.observe: x must have as many blocks as before, got "
                f"{low.shape} after {self._ends[0].shape}. Use PerTensor(), or an axis that "
                "all pieces share."
            )
        return low, high

    def _joined(
        self, before: tuple[Compact, Compact], piece: tuple[Compact, Compact]
    ) -> tuple[Compact, Compact]:
        low, high = np.minimum(before[0], piece[0]), np.maximum(before[1], piece[1])
        return np.asarray(low), np.asarray(high)


class EMAObserver(MinMaxObserver):
    """A moving average of the ends, equations 1 and 2 of ``ema``, a piece a step.

    Parameters
    ----------
    spec
        As for ``MinMaxObserver``.
    averaging_constant
        c, 0 < c ≤ 1; torch's default, for thousands of pieces.

    Raises
    ------
    TypeError, ValueError
        ``spec`` is no ``QuantSpec``; ``averaging_constant`` outside 0 … 1.

    Examples
    --------
    >>> observer = EMAObserver(QuantSpec(bits=8), averaging_constant=0.5)
    >>> for end in (1.27, 2.54):
    ...     observer.observe(np.array([-0.1, end]))
    >>> round(observer.calculate_qparams().scale.item(), 4)
    0.015
    """

    def __init__(self, spec: QuantSpec, averaging_constant: float | int = 0.01) -> None:
        super().__init__(spec)
        self.averaging_constant = share("EMAObserver", "averaging_constant", averaging_constant)

    def _joined(
        self, before: tuple[Compact, Compact], piece: tuple[Compact, Compact]
    ) -> tuple[Compact, Compact]:
        low, high = (
            moved(old, new, self.averaging_constant) for old, new in zip(before, piece, strict=True)
        )
        return low, high


def nothing_seen(observer: object) -> ValueError:
    """Return the error of an observer that is asked before it saw anything."""
    name = type(observer).__name__
    return ValueError(
        f"{name}.calculate_qparams: expected at least one value, got none. Call observe(x) first."
    )
