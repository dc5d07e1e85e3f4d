"""Let the data choose all parameters: try candidates, judge each by one stated criterion.

    best = argmin_c criterion(network quantized by c, on calibration images)               (1)

On a tie the earlier candidate stays: put the ones that you would rather have first. What was
chosen is then measured, once, on images that had no part in it.

Source: Nagel et al. 2021, arXiv:2106.08295, section 3 (a choice for each step of the pipeline).
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from qlab import core, ranges
from qlab.core import Granularity, PerTensor, QuantSpec
from qlab.networks.arguments import Chooser, calibrated
from qlab.networks.criteria import Criterion, Outcome, cross_entropy
from qlab.networks.network import Network
from qlab.networks.quantization import (
    Quantized,
    fake_quantize_inputs,
    quantize_weights,
    without_fake_quantize,
)
from qlab.networks.quantization import activations as entering


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """All parameters of one way to quantize a network.

    Parameters
    ----------
    weights
        Bits, symmetry and granularity of the weights.
    method
        Name of their range in `qlab.ranges.METHODS`.
    rounding
        Name in `qlab.core.ROUNDINGS`.
    activations
        Of what enters each layer; None leaves it float. ``PerTensor()`` only.
    activation_method
        Name of its range in `qlab.ranges.METHODS`.

    Raises
    ------
    ValueError
        A name that there is not.

    Examples
    --------
    >>> Candidate(weights=QuantSpec(bits=4), method="best")     # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: Candidate: method must be one of minmax, percentile, ..., got method='best'.
    """

    weights: QuantSpec
    method: str = "minmax"
    rounding: str = "nearest"
    activations: QuantSpec | None = None
    activation_method: str = "minmax"

    def __post_init__(self) -> None:
        for name, known in (
            ("method", ranges.METHODS),
            ("rounding", core.ROUNDINGS),
            ("activation_method", ranges.METHODS),
        ):
            if (value := getattr(self, name)) not in known:
                raise ValueError(
                    f"Candidate: {name} must be one of {', '.join(known)}, got {name}={value!r}."
                )


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What was chosen, and what it was chosen from.

    Parameters
    ----------
    candidate
        The best.
    quantized
        Its weights; the network has quantized inputs where the candidate asks for them.
    scores
        Each candidate with the criterion's number, in the order in which they were tried.
    """

    candidate: Candidate
    quantized: Quantized
    scores: tuple[tuple[Candidate, float], ...]


def candidates(
    bits: Sequence[int] = (8,),
    symmetric: Sequence[bool] = (True,),
    granularities: Sequence[Granularity] = (PerTensor(),),
    methods: Sequence[str] = ("minmax", "percentile", "mse"),
    roundings: Sequence[str] = ("nearest",),
    activations: Sequence[QuantSpec | None] = (None,),
) -> list[Candidate]:
    """List all combinations, the first of each argument first.

    Parameters
    ----------
    bits, symmetric, granularities, methods, roundings
        Of the weights.
    activations
        Of what enters the layers; its ranges are found by the same method.

    Returns
    -------
    list
        As many as the product of the lengths.

    Raises
    ------
    TypeError, ValueError
        What `QuantSpec` and `Candidate` refuse.

    Examples
    --------
    >>> len(candidates(bits=(4, 8), methods=("minmax", "kl"), symmetric=(True, False)))
    8
    """
    product = itertools.product(bits, symmetric, granularities, methods, roundings, activations)
    return [
        Candidate(
            weights=QuantSpec(bits=b, symmetric=s, granularity=g),
            method=m,
            rounding=r,
            activations=a,
            activation_method=m,
        )
        for b, s, g, m, r, a in product
    ]


def choose(
    net: Network,
    calibration: Chooser,
    candidates: Iterable[Candidate],
    criterion: Criterion = cross_entropy,
) -> Choice:
    """Try every candidate and keep the best by the criterion, equation 1.

    Parameters
    ----------
    net
        Left as it is.
    calibration
        Images that may choose, such as ``mnist.calibration``.
    candidates
        As ``candidates(…)`` lists them, or your own.
    criterion
        One of `qlab.networks.criteria`: less is better.

    Returns
    -------
    Choice
        With all scores.

    Raises
    ------
    TypeError
        If `calibration` is no split.
    ValueError
        If `calibration` is a test split or empty, if there is no candidate, or if none has a
        finite number: "within" of ``fewest_bytes`` may be too strict.

    Examples
    --------
    >>> import qlab
    >>> net, mnist = qlab.networks.load("mlp_784_128_10"), qlab.data.load("mnist")
    >>> found = choose(net, mnist.calibration[:200], qlab.networks.candidates(bits=(2,)))
    >>> found.candidate.method, len(found.scores)
    ('mse', 3)
    """
    images, labels = calibrated("choose", calibration, "choose how to quantize")
    tried = list(candidates)
    if not tried:
        raise ValueError("choose: candidates must be at least one, got none.")
    reference = net.predict(images)
    inputs = (
        entering(without_fake_quantize(net), images) if any(c.activations for c in tried) else {}
    )
    scores: list[tuple[Candidate, float]] = []
    best: tuple[float, Candidate, Quantized] | None = None
    for candidate in tried:
        small = _apply(net, candidate, inputs)
        seen = Outcome(
            small.network.predict(images),
            reference,
            labels,
            small.bytes.total,
        )
        score = float(criterion(seen))
        scores.append((candidate, score))
        if np.isfinite(score) and (best is None or score < best[0]):
            best = score, candidate, small
    if best is None:
        raise ValueError(
            f"choose: at least one candidate must have a finite score, got none of {len(tried)}. "
            "Try more bits, or a criterion that allows more errors."
        )
    return Choice(best[1], best[2], tuple(scores))


def _apply(net: Network, c: Candidate, inputs: dict[str, np.ndarray]) -> Quantized:
    """Quantize the weights, and the inputs where the candidate says so."""
    small = quantize_weights(net, c.weights, ranges.METHODS[c.method], core.ROUNDINGS[c.rounding])
    if c.activations is None:
        return small
    method = ranges.METHODS[c.activation_method]
    found = {name: method(x, c.activations) for name, x in inputs.items()}
    acting = fake_quantize_inputs(small.network, found)
    return Quantized(acting, small.qparams, small.codes)
