"""A dataset of 8×8 digits and networks that fit it: small enough to train in a blink."""

import numpy as np

from qlab import data
from qlab.networks import Network
from qlab.networks.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU


def dense(seed: int = 0, hidden: int = 24) -> Network:
    rng = np.random.default_rng(seed)
    return Network(
        "dense",
        (
            Flatten("flatten"),
            linear("fc1", hidden, 64, rng),
            ReLU("relu1"),
            linear("fc2", 16, hidden, rng),
            ReLU("relu2"),
            linear("fc3", 10, 16, rng),
        ),
        (1, 8, 8),
    )


def convolutional(seed: int = 0) -> Network:
    rng = np.random.default_rng(seed)
    kernel = rng.normal(0, 0.3, (6, 1, 3, 3)).astype(np.float32)
    return Network(
        "convolutional",
        (
            Conv2d("conv1", kernel, np.zeros(6, np.float32), stride=1, padding=1),
            ReLU("relu1"),
            MaxPool2d("pool1", 2),
            Flatten("flatten"),
            linear("fc1", 10, 96, rng),
        ),
        (1, 8, 8),
    )


def linear(name: str, out: int, into: int, rng: np.random.Generator) -> Linear:
    weight = rng.normal(0, (2 / into) ** 0.5, (out, into)).astype(np.float32)
    return Linear(name, weight, np.zeros(out, np.float32))


def digits(train: int = 512) -> data.Dataset:
    whole = data.load("digits")
    return data.Dataset(
        "digits",
        train=whole.train[:train],
        calibration=whole.calibration,
        validation=whole.validation,
        test=whole.test,
    )
