"""W13 and W14: which penalty makes a zero.

    L2 (weight decay)   w ← w − lr·(g + λw)                 in proportion, never zero
    L1, subgradient     w ← w − lr·(g + λ·sign w)           around zero, seldom at it
    L1, proximal        w ← S(w − lr·g, lr·λ)               S(v, t) = sign(v)·max(|v| − t, 0)

Source: Tibshirani 1996, J. Royal Statistical Society B 58:267 (L1 makes zeros, L2 does not);
Beck and Teboulle 2009, SIAM J. Imaging Sciences 2:183, doi:10.1137/080716542 (the proximal step).
"""

import functools

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from qlab import metrics, plots
from qlab.course.clinic.exhibit import Exhibit, Measurement, Outcome, number, stand
from qlab.live.settings import Real, Whole

WEIGHTS, TRULY_ZERO, ROWS, RATE, ROUNDS = 40, 32, 200, 0.1, 2_000
DECAYS = """\
called_l1 = w - lr * (g + 0.01 * w)   # weight_decay=0.01
called_l2 = w - lr * (g + 0.001 * w)  # weight_decay=0.001"""
DECAY = "w = w - lr * (g + strength * w)"
METHODS = ("weight decay", "L1, subgradient", "L1, proximal")
COLOURS = (plots.style.ERROR, plots.style.ORANGE, plots.style.AFTER)
DASHES = ("--", ":", "-")


def _w13_stands() -> Outcome:
    w = np.array([1.0, 0.1])
    names, _ = stand(DECAYS, w=w, lr=0.1, g=np.zeros(2))
    first, second = names["called_l1"] / w, names["called_l2"] / w
    return Outcome(
        says=f"Without a gradient, the one called L1 multiplies both weights, 1 and 0.1, by "
        f"{first[0]:g}; the one called L2 by {second[0]:g}. Both shrink in proportion: both are "
        "L2. Besides, the optimizers are made after the training that they are meant for.",
        values={"l1": first.tolist(), "l2": second.tolist()},
    )


def soft_threshold(v: Float[np.ndarray, "*shape"], t: float | int) -> Float[np.ndarray, "*shape"]:
    """Move every number towards zero by t, and stop there: the proximal step of L1.

    Parameters
    ----------
    v
        Any numbers.
    t
        At least 0.

    Returns
    -------
    numbers
        Exactly 0 where |v| ≤ t.

    Examples
    --------
    >>> soft_threshold(np.array([0.3, -0.05]), 0.1).round(2)
    array([0.2, 0. ])
    """
    return np.asarray(np.sign(v) * np.maximum(np.abs(v) - t, 0) + 0.0)  # −0 becomes 0


@functools.lru_cache(32)
def _fits(strength: float) -> dict[str, np.ndarray]:
    """Fit one regression three ways: 40 weights, of which 32 should be zero."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((ROWS, WEIGHTS))
    true = np.r_[rng.uniform(0.5, 1.5, WEIGHTS - TRULY_ZERO), np.zeros(TRULY_ZERO)]
    y = X @ true + 0.3 * rng.standard_normal(ROWS)
    A, b = X.T @ X / ROWS, X.T @ y / ROWS  # g = A w − b
    found = {name: np.zeros(WEIGHTS) + 0.1 for name in METHODS}
    for _ in range(ROUNDS):
        decay, sub, prox = (found[name] for name in METHODS)
        given = {"lr": RATE, "strength": strength}
        found["weight decay"] = stand(DECAY, w=decay, g=A @ decay - b, **given)[0]["w"]
        found["L1, subgradient"] = sub - RATE * (A @ sub - b + strength * np.sign(sub))
        found["L1, proximal"] = soft_threshold(prox - RATE * (A @ prox - b), RATE * strength)
    return found


def _w13(strength: float = 0.1) -> Measurement:
    fits = _fits(strength)
    zeros = {name: round(metrics.sparsity(w) * w.size) for name, w in fits.items()}

    def draw(figure: Figure) -> None:
        ax = plots.style.dress(
            figure.add_axes((0.15, 0.17, 0.83, 0.8)), "weights, largest first", "|w|"
        )
        for (name, w), color, dash in zip(fits.items(), COLOURS, DASHES, strict=True):
            sizes = np.sort(np.abs(w))[::-1]
            sizes[sizes == 0] = np.nan  # no place on a logarithmic axis: the line ends
            ax.plot(np.arange(1, WEIGHTS + 1), sizes, dash, color=color, lw=1.6, label=name)
        ax.set_yscale("log")
        ax.legend(frameon=False, fontsize=plots.style.TEXT)

    return Measurement(
        values=tuple(
            number(name.split()[-1], f"Exact zeros of {WEIGHTS}, {name}", count, form="count")
            for name, count in zeros.items()
        ),
        says=f"{TRULY_ZERO} of the {WEIGHTS} weights should be zero. Weight decay makes "
        f"{zeros['weight decay']} zeros, the subgradient {zeros['L1, subgradient']}, the proximal "
        f"step {zeros['L1, proximal']}.",
        draw=draw,
        alt="Sizes of the weights, sorted: the proximal line ends where the zeros begin.",
    )


def _w14_stands() -> Outcome:
    w = 1.0
    for _ in range(100):
        w = stand(DECAY, w=w, lr=1.0, g=0.0, strength=0.1)[0]["w"]
    return Outcome(
        says=f"A weight of 1 that loses a tenth of itself a hundred times is {w:.3g}: small, "
        "and not zero.",
        values={"w": w},
    )


def _w14(strength: float = 0.1, steps: int = 20) -> Measurement:
    k = np.arange(101)
    l2 = (1 - strength) ** k
    l1 = np.concatenate([soft_threshold(np.ones(1), strength * n) for n in k])

    def draw(figure: Figure) -> None:
        ax = plots.style.dress(figure.add_axes((0.13, 0.17, 0.85, 0.8)), "steps", "weight")
        ax.plot(k, l2, "--", color=plots.style.ERROR, lw=1.6, label="L2: a share of it")
        ax.plot(k, l1, "-", color=plots.style.AFTER, lw=1.6, label="L1: a fixed amount")
        ax.axvline(steps, color=plots.style.GREY, lw=0.8)
        ax.set_xlim(0, 60)
        ax.legend(frameon=False, fontsize=plots.style.TEXT)

    return Measurement(
        values=(
            number("l2", "Weight under L2", float(l2[steps])),
            number("l1", "Weight under L1", float(l1[steps])),
            number("first", "Step at which L1 is zero", int(np.argmax(l1 == 0)), form="count"),
        ),
        says=f"After {steps} steps L1 has {'reached' if l1[steps] == 0 else 'not yet reached'} "
        "zero; L2 has not and never will.",
        draw=draw,
        alt="L1 falls in a straight line to zero and stays; L2 bends and stays above it.",
    )


EXHIBITS = (
    Exhibit(
        number="W13",
        theme="pruning",
        title="weight_decay twice",
        claim="L1 regularisation is the optimizer's weight_decay = 0.01, and L2 its weight_decay "
        "= 0.001.",
        file="article 001, §4.1",
        fragment=DECAYS,
        as_it_stands=_w13_stands,
        controls={
            "strength": Real(
                0.1, 0.001, 0.5, 0.1, label="Strength λ", help="Of the penalty.", log=True
            )
        },
        measure=_w13,
        truth="Both are L2. L1 needs a subgradient or a soft threshold, and only the proximal step "
        "makes exact zeros.",
        reading="Beck and Teboulle 2009, doi:10.1137/080716542; torch.optim.SGD's documentation: "
        "weight_decay is the L2 penalty.",
    ),
    Exhibit(
        number="W14",
        theme="pruning",
        title="L2 that sets to zero",
        claim="L1 or L2 regularisation sets part of the weights to zero.",
        file="article 001, §3.1",
        fragment=DECAY,
        as_it_stands=_w14_stands,
        controls={
            "strength": Real(0.1, 0.02, 0.5, 0.01, label="Strength λ", help="Taken off in a step."),
            "steps": Whole(20, 0, 60, label="Steps", help="How often the penalty pulls."),
        },
        measure=_w14,
        truth="L2 shrinks in proportion: it makes weights small and reaches zero never. L1 takes "
        "off a fixed amount, and does.",
        reading="Tibshirani 1996, J. Royal Statistical Society B 58:267, section 2.",
    ),
)
