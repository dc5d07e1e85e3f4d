"""A window of a tensor as coloured cells, and the outline of the cells that belong together.

Colours diverge from paper: blue for what is negative, vermillion for what is positive, darker the
farther from zero. Both keep apart for every common kind of colour blindness, and whoever reads
the picture has the chosen cell's number in words beside it.
"""

import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt8
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from qlab.plots.masks import Pixels
from qlab.plots.style import BLUE, VERMILLION

TONES = 16  # on each side of zero: few colours, lossless WebP is quick on those
PAPER = "#f7f7f5"  # zero; the gaps between cells that are no neighbours are white

_share = np.linspace(0, 1, TONES + 1)[:, None] ** 0.8
_paper, _blue, _red = (np.array(to_rgba(c)) for c in (PAPER, BLUE, VERMILLION))
_tones = np.concatenate(
    [((1 - _share) * _paper + _share * _blue)[:0:-1], (1 - _share) * _paper + _share * _red]
)
PALETTE: UInt8[np.ndarray, "tones 4"] = (
    (255 * np.concatenate([_tones, np.ones((1, 4))])).round().astype(np.uint8)
)  # the last one is the gap


def diverging(
    values: Float[np.ndarray, "rows columns"], limit: float
) -> UInt8[np.ndarray, "rows columns 4"]:
    """Turn numbers into colours.

    Parameters
    ----------
    values
        NaN is a gap between cells.
    limit
        Above 0: from this magnitude on a cell has the darkest colour.

    Returns
    -------
    array
        RGBA, opaque.

    Examples
    --------
    >>> diverging(np.array([[-1.0, 0.0, 2.0, np.nan]]), 1.0)[0, :, :3].tolist()
    [[0, 114, 178], [247, 247, 245], [213, 94, 0], [255, 255, 255]]
    """
    share = np.clip(np.nan_to_num(values) / limit, -1, 1)
    tone = np.rint(TONES * share).astype(np.int64)
    # a number that is not zero is never drawn as zero
    tone = np.where((tone == 0) & (share != 0), np.sign(share), tone).astype(np.int64)
    return PALETTE[np.where(np.isnan(values), 2 * TONES + 1, tone + TONES)]


def cells(ax: Axes) -> Pixels:
    """Prepare a picture whose data units are cells, the origin at its upper left corner.

    Parameters
    ----------
    ax
        Drawn on in place; its limits are the caller's, y downwards.

    Returns
    -------
    Pixels
        ``set_cells`` fills it.
    """
    picture = Pixels(ax, interpolation="nearest", origin="upper")
    picture.set_data(PALETTE[None, -1:])
    ax.add_image(picture)
    return picture


def set_cells(picture: Pixels, colours: UInt8[np.ndarray, "rows columns 4"]) -> None:
    """Show these cells: row i, column j lies between j and j + 1, i and i + 1.

    Parameters
    ----------
    picture
        What ``cells`` returned; changed in place.
    colours
        As ``diverging`` returns them.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> picture = cells(Figure().add_subplot())
    >>> set_cells(picture, diverging(np.zeros((2, 3)), 1.0))
    >>> picture.get_extent()
    [0, 3, 2, 0]
    """
    rows, columns = colours.shape[:2]
    picture.set_data(colours)
    picture.set_extent((0, columns, rows, 0))


def outline(
    inside: Bool[np.ndarray, "rows columns"],
) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
    """Trace the border between cells that belong together and all others.

    Parameters
    ----------
    inside
        True for a cell of the block.

    Returns
    -------
    x, y
        Ends of the edges and a NaN after each: one line for a block of any shape.

    Examples
    --------
    >>> x, y = outline(np.array([[False, True]]))
    >>> len(x) // 3, np.nanmin(x), np.nanmax(x)  # four edges around the second cell
    (4, np.float64(1.0), np.float64(2.0))
    """
    padded = np.pad(inside, 1)
    i, j = np.nonzero(padded[1:, 1:-1] != padded[:-1, 1:-1])  # between row i − 1 and row i
    k, m = np.nonzero(padded[1:-1, 1:] != padded[1:-1, :-1])
    x, y = np.full((2, len(i) + len(k), 3), np.nan)
    x[: len(i), 0], x[: len(i), 1], y[: len(i), :2] = j, j + 1, i[:, None]
    y[len(i) :, 0], y[len(i) :, 1], x[len(i) :, :2] = k, k + 1, m[:, None]
    return x.ravel(), y.ravel()


def dark(colours: Shaped[np.ndarray, "*shape 4"]) -> Bool[np.ndarray, "*shape"]:
    """Tell on which colours white words are read more easily than black ones.

    Parameters
    ----------
    colours
        RGBA, 0 … 255.

    Returns
    -------
    array
        True where the relative luminance is low.

    Examples
    --------
    >>> dark(diverging(np.array([[-1.0, 0.0]]), 1.0)).tolist()
    [[True, False]]
    """
    red, green, blue = np.moveaxis(colours[..., :3].astype(np.float64), -1, 0)
    return np.asarray(0.2126 * red + 0.7152 * green + 0.0722 * blue < 115)
