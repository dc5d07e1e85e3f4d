"""The four pictures of the Integer instrument: the sum, the gauge, the logits, the curve."""

from collections.abc import Callable
from typing import Any

import numpy as np

from qlab import networks, plots
from qlab.live.figure import Figure
from qlab.live.integer_state import IntegerResult
from qlab.live.legend import line, swatch
from qlab.plots.style import BLUE, GREY, INK, ORANGE, VERMILLION, dress

PLACE = (0.15, 0.17, 0.83, 0.79)
LOGITS = (-40, 36)  # what all networks' calibration images reach
WIDTHS = range(8, 33)  # of the accumulator


def running_figure() -> Figure:
    """Make the running sum of one neuron between the ends of its register."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> Any:
        ax = art["ax"] = dress(figure.add_axes(PLACE), "products, in their order", "sum")
        art["sum"] = plots.running(ax)
        return art["sum"].artists

    def draw(r: IntegerResult) -> None:
        plots.set_running(art["sum"], r.walk.sums, r.walk.registers, r.ends, r.reach)

    def describe(r: IntegerResult) -> str:
        wrong = int(r.walk.registers[-1] != r.walk.sums[-1])
        return (
            f"Running sum of {len(r.walk.products)} products for output {r.walk.output} of "
            f"{r.layer}: it ends at {r.walk.sums[-1]:,} and takes {r.walk.bits} bits. The register "
            f"of {r.accumulator_bits} bits holds {r.walk.registers[-1]:,}"
            + (", which is wrong." if wrong else ".")
        )

    return Figure(
        "sum",
        "One sum, product by product",
        size=(400, 260),
        build=build,
        draw=draw,
        key=lambda r: (r.key, r.reach),
        scene=lambda r: (len(r.walk.products), _reach(r)),
        stage=lambda r: plots.scale_running(art["ax"], len(r.walk.products), _reach(r)),
        caption=f"{line(GREY, 'dashed')}the true sum &ensp; {line(BLUE, 'solid')}what the "
        f"register holds &ensp; {line(VERMILLION, 'dotted')}its ends &ensp; "
        f"{line(ORANGE, 'solid')}at the right: from the lowest to the highest sum of many images",
        describe=describe,
    )


def gauge_figure() -> Figure:
    """Make the gauge: bits needed by layer, and bits that there are."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> Any:
        ax = art["ax"] = dress(figure.add_axes((0.21, 0.17, 0.77, 0.79)), "bits", "")
        art["gauge"] = plots.gauge(ax)
        return art["gauge"].artists

    def draw(r: IntegerResult) -> None:
        needed = [r.walk.bits, r.reach_bits, *r.needs.values(), r.multiplier_bits]
        worst = [np.nan, np.nan, *r.worst.values(), np.nan]
        width = [r.accumulator_bits] * (len(needed) - 1) + [31]
        plots.set_gauge(art["gauge"], np.array(needed), np.array(worst), np.array(width))

    def stage(r: IntegerResult) -> None:
        names = ["this sum", "this neuron", *(f"all of {name}" for name in r.needs)]
        plots.name_gauge(art["ax"], [*names, "multiplier"])

    return Figure(
        "gauge",
        "How full the registers get",
        size=(400, 260),
        build=build,
        draw=draw,
        key=lambda r: (r.key, tuple(r.needs.values()), r.reach),
        scene=lambda r: r.network,
        stage=stage,
        caption=swatch(BLUE)
        + "bits needed, for many images &ensp; "
        + f'<span style="color:{VERMILLION}" aria-hidden="true">▨</span> what does not fit &ensp; '
        + f'<span style="color:{INK}" aria-hidden="true">┃</span> the register &ensp; '
        + f'<span style="color:{INK}" aria-hidden="true">◇</span> the worst that any image can do',
        describe=lambda r: (
            f"Bits needed, of {r.accumulator_bits}: this sum {r.walk.bits}; "
            + "; ".join(f"{k} {v}, at worst {r.worst[k]}" for k, v in r.needs.items())
            + "."
        ),
    )


def logits_figure() -> Figure:
    """Make the image, and its logits in integers and in floats."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> Any:
        art["digit"] = plots.image_grid(figure.add_axes((0.01, 0.2, 0.26, 0.7)), 1, 1)
        ax = dress(figure.add_axes((0.39, 0.17, 0.59, 0.79)), "class", "logit")
        ax.set_ylim(*LOGITS)
        art["pairs"] = plots.pairs(ax, 10)
        return [*art["digit"].artists, *art["pairs"].artists]

    def draw(r: IntegerResult) -> None:
        plots.set_image_grid(art["digit"], r.pixels[None], [f"test image {r.image}: a {r.label}"])
        plots.set_pairs(art["pairs"], r.float_logits, r.logits)

    return Figure(
        "logits",
        "Logits in integers, and in floats",
        size=(400, 230),
        build=build,
        draw=draw,
        key=lambda r: r.key,
        caption=swatch(BLUE, round=True)
        + "integers, times their scale &ensp; "
        + f'<span style="color:{VERMILLION};font-weight:700" aria-hidden="true">○</span> floats',
        describe=lambda r: (
            f"Test image {r.image}, a {r.label}: integers say {r.logits.argmax()}, floats say "
            f"{r.float_logits.argmax()}."
        ),
    )


def curve_figure(known: Callable[[IntegerResult], list[IntegerResult]]) -> Figure:
    """Make the curve of accuracy against the width of the accumulator, as far as it is known."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> Any:
        ax = dress(figure.add_axes(PLACE), "bits of the accumulator", "accuracy (%)")
        ax.set(xlim=(7.5, 32.5), xticks=[8, 12, 16, 20, 24, 28, 32])
        plots.odds_axis(ax, 4, 99.7, [10, 25, 50, 75, 90, 97, 99])
        art["float"] = ax.axhline(99, color=GREY, lw=0.9, ls=(0, (4, 3)))
        art["curve"] = plots.curve(ax)
        return art["curve"].artists

    def draw(r: IntegerResult) -> None:
        there = known(r)
        x = np.array([float(p.accumulator_bits) for p in there])
        y, low, high = (
            np.array([100 * getattr(p.accuracy, end) for p in there])
            for end in ("value", "low", "high")
        )
        measured = np.array([p.full for p in there], dtype=bool)
        plots.set_curve(art["curve"], x, y, low, high, measured, now=float(r.accumulator_bits))

    def stage(r: IntegerResult) -> None:
        art["float"].set_ydata([100 * networks.card(r.network)["test"]["value"]] * 2)

    return Figure(
        "curve",
        "Accuracy against the accumulator",
        size=(400, 230),
        build=build,
        draw=draw,
        key=lambda r: (
            r.key,
            tuple((p.accumulator_bits, p.accuracy.value, p.accuracy.n) for p in known(r)),
        ),
        scene=lambda r: r.network,
        stage=stage,
        caption=f'<span style="color:{VERMILLION};font-weight:700" aria-hidden="true">◯</span> '
        "here &ensp; ○ estimated &ensp; ● measured on all 10,000 &ensp; dashed: float. "
        "Other widths are being computed while the hand rests",
        describe=lambda r: (
            f"Accuracy against the width of the accumulator; at {r.accumulator_bits} bits "
            f"{100 * r.accuracy.value:.1f} %."
        ),
    )


def _reach(r: IntegerResult) -> int:
    """Return the bits of the picture: the next power of two above all that it shows."""
    far = max(int(np.abs(r.walk.sums).max()), *(abs(end) for end in r.reach), 100)
    return int(far * 1.02).bit_length()
