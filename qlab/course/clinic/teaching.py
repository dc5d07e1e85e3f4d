"""W16: a teacher that is asked and not heard.

    L = (1 − α)·CE(s, y) + α·T²·KL(p_T(t) ‖ p_T(s))          t from a trained, frozen teacher

Source: Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 2.
"""

import functools

import numpy as np

from qlab import data, distillation, metrics, networks
from qlab.course.clinic.exhibit import Exhibit, Measurement, Outcome, number, stand
from qlab.live.settings import Flag, Real

TEACHER, STUDENT = "student_100_t4", "student_100_hard"  # of one shape, so that copying works
UNHEARD = """\
t = teacher(x)
s = student(x)
loss = np.mean((s - y) ** 2)
teacher = student"""
Logits = tuple[np.ndarray, np.ndarray, np.ndarray]


@functools.cache
def _logits() -> Logits:
    """Answers of student and teacher to 1,000 training images, and the labels."""
    images, labels = data.load("mnist").train[:1000]
    student, teacher = networks.load(STUDENT), networks.load("teacher_1200")
    return student.predict(images), teacher.predict(images), labels


def _w16_stands() -> Outcome:
    images, labels = data.load("mnist").test
    teacher, student = networks.load(TEACHER), networks.load(STUDENT)
    given = {"np": np, "x": images, "y": np.eye(10)[labels], "student": student.predict}
    heard = stand(UNHEARD, teacher=teacher.predict, **given)[0]
    nonsense = stand(UNHEARD, teacher=lambda x: np.full((len(x), 10), np.nan), **given)[0]
    was = metrics.accuracy(teacher, (images, labels)).value
    now = metrics.accuracy(heard["teacher"](images), labels).value
    return Outcome(
        says=f"The loss is {heard['loss']:.4f} with the teacher, and {nonsense['loss']:.4f} with "
        f"one that answers nothing but NaN. At the end the student is copied over the teacher: "
        f"{100 * was:.2f} % become {100 * now:.2f} %, the student's own.",
        values={
            "loss": float(heard["loss"]),
            "nonsense": float(nonsense["loss"]),
            "teacher": was,
            "copied": now,
        },
    )


def _w16(temperature: float = 4.0, alpha: float = 0.9, t_squared: bool = True) -> Measurement:
    s, t, labels = _logits()
    silent = np.zeros_like(t)  # a teacher without an opinion
    y = np.eye(10)[labels]
    given = {"np": np, "x": None, "y": y, "student": lambda x: s}
    losses = [stand(UNHEARD, teacher=lambda x, o=o: o, **given)[0]["loss"] for o in (t, silent)]
    weighed = [
        distillation.loss(s, other, labels, temperature, alpha, t_squared) for other in (t, silent)
    ]
    hard = (1 - alpha) * distillation.loss_gradient(s, t, labels, temperature, 0, t_squared)
    soft = alpha * distillation.loss_gradient(s, t, labels, temperature, 1, t_squared)
    pulls = [float(np.abs(g).sum()) for g in (soft, hard)]
    return Measurement(
        values=(
            number(
                "claimed_change",
                "Loss, other teacher − teacher, as claimed",
                float(losses[1] - losses[0]),
            ),
            number("change", "The same with softened answers", weighed[1] - weighed[0]),
            number(
                "pull",
                "Share of the pull that is the teacher's",
                pulls[0] / max(sum(pulls), 1e-300),
                form="percent",
            ),
        ),
        says="As claimed, any teacher gives the same loss. In the distillation loss another "
        "teacher is another lesson"
        + ("." if alpha > 0 else "; at α = 0 there is no lesson, which is the claimed code."),
    )


EXHIBITS = (
    Exhibit(
        number="W16",
        theme="networks",
        title="Distillation without the teacher",
        claim="Distillation runs teacher and student, trains the student on the labels, and copies "
        "the student's parameters into the teacher.",
        file="article 001, §4.2.1",
        fragment=UNHEARD,
        as_it_stands=_w16_stands,
        controls={
            "temperature": Real(4, 1, 20, 0.5, label="Temperature", help="Softens both answers."),
            "alpha": Real(0.9, 0, 1, 0.05, label="α", help="Weight of the teacher's answers."),
            "t_squared": Flag(True, label="T² on the soft term", help="Keeps its weight at any T."),
        },
        measure=_w16,
        truth="The loss needs the teacher's softened answers, T² on the soft term, and a teacher "
        "that was trained before and stays as it is. Nothing is copied.",
        reading="Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 2.",
    ),
)
