"""The best partition of sorted numbers into k runs: exact one-dimensional k-means.

    c(i, j) = Q_j − Q_i − (S_j − S_i)² / (N_j − N_i)                squared error of one run   (1)
    D_m(j)  = min_i D_{m−1}(i) + c(i, j)                            the best m runs before j   (2)

x_t  the different values, ascending;  n_t  how often each occurs;  N_i, S_i, Q_i  the sums of n,
n x and n x² over t < i;  c_m  the mean of run m.

Prefix sums give (1) in constant time, but (2) over all places takes seconds for a layer of
weights. So boundaries are sought from coarse to fine, in cells of neighbouring places. Let
boundary m of the best partition lie in the cell i … j. Of the numbers x_i … x_{j−1} between its
places, those up to the middle M of two means are in run m, the others in run m + 1. So

    error of x = ½ (x − c_m)² + ½ (x − c_{m+1})² − (c_{m+1} − c_m) |x − M|                    (3)

M lies between x_{i−1} and x_j. Let w be the larger of Σ n |x − M| at these two: between them it
is no more. So half of the cell counts for either run, and all the w together take at most
(w_start − w_end) c_m off run m, also where a cell holds several boundaries. Were c_m free to make
the rest the least, that would be (1) again: a cell is as good as a place that has

    N = (N_i + N_j) / 2        S = (S_i + S_j − w) / 2        Q = (Q_i + Q_j) / 2             (4)

and (2) is a lower bound. Runs from cell to cell whose bound lies above a partition that is known
are none of the best one's. They are dropped and the cells of the others cut, until each is one
place; then w is 0 and (2) exact.

Source: Wang and Song 2011, The R Journal 3/2 (2); Grønlund et al. 2017, arXiv:1701.07204
(divide and conquer). The bound (4) is ours; tests compare it with (2) over all places.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int

_FIRST, _LATER = 24, 20_000  # cells of a boundary in the first round; runs in later ones
_MOST = 6_000_000  # runs from cell to cell; were there more, divide and conquer would be quicker
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
    """Cut ``values`` into ``k`` runs of the smallest squared error, equations 2 and 4.

    Parameters
    ----------
    values
        Different numbers, ascending.
    counts
        How often each occurs, at least 1.
    k
        Runs, 1 … len(values).
    first, later
        About how many cells a boundary has in the first round, and how many runs from cell to
        cell are looked at in later ones. They change the time that it takes and nothing else.

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
    runs = _Runs.coarse(sums, k, first)
    while len(runs.p) <= _MOST:
        w = sums.slack(runs.i, runs.j)
        c = sums.bound(runs, w)
        ahead, behind = runs.least(c, sums.left, sums.right)
        total = ahead[runs.p] + c
        found = runs.walk(total == ahead[runs.q])
        if (runs.i == runs.j).all():
            return found
        total += behind[runs.q]
        limit = sums.settled(found) + _NOISE * (sums.left + sums.right)
        runs = runs.cut(total <= limit, w, later)
    return _divide(sums, runs)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Prefix sums, from the median outward: a far outlier does not blur those in the middle.

    Every partition adds up the same Q, so (1) goes without it; ``left`` and ``right`` are what
    the numbers on either side of the median have of it.
    """

    x: Float64[np.ndarray, "_"]
    n: Float64[np.ndarray, "_"]
    s: Float64[np.ndarray, "_"]
    left: float
    right: float

    @classmethod
    def of(cls, x: np.ndarray, counts: np.ndarray) -> "_Sums":
        n = np.zeros(len(x) + 1)
        np.cumsum(counts, out=n[1:])  # exact: whole numbers
        middle = int(np.searchsorted(n[1:], n[-1] / 2))
        y = x - x[middle]
        s = np.zeros(len(x) + 1)
        f = np.multiply(counts, y, out=s[1:])  # summed where it is: fresh memory takes longer
        left, right = f[:middle] @ y[:middle], f[middle:] @ y[middle:]
        np.cumsum(f[middle:], out=f[middle:])
        np.cumsum(f[:middle][::-1], out=s[:middle][::-1])
        np.negative(s[:middle], out=s[:middle])
        s[middle] = 0
        return cls(y, n, s, float(left), float(right))

    def cost(self, i: Places, j: Places) -> Costs:
        """Squared error of each run i … j, equation 1 without Q; 0 where it is empty."""
        s = self.s[j] - self.s[i]
        return -s * s / np.maximum(self.n[j] - self.n[i], 1)

    def slack(self, i: Places, j: Places) -> Costs:
        """Return w of each cell i … j, equation 3."""
        n, s = self.n[j] - self.n[i], self.s[j] - self.s[i]
        low, high = self.x[i - 1], self.x[np.minimum(j, len(self.x) - 1)]
        return np.maximum(np.maximum(s - n * low, n * high - s), 0)

    def bound(self, runs: "_Runs", w: Costs) -> Costs:
        """Equation 1 without Q for runs from cell to cell, equation 4; infinite if empty."""
        N = (self.n[runs.i] + self.n[runs.j]) / 2
        S = (self.s[runs.i] + self.s[runs.j] - w) / 2
        c = S.take(runs.q) - S.take(runs.p)
        c *= c
        less = N.take(runs.p) - N.take(runs.q)
        c /= np.minimum(less, -0.5, out=less)  # 0 from a cell to itself
        c[runs.i.take(runs.p) >= runs.j.take(runs.q)] = np.inf
        return c

    def settled(self, edges: Places, rounds: int = 3) -> float:
        """Squared error after some of Lloyd's iterations: a better partition to compare with."""
        for _ in range(rounds):
            s, n = np.diff(self.s[edges]), np.diff(self.n[edges])
            c = s / np.maximum(n, 1)
            moved = np.searchsorted(self.x, (c[1:] + c[:-1]) / 2)
            if (np.diff(moved) <= 0).any():
                break
            edges = np.concatenate([edges[:1], moved, edges[-1:]])
        return self.left + self.right + float(self.cost(edges[:-1], edges[1:]).sum())


@dataclass(frozen=True, slots=True)
class _Runs:
    """The runs of which a partition may consist, each from a cell of one boundary to the next's.

    Cells are in the order of boundaries, runs too. Any two cells are the same places or have none
    in common.
    """

    m: Places  # the boundary of each cell
    i: Places  # its first place
    j: Places  # its last place
    p: Places  # the cell where each run starts
    q: Places  # and where it ends

    @classmethod
    def coarse(cls, sums: _Sums, k: int, first: int) -> "_Runs":
        """Return all runs between the same cells for every boundary, of much the same √w."""
        n = len(sums.x)
        edges, wide = np.array([1, n]), np.ones(1, bool)
        while wide.any():
            root = np.sqrt(sums.slack(edges[:-1], edges[1:] - 1))
            wide = root > root.sum() / first
            edges = np.sort(np.append(edges, (edges[:-1] + edges[1:])[wide] // 2))
        each = np.arange(len(edges) - 1)
        at = 1 + len(each) * np.arange(k)  # of the first cell of every boundary
        before, after = np.triu_indices(len(each))
        return cls(
            np.concatenate([[0], np.repeat(np.arange(1, k), len(each)), [k]]),
            np.concatenate([[0], np.tile(edges[:-1], k - 1), [n]]),
            np.concatenate([[0], np.tile(edges[1:] - 1, k - 1), [n]]),
            np.concatenate([0 * each, np.add.outer(at[:-2], before).ravel(), at[-2] + each]),
            np.concatenate([1 + each, np.add.outer(at[1:-1], after).ravel(), at[-1] + 0 * each]),
        )

    def least(self, c: Costs, left: float, right: float) -> tuple[Costs, Costs]:
        """D at every cell, equation 2, and what the runs behind the cell cost at least."""
        ahead, behind = np.full((2, len(self.m)), np.inf)
        ahead[0], behind[-1] = left, right
        ends = np.searchsorted(self.m[self.p], np.arange(self.m[-1] + 1))
        steps = [(self.p[a:b], self.q[a:b], c[a:b]) for a, b in itertools.pairwise(ends)]
        for p, q, cost in steps:
            np.minimum.at(ahead, q, ahead[p] + cost)
        for p, q, cost in reversed(steps):
            np.minimum.at(behind, p, behind[q] + cost)
        return ahead, behind

    def walk(self, best: Bool[np.ndarray, "_"]) -> Places:
        """Follow the best runs from the last cell to the first: a place in each."""
        before = np.zeros(len(self.m), np.int64)
        before[self.q[best]] = self.p[best]
        path = [len(before) - 1]
        while path[-1]:
            path.append(int(before[path[-1]]))
        return (self.i + self.j)[path[::-1]] // 2

    def cut(self, kept: Bool[np.ndarray, "_"], w: Costs, later: int) -> "_Runs":
        """Cut the cells of the kept runs: into a few, or only the wide ones if runs are many."""
        p, q = self.p[kept], self.q[kept]
        used = np.zeros(len(self.m), bool)
        used[p] = used[q] = True
        size = self.j - self.i + 1
        few = math.isqrt(later // len(p))
        parts = np.maximum(few, 2) if few else np.where(w >= w[used].mean(), 2, 1)
        parts = np.where(used, np.minimum(parts, size), 0)
        start = np.cumsum(parts) - parts
        cell, part = _expand(np.arange(len(size)), 0 * parts, parts)
        run, p = _expand(p, start, parts)
        also, q = _expand(q[run], start, parts)
        i, size, parts = self.i[cell], size[cell], parts[cell]
        j = i + (part + 1) * size // parts - 1
        return _Runs(self.m[cell], i + part * size // parts, j, p[also], q)


def _expand(cells: Places, start: Places, count: Places) -> tuple[Places, Places]:
    """Replace each cell by its numbers start … start + count − 1: where it stood, and these."""
    many = count[cells]
    entry = np.repeat(np.arange(len(cells)), many)
    return entry, np.arange(len(entry)) + np.repeat(start[cells] - np.cumsum(many) + many, many)


def _divide(sums: _Sums, runs: _Runs) -> Places:
    """Equation 2 over all places of all cells: slower, but O(k n log n) whatever the data."""
    cell, place = _expand(np.arange(len(runs.m)), runs.i, runs.j - runs.i + 1)
    places = np.split(place, np.flatnonzero(np.diff(runs.m[cell])) + 1)
    cost, choices = np.array([sums.left]), []
    for before, here in itertools.pairwise(places):
        cost, choice = _monotone(sums, cost, before, here)
        choices.append(choice)
    at, found = 0, [len(sums.x)]
    for before, choice in zip(reversed(places[:-1]), reversed(choices), strict=True):
        at = int(choice[at])
        found.append(int(before[at]))
    return np.array(found[::-1])


def _monotone(
    sums: _Sums, cost: Costs, before: Places, here: Places
) -> tuple[Costs, Int[np.ndarray, "_"]]:
    """Divide and conquer: the best place before j never moves left when j moves right."""
    best = np.full(len(here), np.inf)
    choice = np.zeros(len(here), np.int64)
    last = np.searchsorted(before, here) - 1  # no run is empty
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
        value[before[i] >= here[row]] = np.inf
        least = np.minimum.reduceat(value, first)
        hit = np.flatnonzero(value == np.repeat(least, length))[::-1]
        choice[row[hit]] = i[hit]  # reversed: of equals the first is written last
        best[j - 1] = least
        known[j] = choice[j - 1]
        stride = half
    return best, choice
