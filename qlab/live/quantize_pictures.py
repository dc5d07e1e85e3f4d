"""Five pictures of the Quantize instrument: levels, stairs, error, curve, flips."""

from collections.abc import Callable
from typing import Any

import numpy as np

from qlab import data, networks, plots
from qlab.live.figure import Figure
from qlab.live.legend import swatch
from qlab.live.quantize_state import QuantizeResult

ERRORS = (-1.25, 1.25, 100)  # first edge, last edge in steps, bins
BARS = 120  # of the float weights' histogram


def weights_figure() -> Figure:
    """Make the histogram of the weights: a bell before, a comb of levels after."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = art["ax"] = plots.style.dress(
            figure.add_axes((0.13, 0.17, 0.85, 0.8)), "weight", "weights (log scale)"
        )
        art["before"] = plots.histogram(ax, np.zeros(1, int), np.array([0.0, 1.0]))
        art["after"] = plots.levels(ax, np.zeros(1), np.zeros(1, int))
        return [art["after"]]

    def stage(r: QuantizeResult) -> None:
        end = r.limit
        art["before"].set_data(r.before, np.linspace(-end, end, BARS + 1))
        art["ax"].set(xlim=(-end, end), ylim=(0.7, 1.6 * r.before.sum()))

    return Figure(
        "weights",
        "Weights before and after",
        size=(400, 240),
        build=build,
        draw=lambda r: plots.set_levels(art["after"], r.levels, r.level_counts),
        key=lambda r: r.looks,  # not moved by bits of activations
        scene=lambda r: (r.base, r.layer),
        stage=stage,
        caption=swatch(plots.style.BEFORE)
        + f"float weights, in {BARS} bins &ensp; "
        + swatch(plots.style.AFTER, thin=True)
        + "a stem a level, as high as the number of weights on it",
        describe=lambda r: (
            f"Histogram of the weights: a smooth bell before, "
            f"{np.count_nonzero(r.level_counts)} separate levels after quantization."
        ),
    )


def stairs_figure() -> Figure:
    """Make the staircase: the quantizer as a function, at its widest and its narrowest step."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = art["ax"] = plots.style.dress(
            figure.add_axes((0.13, 0.17, 0.85, 0.8)), "weight before", "weight after"
        )
        x = np.zeros(1)
        art["wide"] = plots.staircase(ax, x, x)
        art["narrow"] = plots.staircase(ax, x, x, plots.style.ORANGE, "--")
        return [art["narrow"], art["wide"]]

    def stage(r: QuantizeResult) -> None:
        end = r.limit
        art["x"] = np.linspace(-end, end, r.stairs.shape[1])
        art["ax"].set(xlim=(-end, end), ylim=(-end, end))

    def draw(r: QuantizeResult) -> None:
        art["narrow"].set_data(art["x"], r.stairs[0])
        art["wide"].set_data(art["x"], r.stairs[1])
        art["narrow"].set_visible(r.steps[0] != r.steps[1])

    return Figure(
        "stairs",
        "The quantizer as a staircase",
        size=(400, 240),
        build=build,
        draw=draw,
        key=lambda r: r.looks,
        scene=lambda r: (r.base, r.layer),
        stage=stage,
        caption=swatch(plots.style.AFTER, thin=True)
        + "widest step &ensp; "
        + swatch(plots.style.ORANGE, thin=True)
        + "narrowest step, dashed, where scales differ &ensp; grey: no quantization",
        describe=lambda r: (
            f"Staircase of the quantizer, steps of {r.steps[0]:.3g} to {r.steps[1]:.3g}."
        ),
    )


def error_figure() -> Figure:
    """Make the histogram of the error in steps, between the marks at half a step."""
    art: dict[str, Any] = {}
    low, high, bins = ERRORS

    def build(figure: Any) -> list[Any]:
        ax = plots.style.dress(
            figure.add_axes((0.13, 0.17, 0.85, 0.8)), "error in steps", "relative frequency"
        )
        ax.set(xlim=(low, high), ylim=(0, 1.08), xticks=[-1, -0.5, 0, 0.5, 1])
        art["error"] = plots.error_histogram(
            ax, np.zeros(bins, int), np.linspace(low, high, bins + 1), plots.style.ERROR
        )
        (art["mean"],) = ax.plot([0, 0], [0, 1.08], color=plots.style.BLACK, lw=1.6)
        return [art["error"], art["mean"]]

    def draw(r: QuantizeResult) -> None:
        art["error"].set_data(r.error_counts / max(1, r.error_counts.max()))
        art["mean"].set_xdata([r.mean_error, r.mean_error])

    return Figure(
        "error",
        "Error of the weights",
        size=(400, 240),
        build=build,
        draw=draw,
        key=lambda r: r.looks,
        caption=swatch(plots.style.ERROR)
        + "after minus before, in steps (mean gaps, where levels are uneven) &ensp; black line: "
        "mean &ensp; "
        "dashed: half a step; beyond it lies what was clipped",
        describe=lambda r: (
            f"Histogram of the error in steps; its mean is {r.mean_error:.3f} steps."
        ),
    )


def curve_figure(known: Callable[[QuantizeResult], list[QuantizeResult]]) -> Figure:
    """Make the curve of accuracy against bits, as far as it is known, and where we are."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = plots.style.dress(
            figure.add_axes((0.13, 0.17, 0.85, 0.8)), "bits of weights", "accuracy (%)"
        )
        ax.set(xlim=(0.5, 16.5), xticks=[1, 2, 3, 4, 6, 8, 12, 16])
        plots.odds_axis(ax, 5, 99.7, [10, 25, 50, 75, 90, 97, 99])
        art["float"] = ax.axhline(99, color=plots.style.GREY, lw=0.9, ls=(0, (4, 3)))
        art["curve"] = plots.curve(ax)
        return list(art["curve"].artists)

    def draw(r: QuantizeResult) -> None:
        x, y, low, high, measured = points(known(r))
        plots.set_curve(art["curve"], x, y, low, high, measured, now=float(r.bits))

    return Figure(
        "curve",
        "Accuracy against bits",
        size=(400, 240),
        build=build,
        draw=draw,
        key=lambda r: (r.bits, tuple((p.bits, p.accuracy.value, p.accuracy.n) for p in known(r))),
        scene=lambda r: r.network,
        stage=lambda r: art["float"].set_ydata(
            [100 * networks.card(r.network)["test"]["value"]] * 2
        ),
        caption=swatch(plots.style.NOW, ring=True)
        + "here &ensp; ○ estimated &ensp; ● measured on all 10,000 &ensp; dashed: float",
        describe=lambda r: (
            f"Accuracy against bits; at {r.bits} bits {100 * r.accuracy.value:.1f} %."
        ),
    )


def flips_figure(test: Callable[[], data.Split]) -> Figure:
    """Make the sheet of ten images that the quantized network sees otherwise than the float one."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = figure.add_axes((0.01, 0.01, 0.98, 0.98))
        art["grid"] = plots.image_grid(ax, 2, 5)
        return list(art["grid"].artists)

    def draw(r: QuantizeResult) -> None:
        images = test()[np.array([i for i, _, _ in r.flips], dtype=int)].images.reshape(-1, 28, 28)
        words = [f"{was} → {now} (is {test().labels[i]})" for i, was, now in r.flips]
        plots.set_image_grid(art["grid"], images, words)

    return Figure(
        "flips",
        "Ten images whose prediction flipped",
        size=(400, 214),
        build=build,
        draw=draw,
        key=lambda r: (r.network, r.flips),
        live=False,
        caption="float network → quantized network (true digit)",
        describe=lambda r: (
            "Flipped predictions: "
            + (", ".join(f"{was} became {now}" for _, was, now in r.flips) or "none")
            + "."
        ),
    )


def points(known: list[QuantizeResult]) -> tuple[np.ndarray, ...]:
    """Turn results into the arrays of a curve: bits, accuracy, low, high in percent, measured."""
    return (
        np.array([float(p.bits) for p in known]),
        *(
            np.array([100 * getattr(p.accuracy, end) for p in known])
            for end in ("value", "low", "high")
        ),
        np.array([p.full for p in known], dtype=bool),
    )
