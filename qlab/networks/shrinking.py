"""Cutting dead units out: a smaller network with the same answers.

A unit (neuron or filter) whose weights are all zero answers the same to every image:

    c = f(b)          f: what lies between its layer and the next that holds weights       (1)

so it leaves with its row, its readers lose the column W'[:, u], and the constant moves into
their bias:

    b' ← b' + Σ_u W'[:, u] · c_u     (for filters also summed over the kernel)             (2)

This is what makes pruning fast on ordinary hardware: zeros inside a matrix are multiplied like
any other number, a smaller matrix is not multiplied where it isn't.

Source: Li et al. 2017, arXiv:1608.08710, section 3, for the shapes; (2) is exact arithmetic.
"""

import itertools
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from qlab.networks.layers import WEIGHTED, Conv2d, Layer, Linear
from qlab.networks.network import Network


def shrink(net: Network) -> Network:
    """Remove the units that read nothing, equations (1) and (2).

    Parameters
    ----------
    net
        Left as it is; usually one that ``prune`` made.

    Returns
    -------
    Network
        With the same logits, up to the rounding of float32 sums in another order. The outputs
        of the last layer with weights all stay, and a layer keeps at least one unit.

    Raises
    ------
    ValueError
        If a constant reaches a padded convolution: at the border it is no constant.

    Examples
    --------
    >>> from qlab import pruning
    >>> from qlab.networks import build, prune
    >>> net = build("mlp_784_128_10", np.random.default_rng(0))
    >>> half = prune(net, {"fc1": pruning.neurons(net.weights["fc1"], sparsity=0.5)})
    >>> shrink(half)
    Network('mlp_784_128_10', 4 layers, 50,890 parameters)
    """
    layers: list[Layer] = list(net.layers)
    held = [k for k, layer in enumerate(layers) if isinstance(layer, WEIGHTED)]
    for k, after in itertools.pairwise(held):
        layer, reader = layers[k], layers[after]
        assert isinstance(layer, WEIGHTED) and isinstance(reader, WEIGHTED)
        live = np.asarray(layer.weight.reshape(len(layer.weight), -1).any(axis=1))
        if live.all():
            continue
        live[0] |= not live.any()  # a matrix without rows is no layer
        constants, kept = _seen_by(net, k, after, layer.bias, live)
        layers[after] = _without(reader, constants, kept)
        layers[k] = replace(layer, weight=layer.weight[live], bias=layer.bias[live])
        net = Network(net.name, tuple(layers), net.input_shape)
    return net


def _seen_by(
    net: Network,
    k: int,
    after: int,
    bias: Float[np.ndarray, " units"],
    live: Bool[np.ndarray, " units"],
) -> tuple[Float[np.ndarray, " inputs"], Bool[np.ndarray, " inputs"]]:
    """Say what layer ``after`` reads of layer k: constants, 0 where live; which inputs live."""
    shape = net.shapes[k + 1]  # (units,) or (units, height, width)
    units = (len(live), *[1] * (len(shape) - 1))
    x = np.broadcast_to(np.where(live, 0, bias).reshape(units), shape)
    constants = net.run(x[None].astype(np.float32), k + 1, after)[0]  # (1): ReLU, pooling, …
    if constants.ndim == 3:  # one number a channel
        constants = constants[:, 0, 0]
    kept = live.repeat(len(constants) // len(live))  # Flatten: a channel becomes h·w inputs
    return np.where(kept, 0, constants), kept


def _without(
    reader: Linear | Conv2d,
    constants: Float[np.ndarray, " inputs"],
    kept: Bool[np.ndarray, " inputs"],
) -> Layer:
    """Drop the inputs that are constant and add them to the bias, equation (2)."""
    if isinstance(reader, Conv2d) and reader.padding and constants.any():
        raise ValueError(
            "shrink: a convolution that reads constants must have no padding, got "
            f"(name={reader.name!r}, padding={reader.padding}). Prune the layer before it by "
            "weights, or set the biases of its dead filters to zero."
        )
    W = reader.weight.reshape(*reader.weight.shape[:2], -1).sum(axis=2)  # (out, in)
    return replace(reader, weight=reader.weight[:, kept], bias=reader.bias + W @ constants)
