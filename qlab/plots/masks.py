"""Masks as pictures: a row is a neuron or a filter, a column one of its inputs.

Every layer's mask lies on one sheet. A matrix larger than its place is shown by
blocks: the more of a block's weights are kept, the darker it is, and one kept weight
is seen already. A smaller one is magnified. So a removed neuron is a white row, and the pixels
at the border of the images, which pruning drops first, are white columns 28 apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.image import AxesImage

from qlab.plots.style import AFTER, GREY, TEXT

REMOVED = "#edf1f4"  # nearly paper, so that a layer's outline stays visible
FIRST = 0.3  # darkness of a block in which next to nothing is kept

_share = np.linspace(0.0, 1.0, 17)[:, None]  # few colours: lossless WebP is quick on those
_ink = np.where(_share > 0, FIRST + (1 - FIRST) * _share, 0.0)
SHADES = (255 * ((1 - _ink) * to_rgba(REMOVED) + _ink * to_rgba(AFTER))).round().astype(np.uint8)
_WHOLE = SHADES.view(np.uint32).ravel()  # a pixel in one word: looked up four times as quickly


@dataclass(frozen=True, slots=True)
class Place:
    """Where a matrix lies on a sheet, all in pixels.

    Parameters
    ----------
    label
        Written above the picture.
    shape
        Rows and columns of the matrix.
    top, left
        Corner of the picture.
    down, across
        Rows and columns of the matrix in a block, at least 1.
    tall, wide
        Pixels of a block along each edge, at least 1.

    Examples
    --------
    >>> Place.fitting("fc1", (300, 784), 14, 0, height=160, width=400)
    Place(label='fc1', shape=(300, 784), top=14, left=0, down=2, across=2, tall=1, wide=1)
    """

    label: str
    shape: tuple[int, int]
    top: int
    left: int
    down: int
    across: int
    tall: int
    wide: int

    @classmethod
    def fitting(
        cls, label: str, shape: tuple[int, int], top: int, left: int, *, height: int, width: int
    ) -> "Place":
        """Fill at most height by width pixels, by whole blocks of whole pixels."""
        rows, columns = shape
        down, across = -(-rows // height), -(-columns // width)
        tall = height // -(-rows // down)
        wide = width // -(-columns // across)
        return cls(label, shape, top, left, down, across, tall, wide)

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return -(-self.shape[0] // self.down) * self.tall

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return -(-self.shape[1] // self.across) * self.wide


def density(
    mask: Bool[np.ndarray, "rows columns"], down: int, across: int
) -> Float[np.ndarray, "blocks_down blocks_across"]:
    """Share of kept weights in each block; blocks at the far edges may be smaller.

    Parameters
    ----------
    mask
        True keeps.
    down, across
        Rows and columns in a block, at least 1.

    Returns
    -------
    array
        float32 in [0, 1].

    Examples
    --------
    >>> density(np.array([[True, False, True], [True, True, True]]), 2, 2)
    array([[0.75, 1.  ]], dtype=float32)
    """
    rows, columns = mask.shape
    shape = (-(-rows // down), -(-columns // across))
    if (down, across) == (1, 1):
        return mask.astype(np.float32)
    kept = np.zeros(shape, dtype=np.uint16)
    for i in range(down):  # strided sums: ten times quicker than a mean over small axes
        for j in range(across):
            part = mask[i::down, j::across]
            kept[: part.shape[0], : part.shape[1]] += part
    n = np.outer(
        np.minimum(down, rows - down * np.arange(shape[0])),
        np.minimum(across, columns - across * np.arange(shape[1])),
    )
    return kept / n.astype(np.float32)


def shades(
    place: Place, share: Float[np.ndarray, "blocks_down blocks_across"]
) -> UInt8[np.ndarray, "height width 4"]:
    """Turn the share of kept weights by block into the pixels of a place.

    Parameters
    ----------
    place
        Says how large a block is drawn.
    share
        As ``density`` returns it.

    Returns
    -------
    array
        RGBA, opaque.
    """
    shade = np.ceil(share * (len(SHADES) - 1)).astype(np.uint8)  # ceil: a kept weight is seen
    pixels = _WHOLE[shade].repeat(place.tall, axis=0).repeat(place.wide, axis=1)
    return pixels.view(np.uint8).reshape(*pixels.shape, 4)


class Pixels(AxesImage):
    """An image with a pixel for each data unit of its axes, copied where others resample.

    Resampling an unscaled picture of 400 × 300 pixels takes matplotlib 10 ms, copying it 0.3.
    Where the scale is no whole number (a printer's, say) it is resampled as usual.
    """

    def make_image(
        self, renderer: Any, magnification: float | int = 1.0, unsampled: bool = False
    ) -> tuple[Any, float | int, float | int, Any]:
        """Return the pixels to draw and the corner they go to, as matplotlib asks."""
        box, array = self.get_window_extent(), self.get_array()
        assert array is not None
        scale = box.width / array.shape[1] * magnification
        factor = round(scale)
        if unsampled or factor < 1 or abs(scale - factor) > 1e-3:
            return super().make_image(renderer, magnification, unsampled)
        pixels = np.asarray(array)[::-1]  # row 0 at the bottom
        if factor > 1:
            pixels = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
        return np.ascontiguousarray(pixels), round(box.x0), round(box.y0), None


def mask_sheet(ax: Axes, height: int, width: int) -> None:
    """Make an axes a sheet of pixels, the origin at its upper left corner.

    Parameters
    ----------
    ax
        Drawn on in place: as large as the sheet, its axes hidden.
    height, width
        In pixels.
    """
    ax.set_axis_off()
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)


def mask_picture(ax: Axes) -> Pixels:
    """Prepare a picture on a sheet, invisible until it is placed.

    Parameters
    ----------
    ax
        Made a sheet by ``mask_sheet``.

    Returns
    -------
    Pixels
        ``place_mask`` gives it a place, ``set_mask`` its pixels.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> mask_sheet(ax, 20, 30)
    >>> picture, place = mask_picture(ax), Place.fitting("fc2", (2, 3), 0, 0, height=20, width=30)
    >>> place_masks(ax, [picture], [place])
    >>> set_mask(picture, place, density(np.array([[True, False, True]] * 2), 1, 1))
    >>> np.asarray(picture.get_array())[0, ::10, 0]
    array([  0, 237,   0], dtype=uint8)
    """
    picture = Pixels(ax, interpolation="nearest", origin="upper", visible=False)
    picture.set_data(SHADES[:1, None])
    ax.add_image(picture)
    return picture


def place_masks(ax: Axes, pictures: Sequence[Pixels], places: Sequence[Place]) -> None:
    """Give pictures their places and labels; pictures without a place vanish.

    Parameters
    ----------
    ax
        Of ``mask_sheet``; earlier labels go.
    pictures
        At least as many as places.
    places
        Where the pictures lie.
    """
    for text in list(ax.texts):
        text.remove()
    for picture in pictures:
        picture.set_visible(False)
    for picture, place in zip(pictures, places, strict=False):
        right, bottom = place.left + place.width, place.top + place.height
        picture.set_extent((place.left, right, bottom, place.top))
        picture.set_visible(True)
        ax.text(place.left, place.top - 3, place.label, color=GREY, fontsize=TEXT - 1, va="bottom")


def set_mask(
    picture: Pixels, place: Place, share: Float[np.ndarray, "blocks_down blocks_across"]
) -> None:
    """Show a mask in its place.

    Parameters
    ----------
    picture
        What ``mask_picture`` returned; changed in place.
    place
        The one given to it.
    share
        As ``density`` returns it for the place's blocks.
    """
    picture.set_data(shades(place, share))
