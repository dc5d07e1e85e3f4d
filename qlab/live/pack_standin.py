"""Lengths of words by a function that stands in for the library's in the Pack instrument.

    lengths = f(counts)                        for "packing.huffman_lengths"          (1)

Of several shortest codes any will do: what counts is Σ n·l, and that the words fit on the line.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from qlab import coding
from qlab.coding import Size
from qlab.live.overlay import DOTTED
from qlab.live.pack_state import PackState
from qlab.live.standin import Difference, StandIn, Unusable, beside, over, swatch
from qlab.plots.code_lengths import LONGEST
from qlab.plots.style import INK, PURPLE


class PackStandIn(StandIn):
    """Bits of every word by a function, equation 1."""

    LEGEND = {  # noqa: RUF012
        "words": swatch("┅") + "your words, dotted &ensp; at the first that differs: "
        "<b>○</b> the library, <b>✕</b> yours",
    }

    def ask(self, s: PackState, *given: Any) -> np.ndarray:
        """Ask for the lengths of the codes' counts."""
        instrument: Any = self.instrument
        counts = given[0] if given else instrument.results[s.key()].counts
        (answer,) = self.call([(counts.copy(),)])
        return _checked(answer, counts)

    def size(self, right: Size, counts: np.ndarray, lengths: np.ndarray) -> Size:
        """Bytes of the words, and of the library's table: lengths are what it holds."""
        return Size(-(-int(counts @ lengths) // 8), 0, right.table)

    def compare(self, s: PackState, answers: np.ndarray) -> Difference | None:
        """Compare what all words take, and whether they fit; then find the first that differs."""
        instrument: Any = self.instrument
        counts = instrument.results[s.key()].counts
        right = coding.huffman_lengths(counts)
        used = answers[answers > 0]
        fits = not used.size or np.sum(2.0**-used) <= 1
        if int(counts @ answers) == int(counts @ right) and fits and not answers[counts == 0].any():
            return None
        wrong = np.flatnonzero(answers != right)
        first = int(wrong[0])
        return Difference(
            place=f"code {first}",
            index=(first,),
            given=f"{int(counts[first])} of {int(counts.sum())}",
            reference=int(right[first]),
            other=int(answers[first]),
            count=int(wrong.size),
            of=len(counts),
            mark=(int(right[first]), int(answers[first])),
        )

    def overlays(self) -> Iterator[tuple[str, Callable[[Any], Any], Callable[[Any], None]]]:
        """Lay the other words over the library's."""
        yield ("words", *_words())


def _checked(answer: Any, counts: np.ndarray) -> np.ndarray:
    if isinstance(answer, list | tuple):
        answer = np.array(answer)
    if not isinstance(answer, np.ndarray) or answer.dtype.kind not in "iuf":
        got = "nothing" if answer is None else f"a {type(answer).__name__}"
        raise Unusable(f"Your function returned {got}; an array of lengths is expected.")
    if answer.shape != counts.shape:
        raise Unusable(
            f"Your function returned shape {answer.shape}; {len(counts)} codes have as many words."
        )
    if not np.isfinite(answer).all() or (answer != np.rint(answer)).any():
        raise Unusable("Your function returned lengths that are no whole numbers of bits.")
    if answer.min() < 0 or answer.max() > 10_000:
        raise Unusable("Your function returned a length below 0, or above 10,000 bits.")
    return answer.astype(np.int64)


def _words() -> tuple[Callable[[Any], Any], Callable[[Any], None]]:
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = figure.axes[1]
        (art["words"],) = ax.plot([], [], color=PURPLE, ls=DOTTED, lw=2.2, drawstyle="steps-mid")
        (art["right"],) = ax.plot([], [], "o", mfc="none", mec=INK, mew=1.8, ms=9)
        (art["mine"],) = ax.plot([], [], "x", color=INK, mew=2.2, ms=8)
        return list(art.values())

    def draw(r: Any) -> None:
        other, found = over(r), beside(r)
        art["words"].set_visible(other is not None)
        if other is not None:
            lengths = np.minimum(other.lengths, LONGEST)
            art["words"].set_data(np.arange(len(lengths)), lengths)
        difference = None if found is None else found.difference
        for k, name in enumerate(("right", "mine")):
            art[name].set_visible(difference is not None)
            if difference is not None:
                y = float(np.clip(difference.mark[k], 0.6, LONGEST - 0.6))  # stays in sight
                art[name].set_data([difference.index[0]], [y])

    return build, draw
