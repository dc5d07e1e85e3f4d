"""What the pictures of the Quantize instrument show of quantized weights, whatever the grid.

An even grid has a step. Any other has the mean gap between its levels, block by block:

    step = scale · (highest level − lowest level) / (levels − 1)                       (1)

and as staircase what became of the weights themselves: x̂ of the weight nearest to x.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from qlab import core, metrics, networks
from qlab.codebooks import Coded
from qlab.core import PerTensor, QParams, QuantSpec
from qlab.live.quantize_pictures import ERRORS
from qlab.networks import Network

BINS = 320  # of the weight histogram, about one a pixel
MOST_LEVELS = 256  # more, or more tables than one, are shown as fine bins
Small = networks.Quantized | networks.CodedNetwork


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What is drawn and written of the weights."""

    errors: metrics.Errors
    error_counts: np.ndarray
    mean_error: float
    levels: np.ndarray
    level_counts: np.ndarray
    stairs: np.ndarray  # (2, points)
    steps: tuple[float, float]

    @classmethod
    def of(
        cls,
        W: np.ndarray,
        W_hat: np.ndarray,
        in_steps: np.ndarray,
        levels: tuple[np.ndarray, np.ndarray],
        stairs: np.ndarray,
        steps: tuple[float, float],
    ) -> "Look":
        """Measure the errors, and take the rest as it is."""
        counts = metrics.histogram(in_steps, *ERRORS).counts
        mean = float(in_steps.mean())
        return cls(metrics.errors(W, W_hat), counts, mean, *levels, stairs, steps)


def look_coded(
    net: Network, small: networks.CodedNetwork, x: np.ndarray, limit: float
) -> Generator[None, None, Look]:
    """Look at weights on a codebook's levels, equation 1; ``x`` is where the stairs are drawn."""
    W = {name: net.weights[name] for name in small.coded}
    gaps = {name: _gaps(coded) for name, coded in small.coded.items()}
    blocks = [(float(g), name, i) for name, gap in gaps.items() for i, g in enumerate(gap.ravel())]
    yield
    each = {k: np.broadcast_to(_each(gaps[k], c), c.codes.shape) for k, c in small.coded.items()}
    before, after, step = (
        np.concatenate([parts[name].ravel() for name in W])
        for parts in (W, small.network.weights, each)
    )
    yield
    ends = (min(blocks), max(blocks))
    stairs = np.stack(
        [_tread(W[k], small.network.weights[k], small.coded[k], i, x) for _, k, i in ends]
    )
    yield
    levels = _coded_levels(list(small.coded.values()), after, limit)
    return Look.of(before, after, (after - before) / step, levels, stairs, (ends[0][0], ends[1][0]))


def _gaps(coded: Coded) -> np.ndarray:
    """Mean gap between the levels of every block, equation 1; compact, 1 where there is none."""
    shape = coded.granularity.compact_shape(coded.codes.shape)
    lowest, highest = coded.levels[..., 0], coded.levels[..., -1]
    gap = (highest - lowest) / max(1, coded.levels.shape[-1] - 1)
    gap = np.broadcast_to(gap.reshape(-1) if gap.size > 1 else gap, (int(np.prod(shape)),))
    if coded.scale is not None:
        gap = gap * coded.scale.ravel()
    return np.where(gap > 0, gap, 1.0).reshape(shape)


def _each(gaps: np.ndarray, coded: Coded) -> np.ndarray:
    return np.asarray(core.spread(gaps, coded.granularity, coded.codes.shape))


def _tread(W: np.ndarray, W_hat: np.ndarray, coded: Coded, block: int, x: np.ndarray) -> np.ndarray:
    """Find what became of the weight of a block that is nearest to each x."""
    shape = coded.granularity.compact_shape(W.shape)
    number = np.arange(int(np.prod(shape))).reshape(shape)
    inside = np.broadcast_to(core.spread(number, coded.granularity, W.shape), W.shape) == block
    w, w_hat = W[inside], W_hat[inside]
    order = np.argsort(w)
    w, w_hat = w[order], w_hat[order]
    place = np.searchsorted((w[1:] + w[:-1]) / 2, x)
    return w_hat[place]


def _coded_levels(
    coded: list[Coded], W_hat: np.ndarray, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Levels and how many weights each holds; where they are too many, fine bins of them."""
    one = all(c.levels.shape[-1] == c.levels.size <= MOST_LEVELS for c in coded)
    if one and all(c.scale is None or c.scale.size == 1 for c in coded):
        scale = [1.0 if c.scale is None else float(c.scale.ravel()[0]) for c in coded]
        levels = [c.levels.ravel() * s for c, s in zip(coded, scale, strict=True)]
        counts = [np.bincount(c.codes.ravel(), minlength=c.levels.size) for c in coded]
        return np.concatenate(levels), np.concatenate(counts)
    return _binned(W_hat, limit)


def affine_levels(
    small: networks.Quantized, chosen: list[str], W_hat: np.ndarray, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Levels and how many weights each holds; where they are too many, fine bins of them."""
    spec = next(iter(small.qparams.values())).spec
    whole = all(r.offset is None and r.input_scale is None for r in small.repaired.values())
    if spec.granularity == PerTensor() and spec.bits <= 8 and whole:
        codes = np.arange(spec.quant_min, spec.quant_max + 1, dtype=np.int32)
        positions = [core.dequantize(codes, small.qparams[name]) for name in chosen]
        counts = [metrics.code_counts(small.codes[name], spec) for name in chosen]
        return np.concatenate(positions), np.concatenate(counts)
    return _binned(W_hat, limit)


def _binned(W_hat: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    h = metrics.histogram(np.clip(W_hat, -limit, limit), -limit, limit, BINS)
    return (h.edges[:-1] + h.edges[1:]) / 2, h.counts


def extreme_scales(qparams: Any) -> tuple[QParams, QParams]:
    """Scalar QParams of the narrowest and the widest step among all blocks."""
    scale = np.concatenate([q.scale.ravel() for q in qparams.values()])
    zero = np.concatenate([q.zero_point.ravel() for q in qparams.values()])
    spec = next(iter(qparams.values())).spec
    one = QuantSpec(bits=spec.bits, signed=spec.signed, symmetric=spec.symmetric)
    ends = (int(scale.argmin()), int(scale.argmax()))
    narrow, wide = (QParams(np.array(scale[i]), np.array(zero[i]), one) for i in ends)
    return narrow, wide
