import numpy as np
from matplotlib.figure import Figure

from qlab.plots.cut import cut, set_all, set_cut
from qlab.plots.histogram import FLOOR

EDGES = np.linspace(-1.0, 1.0, 6)


def prepared(counts):
    drawn = cut(Figure().add_subplot())
    set_all(drawn, counts, EDGES)
    return drawn


def test_the_axes_hold_the_whole_histogram_from_below_a_single_weight():
    ax = prepared(np.array([1, 50, 900, 50, 1])).everything.axes
    assert ax.get_xlim() == (-1.0, 1.0)
    assert ax.get_ylim()[0] == FLOOR < 1 and ax.get_ylim()[1] > 900
    assert ax.get_yscale() == "log"


def test_what_is_removed_is_what_the_kept_part_leaves_uncovered():
    whole, kept = np.array([1, 50, 900, 50, 1]), np.array([1, 50, 0, 50, 1])
    drawn = prepared(whole)
    set_cut(drawn, kept, EDGES, (-0.2, 0.2))
    np.testing.assert_array_equal(drawn.everything.get_data().values, whole)
    np.testing.assert_array_equal(drawn.kept.get_data().values, kept)
    assert drawn.everything.get_hatch() and not drawn.kept.get_hatch()
    np.testing.assert_array_equal(drawn.marks.get_xdata()[::3], [-0.2, 0.2])
    np.testing.assert_array_equal(drawn.marks.get_ydata()[:2], [0, 1])


def test_without_a_threshold_there_is_no_mark():
    drawn = prepared(np.ones(5, int))
    set_cut(drawn, np.ones(5, int), EDGES, ())
    assert len(drawn.marks.get_xdata()) == 0


def test_an_empty_layer_is_drawn():
    assert prepared(np.zeros(5, int)).everything.axes.get_ylim()[1] > 1
