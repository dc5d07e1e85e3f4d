"""The three pictures of the Pack instrument: words, the line that they share, bytes."""

from typing import Any

import numpy as np

from qlab import coding, plots
from qlab.live.figure import Figure
from qlab.live.legend import swatch
from qlab.live.pack_state import PackResult
from qlab.plots.style import AFTER, GREEN, GREY, NOW, ORANGE, SKY

NAMES = {
    "packed": "packed",
    "bitmap": "bitmap",
    "relative_index": "relative index",
    "huffman": "Huffman",
    "deep_compression": "index + Huffman",
    "rans": "arithmetic",
}
NAMES |= {name: name for name in coding.CODERS if name not in NAMES}
ENDS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 14.0, 20.0, 40.0)  # of the axis of bytes
HATCHES = {"codes": None, "index": "....", "table": "////"}
COLORS = {"codes": AFTER, "index": ORANGE, "table": GREEN}


def words_figure() -> Figure:
    """Make the shares of the codes, and below them the bits of their words."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        top = plots.style.dress(figure.add_axes((0.13, 0.6, 0.85, 0.36)), "", "share of weights")
        low = plots.style.dress(
            figure.add_axes((0.13, 0.15, 0.85, 0.4), sharex=top), "code", "bits of its word"
        )
        top.tick_params(labelbottom=False)
        art["top"], art["words"] = low, plots.code_lengths(top, low)
        art["fixed"] = low.axhline(5, color=GREY, lw=1.0, ls=(0, (4, 3)))
        words = art["words"]
        return [words.shares, words.words, art["fixed"], words.information, words.here]

    def stage(r: PackResult) -> None:
        art["top"].set_xlim(-1, len(r.levels))

    def draw(r: PackResult) -> None:
        plots.set_code_lengths(art["words"], r.counts, r.lengths, r.symbol)
        art["fixed"].set_ydata([r.bits, r.bits])

    return Figure(
        "words",
        "How often a code occurs, and its word",
        size=(400, 280),
        build=build,
        draw=draw,
        key=lambda r: (r.key, r.exact),
        scene=lambda r: len(r.levels),
        stage=stage,
        caption=swatch(SKY)
        + "Huffman's word &ensp; "
        + swatch("#1f2933", round=True)
        + "log₂(1/share), what it would take &ensp; dashed: packed &ensp; "
        + f'<b style="color:{NOW}" aria-hidden="true">▼</b> the weight looked at',
        describe=lambda r: (
            f"{np.count_nonzero(r.counts)} of {len(r.levels)} codes occur; words of "
            f"{_least(r)} to {int(r.lengths.max())} bits, {r.mean:.3f} on average."
        ),
    )


def line_figure() -> Figure:
    """Make the line from 0 to 1, divided by the words."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = plots.style.dress(
            figure.add_axes((0.13, 0.17, 0.83, 0.79)), "share of the line", "bits of the word"
        )
        art["kraft"] = plots.kraft(ax)
        kraft = art["kraft"]
        return [kraft.blocks, kraft.cuts, kraft.here, kraft.shares]

    return Figure(
        "line",
        "The line that the words share",
        size=(400, 280),
        build=build,
        draw=lambda r: plots.set_kraft(art["kraft"], r.counts, r.lengths, r.symbol),
        key=lambda r: (r.key, r.exact),
        caption=swatch(SKY)
        + "a block of width 2<sup>−bits</sup> a word, the shortest first; together they fill the "
        "line &ensp; ticks above: the shares of the weights &ensp; "
        + swatch(NOW)
        + "hatched: the weight looked at",
        describe=lambda r: (
            f"The words take {r.kraft:.4f} of the line; that of the weight looked at, "
            f"{r.word or 'no bits'}, takes {2.0 ** -len(r.word):.3g}."
        ),
    )


def bytes_figure() -> Figure:
    """Make a bar for each way to write the codes, in bits a weight."""
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = art["ax"] = plots.style.dress(
            figure.add_axes((0.31, 0.17, 0.66, 0.8)), "bits a weight, all counted", ""
        )
        plots.bar_axis(ax, list(NAMES.values()))
        for part, color in COLORS.items():
            art[part] = plots.bars(ax, color, hatch=HATCHES[part])
        art["bound"] = ax.axvline(0, color=NOW, lw=1.6, ls=(0, (4, 2)))
        return [*(art[part] for part in COLORS), art["bound"]]

    def draw(r: PackResult) -> None:
        start = np.zeros(len(NAMES))
        for part in COLORS:
            held = [getattr(r.sizes[name], part) if name in r.sizes else 0 for name in NAMES]
            lengths = 8 * np.array(held) / r.n
            plots.set_bars(art[part], lengths, start)
            start = start + lengths
        art["bound"].set_xdata([r.entropy, r.entropy])

    return Figure(
        "bytes",
        "Bits a weight, by format",
        size=(400, 280),
        build=build,
        draw=draw,
        key=lambda r: (r.key, r.exact, r.decoded is not None),
        scene=_end,
        stage=lambda r: art["ax"].set_xlim(0, _end(r)),
        caption=swatch(AFTER)
        + "codes &ensp; "
        + swatch(ORANGE)
        + "dotted: where they stand &ensp; "
        + swatch(GREEN)
        + "striped: scale, levels, tables &ensp; "
        + swatch(NOW, thin=True)
        + "dashed: entropy, which counts no table",
        describe=lambda r: "; ".join(
            f"{NAMES[name]} {8 * size.total / r.n:.2f} bits a weight"
            for name, size in r.sizes.items()
            if name in NAMES
        ),
    )


def _end(r: PackResult) -> float:
    """End of the axis."""
    most = max(8 * size.total / r.n for name, size in r.sizes.items())
    return next((end for end in ENDS if most <= end), ENDS[-1])


def _least(r: PackResult) -> int:
    used = r.lengths[r.lengths > 0]
    return int(used.min()) if used.size else 0
