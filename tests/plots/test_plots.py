"""What an artist holds is what the function was given."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from qlab import plots
from qlab.plots.histogram import FLOOR


@pytest.fixture
def ax():
    return Figure().add_subplot()


def test_settings_and_fonts_are_those_that_matplotlib_came_with():
    # a list of fonts that outlived its matplotlib makes every kernel complain of missing ones
    assert Path(mpl.matplotlib_fname()).is_relative_to(mpl.get_data_path())
    assert "build" in Path(mpl.get_cachedir()).parts
    assert {"DejaVu Sans Display", "STIXGeneral", "cmmi10"} <= {
        font.name for font in fontManager.ttflist
    }


def test_stems_stand_at_the_levels_that_hold_weights_as_high_as_their_counts(ax):
    line = plots.levels(ax, np.array([-0.5, 0.0, 0.5]), np.array([3, 0, 7]))
    x, y = line.get_xdata(), line.get_ydata()
    np.testing.assert_array_equal(x[::3], [-0.5, 0.5])
    np.testing.assert_array_equal(y[1::3], [3, 7])
    assert (y[::3] == FLOOR).all() and np.isnan(y[2::3]).all()


def test_a_count_of_one_is_above_the_floor_of_the_axis(ax):
    plots.histogram(ax, np.array([1]), np.array([0.0, 1.0]))
    assert FLOOR < 1 and ax.get_yscale() == "log"


def test_curve_splits_estimates_from_measurements_and_rings_the_current_point(ax):
    drawn = plots.curve(ax)
    x = np.array([1.0, 2.0, 3.0])
    plots.set_curve(drawn, x, 10 * x, x, 20 * x, np.array([True, False, True]), now=2.0)
    assert drawn.solid.get_xdata().tolist() == [1, 3]
    assert drawn.hollow.get_xdata().tolist() == [2]
    assert drawn.now.get_ydata().tolist() == [20]
    assert drawn.bars.get_segments()[0].tolist() == [[1, 1], [1, 20]]
    plots.set_curve(drawn, x[:0], x[:0], x[:0], x[:0], np.zeros(0, bool), now=2.0)
    assert len(drawn.now.get_xdata()) == 0


def test_equal_steps_of_an_odds_axis_are_equal_ratios_of_right_to_wrong(ax):
    plots.odds_axis(ax, 1, 99, [10, 50, 90])
    y = ax.transData.transform([(0, 10), (0, 50), (0, 90)])[:, 1]
    assert y[1] - y[0] == pytest.approx(y[2] - y[1])


@pytest.mark.parametrize("ends", [(0, 99), (5, 100), (50, 40)])
def test_an_odds_axis_refuses_ends_that_lie_infinitely_far(ax, ends):
    with pytest.raises(ValueError, match="odds_axis: 0 < low < high < 100 must hold"):
        plots.odds_axis(ax, *ends, [50])


def test_image_grid_puts_each_image_in_its_place_and_leaves_the_rest_blank(ax):
    grid = plots.image_grid(ax, 2, 2, side=3)
    plots.set_image_grid(grid, np.ones((3, 3, 3), np.float32), ["a", "b", "c"])
    sheet = grid.picture.get_array()
    assert sheet[:3, :3].min() == 1 and sheet.sum() == 27
    assert [text.get_text() for text in grid.captions] == ["a", "b", "c", ""]


def test_staircase_keeps_the_diagonal_behind_it(ax):
    plots.staircase(ax, np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    assert len(ax.lines) == 2


def luminance(color):
    rgb = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("color", [plots.style.INK, plots.style.GREY])
def test_text_has_contrast_of_at_least_4_5_on_white(color):
    assert 1.05 / (luminance(color) + 0.05) >= 4.5
