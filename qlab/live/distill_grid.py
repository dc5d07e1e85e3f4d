"""What the zoo measured about students, laid out for the Distil instrument's picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from qlab import networks
from qlab.live.distill_training import Own
from qlab.metrics import Measured
from qlab.networks import Network, StudentRun

TEACHER = "teacher_1200"
Curve = Float[np.ndarray, " n"]


@dataclass(frozen=True, slots=True)
class Slice:
    """Errors along one axis of the grid, in percent.

    Parameters
    ----------
    x
        Temperatures or alphas, ascending.
    means
        Mean error of the seeds at each x.
    seeds
        x and error of every single run.
    """

    x: tuple[float, ...]
    means: tuple[Measured, ...]
    seeds: tuple[tuple[float, float], ...]

    @property
    def arrays(self) -> tuple[Curve, Curve, Curve, Curve, Float[np.ndarray, "runs 2"]]:
        """x, mean, low, high and the single runs, as ``plots.set_errors`` takes them."""
        rows = np.array([(m.value, m.low, m.high) for m in self.means]) * 100
        mean, low, high = rows.T
        return np.array(self.x), mean, low, high, np.array(self.seeds) * [1.0, 100.0]


@dataclass(frozen=True, slots=True)
class Grid:
    """Everything measured about one size of student.

    Parameters
    ----------
    key
        Names it, for frames.
    by_temperature, by_alpha
        The two slices: at the grid's alpha, and at the temperature where alpha was varied.
    alone
        Mean error without a teacher.
    seeds
        Runs a point.
    own
        Temperature, alpha, error, low, high (in percent) of each student trained here.
    """

    key: tuple[Any, ...]
    by_temperature: Slice
    by_alpha: Slice
    alone: Measured
    seeds: int
    own: tuple[tuple[float, ...], ...]

    def mean(self, temperature: float) -> Measured:
        """Mean error of the seeds at a temperature of the grid."""
        return self.by_temperature.means[self.by_temperature.x.index(temperature)]

    @property
    def band(self) -> tuple[float, float]:
        """Interval of the error without a teacher, in percent."""
        return 100 * self.alone.low, 100 * self.alone.high

    @property
    def limits(self) -> tuple[float, float]:
        """Error axis in percent, in half points, that holds every interval."""
        means = (*self.by_temperature.means, *self.by_alpha.means, self.alone)
        low = min(*(100 * m.low for m in means), *(row[3] for row in self.own), 100.0)
        high = max(*(100 * m.high for m in means), *(row[4] for row in self.own), 0.0)
        return max(0.0, math.floor(2 * low - 0.1) / 2), math.ceil(2 * high + 0.1) / 2

    @property
    def words(self) -> str:
        """The picture in a sentence."""
        means, x = self.by_temperature.means, self.by_temperature.x
        best = min(range(len(x)), key=lambda k: means[k].value)
        return (
            f"Test error by temperature, mean of {self.seeds} seeds: {100 * means[0].value:.2f} % "
            f"at T = {x[0]:g}, lowest at T = {x[best]:g} with {100 * means[best].value:.2f} %, "
            f"{100 * means[-1].value:.2f} % at T = {x[-1]:g}; without a teacher "
            f"{100 * self.alone.value:.2f} %. {len(self.own)} trained here."
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """The student whose answers are on screen.

    Parameters
    ----------
    name
        Of its network in the zoo, or of the one trained here.
    temperature
        Of the grid; None where there was no teacher, or no grid.
    words
        How it was taught.
    error
        Its own test error.
    network
        Its weights.
    own
        Its place among those of its size trained here, if it is one.
    """

    name: str
    temperature: float | None
    words: str
    error: Measured
    network: Network
    own: int | None = None


class Zoo:
    """The zoo's grid of students, read once.

    Raises
    ------
    FileNotFoundError, ValueError
        If a file of the zoo is missing or damaged.
    """

    def __init__(self) -> None:
        self.runs = networks.student_runs()
        taught = [run for run in self.runs if run.temperature is not None]
        alphas = [run.alpha for run in taught]
        # the grid's own alpha is the one at which most temperatures were run
        self.alpha = max(set(alphas), key=alphas.count)
        varied = [run for run in taught if run.alpha != self.alpha] or taught
        self.temperature = float(varied[0].temperature or 1.0)  # at which alpha was varied
        self.seeds = sorted({run.seed for run in self.runs})
        self._networks: dict[str, Network] = {}
        self._grids: dict[tuple[Any, ...], Grid] = {}

    def network(self, name: str) -> Network:
        """Return a network of the zoo, kept for the next time."""
        if name not in self._networks:
            self._networks[name] = networks.load(name)
        return self._networks[name]

    def error(self, name: str) -> Measured:
        """Return the test error on a network's card."""
        test = networks.card(name)["test"]
        return Measured(1 - test["value"], 1 - test["high"], 1 - test["low"], test["n"], "cited")

    def shown(self, student: str, taught: str, temperature: float, own: Sequence[Own]) -> Shown:
        """Find the student whose answers are asked for.

        Parameters
        ----------
        student
            Its architecture.
        taught
            "nearest", "alone" or "here" (of those trained here, the latest).
        temperature
            The current one.
        own
            All that were trained here.
        """
        if taught == "here":
            mine = [o for o in own if o.student == student]
            last = mine[-1]
            words = f"taught here at T = {last.temperature:g}, α = {last.alpha:g}, seed {last.seed}"
            name = f"{student}_here_{last.seed}"
            return Shown(name, None, words, last.error, last.network, len(mine) - 1)
        T = None if taught == "alone" else self.nearest(student, temperature)
        name = networks.stored_student(student, T)
        recipe = networks.student_recipe(student, T)
        words = f"taught by labels alone, seed {recipe['seed']}"
        if T is not None:
            words = f"taught at T = {T:g}, α = {recipe['alpha']:g}, seed {recipe['seed']}"
        return Shown(name, T, words, self.error(name), self.network(name))

    def nearest(self, student: str, temperature: float) -> float:
        """Return the measured temperature nearest by factor; of two equally near, the lower."""
        known = {run.temperature for run in self._of(student) if run.alpha == self.alpha}
        return min(
            sorted(T for T in known if T is not None),
            key=lambda T: round(abs(math.log(T / temperature)), 9),
        )

    def grid(self, student: str, own: Sequence[Own]) -> Grid:
        """Lay out one size of student, with those trained here."""
        mine = [o for o in own if o.student == student]
        key = (student, tuple(o.seed for o in mine))
        if key not in self._grids:
            runs = self._of(student)
            alone = [run for run in runs if run.alpha == 0]
            at_alpha = [run for run in runs if run.alpha == self.alpha]
            at_temperature = [run for run in runs if run.temperature == self.temperature]
            self._grids[key] = Grid(
                key,
                _slice(at_alpha, lambda run: float(run.temperature or 0)),
                _slice([*alone, *at_temperature], lambda run: run.alpha),
                networks.mean_error(alone),
                len(alone),
                tuple(
                    (
                        o.temperature,
                        o.alpha,
                        *(100 * e for e in (o.error.value, o.error.low, o.error.high)),
                    )
                    for o in mine
                ),
            )
        return self._grids[key]

    def rows(self, own: Sequence[Own]) -> list[list[Any]]:
        """Every run of the zoo and of this page, for the CSV file."""
        every: list[StudentRun | Own] = [*self.runs, *own]
        return [
            [
                run.student,
                run.temperature,
                run.alpha,
                run.seed,
                run.error.value,
                run.error.low,
                run.error.high,
                run.error.n,
                run.error.source,
            ]
            for run in every
        ]

    def _of(self, student: str) -> list[StudentRun]:
        return [run for run in self.runs if run.student == student] or list(
            networks.student_runs(student)  # raises: the sentence names those that are there
        )


def _slice(runs: Sequence[StudentRun], at: Any) -> Slice:
    xs = sorted({at(run) for run in runs})
    return Slice(
        tuple(xs),
        tuple(networks.mean_error([run for run in runs if at(run) == x]) for x in xs),
        tuple((at(run), run.error.value) for run in runs),
    )
