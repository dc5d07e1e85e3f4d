import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from qlab.plots.masks import (
    SHADES,
    Place,
    density,
    mask_picture,
    mask_sheet,
    place_masks,
    set_mask,
    shades,
)


@given(st.integers(0, 2**32 - 1), *[st.integers(1, 40)] * 2, *[st.integers(1, 6)] * 2)
def test_density_is_the_mean_of_each_block_smaller_ones_at_the_far_edges(
    seed, rows, columns, down, across
):
    mask = np.random.default_rng(seed).random((rows, columns)) < 0.4
    expected = [
        [mask[i : i + down, j : j + across].mean() for j in range(0, columns, across)]
        for i in range(0, rows, down)
    ]
    np.testing.assert_allclose(density(mask, down, across), expected, rtol=2e-7)


@given(*[st.integers(1, 1300)] * 2, *[st.integers(20, 400)] * 2)
def test_a_place_fits_by_whole_blocks_of_whole_pixels(rows, columns, height, width):
    place = Place.fitting("w", (rows, columns), 0, 0, height=height, width=width)
    assert 0 < place.height <= height and 0 < place.width <= width
    assert place.down * (place.height // place.tall) >= rows
    assert place.across * (place.width // place.wide) >= columns


def test_one_kept_weight_in_a_block_is_seen_and_none_is_not():
    place = Place.fitting("w", (60, 60), 0, 0, height=10, width=10)
    mask = np.zeros((60, 60), bool)
    mask[0, 0] = True
    pixels = shades(place, density(mask, place.down, place.across))
    assert (pixels[0, 0] != SHADES[0]).any()
    assert (pixels.reshape(-1, 4)[1:] == SHADES[0]).all()


def drawn(scale, mask):
    """The pixels that a mask leaves on a canvas of 40 × 30 units, at this many pixels a unit."""
    figure = Figure(figsize=(0.4, 0.3), dpi=100)
    canvas = FigureCanvasAgg(figure)
    ax = figure.add_axes((0, 0, 1, 1))
    mask_sheet(ax, 30, 40)
    picture = mask_picture(ax)
    place = Place.fitting("", mask.shape, 6, 4, height=20, width=30)
    place_masks(ax, [picture], [place])
    set_mask(picture, place, density(mask, place.down, place.across))
    figure.set_dpi(100 * scale)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()), place


@pytest.mark.parametrize("scale", [1, 2])
def test_every_weight_lands_on_its_own_pixels_at_every_density(scale):
    mask = np.zeros((10, 15), bool)
    mask[0, 0] = mask[9, 14] = mask[3, 7] = True
    pixels, place = drawn(scale, mask)
    expected = shades(place, mask.astype(np.float32)).repeat(scale, 0).repeat(scale, 1)
    top, left = place.top * scale, place.left * scale
    found = pixels[top : top + place.height * scale, left : left + place.width * scale]
    np.testing.assert_array_equal(found, expected)
    assert (pixels[:top] == 255).all() and (pixels[:, :left] == 255).all()


def test_where_the_scale_is_no_whole_number_matplotlib_resamples():
    pixels, _ = drawn(1.37, np.eye(10, 15, dtype=bool))
    assert len(np.unique(pixels.reshape(-1, 4), axis=0)) >= 3


def test_pictures_without_a_place_vanish_and_labels_are_renewed():
    ax = Figure().add_subplot()
    mask_sheet(ax, 100, 100)
    pictures = [mask_picture(ax) for _ in range(3)]
    place = Place.fitting("fc1", (5, 5), 10, 0, height=50, width=50)
    place_masks(ax, pictures, [place, place])
    place_masks(ax, pictures, [place])
    assert [picture.get_visible() for picture in pictures] == [True, False, False]
    assert [text.get_text() for text in ax.texts] == ["fc1"]
