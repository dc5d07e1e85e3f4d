import pytest
from matplotlib.figure import Figure

from qlab.plots import meter, set_meter


def test_the_bars_are_as_long_as_what_they_show_and_the_first_is_on_top():
    ax = Figure().add_subplot()
    drawn = meter(ax, 3.3, "log₂ 10", ("teacher", "student"))
    set_meter(drawn, 1.1, 2.2)
    assert drawn.first.get_bbox().bounds == pytest.approx((0, -0.35, 1.1, 0.7))
    assert drawn.second.get_bbox().bounds == pytest.approx((0, 0.65, 2.2, 0.7))
    assert ax.yaxis_inverted()


def test_the_scale_ends_at_the_most_there_can_be_and_says_what_that_is():
    ax = Figure().add_subplot()
    meter(ax, 3.3, "log₂ 10", ("teacher", "student"))
    assert ax.get_xlim() == (0.0, 3.3)
    assert [text.get_text() for text in ax.texts] == ["log₂ 10"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["teacher", "student"]
