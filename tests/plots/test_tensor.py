import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from qlab.plots.tensor import PALETTE, TONES, cells, dark, diverging, outline, set_cells


@given(st.floats(-10, 10), st.floats(0.01, 5))
def test_a_colour_tells_the_sign_and_grows_with_the_magnitude(value, limit):
    (colour,) = diverging(np.array([[value]]), limit)[0]
    red, _, blue, _ = colour.astype(int)
    if value == 0:
        np.testing.assert_array_equal(colour, PALETTE[TONES])
    else:
        assert (red > blue) == (value > 0)
    (less,) = diverging(np.array([[value / 2]]), limit)[0]
    toward = np.abs(colour.astype(int) - PALETTE[TONES]).sum()
    assert toward >= np.abs(less.astype(int) - PALETTE[TONES]).sum()


def test_a_number_that_is_not_zero_is_never_drawn_as_zero_and_a_gap_is_white():
    row = diverging(np.array([[-1e-9, 0.0, 1e-9, np.nan]]), 1.0)[0]
    assert len({tuple(c) for c in row}) == 4
    np.testing.assert_array_equal(row[3], [255, 255, 255, 255])


def test_both_ends_and_everything_between_are_apart_for_every_common_colour_blindness():
    # Viénot, Brettel and Mollon 1999: protanopia and deuteranopia, in linear RGB
    to_lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714]])
    to_lms = np.vstack([to_lms, [0.0299566, 0.184309, 1.46709]])
    linear = (PALETTE[: 2 * TONES + 1, :3] / 255.0) ** 2.2
    for seen in ([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]],
                 [[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]):  # fmt: skip
        lms = linear @ to_lms.T @ np.array(seen).T
        rgb = np.clip(lms @ np.linalg.inv(to_lms).T, 0, 1) ** (1 / 2.2)
        steps = np.linalg.norm(rgb[::4] - rgb[TONES], axis=1) * 255
        assert np.linalg.norm(rgb[0] - rgb[-1]) * 255 > 100
        assert (np.delete(steps, TONES // 4) > 20).all()


def test_cells_are_whole_squares_of_one_colour():
    figure = Figure(figsize=(2, 1), dpi=100)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    ax.set(xlim=(0, 20), ylim=(10, 0))  # ten pixels a cell
    picture = cells(ax)
    values = np.array([[-1.0, 0.5, 1.0], [0.1, -0.2, 0.0]])
    set_cells(picture, diverging(values, 1.0))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    drawn = np.asarray(canvas.buffer_rgba())
    expected = diverging(values, 1.0).repeat(10, axis=0).repeat(10, axis=1)
    np.testing.assert_array_equal(drawn[:20, :30], expected)
    assert (drawn[20:] == 255).all() and (drawn[:, 30:] == 255).all()


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_an_outline_is_every_edge_between_inside_and_outside(rows, columns, seed):
    inside = np.random.default_rng(seed).random((rows, columns)) < 0.5
    x, y = outline(inside)
    found = {
        tuple(sorted(((a, b), (c, d))))
        for a, b, c, d in zip(x[::3], y[::3], x[1::3], y[1::3], strict=True)
    }
    assert len(found) == len(x) // 3
    padded = np.pad(inside, 1)
    expected = set()
    for i in range(rows + 1):
        for j in range(columns + 1):
            if padded[i, j + 1] != padded[i + 1, j + 1] and j < columns:
                expected.add(((float(j), float(i)), (float(j + 1), float(i))))
            if padded[i + 1, j] != padded[i + 1, j + 1] and i < rows:
                expected.add(((float(j), float(i)), (float(j), float(i + 1))))
    assert found == expected
    assert np.isnan(x[2::3]).all() and np.isnan(y[2::3]).all()


@pytest.mark.parametrize(("grey", "white"), [(0, True), (90, True), (160, False), (255, False)])
def test_words_on_a_dark_cell_are_white(grey, white):
    assert dark(np.array([[[grey, grey, grey, 255]]], dtype=np.uint8)).item() is white
