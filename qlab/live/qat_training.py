"""The corner of the Train quantized instrument where the reader trains a network.

It starts from the network of the table and uses the table's recipe but for epochs and learning
rate, which are the reader's; its seed is one that the table does not have. Stopped and started
again with nothing changed, it goes on where it was. Training runs in another process (``Job``).
"""

from collections.abc import Callable, Sequence
from typing import Any

from qlab import networks
from qlab.live.job import TRAINING, Event
from qlab.live.learning import Corner, Record, error_of, kept
from qlab.live.qat_state import QatState
from qlab.live.qat_table import Own, Table
from qlab.live.qat_trained import of_the_same_shape

SAME = ("method", "weight_bits", "activation_bits", "epochs", "lr")  # of one training


class Training(Corner):
    """Start, stop, progress and a live curve.

    Parameters
    ----------
    settings
        Returns the state of this moment.
    table
        Gives network, recipe and the seeds that are taken.
    on_own
        Called with each network that was trained to a measured end.
    on_error, on_words, command
        As of `Corner`.
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
        self._settings, self._table, self._on_own = settings, table, on_own
        self._seed = max(table.seeds, default=-1) + 1
        self._open = False  # the last one was stopped and can go on
        images = table.recipe.get("train_images")
        super().__init__(
            "Train the network with this method and these bits",
            "The network learns its levels",
            "A network",
            "<h2>Train one yourself</h2>"
            '<p class="qlab-caption">It starts from the trained float network and learns with its '
            f"weights on the levels, from the first {images:,} training images as in the table. "
            "The best epoch is chosen on the validation images, and only that one meets the "
            "10,000 test images, when training ends. The controls stay yours meanwhile.</p>",
            on_error,
            on_words,
            command,
        )

    def request(self) -> dict[str, Any]:
        """Ask for a training of this moment's settings; one that was stopped goes on."""
        s = self._settings()
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
        asked["output"] = str(self.folder / f"quantized_{self._seed}.safetensors")
        asked["resume"] = str(self.folder / f"checkpoint_{self._seed}.pt")
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

    def finish(self, event: Event) -> None:
        """Take the trained network in; what failed or never left its start has none."""
        self._open = event["event"] == "stopped" or event.get("stopped") is True
        if not kept(event):
            return
        asked = self._asked
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
                error_of(event),
                of_the_same_shape(
                    networks.read(asked["output"]), networks.load(self._table.network)
                ),
                bool(event.get("stopped")),
                {name: asked[name] for name in dict.fromkeys(recipe)},
            )
        except (OSError, ValueError) as error:
            self._on_error(error)
            return
        self._on_own(own)
