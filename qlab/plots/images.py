"""Small images side by side, each with a line of words below it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.text import Text

from qlab.plots.style import INK, TEXT

GAP = 4  # pixels of paper between two images
CAPTION = 12  # pixels of paper below a row, for the words


@dataclass(frozen=True, slots=True)
class Grid:
    """The artists of one grid; ``set_image_grid`` fills them."""

    picture: AxesImage
    captions: tuple[Text, ...]
    columns: int
    side: int

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All of them, in drawing order."""
        return (self.picture, *self.captions)


def image_grid(ax: Axes, rows: int, columns: int, side: int = 28) -> Grid:
    """Prepare an empty grid of square grey images.

    Parameters
    ----------
    ax
        Drawn on in place; its axes are hidden.
    rows, columns
        Places for images.
    side
        Pixels along an image's edge.

    Returns
    -------
    Grid
        Filled by ``set_image_grid``.
    """
    height, width = rows * (side + CAPTION), columns * (side + GAP) - GAP
    ax.set_axis_off()
    picture = ax.imshow(
        np.ones((height, width)), cmap="gray_r", vmin=0, vmax=1, interpolation="nearest"
    )
    captions = tuple(
        ax.text(
            c * (side + GAP) + side / 2,
            r * (side + CAPTION) + side + 1,
            "",
            ha="center",
            va="top",
            color=INK,
            fontsize=TEXT - 1,
        )
        for r in range(rows)
        for c in range(columns)
    )
    return Grid(picture, captions, columns, side)


def set_image_grid(
    grid: Grid, images: Float[np.ndarray, "n side side"], captions: Sequence[str]
) -> None:
    """Show these images; places that are left stay blank.

    Parameters
    ----------
    grid
        What ``image_grid`` returned; changed in place.
    images
        In [0, 1], ink 1; at most as many as there are places.
    captions
        One for each image.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> grid = image_grid(Figure().add_subplot(), 1, 2, side=2)
    >>> set_image_grid(grid, np.ones((1, 2, 2)), ["7 → 1"])
    >>> [text.get_text() for text in grid.captions]
    ['7 → 1', '']
    """
    shape = grid.picture.get_size()
    sheet = np.zeros(shape, dtype=np.float32)
    for i, image in enumerate(images):
        top = i // grid.columns * (grid.side + CAPTION)
        left = i % grid.columns * (grid.side + GAP)
        sheet[top : top + grid.side, left : left + grid.side] = image
    grid.picture.set_data(sheet)
    for i, text in enumerate(grid.captions):
        text.set_text(captions[i] if i < len(captions) else "")
