"""What a training needs to go on where it stood, in one file.

    state = (module, optimizer, generators, history, best)         at the end of an epoch

The file is written whole or not at all, and read without running anything that it says. Going on
from it gives the same bits as never having stopped, on one machine with one number of threads.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from qlab.networks import Network
from qlab.networks.files import write_whole

_KEYS = {"training", "module", "best", "optimizer", "shuffle", "dropout", "history", "seconds"}


class Checkpoint:
    """The file of one training.

    Parameters
    ----------
    function
        Whose errors they are.
    path
        Where it lies, or will lie.
    training
        What was decided: a file of other decisions is refused.
    """

    def __init__(self, function: str, path: Path, training: Mapping[str, Any]) -> None:
        self.function, self.path = function, Path(path)
        self.training = json.dumps(training, sort_keys=True, default=str)
        if self.path.is_dir() or not self.path.parent.is_dir():
            raise ValueError(
                f"{function}: resume must name a file in a folder that exists, "
                f"got {self.path.name!r}."
            )

    def read(self) -> dict[str, Any] | None:
        """Return the state, or None if there is no file yet.

        Raises
        ------
        ValueError
            If the file is damaged, or belongs to another training.
        """
        if not self.path.exists():
            return None
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:  # whatever bytes can do to a reader
            raise self._damaged() from error
        if not isinstance(state, dict) or not state.keys() >= _KEYS:
            raise self._damaged()
        if state["training"] != self.training:
            raise ValueError(
                f"{self.function}: resume must be the file of this training, got "
                f"{self.path.name!r} of another network, dataset, method or plan. "
                "Name a new file to start afresh."
            )
        return state

    def write(self, state: Mapping[str, Any]) -> None:
        """Replace the file.

        Raises
        ------
        OSError
            If that fails; the checkpoint before it stays, and nothing else is left behind.
        """
        data = io.BytesIO()
        torch.save({"training": self.training, **state}, data)
        write_whole(self.path, data.getvalue())

    def _damaged(self) -> ValueError:
        return ValueError(
            f"{self.function}: resume must be a whole checkpoint, got a damaged file "
            f"{self.path.name!r}. Delete it to start afresh."
        )


def fingerprint(net: Network) -> str:
    """Return a digest of a network's architecture and arrays.

    Parameters
    ----------
    net
        Any network.
    """
    digest = hashlib.sha256(repr((net.name, net.shapes, [type(k) for k in net.layers])).encode())
    for arrays in (net.weights, net.biases):
        for name, array in arrays.items():
            digest.update(name.encode() + array.tobytes())
    return digest.hexdigest()
