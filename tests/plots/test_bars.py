import numpy as np
from matplotlib.figure import Figure

from qlab.plots.bars import bar_axis, bars, set_bars


def extents(drawn):
    """(start, end) of each bar: every second value of the stairs, between them the gaps."""
    data = drawn.get_data()
    ends, starts = np.asarray(data.values), np.asarray(data.baseline)
    assert (ends[1::2] == starts[1::2]).all()  # nothing in the gaps
    return list(zip(starts[::2].tolist(), ends[::2].tolist(), strict=True))


def test_parts_follow_each_other_without_hole_or_overlap():
    ax = Figure().add_subplot()
    first, second = bars(ax, "black"), bars(ax, "grey")
    set_bars(first, np.array([1.0, 3.0]))
    set_bars(second, np.array([2.0, 0.0]), np.array([1.0, 3.0]))
    assert extents(first) == [(0.0, 1.0), (0.0, 3.0)]
    assert extents(second) == [(1.0, 3.0), (3.0, 3.0)]


def test_each_bar_lies_beside_its_name_the_first_on_top():
    ax = Figure().add_subplot()
    bar_axis(ax, ["dense", "bitmap"])
    drawn = bars(ax, "black")
    set_bars(drawn, np.array([1.0, 3.0]))
    middles = (drawn.get_data().edges[::2] + drawn.get_data().edges[1::2]) / 2
    np.testing.assert_allclose(middles, ax.get_yticks())
    assert [text.get_text() for text in ax.get_yticklabels()] == ["dense", "bitmap"]
    assert ax.yaxis_inverted()
