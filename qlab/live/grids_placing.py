"""Weights moved onto a grid: what every format of the Grids instrument gives its pictures."""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from qlab import codebooks, core, metrics
from qlab.codebooks import Coded
from qlab.core import Format, MiniFloat, QParams
from qlab.live.grids_code import MX, side_bytes
from qlab.live.grids_state import TABLES, GridsState
from qlab.live.grids_tables import table

MOST_STEMS = 512  # more levels than this are shown as fine bins of them
BINS_OF_LEVELS = 320  # then


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Placed:
    """A layer on a grid."""

    grid: Format | np.ndarray  # or the levels of the widest block
    levels: np.ndarray
    bits: int
    W_hat: np.ndarray  # flat
    held: np.ndarray  # levels with how many weights they hold, or fine bins of them
    counts: np.ndarray
    clipped: float
    side: int  # bytes beside the codes
    beside: str  # what they are
    blocks: int


def placed(
    s: GridsState, W: np.ndarray, shape: tuple[int, ...], limit: float
) -> Generator[None, None, Placed]:
    """Move the flat weights of a layer onto the grid of a state, in steps."""
    if s.format in TABLES:
        return (yield from _on_table(s, W.reshape(shape), limit))
    grid = s.grid()
    levels, q = core.levels(grid), core.encode(W, grid)
    yield
    W_hat = core.decode(q, grid)
    held, counts = _held(q, W_hat, grid, levels, limit)
    return Placed(
        grid=grid,
        levels=levels,
        bits=grid.spec.bits if isinstance(grid, QParams) else grid.bits,
        W_hat=W_hat,
        held=held,
        counts=counts,
        clipped=float(((W < levels[0]) | (W > levels[-1])).mean()),
        side=side_bytes(s),
        beside={0: "", 4: "a scale"}.get(side_bytes(s), "a scale, a zero point"),
        blocks=1,
    )


def coded(s: GridsState, W: np.ndarray) -> Coded:
    """Code a layer by one of the formats that have a table."""
    match s.format:
        case "kmeans" | "lloyd":
            kind = s.start if s.format == "lloyd" else "kmeans"
            levels = table(W, s.layer, kind, s.code_bits)
            return codebooks.learned(W, bits=s.code_bits, levels=levels)
        case "binary":
            return codebooks.xnor(W, **s.options())
        case "mxfp4" | "mxfp6" | "mxfp8":
            return codebooks.mx(W, bits=MX[s.format])
    return codebooks.METHODS[s.format](W, **s.options())


def _on_table(s: GridsState, W: np.ndarray, limit: float) -> Generator[None, None, Placed]:
    code = coded(s, W)
    yield
    scale = np.ones((), np.float32) if code.scale is None else code.scale
    W_hat, blocks = code.dequantize().ravel(), scale.size
    yield
    reach = core.spread(scale, code.granularity, W.shape)
    outside = (W < code.levels[0] * reach) | (W > code.levels[-1] * reach)
    levels = np.unique(code.levels) * scale.max()
    if blocks == 1:
        held, counts = levels, np.bincount(code.codes.ravel(), minlength=len(levels))
    elif blocks * len(levels) <= MOST_STEMS:
        held, counts = np.unique(W_hat, return_counts=True)
    else:
        held, counts = binned(W_hat, limit)
    return Placed(
        grid=levels,
        levels=levels,
        bits=code.bits,
        W_hat=W_hat,
        held=held,
        counts=counts,
        clipped=float(outside.mean()),
        side=code.bytes.total - code.bytes.codes,
        beside=_beside(code),
        blocks=1 if code.scale is None else blocks,
    )


def _beside(code: Coded) -> str:
    scales = 0 if code.scale is None else code.scale.size
    table = code.bytes.levels // 4
    said = {0: "", 1: "a scale"}.get(scales, f"{scales:,} scales")
    return ", ".join(filter(None, [said, {0: "", 1: "a breakpoint"}.get(table, "the table")]))


def binned(W_hat: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Middles and counts of fine bins, where levels are too many to be told apart."""
    h = metrics.histogram(np.clip(W_hat, -limit, limit), -limit, limit, BINS_OF_LEVELS)
    return (h.edges[:-1] + h.edges[1:]) / 2, h.counts


def _held(
    q: np.ndarray, W_hat: np.ndarray, grid: Format, levels: np.ndarray, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Levels and how many weights each holds; where too many hold some, fine bins of them."""
    if isinstance(grid, MiniFloat):  # its codes are a sign and a magnitude
        magnitude = q & (2 ** (grid.bits - 1) - 1)
        places = grid.top + np.where(q == magnitude, magnitude, -magnitude)
    else:
        places = q - core.encode(levels[:1], grid)
    counts = np.bincount(places, minlength=len(levels))
    if len(levels) > MOST_STEMS:
        held = counts > 0
        levels, counts = levels[held], counts[held]
    if len(levels) > MOST_STEMS:
        return binned(W_hat, limit)
    return levels, counts
