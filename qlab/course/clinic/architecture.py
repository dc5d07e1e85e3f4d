"""W19 and W26: two linear maps are one, and a loss has to fit what it is given.

    W₂(W₁x + b₁) + b₂ = (W₂W₁)x + (W₂b₁ + b₂)                        W19
    CE = −log p_y,   p = softmax(z)                                   W26

Source: Goodfellow, Bengio and Courville 2016, "Deep Learning", sections 6.1 and 6.2.2.3.
"""

import math

import numpy as np

from qlab import distillation
from qlab.course.clinic.exhibit import Exhibit, Measurement, Outcome, number, stand
from qlab.live.settings import Real, Whole

TWO = "y = W2 @ (W1 @ x + b1) + b2"
ONE = "y = (W2 @ W1) @ x + (W2 @ b1 + b2)"
INPUTS, OUTPUTS, SAMPLES = 10, 10, 2_000


def _layers(width: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "W1": rng.standard_normal((width, INPUTS)) / math.sqrt(INPUTS),
        "b1": rng.standard_normal((width, 1)),
        "W2": rng.standard_normal((OUTPUTS, width)) / math.sqrt(width),
        "b2": rng.standard_normal((OUTPUTS, 1)),
    }


def _w19_stands() -> Outcome:
    x = np.random.default_rng(1).standard_normal((INPUTS, SAMPLES))
    layers = _layers(20)
    two, one = (stand(code, x=x, **layers)[0]["y"] for code in (TWO, ONE))
    apart = float(np.abs(two - one).max())
    return Outcome(
        says=f"10-20-10 without an activation: one layer gives the same answers, {apart:.0e} apart "
        "at most, with 110 parameters instead of 430.",
        values={"apart": apart, "two": 430, "one": 110},
    )


def _w19(slope: float = 0.0, width: int = 20) -> Measurement:
    x = np.random.default_rng(1).standard_normal((INPUTS, SAMPLES))
    k = _layers(width)
    h = k["W1"] @ x + k["b1"]
    y = k["W2"] @ np.maximum(h, slope * h) + k["b2"]
    A = np.vstack([x, np.ones((1, SAMPLES))]).T  # inputs and a bias, (n, 11)
    fit = A @ np.linalg.lstsq(A, y.T, rcond=None)[0]
    rest = float(((y.T - fit) ** 2).sum() / ((y.T - y.mean(axis=1)) ** 2).sum())
    two = (INPUTS + 1) * width + (width + 1) * OUTPUTS
    return Measurement(
        values=(
            number("rest", "What no single layer can do", rest, form="percent"),
            number("two", "Parameters of the two layers", two, "derived", form="count"),
            number("one", "Parameters of one", (INPUTS + 1) * OUTPUTS, "derived", form="count"),
        ),
        says="With slope 1 there is no bend, and one linear layer does it all, at any width."
        if slope == 1
        else f"With a bend, the best single layer leaves {100 * rest:.1f} % of the answers' "
        "variance unexplained.",
    )


COUNTED = "parameters = sum((before + 1) * after for before, after in layers)"
RAW = """\
p = z / z.sum()
loss = -np.log(np.clip(p, 1e-7, 1 - 1e-7))[label]"""


def _w26_stands() -> Outcome:
    built = stand(COUNTED, layers=[(10, 10), (10, 5), (5, 2)])[0]["parameters"]
    meant = stand(COUNTED, layers=[(10, 5), (5, 2)])[0]["parameters"]
    loss = [float(_raw(np.array([-2.0, -1.0]), label)) for label in (0, 1)]
    return Outcome(
        says=f"What is built has {built} parameters, what is described {meant}. On the outputs "
        f"(−2, −1) the loss is {loss[0]:.2f} for the lower one and {loss[1]:.2f} for the higher: "
        "the wrong answer is rewarded.",
        values={"built": built, "meant": meant, "lower": loss[0], "higher": loss[1]},
    )


def _raw(z: np.ndarray, label: int) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):  # outputs whose sum is 0
        return float(stand(RAW, np=np, z=z, label=label)[0]["loss"])


def _w26(first: float = -2.0, second: float = -1.0) -> Measurement:
    z = np.array([[first, second]])
    p = distillation.soft_targets(z, 1)[0]
    ours = distillation.loss(z, z, np.array([0]), temperature=1, alpha=0)
    theirs = _raw(z[0], 0)
    told = "is undefined: the outputs sum to 0" if math.isnan(theirs) else f"is {theirs:.3f}"
    shown = () if math.isnan(theirs) else (number("claimed", "Loss on raw outputs", theirs),)
    return Measurement(
        values=(
            *shown,
            number("loss", "Loss after a softmax", ours),
            number("p", "Probability of the first class", float(p[0]), form="percent"),
        ),
        says=f"The first class is right. On the raw outputs the loss {told}; after a softmax it is "
        f"{ours:.3f}, and falls whenever the first output rises.",
    )


def _slider(default: float, label: str) -> Real:
    return Real(default, -4, 4, 0.1, label=label, help="What the network puts out.")


EXHIBITS = (
    Exhibit(
        number="W19",
        theme="networks",
        title="Two layers that are one",
        claim="A network of two or more fully connected layers, one applied straight to the other.",
        file="article 001, §4; article 004, the project",
        fragment=TWO,
        as_it_stands=_w19_stands,
        controls={
            "slope": Real(
                0, 0, 1, 0.05, label="Slope left of 0", help="1: no bend. 0: a rectifier."
            ),
            "width": Whole(20, 1, 64, label="Hidden units", help="Between the two layers."),
        },
        measure=_w19,
        truth="Without an activation between them, linear layers are one linear map, however many "
        "there are.",
        reading="Goodfellow, Bengio and Courville 2016, Deep Learning, section 6.1.",
    ),
    Exhibit(
        number="W26",
        theme="networks",
        title="10-5-2, built as 10-10-5-2",
        claim="Ten inputs, five hidden units and two outputs are three dense layers of 10, 5 and "
        "2, trained with cross-entropy on their outputs.",
        file="article 004, the project",
        fragment=RAW,
        as_it_stands=_w26_stands,
        controls={
            "first": _slider(-2.0, "First output"),
            "second": _slider(-1.0, "Second output"),
        },
        measure=_w26,
        truth="One layer too many, and a loss that does not fit: cross-entropy needs "
        "probabilities, so a softmax, or a loss that is told that it gets logits.",
        reading="Keras, CategoricalCrossentropy: from_logits is False unless said otherwise; "
        "Goodfellow et al. 2016, section 6.2.2.3.",
    ),
)
