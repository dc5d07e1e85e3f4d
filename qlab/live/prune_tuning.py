"""Fine-tuning from the page: the masks go to another process, a better network comes back."""

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qlab import networks
from qlab.live.job import TRAINING, Event, JobPanel
from qlab.live.prune_state import PruneState
from qlab.networks import Network
from qlab.networks.files import file_bytes, write_whole

if TYPE_CHECKING:
    from qlab.live.prune import Prune

SEED = 0


class Tuning:
    """What was fine-tuned in this page, and the panel that does it.

    Parameters
    ----------
    instrument
        Whose state says what is pruned, and who shows the result.
    """

    def __init__(self, instrument: "Prune") -> None:
        self._instrument = instrument
        self.network: Network | None = None
        self.rounds = 0  # how often a network was fine-tuned here: names the latest
        self.steps: list[PruneState] = []  # how the latest came to be, from the zoo's network on
        self._asked: PruneState | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="qlab-prune-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self.panel = JobPanel(
            "Fine-tune",
            "Train the weights that are left; those removed stay zero",
            self._request,
            self._hear,
            instrument.fail,
            instrument.COMMAND or TRAINING,
        )

    def _request(self) -> dict[str, Any]:
        s = self._instrument.state.copy()
        if s.sparsity == 0:
            raise ValueError("Fine-tune: a sparsity above 0 is expected, got 0. Prune first.")
        net, masks = self._instrument.network_and_masks(s)
        self._asked = s
        start = s.network
        if s.base == "tuned":
            start = str(networks.save(net, self._folder / "start.safetensors"))
        held = {name: mask.astype("uint8") for name, mask in masks.items()}
        masks_file = write_whole(self._folder / "masks.safetensors", file_bytes(held, {}))
        self._output.unlink(missing_ok=True)
        return {
            "task": "fine_tune",
            "network": start,
            "masks": str(masks_file),
            "dataset": "mnist",
            "epochs": s.epochs,
            "seed": SEED,
            "output": str(self._output),
        }

    @property
    def _output(self) -> Path:
        return self._folder / "tuned.safetensors"

    def _hear(self, event: Event) -> None:
        if event["event"] in ("done", "stopped") and self._output.is_file():
            try:
                self._adopt(networks.read(self._output))
            except (OSError, ValueError) as error:
                self._instrument.fail(error)

    def _adopt(self, network: Network) -> None:
        """Take the best so far as the network to show, and prune it from now on."""
        asked = self._asked
        assert asked is not None
        self.network, self.rounds = network, self.rounds + 1
        self.steps = [*(self.steps if asked.base == "tuned" else []), asked]
        self._instrument.take_tuned(asked)

    def code(self) -> str:
        """Write the lines that fine-tune again what is shown."""
        from qlab.live.prune import call_of

        lines = ["import torch; torch.set_num_threads(1)  # sums in the order of the page's\n"]
        for s in self.steps:
            lines += [
                f"W = {{name: net.weights[name] for name in {list(s.chosen())}}}\n",
                f"net = qlab.training.fine_tune(net, {call_of(s)}, mnist, epochs={s.epochs}, "
                f"seed={SEED}).network\n",
            ]
        return "".join(lines)
