"""Minibatch training, choosing the best epoch on the validation split.

    w ← step(w, ∇loss(batch)),   w ← w ⊙ mask,   |w_row| ≤ max_norm             each step   (1)
    best = argmax over epochs of (validation accuracy, −validation loss)                    (2)

The test split is never looked at: whatever chooses asks the split, and test refuses.
"""

import math
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from qlab.metrics import wilson
from qlab.networks import Network
from qlab.training.jitter import Jitter
from qlab.training.module import from_module, to_module
from qlab.training.plan import Plan
from qlab.training.progress import Epoch, Fitted, Progress

Loss = Callable[[Float[Tensor, "batch classes"], Int64[Tensor, " batch"]], Tensor]
OnProgress = Callable[[Progress], None]
OnBest = Callable[[Network, Epoch], None]
ShouldStop = Callable[[], bool]


@runtime_checkable
class Choosable(Protocol):
    """A split that says whether something may be chosen on it."""

    def for_choosing(self, purpose: str) -> tuple[np.ndarray, np.ndarray]:
        """Return images and labels, or raise ValueError for a test split."""
        ...


@runtime_checkable
class Trainable(Protocol):
    """A dataset with the two splits that training needs."""

    @property
    def train(self) -> Choosable:
        """The images to learn from."""
        ...

    @property
    def validation(self) -> Choosable:
        """The images to choose the epoch on."""
        ...


def fit(
    net: Network,
    dataset: Trainable,
    *,
    epochs: int = 10,
    seed: int = 0,
    masks: Mapping[str, Bool[np.ndarray, "..."]] | None = None,
    on_progress: OnProgress | None = None,
    on_best: OnBest | None = None,
    should_stop: ShouldStop | None = None,
    **plan: Any,
) -> Fitted:
    """Train a network on the labels and keep its best epoch, equations (1) and (2).

    Parameters
    ----------
    net
        Where to start; unchanged.
    dataset
        Its train split is learnt, its validation split chooses.
    epochs, seed
        As in `Plan`. The same seed gives the same weights, on one machine with one number of
        threads.
    masks
        Weights to hold at zero, by layer name: True keeps.
    on_progress
        Called after every step; what it raises ends the training.
    on_best
        Called with the network and its row of the history whenever a better one is found.
    should_stop
        Asked after every step; True ends the training, and the network at that step is judged
        like an epoch.
    **plan
        The other fields of `Plan`: batch_size, lr, dropout, jitter, patience, …

    Returns
    -------
    Fitted
        The best network, which may be the one that came in, with the history.

    Raises
    ------
    ValueError
        If a field of the plan or a mask does not fit, a split is empty or the test split.
    FloatingPointError
        If the loss stops being finite.

    Examples
    --------
    >>> from qlab import data, networks
    >>> digits = data.load("digits")
    >>> net = networks.build("mlp_784_128_10", np.random.default_rng(0))
    >>> fit(net, digits, epochs=1)
    Traceback (most recent call last):
    ValueError: fit: images must be (1, 28, 28) for 'mlp_784_128_10', got (1, 8, 8).
    """
    _, labels = tensors("fit", net, dataset.train, "learn weights")

    def loss(logits: Float[Tensor, "batch classes"], rows: Int64[Tensor, " batch"]) -> Tensor:
        return nn.functional.cross_entropy(logits, labels[rows])

    return run(
        "fit",
        net,
        dataset,
        loss,
        Plan(epochs=epochs, seed=seed, **plan),
        masks=masks,
        on_progress=on_progress,
        on_best=on_best,
        should_stop=should_stop,
    )


def run(
    function: str,
    net: Network,
    dataset: Trainable,
    loss: Loss,
    plan: Plan,
    *,
    masks: Mapping[str, Bool[np.ndarray, "..."]] | None = None,
    on_progress: OnProgress | None = None,
    on_best: OnBest | None = None,
    should_stop: ShouldStop | None = None,
) -> Fitted:
    """Train with any loss(logits, rows of the train split); the other arguments as in `fit`."""
    images, _ = lessons(function, net, dataset, plan)
    module = to_module(net, dropout=plan.dropout)
    dropped = masks_of(function, module, masks or {})
    _hold(module, dropped, None)
    watch = _Watch(function, net, module, dataset, plan, len(images), on_progress, on_best)
    optimizer = plan.optimize(module)
    with torch.random.fork_rng(devices=[]):  # dropout draws from torch's global generator
        torch.manual_seed(plan.seed)
        generator = torch.Generator().manual_seed(plan.seed)
        jitter = Jitter(plan.jitter, tuple(images.shape[1:]), generator)
        watch.judge(0)
        watch.first = time.perf_counter()  # the pace is that of the steps
        for epoch in range(1, plan.epochs + 1):
            module.train()
            for rows in torch.split(
                torch.randperm(len(images), generator=generator), plan.batch_size
            ):
                for group in optimizer.param_groups:
                    group["lr"] = plan.lr_at(watch.step / watch.steps)
                value = loss(module(jitter(images[rows])), rows)
                optimizer.zero_grad(set_to_none=True)
                value.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                _hold(module, dropped, plan.max_norm)  # (1)
                watch.tick(epoch, value.item())
                if should_stop is not None and should_stop():
                    watch.stopped = True
                    break
            watch.judge(epoch)
            if watch.stopped or watch.impatient():
                break
    return watch.fitted()


class _Watch:
    """Counts the steps, judges the epochs, keeps the best."""

    def __init__(
        self,
        function: str,
        net: Network,
        module: nn.Sequential,
        dataset: Trainable,
        plan: Plan,
        images: int,
        on_progress: OnProgress | None,
        on_best: OnBest | None,
    ) -> None:
        self.function, self.net, self.module, self.plan = function, net, module, plan
        self.images, self.labels = tensors(
            function, net, dataset.validation, "choose the best epoch"
        )
        self.on_progress, self.on_best = on_progress, on_best
        self.step, self.steps = 0, plan.epochs * math.ceil(images / plan.batch_size)
        self.start = self.first = time.perf_counter()
        self.history: list[Epoch] = []
        self.best, self.network = 0, net
        self.losses: list[float] = []  # of this epoch
        self.smooth = 0.0
        self.stopped = False

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
                (now - self.first) / self.step * (self.steps - self.step),
            )
        )

    def judge(self, epoch: int) -> None:
        """Measure on validation; keep the network if it is the best so far, equation (2)."""
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
            self.best, self.network = epoch, from_module(self.module, self.net)
            if self.on_best is not None:
                self.on_best(self.network, row)

    def impatient(self) -> bool:
        """Whether the best epoch lies further back than the patience."""
        patience, epoch = self.plan.patience, self.history[-1].epoch
        done = patience is not None and epoch - self.best >= patience
        self.stopped = done and epoch < self.plan.epochs
        return done

    def fitted(self) -> Fitted:
        seconds = time.perf_counter() - self.start
        return Fitted(
            self.network, tuple(self.history), self.best, self.plan.seed, seconds, self.stopped
        )


def _rank(row: Epoch) -> tuple[float, float]:
    return row.validation.value, -row.validation_loss


def masks_of(
    function: str, module: nn.Sequential, masks: Mapping[str, Bool[np.ndarray, "..."]]
) -> dict[str, Bool[Tensor, "..."]]:
    """Return where each layer's weights are held at zero, as tensors."""
    children = dict(module.named_children())
    dropped = {}
    for name, mask in masks.items():
        weight = getattr(children.get(name), "weight", None)
        if not isinstance(weight, Tensor):
            raise ValueError(f"{function}: masks must name layers with weights, got {name!r}.")
        if mask.dtype != np.bool_ or mask.shape != tuple(weight.shape):
            raise ValueError(
                f"{function}: mask {name!r} must be bool of shape {tuple(weight.shape)}, "
                f"got {mask.dtype} of {mask.shape}. True keeps a weight."
            )
        dropped[name] = torch.tensor(~mask)
    return dropped


def _hold(
    module: nn.Sequential, dropped: Mapping[str, Bool[Tensor, "..."]], max_norm: float | None
) -> None:
    with torch.no_grad():
        for name, child in module.named_children():
            if name in dropped:
                child.weight.masked_fill_(dropped[name], 0)  # type: ignore[operator]
            if max_norm is not None and isinstance(child, nn.Linear | nn.Conv2d):
                child.weight.copy_(torch.renorm(child.weight, 2, 0, max_norm))


def lessons(
    function: str, net: Network, dataset: Trainable, plan: Plan
) -> tuple[Float[Tensor, "n c h w"], Int64[Tensor, " n"]]:
    """Return the images and labels that a plan learns from."""
    images, labels = tensors(function, net, dataset.train, "learn weights")
    n = plan.train_images or len(images)
    if n > len(images):
        raise ValueError(
            f"{function}: train_images must be at most {len(images)}, got (train_images={n})."
        )
    return images[:n], labels[:n]


def tensors(
    function: str, net: Network, split: Choosable, purpose: str
) -> tuple[Float[Tensor, "n c h w"], Int64[Tensor, " n"]]:
    """Return a split's images and labels as tensors that share its memory, if they fit."""
    images, labels = split.for_choosing(purpose)
    if len(images) == 0:
        raise ValueError(f"{function}: a split must hold images to {purpose}, got 0.")
    if images.shape[1:] != tuple(net.input_shape):
        raise ValueError(
            f"{function}: images must be {tuple(net.input_shape)} for {net.name!r}, "
            f"got {images.shape[1:]}."
        )
    with warnings.catch_warnings():  # the arrays are read-only, and only read here: no copy
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(images), torch.from_numpy(labels)
