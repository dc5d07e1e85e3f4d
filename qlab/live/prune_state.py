"""What the Prune instrument can be set to, and what one setting gives."""

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np

from qlab import metrics, pruning
from qlab.live.offered import LAYER_MENU, LAYERS, NETWORKS
from qlab.live.settings import Choice, Real, Whole
from qlab.live.state import State
from qlab.metrics import Measured

SEED = 0  # of the random draw
STRUCTURES = {"weights": "Single weights", "neurons": "Whole neurons", "filters": "Whole filters"}
STRUCTURES |= {name: name for name in pruning.STRUCTURED if name not in STRUCTURES}
METHOD_NAMES = {"magnitude": "Smallest first", "random": "By lot"}
METHODS = {n: METHOD_NAMES.get(n, n) for n in pruning.METHODS if n not in pruning.STRUCTURED}


class PruneState(State):
    """The settings of the Prune instrument."""

    network = Choice(
        "lenet_300_100",
        NETWORKS,
        label="Network",
        help="A network trained on MNIST; its card tells how.",
    )
    sparsity = Real(
        0.5,
        0.0,
        0.995,
        0.005,
        label="Sparsity",
        help="The share that is set to zero: 0 keeps everything, 0.995 keeps one in 200.",
    )
    structure = Choice(
        "weights",
        STRUCTURES,
        label="What is removed",
        help="Single weights leave holes in a matrix; neurons and filters make it smaller.",
    )
    method = Choice(
        "magnitude",
        METHODS,
        label="Which go",
        help="The smallest by magnitude (rows by their L2 norm), or a random draw to compare with.",
    )
    scope = Choice(
        "layer",
        {"layer": "Same share of each layer", "global": "All layers ranked as one"},
        label="Scope",
        help="Ranked together, layers of many small weights lose more than the others.",
    )
    layer = Choice(
        "all",
        LAYER_MENU,
        label="Layer",
        help="Prune every layer, or one alone to see how sensitive it is.",
    )
    base = Choice(
        "trained",
        {"trained": "As trained", "tuned": "Fine-tuned here"},
        label="Weights",
        help="After fine-tuning: the network before it, or after. Prune again from either.",
    )
    epochs = Whole(
        3, 1, 10, label="Epochs of fine-tuning", help="Passes over the 55,000 training images."
    )

    tuned = ""  # the network for which fine-tuned weights are there

    def key(self) -> tuple[Any, ...]:
        """All settings but the epochs, which change no result."""
        return super().key()[:-1]

    def elsewhere(self, sparsity: float | int, base: str) -> tuple[Any, ...]:
        """Return the key of a copy with another sparsity and base, without making one."""
        return ((key := self.key())[0], float(sparsity), *key[2:-1], base)

    def allowed(self, name: str) -> list[Any] | None:
        """Offer what makes sense beside the other settings; ``why`` says what is left out."""
        whole_rows = self.structure != "weights"
        match name:
            case "structure":
                has_filters = any(layer.startswith("conv") for layer in LAYERS[self.network])
                return [name for name in STRUCTURES if name != "filters" or has_filters]
            case "method":
                return ["magnitude"] if whole_rows else None
            case "scope":
                alone = self.layer != "all" or "scope" not in self.options()
                return ["layer"] if alone else None
            case "layer":
                return ["all", *self.candidates()]
            case "base":
                return ["trained", *["tuned"] * (self.tuned == self.network)]
        return None

    def candidates(self) -> tuple[str, ...]:
        """Layers that this structure can be removed from; never the output layer's neurons."""
        layers = LAYERS[self.network]
        match self.structure:
            case "neurons":
                return tuple(name for name in layers[:-1] if name.startswith("fc"))
            case "filters":
                return tuple(name for name in layers if name.startswith("conv"))
        return layers if self.structure == "weights" else layers[:-1]

    def chosen(self) -> tuple[str, ...]:
        """Layers that are pruned."""
        return self.candidates() if self.layer == "all" else (self.layer,)

    def pruner(self) -> str:
        """Name the method in ``pruning.METHODS`` that makes the masks."""
        return self.method if self.structure == "weights" else self.structure

    def options(self) -> dict[str, Any]:
        """Return what it is given beside weights and sparsity, of what it takes."""
        takes = inspect.signature(pruning.METHODS[self.pruner()]).parameters
        given = {"rng": SEED, "scope": self.scope}
        return {name: value for name, value in given.items() if name in takes}

    def why(self) -> str:
        """Say in a sentence or two why a menu offers less than elsewhere."""
        sentences = []
        if "filters" not in (self.allowed("structure") or ()):
            sentences.append(f"{NETWORKS[self.network]} has no convolutions, so no filters.")
        if self.structure != "weights":
            sentences.append(
                "Neurons and filters are ranked by their L2 norm, each layer by itself; the ten "
                "output neurons are the classes and always stay."
            )
        elif self.layer != "all":
            sentences.append("Ranking layers as one needs more than one layer.")
        elif "scope" not in self.options():
            sentences.append(f"{METHODS[self.method]} ranks each layer by itself.")
        return " ".join(sentences)


@dataclass(frozen=True, slots=True, eq=False)
class LayerCut:
    """One layer: how much of it goes, and where the cut lies.

    Parameters
    ----------
    name
        Of the layer.
    weights, zeros
        How many it has, and how many of them are zero.
    kept
        Histogram of the kept scores; scores are weights, or norms of rows.
    thresholds
        Where the cut is; none where nothing is cut by size.
    """

    name: str
    weights: int
    zeros: int
    kept: np.ndarray
    thresholds: tuple[float, ...]

    @property
    def sparsity(self) -> float:
        """Share of zeros."""
        return self.zeros / self.weights


@dataclass(frozen=True, slots=True, eq=False)
class PruneResult:
    """What one state gives: all that is written, and most of what is drawn."""

    key: tuple[Any, ...]
    state: PruneState  # a copy that will not move
    layers: tuple[LayerCut, ...]
    accuracy: Measured
    reference: Measured  # the trained, dense network on the same images
    sizes: dict[str, metrics.Bytes]  # dense, bitmap, relative_index, cut_out
    macs: metrics.Macs
    latency: dict[str, metrics.Latency] | None = None  # dense, pruned, cut_out
    beside: Any = None  # what stands in for the library, and is shown with this

    @property
    def full(self) -> bool:
        """True once all test images were used."""
        return self.accuracy.source == "measured"

    @property
    def weights(self) -> int:
        """Weights of all layers."""
        return sum(layer.weights for layer in self.layers)

    @property
    def zeros(self) -> int:
        """Weights that are zero."""
        return sum(layer.zeros for layer in self.layers)
