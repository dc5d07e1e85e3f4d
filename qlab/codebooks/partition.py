"""The best partition of sorted numbers into k runs: exact one-dimensional k-means.

    c(i, j) = Σ_{i ≤ t < j} n_t x_t² − (Σ n_t x_t)² / Σ n_t        squared error of one run    (1)
    D_m(j)  = min_i D_{m−1}(i) + c(i, j)                            the best m runs before j   (2)

x_t  the different values, ascending;  n_t  how often each occurs;  c_m  the mean of run m.

Prefix sums give (1) in constant time, but (2) over all places takes seconds for a layer of
weights. So boundaries are sought from coarse to fine. Where boundary m of the best partition lies
inside a cell of neighbours, move it to the end of the cell that leaves the cell as a whole with the
mean nearer to the cell's own mean x̄. That costs at most

    s_m = a_m · (c_{m+1} − c_m),      a = Σ_cell n_t |x_t − x̄|                                (3)

since the values beyond the middle of two means lie, in sum, no further from it than from x̄. So
the moved partition costs at most best + Σ s_m, and the s_m fall to the runs:

    Σ_m s_m = Σ_runs (a_left − a_right) · c_run                                               (4)

(2) with c(i, j) less the most that its run can have of (4) is then a lower bound for every
place. Places whose bound lies above a partition that is known cannot end the cell of a boundary
of the best one. They are dropped, the other cells cut finer, until no cell has an inside; then (4)
is 0 and (2) exact.

Source: Wang and Song 2011, The R Journal 3/2 (2); Grønlund et al. 2017, arXiv:1701.07204
(divide and conquer). The bounds (3), (4) are ours; tests compare them with (2) over all places.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int

_FIRST, _LATER = 256, 128  # cells in the first round, and of one boundary in later ones
_MOST = 4096  # places of one boundary; were there more, divide and conquer would be quicker
_NOISE = 1e-12  # of Σ n x²: what float64's prefix sums may be wrong by

Places = Int[np.ndarray, "_"]
Costs = Float64[np.ndarray, "_"]
Kept = Bool[np.ndarray, "_ _"]  # (boundaries, cells)


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
    n = len(values)
    if k in (1, n):
        return np.linspace(0, n, k + 1).astype(np.int64)
    sums = _Sums.of(values, counts)
    edges = np.unique(np.searchsorted(sums.spread, np.linspace(0, sums.spread[-1], first + 1)))
    edges = np.union1d(edges, [0, n])
    starts, stops = edges[:-1], edges[1:]
    kept = np.ones((k - 1, len(starts)), bool)
    while True:
        grid = _Grid.of(sums, starts, stops, kept)
        if grid.mask.sum(axis=1).max() > _MOST:
            return _divide(sums, starts, stops, kept)
        rows = grid.rows(n, bool(kept.all()))
        tables = _tables(sums, rows)
        forward, choices = _forward(tables)
        found = _walk([row.place for row in rows], choices)
        if (stops - starts == 1).all():
            return found
        limit = sums.settled(found) + _NOISE * sums.scale
        backward = _backward(tables)
        total = np.concatenate(forward[1:-1]) + np.concatenate(backward[1:-1])
        good = np.zeros_like(grid.mask)
        good[grid.mask] = total <= limit
        kept &= good[:, grid.left] | good[:, grid.right]
        starts, stops, kept = _refine(sums, starts, stops, kept, later)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Prefix sums, from the median outward: a far outlier does not blur those in the middle."""

    x: Float64[np.ndarray, "_"]
    n: Float64[np.ndarray, "_"]
    s: Float64[np.ndarray, "_"]
    q: Float64[np.ndarray, "_"]
    spread: Float64[np.ndarray, "_"]  # equal steps make cells of equal a
    scale: float

    @classmethod
    def of(cls, x: np.ndarray, counts: np.ndarray) -> "_Sums":
        upto = np.zeros(len(x) + 1)
        np.cumsum(counts, out=upto[1:])  # exact: whole numbers
        middle = int(np.searchsorted(upto[1:], upto[-1] / 2))
        y = x - x[middle]

        def outward(f: np.ndarray) -> np.ndarray:
            sums = np.zeros(len(x) + 1)
            np.cumsum(f[middle:], out=sums[middle + 1 :])
            np.cumsum(f[:middle][::-1], out=sums[:middle][::-1])
            np.negative(sums[:middle], out=sums[:middle])
            return sums

        f = counts * y  # one array serves all: fresh memory takes longer than sums
        s = outward(f)
        f *= y
        q = outward(f)
        width = np.subtract(y[1:], y[:-1], out=f[1:])
        width *= upto[2:] - upto[:-2]
        np.sqrt(width, out=width)
        spread = np.zeros(len(x) + 1)
        np.cumsum(width, out=spread[1:-1])
        spread[-1] = spread[-2]
        return cls(y, upto, s, q, spread, float(q[-1] - q[0]))

    def mean(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Mean of each run i … j; 0 where it is empty."""
        return (self.s[j] - self.s[i]) / np.maximum(self.n[j] - self.n[i], 1)

    def cost(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Squared error of each run i … j, equation 1."""
        s = self.s[j] - self.s[i]
        return self.q[j] - self.q[i] - s * s / np.maximum(self.n[j] - self.n[i], 1)

    def means(self, i: Places, j: Places, apart: bool) -> Float64[np.ndarray, "_ _"]:
        """Mean of the run from every i (columns) to every j (rows)."""
        n = self.n[j][:, None] - self.n[i]
        s = self.s[j][:, None] - self.s[i]
        s /= n if apart else np.maximum(n, 1, out=n)
        return s

    def costs(self, i: Places, j: Places, apart: bool) -> Float64[np.ndarray, "_ _"]:
        """Squared error of the run from every i (columns) to every j (rows), equation 1."""
        n = self.n[j][:, None] - self.n[i]
        s = self.s[j][:, None] - self.s[i]
        s *= s
        s /= n if apart else np.maximum(n, 1, out=n)
        q = self.q[j][:, None] - self.q[i]
        q -= s
        return q

    def settled(self, edges: np.ndarray, rounds: int = 3) -> float:
        """Squared error after some of Lloyd's iterations: a better partition to compare with."""
        for _ in range(rounds):
            c = self.mean(edges[:-1], edges[1:])
            moved = np.searchsorted(self.x, (c[1:] + c[:-1]) / 2)
            if (np.diff(moved) <= 0).any():
                break
            edges = np.concatenate([edges[:1], moved, edges[-1:]])
        return float(self.cost(edges[:-1], edges[1:]).sum())

    def aside(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Return a of each cell i … j, equation 3; 0 where a boundary has no room inside."""
        mean = self.mean(i, j)
        above = np.clip(np.searchsorted(self.x, mean, side="right"), i, j)
        half = self.s[j] - self.s[above] - mean * (self.n[j] - self.n[above])
        return np.where(j - i > 1, 2 * np.maximum(half, 0), 0.0)


@dataclass(frozen=True, slots=True)
class _Row:
    """Where one boundary may lie: places, the cells around each, and the larger a of the two."""

    place: Places
    low: Places
    high: Places
    a: Costs


@dataclass(frozen=True, slots=True)
class _Grid:
    """All ends of cells, and for every boundary (rows) those where it may lie."""

    points: Places
    left: Places  # the end at which each cell starts
    right: Places
    mask: Kept
    low: Int[np.ndarray, "_ _"]
    high: Int[np.ndarray, "_ _"]
    a: Float64[np.ndarray, "_ _"]

    @classmethod
    def of(cls, sums: _Sums, starts: Places, stops: Places, kept: Kept) -> "_Grid":
        points = np.union1d(starts, stops)
        left, right = np.searchsorted(points, starts), np.searchsorted(points, stops)
        shape = (len(kept), len(points))
        mask, a = np.zeros(shape, bool), np.zeros(shape)
        low, high = np.tile(points, (len(kept), 1)), np.tile(points, (len(kept), 1))
        aside = np.where(kept, sums.aside(starts, stops), 0)
        mask[:, left], a[:, left], high[:, left] = kept, aside, np.where(kept, stops, starts)
        mask[:, right] |= kept
        a[:, right] = np.maximum(a[:, right], aside)
        low[:, right] = np.where(kept, starts, stops)
        return cls(points, left, right, mask, low, high, a)

    def rows(self, n: int, same: bool) -> list[_Row]:
        """Return the places of every boundary, both ends too; one object where all are the same."""
        first, last = (_Row(p, p, p, np.zeros(1)) for p in (np.array([0]), np.array([n])))
        if same:
            inner = [_Row(self.points, self.low[0], self.high[0], self.a[0])] * len(self.mask)
        else:
            at = [np.flatnonzero(row) for row in self.mask]
            inner = [
                _Row(self.points[j], self.low[m, j], self.high[m, j], self.a[m, j])
                for m, j in enumerate(at)
            ]
        return [first, *inner, last]


def _tables(sums: _Sums, rows: list[_Row]) -> list[Float64[np.ndarray, "_ _"]]:
    """Return c(i, j) less the most of (4) that run i … j can have; infinite where j is before i."""
    tables: list[np.ndarray] = []
    for m, (i, j) in enumerate(itertools.pairwise(rows)):
        if m > 1 and rows[m - 1] is i and i is j:
            tables.append(tables[-1])
            continue
        apart = bool(i.high[-1] < j.low[0])  # no run can be empty
        c = sums.costs(i.place, j.place, apart)
        if i.a.any():
            most = sums.means(i.high, j.high, apart)
            if not apart:
                np.copyto(most, sums.x[j.high - 1][:, None], where=i.high >= j.high[:, None])
            most *= i.a
            c -= most  # (4)
        if j.a.any():
            least = sums.means(i.low, j.low, apart)
            if not apart:
                np.copyto(least, sums.x[i.low], where=i.low >= j.low[:, None])
            least *= j.a[:, None]
            c += least  # (4)
        if not apart:
            c[i.place > j.place[:, None]] = np.inf
        tables.append(c)
    return tables


def _forward(tables: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """D_m at the places of every boundary, and which place before it is best, equation 2."""
    costs, choices = [np.zeros(1)], []
    for table in tables:
        total = table + costs[-1]
        choice = total.argmin(axis=1)
        costs.append(total[np.arange(len(total)), choice])
        choices.append(choice)
    return costs, choices


def _backward(tables: list[np.ndarray]) -> list[np.ndarray]:
    """Return what the runs behind every place cost at least."""
    costs = [np.zeros(1)]
    for table in reversed(tables):
        costs.append((table + costs[-1][:, None]).min(axis=0))
    return costs[::-1]


def _walk(places: list[np.ndarray], choices: list[np.ndarray]) -> np.ndarray:
    """Follow the choices from the last boundary to the first."""
    found, at = [int(places[-1][0])], 0
    for before, choice in zip(reversed(places[:-1]), reversed(choices), strict=True):
        at = int(choice[at])
        found.append(int(before[at]))
    return np.array(found[::-1])


def _refine(
    sums: _Sums, starts: Places, stops: Places, kept: Kept, later: int
) -> tuple[Places, Places, Kept]:
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


def _divide(sums: _Sums, starts: Places, stops: Places, kept: Kept) -> np.ndarray:
    """Equation 2 over all places of all kept cells: slower, but O(k n log n) whatever the data."""
    places = [np.array([0])]
    for row in kept:
        cells = [np.arange(i, j + 1) for i, j in zip(starts[row], stops[row], strict=True)]
        places.append(np.unique(np.concatenate(cells)))
    places.append(np.array([len(sums.x)]))
    cost, choices = np.zeros(1), []
    for before, here in itertools.pairwise(places):
        cost, choice = _monotone(sums, cost, before, here)
        choices.append(choice)
    return _walk(places, choices)


def _monotone(
    sums: _Sums, cost: Costs, before: Places, here: Places
) -> tuple[Costs, Int[np.ndarray, "_"]]:
    """Divide and conquer: the best place before j never moves left when j moves right."""
    best = np.full(len(here), np.inf)
    choice = np.zeros(len(here), np.int64)
    last = np.searchsorted(before, here, side="right") - 1  # no run ends before it begins
    known = np.zeros(len(here) + 2, np.int64)  # choices at both ends as well
    known[-1] = len(before) - 1
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
        value = cost[i] + sums.cost(before[i], here[row])
        value[before[i] > here[row]] = np.inf
        least = np.minimum.reduceat(value, first)
        hit = np.flatnonzero(value == np.repeat(least, length))[::-1]
        choice[row[hit]] = i[hit]  # reversed: of equals the first is written last
        best[j - 1] = least
        known[j] = choice[j - 1]
        stride = half
    return best, choice
