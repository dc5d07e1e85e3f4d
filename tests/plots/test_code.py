import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from qlab.plots.code import EDGE, MOST_BITS, PLAIN, bits, nearby, set_bits, set_nearby


def axes():
    figure = Figure(figsize=(4, 1), dpi=100)
    return figure.add_axes((0, 0, 1, 1)), FigureCanvasAgg(figure)


def test_the_levels_stand_a_step_apart_and_end_where_the_grid_does():
    line = nearby(axes()[0])
    values = [0.1 * k for k in range(7)]
    set_nearby(line, -0.3, [None, None, -7, -6, -5, -4, -3], values)
    assert line.levels.get_xdata()[::3].tolist() == [-1, 0, 1, 2, 3]
    low, high = line.beyond
    assert low.get_visible() and (low.get_x(), low.get_width()) == (-EDGE, EDGE - 1.5)
    assert not high.get_visible()
    assert [w.get_text() for w in line.words] == ["", "−6\n0.3", "−4\n0.5"]
    assert line.number.get_xdata() == [-0.3]
    assert line.error.get_xdata() == [0, -0.3]


@pytest.mark.parametrize("place", [-40.0, 40.0])
def test_a_number_far_beyond_the_grid_is_drawn_at_the_end_of_the_line(place):
    line = nearby(axes()[0])
    set_nearby(line, place, [None] * 3 + [3] + [None] * 3, [0.0] * 7)
    assert np.sign(place) * line.number.get_xdata()[0] == pytest.approx(EDGE - 0.15)
    assert all(end.get_visible() for end in line.beyond)
    set_nearby(line, place, [None] * 7, [0.0] * 7)  # no level in sight at all
    assert len(line.levels.get_xdata()) == 0


@pytest.mark.parametrize("count", [1, 2, 4, 8, 10, 11, 16])
def test_a_box_a_bit_right_aligned_and_the_first_one_counts_less_than_nothing(count):
    ax, canvas = axes()
    drawn = bits(ax)
    digits = np.arange(count) % 3 == 0
    set_bits(drawn, digits, "words")
    places = MOST_BITS - count + np.arange(count) + 0.5
    np.testing.assert_array_equal(drawn.ones.get_xdata(), places[digits])
    np.testing.assert_array_equal(drawn.noughts.get_xdata(), places[~digits])
    worth = drawn.sign.get_text()
    assert worth == (f"−{2 ** (count - 1)}" if count <= PLAIN else worth)
    assert worth.startswith("−") and drawn.sign.get_position()[0] == places[0]
    assert drawn.cover.get_x() + drawn.cover.get_width() == pytest.approx(places[0] + 0.5)
    canvas.draw()  # every sign has its glyph


def test_what_a_bit_is_worth_stands_above_its_place():
    ax, _ = axes()
    bits(ax)
    words = {text.get_position()[0]: text.get_text() for text in ax.texts if text.get_text()}
    assert [words[MOST_BITS - k - 0.5] for k in range(5)] == ["1", "2", "4", "8", "16"]
    assert words[0.5] == "2¹⁵"
