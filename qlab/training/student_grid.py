"""Many students of one teacher, trained at once: the grid of temperatures, alphas and seeds.

Students of one shape differ only in their numbers, so they share one batched product:

    z[m] = a[m]·W[m]ᵀ + b[m]              m runs over students                            (1)
    loss = Σ_m (1 − α_m)·CE + α_m·T_m²·KL                                                 (2)

No student's gradient depends on another's, and Adam works by element, so that each is trained as
``distill`` trains it alone, up to rounding; on one core the grid costs a twentieth of the loop.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from qlab.metrics import Measured, wilson
from qlab.networks import Network
from qlab.networks.layers import Flatten, Linear, ReLU
from qlab.training.distilling import distillation_loss
from qlab.training.fitting import Trainable, lessons, tensors
from qlab.training.plan import Plan


@dataclass(frozen=True, slots=True)
class Setting:
    """What one student of the grid is told.

    Parameters
    ----------
    temperature
        T, above 0.
    alpha
        α in [0, 1]; 0 is the baseline that never hears the teacher.
    """

    temperature: float
    alpha: float


@dataclass(frozen=True, slots=True)
class Student:
    """One trained student of the grid.

    Parameters
    ----------
    setting, seed
        What it was told, and from where it started.
    network
        The weights of its best epoch.
    best_epoch
        As in `Fitted`.
    validation
        Accuracy there, which chose the epoch.
    """

    setting: Setting
    seed: int
    network: Network
    best_epoch: int
    validation: Measured


def train_grid(
    student: Callable[[int], Network],
    teacher_logits: Float[np.ndarray, "n classes"],
    dataset: Trainable,
    settings: Sequence[Setting],
    seeds: Sequence[int],
    plan: Plan,
    on_epoch: Callable[[int, float], None] | None = None,
) -> list[Student]:
    """Train every setting with every seed at once, equations (1) and (2).

    Parameters
    ----------
    student
        Returns the untrained network of a seed: Flatten, Linear and ReLU layers.
    teacher_logits
        The frozen teacher's answers to the training images that the plan learns from.
    dataset
        Its train split is learnt, its validation split chooses each student's epoch.
    settings, seeds
        The grid, all pairs.
    plan
        Of every student; without dropout and jitter. Its own seed is not used.
    on_epoch
        Called with the epoch and the mean validation accuracy of all students.

    Returns
    -------
    list of Student
        Seeds outside, settings inside.

    Raises
    ------
    ValueError
        If the plan asks for dropout, jitter, max_norm, patience or weight_decay, or the
        teacher's answers are not as many as the images.
    TypeError
        If a student has layers of another kind.
    """
    if plan.dropout or plan.jitter or plan.max_norm or plan.patience or plan.weight_decay:
        raise ValueError(
            "train_grid: plan must be plain: no dropout, jitter, max_norm, patience, weight_decay."
        )
    S, K = len(seeds), len(settings)
    starts = [student(seed) for seed in seeds]
    images, labels = lessons("train_grid", starts[0], dataset, plan)
    if len(teacher_logits) != len(images):
        raise ValueError(
            f"train_grid: teacher_logits must be as many as the {len(images)} training images, "
            f"got {len(teacher_logits)}."
        )
    chosen, answers = tensors("train_grid", starts[0], dataset.validation, "choose the best epoch")
    x_all, x_val = images.flatten(1), chosen.flatten(1)
    taught = torch.tensor(teacher_logits)
    T = torch.tensor([s.temperature for s in settings])
    α = torch.tensor([s.alpha for s in settings])
    stack = _Stack(starts, K)
    optimizer = plan.optimize(stack)
    orders = [torch.Generator().manual_seed(seed) for seed in seeds]
    steps, done = plan.epochs * math.ceil(len(x_all) / plan.batch_size), 0
    best = [_Best() for _ in range(S * K)]
    _judge(0, stack, x_val, answers, best)
    for epoch in range(1, plan.epochs + 1):
        order = torch.stack([torch.randperm(len(x_all), generator=g) for g in orders])  # (S, n)
        for rows in torch.split(order, plan.batch_size, dim=1):  # (S, B)
            for group in optimizer.param_groups:
                group["lr"] = plan.lr_at(done / steps)
            s = stack(x_all[rows])  # (S, K, B, classes)
            t, y = taught[rows][:, None], labels[rows][:, None]  # (S, 1, B, classes), (S, 1, B)
            loss = distillation_loss(s, t, y, T, α).sum()  # (2)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            done += 1
        accuracy = _judge(epoch, stack, x_val, answers, best)
        if on_epoch is not None:
            on_epoch(epoch, accuracy)
    return [
        Student(
            settings[m % K],
            seeds[m // K],
            _filled(starts[m // K], kept.arrays),
            kept.epoch,
            wilson(kept.correct, len(answers)),
        )
        for m, kept in enumerate(best)
    ]


class _Stack(torch.nn.Module):
    """S·K students of one shape; those of one seed see the same images."""

    def __init__(self, starts: Sequence[Network], settings: int) -> None:
        super().__init__()
        for layer in starts[0].layers:
            if not isinstance(layer, Flatten | Linear | ReLU):
                raise TypeError(
                    "train_grid: students must be of Flatten, Linear and ReLU layers, "
                    f"got {type(layer).__name__}."
                )
        self.kinds = [type(layer) for layer in starts[0].layers]
        self.seeds, self.settings = len(starts), settings
        self.W, self.b = torch.nn.ParameterList(), torch.nn.ParameterList()
        for name in starts[0].weights:
            W = np.stack([net.weights[name] for net in starts])  # (S, out, in)
            b = np.stack([net.biases[name] for net in starts])
            self.W.append(torch.from_numpy(np.repeat(W, settings, axis=0)))  # (S·K, out, in)
            self.b.append(torch.from_numpy(np.repeat(b, settings, axis=0)))

    def forward(self, x: Float[Tensor, "seeds batch pixels"]) -> Tensor:
        S, K, B = self.seeds, self.settings, x.shape[1]
        W, b = self.W[0], self.b[0]
        z = x @ W.view(S, -1, W.shape[2]).mT  # (S, B, K·out): one product per seed
        z = z.view(S, B, K, -1).transpose(1, 2).reshape(S * K, B, -1) + b[:, None]
        layer = 1
        for kind in self.kinds[self.kinds.index(Linear) + 1 :]:
            if kind is ReLU:
                z = z.relu()
            elif kind is Linear:
                z = torch.baddbmm(self.b[layer][:, None], z, self.W[layer].mT)  # (1)
                layer += 1
        return z.view(S, K, B, -1)


@torch.no_grad()
def _judge(epoch: int, stack: _Stack, x: Tensor, y: Tensor, best: "Sequence[_Best]") -> float:
    """Keep each student that is at its best; return the mean accuracy of all."""
    correct, nats = torch.zeros(len(best)), torch.zeros(len(best))
    for rows, labels in zip(torch.split(x, 500), torch.split(y, 500), strict=True):
        logits = stack(rows.expand(stack.seeds, *rows.shape)).flatten(0, 1)  # (S·K, B, classes)
        correct += (logits.argmax(-1) == labels).sum(-1)
        losses = functional.cross_entropy(
            logits.flatten(0, 1), labels.repeat(len(logits)), reduction="none"
        )
        nats += losses.view(len(logits), -1).sum(-1)
    for m, kept in enumerate(best):
        kept.offer(epoch, int(correct[m]), float(nats[m]), stack, m)
    return float(correct.mean()) / len(y)


class _Best:
    """The best epoch of one student, and its arrays."""

    def __init__(self) -> None:
        self.epoch, self.correct, self.nats = 0, -1, math.inf
        self.arrays: list[tuple[np.ndarray, np.ndarray]] = []

    def offer(self, epoch: int, correct: int, nats: float, stack: _Stack, m: int) -> None:
        if (correct, -nats) > (self.correct, -self.nats):
            self.epoch, self.correct, self.nats = epoch, correct, nats
            self.arrays = [
                (W[m].detach().numpy().copy(), b[m].detach().numpy().copy())
                for W, b in zip(stack.W, stack.b, strict=True)
            ]


def _filled(net: Network, arrays: Sequence[tuple[np.ndarray, np.ndarray]]) -> Network:
    by_name = dict(zip(net.weights, arrays, strict=True))
    return net.with_weights(
        {name: weight for name, (weight, _) in by_name.items()},
        {name: bias for name, (_, bias) in by_name.items()},
    )
