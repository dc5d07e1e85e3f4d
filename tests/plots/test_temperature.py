import numpy as np
import pytest
from matplotlib.figure import Figure

from qlab.plots import errors, pulls, set_errors, set_here, set_own, set_pulls, temperature_axis

T = np.array([1.0, 4.0, 30.0])


@pytest.fixture
def ax():
    return Figure().add_subplot()


def test_equal_factors_of_temperature_are_equally_wide_and_both_ends_are_inside(ax):
    temperature_axis(ax, 1.0, 30.0)
    one, two, four = (ax.transData.transform((t, 0))[0] for t in (1, 2, 4))
    assert two - one == pytest.approx(four - two)
    assert ax.get_xlim()[0] < 1 and ax.get_xlim()[1] > 30


def test_the_lines_of_the_pull_are_what_was_given(ax):
    drawn = pulls(ax)
    set_pulls(drawn, T, 0 * T + 2, 2 / T**2, hard=0.5, limit=1.5, now=(4.0, 2.0, 0.125))
    assert drawn.soft.get_xydata().tolist() == np.c_[T, 0 * T + 2].tolist()
    assert drawn.bare.get_xydata().tolist() == np.c_[T, 2 / T**2].tolist()
    assert drawn.hard.get_xydata().tolist() == [[1, 0.5], [30, 0.5]]
    assert drawn.limit.get_xydata().tolist() == [[1, 1.5], [30, 1.5]]
    assert drawn.now.get_xydata().tolist() == [[4, 2], [4, 0.125]]


def test_a_pull_of_nought_has_no_place_on_decades(ax):
    drawn = pulls(ax)
    set_pulls(drawn, T, 0 * T, 0 * T, hard=0.0, limit=0.0, now=(1.0, 0.0, 0.0))
    for line in (drawn.soft, drawn.bare, drawn.hard, drawn.limit, drawn.now):
        assert np.isnan(line.get_ydata()).all()


def test_the_grid_shows_means_with_intervals_every_seed_and_the_band_without_a_teacher(ax):
    drawn = errors(ax)
    mean = np.array([5.0, 4.0, 4.5])
    seeds = np.c_[np.repeat(T, 2), np.repeat(mean, 2) + [0.1, -0.1] * 3]
    set_errors(drawn, T, mean, mean - 1, mean + 1, seeds, band=(5.5, 6.0))
    bars = [segment[:, 1].tolist() for segment in drawn.means.bars.get_segments()]
    assert drawn.means.solid.get_xydata().tolist() == np.c_[T, mean].tolist()
    assert bars == [[4, 6], [3, 5], [3.5, 5.5]]
    assert drawn.seeds.get_xydata().tolist() == seeds.tolist()
    assert (drawn.band.get_y(), drawn.band.get_height()) == (5.5, 0.5)
    left, right = (drawn.band.get_transform().transform((x, 0))[0] for x in (0, 1))
    assert (left, right) == (ax.bbox.x0, ax.bbox.x1)  # the band crosses the whole picture


def test_the_line_is_at_the_temperature_and_the_ring_at_the_student_shown(ax):
    drawn = errors(ax)
    set_errors(drawn, T, T, T, T, np.c_[T, T], band=(0.0, 1.0))
    set_here(drawn, now=3.0, ringed=4.0)
    assert drawn.here.get_xdata() == [3.0, 3.0]
    assert drawn.means.now.get_xydata().tolist() == [[4.0, 4.0]]
    set_here(drawn, now=3.0)
    assert len(drawn.means.now.get_xdata()) == 0


def test_own_students_are_points_of_their_own_and_the_one_shown_is_ringed(ax):
    drawn = errors(ax)
    x, y = np.array([5.0, 2.0]), np.array([3.0, 4.0])
    set_own(drawn, x, y, y - 0.5, y + 0.5)
    set_here(drawn, now=5.0, own=1)
    assert drawn.own.solid.get_xydata().tolist() == [[5, 3], [2, 4]]
    assert drawn.own.solid.get_marker() != drawn.means.solid.get_marker()
    assert drawn.own.now.get_xydata().tolist() == [[2, 4]]
    assert len(drawn.means.now.get_xdata()) == 0


def test_only_what_follows_the_hand_is_drawn_with_it(ax):
    drawn = errors(ax)
    assert set(drawn.moving) == {drawn.here, drawn.means.now, drawn.own.now}
