"""Everything that a training decides beforehand, in one record.

    cosine:  lr(t) = lr/2 · (1 + cos πt)          t = steps done / steps in all          (1)
    step:    lr(t) = lr · 0.1^[t ≥ 1/2] · 0.1^[t ≥ 3/4]                                   (2)

Sources: cosine, Loshchilov and Hutter 2017, arXiv:1608.03983; Adam with decoupled weight decay,
Loshchilov and Hutter 2019, arXiv:1711.05101; max-norm, Srivastava et al. 2014, JMLR 15:1929.
"""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn


def cosine(t: float) -> float:
    """Fraction of the learning rate left, equation (1)."""
    return (1 + math.cos(math.pi * t)) / 2


def step(t: float) -> float:
    """Fraction of the learning rate left, equation (2)."""
    return 0.1 ** ((t >= 1 / 2) + (t >= 3 / 4))


def constant(t: float) -> float:
    """Return 1: the learning rate stays."""
    return 1.0


SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": cosine,
    "step": step,
    "constant": constant,
}
OPTIMIZERS = ("adam", "sgd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to train; the defaults suit the small networks of the zoo.

    Parameters
    ----------
    epochs
        Passes over the training split, at least 1.
    batch_size
        Images a step, at least 1.
    optimizer
        "adam" (with decoupled weight decay) or "sgd" (with Nesterov momentum).
    lr
        Learning rate at the start, > 0.
    schedule
        One of `SCHEDULES`: "cosine" (1), "step" (2), "constant".
    momentum
        Of sgd, in [0, 1).
    weight_decay
        Share of each weight that a step at lr = 1 takes off; biases decay never. At least 0.
    max_norm
        Largest L2 norm of the weights into one neuron or filter; None for no limit.
    dropout
        Share of a layer's inputs dropped in training, by the layer's name, in [0, 1).
    jitter
        Images move by up to so many pixels each way, a new way each epoch.
    train_images
        Learn from so many of the training images, the first ones; None for all.
    patience
        Epochs without a better validation accuracy before stopping; None to use all epochs.
    seed
        Of the order of images, the dropout and the jitter, 0 … 2⁶³−1.

    Raises
    ------
    ValueError
        If a value is outside what is said above.

    Examples
    --------
    >>> Plan(epochs=0)
    Traceback (most recent call last):
    ValueError: Plan: epochs must be an integer of at least 1, got (epochs=0).
    """

    epochs: int = 10
    batch_size: int = 128
    optimizer: str = "adam"
    lr: float = 1e-3
    schedule: str = "cosine"
    momentum: float = 0.9
    weight_decay: float = 0.0
    max_norm: float | None = None
    dropout: Mapping[str, float] = field(default_factory=dict)
    jitter: int = 0
    train_images: int | None = None
    patience: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1), ("jitter", 0), ("seed", 0)):
            _integer(name, getattr(self, name), least)
        for name in ("train_images", "patience"):
            if getattr(self, name) is not None:
                _integer(name, getattr(self, name), 1)
        for name, choices in (("optimizer", OPTIMIZERS), ("schedule", tuple(SCHEDULES))):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"Plan: {name} must be one of {', '.join(choices)}, "
                    f"got ({name}={getattr(self, name)!r})."
                )
        _number("lr", self.lr, lambda x: x > 0, "above 0")
        _number("momentum", self.momentum, lambda x: 0 <= x < 1, "in [0, 1)")
        _number("weight_decay", self.weight_decay, lambda x: x >= 0, "at least 0")
        if self.max_norm is not None:
            _number("max_norm", self.max_norm, lambda x: x > 0, "above 0, or None")

    def optimize(self, module: nn.Module) -> torch.optim.Optimizer:
        """Return the optimizer over the module's weights and biases."""
        groups = [
            {
                "params": [p for p in module.parameters() if p.ndim > 1],
                "weight_decay": self.weight_decay,
            },
            {"params": [p for p in module.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
        if self.optimizer == "sgd":
            return torch.optim.SGD(
                groups, lr=self.lr, momentum=self.momentum, nesterov=self.momentum > 0
            )
        return torch.optim.AdamW(groups, lr=self.lr, fused=True)

    def lr_at(self, t: float) -> float:
        """Return the learning rate after the share t of all steps."""
        return self.lr * SCHEDULES[self.schedule](t)


def _integer(name: str, value: object, least: int) -> None:
    try:
        ok = not isinstance(value, bool) and least <= operator.index(value) < 2**63  # type: ignore[arg-type]
    except TypeError:
        ok = False
    if not ok:
        raise ValueError(
            f"Plan: {name} must be an integer of at least {least}, got ({name}={value!r})."
        )


def _number(name: str, value: object, holds: Callable[[float], bool], words: str) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not holds(value):  # type: ignore[arg-type]
        raise ValueError(f"Plan: {name} must be {words}, got ({name}={value!r}).")
