"""A softmax that stands in for the library's in the Distil instrument.

    p = f(t, T), q = f(z, T)        t, z: logits of teacher and student, (1, classes)   (1)
    soft part = α·T²·KL(p ‖ q)                                                          (2)

The gradients stay the library's. Two right ways differ by rounding only: z/T loses ε/2 of its
size, which the exponential turns into as much of p, and so does every term of the sum.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from qlab.distillation import entropy, kl, soft_targets
from qlab.live.standin import Difference, StandIn, Unusable, beside, over, swatch
from qlab.plots.answers import WIDTH
from qlab.plots.style import INK, PURPLE

READERS = ("teacher", "student")


class DistilStandIn(StandIn):
    """Softened answers by a function f(logits, temperature)."""

    LEGEND = {  # noqa: RUF012
        "answers": swatch("◆") + "teacher, by yours &ensp; " + swatch("■") + "student, by yours "
        "&ensp; at the first class that differs: <b>○</b> the library, <b>✕</b> yours",
    }

    def ask(self, s: Any, *given: Any) -> tuple[np.ndarray, np.ndarray, tuple[Any, ...]]:
        """Equation 1."""
        logits = [np.asarray(one, dtype=np.float64) for one in given]
        answers = self.call([(one, float(s.temperature)) for one in logits])
        p, q = (_checked(a, z) for a, z in zip(answers, logits, strict=True))
        return p, q, tuple(logits)

    def remark(self, s: Any) -> str:
        """Say what stays the library's."""
        return "The picture of the gradients, and the numbers from it, stay the library's."

    def softened(self, s: Any, t: Any, z: Any) -> tuple[Any, ...]:
        """Give the answers, their entropies in bits, KL, and the soft loss by equation 2."""
        p, q, _ = self.answers(s, t, z)
        apart = _if_defined(kl, p, q)
        bits = (_if_defined(entropy, x) / math.log(2) for x in (p, q))
        return p, q, *bits, apart, s.temperature**2 * apart

    def compare(self, s: Any, answers: Any) -> Difference | None:
        """Compare probabilities, teacher first, class by class."""
        first, count = None, 0
        *mine, logits = answers
        for k, (got, z) in enumerate(zip(mine, logits, strict=True)):
            right = soft_targets(z, s.temperature)[0]
            ε = np.finfo(got.dtype).eps
            slack = ε * (2 * np.abs(z).max() / s.temperature + 2 * right.size + 8) * right
            wrong = np.flatnonzero(~(np.abs(got - right) <= slack))  # NaN is wrong
            count += wrong.size
            if wrong.size and first is None:
                first = (k, int(wrong[0]), z[0], right, got)
        if first is None:
            return None
        k, i, z, right, got = first
        return Difference(
            place=f"{READERS[k]}, class {i}",
            index=(0, i),
            given=float(z[i]),
            reference=float(right[i]),
            other=float(got[i]),
            count=count,
            of=sum(one.size for one in mine),
            mark=(i + (-WIDTH / 2, WIDTH / 2)[k], float(right[i]), float(got[i])),
        )

    def overlays(self) -> Iterator[tuple[str, Callable[[Any], Any], Callable[[Any], None]]]:
        """Lay the answers over the library's."""
        yield ("answers", *_marks())


def _if_defined(measure: Callable[..., Any], *p: np.ndarray) -> float:
    """Measure distributions; what is none has no entropy."""
    try:
        return float(measure(*p))
    except ValueError:
        return math.nan


def _checked(answer: Any, logits: np.ndarray) -> np.ndarray:
    if not isinstance(answer, np.ndarray):
        got = "nothing" if answer is None else f"a {type(answer).__name__}"
        raise Unusable(
            f"Your function returned {got}; an array of shape {logits.shape} is expected."
        )
    if answer.shape != logits.shape:
        raise Unusable(
            f"Your function returned shape {answer.shape}; for logits of shape {logits.shape} "
            "there are as many probabilities."
        )
    if not np.issubdtype(answer.dtype, np.floating):
        raise Unusable(f"Your function returned {answer.dtype}; probabilities are floats.")
    return answer[0]


def _marks() -> tuple[Callable[[Any], Any], Callable[[Any], None]]:
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        ax = art["ax"] = figure.axes[0]
        look = {"ls": "none", "mfc": PURPLE, "mec": INK, "mew": 1.0, "clip_on": False}
        art["teacher"] = ax.plot([], [], "D", ms=7, **look)[0]
        art["student"] = ax.plot([], [], "s", ms=6.5, **look)[0]
        (art["right"],) = ax.plot([], [], "o", mfc="none", mec=INK, mew=1.8, ms=12, clip_on=False)
        (art["mine"],) = ax.plot([], [], "x", color=INK, mew=2.2, ms=10, clip_on=False)
        return [art[name] for name in (*READERS, "right", "mine")]

    def draw(r: Any) -> None:
        found, other = beside(r), over(r)
        low, high = art["ax"].get_ylim()
        for name, shift in zip(READERS, (-WIDTH / 2, WIDTH / 2), strict=True):
            art[name].set_visible(other is not None)
            if other is not None:
                p = getattr(other, name)
                art[name].set_data(np.arange(len(p)) + shift, np.clip(p, low, high))
        difference = None if found is None else found.difference
        for k, name in enumerate(("right", "mine")):
            art[name].set_visible(difference is not None)
            if difference is not None:
                x, *ends = difference.mark
                art[name].set_data([x], [float(np.clip(ends[k], low, high))])

    return build, draw
