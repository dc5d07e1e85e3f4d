"""The corner of the Distil instrument where the reader trains a student of their own.

The recipe is that of the zoo's students, so the new point may stand beside the measured grid;
its seed is one that the grid does not have. Training runs in another process (``Job``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qlab import networks
from qlab.live.job import TRAINING, Event
from qlab.live.learning import Corner, Record, error_of, kept
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


class Training(Corner):
    """Start, stop, progress and a live curve; ``own`` collects what came out.

    Parameters
    ----------
    settings
        Returns student, temperature and alpha of this moment.
    taken
        Seeds of the grid, which a new student must not have.
    on_own
        Called with each student that was trained to a measured end.
    on_error, on_words, command
        As of `Corner`.
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
        self._settings, self._on_own = settings, on_own
        self._seed = max(taken, default=-1) + 1
        super().__init__(
            "Train a student at this temperature and this alpha, by the zoo's recipe",
            "The student learns",
            "A student",
            "<h2>Train a student yourself</h2>"
            '<p class="qlab-caption">It starts from random weights and learns by the recipe of the '
            "zoo’s students, at the temperature and alpha set above. Then it is measured on the "
            "10,000 test images. The controls stay yours meanwhile.</p>",
            on_error,
            on_words,
            command,
        )

    def request(self) -> dict[str, Any]:
        """Ask for a student of this moment's settings, with a seed that nobody has."""
        student, temperature, alpha = self._settings()
        recipe = networks.student_recipe(student, None)
        self._asked = {
            "task": "distill",
            "network": student,
            "teacher": recipe["teacher"],
            "dataset": recipe["dataset"],
            "temperature": temperature,
            "alpha": alpha,
            "seed": self._seed,
            "output": str(self.folder / f"student_{self._seed}.safetensors"),
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

    def finish(self, event: Event) -> None:
        """Take the trained student in; what failed or never left its start has none."""
        if not kept(event):
            return
        asked = self._asked
        try:
            own = Own(
                asked["network"],
                float(asked["temperature"]),
                float(asked["alpha"]),
                asked["seed"],
                event["best_epoch"],
                error_of(event),
                networks.read(asked["output"]),
                {name: asked[name] for name in RECIPE if name in asked},
            )
        except (OSError, ValueError) as error:
            self._on_error(error)
            return
        self._on_own(own)
