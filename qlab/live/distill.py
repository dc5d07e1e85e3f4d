"""Distil: what a teacher knows beyond the label, and what a student makes of it.

    state → image → logits of teacher t and student s → softened by T
          → entropies, KL, the two parts of the loss and how hard each pulls at s

All formulas are those of ``qlab.distillation``. The student on screen is one that the zoo
trained at the nearest temperature of its measured grid (or one trained on this page), so the
errors by temperature are measured, never computed from the slider.
"""

import math
from collections.abc import Generator, Iterator, Sequence
from typing import Any, ClassVar

import ipywidgets as ipw
import numpy as np
from jaxtyping import Float, Float32

from qlab import data
from qlab.distillation import entropy, kl, loss, loss_gradient, soft_targets
from qlab.live.distill_grid import TEACHER, Zoo
from qlab.live.distill_pictures import Pictures
from qlab.live.distill_state import SEARCHED, Distilled, DistilState
from qlab.live.distill_training import Own, Training
from qlab.live.figure import Figure
from qlab.live.instrument import Instrument, Preset
from qlab.live.job import TRAINING
from qlab.live.readout import Value
from qlab.live.settings import Choice
from qlab.live.worker import Task
from qlab.metrics import within_noise
from qlab.networks import Network

CHUNK = 20  # images whose teacher's logits take about 4 ms
TEMPERATURES = np.geomspace(1.0, 30.0, 41)  # of the curves
HOT = 1e5  # a temperature at which the soft gradient has reached its limit, to nine digits


class Distil(Instrument):
    """The distillation instrument: for a notebook cell and for the app.

    Parameters
    ----------
    link
        As for every instrument.
    values
        Settings to start from, for instance ``temperature=8.0``.

    Examples
    --------
    >>> bench = Distil(temperature=1.0)
    >>> cool = bench.values["entropy_teacher"].value
    >>> bench.state.temperature = 20.0
    >>> bool(cool < bench.values["entropy_teacher"].value < np.log2(10))
    True
    """

    NAME, TITLE = "distill", "Distil"
    LEAD = (
        "A large network teaches a small one: not only the right class, but how much each wrong "
        "class resembles it. The temperature decides how much of that is heard."
    )
    STATE = DistilState
    STAND_INS = {"distillation.soft_targets": "qlab.live.distill_standin:DistilStandIn"}  # noqa: RUF012
    PROGRAM: ClassVar[Sequence[str]] = TRAINING  # that trains
    SPOKEN = ("entropy_teacher", "entropy_student", "loss", "error")
    BELOW = (
        "hard",
        "soft",
        "pull_soft",
        "pull_bare",
        "pull_hard",
        "error_alone",
        "error_teacher",
    )
    PRESETS = (
        Preset(
            "T = 1: hard as the label",
            {"temperature": 1.0},
            "At T = 1 a good teacher is so sure that its answer is the label once more: the "
            "entropy is near nought, and the student learns nothing that the label did not say.",
        ),
        Preset(
            "Dark knowledge: which digits look alike",
            {"order": "ambiguous", "image": 22, "temperature": 2.0},
            "A 7 that could be a 9, and the teacher says so. No label tells that: from this one "
            "image the student learns something about two classes, and how they differ from the "
            "eight others.",
        ),
        Preset(
            "It was there at T = 1, on decades",
            {"temperature": 1.0, "scale": "log", "taught": "alone"},
            "The wrong answers differ by factors of thousands even where all look like nought. "
            "Raising T brings these factors within reach of the gradient. The student here "
            "learned from labels alone.",
        ),
        Preset(
            "Without T² the soft part vanishes",
            {"temperature": 16.0},
            "The gradient of KL falls as 1/T² (dashed). The factor T² undoes that, so alpha "
            "means the same at every temperature: read the two rings.",
        ),
        Preset(
            "T → 30: the logits are matched",
            {"temperature": 30.0, "alpha": 1.0},
            "At high T both answers are nearly even, and the pull tends to the dotted line: a "
            "tenth of the distance between the two networks' centred logits. Softening in the "
            "limit means copying logits.",
        ),
        Preset(
            "A small student wants a small T",
            {"student": "student_30", "temperature": 20.0},
            "Thirty units cannot copy all that the teacher knows: at T = 20 these students err "
            "more often than those without a teacher, beyond noise. At T = 2 and 3 they err least, "
            "but the interval still overlaps the band: five seeds do not prove a gain.",
        ),
        Preset(
            "Short of images, a teacher counts most",
            {"student": "student_100", "temperature": 8.0},
            "This student sees 5,000 images instead of 55,000. Soft answers say more about each "
            "than its label: from T = 2 on the errors are fewer, beyond noise. And it has units "
            "enough to copy logits, so every T from 6 up does equally well.",
        ),
    )

    # -- what it needs --------------------------------------------------------------

    def build(self) -> list[Figure]:
        """Open the test images, the teacher and the measured grid; make the pictures."""
        self.test = data.load("mnist").test
        self.zoo = Zoo()
        self.teacher = self.zoo.network(TEACHER)
        self._logits: dict[tuple[str, int], Float32[np.ndarray, "1 classes"]] = {}
        self._curves: dict[tuple[str, int], tuple[Any, ...]] = {}
        self._searched: list[Float[np.ndarray, " chunk"]] = []  # entropies, chunk by chunk
        self.training = Training(
            lambda: (self.state.student, self.state.temperature, self.state.alpha),
            self.zoo.seeds,
            self._take,
            self.fail,
            lambda words: self.page.describe({"learning": words}),
            self.PROGRAM,
        )
        self.training.density = lambda: self.page.density
        self.pictures = Pictures(self.zoo.alpha, self.zoo.temperature)
        return self.pictures.figures()

    def extras(self) -> list[ipw.Widget]:
        """Return the corner where a student is trained."""
        training = getattr(self, "training", None)
        return [] if training is None else [training]

    def _take(self, own: Own) -> None:
        """Let a student trained here join the grid's picture and the menu."""
        self.state.own = (*self.state.own, own)
        for bound in self.controls.values():
            bound.sync()
        self.refresh()

    # -- one state ----------------------------------------------------------------------

    def steps(self, s: DistilState) -> Generator[None, None, Distilled]:
        """Answers, losses and pulls of one image at one temperature."""
        index = yield from self._index(s)
        shown = self.zoo.shown(s.student, s.taught, s.temperature, s.own)
        t = self._answer(self.teacher, "teacher", index)
        z = self._answer(shown.network, shown.name, index)
        yield
        y, T, α = self.test.labels[index : index + 1], s.temperature, s.alpha
        soft, bare, hard, limit = yield from self._pulls(shown.name, index, z, t, y)
        softened = self._softened if self.at_work is None else self.at_work.softened
        p, q, teacher_bits, student_bits, divergence, soft_loss = softened(s, t, z)
        hard_loss = loss(z, t, y, T, 0.0)
        return Distilled(
            key=s.key(),
            temperature=T,
            alpha=α,
            scale=s.scale,
            index=index,
            label=int(y[0]),
            image=self.test[index : index + 1].images[0, 0],
            teacher=p,
            student=q,
            teacher_bits=teacher_bits,
            student_bits=student_bits,
            divergence=divergence,
            hard=(1 - α) * hard_loss,
            soft=α * soft_loss,
            loss=(1 - α) * hard_loss + α * soft_loss,
            temperatures=TEMPERATURES,
            soft_pulls=α * soft,
            bare_pulls=α * bare,
            hard_pull=(1 - α) * hard,
            limit=α * limit,
            now=(T, α * _pull(z, t, y, T), α * _pull(z, t, y, T, t_squared=False)),
            shown=shown,
            grid=self.zoo.grid(s.student, s.own),
        )

    def _softened(self, s: DistilState, t: Any, z: Any) -> tuple[Any, ...]:
        """Soften both answers; give their entropies in bits, KL, and the soft loss."""
        T, y = s.temperature, np.zeros(1, np.int64)  # no label counts where α is 1
        p, q = soft_targets(t, T)[0], soft_targets(z, T)[0]
        bits = (float(entropy(x)) / math.log(2) for x in (p, q))
        return p, q, *bits, float(kl(p, q)), loss(z, t, y, T, 1.0)

    def _index(self, s: DistilState) -> Generator[None, None, int]:
        """Return the place in the test split of the image that is set."""
        if s.order == "first":
            return int(s.image)
        yield from self._search()
        bits = np.concatenate(self._searched)
        return int(np.argsort(-bits, kind="stable")[s.image])

    def _search(self) -> Task:
        """Find out how undecided the teacher is about the first test images, once."""
        while len(self._searched) * CHUNK < SEARCHED:
            first = len(self._searched) * CHUNK
            logits = self.teacher.predict(self.test[first : first + CHUNK].images)
            self._searched.append(entropy(soft_targets(logits, 1)))
            yield

    def _answer(self, net: Network, name: str, index: int) -> Float32[np.ndarray, "1 classes"]:
        """Return the logits of one network for one test image, asked once."""
        known = (name, index)
        if known not in self._logits:
            self._logits[known] = net.predict(self.test[index : index + 1].images)
        return self._logits[known]

    def _pulls(
        self, name: str, index: int, z: Any, t: Any, y: Any
    ) -> Generator[None, None, tuple[Any, ...]]:
        """Sizes of the gradient at full weight: soft and bare by temperature, hard, limit."""
        known = (name, index)
        if known not in self._curves:
            soft = np.array([_pull(z, t, y, T) for T in TEMPERATURES])
            yield
            bare = np.array([_pull(z, t, y, T, t_squared=False) for T in TEMPERATURES])
            hard = float(np.linalg.norm(loss_gradient(z, t, y, 1.0, 0.0)))
            self._curves[known] = (soft, bare, hard, _pull(z, t, y, HOT))
        return self._curves[known]

    def later(self, s: DistilState) -> Iterator[Task]:
        """In the moments of rest: which images are ambiguous."""
        yield self._search()

    def background(self, s: DistilState) -> Iterator[Task]:
        """At last what the menus offer, so that a choice is as quick as a slider."""
        yield self._menus(s)

    def _menus(self, s: DistilState) -> Task:
        for name, setting in s.settings().items():
            if isinstance(setting, Choice):
                for value in s.allowed(name) or setting.values:
                    result = yield from self.result_of(s.copy(**{name: value}))
                    for figure in self.figures.values():
                        figure.frame(result)
                        yield

    # -- numbers ------------------------------------------------------------------------

    def numbers(self, r: Distilled) -> Iterator[Value]:
        """List what is shown, each with its provenance."""
        grid, shown = r.grid, r.shown

        def derived(
            name: str, label: str, value: float | int, form: str = "number", note: str = ""
        ) -> Value:
            return Value(
                name=name, label=label, value=value, source="derived", form=form, note=note
            )

        most = f"of at most {math.log2(10):.2f}"
        guess, second = np.argsort(-r.teacher, kind="stable")[:2]
        yield derived(
            "image",
            "Test image",
            r.index,
            "count",
            f"a {r.label}; teacher {guess}, student {int(r.student.argmax())}",
        )
        yield derived("entropy_teacher", "Entropy, teacher", r.teacher_bits, "bits", most)
        yield derived("entropy_student", "Entropy, student", r.student_bits, "bits", most)
        yield derived(
            "dark",
            "Teacher, beyond its first class",
            float(1 - r.teacher[guess]),
            "percent",
            f"most of it on {second}",
        )
        yield derived("kl", "KL(teacher ‖ student), nats", r.divergence)
        yield derived("loss", "Loss, nats", r.loss)
        yield derived("hard", "Hard part, (1 − α)·CE", r.hard)
        yield derived("soft", "Soft part, α·T²·KL", r.soft)
        yield derived("pull_soft", "Gradient, soft part", r.now[1])
        yield derived("pull_bare", "… without T²", r.now[2])
        yield derived("pull_hard", "Gradient, hard part", r.hard_pull)
        yield Value.of(
            "error", "Error of this student", shown.error, form="percent", note=shown.words
        )
        alone = grid.alone
        if shown.temperature is not None:
            mean = grid.mean(shown.temperature)
            yield Value.of(
                "error_mean",
                f"Mean of {grid.seeds} seeds at T = {shown.temperature:g}",
                mean,
                form="percent",
                note="within noise of no teacher" if within_noise(mean, alone) else "",
            )
        yield Value.of(
            "error_alone", f"Without a teacher, {grid.seeds} seeds", alone, form="percent"
        )
        yield Value.of(
            "error_teacher", "Error of the teacher", self.zoo.error(TEACHER), form="percent"
        )

    # -- taking it along -----------------------------------------------------------------

    def code(self) -> str:
        """Write the lines of qlab that print the numbers on screen."""
        r, s = self.result, self.state
        net = f'qlab.networks.load("{r.shown.name}")'
        before = ""
        if r.shown.own is not None:
            own = [own for own in s.own if own.student == s.student][-1]
            before = self.training.code(own)
            net = "taught.network"
        T = r.shown.temperature
        grid = ""
        if T is not None:
            grid = (
                f"at = [r for r in runs if (r.temperature, r.alpha) == {(T, self.zoo.alpha)}]\n"
                'print("error_mean", qlab.networks.mean_error(at).value)\n'
            )
        torch = "import torch\n" if before else ""
        return f'''\
import numpy as np
{torch}import qlab
from qlab.distillation import entropy, kl, loss, loss_gradient, soft_targets

T, alpha = {s.temperature:.9g}, {s.alpha:.9g}
mnist, teacher = qlab.data.load("mnist"), qlab.networks.load("teacher_1200")
{before}student = {net}
image, label = mnist.test[{r.index}:{r.index + 1}]
t, z = teacher.predict(image), student.predict(image)
p, q = soft_targets(t, T), soft_targets(z, T)
print("image", {r.index})
print("entropy_teacher", entropy(p)[0] / np.log(2))
print("entropy_student", entropy(q)[0] / np.log(2))
print("dark", 1 - p.max())
print("kl", kl(p, q)[0])
print("loss", loss(z, t, label, T, alpha))
print("hard", (1 - alpha) * loss(z, t, label, T, 0.0))
print("soft", alpha * loss(z, t, label, T, 1.0))
print("pull_soft", alpha * np.linalg.norm(loss_gradient(z, t, label, T, 1.0)))
print("pull_bare", alpha * np.linalg.norm(loss_gradient(z, t, label, T, 1.0, t_squared=False)))
print("pull_hard", (1 - alpha) * np.linalg.norm(loss_gradient(z, t, label, T, 0.0)))
print("error", 1 - qlab.metrics.accuracy(student, mnist.test).value)
runs = qlab.networks.student_runs("{s.student}")
{grid}alone = [r for r in runs if r.alpha == 0]
print("error_alone", qlab.networks.mean_error(alone).value)
print("error_teacher", 1 - qlab.networks.card("teacher_1200")["test"]["value"])
'''

    def tables(self) -> dict[str, tuple[list[str], list[list[Any]]]]:
        """Add what the pictures show."""
        r = self.result
        if r is None:
            return {}
        curve = zip(r.temperatures, r.soft_pulls, r.bare_pulls, strict=True)
        return {
            f"answers to test image {r.index} at T = {r.temperature:g}": (
                ["class", "teacher", "student"],
                [
                    [k, float(p), float(q)]
                    for k, (p, q) in enumerate(zip(r.teacher, r.student, strict=True))
                ],
            ),
            "size of the gradient": (
                ["temperature", "soft part", "soft part without T²"],
                [[float(x) for x in row] for row in curve],
            ),
            "measured students": (
                ["student", "temperature", "alpha", "seed", "error", "low", "high", "n", "source"],
                self.zoo.rows(self.state.own),
            ),
        }


def _pull(z: Any, t: Any, y: Any, T: float, t_squared: bool = True) -> float:
    """Size of the soft part's gradient by the student's logits, at full weight."""
    return float(np.linalg.norm(loss_gradient(z, t, y, float(T), 1.0, t_squared=t_squared)))
