import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from qlab.plots import answers, scale_answers, set_answers


@pytest.fixture
def ax():
    figure = Figure(figsize=(4, 2), dpi=100)
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def test_each_bar_is_as_high_as_its_probability_and_stands_at_its_class(ax):
    drawn = answers(ax, 3)
    first, second = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.6, 0.3])
    set_answers(drawn, first, second, label=1)
    for bars, heights in ((drawn.first, first), (drawn.second, second)):
        boxes = [path.vertices for path in bars.get_paths()]
        assert [box[:, 1].max() for box in boxes] == heights.tolist()
        assert all(abs(box[:, 0].mean() - k) < 0.5 for k, box in enumerate(boxes))


def test_the_bars_of_a_pair_touch_but_do_not_overlap(ax):
    drawn = answers(ax, 2)
    set_answers(drawn, np.array([0.5, 0.5]), np.array([0.5, 0.5]), label=0)
    left = drawn.first.get_paths()[1].vertices[:, 0]
    right = drawn.second.get_paths()[1].vertices[:, 0]
    assert left.max() == pytest.approx(right.min())
    assert drawn.first.get_paths()[1].vertices[:, 0].min() > (
        drawn.second.get_paths()[0].vertices[:, 0].max()
    )


@pytest.mark.parametrize("log", [False, True])
def test_the_ring_is_below_the_axis_at_the_label_on_either_scale(ax, log):
    drawn = answers(ax, 10)
    scale_answers(ax, 6 if log else None)
    set_answers(drawn, np.full(10, 0.1), np.full(10, 0.1), label=7)
    (x,), (y,) = drawn.ring.get_data()
    below = ax.transAxes.transform((0, 0))[1] - ax.transData.transform((x, y))[1]
    assert x == 7
    assert below == pytest.approx(10.5)


def test_a_logarithmic_axis_shows_one_in_a_hundred_thousand_and_a_linear_one_does_not(ax):
    drawn = answers(ax, 2)
    p = np.array([1 - 1e-5, 1e-5])
    heights = {}
    for log in (False, True):
        scale_answers(ax, 6 if log else None)
        set_answers(drawn, p, p, label=0)
        top = ax.transData.transform((1, 1e-5))[1]
        heights[log] = (top - ax.transAxes.transform((0, 0))[1]) / ax.bbox.height
    assert heights[False] < 1e-4
    assert heights[True] == pytest.approx(1 / 6)  # one decade of six


def test_the_axis_can_go_there_and_back(ax):
    answers(ax, 2)
    scale_answers(ax, 6)
    assert ax.get_yscale() == "log" and ax.get_ylim() == (1e-6, 1.0)
    scale_answers(ax)
    assert ax.get_yscale() == "linear" and ax.get_ylim() == (0.0, 1.0)
    assert "⁻" not in "".join(text.get_text() for text in ax.get_yticklabels())
