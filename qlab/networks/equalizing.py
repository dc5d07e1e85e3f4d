"""Equalizing a whole network: neighbouring layers share their ranges, pair after pair.

    (W_k, b_k, W_k+1) ← equalize(W_k, b_k, W_k+1)   for k = 1, 2, …, again until nothing moves  (1)

The network stays the same function: between the two layers of a pair there are only rectifiers,
pooling and flattening, which let positive factors through.

Source: Nagel, van Baalen, Blankevoort and Welling 2019, arXiv:1906.04721, section 4.1.
"""

import numpy as np

from qlab.networks.layers import WEIGHTED, Conv2d, Flatten, Linear, MaxPool2d, ReLU
from qlab.networks.network import Network
from qlab.ptq import equalization_scales
from qlab.ptq import equalize as equalize_pair

MOST_TURNS = 20
STILL = 1e-3  # a factor that moves a range by less ends the turns


def equalize(net: Network) -> Network:
    """Give each channel the same range on both sides, equation 1.

    Parameters
    ----------
    net
        Left as it is. A pair of layers with another kind of layer between them is passed over.

    Returns
    -------
    Network
        The same function, up to the rounding of float32.

    Examples
    --------
    >>> from qlab.networks import build
    >>> net = equalize(build("mlp_784_128_10", np.random.default_rng(0)))
    >>> rows, columns = (np.abs(W).max(axis=k) for W, k in zip(net.weights.values(), (1, 0)))
    >>> np.allclose(rows, columns, rtol=0.01)
    True
    """
    pairs = neighbours(net)
    for _ in range(MOST_TURNS):
        moved = 0.0
        for first, second in pairs:
            W1, W2 = net.weights[first], net.weights[second]
            moved = max(moved, float(np.abs(equalization_scales(W1, W2) - 1).max()))
            new_1, new_b, new_2 = equalize_pair(W1, net.biases[first], W2)
            net = net.with_weights({first: new_1, second: new_2}, {first: new_b})  # (1)
        if moved < STILL:
            break
    return net


def neighbours(net: Network) -> list[tuple[str, str]]:
    """Name the pairs of layers that positive factors can be moved between.

    Each output channel of the first feeds one input of the second, or, where an image was
    flattened between them, as many neighbouring inputs as the image has pixels.

    Parameters
    ----------
    net
        Any network.

    Examples
    --------
    >>> from qlab.networks import build
    >>> neighbours(build("lenet_5", np.random.default_rng(0)))
    [('conv1', 'conv2'), ('conv2', 'fc1'), ('fc1', 'fc2')]
    """
    found, before = [], None
    for layer in net.layers:
        if isinstance(layer, WEIGHTED):
            if before is not None and _fits(before, layer):
                found.append((before.name, layer.name))
            before = layer
        elif not isinstance(layer, ReLU | MaxPool2d | Flatten):
            before = None
    return found


def _fits(first: Linear | Conv2d, second: Linear | Conv2d) -> bool:
    return second.weight.shape[1] % len(first.weight) == 0
