"""The three pictures of the Train quantized instrument: staircase and gradient, levels, errors."""

from typing import Any

import numpy as np

from qlab import plots
from qlab.live.figure import Figure
from qlab.live.legend import line, mark
from qlab.live.qat_quantizers import BITS, METHODS
from qlab.live.qat_state import QatResult
from qlab.plots.style import AFTER, BEFORE, BLUE, ERROR, GREEN, GREY, INK, VERMILLION, dress

PLACE = (0.15, 0.17, 0.83, 0.8)
FEW = 64  # levels of which each still has a stem


def stairs_figure() -> Figure:
    """Make the staircase, and below it what its gradient is and what is pretended."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        above = art["above"] = dress(figure.add_axes((0.17, 0.53, 0.81, 0.44)), "", "after")
        above.tick_params(labelbottom=False)
        below = art["below"] = dress(figure.add_axes((0.17, 0.13, 0.81, 0.34)), "before", "slope")
        art["stairs"] = plots.staircase(above, np.zeros(1), np.zeros(1))
        art["gradient"] = plots.gradient(below)
        return [art["stairs"], *art["gradient"].artists]

    def stage(r: QatResult) -> None:
        low, high, bottom, top = r.limits
        art["above"].set_xlim(low, high)
        art["above"].set_ylim(bottom, top)
        art["below"].set_xlim(low, high)
        art["below"].set_ylim(r.bottom, r.top)

    def draw(r: QatResult) -> None:
        art["stairs"].set_data(*r.stairs)
        plots.set_gradient(art["gradient"], r.x, r.slope, r.learned_slope, r.risers, r.top)

    return Figure(
        "stairs",
        "The staircase and its pretended slope",
        size=(400, 300),
        build=build,
        draw=draw,
        key=lambda r: r.key,
        scene=lambda r: (r.limits, r.bottom, r.top),
        stage=stage,
        caption=(
            f"{line(AFTER, 'solid')}above: the quantizer; below: the slope that training uses "
            f"&nbsp; {line(GREY, 'solid')}the true one, 0, and a dotted tick at each jump &nbsp; "
            f"{line(ERROR, 'dashed')}slope by the learned step or clip"
        ),
        describe=_described,
    )


def levels_figure() -> Figure:
    """Make the histogram before, and the levels at the start and, trained here, in the end."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = art["ax"] = dress(figure.add_axes(PLACE), "value", "count (log scale)")
        art["before"] = plots.histogram(ax, np.zeros(1, int), np.array([0.0, 1.0]))
        art["after"] = plots.levels(ax, np.zeros(1), np.zeros(1, int))
        art["trained"] = plots.levels(ax, np.zeros(1), np.zeros(1, int), GREEN, "trained here")
        art["trained"].set(marker="D", markevery=(1, 3))  # at the head of a stem
        return [art["after"], art["trained"]]

    def stage(r: QatResult) -> None:
        art["before"].set_data(*r.before)
        art["ax"].set_xlim(*r.span)
        art["ax"].set_ylim(0.7, 1.8 * r.n)

    def draw(r: QatResult) -> None:
        plots.set_levels(art["after"], r.held, r.counts)
        art["trained"].set_visible(r.trained is not None)
        if r.trained is not None:
            few = len(r.trained.held) <= FEW
            plots.set_levels(art["trained"], r.trained.held, r.trained.counts)
            art["trained"].set(ls=(0, (2, 1)) if few else "none", lw=1.0)
            art["trained"].set(ms=7 if few else 3, mec="white" if few else GREEN)

    def described(r: QatResult) -> str:
        words = (
            f"{r.n:,} {r.side} of {r.layer} stand on {len(r.held)} levels; "
            f"{100 * r.zeros:.1f} % are 0."
        )
        if r.trained is None:
            return words
        t = r.trained
        return f"{words} Trained here, they stand on {len(t.held)}; {100 * t.zeros:.1f} % are 0."

    return Figure(
        "levels",
        "The values and their levels",
        size=(400, 240),
        build=build,
        draw=draw,
        key=lambda r: r.key,
        scene=lambda r: (r.side, r.layer, r.span),
        stage=stage,
        caption=(
            f'<span class="qlab-key" style="background:{BEFORE}"></span>before &nbsp; '
            f"{mark(AFTER, '┃')}a stem for every level that holds values, as training starts "
            f"&nbsp; {mark(GREEN, '◆')}dashed: after your own training, below"
        ),
        describe=described,
    )


def errors_figure() -> Figure:
    """Make the measured errors by bits of weights, trained and not."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = dress(figure.add_axes(PLACE), "bits of weights", "test error, %")
        plots.decade_axis(ax, 0, 2)
        ax.set_xlim(BITS[0] - 0.4, BITS[-1] + 0.4)
        ax.set_xticks(BITS)
        art["errors"] = plots.errors(ax)
        (art["minmax"],) = ax.plot([], [], "v", color=GREY, ls=(0, (1, 2)), lw=1.2, ms=5)
        (art["mse"],) = ax.plot([], [], "s", color=INK, ls=(0, (4, 2)), lw=1.2, ms=4)
        return list(art["errors"].moving)

    def stage(r: QatResult) -> None:
        c = r.curves
        for name, points in c.rounded.items():
            art[name].set_data(list(points), [100 * m.value for m in points.values()])
        x = np.array(list(c.trained), float)
        rows = np.array([(m.value, m.low, m.high) for m in c.trained.values()], float)
        mean, low, high = 100 * rows.reshape(-1, 3).T
        band = 100 * c.whole.low, 100 * c.whole.high
        plots.set_errors(art["errors"], x, mean, low, high, c.seeds, band)
        plots.set_own(art["errors"], *c.own.T)

    def draw(r: QatResult) -> None:
        here = None
        if r.own is not None:
            (places,) = np.nonzero(r.curves.own[:, 0] == r.bits)
            here = int(places[-1])
        plots.set_here(art["errors"], float(r.bits), float(r.bits), here)

    return Figure(
        "errors",
        "Error by bits, measured",
        size=(400, 260),
        build=build,
        draw=draw,
        key=lambda r: (r.curves.key, r.bits, r.own is not None),
        scene=lambda r: r.curves.key,
        stage=stage,
        caption=(
            f"{mark(BLUE, '●')}trained: mean of the seeds, with 95 % interval &nbsp; "
            f"{mark(BLUE, '·')}one seed &nbsp; {mark(INK, '■')}rounded only, MSE ranges &nbsp; "
            f"{mark(GREY, '▼')}rounded only, minmax &nbsp; {mark(GREY, '▒')}float &nbsp; "
            f"{mark(GREEN, '◆')}trained here &nbsp; {mark(VERMILLION, '○')}now. Cited from the "
            "stored table."
        ),
        describe=lambda r: f"{METHODS[r.method]}. {r.curves.words}",
    )


def _described(r: QatResult) -> str:
    learned = "" if r.learned is None else f" Its {r.learned[0]} is {r.learned[1]:.3g}."
    return (
        f"Staircase of {METHODS[r.method]}, {r.levels} levels, over its slope: the true one is 0, "
        f"the pretended one is 0 for {100 * r.blocked:.2f} % of the {r.side}.{learned}"
    )
