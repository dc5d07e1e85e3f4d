"""The three pictures of the Grids instrument: levels on a line, gaps, errors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from qlab import metrics, plots
from qlab.live.figure import Figure
from qlab.live.grids_state import GridsResult
from qlab.live.legend import swatch

SMALLEST = 1e-3  # magnitude on the logarithmic part of that line
WIDEST = 1e5  # ends of the logarithmic line; the largest level of all formats is 57,344
GAPS = (-6, 5)  # exponents of ten, both axes of the gaps
BINS = 80  # of weights, for the root mean square error
SAMPLE = 500  # weights whose errors are drawn one by one
SMALLEST_ERROR = -6  # exponent of ten
PLACE = (0.13, 0.17, 0.85, 0.8)


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """The weights of a layer and what the pictures need to know of them."""

    W: np.ndarray  # flat
    shape: tuple[int, ...]
    limit: float  # the largest, a little rounded up
    bins: np.ndarray  # of each weight, 0 … BINS − 1 along −limit … limit
    sample: np.ndarray  # indices
    body: tuple[float, float]  # 5th and 95th percentile of |W|

    @classmethod
    def of(cls, weights: np.ndarray) -> "Layer":
        """Look a layer over."""
        W = weights.ravel()
        limit = 1.04 * float(np.abs(W).max())
        bins = ((W + limit) * (BINS / (2 * limit))).astype(np.int32)
        rng = np.random.default_rng(0)
        sample = rng.choice(W.size, min(SAMPLE, W.size), replace=False)
        low, high = np.percentile(np.abs(W), [5, 95])
        return cls(W, weights.shape, limit, bins, sample, (float(low), float(high)))

    @property
    def centres(self) -> np.ndarray:
        """The middle of each bin."""
        return (np.arange(BINS) + 0.5) * (2 * self.limit / BINS) - self.limit


Find = Callable[[GridsResult], Layer]


def levels_figure(find: Find) -> Figure:
    """Make the line with its levels, below the weights before and after."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        top = art["top"] = plots.style.dress(
            figure.add_axes((0.13, 0.32, 0.85, 0.65)), "", "weights (log scale)"
        )
        art["before"] = plots.histogram(top, np.zeros(1, int), np.array([0.0, 1.0]))
        art["after"] = plots.levels(top, np.zeros(1), np.zeros(1, int))
        top.tick_params(labelbottom=False)
        line = art["line"] = plots.style.dress(
            figure.add_axes((0.13, 0.17, 0.85, 0.1)), "value", ""
        )
        line.set_yticks([])
        line.spines["left"].set_visible(False)
        art["levels"] = plots.number_line(line)
        return [art["after"], art["levels"]]

    def stage(r: GridsResult) -> None:
        layer, log = find(r), r.axis == "symlog"
        limit = WIDEST if log else layer.limit
        for ax in (art["top"], art["line"]):
            plots.signed_axis(ax, limit, log)
        if log:
            positive = np.geomspace(SMALLEST, WIDEST, 81)
            near = np.linspace(-SMALLEST, SMALLEST, 9)[1:-1]
            edges = np.concatenate([-positive[::-1], near, positive])
            art["before"].set_data(np.histogram(layer.W, edges)[0], edges)
        else:
            h = metrics.histogram(layer.W, -limit, limit, 120)
            art["before"].set_data(h.counts, h.edges)
        art["top"].set_ylim(0.7, 1.6 * layer.W.size)

    def draw(r: GridsResult) -> None:
        plots.set_levels(art["after"], r.held, r.counts)
        plots.set_number_line(art["levels"], r.drawn)

    return Figure(
        "levels",
        "The levels on a line",
        size=(400, 260),
        build=build,
        draw=draw,
        key=lambda r: r.key,
        scene=lambda r: (r.layer, r.axis),
        stage=stage,
        caption=swatch(plots.style.BEFORE)
        + "the float weights &ensp; "
        + swatch(plots.style.AFTER, thin=True)
        + "a stem a level that holds weights; below, a tick for every level of the grid "
        "(where blocks have scales, of the widest block)",
        describe=lambda r: (
            f"{r.levels} levels up to {r.largest:.3g}; the weights of {r.layer} stand on "
            f"{np.count_nonzero(r.counts)} of them."
        ),
    )


def gaps_figure(find: Find) -> Figure:
    """Make the staircase of gaps against magnitude."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = plots.style.dress(figure.add_axes(PLACE), "magnitude", "gap to the next level")
        plots.gap_axes(ax, *GAPS)
        art["body"] = ax.axvspan(0.01, 0.1, color=plots.style.BEFORE, alpha=0.6, lw=0)
        ax.axvline(1.0, color=plots.style.GREY, lw=0.9, ls=(0, (4, 3)))
        art["gaps"] = plots.gap_stairs(ax)
        return [art["gaps"]]

    def stage(r: GridsResult) -> None:
        low, high = find(r).body
        art["body"].set_x(low)
        art["body"].set_width(high - low)

    return Figure(
        "gaps",
        "The gap against the magnitude",
        size=(400, 260),
        build=build,
        draw=lambda r: plots.set_gap_stairs(art["gaps"], r.drawn, 10.0 ** GAPS[0]),
        key=lambda r: r.key,
        scene=lambda r: r.layer,
        stage=stage,
        caption=swatch(plots.style.AFTER, thin=True)
        + "gap between neighbours &ensp; "
        + swatch(plots.style.BEFORE)
        + "where 90 % of the weights are &ensp; dashed: 1. Level: the same gap everywhere; rising: "
        "a gap in proportion",
        describe=lambda r: (
            f"Gap above zero {r.smallest:.3g}, at 1 "
            + (f"{r.gap_at_1:.3g}." if np.isfinite(r.gap_at_1) else "none: the grid ends before.")
        ),
    )


def errors_figure(find: Find) -> Figure:
    """Make the errors of real weights against the weights, on one axis for all formats."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = art["ax"] = plots.style.dress(figure.add_axes(PLACE), "weight", "error (log scale)")
        plots.decade_axis(ax, SMALLEST_ERROR, 0)
        (art["dots"],) = ax.plot([], [], "o", ms=2.2, color=plots.style.SKY, ls="none", mew=0)
        (art["rms"],) = ax.plot([], [], color=plots.style.ERROR, lw=1.8)
        return [art["dots"], art["rms"]]

    def draw(r: GridsResult) -> None:
        layer = find(r)
        art["dots"].set_data(layer.W[layer.sample], r.errors)
        art["rms"].set_data(layer.centres, r.rms)

    return Figure(
        "errors",
        "The error of the weights",
        size=(400, 260),
        build=build,
        draw=draw,
        key=lambda r: r.key,
        scene=lambda r: r.layer,
        stage=lambda r: art["ax"].set_xlim(-find(r).limit, find(r).limit),
        caption=swatch(plots.style.SKY, round=True)
        + f"the error of {SAMPLE} weights &ensp; "
        + swatch(plots.style.ERROR, thin=True)
        + "root mean square of all weights around there",
        describe=lambda r: f"Errors of the weights of {r.layer}; signal to noise {r.sqnr:.2f} dB.",
    )
