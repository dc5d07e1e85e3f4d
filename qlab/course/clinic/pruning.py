"""W12 and W15: a norm is no mask, and rand < share keeps that share.

    mask = |w| among the largest (1 − sparsity)·n          magnitude pruning
    W ← M ∘ (W − lr·∇)                                     the mask holds in every step

Source: Han et al. 2015, arXiv:1506.02626, section 3.
"""

import functools

import numpy as np

from qlab import data, distillation, metrics, networks
from qlab import pruning as prune_methods
from qlab.course.clinic.exhibit import Exhibit, Measurement, Outcome, number, stand
from qlab.live.readout import Value
from qlab.live.settings import Flag, Real, Whole
from qlab.networks import Network

HAN = "Han et al. 2015, arXiv:1506.02626, section 3."
NETWORK = "mlp_784_128_10"
SUM = "pruned = (w * np.sign(w)).sum()"
CLAIMED = np.array([0.0, 0.0, 0.5])


def _w12_stands() -> Outcome:
    pruned = float(stand(SUM, np=np, w=np.array([0.6, 0.3, 0.5]))[0]["pruned"])
    return Outcome(
        says=f"[0.6, 0.3, 0.5] gives the one number {pruned:g}, the sum of absolute values. No "
        "weight is pruned by it, and [0, 0, 0.5] does not follow from it.",
        values={"pruned": pruned},
    )


def _w12(first: float = 0.6, keep: int = 1) -> Measurement:
    w = np.array([first, 0.3, 0.5])
    mask = prune_methods.magnitude(w, 1 - keep / 3)
    assert isinstance(mask, np.ndarray)
    kept = w * mask
    shown = ", ".join(f"{x:g}" for x in kept + 0.0)
    return Measurement(
        values=(
            number("norm", "The formula", float(stand(SUM, np=np, w=w)[0]["pruned"])),
            number("claimed_error", "Squared error of [0, 0, 0.5]", metrics.mse(w, CLAIMED)),
            number("error", "Squared error of magnitude pruning", metrics.mse(w, kept)),
            number("kept", "Weights kept", int(mask.sum()), form="count"),
        ),
        says=f"Magnitude pruning that keeps {keep} leaves [{shown}].",
    )


MASKED = """\
mask = rng.random(W.shape) < prune_ratio
W = W * mask"""


def _w15_stands() -> Outcome:
    W = networks.load(NETWORK).weights["fc1"]
    names, _ = stand(MASKED, W=W, rng=np.random.default_rng(0), prune_ratio=0.9)
    zeroed = metrics.sparsity(names["mask"])
    return Outcome(
        says=f"Asked to prune 90 % of {W.size:,} weights it zeroes {100 * zeroed:.1f} % of them, "
        "drawn by lot.",
        values={"sparsity": zeroed},
    )


def _after_a_step(net: Network, lr: float = 0.1) -> np.ndarray:
    """Take one step of gradient descent with the last layer, on 1,000 training images."""
    images, labels = data.load("mnist").train[:1000]
    logits = net.predict(images)
    pull = distillation.loss_gradient(logits, logits, labels, temperature=1, alpha=0)  # (n, 10)
    h = networks.activations(net, images)["fc2"]  # (n, 128)
    return net.weights["fc2"] - lr * (pull.T @ h).astype(np.float32)


@functools.lru_cache(32)
def _pruned(ratio: float, by_magnitude: bool) -> tuple[float, metrics.Measured, float, float]:
    """Sparsity, accuracy, and the sparsity of fc2 after a step without and with the mask."""
    net, rng = networks.load(NETWORK), np.random.default_rng(0)
    if by_magnitude:
        masks = prune_methods.magnitude(net.weights, ratio)
        assert isinstance(masks, dict)
    else:
        masks = {
            name: stand(MASKED, W=W, rng=rng, prune_ratio=ratio)[0]["mask"]
            for name, W in net.weights.items()
        }
    small = networks.prune(net, masks)
    stepped = _after_a_step(small)
    return (
        metrics.sparsity(masks),
        metrics.accuracy(small, data.load("mnist").test),
        metrics.sparsity(stepped),
        metrics.sparsity(stepped * masks["fc2"]),
    )


def _w15(ratio: float = 0.9, by_magnitude: bool = False) -> Measurement:
    zeroed, found, free, held = _pruned(ratio, by_magnitude)
    return Measurement(
        values=(
            number("asked", "Share to be pruned", ratio, "derived", form="percent"),
            number("sparsity", "Share that is zero", zeroed, form="percent"),
            Value.of("accuracy", "Accuracy", found, form="percent"),
            number("free", "Zeros of fc2 after one step", free, form="percent"),
            number("held", "The same, mask held", held, form="percent"),
        ),
        says=f"Of {100 * ratio:g} % asked for, {100 * zeroed:.1f} % are zero; one step of training "
        f"later {100 * free:.1f} % of the last layer are, unless the mask is applied again.",
    )


EXHIBITS = (
    Exhibit(
        number="W12",
        theme="pruning",
        title="The sum that prunes",
        claim="The pruned weight is the sum of w·sign(w); by it [0.6, 0.3, 0.5] becomes "
        "[0, 0, 0.5].",
        file="article 002, §4.2.3 and §4.3",
        fragment=SUM,
        as_it_stands=_w12_stands,
        controls={
            "first": Real(0.6, -1, 1, 0.05, label="First weight", help="Instead of 0.6."),
            "keep": Whole(1, 0, 3, label="Keep", help="How many of the three weights stay."),
        },
        measure=_w12,
        truth="The sum of w·sign(w) is the L1 norm. Magnitude pruning keeps the largest weights: "
        "0.6 would be the last to go.",
        reading=HAN,
    ),
    Exhibit(
        number="W15",
        theme="pruning",
        title="Pruned the wrong way round, for one step",
        claim="A mask of rand < prune_ratio prunes that share of the network.",
        file="article 001, §4.2.2",
        fragment=MASKED,
        as_it_stands=_w15_stands,
        controls={
            "ratio": Real(0.9, 0, 1, 0.05, label="Share to be pruned", help="What is asked for."),
            "by_magnitude": Flag(False, label="By magnitude", help="qlab's pruning instead."),
        },
        measure=_w15,
        truth="It keeps that share, by lot and not by importance, and the next step of training "
        "undoes it. A mask is kept, and applied after each step.",
        reading=HAN,
    ),
)
