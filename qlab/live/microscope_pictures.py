"""The four pictures of the Microscope: cells, the code, the scales of all rows, the sum."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from qlab import plots
from qlab.core import PerTensor
from qlab.live.figure import Figure
from qlab.live.legend import swatch
from qlab.live.microscope_slide import SIDE, TALL, WIDE, Slide, slide
from qlab.live.microscope_state import SHOWN, MicroscopeResult
from qlab.plots.style import AFTER, BEFORE, BLUE, GREY, INK, NOW, TEXT, VERMILLION

LEFT, BELOW = 50, 34  # pixels beside and below the cells
MARGIN = 10  # above them
READ = 30  # pixels of a cell in which a number can be read
WRITTEN = 25  # cells with numbers, at most
TOP = 1.3  # of the picture of scales, as a share of the layer's by minmax


def cells_figure(choose: Callable[[int, int], None]) -> Figure:
    """Make the window of the tensor; a click chooses a weight."""
    art: dict[str, Any] = {}
    size = (LEFT + WIDE + 6, BELOW + TALL + MARGIN)

    def build(figure: Any) -> list[Any]:
        place = (LEFT / size[0], BELOW / size[1], WIDE / size[0], TALL / size[1])
        ax = art["ax"] = figure.add_axes(place)
        plots.style.dress(ax, "column", "row")
        for spine in ax.spines.values():
            spine.set_visible(False)
        art["cells"] = plots.cells(ax)
        (art["block"],) = ax.plot([], [], color=INK, lw=1.6, ls=(0, (3, 1.5)), clip_on=False)
        (art["halo"],) = ax.plot([], [], color="white", lw=4.5, clip_on=False)
        (art["here"],) = ax.plot([], [], color="black", lw=2.4, clip_on=False)
        art["words"] = [
            ax.text(0, 0, "", ha="center", va="center", fontsize=TEXT - 1) for _ in range(WRITTEN)
        ]
        return [art["cells"], art["block"], art["halo"], art["here"], *art["words"]]

    def stage(r: MicroscopeResult) -> None:
        on, ax = slide(r.network, r.layer), art["ax"]
        window = on.window_of(r.row, r.column)
        shape = on.cells(window).shape
        ax.set(xlim=(0, WIDE / on.side), ylim=(TALL / on.side, 0))
        if on.is_filter:
            n, kernel = on.tensor.shape[1], f"{on.tensor.shape[2]} × {on.tensor.shape[3]}"
            ax.set(xticks=[], yticks=[], ylabel="")
            kernels = "kernel" if n == 1 else "kernels"
            ax.set_xlabel(f"filter {r.row}: {n} {kernels} of {kernel}", fontsize=TEXT, color=INK)
            return
        ax.set(xlabel="column", ylabel="row")
        for axis, first, count in (
            (ax.yaxis, window[0], shape[0]),
            (ax.xaxis, window[1], shape[1]),
        ):
            step = 4 if count > 8 else 1
            axis.set_ticks(np.arange(0, count, step) + 0.5, np.arange(0, count, step) + first)

    def draw(r: MicroscopeResult) -> None:
        on = slide(r.network, r.layer)
        at = on.cells(on.window_of(r.row, r.column))
        colours = plots.diverging(r.cells, darkest(r, on))
        plots.set_cells(art["cells"], colours)
        art["block"].set_data(*plots.outline((r.block[0] <= at) & (at < r.block[1])))
        for line in (art["here"], art["halo"]):
            line.set_data(*plots.outline(at == r.row * on.W.shape[1] + r.column))
        write(art["words"], r, on, colours)

    def pick(r: MicroscopeResult, x: float, y: float) -> None:
        on = slide(r.network, r.layer)
        at, i, j = on.cells(on.window_of(r.row, r.column)), int(y), int(x)
        if i < at.shape[0] and j < at.shape[1] and at[i, j] >= 0:
            choose(*(int(k) for k in divmod(int(at[i, j]), on.W.shape[1])))

    return Figure(
        "cells",
        "A window of the tensor",
        size=size,
        build=build,
        draw=draw,
        key=lambda r: r.key,
        scene=lambda r: (r.network, r.layer, slide(r.network, r.layer).window_of(r.row, r.column)),
        stage=stage,
        on_pick=pick,
        caption="Click a cell, or set row and column. "
        + swatch(BLUE)
        + "negative &ensp; "
        + swatch(VERMILLION)
        + "positive, darker: farther from zero &ensp; ◻ your weight &ensp; dashed: its block, "
        "which shares its scale",
        describe=lambda r: (
            f"{SHOWN[r.show]} of {r.layer} around row {r.row}, column {r.column}; this weight is "
            f"{r.value:.4g}, code {r.code}, value back {r.back:.4g}."
        ),
    )


def darkest(r: MicroscopeResult, on: Slide) -> float:
    """Say from which magnitude on a cell is drawn darkest."""
    if r.show == "errors":
        return 0.5
    if r.show == "codes":
        return float(max(r.spec.quant_max - r.zero_point, r.zero_point - r.spec.quant_min))
    return on.darkest


def write(words: list[Any], r: MicroscopeResult, on: Slide, colours: np.ndarray) -> None:
    """Write the numbers into cells that are large and few enough."""
    there = r.cells.size <= WRITTEN and on.side >= READ
    for word in words:
        word.set_visible(there)
    if not there:
        return
    white = plots.dark(colours).ravel()
    for k, (word, value) in enumerate(zip(words, r.cells.ravel(), strict=False)):
        text = f"{value:.0f}" if r.show == "codes" else f"{value:.2f}"
        word.set(x=k % r.cells.shape[1] + 0.5, y=k // r.cells.shape[1] + 0.5)
        word.set(text=text.replace("-", "−"), color="white" if white[k] else INK)


def code_figure() -> Figure:
    """Make the number line around the weight, and its code in boxes."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        art["line"] = plots.nearby(figure.add_axes((0.01, 0.46, 0.98, 0.53)))
        art["bits"] = plots.bits(figure.add_axes((0.01, 0.01, 0.98, 0.44)))
        return [*art["line"].artists, *art["bits"].artists]

    def draw(r: MicroscopeResult) -> None:
        codes = [r.code + k for k in range(-plots.code.REACH, plots.code.REACH + 1)]
        inside = [c if r.spec.quant_min <= c <= r.spec.quant_max else None for c in codes]
        values = [(c - r.zero_point) * r.scale for c in codes]
        at = (r.value - values[plots.code.REACH]) / r.scale
        plots.set_nearby(art["line"], at, inside, values)
        words = words_of(r.bits, r.code, r.zero_point, r.scale, r.back)
        plots.set_bits(art["bits"], r.bits, words)

    return Figure(
        "code",
        "The weight, its levels, its code",
        size=(400, 230),
        build=build,
        draw=draw,
        key=lambda r: r.key,
        caption="▼ the weight &ensp; "
        + swatch(AFTER, thin=True)
        + "levels, with their codes and values; the thick one is taken &ensp; "
        + swatch(plots.style.ERROR, thin=True)
        + "the error &ensp; hatched: beyond the grid. Below, the code as it is stored",
        describe=lambda r: (
            f"The weight {r.value:.4g} goes to {r.back:.4g}, code {r.code}, stored as {r.binary}; "
            f"the error is {r.error / r.scale:.3f} steps."
        ),
    )


def words_of(
    bits: np.ndarray, code: int, zero_point: int, scale: float | int, back: float | int
) -> str:
    """Write out how a reader of the file gets from bits to the weight.

    Examples
    --------
    >>> words_of(np.array([True, False, True, True]), -5, 1, 0.25, -1.5)
    '−8 + 2 + 1 = −5     (−5 − 1) × 0.25 = −1.5'
    """
    worth = [2**k for k in reversed(range(len(bits)))]
    worth[0] = -worth[0]
    parts = [part for part, bit in zip(worth, bits, strict=True) if bit]
    sum = f"{code}" if len(parts) < 2 else f"{' + '.join(map(str, parts))} = {code}"
    if len(sum) > 30:
        sum = f"{len(parts)} bits are 1: {code}"
    z = f"− {zero_point}" if zero_point >= 0 else f"+ {-zero_point}"
    return f"{sum}     ({code} {z}) × {scale:.3g} = {back:.3g}".replace("-", "−")


def scales_figure(choose: Callable[[MicroscopeResult, int], None]) -> Figure:
    """Make the scale of every row: what it would take for itself, and what it gets."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = art["ax"] = plots.style.dress(
            figure.add_axes((0.13, 0.17, 0.83, 0.8)), "row", "scale, layer's minmax = 1"
        )
        ax.set_ylim(0, TOP)
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        ax.axhline(1.0, color=GREY, lw=0.9, ls=(0, (4, 3)))
        art["own"] = ax.stairs([0.0], [0.0, 1.0], fill=True, fc=BEFORE, lw=0)
        art["held"] = ax.stairs([0.0], [0.0, 1.0], fill=True, fc=AFTER, ec=AFTER, lw=1.2)
        (art["here"],) = ax.plot([], [], "v", color=NOW, mec="black", ms=8, clip_on=False)
        (art["ends"],) = ax.plot([], [], "D", mfc="none", mec="black", mew=1.4, ms=6)
        art["wait"] = ax.text(
            0.5, 0.5, "being computed …", transform=ax.transAxes, ha="center", color=INK
        )
        return [art["own"], art["held"], art["here"], art["ends"], art["wait"]]

    def draw(r: MicroscopeResult) -> None:
        for name in ("own", "held", "ends"):
            art[name].set_visible(r.whole is not None)
        art["wait"].set_visible(r.whole is None)
        art["here"].set_data([r.row + 0.5], [TOP * 0.98])
        if r.whole is None:
            return
        edges = np.arange(len(r.whole.own) + 1, dtype=float)
        art["own"].set_data(np.minimum(r.whole.own, TOP), edges, 0)
        thin = 0.012 * TOP * (r.whole.low == r.whole.high)  # one scale a row is seen as a line
        low, high = (np.minimum(a, TOP) for a in (r.whole.low - thin, r.whole.high + thin))
        art["held"].set_data(high, edges, low)
        found = () if r.spec.granularity == PerTensor() else (
            (r.whole.narrow[1], r.whole.low), (r.whole.wide[1], r.whole.high)
        )  # fmt: skip
        art["ends"].set_data([k + 0.5 for k, _ in found], [min(a[k], TOP) for k, a in found])

    return Figure(
        "scales",
        "The scale of every row",
        size=(400, 230),
        build=build,
        draw=draw,
        key=lambda r: (r.key, r.whole is None),
        scene=lambda r: (r.network, r.layer),
        stage=lambda r: art["ax"].set_xlim(0, len(slide(r.network, r.layer).W)),
        on_pick=lambda r, x, y: choose(r, int(x)),
        caption=swatch(BEFORE)
        + "what each row would take for itself &ensp; "
        + swatch(AFTER, thin=True)
        + "what it gets (a band: from its narrowest to its widest group) &ensp; ◇ narrowest and "
        "widest of all &ensp; ▼ your row. Click a row",
        describe=lambda r: (
            "The scales of all rows are being computed."
            if r.whole is None
            else f"Scales from {r.whole.narrow[0]:.3g} in row {r.whole.narrow[1]} to "
            f"{r.whole.wide[0]:.3g} in row {r.whole.wide[1]}."
        ),
    )


def sums_figure(choose: Callable[[MicroscopeResult, int], None]) -> Figure:
    """Make the running sum of one output, with the float weights and with what came back."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = art["ax"] = plots.style.dress(
            figure.add_axes((0.13, 0.17, 0.83, 0.8)), "column", "sum so far"
        )
        ax.axhline(0.0, color=GREY, lw=0.9)
        (art["float"],) = ax.plot([], [], color="#8a949d", lw=3.6)
        (art["back"],) = ax.plot([], [], color=AFTER, lw=1.5)
        (art["here"],) = ax.plot([], [], color=NOW, lw=1.4, ls=(0, (2, 1.5)))
        (art["ends"],) = ax.plot([], [], "o", mfc="white", mec="black", ms=5, clip_on=False)
        return [art["float"], art["back"], art["here"], art["ends"]]

    def stage(r: MicroscopeResult) -> None:
        limit = reach(r)
        art["ax"].set(xlim=(0, len(r.sums) - 1), ylim=(-limit, limit))

    def draw(r: MicroscopeResult) -> None:
        x = np.arange(len(r.sums))
        art["float"].set_data(x, r.sums)
        art["back"].set_data(x, r.back_sums)
        art["here"].set_data([r.column + 0.5] * 2, [-reach(r), reach(r)])
        art["ends"].set_data([x[-1]] * 2, [r.sums[-1], r.back_sums[-1]])

    return Figure(
        "sums",
        "Its part in one output",
        size=(400, 230),
        build=build,
        draw=draw,
        key=lambda r: r.key,
        scene=lambda r: (len(r.sums), reach(r)),
        stage=stage,
        on_pick=lambda r, x, y: choose(r, int(x)),
        caption=swatch("#8a949d", thin=True)
        + "bias + w·x summed over the columns, float &ensp; "
        + swatch(AFTER, thin=True)
        + "with ŵ &ensp; dashed: your column. Where the lines part, errors add up. Click a column",
        describe=lambda r: (
            f"The sum of output {r.row} for image {r.image}: {r.sums[-1]:.3g} in float, "
            f"{r.back_sums[-1]:.3g} with the quantized row."
        ),
    )


def reach(r: MicroscopeResult) -> float:
    """Round the largest sum up to 1, 2 or 5 times a power of ten: few scenes, and no jumps."""
    largest = max(float(np.abs(a).max()) for a in (r.sums, r.back_sums))
    power = 10.0 ** np.floor(np.log10(max(largest, 1e-6)))
    return float(next(k * power for k in (1, 2, 5, 10) if k * power >= 1.02 * largest or k == 10))


__all__ = ["SIDE", "cells_figure", "code_figure", "scales_figure", "sums_figure"]
