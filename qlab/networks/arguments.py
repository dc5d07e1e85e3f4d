"""The doors of this room: what callers hand in, or one sentence that says what was expected."""

from collections.abc import Callable, Iterable
from typing import Protocol, runtime_checkable

import numpy as np

from qlab.core import QParams
from qlab.networks.network import Network

RangeMethod = Callable[..., QParams]


@runtime_checkable
class Chooser(Protocol):
    """A split that knows whether something may be chosen from it, such as `qlab.data.Split`."""

    def for_choosing(self, purpose: str) -> tuple[np.ndarray, np.ndarray]:
        """Return (images, labels), or raise ValueError if this is the test split."""
        ...


def calibrated(function: str, calibration: object, purpose: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels of a split that something may be chosen from, at least one.

    Parameters
    ----------
    function
        Whose argument it is, for the message.
    calibration
        A split, not that of the test images.
    purpose
        What is decided, a few words for the message: "calibrate activation ranges".

    Raises
    ------
    TypeError
        If it is no split.
    ValueError
        If it is a test split, or empty.

    Examples
    --------
    >>> calibrated("repair", np.zeros((9, 1, 28, 28)), "repair")
    Traceback (most recent call last):
    TypeError: repair: calibration must be a split such as qlab.data.load("mnist").calibration, \
got ndarray. Images of your own become one by qlab.data.Split(images, labels, "calibration").
    """
    if not isinstance(calibration, Chooser):
        raise TypeError(
            f"{function}: calibration must be a split such as "
            f'qlab.data.load("mnist").calibration, got {told(calibration)}. Images of your own '
            'become one by qlab.data.Split(images, labels, "calibration").'
        )
    images, labels = calibration.for_choosing(purpose)
    if len(images) == 0:
        raise ValueError(f"{function}: calibration must hold images, got none.")
    return images, labels


def plain_network(function: str, net: object) -> Network:
    """Return a network, and not what was made of one.

    Examples
    --------
    >>> from qlab.core import QuantSpec
    >>> from qlab.networks import build, quantize_weights
    >>> small = quantize_weights(build("student_30", np.random.default_rng(0)), QuantSpec(bits=4))
    >>> plain_network("repair", small)
    Traceback (most recent call last):
    TypeError: repair: net must be a Network, got Quantized. Take its .network.
    """
    if isinstance(net, Network):
        return net
    within = isinstance(getattr(net, "network", None), Network)
    remedy = "Take its .network." if within else 'One is qlab.networks.load("lenet_5").'
    raise TypeError(f"{function}: net must be a Network, got {told(net)}. {remedy}")


def weighted_layers(function: str, net: Network, layers: Iterable[str] | None) -> list[str]:
    """Return the names of layers that hold weights; None means all of them.

    Examples
    --------
    >>> from qlab.networks import build
    >>> weighted_layers("repair", build("lenet_5", np.random.default_rng(0)), "fc1")
    Traceback (most recent call last):
    TypeError: repair: layers must be a list of names, got 'fc1'. Try layers=['fc1'].
    """
    if layers is None:
        return list(net.weights)
    if isinstance(layers, str) or not isinstance(layers, Iterable):
        name = layers if isinstance(layers, str) else next(iter(net.weights), "fc1")
        raise TypeError(
            f"{function}: layers must be a list of names, got {told(layers)}. "
            f"Try layers=[{name!r}]."
        )
    chosen = list(layers)
    for name in chosen:
        if name not in net.weights:
            raise ValueError(
                f"{function}: layers must be among {', '.join(net.weights)}, got {name!r}."
            )
    return chosen


def told(value: object) -> str:
    """Return a value as a message names it: words and numbers as they are, all else by its type.

    Examples
    --------
    >>> told("fc1"), told(None), told(np.zeros(3))
    ("'fc1'", 'None', 'ndarray')
    """
    short = value is None or isinstance(value, str | int | float)
    return repr(value)[:60] if short else type(value).__name__
