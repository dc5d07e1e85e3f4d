"""The architectures of the zoo, untrained.

Weights start as He et al. propose for rectifiers, biases at zero:

    W ~ N(0, 2 / fan_in)                                                          (1)

Sources: LeCun et al. 1998 (LeNet-300-100; LeNet-5 in the shape of Caffe's example, which the
pruning papers use); Hinton et al. 2015, arXiv:1503.02531 (784-1200-1200-10); He et al. 2015,
arXiv:1502.01852 (1).
"""

import numpy as np
from jaxtyping import Float32

from qlab.networks.layers import Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU
from qlab.networks.network import Network

MNIST_SHAPE = (1, 28, 28)

MLP_WIDTHS = {
    "lenet_300_100": (784, 300, 100, 10),
    "mlp_784_128_10": (784, 128, 10),
    "teacher_1200": (784, 1200, 1200, 10),
    "student_100": (784, 100, 100, 10),
    "student_30": (784, 30, 30, 10),
}
ARCHITECTURES = (*MLP_WIDTHS, "lenet_5")


def build(name: str, rng: np.random.Generator) -> Network:
    """Return an untrained network of a known architecture, weights by eq. (1).

    Parameters
    ----------
    name
        One of `ARCHITECTURES`.
    rng
        Where the weights come from.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> build("lenet_5", np.random.default_rng(0)).parameters
    431080
    """
    if name in MLP_WIDTHS:
        return mlp(name, MLP_WIDTHS[name], rng)
    if name == "lenet_5":
        return _lenet_5(rng)
    raise ValueError(f"build: name must be one of {', '.join(ARCHITECTURES)}, got {name!r}.")


def mlp(name: str, widths: tuple[int, ...], rng: np.random.Generator) -> Network:
    """Return an untrained fully connected network on MNIST images.

    Parameters
    ----------
    name
        Name of the network.
    widths
        784, then the units of each layer fc1, fc2, …; a rectifier after each but the last.
    rng
        Where the weights come from.

    Raises
    ------
    ValueError
        If there is no layer, or the first width is not 784.

    Examples
    --------
    >>> mlp("slim", (784, 16, 10), np.random.default_rng(0)).parameters
    12730
    """
    if len(widths) < 2 or widths[0] != 784:
        raise ValueError(f"mlp: widths must be 784 and at least one more, got {widths}.")
    layers: list[Layer] = [Flatten("flatten")]
    for k in range(1, len(widths)):
        layers.append(_linear(f"fc{k}", widths[k - 1], widths[k], rng))
        if k < len(widths) - 1:
            layers.append(ReLU(f"relu{k}"))
    return Network(name, tuple(layers), MNIST_SHAPE)


def _lenet_5(rng: np.random.Generator) -> Network:
    return Network(
        "lenet_5",
        (
            Conv2d("conv1", _he((20, 1, 5, 5), rng), np.zeros(20, np.float32)),
            MaxPool2d("pool1"),
            Conv2d("conv2", _he((50, 20, 5, 5), rng), np.zeros(50, np.float32)),
            MaxPool2d("pool2"),
            Flatten("flatten"),
            _linear("fc1", 800, 500, rng),
            ReLU("relu1"),
            _linear("fc2", 500, 10, rng),
        ),
        MNIST_SHAPE,
    )


def _linear(name: str, inputs: int, outputs: int, rng: np.random.Generator) -> Linear:
    return Linear(name, _he((outputs, inputs), rng), np.zeros(outputs, np.float32))


def _he(shape: tuple[int, ...], rng: np.random.Generator) -> Float32[np.ndarray, "..."]:
    fan_in = np.prod(shape[1:])
    return (rng.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)  # (1)
