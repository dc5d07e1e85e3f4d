import numpy as np
import pytest
from matplotlib.figure import Figure

from qlab.plots import gradient, set_gradient

X = np.linspace(-2, 2, 9)


@pytest.fixture
def drawn():
    return gradient(Figure().add_subplot())


def test_the_lines_are_what_was_given(drawn):
    set_gradient(drawn, X, np.abs(X), -X, np.array([-0.5, 0.5]), 3.0)
    assert drawn.pretended.get_xydata().tolist() == np.c_[X, np.abs(X)].tolist()
    assert drawn.learned.get_xydata().tolist() == np.c_[X, -X].tolist()
    assert drawn.true.get_xydata().tolist() == [[-2, 0], [2, 0]]  # a staircase's own slope is 0


def test_a_riser_goes_up_where_the_staircase_jumps_and_lifts_the_pen(drawn):
    set_gradient(drawn, X, X, None, np.array([-0.5, 0.5]), 3.0)
    xy = np.asarray(drawn.risers.get_xydata())
    assert xy[:, 0].tolist() == [-0.5, -0.5, -0.5, 0.5, 0.5, 0.5]
    np.testing.assert_array_equal(xy[:, 1], [0, 1.5, np.nan] * 2)


def test_what_learns_nothing_has_no_second_curve_until_it_does(drawn):
    set_gradient(drawn, X, X, None, np.zeros(0), 1.0)
    assert not drawn.learned.get_visible() and len(drawn.risers.get_xdata()) == 0
    set_gradient(drawn, X, X, X, np.zeros(0), 1.0)
    assert drawn.learned.get_visible()


def test_the_two_slopes_differ_by_more_than_colour(drawn):
    assert drawn.pretended.get_linestyle() != drawn.learned.get_linestyle()
