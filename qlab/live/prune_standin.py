"""A ranking that stands in for the library's in the Prune instrument.

    M = f(W, sparsity)                      each layer by itself                      (1)
    M = f(all weights in a row, sparsity)   all layers ranked as one                  (2)

Of weights of equal size it does not matter which go: masks that remove the same sizes are alike.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from matplotlib.colors import to_rgba

from qlab import pruning
from qlab.live.overlay import DOTTED, point
from qlab.live.prune_pictures import MOST_LAYERS, spread
from qlab.live.prune_state import PruneState
from qlab.live.standin import Difference, Idle, StandIn, Unusable, beside, over, swatch
from qlab.plots.masks import Place, density, mask_picture
from qlab.plots.style import INK, ORANGE, PURPLE

Masks = dict[str, np.ndarray]


class PruneStandIn(StandIn):
    """Masks by a function f(W, sparsity), True = keep."""

    LEGEND = {  # noqa: RUF012
        "masks": swatch("■") + "kept by yours alone &ensp; "
        f'<b style="color:{ORANGE}" aria-hidden="true">■</b> kept by the library alone &ensp; '
        "<b>○</b> around the first weight that differs",
        "cut": swatch("┅") + "what yours keeps, dotted",
        "curve": swatch("◆") + "yours",
    }

    def ask(self, s: PruneState, *given: Any) -> Masks:
        """Equation 1 or 2 for the chosen layers."""
        if s.structure != "weights" or s.method != "magnitude":
            single = "weights by lot" if s.method == "random" else f"weights by {s.method}"
            raise Idle(
                "Your function ranks single weights by their size; this setting removes "
                + (single if s.structure == "weights" else "whole rows")
                + ". What is shown is the library's."
            )
        W = self._weights(s)
        if s.scope == "layer":
            answers = self.call([(w, float(s.sparsity)) for w in W.values()])
            return {n: _checked(m, W[n]) for n, m in zip(W, answers, strict=True)}
        row = np.concatenate([w.ravel() for w in W.values()])
        mask = _checked(self.call([(row, float(s.sparsity))])[0], row)
        parts = np.split(mask, np.cumsum([w.size for w in W.values()])[:-1])
        return {n: m.reshape(W[n].shape) for n, m in zip(W, parts, strict=True)}

    def compare(self, s: PruneState, answers: Masks) -> Difference | None:
        """Compare masks, layer by layer, weight by weight."""
        W = self._weights(s)
        right = pruning.magnitude(W, s.sparsity, scope=s.scope)
        assert isinstance(right, dict), "a dict of weights gives a dict of masks"
        wrong = {n: np.flatnonzero(right[n] != answers[n]) for n in W}
        if s.scope == "layer":
            wrong = {n: places for n, places in wrong.items() if not _alike(W, right, answers, n)}
        elif _alike(W, right, answers, *W):
            wrong = {}
        first = next((n for n, places in wrong.items() if places.size), None)
        if first is None:
            return None
        index = tuple(int(i) for i in np.unravel_index(wrong[first][0], W[first].shape))
        return Difference(
            place=f"{first}[{', '.join(map(str, index))}]",
            index=index,
            given=float(W[first][index]),
            reference="kept" if right[first][index] else "removed",
            other="kept" if answers[first][index] else "removed",
            count=sum(places.size for places in wrong.values()),
            of=sum(w.size for w in W.values()),
            mark=(first, index[0], int(np.ravel_multi_index(index[1:], W[first].shape[1:]))),
        )

    def _weights(self, s: PruneState) -> Masks:
        return self.instrument.weights_of(s)

    def overlays(self) -> Iterator[tuple[str, Callable[[Any], Any], Callable[[Any], None]]]:
        """Lay the masks, what is kept by size, and the accuracy over the library's."""
        pictures = self.instrument.pictures
        yield ("masks", *_masks(pictures))
        yield ("cut", *_kept(pictures))
        yield ("curve", *point(lambda r: (spread(r.state.sparsity), 100 * r.accuracy.value)))


def _checked(answer: Any, W: np.ndarray) -> np.ndarray:
    if not isinstance(answer, np.ndarray):
        got = "nothing" if answer is None else f"a {type(answer).__name__}"
        raise Unusable(
            f"Your function returned {got}; a mask of shape {W.shape}, True = keep, is expected."
        )
    if answer.shape != W.shape:
        raise Unusable(
            f"Your function returned shape {answer.shape}; the mask of W has its shape, {W.shape}."
        )
    if answer.dtype != np.bool_:
        raise Unusable(f"Your function returned {answer.dtype}; a mask is of bools, True = keep.")
    return answer


def _alike(W: Masks, right: Masks, mine: Masks, *names: str) -> bool:
    """Say whether two masks remove weights of the same sizes, if not the same ones."""
    lost = [
        np.sort(np.concatenate([np.abs(W[n][a[n] & ~b[n]]) for n in names]))
        for a, b in ((right, mine), (mine, right))
    ]
    return np.array_equal(lost[0], lost[1])


def _masks(pictures: Any) -> tuple[Callable[[Any], Any], Callable[[Any], None]]:
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = figure.axes[0]
        art["sheets"] = [mask_picture(ax) for _ in range(MOST_LAYERS)]
        (art["ring"],) = ax.plot([], [], "o", mfc="none", mec=INK, mew=2.0, ms=13)
        ax.set_xlim(0, figure.get_figwidth() * figure.dpi)  # a first line would fit them anew
        ax.set_ylim(figure.get_figheight() * figure.dpi, 0)
        return [*art["sheets"], art["ring"]]

    def draw(r: Any) -> None:
        found, other = beside(r), over(r)
        places: dict[str, Place] = {k: p for k, p in pictures.places.items() if k != "pixels"}
        for sheet in art["sheets"]:
            sheet.set_visible(False)
        if found is not None and other is not None:
            right = pictures.masks(other.state)
            for sheet, (name, place) in zip(art["sheets"], places.items(), strict=False):
                if name in found.answers:
                    _lay(sheet, place, right[name], found.answers[name])
        difference = None if found is None else found.difference
        art["ring"].set_visible(difference is not None)
        if difference is not None:
            name, row, column = difference.mark
            place = places[name]
            x = place.left + (column // place.across + 0.5) * place.wide
            y = place.top + (row // place.down + 0.5) * place.tall
            art["ring"].set_data([x], [y])

    return build, draw


def _lay(sheet: Any, place: Place, right: np.ndarray, mine: np.ndarray) -> None:
    """Colour the blocks in which the masks differ, by what more of them do."""
    flat = [(a & ~b).reshape(len(a), -1) for a, b in ((mine, right), (right, mine))]
    more, less = (density(mask, place.down, place.across) for mask in flat)
    pixels = np.zeros((*more.shape, 4))
    pixels[(more > 0) & (more >= less)] = to_rgba(PURPLE)
    pixels[less > more] = to_rgba(ORANGE)
    blocks = (255 * pixels).astype(np.uint8)
    sheet.set_data(blocks.repeat(place.tall, axis=0).repeat(place.wide, axis=1))
    right_end, bottom = place.left + place.width, place.top + place.height
    sheet.set_extent((place.left, right_end, bottom, place.top))
    sheet.set_visible(True)


def _kept(pictures: Any) -> tuple[Callable[[Any], Any], Callable[[Any], None]]:
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        art["lines"] = [
            ax.plot([], [], color=PURPLE, ls=DOTTED, lw=2.2, drawstyle="steps-mid")[0]
            for ax in pictures.panels
        ]
        return list(art["lines"])

    def draw(r: Any) -> None:
        other = over(r)
        for line in art["lines"]:
            line.set_visible(False)
        if other is None:
            return
        scores = pictures.scores(other.state)
        for line, layer in zip(art["lines"], other.layers, strict=False):
            edges = scores[layer.name].edges
            line.set_data((edges[:-1] + edges[1:]) / 2, np.maximum(layer.kept, 0.1))
            line.set_visible(True)

    return build, draw
