"""What a training tells while it runs, and what it returns."""

from dataclasses import dataclass

from qlab.metrics import Measured
from qlab.networks import Network


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training stands, told after every step.

    Parameters
    ----------
    epoch, epochs
        The epoch under way, from 1, and how many are planned.
    step, steps
        Optimizer steps done, and how many are planned in all epochs.
    loss
        Training loss, averaged over about the last twenty steps.
    validation_accuracy
        The latest; before the first epoch ends, that of the network as it came.
    seconds, seconds_left
        Since the start, and expected until the end at the present pace.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    validation_accuracy: float
    seconds: float
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Epoch:
    """One row of the history. Epoch 0 is the network as it came; its ``loss`` is NaN.

    Parameters
    ----------
    epoch
        Number, from 0.
    loss
        Mean training loss over the epoch's steps.
    validation
        Accuracy on the validation split, with its interval.
    validation_loss
        Cross-entropy there, in nats.
    """

    epoch: int
    loss: float
    validation: Measured
    validation_loss: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained network and how it came about.

    Parameters
    ----------
    network
        The weights of the best epoch.
    history
        One row per epoch, epoch 0 included.
    best_epoch
        The epoch of the highest validation accuracy; equals go to the lower validation loss.
    seed
        That of the training.
    seconds
        Wall time.
    stopped
        Whether it ended before the planned epochs: asked to, or out of patience.
    """

    network: Network
    history: tuple[Epoch, ...]
    best_epoch: int
    seed: int
    seconds: float
    stopped: bool

    @property
    def validation(self) -> Measured:
        """Accuracy of ``network`` on the validation split."""
        return self.history[self.best_epoch].validation
