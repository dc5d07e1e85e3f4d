"""What happens around the steps of a training: counting, judging, keeping, telling.

best = argmax over epochs of (validation accuracy, −validation loss)                  (1)
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from qlab.metrics import wilson
from qlab.networks import Network
from qlab.training.plan import Plan
from qlab.training.progress import Epoch, Fitted, Progress

OnProgress = Callable[[Progress], None]
OnBest = Callable[[Network, Epoch], None]


@dataclass(frozen=True, slots=True)
class Workpiece:
    """A module in training, and how it becomes a network.

    Parameters
    ----------
    module
        Its children are named as the network's layers.
    export
        Returns the network that it computes now, its arrays copies.
    project
        Called after every step; puts parameters back where they must be.
    """

    module: nn.Sequential
    export: Callable[[], Network]
    project: Callable[[], None]


class Watch:
    """Counts the steps, judges the epochs, keeps the best.

    Parameters
    ----------
    function
        Whose errors they are.
    net, work
        Where the training started, and what is trained.
    chosen
        Images and labels to choose the epoch on.
    plan, steps
        What was decided, and how many steps that makes.
    on_progress, on_best
        As in `fit`.
    """

    def __init__(
        self,
        function: str,
        net: Network,
        work: Workpiece,
        chosen: tuple[Tensor, Tensor],
        plan: Plan,
        steps: int,
        on_progress: OnProgress | None,
        on_best: OnBest | None,
    ) -> None:
        self.function, self.work, self.module, self.plan = function, work, work.module, plan
        self.images, self.labels = chosen
        self.on_progress, self.on_best = on_progress, on_best
        self.step, self.steps = 0, steps
        self.start = time.perf_counter()
        self.history: list[Epoch] = []
        self.best, self.network = 0, net
        self.best_state: dict[str, Tensor] = {}
        self.losses: list[float] = []  # of this epoch
        self.smooth = 0.0
        self.stopped = False
        self.begin()

    def begin(self) -> None:
        """Take the time of the steps from here: the pace is theirs."""
        self.first, self.before = time.perf_counter(), self.step

    def tick(self, epoch: int, loss: float) -> None:
        """Count a step and tell where the training stands."""
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"{self.function}: loss must stay finite, got {loss} at step {self.step + 1} "
                f"(lr={self.plan.lr}). Lower lr."
            )
        self.step += 1
        self.losses.append(loss)
        self.smooth += (loss - self.smooth) / min(self.step, 20)  # mean of the last 20 or so
        self._tell(epoch)

    def _tell(self, epoch: int) -> None:
        if self.on_progress is None or self.step == 0:
            return
        now = time.perf_counter()
        self.on_progress(
            Progress(
                epoch,
                self.plan.epochs,
                self.step,
                self.steps,
                self.smooth,
                self.history[-1].validation.value,
                now - self.start,
                (now - self.first) / (self.step - self.before) * (self.steps - self.step),
            )
        )

    def judge(self, epoch: int) -> None:
        """Measure on validation; keep the network if it is the best so far, equation (1)."""
        self.module.eval()
        correct, total = 0, 0.0
        with torch.no_grad():
            for x, y in zip(
                torch.split(self.images, 500), torch.split(self.labels, 500), strict=True
            ):
                logits = self.module(x)
                correct += int((logits.argmax(1) == y).sum())
                total += float(nn.functional.cross_entropy(logits, y, reduction="sum"))
                self._tell(epoch)  # a convolution takes seconds here: keep telling
        mean = sum(self.losses) / len(self.losses) if self.losses else math.nan
        n = len(self.labels)
        row = Epoch(epoch, mean, wilson(correct, n), total / n)
        self.losses.clear()
        self.history.append(row)
        if epoch == 0 or _rank(row) > _rank(self.history[self.best]):
            self.best, self.network = epoch, self.work.export()
            self.best_state = {k: v.clone() for k, v in self.module.state_dict().items()}
            if self.on_best is not None:
                self.on_best(self.network, row)

    def impatient(self) -> bool:
        """Whether the best epoch lies further back than the patience."""
        patience, epoch = self.plan.patience, self.history[-1].epoch
        done = patience is not None and epoch - self.best >= patience
        self.stopped = done and epoch < self.plan.epochs
        return done

    def state(self, optimizer: torch.optim.Optimizer, generator: torch.Generator) -> dict[str, Any]:
        """Return all that the next epoch depends on."""
        return {
            "module": self.module.state_dict(),
            "best": self.best_state,
            "optimizer": optimizer.state_dict(),
            "shuffle": generator.get_state(),
            "dropout": torch.get_rng_state(),
            "history": [
                (row.loss, row.validation.value, row.validation_loss) for row in self.history
            ],
            "seconds": time.perf_counter() - self.start,
            "smooth": self.smooth,
        }

    def restore(
        self,
        state: Mapping[str, Any],
        optimizer: torch.optim.Optimizer,
        generator: torch.Generator,
    ) -> None:
        """Stand where `state` was taken."""
        self.best_state = state["best"]
        self.module.load_state_dict(self.best_state)
        self.module.eval()
        self.network = self.work.export()
        self.module.load_state_dict(state["module"])
        optimizer.load_state_dict(state["optimizer"])
        generator.set_state(state["shuffle"])
        torch.set_rng_state(state["dropout"])
        n = len(self.labels)
        self.history = [
            Epoch(k, loss, wilson(round(value * n), n), validation_loss)
            for k, (loss, value, validation_loss) in enumerate(state["history"])
        ]
        self.best = max(self.history, key=_rank).epoch
        self.step = self.steps // self.plan.epochs * self.history[-1].epoch
        self.start -= state["seconds"]
        self.smooth = state["smooth"]

    def fitted(self) -> Fitted:
        """Return the best network and how it came about."""
        seconds = time.perf_counter() - self.start
        return Fitted(
            self.network, tuple(self.history), self.best, self.plan.seed, seconds, self.stopped
        )


def _rank(row: Epoch) -> tuple[float, float]:
    return row.validation.value, -row.validation_loss
