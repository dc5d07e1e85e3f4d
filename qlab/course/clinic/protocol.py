"""What the clinic measures on one network: the protocol of W20 to W25.

    gap = accuracy on the training images − accuracy on the test images                    (1)
    ECE = Σ_bins (n_b/n) · |accuracy_b − confidence_b|                                     (2)
    flips_c = share of the test images of class c whose answer changed                     (3)
    y = s_w·s_x · (W_q x_q) + b                  integers inside the brackets              (4)

"Quantized to b bits" means here: weights and activations, one symmetric scale for each array, the
smallest and the largest value as its range, activations calibrated on `mnist.calibration`.

Source of (2): Guo et al. 2017, arXiv:1706.04599 (ECE), 15 bins; of (4): Jacob et al. 2018,
arXiv:1712.05877, equation 4 without zero points.
"""

import functools
from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float, Float32, Integer

from qlab import core, data, metrics, networks
from qlab.core import QuantSpec
from qlab.distillation import soft_targets
from qlab.networks import FakeQuantize, Linear, Network, Quantized

BITS = (8, 4, 3, 2)
NOISES = (0.1, 0.2)
SHIFTS = (1, 2)
BINS = 15


def quantized(net: Network, bits: int, calibration: data.Split) -> Network:
    """Return the network with weights and activations of so many bits, simulated in float32.

    Parameters
    ----------
    net
        Left as it is.
    bits
        Of every weight and of every activation, 2 to 16.
    calibration
        Images from which the ranges of the activations are taken.
    """
    small = networks.quantize_weights(net, QuantSpec(bits=bits)).network
    chosen = networks.quantize_activations(net, calibration, QuantSpec(bits=bits, signed=False))
    ranges = [layer for layer in chosen.layers if isinstance(layer, FakeQuantize)]
    simulated = {layer.name.removesuffix("_input"): layer for layer in ranges}
    layers = []
    for layer in small.layers:
        layers += [simulated[layer.name], layer] if layer.name in simulated else [layer]
    return small.with_layers(layers)


def noisy(
    images: Float32[np.ndarray, "n c h w"], deviation: float | int, seed: int = 0
) -> Float32[np.ndarray, "n c h w"]:
    """Add Gaussian noise to each pixel and clip to 0 … 1.

    Parameters
    ----------
    images
        In 0 … 1.
    deviation
        Standard deviation of the noise, white being 1.
    seed
        The same noise for the same seed.

    Returns
    -------
    images
        New, float32.
    """
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(images.shape, dtype=np.float32)
    return np.clip(images + np.float32(deviation) * noise, 0, 1)


def shifted(images: Float32[np.ndarray, "n c h w"], pixels: int) -> Float32[np.ndarray, "n c h w"]:
    """Move the images to the right; black comes in from the left.

    Parameters
    ----------
    images
        Any.
    pixels
        At least 0.

    Returns
    -------
    images
        New, of the same shape.

    Examples
    --------
    >>> shifted(np.arange(3, dtype=np.float32).reshape(1, 1, 1, 3), 1).ravel()
    array([0., 0., 1.], dtype=float32)
    """
    moved = np.zeros_like(images)
    moved[..., pixels:] = images[..., : images.shape[-1] - pixels]
    return moved


def calibration_error(
    logits: Float[np.ndarray, "n classes"], labels: Integer[np.ndarray, " n"]
) -> float:
    """Say how far confidence is from accuracy, equation 2.

    Parameters
    ----------
    logits
        One row an image.
    labels
        Class numbers.

    Returns
    -------
    ECE
        0 … 1; 0 where, of all answers given with 80 % confidence, 80 % are right.

    Examples
    --------
    >>> sure = np.array([[9.0, -9.0], [9.0, -9.0]])
    >>> round(calibration_error(sure, np.array([0, 1])), 3)
    0.5
    """
    p = soft_targets(logits, 1)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, confidence - right, minlength=BINS)  # n_b · (confidence − accuracy)
    return float(np.abs(gaps).sum() / len(labels))  # (2)


def flips(
    after: Float[np.ndarray, "n classes"],
    before: Float[np.ndarray, "n classes"],
    labels: Integer[np.ndarray, " n"],
) -> list[float]:
    """Share of answers that changed, class by class, equation 3.

    Parameters
    ----------
    after, before
        Logits of two networks on the same images.
    labels
        Class numbers; every class occurs.

    Returns
    -------
    shares
        One for each class, in order.
    """
    changed = after.argmax(axis=1) != before.argmax(axis=1)
    return [float(changed[labels == c].mean()) for c in range(before.shape[1])]


def conditions() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """List what is done to the test images, by name: noise and shifts."""
    found: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
    for deviation in NOISES:
        found[f"noise {deviation:g}"] = functools.partial(noisy, deviation=deviation)
    for pixels in SHIFTS:
        found[f"shift {pixels}"] = functools.partial(shifted, pixels=pixels)
    return found


def integer_logits(
    net: Network, bits: int, calibration: data.Split
) -> Callable[[Float32[np.ndarray, "n c h w"]], Float32[np.ndarray, "n classes"]]:
    """Make a function that computes the quantized network with integers, equation 4.

    Parameters
    ----------
    net
        Fully connected, in float32.
    bits, calibration
        As for ``quantized``.

    Returns
    -------
    run
        From images to logits. NumPy multiplies int32 without any special kernel: it shows that
        integers do the same, not that they are quick.
    """
    simulated = quantized(net, bits, calibration)
    small = networks.quantize_weights(net, QuantSpec(bits=bits))

    def run(images: Float32[np.ndarray, "n c h w"]) -> Float32[np.ndarray, "n classes"]:
        x: np.ndarray = images
        s_x: np.ndarray = np.ones((), np.float32)
        for layer in simulated.layers:
            if isinstance(layer, FakeQuantize):
                x, s_x = core.quantize(x, layer.qparams), layer.qparams.scale
            elif isinstance(layer, Linear):
                s_w = small.qparams[layer.name].scale
                x = (x @ small.codes[layer.name].T) * (s_w * s_x) + layer.bias  # (4)
                x = x.astype(np.float32)
            else:
                x = layer.forward(x)
        return x

    return run


def packed_codes(small: Quantized) -> dict[str, np.ndarray]:
    """Return the weights of a quantized network as packed bytes, layer by layer.

    Parameters
    ----------
    small
        As `networks.quantize_weights` returns it.
    """
    return {
        name: core.pack(codes, small.qparams[name].spec.bits) for name, codes in small.codes.items()
    }


def from_packed(small: Quantized, packed: Mapping[str, np.ndarray]) -> Network:
    """Unpack, dequantize and put the weights back: what using a small file costs.

    Parameters
    ----------
    small
        Whose scales and shapes are meant.
    packed
        As ``packed_codes`` returned it.

    Returns
    -------
    Network
        Equal to the rounded one, to the last bit.
    """
    weights = {}
    for name, codes in small.codes.items():
        qparams = small.qparams[name]
        q = core.unpack(packed[name], qparams.spec.bits, codes.size).reshape(codes.shape)
        weights[name] = core.dequantize(q, qparams)
    return small.network.with_weights(weights)


def observe(
    net: Network,
    bits: int | None,
    mnist: data.Dataset,
    train_images: int | None = None,
    stressed: bool = True,
) -> tuple[dict[str, float], Float32[np.ndarray, "n classes"]]:
    """Measure one network at one precision under all conditions.

    Parameters
    ----------
    net
        In float32.
    bits
        As for ``quantized``; None leaves the network as it is.
    mnist
        Its test split measures, its training split gives the other half of the gap.
    train_images
        So many training images were learnt from, the first ones; None for all.
    stressed
        False leaves the noise and the shifts out.

    Returns
    -------
    numbers, logits
        "train", "clean", "noise 0.2", …: accuracies; "ece"; and the logits of the clean images.
    """
    used = net if bits is None else quantized(net, bits, mnist.calibration)
    images, labels = mnist.test
    found = {"train": metrics.accuracy(used, mnist.train[: train_images or None]).value}
    logits = used.predict(images)
    found["clean"] = metrics.accuracy(logits, labels).value
    for name, change in conditions().items() if stressed else ():
        found[name] = metrics.accuracy(used.predict(change(images)), labels).value
    found["ece"] = calibration_error(logits, labels)
    return {name: round(value, 6) for name, value in found.items()}, logits
