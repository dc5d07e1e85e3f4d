"""Multiply-accumulates of one image: all, those that are not by zero, those that cannot go.

    nonzero      Σ_layers (MACs / weights) · weights kept                             (1)
    structural   Σ_layers (MACs / (out·in)) · rows alive · inputs alive               (2)

Each weight of a layer is used equally often. (1) is what hardware would have to do that skips
zeros one by one. (2) is what any hardware saves: a neuron or filter without weights is cut out,
and with it the inputs of the next layer that read it. Its bias, constant, moves into the next
layer's (exactly so for linear layers and for convolutions without padding).

Source: Li et al. 2017, arXiv:1608.08710, section 3 (removing filter i also removes the
kernels that apply to its map in the next layer).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool


@runtime_checkable
class Layered(Protocol):
    """Anything with an ordered list of layers and the shape of one input."""

    @property
    def layers(self) -> Sequence[Any]:
        """Each with ``name``, ``output_shape(shape)``, ``macs(shape)``, perhaps ``weight``."""
        ...

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Without the batch: (C, H, W) or (features,)."""
        ...


@dataclass(frozen=True, slots=True)
class Macs:
    """Multiply-accumulates: of the dense network, by non-zero weights, after cutting units out."""

    dense: int
    nonzero: int
    structural: int


def macs(net: Layered, masks: Mapping[str, Bool[np.ndarray, "..."]] | None = None) -> Macs:
    """Count multiply-accumulates for one image.

    Parameters
    ----------
    net
        A network; only shapes and zeros of its weights matter.
    masks
        By layer, True = keep, of the weight's shape. Without one, a layer's zeros are the mask.

    Returns
    -------
    macs
        structural ≤ dense; the outputs of the last layer with weights always stay.

    Raises
    ------
    ValueError
        A mask of another shape, or for a layer without weights.

    Examples
    --------
    >>> from types import SimpleNamespace as Fake
    >>> def linear(name, weight):
    ...     return Fake(name=name, weight=weight, output_shape=lambda shape: weight.shape[:1],
    ...                 macs=lambda shape: weight.size)
    >>> fc1, fc2 = linear("fc1", np.ones((4, 3))), linear("fc2", np.ones((2, 4)))
    >>> fc1.weight[0] = 0                       # one neuron of four is dead
    >>> macs(Fake(layers=[fc1, fc2], input_shape=(3,)))
    Macs(dense=20, nonzero=17, structural=15)
    """
    kept = _kept(net, masks or {})
    last = list(kept)[-1] if kept else None
    dense = nonzero = structural = 0
    shape = tuple(net.input_shape)
    alive: Bool[np.ndarray, " units"] = np.ones(
        shape[0] if shape else 1, np.bool
    )  # channels, or features
    for layer in net.layers:
        count, out_shape = int(layer.macs(shape)), tuple(layer.output_shape(shape))
        if layer.name in kept:
            mask = kept[layer.name]
            by_unit = mask.reshape(*mask.shape[:2], -1)  # (out, in, kernel)
            reads = np.asarray(
                by_unit[:, alive].any(axis=(1, 2))
            )  # (out,): a unit that reads something
            rows = np.ones_like(reads) if layer.name == last else reads
            out, inputs = mask.shape[:2]
            nonzero += count // mask.size * int(np.count_nonzero(mask))  # (1)
            structural += count // (out * inputs) * int(rows.sum()) * int(alive.sum())  # (2)
            alive = rows
        elif len(alive) != out_shape[0]:  # Flatten: one channel becomes H·W features
            alive = np.repeat(alive, out_shape[0] // len(alive))
        dense, shape = dense + count, out_shape
    return Macs(dense, nonzero, structural)


def _kept(
    net: Layered, masks: Mapping[str, Bool[np.ndarray, "..."]]
) -> dict[str, Bool[np.ndarray, "..."]]:
    """Mask of every layer with weights."""
    weights = {layer.name: layer.weight for layer in net.layers if hasattr(layer, "weight")}
    for name, mask in masks.items():
        if name not in weights or mask.shape != weights[name].shape:
            has = weights[name].shape if name in weights else "no weights"
            raise ValueError(
                f"macs: a mask must have the shape of its layer's weight, "
                f"got {name}: mask {mask.shape}, layer {has}."
            )
    return {name: masks.get(name, w != 0) for name, w in weights.items()}
