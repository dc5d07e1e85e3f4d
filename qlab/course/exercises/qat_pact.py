"""Lab 09: a clip that learns (PACT).

    x̂ = round(clip(x, 0, α) · (2^b − 1)/α) · α/(2^b − 1)                                  (1)
    ∂x̂/∂x = 1 where 0 ≤ x < α, else 0;   ∂x̂/∂α = 1 where x ≥ α, else 0                   (2)

Source: Choi et al. 2018, "PACT", arXiv:1805.06085, equations 1 to 3.
"""

from collections.abc import Callable, Iterator

import numpy as np

from qlab.course.compare import EPSILON, array
from qlab.course.exercise import Case, Exercise, Mutant, Property

PARTS = ("x̂", "∂x̂/∂x", "∂x̂/∂α")


def pact(x: np.ndarray, alpha: float | int, bits: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clip activations at α, round them to 2^b levels from 0 to α; and both gradients.

    Parameters
    ----------
    x
        Activations, of any sign.
    alpha
        α, above 0.
    bits
        b.

    Returns
    -------
    x_hat, to_x, to_alpha
        x̂, ∂x̂/∂x and ∂x̂/∂α, all of the shape of x. What equals α counts as clipped.

    Examples
    --------
    >>> pact(np.array([-1.0, 1.2, 7.0]), 3.0, 2)
    (array([0., 1., 3.]), array([0., 1., 0.]), array([0., 0., 1.]))
    """
    step = alpha / (2**bits - 1)
    x_hat = np.rint(np.clip(x, 0, alpha) / step) * step
    to_x = ((0 <= x) & (x < alpha)).astype(float)
    to_alpha = (x >= alpha).astype(float)
    return x_hat, to_x, to_alpha


def _within(rng: np.random.Generator) -> Iterator[Case]:
    for alpha, bits in ((3.0, 2), (1.0, 1), (float(rng.uniform(1, 5)), 4)):
        codes = rng.integers(0, 2**bits, 4) + rng.uniform(-0.4, 0.4, 4)
        yield np.clip(codes, 0.05, 2**bits - 1.05) * alpha / (2**bits - 1), alpha, bits


def _clipped(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([3.2, 9.0]), 3.0, 2
    for alpha, bits in ((1.0, 1), (float(rng.uniform(1, 5)), 4)):
        yield alpha * rng.uniform(1.01, 3, 3), alpha, bits


def _negative(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([-0.1, -3.5]), 3.0, 2
    yield -rng.uniform(0.02, 4, 3), float(rng.uniform(1, 3)), 3


def _equal(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.0, 3.0]), 3.0, 2
    alpha = float(rng.uniform(1, 5))
    yield np.array([[alpha, 0.5 * alpha * 0.9]]), alpha, 1


def _slack(x: np.ndarray, alpha: float | int, bits: int) -> float:
    return 8 * EPSILON * float(alpha)


def _part(which: int) -> Callable[..., str | None]:
    def broken(got: object, *case: object) -> str | None:
        if not isinstance(got, tuple) or len(got) != 3:
            return "three arrays: x̂, ∂x̂/∂x and ∂x̂/∂α"
        right = pact(*case)[which]  # type: ignore[arg-type]
        slack = _slack(*case) if which == 0 else 0.0  # type: ignore[arg-type]
        wrong = array(got[which], right, slack)
        return wrong and f"{PARTS[which]} = {wrong}"

    return broken


Number = Callable[[np.ndarray, float, float], np.ndarray]


def _with(
    steps: Callable[[int], int] = lambda bits: 2**bits - 1,
    low: Callable[[float], float] = lambda alpha: 0.0,
    rounds: Callable[[np.ndarray], np.ndarray] = np.rint,
    to_x: Number = lambda x, alpha, step: (0 <= x) & (x < alpha),
    to_alpha: Number = lambda x, alpha, step: x >= alpha,
) -> Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return equations (1) and (2), with what can go wrong in them as arguments."""

    def function(
        x: np.ndarray, alpha: float, bits: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        step = alpha / steps(bits)
        x_hat = rounds(np.clip(x, low(alpha), alpha) / step) * step
        return x_hat, 1.0 * to_x(x, alpha, step), 1.0 * to_alpha(x, alpha, step)

    return function


PACT = Exercise(
    name="qat.pact",
    lab="09",
    title="A clip that learns",
    reference=pact,
    properties=(
        Property("between 0 and α values go to the nearest of 2^b levels", _within, _part(0)),
        Property("their gradient passes to x", _within, _part(1)),
        Property("and α hears nothing of them", _within, _part(2)),
        Property("above α they become α", _clipped, _part(0)),
        Property("their gradient goes to α", _clipped, _part(2)),
        Property("and not to x", _clipped, _part(1)),
        Property("below 0 they become 0", _negative, _part(0)),
        Property("and give neither of the two a gradient: x", _negative, _part(1)),
        Property("nor α", _negative, _part(2)),
        Property("what equals α counts as clipped, 0 as inside: for x", _equal, _part(1)),
        Property("and for α", _equal, _part(2)),
    ),
    mutants=(
        Mutant(
            "steps_2b",
            _with(steps=lambda bits: 2**bits),
            "You divided α by 2^b; between 2^b levels lie 2^b − 1 steps.",
        ),
        Mutant(
            "everything_to_x",
            _with(to_x=lambda x, alpha, step: np.ones_like(x)),
            "You let every gradient pass to x; clipped values have none.",
        ),
        Mutant(
            "negative_to_x",
            _with(to_x=lambda x, alpha, step: x < alpha),
            "You let the gradient pass below 0, where PACT clips like a ReLU.",
        ),
        Mutant(
            "alpha_hears_everyone",
            _with(to_alpha=lambda x, alpha, step: np.ones_like(x)),
            "Everyone moves your α. Only what was clipped to it depends on it.",
        ),
        Mutant(
            "alpha_as_scale",
            _with(
                to_alpha=lambda x, alpha, step: np.rint(np.clip(x, 0, alpha) / step) * step / alpha
            ),
            "You took α for a scale, as LSQ would with its codes. PACT pretends that rounding is "
            "not there: of clip(x, 0, α) only what was clipped depends on α.",
        ),
        Mutant(
            "alpha_both_ends",
            _with(to_alpha=lambda x, alpha, step: 1.0 * (x >= alpha) - (x < 0)),
            "You let values below 0 move α. They are clipped at 0, which no α moves.",
        ),
        Mutant(
            "not_rounded",
            _with(rounds=lambda q: q),
            "You clipped and did not round: that is a ReLU with a lid, no quantizer.",
        ),
        Mutant(
            "truncated",
            _with(rounds=np.floor),
            "You rounded down; the nearest level is at most half a step away.",
        ),
        Mutant(
            "negative_kept",
            _with(low=lambda alpha: -alpha),
            "You clipped at −α. PACT stands for a ReLU: below 0 there is 0.",
        ),
        Mutant(
            "alpha_counts_as_inside",
            _with(
                to_x=lambda x, alpha, step: (0 <= x) & (x <= alpha),
                to_alpha=lambda x, alpha, step: x > alpha,
            ),
            "You counted x = α as inside; by the paper's equation 3 it is clipped.",
        ),
    ),
    hints=(
        "First the clip alone, without rounding: where does its output depend on x, where on α?",
        "The step is α/(2^b − 1). Below 0 nothing depends on anything.",
        "step = alpha / (2**bits - 1); x_hat = np.rint(np.clip(x, 0, alpha) / step) * step; to_x = "
        "(0 <= x) & (x < alpha); to_alpha = x >= alpha; both as floats.",
    ),
    difficulty="practised",
    importance="useful",
    minutes=10,
)

EXERCISES = (PACT,)
