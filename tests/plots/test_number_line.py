import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_array_equal

from qlab.core import E5M2, FixedPoint, levels
from qlab.plots import (
    gap_axes,
    gap_stairs,
    number_line,
    set_gap_stairs,
    set_number_line,
    signed_axis,
)


@pytest.mark.parametrize("log", [False, True])
def test_of_many_levels_a_tick_is_drawn_at_every_place_and_none_outside(log: bool) -> None:
    ax = Figure().add_subplot()
    signed_axis(ax, 100.0, log)
    line = number_line(ax)
    grid = levels(E5M2)
    set_number_line(line, grid)
    x = line.get_xdata()[::3]
    assert np.isin(x, grid).all()
    assert len(np.unique(x)) == len(x) <= 1202
    assert np.abs(x).max() <= 100
    forward = ax.xaxis.get_transform().transform
    inside = forward(grid[np.abs(grid) <= 100].astype(float))
    ends = forward(np.array([-100.0, 100.0]))
    far = np.abs(inside[:, None] - forward(x)[None]).min(axis=1)  # of each level from a tick
    assert (far <= (ends[1] - ends[0]) / 1200).all()


def test_an_axis_comes_back_from_logarithmic_to_linear() -> None:
    ax = Figure().add_subplot()
    signed_axis(ax, 1e5, log=True)
    signed_axis(ax, 0.4, log=False)
    assert (ax.get_xscale(), ax.get_xlim()) == ("linear", (-0.4, 0.4))
    words = [text.get_text() for text in ax.get_xticklabels()]
    assert "0.2" in words and not any("10" in word for word in words)


def test_the_stairs_of_an_even_grid_are_level_and_thinned_without_a_hole() -> None:
    ax = Figure().add_subplot()
    gap_axes(ax, -6, 5)
    line = gap_stairs(ax)
    set_gap_stairs(line, levels(FixedPoint(integer_bits=3, fraction_bits=12)), 1e-6)
    x, y = line.get_data()
    assert set(y.tolist()) == {2.0**-12}
    assert (x[0], x[-1]) == (1e-6, 8 - 2.0**-12)
    assert_array_equal(x[1:-1:2], x[2::2])
    assert len(x) <= 1024


def test_the_stairs_of_a_float_rise_with_slope_one() -> None:
    line = gap_stairs(Figure().add_subplot())
    set_gap_stairs(line, levels(E5M2), 1e-6)
    x, y = line.get_data()
    normal = x[::2] >= 2.0**-14
    assert set((y[::2] / 2.0 ** np.floor(np.log2(x[::2])))[normal].tolist()) == {0.25}


def test_a_grid_without_positive_levels_draws_nothing() -> None:
    line = gap_stairs(Figure().add_subplot())
    set_gap_stairs(line, np.array([-1.0, 0.0]), 1e-6)
    assert len(line.get_xdata()) == 0
