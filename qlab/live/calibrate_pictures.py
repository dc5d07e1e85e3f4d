"""The three pictures of the Calibrate instrument: the theatre, accuracy, and more images."""

from collections.abc import Callable
from typing import Any

import numpy as np

from qlab import networks, plots, ranges
from qlab.live.calibrate_sources import PLACES, Source
from qlab.live.calibrate_state import ALL_IMAGES, CalibrateResult, words
from qlab.live.figure import Figure
from qlab.live.legend import swatch
from qlab.metrics import Measured

LEFT, WIDTH = 0.235, 0.735  # of the theatre's axes, which share the clip point
REACH = 1.03  # of the largest: the end of that axis
METHODS = list(ranges.METHODS)
WANDERERS = {"minmax": ("s", "--"), "percentile": ("D", ":"), "mse": ("o", "-")}
COLOURS = {
    "minmax": plots.style.VERMILLION,
    "percentile": plots.style.GREEN,
    "mse": plots.style.BLUE,
}
Find = Callable[[CalibrateResult], Source]


def theatre_figure(find: Find, choose: Callable[[int], None]) -> Figure:
    """Make the histogram, the errors and the methods' rows above one axis of clip points."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        top, middle, rows = (
            plots.style.dress(figure.add_axes((LEFT, bottom, WIDTH, height)), "", label)
            for bottom, height, label in (
                (0.69, 0.29, "values (log scale)"),
                (0.385, 0.275, "mean squared error"),
                (0.08, 0.275, ""),
            )
        )
        for ax in (top, middle):
            ax.tick_params(labelbottom=False)
        rows.set_xlabel("magnitude, and clip point", color=plots.style.INK, labelpad=2)
        rows.xaxis.label.set_fontsize(plots.style.TEXT)
        art.update(axes=(top, middle, rows), values=plots.clip_histogram(top))
        art["errors"] = plots.error_curves(middle, len(METHODS))
        art["rows"] = plots.method_rows(rows, [words(name) for name in METHODS])
        rows.spines["left"].set_visible(False)
        moving = (art[name].artists for name in ("values", "errors", "rows"))
        return [artist for part in moving for artist in part]

    def stage(r: CalibrateResult) -> None:
        source, end = find(r), r.largest or 1.0
        for ax in art["axes"]:
            ax.set_xlim(0, REACH * end)
        art["axes"][0].set_ylim(0.7, 1.6 * source.counts.max())
        art["edges"] = np.linspace(0, end, len(source.counts) + 1)
        art["values"].values.set_data(source.counts, art["edges"])
        least, most = (source.curve(bits).total for bits in (8, 2))  # one axis for all bits
        low, high = np.floor(np.log10(least.min())), np.ceil(np.log10(most.max()))
        plots.decade_axis(art["axes"][1], int(low), int(high))

    def draw(r: CalibrateResult) -> None:
        plots.set_clip_histogram(
            art["values"], r.clip, r.seen, art["edges"], r.levels, r.level_counts
        )
        errors = find(r).curve(r.bits)
        places = PLACES * r.largest
        plots.set_error_curves(art["errors"], places, errors.clipping, errors.rounding)
        marks = {METHODS.index(name): found for name, found in r.found.items()}
        plots.set_error_point(art["errors"], r.clip, (r.clipping, r.rounding), marks)
        clips = {k: clip for k, (clip, _) in marks.items()}
        others = {METHODS.index(name): draws for name, draws in r.draws.items()}
        plots.set_method_rows(art["rows"], r.clip, clips, others)

    figure = Figure(
        "theatre",
        "Clip or round: one point decides",
        size=(400, 560),
        build=build,
        draw=draw,
        key=lambda r: (r.key, r.clip, r.progress),
        scene=lambda r: r.source,
        stage=stage,
        on_pick=lambda r, x, y: choose(int(np.clip(round(100 * x / (r.largest or 1)), 1, 100))),
        drags=True,
        caption=swatch(plots.style.BEFORE)
        + "all values "
        + swatch(plots.style.SKY, thin=True)
        + "those of the drawn images "
        + swatch(plots.style.BLUE, thin=True)
        + "levels<br>"
        + "<b>╌ ╌</b> clipping &ensp; <b>· · ·</b> rounding &ensp; <b>──</b> their sum &ensp; "
        + "<b>▬</b> its minimum &ensp; <b>◯</b> here<br>"
        + "in its row and on the sum: the shape of each method; <b>|</b> its choice from other "
        + "draws. <b>Press or drag</b> in the picture, or use the slider.",
        describe=_theatre_in_words,
    )
    figure.image.add_class("qlab-tall")
    return figure


def _theatre_in_words(r: CalibrateResult) -> str:
    marks = ", ".join(f"{words(name)} {clip:.3g}" for name, (clip, _) in r.found.items())
    return (
        f"Histogram of magnitudes up to {r.largest:.3g}, clipped at {r.clip:.3g}. Clipping error "
        f"{r.clipping:.3g}, rounding error {r.rounding:.3g}; their sum is smallest at "
        f"{r.best[0]:.3g}. Methods clip at: {marks}."
    )


def accuracy_figure(known: Callable[[CalibrateResult], list[tuple[float, Measured]]]) -> Figure:
    """Make the curve of accuracy against the clip point, as far as it is known."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = plots.style.dress(
            figure.add_axes((0.13, 0.17, 0.85, 0.8)),
            "clip point (% of the largest)",
            "accuracy (%)",
        )
        ax.set(xlim=(0, 103), xticks=[0, 20, 40, 60, 80, 100])
        plots.odds_axis(ax, 5, 99.7, [10, 25, 50, 75, 90, 97, 99])
        art["float"] = ax.axhline(99, color=plots.style.GREY, lw=0.9, ls=(0, (4, 3)))
        art["curve"] = plots.curve(ax)
        return list(art["curve"].artists)

    def draw(r: CalibrateResult) -> None:
        points = known(r)
        x = np.array([100 * clip / r.largest for clip, _ in points])
        y, low, high = (
            np.array([100 * getattr(found, end) for _, found in points])
            for end in ("value", "low", "high")
        )
        full = np.array([found.source == "measured" for _, found in points], dtype=bool)
        plots.set_curve(art["curve"], x, y, low, high, full, now=100 * r.clip / r.largest)

    return Figure(
        "accuracy",
        "Accuracy against the clip point",
        size=(400, 240),
        build=build,
        draw=draw,
        key=lambda r: (
            r.source,
            r.bits,
            r.clip,
            tuple((clip, found.value, found.n) for clip, found in known(r)),
        ),
        scene=lambda r: r.source[0],
        stage=lambda r: art["float"].set_ydata(
            [100 * networks.card(r.source[0])["test"]["value"]] * 2
        ),
        caption="<b>◯</b> here &ensp; ○ estimated &ensp; ● measured on all 10,000 test images, "
        "which choose nothing &ensp; dashed: float",
        describe=lambda r: (
            f"Accuracy against the clip point; clipped at {r.clip:.3g} it is "
            f"{100 * r.accuracy.value:.1f} %."
        ),
    )


def images_figure() -> Figure:
    """Make the clip points of three methods as they see more images."""
    art: dict[Any, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = art["ax"] = plots.style.dress(
            figure.add_axes((0.13, 0.17, 0.85, 0.8)), "calibration images", "clip point"
        )
        ax.set_xscale("log", base=2)
        stops = [1, 4, 16, 64, 256, 1024]
        ax.set_xlim(0.8, 1290)
        ax.set_xticks(stops, [f"{n:,}" for n in stops])
        (art["line"],) = ax.plot([], [], color=plots.style.NOW, lw=1.2)
        for name, (shape, dash) in WANDERERS.items():
            (art[name],) = ax.plot(
                [], [], shape, ls=dash, color=COLOURS[name], ms=5, lw=1.5, mec="white", mew=0.6
            )
            (art[name, "draws"],) = ax.plot(
                [], [], shape, ls="none", mfc="none", mec=COLOURS[name], ms=7, mew=1.0
            )
        return [artist for key, artist in art.items() if key != "ax"]

    def draw(r: CalibrateResult) -> None:
        images = r.draw[0]
        art["line"].set_data([images, images], art["ax"].get_ylim())
        for name in WANDERERS:
            path = r.path.get(name, np.empty((0, 2)))
            art[name].set_data(path[:, 0], path[:, 1])
            draws = r.draws.get(name, np.zeros(0))
            art[name, "draws"].set_data(np.full(len(draws), images), draws)

    return Figure(
        "images",
        "With more images",
        size=(400, 240),
        build=build,
        draw=draw,
        key=lambda r: (r.source, r.bits, r.draw, r.progress),
        scene=lambda r: r.source,
        stage=lambda r: art["ax"].set_ylim(0, 1.08 * (r.largest or 1.0)),
        caption="<b>■ ╌ ╌</b> minmax &ensp; <b>◆ · · ·</b> percentile &ensp; <b>● ──</b> MSE "
        "&ensp; hollow: ten draws of as many images as are set",
        describe=_images_in_words,
    )


def _images_in_words(r: CalibrateResult) -> str:
    if r.source[1] == "weights":
        return "Weights are known whole: no number of images moves a clip point."
    parts = [
        f"{words(name)} from {path[0, 1]:.3g} with {path[0, 0]:.0f} to {path[-1, 1]:.3g} with "
        f"{path[-1, 0]:.0f}"
        for name, path in r.path.items()
        if len(path)
    ]
    found = "; ".join(parts) or "being computed"
    return f"Clip points against calibration images, at most {ALL_IMAGES:,}: {found}."
