"""The four pictures of the Prune instrument: the cut, the masks, the curve, the cost."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qlab.live.figure import Figure
from qlab.live.legend import swatch
from qlab.live.offered import LAYERS
from qlab.live.prune_state import PruneResult, PruneState
from qlab.networks import card
from qlab.plots.bars import bar_axis, bars, set_bars
from qlab.plots.curve import curve, odds_axis, set_curve
from qlab.plots.cut import GONE, HATCH, cut, set_all, set_cut
from qlab.plots.masks import Place, density, mask_picture, mask_sheet, place_masks, set_mask
from qlab.plots.style import AFTER, GREEN, GREY, INK, NOW, ORANGE, TEXT, dress

MOST_LAYERS = 4
SIZE = (400, 288)
TICKS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
FORMATS = ("dense", "bitmap", "relative_index", "cut_out")
FORMAT_NAMES = ("dense", "bitmap", "gaps", "cut out")
ROW, GAP, HEAD, LABEL = 100, 12, 18, 88  # of the masks: lower row, between, above, narrowest


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What decides in one layer, binned: weights, or the L2 norms of rows."""

    index: np.ndarray  # bin of each score
    counts: np.ndarray
    edges: np.ndarray


def spread(sparsity: float | int) -> float:
    """Place a sparsity on the axis: equal distances keep equal fractions, −log₁₀(1 − s)."""
    return -math.log10(1.0 - sparsity)


class Pictures:
    """Figures that share nothing but the result they are given.

    Parameters
    ----------
    masks
        Of a state: layer name to mask, for all layers.
    scores
        Of a state: layer name to Scores, for all layers.
    points
        Of a result: the curve of its family and base "trained" or "tuned", sparsity ascending.
    """

    def __init__(
        self,
        masks: Callable[[PruneState], Mapping[str, np.ndarray]],
        scores: Callable[[PruneState], Mapping[str, Scores]],
        points: Callable[[PruneResult, str], Sequence[PruneResult]],
    ) -> None:
        self.masks, self.scores, self.points = masks, scores, points

    def figures(self) -> list[Figure]:
        """Make them, in page order."""
        return [self._cut(), self._masks(), self._curve(), self._cost()]

    def _cut(self) -> Figure:
        left, right, bottom, top = 0.135, 0.975, 0.15, 0.985

        def build(figure: Any) -> list[Any]:
            self.panels = [dress(figure.add_axes((0, 0, 1, 1)), "", "") for _ in range(MOST_LAYERS)]
            self.cuts = [cut(ax) for ax in self.panels]
            self.names = [
                ax.text(0.012, 0.92, "", transform=ax.transAxes, va="top", weight="bold", color=INK)
                for ax in self.panels
            ]
            self.across = figure.text(0.555, 0.022, "", ha="center", color=INK, fontsize=TEXT)
            self.up = figure.text(
                0.002, 0.56, "", va="center", rotation=90, color=INK, fontsize=TEXT
            )
            return [artist for drawn in self.cuts for artist in drawn.artists]

        def stage(r: PruneResult) -> None:
            scores = self.scores(r.state)
            height = (top - bottom) / len(scores)
            rows = r.state.structure != "weights"
            self.across.set_text("L2 norm of a neuron or filter" if rows else "weight")
            self.up.set_text(("rows" if rows else "weights") + " (log scale)")
            for i, ax in enumerate(self.panels):
                shown = i < len(scores)
                ax.set_visible(shown)
                for artist in self.cuts[i].artists:
                    artist.set_visible(shown)
                if not shown:
                    continue
                name, s = list(scores.items())[i]
                ax.set_position(
                    (left, top - (i + 1) * height + 0.018, right - left, height - 0.018)
                )
                set_all(self.cuts[i], s.counts, s.edges)
                ax.tick_params(labelbottom=i == len(scores) - 1)
                self.names[i].set_text(name)

        def draw(r: PruneResult) -> None:
            scores = self.scores(r.state)
            for drawn, layer in zip(self.cuts, r.layers, strict=False):
                set_cut(drawn, layer.kept, scores[layer.name].edges, layer.thresholds)

        return Figure(
            "cut",
            "The cut through the weights of each layer",
            size=SIZE,
            build=build,
            draw=draw,
            key=lambda r: r.key,
            scene=lambda r: (r.state.network, r.state.structure == "weights", *r.key[-2:]),
            stage=stage,
            caption=swatch(AFTER)
            + "kept &ensp; "
            + swatch(GONE, hatched=True)
            + f"removed &ensp; {swatch(NOW, thin=True)}dashed: the cut",
            describe=_describe_cut,
        )

    def _masks(self) -> Figure:
        def build(figure: Any) -> list[Any]:
            self.sheet = figure.add_axes((0, 0, 1, 1))
            mask_sheet(self.sheet, SIZE[1], SIZE[0])
            self.pictures = [mask_picture(self.sheet) for _ in range(MOST_LAYERS + 1)]
            return self.pictures

        def stage(r: PruneResult) -> None:
            self.places = _layout({k: _flat(M).shape for k, M in self.masks(r.state).items()})
            place_masks(self.sheet, self.pictures, list(self.places.values()))

        def draw(r: PruneResult) -> None:
            masks = dict(self.masks(r.state))
            if r.beside is not None and r.beside.other is None:  # shown in the library's place
                masks |= r.beside.answers
            for (name, place), picture in zip(self.places.items(), self.pictures, strict=False):
                if name == "pixels":
                    seen = masks[LAYERS[r.state.network][0]]
                    share = seen.mean(axis=0, dtype=np.float32).reshape(place.shape)
                else:
                    share = density(_flat(masks[name]), place.down, place.across)
                set_mask(picture, place, share)

        return Figure(
            "masks",
            "What is left of each layer",
            size=SIZE,
            build=build,
            draw=draw,
            key=lambda r: r.key,
            scene=lambda r: r.state.network,
            stage=stage,
            caption="a row: one neuron or filter &ensp; a column: one of its inputs &ensp; "
            f"{swatch(AFTER)}kept",
            describe=lambda r: (
                f"Masks of {len(r.layers)} layers; {r.weights - r.zeros:,} of {r.weights:,} "
                "weights are kept."
            ),
            grainy=True,
        )

    def _curve(self) -> Figure:
        def build(figure: Any) -> list[Any]:
            ax = dress(
                figure.add_axes((0.115, 0.15, 0.85, 0.835)),
                "sparsity (%), spread by what is kept",
                "accuracy (%)",
            )
            ax.set(xlim=(-0.05, spread(0.995) + 0.06))
            odds_axis(ax, 7, 99.6, [10, 20, 50, 80, 90, 95, 98, 99])
            ax.set_xticks([spread(s) for s in TICKS], [f"{100 * s:g}" for s in TICKS])
            self.dense = ax.axhline(100, color=GREY, lw=0.9, ls=(0, (4, 3)))
            self.curves = {"trained": curve(ax), "tuned": curve(ax, GREEN)}
            self.curves["tuned"].line.set_linestyle((0, (5, 1.5)))
            for points in (self.curves["tuned"].hollow, self.curves["tuned"].solid):
                points.set_marker("D")
            return [a for base in ("tuned", "trained") for a in self.curves[base].artists]

        def draw(r: PruneResult) -> None:
            for base, drawn in self.curves.items():
                known = self.points(r, base)
                y, low, high = (
                    np.array([100 * getattr(p.accuracy, end) for p in known])
                    for end in ("value", "low", "high")
                )
                set_curve(
                    drawn,
                    np.array([spread(p.state.sparsity) for p in known]),
                    y,
                    low,
                    high,
                    np.array([p.full for p in known], dtype=bool),
                    now=spread(r.state.sparsity) if base == r.state.base else None,
                )
                for artist in drawn.artists:
                    artist.set_visible(bool(known))

        def key(r: PruneResult) -> Any:
            shown = {base: self.points(r, base) for base in self.curves}
            return (
                r.key,
                *((p.key[-1], p.state.sparsity, p.accuracy) for v in shown.values() for p in v),
            )

        return Figure(
            "curve",
            "Accuracy against sparsity",
            size=SIZE,
            build=build,
            draw=draw,
            key=key,
            scene=lambda r: r.state.network,
            stage=lambda r: self.dense.set_ydata(
                [100 * card(r.state.network)["test"]["value"]] * 2
            ),
            caption=swatch(NOW, ring=True)
            + f"here &ensp; ○ estimated &ensp; ● all 10,000 &ensp; {swatch(GREEN)}◆ fine-tuned "
            "&ensp; dashed: dense",
            describe=lambda r: (
                f"Accuracy against sparsity; at {100 * r.state.sparsity:g} percent it is "
                f"{100 * r.accuracy.value:.1f} percent."
            ),
        )

    def _cost(self) -> Figure:
        def build(figure: Any) -> list[Any]:
            self.shares = dress(figure.add_axes((0.15, 0.645, 0.8, 0.345)), "", "")
            self.sizes = dress(figure.add_axes((0.15, 0.14, 0.8, 0.36)), "", "")
            self.shares.set(xlim=(0, 100))
            self.shares.set_xlabel("zeros (% of the layer)", fontsize=TEXT, color=INK, labelpad=1)
            self.sizes.set_xlabel("kilobytes", fontsize=TEXT, color=INK, labelpad=1)
            bar_axis(self.sizes, FORMAT_NAMES)
            self.zeros = bars(self.shares, GONE, hatch=HATCH)
            self.parts = {
                "values": bars(self.sizes, AFTER),
                "places": bars(self.sizes, ORANGE, hatch="...."),
                "biases": bars(self.sizes, GREY),
            }
            return [self.zeros, *self.parts.values()]

        def stage(r: PruneResult) -> None:
            bar_axis(self.shares, [layer.name for layer in r.layers])
            self.sizes.set_xlim(0, 1.25 * r.sizes["dense"].total / 1000)

        def draw(r: PruneResult) -> None:
            set_bars(self.zeros, np.array([100 * layer.sparsity for layer in r.layers]))
            start = np.zeros(len(FORMATS))
            for part, drawn in self.parts.items():
                lengths = np.array([_kilobytes(r, name, part) for name in FORMATS])
                set_bars(drawn, lengths, start)
                start = start + lengths

        return Figure(
            "cost",
            "Zeros by layer, and honest bytes",
            size=SIZE,
            build=build,
            draw=draw,
            key=lambda r: r.key,
            scene=lambda r: r.state.network,
            stage=stage,
            caption=f"{swatch(AFTER)}values &ensp; {swatch(ORANGE)}where they belong (a bit a "
            f"weight, or gaps) &ensp; {swatch(GREY)}biases",
            describe=lambda r: (
                "Zeros by layer: "
                + ", ".join(f"{x.name} {100 * x.sparsity:.1f} %" for x in r.layers)
                + ". Bytes: "
                + ", ".join(f"{name} {r.sizes[name].total:,}" for name in FORMATS)
                + "."
            ),
            live=False,
        )


def _layout(shapes: Mapping[str, tuple[int, int]]) -> dict[str, Place]:
    """Give the largest layer the upper part, the others a row below it."""
    width, height = SIZE
    largest = max(shapes, key=lambda name: math.prod(shapes[name]))
    label = "{}: {} × {}".format
    below = [name for name in shapes if name != largest]
    pixels = shapes[largest][1] == 784 and largest == next(iter(shapes))
    room = width - pixels * (84 + GAP) - (len(below) - 1) * GAP
    roots = [math.sqrt(shapes[name][1]) for name in below]  # wide matrices get more of the room
    left = 0
    places = {
        largest: Place.fitting(
            label(largest, *shapes[largest]),
            shapes[largest],
            HEAD,
            0,
            height=height - ROW - 2 * HEAD - 2,
            width=width,
        )
    }
    for name, root in zip(below, roots, strict=True):
        wide = LABEL + int((room - LABEL * len(below)) * root / sum(roots))
        places[name] = Place.fitting(
            label(name, *shapes[name]),
            shapes[name],
            height - ROW - 2,
            left,
            height=ROW,
            width=wide,
        )
        left += wide + GAP
    if pixels:
        places["pixels"] = Place.fitting(
            "fc1, by pixel", (28, 28), height - ROW - 2, width - 84, height=84, width=84
        )
    return {name: places[name] for name in (*shapes, *["pixels"] * pixels)}


def _flat(mask: np.ndarray) -> np.ndarray:
    return mask.reshape(len(mask), -1)


def _kilobytes(r: PruneResult, name: str, part: str) -> float:
    size = r.sizes[name]
    parts = {"values": size.values, "places": size.mask + size.index, "biases": size.biases}
    return parts[part] / 1000


def _describe_cut(r: PruneResult) -> str:
    parts = []
    for layer in r.layers:
        cut = f", cut at {layer.thresholds[-1]:.3g}" if layer.thresholds else ""
        parts.append(f"{layer.name} {100 * layer.sparsity:.1f} % zeros{cut}")
    return "Histograms by layer: " + "; ".join(parts) + "."
