"""The three pictures of the Allocate instrument: who spends what, the front, the layers."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from qlab import networks, plots
from qlab.live.allocate_state import WAYS, AllocateResult
from qlab.live.figure import Figure
from qlab.live.legend import swatch
from qlab.plots import style

Known = Mapping[str, list[tuple[int, float]]]  # by who made them: cost, accuracy in percent
ROWS = ("mine", *WAYS)
LOOKS: tuple[tuple[str, str | None], ...] = (  # of the layers, in order
    (style.BLUE, None),
    (style.ORANGE, "///"),
    (style.GREEN, "..."),
    (style.PURPLE, "xxx"),
)
MARKS = {  # of the points: mark, colour, size, filled; the last is drawn on top
    "uniform": ("s", style.GREY, 6, True),
    "greedy": ("^", style.GREEN, 13, False),
    "exact": ("D", style.ORANGE, 10, False),
    "mine": ("o", style.BLUE, 5, True),
}
SIGNS = {"uniform": "■", "greedy": "△", "exact": "◇", "mine": "●"}
LOWEST = -5  # exponent of ten of a loss
TICKS = (1, 2, 3, 4, 6, 8)  # bits a weight, at whose uniform cost the axis is marked


def budget_figure() -> Figure:
    """Make the bars: what each way spends on which layer, and where the budget ends."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = art["ax"] = style.dress(figure.add_axes((0.15, 0.19, 0.6, 0.7)), "", "")
        plots.bar_axis(ax, ROWS)
        art["layers"] = [plots.bars(ax, color, hatch=hatch) for color, hatch in LOOKS]
        art["limit"] = ax.axvline(1.0, color=style.INK, lw=1.6, ls=(0, (4, 3)))
        how: dict[str, Any] = {"transform": ax.get_yaxis_transform(), "va": "center"}
        ax.text(1.04, -0.75, "bits", color=style.GREY, fontsize=style.TEXT - 1, **how)
        art["bits"] = [
            ax.text(1.04, k, "", color=style.INK, fontsize=style.TEXT + 1, **how)
            for k in range(len(ROWS))
        ]
        return [*art["layers"], art["limit"], *art["bits"]]

    def stage(r: AllocateResult) -> None:
        scale, unit = _unit(r)
        art["ax"].set_xlim(0, _reach(r) / scale)
        art["ax"].set_xlabel(unit)

    def draw(r: AllocateResult) -> None:
        scale, _ = _unit(r)
        rows = [r.players.get(name) for name in ROWS]
        start = np.zeros(len(ROWS))
        for k, drawn in enumerate(art["layers"]):
            drawn.set_visible(k < len(r.table.layers))
            if k < len(r.table.layers):
                row = r.table.cost[k]
                places = [None if one is None else _place(r, one, k) for one in rows]
                length = np.array([0.0 if j is None else row[j] / scale for j in places])
                plots.set_bars(drawn, length, start)
                start = start + length
        art["limit"].set_xdata([r.budget / scale] * 2)
        for text, one in zip(art["bits"], rows, strict=True):
            words = "does not fit" if one is None else "·".join(map(str, one.bits.values()))
            text.set_text(words)

    return Figure(
        "budget",
        "Who spends what",
        size=(400, 210),
        build=build,
        draw=draw,
        key=lambda r: (*r.key[:4], *(tuple(one.bits.values()) for one in r.players.values())),
        scene=lambda r: (r.network, r.unit, _reach(r)),
        stage=stage,
        caption="a bar a way, a part a layer in the colours of the layers’ picture &ensp; dashed: "
        "the budget",
        describe=lambda r: (
            f"Mine takes {r.mine.cost:,} of a budget of {r.budget:,}. "
            + ". ".join(
                f"{name}: " + ", ".join(f"{n} {b} bits" for n, b in one.bits.items())
                for name, one in r.players.items()
            )
            + "."
        ),
    )


def front_figure(known: Callable[[AllocateResult], Known]) -> Figure:
    """Make accuracy against cost, all points measured so far and the front that none beats."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = art["ax"] = style.dress(
            figure.add_axes((0.13, 0.16, 0.85, 0.81)), "", "accuracy, validation (%)"
        )
        plots.odds_axis(ax, 5, 99.7, [10, 25, 50, 75, 90, 97, 99])
        art["points"] = plots.pareto(ax, MARKS)
        return list(art["points"].artists)

    def stage(r: AllocateResult) -> None:
        scale, unit = _unit(r)
        totals = r.table.cost.sum(axis=0) / scale
        ticks = [float(f"{totals[b - 1]:.3g}") for b in TICKS]
        plots.cost_axis(art["ax"], 0.45 * totals[0], 1.1 * totals[-1], ticks, unit)

    def draw(r: AllocateResult) -> None:
        scale, _ = _unit(r)
        points = {
            name: np.array(some, float) / [scale, 1.0] for name, some in known(r).items() if some
        }
        everyone = np.vstack([*points.values(), np.empty((0, 2))])
        front = everyone[networks.pareto_front(everyone[:, 0], -everyone[:, 1])]
        seen = r.seen["mine"]
        now = (r.mine.cost / scale, 100 * seen.value, 100 * seen.low, 100 * seen.high)
        plots.set_pareto(
            art["points"], points, front, r.budget / scale, now, seen.source == "measured"
        )

    return Figure(
        "front",
        "The front: accuracy against cost",
        size=(400, 270),
        build=build,
        draw=draw,
        key=lambda r: (
            *(r.network, r.unit, r.budget, r.mine.cost, r.seen["mine"].value, r.seen["mine"].n),
            tuple((name, tuple(some)) for name, some in known(r).items()),
        ),
        scene=lambda r: (r.network, r.unit),
        stage=stage,
        caption=" &ensp; ".join(
            f'<b style="color:{color}" aria-hidden="true">{SIGNS[name]}</b> {name}'
            for name, (_, color, *_) in reversed(MARKS.items())
        )
        + " &ensp; "
        + swatch(style.NOW, ring=True)
        + "here, with a dot once measured &ensp; dashed: the budget &ensp; line: none of them is "
        "better and cheaper",
        describe=lambda r: (
            f"Mine at {r.mine.cost / _unit(r)[0]:.4g} {_unit(r)[1]} has "
            f"{100 * r.seen['mine'].value:.1f} % of the validation images right; "
            f"{sum(map(len, known(r).values()))} points are measured."
        ),
    )


def layers_figure() -> Figure:
    """Make the bars of what each layer loses at each number of bits, mine marked."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = art["ax"] = style.dress(figure.add_axes((0.13, 0.12, 0.85, 0.8)), "", "loss")
        colors, hatches = [color for color, _ in LOOKS], [hatch for _, hatch in LOOKS]
        art["groups"], art["marks"] = plots.sensitivity_bars(ax, colors, hatches)
        return [art["marks"]]

    def stage(r: AllocateResult) -> None:
        plots.set_sensitivity_bars(art["ax"], art["groups"], r.table.layers, r.table.loss, LOWEST)

    def draw(r: AllocateResult) -> None:
        places = [_place(r, r.mine, k) for k in range(len(r.table.layers))]
        plots.set_chosen(art["marks"], r.table.loss, places, LOWEST)

    return Figure(
        "layers",
        "What a layer alone loses, by its bits",
        size=(400, 230),
        build=build,
        draw=draw,
        key=lambda r: (r.network, r.criterion, tuple(r.mine.bits.values())),
        scene=lambda r: (r.network, r.criterion),
        stage=stage,
        caption="a bar for 1 bit, then 2 … 8, on the calibration images; no bar: nothing lost "
        f'&ensp; <b style="color:{style.NOW}" aria-hidden="true">▼</b> mine',
        describe=lambda r: (
            "Loss at "
            + ", ".join(
                f"{r.mine.bits[n]} bits of {n} {r.table.loss[k, _place(r, r.mine, k)]:.2g}"
                for k, n in enumerate(r.table.layers)
            )
            + "."
        ),
    )


def _place(r: AllocateResult, one: networks.Allocation, k: int) -> int:
    return r.table.bits.index(one.bits[r.table.layers[k]])


def _unit(r: AllocateResult) -> tuple[float, str]:
    if r.unit == "bytes":
        return 1e3, "thousand bytes"
    return 1e6, "million bit operations an image"


def _reach(r: AllocateResult) -> float:
    """Return the end of the bars' scale: a step up only where a bar or the budget asks for it."""
    most = max(r.budget, *(one.cost for one in r.players.values()))
    full = float(r.table.cost.sum(axis=0)[-1])
    return full * 1.08 / 2 ** int(np.clip(np.floor(np.log2(full / most)), 0, 3))
