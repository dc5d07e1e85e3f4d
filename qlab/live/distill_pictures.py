"""The four pictures of the Distil instrument: the digit, the answers, the pull, the errors."""

import math
from typing import Any

import numpy as np

from qlab import plots
from qlab.live.distill_grid import Grid
from qlab.live.figure import Figure
from qlab.live.legend import line, mark
from qlab.plots.style import BLUE, GREEN, GREY, INK, VERMILLION, dress

DECADES = 9  # of probability on the logarithmic axis
_FILLED = f'<span class="qlab-key" style="background:{BLUE}"></span>teacher'
_OUTLINED = (
    '<span class="qlab-key" style="background:#fdf1e7;box-shadow:inset 0 0 0 2px '
    f'{VERMILLION}"></span>student'
)


class Pictures:
    """Figures that share nothing but the result they are given.

    Parameters
    ----------
    alpha, temperature
        Of the measured grid: where the temperatures were varied, and where the alphas were.
    """

    def __init__(self, alpha: float, temperature: float) -> None:
        self.alpha, self.temperature = alpha, temperature

    def figures(self) -> list[Figure]:
        """Make them, in page order."""
        return [self._digit(), self._answers(), self._pulls(), self._errors()]

    def _digit(self) -> Figure:
        def build(figure: Any) -> Any:
            digit = figure.add_axes((0.01, 0.10, 0.47, 0.86))
            gauge = dress(figure.add_axes((0.66, 0.34, 0.32, 0.32)), "entropy, bits", "")
            names = ("teacher", "student")
            self.gauge = plots.meter(gauge, math.log2(10), "most: log₂ 10", names)
            gauge.set_xticks([0, 1, 2, 3])
            self.digit = plots.image_grid(digit, 1, 1)
            return [*self.digit.artists, *self.gauge.artists]

        def draw(r: Any) -> None:
            plots.set_image_grid(self.digit, r.image[None], [])
            plots.set_meter(self.gauge, r.teacher_bits, r.student_bits)

        return Figure(
            "digit",
            "One image, two readers",
            size=(320, 230),
            build=build,
            draw=draw,
            key=lambda r: (r.index, r.temperature, r.shown.name),
            describe=lambda r: (
                f"Test image {r.index}, a {r.label}. Entropy of the teacher's answer "
                f"{r.teacher_bits:.2f} bits, of the student's {r.student_bits:.2f}, of at most "
                f"{math.log2(10):.2f}."
            ),
            caption=f"{_FILLED} &nbsp; {_OUTLINED}",
        )

    def _answers(self) -> Figure:
        def build(figure: Any) -> Any:
            axes = figure.add_axes((0.12, 0.155, 0.865, 0.80))
            self.answer_axes = dress(axes, "class", "probability")
            self.answers = plots.answers(axes, 10)
            return self.answers.artists

        def stage(r: Any) -> None:
            plots.scale_answers(self.answer_axes, DECADES if r.scale == "log" else None)

        return Figure(
            "answers",
            "Softened answers, class by class",
            size=(478, 230),
            build=build,
            draw=lambda r: plots.set_answers(self.answers, r.teacher, r.student, r.label),
            key=lambda r: (r.index, r.temperature, r.shown.name, r.scale),
            scene=lambda r: r.scale,
            stage=stage,
            describe=_answered,
            caption=f"{_FILLED} &nbsp; {_OUTLINED} &nbsp; ○ the true class",
        )

    def _pulls(self) -> Figure:
        def build(figure: Any) -> Any:
            axes = figure.add_axes((0.135, 0.165, 0.845, 0.79))
            self.pulls = plots.pulls(dress(axes, "temperature T", "norm of the gradient"))
            return self.pulls.artists

        return Figure(
            "pulls",
            "Gradient at the student’s logits",
            size=(400, 240),
            build=build,
            draw=lambda r: plots.set_pulls(
                self.pulls, r.temperatures, r.soft_pulls, r.bare_pulls, r.hard_pull, r.limit, r.now
            ),
            key=lambda r: (r.index, r.temperature, r.alpha, r.shown.name),
            describe=lambda r: (
                f"Size of the gradient by temperature. At T = {r.temperature:g} the soft part "
                f"pulls with {r.now[1]:.3g}, without the factor T² with {r.now[2]:.3g}; the "
                f"hard part with {r.hard_pull:.3g}."
            ),
            caption=(
                f"{line(BLUE, 'solid')}soft part, α·T²·KL &nbsp; {line(VERMILLION, 'dashed')}"
                f"without T² &nbsp; {mark(GREY, '─·─')}hard part, (1−α)·CE &nbsp; "
                f"{line(BLUE, 'dotted')}the soft part’s limit: matching logits"
            ),
        )

    def _errors(self) -> Figure:
        def build(figure: Any) -> Any:
            left = dress(
                figure.add_axes((0.135, 0.165, 0.585, 0.79)), "temperature T", "test error, %"
            )
            right = dress(
                figure.add_axes((0.765, 0.165, 0.215, 0.79)), f"α at T = {self.temperature:g}", ""
            )
            right.tick_params(labelleft=False)
            plots.temperature_axis(left)
            right.set_xlim(-0.08, 1.08)
            right.set_xticks([0.0, 0.5, 1.0], ["0", "0.5", "1"])
            self.by_temperature, self.by_alpha = plots.errors(left), plots.errors(right)
            self.error_axes = (left, right)
            return [*self.by_temperature.moving, *self.by_alpha.moving]

        def stage(r: Any) -> None:
            grid: Grid = r.grid
            for axes in self.error_axes:
                axes.set_ylim(*grid.limits)
            plots.set_errors(self.by_temperature, *grid.by_temperature.arrays, grid.band)
            plots.set_errors(self.by_alpha, *grid.by_alpha.arrays, grid.band)
            T, alpha, error, low, high = np.array(grid.own, dtype=float).reshape(-1, 5).T
            plots.set_own(self.by_temperature, T, error, low, high)
            plots.set_own(self.by_alpha, alpha, error, low, high)

        def draw(r: Any) -> None:
            own = r.shown.own
            plots.set_here(self.by_temperature, r.temperature, r.shown.temperature, own)
            plots.set_here(self.by_alpha, r.alpha, None, own)

        return Figure(
            "errors",
            "Students’ test error, measured",
            size=(400, 240),
            build=build,
            draw=draw,
            key=lambda r: (r.grid.key, r.temperature, r.alpha, r.shown.name),
            scene=lambda r: r.grid.key,
            stage=stage,
            describe=lambda r: r.grid.words,
            caption=(
                f"{mark(BLUE, '●')}mean of the seeds, with 95 % interval &nbsp; "
                f"{mark(BLUE, '·')}one seed &nbsp; {mark(GREY, '▒')}no teacher &nbsp; "
                f"{mark(GREEN, '◆')}trained here &nbsp; {mark(VERMILLION, '○')}shown above "
                f"&nbsp; {mark(INK, '┆')}now. Cited from the zoo’s grid, left at α = "
                f"{self.alpha:g}."
            ),
        )


def _answered(r: Any) -> str:
    first = [
        f"{k} with {100 * p[k]:.1f} %"
        for p in (r.teacher, r.student)
        for k in np.argsort(-p, kind="stable")[:2]
    ]
    return (
        f"Answers to test image {r.index}, a {r.label}, at temperature {r.temperature:g}. Teacher: "
        f"{first[0]}, then {first[1]}. Student: {first[2]}, then {first[3]}."
    )
