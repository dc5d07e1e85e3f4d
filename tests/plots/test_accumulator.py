"""The picture of a sum in its register, the gauge, and the pairs of logits."""

import numpy as np
from matplotlib.figure import Figure

from qlab import plots


def test_a_sum_that_wraps_is_drawn_where_it_wraps() -> None:
    ax = Figure().add_subplot()
    drawn = plots.running(ax)
    plots.scale_running(ax, 3, 8)
    sums, registers = np.array([0, 100, 200, 150]), np.array([0, 100, -56, -106])
    plots.set_running(drawn, sums, registers, (-128, 127), (-20, 210))
    np.testing.assert_array_equal(drawn.true.get_ydata(), sums)
    np.testing.assert_array_equal(drawn.register.get_ydata(), registers)
    assert [line.get_ydata()[0] for line in drawn.ends] == [-128, 127]
    assert all(line.get_visible() for line in drawn.ends)
    assert drawn.reach.get_ydata() == [-20, 210]
    assert ax.get_ylim() == (-256, 256)


def test_ends_beyond_the_picture_are_said_in_words() -> None:
    ax = Figure().add_subplot()
    drawn = plots.running(ax)
    plots.scale_running(ax, 1, 8)
    one = np.array([0, 1])
    plots.set_running(drawn, one, one, (-(2**15), 2**15 - 1), (0, 1))
    assert not any(line.get_visible() for line in drawn.ends)
    assert drawn.words.get_text() == "the register ends 128 × higher than this picture"


def test_the_gauge_hatches_what_does_not_fit() -> None:
    ax = Figure().add_subplot()
    drawn = plots.gauge(ax)
    plots.name_gauge(ax, ["a", "b"])
    plots.set_gauge(drawn, np.array([22, 12]), np.array([24.0, np.nan]), np.array([16, 16]))
    assert drawn.used.get_data().values[::2].tolist() == [16, 12]
    over = drawn.over.get_data()
    assert over.values[::2].tolist() == [22, 12]
    assert over.baseline[::2].tolist() == [16, 12]
    assert drawn.over.get_hatch()  # never colour alone
    assert [segment[0][0] for segment in drawn.width.get_segments()] == [16, 16]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b"]


def test_pairs_are_joined_by_stems() -> None:
    drawn = plots.pairs(Figure().add_subplot(), 2)
    plots.set_pairs(drawn, np.array([1.0, 2.0]), np.array([3.0, 2.0]))
    assert [s[:, 1].tolist() for s in drawn.stems.get_segments()] == [[1, 3], [2, 2]]
    assert drawn.rings.get_markerfacecolor() == "none"
