"""Quantization-aware training: the network trains while it is quantized.

    forward   ŷ = net(x; Ŵ, x̂)          Ŵ, x̂ quantized by the method
    backward  W ← step(W, ∂L/∂Ŵ)        as if rounding were not there                  (1)

What a quantized network gets wrong the next steps can mend; rounding a finished one cannot.

Sources: Jacob et al. 2018, arXiv:1712.05877, section 3; Krishnamoorthi 2018, arXiv:1806.08342,
section 3.2. Each method names its own paper.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jaxtyping import Float, Int64
from torch import Tensor, nn

from qlab.networks import Network, without_fake_quantize
from qlab.training.binary import BNNWeights, XNORWeights
from qlab.training.checkpoint import Checkpoint, fingerprint
from qlab.training.dorefa import DoReFaWeights
from qlab.training.fitting import ShouldStop, Trainable, lessons, run
from qlab.training.learned_codebook import LearnedCodebook
from qlab.training.lsq import input_step, weight_step
from qlab.training.pact import LearnedClip
from qlab.training.plan import Plan
from qlab.training.progress import Fitted
from qlab.training.quantized_module import InputQuantizer, WeightQuantizer, quantized_module
from qlab.training.straight_through import AbsmaxWeights, FixedInputs
from qlab.training.ternary import TWNWeights
from qlab.training.watch import OnBest, OnProgress

SAMPLE = 1_024  # training images that ranges start from


@dataclass(frozen=True, slots=True)
class Method:
    """How weights and activations are quantized while they train.

    Parameters
    ----------
    weights
        Makes a layer's weight quantizer from its weights and their bits.
    inputs
        Makes its activation quantizer from a sample and a spec.
    bits
        Weight bits that it knows.
    batch_norm
        Whether its layers need normalising, for want of a scale of their own.
    """

    weights: WeightQuantizer
    inputs: InputQuantizer
    bits: range
    batch_norm: bool = False


METHODS: dict[str, Method] = {
    "straight_through": Method(AbsmaxWeights, FixedInputs, range(2, 9)),
    "lsq": Method(weight_step, input_step, range(2, 9)),
    "pact": Method(DoReFaWeights, LearnedClip, range(1, 9), batch_norm=True),
    "dorefa": Method(DoReFaWeights, FixedInputs, range(1, 9), batch_norm=True),
    "bnn": Method(BNNWeights, FixedInputs, range(1, 2), batch_norm=True),
    "xnor": Method(XNORWeights, FixedInputs, range(1, 2)),
    "twn": Method(TWNWeights, FixedInputs, range(2, 3)),
    "learned_codebook": Method(LearnedCodebook, FixedInputs, range(1, 9)),
}


def train_quantized(
    net: Network,
    dataset: Trainable,
    method: str = "lsq",
    weight_bits: int = 4,
    activation_bits: int | None = None,
    *,
    epochs: int = 10,
    seed: int = 0,
    batch_norm: bool | None = None,
    on_progress: OnProgress | None = None,
    on_best: OnBest | None = None,
    should_stop: ShouldStop | None = None,
    resume: Path | None = None,
    **plan: Any,
) -> Fitted:
    """Train a network to work with quantized weights and activations, equation (1).

    Parameters
    ----------
    net
        Where to start, trained or not; unchanged. FakeQuantize layers that it has are replaced.
    dataset
        Its train split is learnt, its validation split chooses the epoch.
    method
        One of `METHODS`.
    weight_bits
        As the method knows them: 1 for bnn and xnor, 2 for twn (three codes).
    activation_bits
        1 … 8 of what enters each layer, 8 of the images; None for float activations. One bit has
        the codes 0 and 1, also where activations may be negative.
    epochs, seed, on_progress, on_best, should_stop, **plan
        As in `fit`.
    batch_norm
        Whether to normalise behind each layer while training; folded into weights and bias in
        the end, so that each row gets a scale of its own. None leaves it to the method.
    resume
        A file to go on from, if it exists, and to keep up to date after every epoch. Stopped and
        resumed, the same seed gives the same bits as never having stopped.

    Returns
    -------
    Fitted
        The network of the best epoch: weights on at most 2^bits levels (of a layer; of a row for
        xnor and with normalisation), and FakeQuantize layers. Epoch 0 is the quantized network
        before any step, so that the result is never worse on validation than that.

    Raises
    ------
    ValueError
        If method or bits are not known, the checkpoint is damaged or of another training, or as
        `fit`.
    FloatingPointError
        If the loss stops being finite.

    Notes
    -----
    DoReFa's activations have a fixed range as in the paper, but one chosen from data: any range
    can be had from 0 … 1 by the scale before it. A value that falls between two codes may fall on
    the other side in NumPy than in torch; all else agrees with the module to float32's rounding.

    Examples
    --------
    >>> import numpy as np
    >>> from qlab import data, networks
    >>> net = networks.build("mlp_784_128_10", np.random.default_rng(0))
    >>> train_quantized(net, data.load("digits"), "twn", weight_bits=4)
    Traceback (most recent call last):
    ValueError: train_quantized: weight_bits must be 2 for 'twn', got (weight_bits=4).
    """
    how = _method(method, weight_bits, activation_bits)
    decided = Plan(epochs=epochs, seed=seed, **plan)
    net = without_fake_quantize(net)
    images, labels = lessons("train_quantized", net, dataset, decided)
    normalised = how.batch_norm if batch_norm is None else batch_norm
    if normalised and (decided.batch_size == 1 or len(images) % decided.batch_size == 1):
        raise ValueError(
            "train_quantized: batches must hold at least 2 images to be normalised, got "
            f"(batch_size={decided.batch_size}) for {len(images)} images."
        )
    work = quantized_module(
        net,
        images[:SAMPLE].numpy(),
        how.weights,
        how.inputs,
        weight_bits,
        activation_bits,
        normalised,
        decided.dropout,
    )

    def loss(logits: Float[Tensor, "batch classes"], rows: Int64[Tensor, " batch"]) -> Tensor:
        return nn.functional.cross_entropy(logits, labels[rows])

    training = {
        "method": (method, weight_bits, activation_bits, normalised),
        "plan": asdict(decided),
        "network": fingerprint(net),
        "images": (len(images), float(images.sum()), int(labels.sum())),
    }
    return run(
        "train_quantized",
        net,
        dataset,
        loss,
        decided,
        on_progress=on_progress,
        on_best=on_best,
        should_stop=should_stop,
        workpiece=work,
        checkpoint=Checkpoint("train_quantized", resume, training) if resume else None,
    )


def _method(method: str, weight_bits: int, activation_bits: int | None) -> Method:
    if method not in METHODS:
        raise ValueError(
            f"train_quantized: method must be one of {', '.join(METHODS)}, got {method!r}."
        )
    known = METHODS[method].bits
    if not _integer(weight_bits) or weight_bits not in known:
        said = f"{known[0]} to {known[-1]}" if len(known) > 1 else str(known[0])
        raise ValueError(
            f"train_quantized: weight_bits must be {said} for {method!r}, "
            f"got (weight_bits={weight_bits!r})."
        )
    if activation_bits is not None and not (
        _integer(activation_bits) and 1 <= activation_bits <= 8
    ):
        raise ValueError(
            "train_quantized: activation_bits must be 1 to 8, or None for float activations, "
            f"got (activation_bits={activation_bits!r})."
        )
    return METHODS[method]


def _integer(value: object) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, bool)
