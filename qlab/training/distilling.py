"""Distilling: a student learns the labels and its teacher's softened answers.

    loss = (1 − α)·CE(y, softmax(s)) + α·T²·KL(softmax(t/T) ‖ softmax(s/T))               (1)

s, t  logits of student and teacher;  T  temperature;  α  weight of the soft term.
The gradient of the KL falls as 1/T²; the factor T² keeps the two terms' balance at every T.
Equal to ``qlab.distillation.loss``, with a gradient.

Source: Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 2.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from qlab.networks import Network
from qlab.training.fitting import ShouldStop, Trainable, lessons, run
from qlab.training.module import to_module
from qlab.training.plan import Plan
from qlab.training.progress import Fitted
from qlab.training.watch import OnBest, OnProgress


def distillation_loss(
    student_logits: Float[Tensor, "*students batch classes"],
    teacher_logits: Float[Tensor, "*teachers batch classes"],
    labels: Int64[Tensor, "*teachers batch"],
    temperature: float | Float[Tensor, "*settings"],
    alpha: float | Float[Tensor, "*settings"],
) -> Float[Tensor, "*students"]:
    """Return the mean of equation (1) over the batch, in nats.

    Parameters
    ----------
    student_logits, teacher_logits
        s and t, before any softmax. Axes before these two are students of their own.
    labels
        Class numbers.
    temperature
        T > 0; or one for every student.
    alpha
        α in [0, 1], alike; at 0 the teacher is not listened to.

    Returns
    -------
    Tensor
        One number a student, a scalar where there is one; with a gradient by ``student_logits``.

    Examples
    --------
    >>> s, t = torch.tensor([[2.0, 0.0]]), torch.tensor([[4.0, 0.0]])
    >>> distillation_loss(s, t, torch.tensor([0]), temperature=2.0, alpha=1.0)
    tensor(0.2685)
    """
    s, t = student_logits, teacher_logits
    T, α = (torch.as_tensor(x)[..., None] for x in (temperature, alpha))  # (…, batch)
    y = labels.expand(s.shape[:-1])[..., None]
    hard = -s.log_softmax(-1).gather(-1, y).squeeze(-1)
    log_p, log_q = ((x / T[..., None]).log_softmax(-1) for x in (t, s))
    soft = (log_p.exp() * (log_p - log_q)).sum(-1)
    return ((1 - α) * hard + α * T**2 * soft).mean(-1)  # (1)


def distill(
    student: Network,
    teacher: Network,
    dataset: Trainable,
    temperature: float,
    alpha: float,
    *,
    epochs: int = 10,
    seed: int = 0,
    masks: Mapping[str, Bool[np.ndarray, "..."]] | None = None,
    on_progress: OnProgress | None = None,
    on_best: OnBest | None = None,
    should_stop: ShouldStop | None = None,
    **plan: Any,
) -> Fitted:
    """Train a student with the loss of equation (1).

    Parameters
    ----------
    student
        Where the student starts; unchanged.
    teacher
        Frozen. It answers once per training image, when the first epoch reaches the image.
    dataset, epochs, seed, masks, on_progress, on_best, should_stop, **plan
        As in `fit`. Without jitter: the teacher's answers belong to the images as they are.
    temperature
        T, above 0.
    alpha
        α, in [0, 1].

    Returns
    -------
    Fitted
        The student of the best epoch.

    Raises
    ------
    ValueError
        If temperature, alpha or jitter is out of range, or as `fit`.
    """
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"distill: temperature must be above 0, got (temperature={temperature}).")
    if not 0 <= alpha <= 1:
        raise ValueError(f"distill: alpha must be in [0, 1], got (alpha={alpha}).")
    decided = Plan(epochs=epochs, seed=seed, **plan)
    if decided.jitter:
        raise ValueError(
            f"distill: jitter must be 0, got (jitter={decided.jitter}). The teacher's answers "
            "are computed once, for the images as they are."
        )
    images, labels = lessons("distill", teacher, dataset, decided)
    answers = TeacherAnswers(teacher, images)

    def loss(logits: Float[Tensor, "batch classes"], rows: Int64[Tensor, " batch"]) -> Tensor:
        return distillation_loss(logits, answers(rows), labels[rows], temperature, alpha)

    return run(
        "distill",
        student,
        dataset,
        loss,
        decided,
        masks=masks,
        on_progress=on_progress,
        on_best=on_best,
        should_stop=should_stop,
    )


class TeacherAnswers:
    """The frozen teacher's logits by row, each computed when first asked for, then kept.

    Parameters
    ----------
    teacher
        Any network.
    images
        The training images.
    """

    def __init__(self, teacher: Network, images: Float[Tensor, "n c h w"]) -> None:
        self._module, self._images = to_module(teacher).eval(), images
        (classes,) = self._answer(images[:1]).shape[1:]
        self._logits = torch.empty(len(images), classes)
        self._known = torch.zeros(len(images), dtype=torch.bool)

    def __call__(self, rows: Int64[Tensor, " batch"]) -> Float[Tensor, "batch classes"]:
        """Return the teacher's logits for these rows of the images."""
        new = rows[~self._known[rows]]
        if len(new):
            self._logits[new] = self._answer(self._images[new])
            self._known[new] = True
        return self._logits[rows]

    def _answer(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        with torch.no_grad():
            return self._module(images)
