"""Observers that keep a histogram: percentiles and searches over data that are not kept.

    bin(x) = ⌊x/w⌋,   w = 2^k, the smallest for which 0 and all values fit into the bins      (1)
    w doubles: bins 2j and 2j + 1 become bin j                                              (2)

Edges are multiples of a power of two, so (2) adds whole counts and divides none. Hence the
histogram of a stream doesn't depend on how the stream was cut or ordered: it is that of all values
at once. (torch's HistogramObserver spreads the counts of a bin over others when its range grows.)

Source: this merging is that of Ben-Haim and Tom-Tov 2010, JMLR 11:849, with fixed edges; the search
for the range of least squared error on a histogram is torch's HistogramObserver.
"""

import numpy as np
from jaxtyping import Float, Float32, Int

from qlab.core import (
    PerTensor,
    QParams,
    QuantSpec,
    fake_quantize,
    qparams_between,
)
from qlab.core.arguments import whole
from qlab.core.arrays import finite32
from qlab.core.spec import checked_spec
from qlab.ranges.arguments import percentage
from qlab.ranges.observers import nothing_seen


class HistogramObserver:
    """The range of least squared error, searched on a histogram: ``mse`` for streams.

    Parameters
    ----------
    spec
        Bits, sign and symmetry; ``PerTensor`` only.
    bins
        At most so many, at least 2: the memory that it takes.
    candidates
        How many fractions of the whole range are tried, at least 1.

    Raises
    ------
    TypeError, ValueError
        ``spec`` is no ``QuantSpec`` or has another granularity; ``bins`` or ``candidates`` are no
        such integers.

    Notes
    -----
    Values stand at the middle of their bin, at most w/2 from where they were; 0 stays 0.

    Examples
    --------
    >>> observer = HistogramObserver(QuantSpec(bits=3))
    >>> for piece in (np.linspace(-1, 1, 1001), np.array([3.0])):
    ...     observer.observe(piece)
    >>> round(3 * observer.calculate_qparams().scale.item(), 2)    # minmax would reach 3
    0.87
    """

    def __init__(self, spec: QuantSpec, bins: int = 2048, candidates: int = 100) -> None:
        name = type(self).__name__
        if not isinstance(checked_spec(name, spec).granularity, PerTensor):
            raise ValueError(
                f"{name}: granularity must be PerTensor(), got granularity={spec.granularity}. "
                "Use one observer for each block."
            )
        self.spec = spec
        self.bins = whole(name, "bins", bins)
        if self.bins < 2:
            raise ValueError(f"{name}: bins must be at least 2, got bins={bins}.")
        self.candidates = whole(name, "candidates", candidates)
        self.low = self.high = 0.0  # the least and the largest value, 0 among them
        self.zeros = 0
        self._exponent = -149  # of w: the finest spacing of float32
        self._first = 0  # the bin of counts[0]
        self.counts: Int[np.ndarray, " held"] = np.zeros(1, np.int64)

    @property
    def seen(self) -> int:
        """How many values were observed."""
        return int(self.counts.sum()) + self.zeros

    @property
    def width(self) -> float:
        """Width w of a bin, a power of two."""
        return 2.0**self._exponent

    @property
    def middles(self) -> Float[np.ndarray, " held"]:
        """Middle of each bin that is held, within the least and the largest value."""
        j = self._first + np.arange(len(self.counts))
        return np.clip((j + 0.5) * self.width, self.low, self.high)

    def observe(self, x: Float[np.ndarray, "..."]) -> None:
        """Count ``x`` into the bins, equation 1; widen them first where it needs that.

        Raises
        ------
        TypeError, ValueError
            ``x`` is no NumPy float array or is not finite.
        """
        values = finite32(f"{type(self).__name__}.observe", "x", x).ravel()
        if values.size == 0:
            return
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))
        self._widen()
        y = values[values != 0].astype(np.float64)  # zeros are exact, and counted by themselves
        self.zeros += values.size - y.size
        j = np.floor(y / self.width).astype(np.int64)
        self.counts += np.bincount(j - self._first, minlength=len(self.counts))

    def calculate_qparams(self) -> QParams:
        """Return the grid of least squared error on the histogram.

        Raises
        ------
        ValueError
            Nothing was seen.
        """
        if not self.seen:
            raise nothing_seen(self)
        at = np.flatnonzero(self.counts)
        x, weight = self.middles[at].astype(np.float32), self.counts[at]
        if self.spec.symmetric and not self.spec.signed:
            x = np.maximum(x, 0)  # negatives become 0 whatever the range is
        best, least = None, np.inf
        for k in range(self.candidates, 0, -1):  # widest first: it stays on a tie
            alpha = k / self.candidates
            qparams = qparams_between(alpha * self.low, alpha * self.high, self.spec)
            e = x.astype(np.float64) - fake_quantize(x, qparams)
            error = float(np.dot(e * e, weight))
            if best is None or error < least:
                best, least = qparams, error
        assert best is not None  # there is at least one candidate
        return best

    def _widen(self) -> None:
        """Double w until 0 and all values fit into the bins, equation 2."""
        first, last = self._span()
        merge = 0
        while last - first + 1 > self.bins:
            merge += 1
            first, last = self._span(merge)
        old = (self._first + np.arange(len(self.counts))) >> merge  # ⌊j/2^merge⌋
        counts = np.zeros(last - first + 1, np.int64)
        np.add.at(counts, old - first, self.counts)
        self._exponent += merge
        self._first, self.counts = first, counts

    def _span(self, more: int = 0) -> tuple[int, int]:
        """First and last bin that the values need, with w doubled so often."""
        w = 2.0 ** (self._exponent + more)
        return int(np.floor(self.low / w)), int(np.floor(self.high / w))


class PercentileObserver(HistogramObserver):
    """A chosen share of everything seen lies inside: ``percentile`` for streams, within a bin.

    Parameters
    ----------
    spec
        Bits, sign and symmetry; ``PerTensor`` only.
    percent
        Share of the values inside the range, 0 < percent ≤ 100.
    bins
        As for ``HistogramObserver``.

    Raises
    ------
    TypeError, ValueError
        ``spec`` or ``bins`` as for ``HistogramObserver``, ``percent`` no number in 0 … 100.

    Examples
    --------
    >>> observer = PercentileObserver(QuantSpec(bits=8), percent=99)
    >>> for piece in (np.linspace(-1, 1, 1001), np.array([2.0])):
    ...     observer.observe(piece)
    >>> abs(127 * observer.calculate_qparams().scale.item() - 0.99) < 2 * observer.width
    True
    """

    def __init__(self, spec: QuantSpec, percent: float | int = 99.9, bins: int = 2048) -> None:
        super().__init__(spec, bins)
        self.percent = percentage("PercentileObserver", "percent", percent)

    def calculate_qparams(self) -> QParams:
        """Return the grid over the percentiles, equations 1 and 2 of ``percentile``.

        Raises
        ------
        ValueError
            Nothing was seen.
        """
        if not self.seen:
            raise nothing_seen(self)
        x, weight = np.append(self.middles, 0.0), np.append(self.counts, self.zeros)
        if self.spec.symmetric:
            y = np.abs(x) if self.spec.signed else x
            top = max(-self.low, self.high) if self.spec.signed else self.high
            high = max(_quantile(y, weight, self.percent / 100, top), 0.0)
            return qparams_between(-high, high, self.spec)
        t = (100 - self.percent) / 200
        low = -_quantile(-x, weight, 1 - t, -self.low)
        return qparams_between(low, max(_quantile(x, weight, 1 - t, self.high), low), self.spec)


def _quantile(
    x: Float[np.ndarray, " n"] | Float32[np.ndarray, " n"],
    weight: Int[np.ndarray, " n"],
    share: float,
    top: float,
) -> float:
    """Find the value of rank ⌈share·(n − 1)⌉, x counted ``weight`` times; the last is ``top``."""
    order = np.argsort(x, kind="stable")
    passed = np.cumsum(weight[order])  # how many are at most so large
    rank = int(np.ceil(share * (int(passed[-1]) - 1)))
    if rank >= int(passed[-1]) - 1:
        return top
    return float(x[order[np.searchsorted(passed, rank, side="right")]])
