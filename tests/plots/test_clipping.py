"""The theatre's artists hold what they were given."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_array_equal

from qlab import plots
from qlab.plots.clipping import SHAPES
from qlab.plots.histogram import FLOOR


def test_the_cut_covers_what_lies_beyond_the_clip_point() -> None:
    ax = Figure().add_subplot()
    drawn = plots.clip_histogram(ax)
    ax.set(xlim=(0, 4), ylim=(0.7, 100))
    edges, seen = np.linspace(0, 4, 5), np.array([9, 4, 0, 1])
    plots.set_clip_histogram(drawn, 3.0, seen, edges, np.array([0.0, 3.0]), np.array([13, 1]))
    assert drawn.cut.get_x() == 3
    assert drawn.cut.get_width() == 1
    assert drawn.line.get_xdata() == [3.0, 3.0]
    assert_array_equal(drawn.seen.get_data().values, [9, 4, FLOOR, 1])  # nothing is no −∞
    assert_array_equal(drawn.stems.get_xdata()[::3], [0, 3])
    plots.set_clip_histogram(drawn, 5.0, seen, edges, np.zeros(1), np.ones(1, int))
    assert drawn.cut.get_width() == 0  # beyond the axis nothing is shaded backwards


def test_the_ring_stands_on_the_sum_and_marks_where_methods_do() -> None:
    drawn = plots.error_curves(Figure().add_subplot(), methods=3)
    plots.set_error_point(drawn, 2.0, (0.25, 0.5), {1: (1.5, 0.8)})
    assert drawn.ring.get_ydata() == [0.75]
    assert drawn.here.get_ydata() == (0.25, 0.5)
    assert [mark.get_visible() for mark in drawn.marks] == [False, True, False]
    assert (drawn.marks[1].get_xdata(), drawn.marks[1].get_ydata()) == ([1.5], [0.8])


def test_every_method_has_a_row_and_a_shape_of_its_own() -> None:
    names = [f"method {k}" for k in range(10)]
    ax = Figure().add_subplot()
    drawn = plots.method_rows(ax, names)
    assert [text.get_text() for text in ax.get_yticklabels()] == names
    shapes = [mark.get_marker() for mark in drawn.marks]
    assert len(set(shapes)) == len(names) <= len(SHAPES)
    plots.set_method_rows(drawn, 1.0, {0: 2.0}, {3: np.array([5.0, 6.0])})
    assert_array_equal(drawn.others.get_ydata(), [3, 3])
    assert [mark.get_visible() for mark in drawn.marks] == [True] + 9 * [False]


@pytest.mark.parametrize("methods", [0, 20])
def test_fewer_or_more_methods_than_shapes_are_drawn(methods: int) -> None:
    drawn = plots.error_curves(Figure().add_subplot(), methods)
    assert len(drawn.marks) == methods
