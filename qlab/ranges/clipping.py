"""What a clip point costs: the error beyond it and the error of rounding inside it.

    x̂ = s·clip(round(|x|/s), 0, L),   s = c/L                                           (1)

    clipping(c) = 1/n Σ_{|x| > c} (|x| − c)²       rounding(c) = 1/n Σ_{|x| ≤ c} (|x| − x̂)²   (2)

L steps lie between 0 and the clip point c of a symmetric grid. Together the two are the whole
squared error: what is beyond c goes to the last level, which is c. A larger c clips less, and
rounds coarser.

Sorted once, with sums of x and x² up to every block, the values answer (2) for any c and L without
being looked at again: a sum over the values around a level is a difference of two prefix sums.

Source: Banner, Nahshan and Soudry 2019, arXiv:1810.05723 (the two parts of the error).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int

from qlab.core import QuantSpec
from qlab.core.arguments import real
from qlab.core.arrays import finite, finite32
from qlab.core.spec import checked_spec

_BLOCK = 16  # values between two stored prefix sums


@dataclass(frozen=True, slots=True, eq=False)
class ClippingErrors:
    """Equation 2 for each clip point.

    Parameters
    ----------
    clipping, rounding
        Mean squares, over all values.
    """

    clipping: Float64[np.ndarray, " clips"]
    rounding: Float64[np.ndarray, " clips"]

    @property
    def total(self) -> Float64[np.ndarray, " clips"]:
        """The mean squared error."""
        return np.asarray(self.clipping + self.rounding)


class Magnitudes:
    """|x| in order, ready to be clipped and rounded anywhere.

    Parameters
    ----------
    x
        Finite values of any shape. Zeros are exact on every grid: counted, and not kept.

    Raises
    ------
    TypeError, ValueError
        ``x`` is no finite NumPy float array.

    Examples
    --------
    >>> seen = Magnitudes(np.array([0.0, 0.4, -1.0, 3.0]))
    >>> errors = seen.errors(np.array([3.0, 1.0]), QuantSpec(bits=2))    # L = 1: levels 0 and c
    >>> errors.clipping.tolist(), errors.rounding.round(2).tolist()
    ([0.0, 1.0], [0.29, 0.04])
    """

    def __init__(self, x: Float[np.ndarray, "..."]) -> None:
        x = finite32("Magnitudes", "x", x)
        self.n = x.size
        self.negative = bool(x.size and x.min() < 0)
        a = np.abs(x[x != 0])
        a.sort()
        held = np.zeros((len(a) // _BLOCK + 1) * _BLOCK, np.float32)  # one past the last, at least
        held[: len(a)] = a
        self.values = held[: len(a)]
        self._blocks = held.reshape(-1, _BLOCK)
        self.largest = float(a[-1]) if a.size else 0.0
        wide = self._blocks.astype(np.float64)
        self._sums = np.append(0.0, wide.sum(axis=1).cumsum())
        self._squares = np.append(0.0, np.vecdot(wide, wide).cumsum())

    def errors(self, clips: Float[np.ndarray, " clips"], spec: QuantSpec) -> ClippingErrors:
        """Measure both parts of the error at each clip point, equation 2.

        Parameters
        ----------
        clips
            Above 0.
        spec
            Symmetric; unsigned where no value is negative.

        Returns
        -------
        errors
            The scale is rounded to float32, as a grid's is.

        Raises
        ------
        TypeError, ValueError
            ``spec`` is no ``QuantSpec``, or asymmetric, or unsigned for negative values; a clip
            that is not positive and finite.
        """
        places, levels = self._places(clips, spec)  # (clips, L + 2), (clips, L + 1)
        counts = np.diff(places, axis=1)
        first, second = (np.diff(sums, axis=1) for sums in self._prefix(places))
        inside = second - 2 * levels * first + levels**2 * counts  # Σ (|x| − level)²
        c, last = levels[:, -1], places[:, -1]
        all_first, all_second = self._prefix(np.full(len(c), len(self.values)))
        ended_first, ended_second = self._prefix(last)
        beyond = len(self.values) - last
        outside = (all_second - ended_second) - 2 * c * (all_first - ended_first) + c**2 * beyond
        outside[beyond == 0] = 0  # what is left of equal sums is no error
        n = max(self.n, 1)
        return ClippingErrors(np.maximum(outside, 0) / n, np.maximum(inside, 0).sum(axis=1) / n)

    def held(
        self, clip: float | int, spec: QuantSpec
    ) -> tuple[Float64[np.ndarray, " levels"], Int[np.ndarray, " levels"]]:
        """Return the levels from 0 to the clip point, and how many magnitudes go to each.

        Parameters
        ----------
        clip, spec
            As for ``errors``, one clip point.

        Returns
        -------
        levels, counts
            The counts sum to the number of values, zeros among them.

        Raises
        ------
        TypeError, ValueError
            As ``errors``.

        Examples
        --------
        >>> Magnitudes(np.array([0.0, 0.4, -1.0, 3.0])).held(1.0, QuantSpec(bits=2))
        (array([0., 1.]), array([2, 2]))
        """
        clip = real("Magnitudes", "clip", clip)
        places, levels = self._places(np.array([clip]), spec)
        counts = np.diff(places[0])
        counts[0] += self.n - len(self.values)  # zeros
        counts[-1] += len(self.values) - places[0, -1]  # what is clipped
        return levels[0], counts

    def beyond(self, clip: float | int) -> int:
        """Count the values whose magnitude is above a clip point."""
        c = np.float32(real("Magnitudes", "clip", clip))
        return len(self.values) - int(np.searchsorted(self.values, c, "right"))

    def _places(self, clips: np.ndarray, spec: QuantSpec) -> tuple[np.ndarray, np.ndarray]:
        """Say where each level's values begin among the sorted, the clip's end last; the levels."""
        if not checked_spec("Magnitudes", spec).symmetric or (self.negative and not spec.signed):
            raise ValueError(
                "Magnitudes: spec must be symmetric, and signed for negative values, got "
                f"(symmetric={spec.symmetric}, signed={spec.signed})."
            )
        clips = finite("Magnitudes", "clips", clips)
        if not (clips > 0).all():
            raise ValueError("Magnitudes: every clip point must be above 0, got one that is not.")
        L = max(spec.quant_max, 1)
        s = (np.asarray(clips, np.float64) / L).astype(np.float32).astype(np.float64)[:, None]
        k = np.arange(L + 1)
        ends = np.asarray(clips, np.float64)[:, None]  # as `beyond` counts: s · L is rounded
        cuts = np.concatenate([s * (k - 0.5), ends], axis=1).astype(np.float32)
        places = np.searchsorted(self.values, cuts.ravel(), "right").reshape(cuts.shape)
        return places, s * k

    def _prefix(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sum the values and their squares before each place."""
        block, rest = np.divmod(places.ravel(), _BLOCK)
        more = self._blocks[block].astype(np.float64)
        more[np.arange(_BLOCK) >= rest[:, None]] = 0
        first = self._sums[block] + more.sum(axis=1)
        second = self._squares[block] + np.vecdot(more, more)
        return first.reshape(places.shape), second.reshape(places.shape)
