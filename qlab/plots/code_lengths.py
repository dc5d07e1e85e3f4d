"""A prefix code in two pictures: bits of each symbol's word, and the line that the words share.

A word of l bits takes 2^(−l) of the line from 0 to 1. A full prefix code leaves nothing over
(Kraft), so to shorten one word is to lengthen others; symbols that take the share of the line that
they have of the weights are coded at the entropy.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch

from qlab.plots.style import AFTER, BEFORE, INK, NOW, SKY

LONGEST = 20.0  # bits that are drawn; longer words end there
LEAST = 2e-6  # share of weights at the foot of the picture


@dataclass(frozen=True, slots=True)
class CodeLengths:
    """What moves: shares of symbols, bits of their words, and one symbol that is marked."""

    shares: StepPatch
    words: StepPatch
    information: Line2D
    here: Line2D


def code_lengths(shares: Axes, bits: Axes) -> CodeLengths:
    """Prepare the shares of symbols, and below them the bits of their words.

    Parameters
    ----------
    shares
        For the share of weights that each symbol has, logarithmic; drawn on in place.
    bits
        For the bits of each word; shares its x with the other.

    Returns
    -------
    CodeLengths
        ``set_code_lengths`` fills it.
    """
    shares.set(yscale="log", ylim=(LEAST, 1.5))
    bits.set(ylim=(0, LONGEST))
    return CodeLengths(
        shares.stairs([LEAST], [0.0, 1.0], fill=True, fc=BEFORE, ec=INK, lw=0.4, baseline=LEAST),
        bits.stairs([0.0], [0.0, 1.0], fill=True, fc=SKY, ec=AFTER, lw=0.6),
        bits.plot([], [], "o", color=INK, ms=3.2, mew=0, ls="none")[0],
        shares.plot([], [], "v", color=NOW, mec=INK, mew=0.8, ms=8, clip_on=False)[0],
    )


def set_code_lengths(
    drawn: CodeLengths,
    counts: Integer[np.ndarray, " symbols"],
    lengths: Integer[np.ndarray, " symbols"],
    here: int,
) -> None:
    """Show counts, words and one symbol.

    Parameters
    ----------
    drawn
        What ``code_lengths`` returned; changed in place.
    counts
        How often each symbol occurs.
    lengths
        Bits of each word; 0 where there is none.
    here
        The symbol that is marked.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> drawn = code_lengths(*Figure().subplots(2, sharex=True))
    >>> set_code_lengths(drawn, np.array([2, 1, 1, 0]), np.array([1, 2, 2, 0]), here=0)
    >>> drawn.information.get_data()  # log2(1/p) of those that occur
    (array([0, 1, 2]), array([1., 2., 2.]))
    """
    edges = np.arange(len(counts) + 1) - 0.5
    p = counts / max(int(counts.sum()), 1)
    drawn.shares.set_data(np.maximum(p, LEAST), edges)
    drawn.words.set_data(np.minimum(lengths, LONGEST).astype(float), edges)
    used = np.flatnonzero(counts)
    drawn.information.set_data(used, np.minimum(-np.log2(p[used]), LONGEST))
    drawn.here.set_data([here], [1.9])


@dataclass(frozen=True, slots=True)
class Kraft:
    """What moves: a block for each word, the one that is marked, and the shares of the weights."""

    blocks: StepPatch
    cuts: Line2D
    here: StepPatch
    shares: Line2D


def kraft(ax: Axes) -> Kraft:
    """Prepare the line from 0 to 1 that the words of a prefix code share.

    Parameters
    ----------
    ax
        Drawn on in place, depth downward.

    Returns
    -------
    Kraft
        ``set_kraft`` fills it.
    """
    ax.set(xlim=(0, 1), ylim=(LONGEST, -2.0), yticks=range(0, int(LONGEST) + 1, 5))
    return Kraft(
        ax.stairs([0.0], [0.0, 1.0], fill=True, fc=SKY, lw=0),
        ax.plot([], [], color="white", lw=0.7, solid_capstyle="butt")[0],
        ax.stairs([0.0], [0.0, 1.0], fill=True, fc=NOW, ec=INK, lw=0.8, hatch="////"),
        ax.plot([], [], color=INK, lw=0.8, solid_capstyle="butt")[0],
    )


def set_kraft(
    drawn: Kraft,
    counts: Integer[np.ndarray, " symbols"],
    lengths: Integer[np.ndarray, " symbols"],
    here: int,
) -> None:
    """Show a block of width 2^(−l) and depth l for each word, shortest first.

    Parameters
    ----------
    drawn
        What ``kraft`` returned; changed in place.
    counts
        How often each symbol occurs: ticks above the blocks divide the line by them.
    lengths
        Bits of each word; symbols without one take no part.
    here
        The symbol that is marked.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> drawn = kraft(Figure().add_subplot())
    >>> set_kraft(drawn, np.array([2, 1, 1, 0]), np.array([1, 2, 2, 0]), here=2)
    >>> drawn.blocks.get_data().edges, drawn.here.get_data().edges
    (array([0.  , 0.5 , 0.75, 1.  ]), array([0.75, 1.  ]))
    """
    used = np.flatnonzero(lengths)
    if not used.size:  # one symbol, and nothing to say
        used = np.flatnonzero(counts)[:1]
    order = used[np.argsort(lengths[used], kind="stable")]
    depth = lengths[order].astype(float)
    edges = np.concatenate([[0.0], np.cumsum(2.0**-depth)])
    drawn.blocks.set_data(np.minimum(depth, LONGEST), edges)
    ends = np.stack([np.zeros(len(depth)), depth, np.full(len(depth), np.nan)], axis=1)
    drawn.cuts.set_data(np.repeat(edges[1:], 3), ends.ravel())
    at = np.flatnonzero(order == here)
    shown = at[0] if at.size else 0
    drawn.here.set_data(np.minimum(depth[shown : shown + 1], LONGEST), edges[shown : shown + 2])
    drawn.here.set_visible(bool(at.size))
    total = max(int(counts.sum()), 1)
    shares = np.concatenate([[0.0], np.cumsum(counts[order] / total)])
    drawn.shares.set_data(np.repeat(shares, 3), np.tile([-0.4, -1.8, np.nan], len(shares)))
