"""The best partition of sorted numbers into k runs: exact one-dimensional k-means.

    c(i, j) = Σ_{i ≤ t < j} n_t x_t² − (Σ n_t x_t)² / Σ n_t        squared error of one run    (1)
    D_m(j)  = min_i D_{m−1}(i) + c(i, j)                            the best m runs before j   (2)
    s       = (c_{m+1} − c_m) · Σ_{cell} n_t |x_t − x̄|              what a cell can hide       (3)

x_t  the different values, ascending;  n_t  how often each occurs;  c_m  the mean of run m.

Prefix sums give (1) in constant time. (2) over all places takes seconds for a layer of weights, so
boundaries are sought from coarse to fine. Let a boundary of the best partition cut a cell of
neighbours. Giving the cell as a whole to the mean that is nearer to its own mean x̄ costs at most
(3): the points across the middle between two means lie no further from it, in sum, than from x̄.
So a boundary of the best partition touches only places p that meet

    D_m(p) + D'_m(p) ≤ best on the grid + Σ_m max s                 D' from the right          (4)

Cells that fail are dropped, the others cut finer, until no cell has an inside: then (2) on what
is left is exact.

Source: Wang and Song 2011, The R Journal 3/2 (2); Grønlund et al. 2017, arXiv:1701.07204
(monotone minima). The bound (3), (4) is ours; tests compare it with (2) over all places.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int

_DENSE = 1 << 16  # entries of a cost matrix; beyond, divide and conquer costs less
_FIRST, _LATER = 512, 128  # cells in the first round, and of one boundary in later ones
_NOISE = 1e-12  # of Σ n x²: what float64's prefix sums may be wrong by

Places = Int[np.ndarray, "_"]
Costs = Float64[np.ndarray, "_"]


def boundaries(
    values: Float64[np.ndarray, " values"],
    counts: Int[np.ndarray, " values"],
    k: int,
    first: int = _FIRST,
    later: int = _LATER,
) -> Int[np.ndarray, " k_plus_1"]:
    """Cut ``values`` into ``k`` runs of the smallest squared error, equations 2 to 4.

    Parameters
    ----------
    values
        Different numbers, ascending.
    counts
        How often each occurs, at least 1.
    k
        Runs, 1 … len(values).
    first, later
        Cells in the first round, and cells of one boundary in later rounds. They change the
        time that it takes and nothing else.

    Returns
    -------
    boundaries
        Ascending from 0 to len(values); run m is ``values[boundaries[m]:boundaries[m + 1]]``.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 10.0, 11.0, 12.0])
    >>> boundaries(x, np.ones(5, int), 2)
    array([0, 2, 5])
    """
    sums = _Sums.of(values, counts)
    n = len(values)
    if k in (1, n):
        return np.linspace(0, n, k + 1).astype(np.int64)
    edges = _cut(sums, np.array([0]), np.array([n]), first)
    starts, stops = edges[:-1], edges[1:]
    kept = np.ones((k - 1, len(starts)), bool)
    while True:
        if kept.all():  # the first round: one array, so that its costs are computed once
            places = [_ends(starts, stops)] * (k - 1)
        else:
            places = [_ends(starts[row], stops[row]) for row in kept]
        places = [np.array([0]), *places, np.array([n])]
        forward, choices = _forward(sums, places)
        if (stops - starts == 1).all():
            return _walk(places, choices)
        backward = _backward(sums, places)
        limit = forward[-1][0] + _hidden(sums, starts, stops, kept) + _NOISE * sums.scale
        kept = np.array(
            [
                row & _touched(starts, stops, p[a + b <= limit])
                for row, p, a, b in zip(
                    kept, places[1:-1], forward[1:-1], backward[1:-1], strict=True
                )
            ]
        )
        starts, stops, kept = _refine(sums, starts, stops, kept, later)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Prefix sums, from the median outward: a far outlier does not blur those in the middle."""

    x: Float64[np.ndarray, "_"]
    n: Float64[np.ndarray, "_"]
    s: Float64[np.ndarray, "_"]
    q: Float64[np.ndarray, "_"]
    spread: Float64[np.ndarray, "_"]  # equal steps make cells of equal (3)
    scale: float

    @classmethod
    def of(cls, x: np.ndarray, counts: np.ndarray) -> "_Sums":
        n = counts.astype(np.float64)
        middle = int(np.searchsorted(np.cumsum(n), n.sum() / 2))
        y = x - x[middle]

        def outward(f: np.ndarray) -> np.ndarray:
            left, right = np.cumsum(f[:middle][::-1])[::-1], np.cumsum(f[middle:])
            return np.concatenate([-left, [0.0], right])

        width = np.sqrt(np.diff(y) * (n[1:] + n[:-1]))
        spread = np.concatenate([[0.0], np.cumsum(width), [width.sum()]])
        q = outward(n * y * y)
        return cls(y, outward(n), outward(n * y), q, spread, float(q[-1] - q[0]))

    def mean(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Mean of each run i … j; whatever an empty one gives."""
        return (self.s[j] - self.s[i]) / np.maximum(self.n[j] - self.n[i], 1)


def _forward(sums: _Sums, places: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """D_m at the places of every boundary, and which place before it is best, equation 2."""
    costs, choices = [np.zeros(1)], []
    table, of = np.empty(0), (places[0], places[0])
    for before, here in itertools.pairwise(places):
        if len(before) * len(here) > _DENSE:
            cost, choice = _monotone(sums, costs[-1], before, here)
        else:
            if not (of[0] is before and of[1] is here):
                table, of = _table(sums, before, here), (before, here)
            total = table + costs[-1]
            choice = total.argmin(axis=1)
            cost = total[np.arange(len(here)), choice]
        costs.append(cost)
        choices.append(choice)
    return costs, choices


def _backward(sums: _Sums, places: list[np.ndarray]) -> list[np.ndarray]:
    """D' of equation 4: D on the mirrored numbers."""
    n = len(sums.x)
    mirrored = _Sums(
        -sums.x[::-1], -sums.n[::-1], sums.s[::-1], -sums.q[::-1], sums.spread, sums.scale
    )
    turned: dict[int, np.ndarray] = {id(p): n - p[::-1] for p in places}  # the same stay the same
    costs, _ = _forward(mirrored, [turned[id(p)] for p in reversed(places)])
    return [cost[::-1] for cost in reversed(costs)]


def _table(sums: _Sums, before: Places, here: Places) -> Float64[np.ndarray, "_ _"]:
    """c(i, j) for all pairs of places, equation 1; infinite where j comes before i."""
    c = sums.s[here][:, None] - sums.s[before]
    n = sums.n[here][:, None] - sums.n[before]
    crossed = n < 0 if before[-1] >= here[0] else None
    c *= c
    c /= n if crossed is None else np.where(n == 0, 1, n)  # an empty run costs nothing
    np.subtract(sums.q[here][:, None] - sums.q[before], c, out=c)
    if crossed is not None:
        c[crossed] = np.inf
    return c


def _monotone(
    sums: _Sums, cost: Costs, before: Places, here: Places
) -> tuple[Costs, Int[np.ndarray, "_"]]:
    """Divide and conquer: the best place before j never moves left when j moves right."""
    best = np.full(len(here), np.inf)
    choice = np.zeros(len(here), np.int64)
    last = np.searchsorted(before, here, side="right") - 1  # no run ends before it begins
    known = np.zeros(len(here) + 2, np.int64)  # choices at both ends as well
    known[-1] = len(before) - 1
    a = cost - sums.q[before]
    stride = 1 << (len(here)).bit_length()
    while stride > 1:
        half = stride // 2
        j = np.arange(half, len(here) + 1, stride)  # positions 1 … len(here)
        low = known[j - half]
        high = np.minimum(known[np.minimum(j + half, len(here) + 1)], last[j - 1])
        length = np.maximum(high - low + 1, 1)
        first = np.cumsum(length) - length
        i = np.arange(length.sum()) - np.repeat(first - low, length)
        row = np.repeat(j - 1, length)
        n = sums.n[here][row] - sums.n[before][i]
        total = sums.s[here][row] - sums.s[before][i]
        value = np.where(n < 0, np.inf, a[i] - total * total / np.where(n == 0, 1, n))
        least = np.minimum.reduceat(value, first)
        hit = np.flatnonzero(value == np.repeat(least, length))[::-1]
        choice[row[hit]] = i[hit]  # reversed: of equals the first is written last
        best[j - 1] = least
        known[j] = choice[j - 1]
        stride = half
    return sums.q[here] + best, choice


def _walk(places: list[np.ndarray], choices: list[np.ndarray]) -> np.ndarray:
    """Follow the choices from the last boundary to the first."""
    found, at = [int(places[-1][0])], 0
    for before, choice in zip(reversed(places[:-1]), reversed(choices), strict=True):
        at = int(choice[at])
        found.append(int(before[at]))
    return np.array(found[::-1])


def _hidden(sums: _Sums, starts: Places, stops: Places, kept: Bool[np.ndarray, "_ _"]) -> float:
    """Σ_m max s, equation 3; the means beside a cell reach at most to the neighbours' windows."""
    n = len(sums.x)
    lows = np.concatenate([[0], starts[kept.argmax(axis=1)]])[:-1, None]
    highs = np.concatenate([stops[::-1][kept[:, ::-1].argmax(axis=1)], [n]])[1:, None]
    a, b = np.maximum(starts, lows), np.minimum(stops, highs)
    left = np.where(lows < a, sums.mean(lows, a), sums.x[lows])
    right = np.where(b < highs, sums.mean(b, highs), sums.x[highs - 1])
    s = np.maximum(right - left, 0) * _aside(sums, starts, stops)
    return float(np.max(s, axis=1, where=kept, initial=0).sum())


def _aside(sums: _Sums, starts: Places, stops: Places) -> Float64[np.ndarray, "_"]:
    """Σ n_t |x_t − x̄| of each cell; 0 where a boundary has no room inside."""
    mean = sums.mean(starts, stops)
    above = np.clip(np.searchsorted(sums.x, mean, side="right"), starts, stops)
    half = sums.s[stops] - sums.s[above] - mean * (sums.n[stops] - sums.n[above])
    return np.where(stops - starts > 1, 2 * np.maximum(half, 0), 0.0)


def _touched(starts: Places, stops: Places, good: Places) -> Bool[np.ndarray, "_"]:
    """Cells that begin or end at one of the places ``good``, which ascend."""
    return _among(starts, good) | _among(stops, good)


def _among(x: np.ndarray, sorted_places: np.ndarray) -> np.ndarray:
    at = np.minimum(np.searchsorted(sorted_places, x), len(sorted_places) - 1)
    return sorted_places[at] == x


def _ends(starts: Places, stops: Places) -> Places:
    """Both ends of all cells, ascending: cells ascend and share no inside."""
    fresh = np.ones(len(starts), bool)
    fresh[1:] = starts[1:] != stops[:-1]
    return np.sort(np.concatenate([starts[fresh], stops]))


def _refine(
    sums: _Sums, starts: Places, stops: Places, kept: Bool[np.ndarray, "_ _"], later: int
) -> tuple[Places, Places, Bool[np.ndarray, "_ _"]]:
    """Drop the cells that no boundary needs and cut the others finer."""
    used = kept.any(axis=0)
    starts, stops, kept = starts[used], stops[used], kept[:, used]
    pieces = max(2, later // int(kept.sum(axis=1).max()))
    share = np.arange(pieces + 1) / pieces
    s = sums.spread
    inner = np.searchsorted(s, s[starts][:, None] + (s[stops] - s[starts])[:, None] * share)
    inner[:, pieces // 2] = (starts + stops) // 2  # sure to cut, whatever the spread says
    inner[:, 0], inner[:, -1] = starts, stops
    inner = np.sort(np.clip(inner, starts[:, None], stops[:, None]), axis=1)
    a, b = inner[:, :-1].ravel(), inner[:, 1:].ravel()
    real = b > a
    return a[real], b[real], np.repeat(kept, pieces, axis=1)[:, real]


def _cut(sums: _Sums, start: np.ndarray, stop: np.ndarray, pieces: int) -> np.ndarray:
    """Cut everything into at most ``pieces`` cells."""
    share = np.linspace(0, sums.spread[-1], pieces + 1)
    inner = np.searchsorted(sums.spread, share)
    return np.unique(np.concatenate([start, np.clip(inner, start, stop), stop]))
