"""Minibatch training, choosing the best epoch on the validation split.

    w ← step(w, ∇loss(batch)),   w ← w ⊙ mask,   |w_row| ≤ max_norm             each step   (1)
    best = argmax over epochs of (validation accuracy, −validation loss)                    (2)

The test split is never looked at: whatever chooses asks the split, and test refuses.
"""

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from qlab.networks import Network
from qlab.training.checkpoint import Checkpoint
from qlab.training.jitter import Jitter
from qlab.training.module import from_module, to_module
from qlab.training.plan import Plan
from qlab.training.progress import Fitted
from qlab.training.watch import OnBest, OnProgress, Watch, Workpiece

Loss = Callable[[Float[Tensor, "batch classes"], Int64[Tensor, " batch"]], Tensor]
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
    workpiece: Workpiece | None = None,
    checkpoint: Checkpoint | None = None,
) -> Fitted:
    """Train with any loss(logits, rows of the train split); the other arguments as in `fit`.

    A workpiece is trained in place of the network's own module. With a checkpoint the training
    goes on from that file, if it is there, and writes it after every whole epoch.
    """
    images, _ = lessons(function, net, dataset, plan)
    work = workpiece or _plain(net, plan)
    module = work.module
    dropped = masks_of(function, module, masks or {})
    _hold(module, dropped, None)
    chosen = tensors(function, net, dataset.validation, "choose the best epoch")
    steps = plan.epochs * math.ceil(len(images) / plan.batch_size)
    watch = Watch(function, net, work, chosen, plan, steps, on_progress, on_best)
    optimizer = plan.optimize(module)
    with torch.random.fork_rng(devices=[]):  # dropout draws from torch's global generator
        torch.manual_seed(plan.seed)
        generator = torch.Generator().manual_seed(plan.seed)
        jitter = Jitter(plan.jitter, tuple(images.shape[1:]), generator)
        if (state := checkpoint.read() if checkpoint else None) is not None:
            watch.restore(state, optimizer, generator)
        else:
            watch.judge(0)
        watch.begin()
        for epoch in range(watch.history[-1].epoch + 1, plan.epochs + 1):
            if watch.impatient():
                break
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
                work.project()
                watch.tick(epoch, value.item())
                if should_stop is not None and should_stop():
                    watch.stopped = True
                    break
            watch.judge(epoch)
            if watch.stopped:
                break
            if checkpoint:
                checkpoint.write(watch.state(optimizer, generator))
    return watch.fitted()


def _plain(net: Network, plan: Plan) -> Workpiece:
    module = to_module(net, dropout=plan.dropout)
    return Workpiece(module, lambda: from_module(module, net), lambda: None)


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
