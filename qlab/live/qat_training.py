"""The corner of the Train quantized instrument where the reader trains a network.

It starts from the network of the table and uses the table's recipe but for epochs and learning
rate, which are the reader's; its seed is one that the table does not have. Stopped and started
again with nothing changed, it goes on where it was. Training runs in another process (``Job``).
"""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as ipw

from qlab import networks
from qlab.live.job import TRAINING, Event, JobPanel
from qlab.live.learning import Record, learning_figure
from qlab.live.qat_state import QatState
from qlab.live.qat_table import Own, Table
from qlab.metrics import Measured

SAME = ("method", "weight_bits", "activation_bits", "epochs", "lr")  # of one training


class Training(ipw.Box):
    """Start, stop, progress and a live curve.

    Parameters
    ----------
    settings
        Returns the state of this moment.
    table
        Gives network, recipe and the seeds that are taken.
    on_own
        Called with each network that was trained to a measured end.
    on_error
        Called with an exception.
    on_words
        Called with what the live curve shows, in words.
    command
        Another program, for tests.
    """

    def __init__(
        self,
        settings: Callable[[], QatState],
        table: Table,
        on_own: Callable[[Own], None],
        on_error: Callable[[Exception], None],
        on_words: Callable[[str], None] = lambda words: None,
        command: Sequence[str] = TRAINING,
    ) -> None:
        self.recipe: dict[str, Any] = {}  # fields that replace the table's, for tests
        self.density: Callable[[], float] = lambda: 1.0  # of the page's screen
        self._settings, self._table, self._on_own = settings, table, on_own
        self._on_error, self._on_words = on_error, on_words
        self._seed = max(table.seeds, default=-1) + 1
        self._folder: Path | None = None
        self._asked: dict[str, Any] = {}
        self._open = False  # the last one was stopped and can go on
        self.record = Record(1)
        self.panel = JobPanel(
            "Train one now",
            "Train the network with this method and these bits",
            self._request,
            self._hear,
            on_error,
            command,
        )
        self.figure, self._art = learning_figure("The network learns its levels", "A network")
        self.card = _card([ipw.HTML(self.figure.heading()), self.figure.image])
        self.card.layout.display = "none"
        images = table.recipe.get("train_images")
        words = ipw.HTML(
            "<h2>Train one yourself</h2>"
            '<p class="qlab-caption">It starts from the trained float network and learns with its '
            f"weights on the levels, from the first {images:,} training images as in the table. "
            "The best epoch is chosen on the validation images, and only that one meets the "
            "10,000 test images, when training ends. The controls stay yours meanwhile.</p>"
        )
        super().__init__([_card([words, self.panel]), self.card])
        self.add_class("qlab-figures")

    def _request(self) -> dict[str, Any]:
        s = self._settings()
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="qlab-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        asked: dict[str, Any] = {
            "task": "quantize",
            "network": self._table.network,
            "dataset": "mnist",
            "method": s.method,
            "weight_bits": s.bits,
            "activation_bits": s.activations,
            **self._table.recipe,
            "epochs": s.epochs,
            "lr": s.lr,
            **self.recipe,
        }
        same = all(asked.get(name) == self._asked.get(name) for name in SAME)
        if self._asked and not (same and self._open):
            self._seed += 1
        asked["seed"] = self._seed
        asked["output"] = str(self._folder / f"quantized_{self._seed}.safetensors")
        asked["resume"] = str(self._folder / f"checkpoint_{self._seed}.pt")
        if asked != self._asked:
            self.record = Record(asked["epochs"])
        self._asked, self._open = asked, False
        return asked

    def code(self, own: Own) -> str:
        """Write the lines that train this network again."""
        words = ", ".join(f"{name}={value!r}" for name, value in own.recipe.items())
        return (
            "import torch\n"
            "torch.set_num_threads(1)  # with one thread the same weights come out again\n"
            f'trained = qlab.training.train_quantized(net, mnist, "{own.method}", {own.bits}, '
            f"{own.activations},\n    seed={own.seed}, {words})\n"
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
            self._open = event["event"] == "stopped" or event.get("stopped") is True
            self._finish(event)

    def _finish(self, event: Event) -> None:
        """Take the trained network in; what failed or never left its start has none."""
        if event.get("best_epoch", 0) < 1 or "test" not in event:
            return
        asked, test = self._asked, event["test"]
        recipe = [*self._table.recipe, "epochs", "lr"]
        try:
            own = Own(
                asked["method"],
                asked["weight_bits"],
                asked["activation_bits"],
                asked["epochs"],
                float(asked["lr"]),
                asked["seed"],
                event["best_epoch"],
                Measured(1 - test["value"], 1 - test["high"], 1 - test["low"], test["n"]),
                networks.read(asked["output"]),
                bool(event.get("stopped")),
                {name: asked[name] for name in dict.fromkeys(recipe)},
            )
        except (OSError, ValueError) as error:
            self._on_error(error)
            return
        self._on_own(own)


def _card(children: list[ipw.Widget]) -> Any:
    card = ipw.VBox(children)
    card.add_class("qlab-card")
    return card
