"""A training as it runs: the loss above, the accuracy on the validation split below."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from qlab.plots.style import BLUE, GREY, NOW, VERMILLION


@dataclass(frozen=True, slots=True)
class Learning:
    """The artists of one training; ``set_learning`` moves them."""

    loss: Line2D
    accuracy: Line2D
    best: Line2D
    axes: tuple[Axes, Axes]

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All of them, in drawing order."""
        return (self.loss, self.accuracy, self.best)


def learning(above: Axes, below: Axes) -> Learning:
    """Prepare two empty axes with one epoch axis.

    Parameters
    ----------
    above, below
        For the loss and for the accuracy; drawn on in place.

    Returns
    -------
    Learning
        Filled by ``set_learning``; its limits are ``scale_learning``'s.
    """
    above.tick_params(labelbottom=False)
    (loss,) = above.plot([], [], color=VERMILLION, lw=1.3)
    (accuracy,) = below.plot([], [], "o-", color=BLUE, lw=1.3, ms=4)
    (best,) = below.plot([], [], "o", mfc="none", mec=NOW, ms=10, mew=1.8, ls="none", clip_on=False)
    for ax in (above, below):
        ax.grid(axis="y", color=GREY, alpha=0.2, lw=0.6)
    return Learning(loss, accuracy, best, (above, below))


def scale_learning(drawn: Learning, epochs: int, loss: float, lowest: float) -> None:
    """Set the limits, which a live view changes as rarely as it can.

    Parameters
    ----------
    drawn
        What ``learning`` returned; changed in place.
    epochs
        Planned, at least 1.
    loss
        Top of the loss axis, above 0.
    lowest
        Bottom of the accuracy axis, below 100, in percent.
    """
    above, below = drawn.axes
    above.set_ylim(0.0, loss)
    below.set_ylim(lowest, 100.0)
    for ax in drawn.axes:
        ax.set_xlim(0.0, epochs)
    below.set_xticks(np.unique(np.linspace(0, epochs, min(epochs, 6) + 1).round()))


def set_learning(
    drawn: Learning,
    steps: Float[np.ndarray, " n"],
    losses: Float[np.ndarray, " n"],
    epochs: Float[np.ndarray, " m"],
    accuracies: Float[np.ndarray, " m"],
    best: int | None = None,
) -> None:
    """Show what is known so far; the best epoch, which is the one kept, gets a ring.

    Parameters
    ----------
    drawn
        What ``learning`` returned; changed in place.
    steps, losses
        The running loss, and where it was measured, in epochs.
    epochs, accuracies
        The validation accuracy in percent after each epoch.
    best
        The row of the epoch that is kept, None while there is none.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> drawn = learning(*Figure().subplots(2))
    >>> x = np.array([0.0, 1.0, 2.0])
    >>> set_learning(drawn, x, 1 / (1 + x), x, np.array([10.0, 96.0, 95.0]), best=1)
    >>> drawn.best.get_xdata()
    array([1.])
    """
    drawn.loss.set_data(steps, losses)
    drawn.accuracy.set_data(epochs, accuracies)
    kept = [] if best is None else [best]
    drawn.best.set_data(epochs[kept], accuracies[kept])
