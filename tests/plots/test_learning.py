import numpy as np
import pytest
from matplotlib.figure import Figure

from qlab.plots import learning, scale_learning, set_learning


@pytest.fixture
def drawn():
    return learning(*Figure().subplots(2))


def test_loss_and_accuracy_are_drawn_where_they_were_measured(drawn):
    x, losses = np.array([0.1, 0.2, 1.0]), np.array([3.0, 2.0, 1.0])
    epochs, accuracies = np.array([0.0, 1.0]), np.array([11.0, 95.0])
    set_learning(drawn, x, losses, epochs, accuracies, best=1)
    assert drawn.loss.get_xydata().tolist() == np.c_[x, losses].tolist()
    assert drawn.accuracy.get_xydata().tolist() == np.c_[epochs, accuracies].tolist()


def test_the_ring_is_at_the_epoch_that_is_kept_even_if_another_is_as_good(drawn):
    none = np.array([])
    set_learning(drawn, none, none, np.array([1.0, 2.0]), np.array([95.0, 95.0]), best=1)
    assert drawn.best.get_xydata().tolist() == [[2.0, 95.0]]


def test_before_the_first_epoch_nothing_is_ringed(drawn):
    none = np.array([])
    set_learning(drawn, none, none, none, none)
    assert len(drawn.best.get_xdata()) == 0


def test_both_axes_span_the_planned_epochs(drawn):
    scale_learning(drawn, epochs=10, loss=2.5, lowest=90.0)
    assert [ax.get_xlim() for ax in drawn.axes] == [(0, 10), (0, 10)]
    assert drawn.axes[0].get_ylim() == (0, 2.5)
    assert drawn.axes[1].get_ylim() == (90, 100)
