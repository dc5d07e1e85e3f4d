"""What the Distil instrument can be set to, and what one setting gives."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from qlab.live.distill_grid import Grid, Shown
from qlab.live.distill_training import Own
from qlab.live.settings import Choice, Real, Whole
from qlab.live.state import State

IMAGES = 40  # to choose from, in either order
SEARCHED = 2_000  # test images, the first ones, among which the most ambiguous are looked for
# nearly logarithmic: 1 to 2 by 0.05, 2 to 4 by 0.1, …, the last octave by 1
STOPS = tuple(
    float(round(low + k * step, 2))
    for low, step, count in ((1, 0.05, 20), (2, 0.1, 20), (4, 0.2, 20), (8, 0.5, 16), (16, 1, 15))
    for k in range(count)
)


class DistilState(State):
    """Settings of the Distil instrument."""

    temperature = Real(
        4.0,
        1.0,
        30.0,
        0.1,
        label="Temperature T",
        help="Logits are divided by T before the softmax: the higher, the softer the answers.",
        stops=STOPS,
    )
    alpha = Real(
        0.9,
        0.0,
        1.0,
        0.05,
        label="Alpha: weight of the teacher",
        help="Loss = (1 − α)·CE with the label + α·T²·KL from the teacher.",
    )
    student = Choice(
        "student_30",
        {
            "student_30": "30 + 30 units, all images",
            "student_100": "100 + 100 units, 5,000 images",
        },
        label="Student",
        help="One is short of units: 784-30-30-10, 24,790 parameters, taught with 55,000 images. "
        "One is short of images: 784-100-100-10, 89,610 parameters. The teacher, "
        "784-1200-1200-10, has 2,395,210.",
    )
    taught = Choice(
        "nearest",
        {
            "nearest": "at the nearest measured T",
            "alone": "by the labels alone",
            "here": "here, by you",
        },
        label="The student was taught",
        help="Whose answers are compared with the teacher's.",
    )
    order = Choice(
        "first",
        {
            "first": "first 40 of the test split",
            "ambiguous": "40 most ambiguous ones",
        },
        label="Images",
        help=f"Ambiguous for the teacher: highest entropy at T = 1 among the first {SEARCHED:,} "
        "test images.",
    )
    image = Whole(
        0,
        0,
        IMAGES - 1,
        label="Image",
        help="Place in the list; the arrow keys go to the one before and the one after.",
    )
    scale = Choice(
        "linear",
        {"linear": "0 to 1", "log": "decades, to one in a billion"},
        label="Axis of probability",
        help="On decades even what a teacher says at T = 1 about wrong classes is seen.",
    )

    def __init__(self, own: tuple[Own, ...] = (), **values: Any) -> None:
        self.own = own  # students trained on this page
        super().__init__(**values)

    def copy(self, **changes: Any) -> "DistilState":
        """Return another state beside the same students."""
        return type(self)(self.own, **{**self.values(), **changes})

    def key(self) -> tuple[Any, ...]:
        """Return the values and how many students were trained here."""
        return (*super().key(), len(self.own))

    def allowed(self, name: str) -> list[Any] | None:
        """Offer a student trained here once there is one of this size."""
        if name != "taught":
            return None
        here = any(own.student == self.student for own in self.own)
        return ["nearest", "alone", "here"] if here else ["nearest", "alone"]


@dataclass(frozen=True, slots=True, eq=False)
class Distilled:
    """One image seen by a teacher and a student at one temperature."""

    key: tuple[Any, ...]
    temperature: float
    alpha: float
    scale: str
    index: int  # in the test split
    label: int
    image: Float32[np.ndarray, "28 28"]
    teacher: Float[np.ndarray, " classes"]  # softened
    student: Float[np.ndarray, " classes"]
    teacher_bits: float
    student_bits: float
    divergence: float  # KL(teacher ‖ student), nats
    hard: float  # (1 − α)·CE
    soft: float  # α·T²·KL
    loss: float
    temperatures: Float[np.ndarray, " curve"]
    soft_pulls: Float[np.ndarray, " curve"]  # of α·T²·KL, by temperature
    bare_pulls: Float[np.ndarray, " curve"]  # of α·KL
    hard_pull: float
    limit: float
    now: tuple[float, float, float]  # T, and there the soft pull with and without T²
    shown: Shown
    grid: Grid
    beside: Any = None  # what stands in for the library, and is shown with this
