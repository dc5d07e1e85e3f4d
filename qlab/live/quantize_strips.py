"""What the Quantize instrument shows of all but the weights: biases, what enters, what leaves.

The values are those of the float network, on the first images of the estimate: as they were, and
rounded as the network that infers rounds them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qlab import metrics, networks, plots
from qlab.live.figure import Figure
from qlab.live.legend import swatch
from qlab.live.quantize_acting import OUTPUT, Made
from qlab.live.quantize_state import BATCH, QuantizeState
from qlab.networks import Network

if TYPE_CHECKING:
    from qlab.live.evaluation import Evaluation
    from qlab.live.quantize_state import QuantizeResult

BINS = 170  # about two pixels each
ROOM = 0.04  # beside the least and the largest value


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """Values before and after, counted in the same bins; none after where they stay float."""

    name: str
    edges: np.ndarray
    before: np.ndarray
    after: np.ndarray

    @classmethod
    def of(cls, name: str, x: np.ndarray, x_hat: np.ndarray | None) -> "Strip":
        """Count both."""
        low, high = float(x.min()), float(x.max())
        room = ROOM * max(high - low, 1e-6)
        ends = (low - room, high + room, BINS)
        h = metrics.histogram(x.ravel(), *ends)
        if x_hat is None:
            return cls(name, h.edges, h.counts, np.zeros_like(h.counts))
        after = metrics.histogram(np.clip(x_hat.ravel(), *ends[:2]), *ends).counts
        return cls(name, h.edges, h.counts, after)


def strips(
    s: QuantizeState, made: Made, acts: Network, evaluation: "Evaluation"
) -> tuple[Strip, ...]:
    """Count biases, what enters the layer looked at (of all, the last), and what leaves."""
    seen = evaluation.keep(("seen", made.name), lambda: _seen(made.base, evaluation))
    layer = list(made.base.weights)[-1] if s.layer == "all" else s.layer
    there = {one.name: one for one in acts.layers}
    rounds = (there.get(f"{layer}_input"), there.get(OUTPUT))
    inside = [(f"what enters {layer}", seen[layer]), ("what leaves the last layer", seen[OUTPUT])]
    biases = [np.concatenate(list(net.biases.values())) for net in (made.base, acts)]
    return (
        Strip.of("biases", biases[0], None if s.bias_spec() is None else biases[1]),
        *(
            Strip.of(name, x, None if by is None else by.forward(x))
            for (name, x), by in zip(inside, rounds, strict=True)
        ),
    )


def _seen(base: Network, evaluation: "Evaluation") -> Mapping[str, np.ndarray]:
    images = evaluation.test[evaluation.order[:BATCH]].images
    seen = networks.activations(base, images)
    last = list(seen)[-1]
    return seen | {OUTPUT: base.run(seen[last], base.index(last))}


def strips_figure() -> Figure:
    """Make three narrow histograms below one another."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        art["axes"] = [figure.add_axes((0.05, y, 0.92, 0.185)) for y in (0.75, 0.42, 0.09)]
        for ax in art["axes"]:
            plots.style.dress(ax, "", "")
            ax.set_yticks([])
            ax.spines["left"].set_visible(False)
        art["before"] = [
            plots.histogram(ax, np.zeros(1, int), np.array([0.0, 1.0])) for ax in art["axes"]
        ]
        art["after"] = [plots.levels(ax, np.zeros(1), np.zeros(1, int)) for ax in art["axes"]]
        for ax in art["axes"]:
            ax.yaxis.set_visible(False)  # a logarithm of counts, as for the weights
        return list(art["after"])

    def stage(r: "QuantizeResult") -> None:
        for ax, before, strip in zip(art["axes"], art["before"], r.strips, strict=True):
            before.set_data(strip.before, strip.edges)
            ax.set(xlim=strip.edges[[0, -1]], ylim=(0.7, 1.6 * strip.before.sum()))
            ax.locator_params(axis="x", nbins=6)
            ax.set_title(strip.name, loc="left", fontsize=8.5, pad=2, color=plots.style.INK)

    def draw(r: "QuantizeResult") -> None:
        for line, strip in zip(art["after"], r.strips, strict=True):
            plots.set_levels(line, (strip.edges[1:] + strip.edges[:-1]) / 2, strip.after)

    return Figure(
        "strips",
        "Biases, activations, outputs",
        size=(400, 240),
        build=build,
        draw=draw,
        key=lambda r: tuple(strip.after.tobytes() for strip in r.strips),
        scene=lambda r: (r.base, r.layer),
        stage=stage,
        caption=swatch(plots.style.BEFORE)
        + f"of the float network, {BATCH} images &ensp; "
        + swatch(plots.style.AFTER, thin=True)
        + "rounded, where they are; a stem is as high as the number on it",
        describe=lambda r: (
            "Three histograms: "
            + ", ".join(
                f"{one.name} on {np.count_nonzero(one.after)} levels"
                if one.after.any()
                else f"{one.name} float"
                for one in r.strips
            )
            + "."
        ),
    )
