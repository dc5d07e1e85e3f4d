"""The corner of the Distil instrument where the reader trains a student of their own.

The recipe is that of the zoo's students, so the new point may stand beside the measured grid;
its seed is one that the grid does not have. Training runs in another process (``Job``).
"""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ipywidgets as ipw

from qlab import networks
from qlab.live.job import TRAINING, Event, JobPanel
from qlab.live.learning import Record, learning_figure
from qlab.metrics import Measured
from qlab.networks import Network

RECIPE = (
    "epochs",
    "batch_size",
    "optimizer",
    "lr",
    "schedule",
    "momentum",
    "weight_decay",
    "train_images",
)


@dataclass(frozen=True, slots=True)
class Own:
    """A student that was trained on this page.

    Parameters
    ----------
    student
        Its architecture.
    temperature, alpha, seed
        What it was trained with.
    epoch
        The best one, which was kept.
    error
        On the whole test split, measured once, after everything was chosen.
    network
        Its weights.
    recipe
        How it was trained besides, in the words of ``qlab.training.Plan``.
    """

    student: str
    temperature: float
    alpha: float
    seed: int
    epoch: int
    error: Measured
    network: Network
    recipe: Mapping[str, Any]


class Training(ipw.Box):
    """Start, stop, progress and a live curve; ``own`` collects what came out.

    Parameters
    ----------
    settings
        Returns student, temperature and alpha of this moment.
    taken
        Seeds of the grid, which a new student must not have.
    on_own
        Called with each student that was trained to a measured end.
    on_error
        Called with an exception.
    on_words
        Called with what the live curve shows, in words.
    command
        Another program, for tests.
    """

    def __init__(
        self,
        settings: Callable[[], tuple[str, float, float]],
        taken: Sequence[int],
        on_own: Callable[[Own], None],
        on_error: Callable[[Exception], None],
        on_words: Callable[[str], None] = lambda words: None,
        command: Sequence[str] = TRAINING,
    ) -> None:
        self.recipe: dict[str, Any] = {}  # fields that replace the zoo's, for a shorter training
        self.density: Callable[[], float] = lambda: 1.0  # of the page's screen
        self._settings, self._on_own = settings, on_own
        self._on_error, self._on_words = on_error, on_words
        self._seed = max(taken, default=-1) + 1
        self._folder: Path | None = None
        self._asked: dict[str, Any] = {}
        self.record = Record(1)
        self.panel = JobPanel(
            "Train one now",
            "Train a student at this temperature and this alpha, by the zoo's recipe",
            self._request,
            self._hear,
            on_error,
            command,
        )
        self.figure, art = learning_figure("The student learns", "A student")
        self._drawn = art["drawn"]
        self.card = _card([ipw.HTML(self.figure.heading()), self.figure.image])
        self.card.layout.display = "none"
        words = ipw.HTML(
            "<h2>Train a student yourself</h2>"
            '<p class="qlab-caption">It starts from random weights and learns by the recipe of the '
            "zoo’s students, at the temperature and alpha set above. Then it is measured on the "
            "10,000 test images. The controls stay yours meanwhile.</p>"
        )
        super().__init__([_card([words, self.panel]), self.card])
        self.add_class("qlab-figures")

    def _request(self) -> dict[str, Any]:
        student, temperature, alpha = self._settings()
        recipe = networks.card(networks.stored_student(student, None))["recipe"]
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="qlab-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._asked = {
            "task": "distill",
            "network": student,
            "teacher": recipe["teacher"],
            "dataset": recipe["dataset"],
            "temperature": temperature,
            "alpha": alpha,
            "seed": self._seed,
            "output": str(self._folder / f"student_{self._seed}.safetensors"),
            **{name: recipe[name] for name in RECIPE if recipe.get(name) is not None},
            **self.recipe,
        }
        self._seed += 1
        self.record = Record(self._asked["epochs"])
        return self._asked

    def code(self, own: Own) -> str:
        """Write the lines that train this student again."""
        words = ", ".join(f"{name}={value!r}" for name, value in own.recipe.items())
        return (
            "torch.set_num_threads(1)  # with one thread the same weights come out again\n"
            f'start = qlab.networks.build("{own.student}", np.random.default_rng({own.seed}))\n'
            f"taught = qlab.training.distill(start, teacher, mnist, {own.temperature:.9g}, "
            f"{own.alpha:.9g},\n    seed={own.seed}, {words})\n"
        )

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
            self._finish(event)

    def _finish(self, event: Event) -> None:
        """Take the trained student in; what failed or never left its start has none."""
        if event.get("best_epoch", 0) < 1 or "test" not in event:
            return
        asked, test = self._asked, event["test"]
        try:
            own = Own(
                asked["network"],
                float(asked["temperature"]),
                float(asked["alpha"]),
                asked["seed"],
                event["best_epoch"],
                Measured(1 - test["value"], 1 - test["high"], 1 - test["low"], test["n"]),
                networks.read(asked["output"]),
                {name: asked[name] for name in RECIPE if name in asked},
            )
        except (OSError, ValueError) as error:
            self._on_error(error)
            return
        self._on_own(own)


def _card(children: list[ipw.Widget]) -> Any:
    card = ipw.VBox(children)
    card.add_class("qlab-card")
    return card
