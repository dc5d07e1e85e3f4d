"""A training while it runs: what it told so far, its picture, and where it is asked for."""

import math
import shutil
import tempfile
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ipywidgets as ipw
import numpy as np

from qlab import plots
from qlab.live.figure import Figure
from qlab.live.job import TRAINING, Event, JobPanel
from qlab.metrics import Measured
from qlab.plots.style import dress


@dataclass
class Record:
    """What a running training has told so far."""

    epochs: int
    steps: list[tuple[float, float]] = field(default_factory=list)  # epochs done, loss
    accuracies: dict[int, float] = field(default_factory=dict)  # epoch: validation, in percent
    best: int | None = None

    def hear(self, event: Event) -> None:
        """Take down one answer of the training program."""
        match event["event"]:
            case "progress":
                self.steps.append((event["step"] / event["steps"] * self.epochs, event["loss"]))
                if event["epoch"] > 1:  # told: the validation of the epoch before
                    self._judged(event["epoch"] - 1, event["validation_accuracy"])
            case "best" if event["epoch"] > 0:  # epoch 0 is the untrained start
                self._judged(event["epoch"], event["validation_accuracy"])
                self.best = event["epoch"]
            case "done":
                for row in event.get("history", ()):
                    if row["epoch"] > 0:
                        self._judged(row["epoch"], row["validation_accuracy"])

    def _judged(self, epoch: int, accuracy: float) -> None:
        self.accuracies[epoch] = 100 * accuracy

    @property
    def scale(self) -> tuple[int, float, float]:
        """Limits that hold for a while: epochs, top of the loss, bottom of the accuracy."""
        # the first steps tower over all that follow: after an epoch the axis is for what follows
        late = [loss for x, loss in self.steps if x >= 0.5]
        shown = late if self.accuracies and late else [loss for _, loss in self.steps]
        top = 2.0 ** math.ceil(math.log2(max([*shown, 1e-3])))
        worst = min(self.accuracies.values(), default=90.0)
        lowest = next(x for x in (96.0, 94.0, 90.0, 80.0, 60.0, 0.0) if x <= worst)
        return self.epochs, top, lowest


def learning_figure(title: str, subject: str) -> tuple[Figure, dict[str, Any]]:
    """Make the picture of a running training, and the place where its artists will be.

    Parameters
    ----------
    title
        Heading.
    subject
        Who learns: "A student".

    Returns
    -------
    figure, art
        ``art["drawn"]`` is the ``plots.Learning``.
    """
    art: dict[str, Any] = {}

    def build(figure: Any) -> Any:
        above = dress(figure.add_axes((0.13, 0.56, 0.84, 0.40)), "", "loss, nats")
        below = dress(figure.add_axes((0.13, 0.15, 0.84, 0.35)), "epoch", "validation, %")
        art["drawn"] = plots.learning(above, below)
        return art["drawn"].artists

    def draw(record: Record) -> None:
        steps = np.array(record.steps, dtype=float).reshape(-1, 2)
        rows = sorted(record.accuracies.items())
        epochs, accuracies = np.array(rows, dtype=float).reshape(-1, 2).T
        best = None if record.best is None else [e for e, _ in rows].index(record.best)
        plots.set_learning(art["drawn"], steps[:, 0], steps[:, 1], epochs, accuracies, best)

    def described(record: Record) -> str:
        judged = f"{subject} in training: {len(record.accuracies)} of {record.epochs} epochs judged"
        if record.best is None:
            return f"{judged}."
        return (
            f"{judged}, the best is epoch {record.best} with "
            f"{record.accuracies[record.best]:.2f} % on validation."
        )

    figure = Figure(
        "learning",
        title,
        size=(400, 260),
        build=build,
        draw=draw,
        key=lambda r: (id(r), len(r.steps), len(r.accuracies), r.best),
        scene=lambda r: r.scale,
        stage=lambda r: plots.scale_learning(art["drawn"], *r.scale),
        describe=described,
        caption="Above: the loss of the last steps. Below: the accuracy on the validation "
        "images after each epoch; the ring marks the epoch that is kept.",
    )
    return figure, art


class Corner(ipw.Box):
    """Start, stop, progress and a live curve; a subclass says what is asked and what came out.

    Parameters
    ----------
    hint
        Of the button.
    title, subject
        Of the live curve: "The student learns", "A student".
    words
        HTML above the button.
    on_error
        Called with an exception.
    on_words
        Called with what the live curve shows, in words.
    command
        Another program, for tests.
    """

    def __init__(
        self,
        hint: str,
        title: str,
        subject: str,
        words: str,
        on_error: Callable[[Exception], None],
        on_words: Callable[[str], None] = lambda words: None,
        command: Sequence[str] = TRAINING,
    ) -> None:
        self.recipe: dict[str, Any] = {}  # fields that replace the usual ones, for a short training
        self.density: Callable[[], float] = lambda: 1.0  # of the page's screen
        self._on_error, self._on_words = on_error, on_words
        self._asked: dict[str, Any] = {}
        self._place: Path | None = None
        self.record = Record(1)
        self.panel = JobPanel("Train one now", hint, self.request, self._hear, on_error, command)
        self.figure, art = learning_figure(title, subject)
        self.drawn = art["drawn"]
        self.card = _card([ipw.HTML(self.figure.heading()), self.figure.image])
        self.card.layout.display = "none"
        super().__init__([_card([ipw.HTML(words), self.panel]), self.card])
        self.add_class("qlab-figures")

    def request(self) -> dict[str, Any]:
        """Return what the training program is asked, and keep it in ``_asked``."""
        raise NotImplementedError

    def finish(self, event: Event) -> None:
        """Take in what came out; what failed or never left its start has none."""
        raise NotImplementedError

    @property
    def folder(self) -> Path:
        """A folder of this corner's own, gone when it goes."""
        if self._place is None:
            self._place = Path(tempfile.mkdtemp(prefix="qlab-"))
            weakref.finalize(self, shutil.rmtree, self._place, ignore_errors=True)
        return self._place

    def _hear(self, event: Event) -> None:
        heard = len(self.record.accuracies)
        self.record.hear(event)
        ended = event["event"] in ("done", "stopped", "failed")
        if self.record.steps or self.record.accuracies:
            self.card.layout.display = ""
            self.figure.show(self.record)
            if ended or len(self.record.accuracies) != heard or len(self.record.steps) == 1:
                self.figure.sharpen(self.density() if ended else 1.0)
                self.figure.catch_up()
                self._on_words(self.figure.alt)
        if ended:
            self.finish(event)


def kept(event: Event) -> bool:
    """Tell whether a training that ended left a network better than its start, and measured it."""
    return event.get("best_epoch", 0) >= 1 and "test" in event


def error_of(event: Event) -> Measured:
    """Turn the accuracy that a training ended with into its error."""
    test = event["test"]
    return Measured(1 - test["value"], 1 - test["high"], 1 - test["low"], test["n"])


def _card(children: list[ipw.Widget]) -> Any:
    card = ipw.VBox(children)
    card.add_class("qlab-card")
    return card
