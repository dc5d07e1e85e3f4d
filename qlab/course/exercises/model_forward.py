"""Lab 05: the whole network, weights and activations quantized, as float simulates it.

    x̂ = (clip(round(x / s) + z, 0, quant_max) − z) · s                                    (1)
    y = x̂ Wᵀ + b;   x of the next layer = max(y, 0);   the last y are the logits           (2)

Tolerance: the cases are small and their sums short; a code that lies on a tie could fall either
way, so no case has one nearer than 1e−3 of a step. What remains is rounding: ``TOLERANCE``.

Source: Jacob et al. 2018, arXiv:1712.05877, section 3 (simulated quantization).
"""

import itertools
from collections.abc import Collection, Iterator

import numpy as np

from qlab.course.exercise import Case, Exercise, Mutant, Property

TOLERANCE = 1e-4  # of the largest logit; sums of 8 float32 products are off by 1e−6 of it
CLEAR = 1e-3  # of a step: how far every x/s of a case is from a tie
Layer = tuple[np.ndarray, np.ndarray, float | None, int, int]


def forward(x: np.ndarray, layers: Collection[Layer]) -> np.ndarray:
    """Logits of a fully connected network with quantized inputs of each layer: equations 1, 2.

    Parameters
    ----------
    x
        Images (n, in), in [0, 1].
    layers
        (W, b, scale, zero_point, quant_max) each: weights (out, in), on their levels already,
        biases, and the grid of what enters: codes 0 … quant_max. scale None leaves it float.

    Returns
    -------
    logits
        (n, classes): no rectifier behind the last layer.

    Examples
    --------
    >>> W, b = np.array([[1.0, 1.0], [0.0, -1.0]]), np.array([0.0, 0.5])
    >>> forward(np.array([[0.9, 0.2]]), [(W, b, 0.5, 0, 3)])
    array([[1. , 0.5]])
    """
    for k, (W, b, scale, zero_point, quant_max) in enumerate(layers):
        if scale is not None:
            q = np.clip(np.rint(x / scale) + zero_point, 0, quant_max)
            x = (q - zero_point) * scale
        x = x @ W.T + b
        if k < len(layers) - 1:
            x = np.maximum(x, 0)
    return x


def _run(
    x: np.ndarray,
    layers: Collection[Layer],
    *,
    last: bool = False,
    none: bool = False,
    grid: bool = True,
    clip: bool = True,
    offset: bool = True,
    biased: bool = True,
    codes: bool = False,
    once: bool = False,
    truncates: bool = False,
) -> np.ndarray:
    """Equations 1 and 2 with one thing wrong."""
    for k, (W, b, scale, z, top) in enumerate(layers):
        if scale is not None and grid and not (once and k):
            q = (np.trunc if truncates else np.rint)(x / scale) + (z if offset else 0)
            q = np.clip(q, 0, top) if clip else q
            x = q if codes else (q - z) * scale
        x = x @ W.T + (b if biased else 0)
        if not none and (last or k < len(layers) - 1):
            x = np.maximum(x, 0)
    return x


def _clear(x: np.ndarray, layers: Collection[Layer]) -> bool:
    """Tell whether no x/s lies on a tie, and so every right function finds the same codes."""
    for k, (W, b, scale, z, top) in enumerate(layers):
        if scale is not None:
            y = np.asarray(x, np.float64) / scale
            if (np.abs(np.abs(y - np.floor(y)) - 0.5) < CLEAR).any():
                return False
            x = (np.clip(np.rint(y) + z, 0, top) - z) * scale
        x = x @ W.T + b
        x = np.maximum(x, 0) if k < len(layers) - 1 else x
    return True


def _drawn(rng: np.random.Generator, widths: tuple[int, ...], bits: int | None, z: int) -> Case:
    while True:
        x = (rng.uniform(0, 1, (2, widths[0])) - (0.3 if z else 0)).round(3)
        layers: list[Layer] = []
        for fan_in, out in itertools.pairwise(widths):
            W = rng.normal(0, 1, (out, fan_in)).round(1)
            b = rng.normal(0, 1, out).round(1)
            top = 2**bits - 1 if bits else 0
            scale = round(float(rng.uniform(0.8, 1.2)) / max(top, 1) * (1 + len(layers)), 3)
            layers.append((W, b, scale if bits else None, z if bits else 0, top))
        logits = forward(x, layers)
        if _clear(x, layers) and (logits < -0.2).any() and (logits > 0.2).any():
            return x, layers


def _one(rng: np.random.Generator) -> Iterator[Case]:
    W, b = np.array([[1.0, 1.0], [0.0, -1.0]]), np.array([0.0, 0.6])
    yield np.array([[0.9, 0.2]]), [(W, b, 0.5, 0, 3)]
    yield _drawn(rng, (4, 3), 3, 0)


def _floats(rng: np.random.Generator) -> Iterator[Case]:
    yield _drawn(rng, (3, 2), None, 0)
    yield _drawn(rng, (3, 4, 2), None, 0)


def _deep(rng: np.random.Generator) -> Iterator[Case]:
    yield _drawn(rng, (2, 2, 2), 4, 0)
    yield _drawn(rng, (4, 5, 5, 3), 3, 0)


def _shifted(rng: np.random.Generator) -> Iterator[Case]:
    yield _drawn(rng, (4, 3), 3, 2)


def _high(rng: np.random.Generator) -> Iterator[Case]:
    x, layers = _drawn(rng, (4, 3), 2, 0)
    yield x * 3, [(W, b, s * 0.51, z, top) for W, b, s, z, top in layers]


def _logits(got: np.ndarray, x: np.ndarray, layers: Collection[Layer]) -> str | None:
    expected = forward(x, layers)
    if got.shape != expected.shape:
        return f"logits of shape {expected.shape}, a row an image"
    near = np.abs(got - expected) <= TOLERANCE * max(1.0, float(np.abs(expected).max()))
    return None if near.all() else f"{np.round(expected, 4).tolist()}"


FORWARD = Exercise(
    name="model.forward",
    lab="05",
    title="A whole network, simulated",
    reference=forward,
    properties=(
        Property("one layer: its input on the grid, then the sum", _one, _logits),
        Property("a scale of None leaves the input float", _floats, _logits),
        Property("each layer's input gets its own grid, behind the rectifier", _deep, _logits),
        Property("inputs below zero use the zero point", _shifted, _logits),
        Property("what lies above the grid is clipped to its top", _high, _logits),
    ),
    mutants=(
        Mutant(
            "last_rectified",
            lambda x, layers: _run(x, layers, last=True),
            "You rectified the logits. Behind the last layer there is no rectifier.",
        ),
        Mutant(
            "never_rectified",
            lambda x, layers: _run(x, layers, none=True),
            "No rectifier between the layers: all of them together are one linear map.",
        ),
        Mutant(
            "not_quantized",
            lambda x, layers: _run(x, layers, grid=False),
            "The activations never met their grid: this is the float network with rounded weights.",
        ),
        Mutant(
            "only_the_images",
            lambda x, layers: _run(x, layers, once=True),
            "Only the images are quantized; every layer's input has a grid.",
        ),
        Mutant(
            "codes_kept",
            lambda x, layers: _run(x, layers, codes=True),
            "You multiplied by codes. Take the zero point off and multiply by the scale first.",
        ),
        Mutant(
            "not_clipped",
            lambda x, layers: _run(x, layers, clip=False),
            "You do not clip: codes above quant_max do not exist.",
        ),
        Mutant(
            "no_zero_point",
            lambda x, layers: _run(x, layers, offset=False),
            "You took the zero point off without having added it.",
        ),
        Mutant(
            "bias_forgotten",
            lambda x, layers: _run(x, layers, biased=False),
            "The biases are missing.",
        ),
        Mutant(
            "truncated",
            lambda x, layers: _run(x, layers, truncates=True),
            "You cut off instead of rounding.",
        ),
    ),
    hints=(
        "A loop over the layers; x changes its meaning in each of its lines.",
        "Quantize and dequantize x, then x @ W.T + b, then the rectifier, but not behind the last.",
        "q = np.clip(np.rint(x / scale) + zero_point, 0, quant_max); x = (q − zero_point) * scale; "
        "x = x @ W.T + b; if k < len(layers) − 1: x = np.maximum(x, 0)",
    ),
    difficulty="practised",
    importance="core",
    minutes=12,
)

EXERCISES = (FORWARD,)
