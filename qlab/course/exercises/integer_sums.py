"""Lab 06: the sum of a layer in integers, and its bias.

    acc[n, o] = Σ_i (q_x[n, i] − z_x)(q_w[o, i] − z_w[o])                                (1)
    b[o] = round(bias[o] / (s_x s_w[o]))                                                 (2)

(1) is exact. In (2) three float32 operations move the quotient by 3·2⁻²⁴ of itself: ``SLACK``.

Source: Jacob et al. 2018, arXiv:1712.05877, eqs. 4, 7 and 11.
"""

from collections.abc import Iterator

import numpy as np

from qlab.course.exercise import Case, Exercise, Mutant, Property

SLACK = 3 * 2.0**-24


def integer_matmul(q_x: np.ndarray, z_x: int, q_w: np.ndarray, z_w: np.ndarray) -> np.ndarray:
    """Accumulators of a layer from the codes of its inputs and weights: equation 1.

    Parameters
    ----------
    q_x
        Codes of the inputs, (n, in), uint8.
    z_x
        Their zero point.
    q_w
        Codes of the weights, (out, in), int8.
    z_w
        Their zero points, (out,).

    Returns
    -------
    acc
        (n, out), integers of at least 32 bits.

    Examples
    --------
    >>> q_x, q_w = np.array([[200, 3]], np.uint8), np.array([[100, -7]], np.int8)
    >>> integer_matmul(q_x, 3, q_w, np.array([0]))     # 197·100 + 0·(−7)
    array([[19700]], dtype=int32)
    """
    x = q_x.astype(np.int32) - z_x  # widen first: codes wrap around
    w = q_w.astype(np.int32) - z_w[:, None].astype(np.int32)
    return x @ w.T


def _codes(rng: np.random.Generator, n: int, out: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    q_x = rng.integers(0, 256, (n, size)).astype(np.uint8)
    return q_x, rng.integers(-128, 128, (out, size)).astype(np.int8)


def _plain(rng: np.random.Generator) -> Iterator[Case]:
    nothing = np.array([0])
    yield np.array([[2, 3]], np.uint8), 0, np.array([[4, -5]], np.int8), nothing
    q_x, q_w = _codes(rng, 2, 3, 4)
    yield q_x // 32, 0, q_w // 32, np.zeros(3, int)


def _shifted_inputs(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[2, 3]], np.uint8), 7, np.array([[4, -5]], np.int8), np.array([0])
    q_x, q_w = _codes(rng, 2, 3, 4)
    yield q_x, int(rng.integers(100, 200)), q_w, np.zeros(3, int)


def _shifted_weights(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[2, 3]], np.uint8), 0, np.array([[4, -5], [1, 1]], np.int8), np.array([3, -2])
    q_x, q_w = _codes(rng, 3, 2, 5)
    yield q_x, 0, q_w, rng.integers(20, 90, 2)


def _both(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[2, 3]], np.uint8), 7, np.array([[4, -5], [1, 1]], np.int8), np.array([3, -2])
    for n, out, size in ((3, 3, 3), (2, 4, 6)):
        q_x, q_w = _codes(rng, n, out, size)
        yield q_x, int(rng.integers(100, 200)), q_w, rng.integers(20, 90, out)


def _long(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[255, 255]], np.uint8), 0, np.array([[127, 127]], np.int8), np.array([0])
    size = int(rng.integers(300, 400))
    yield np.full((1, size), 255, np.uint8), 0, np.full((1, size), 127, np.int8), np.array([0])
    yield np.full((1, 600), 255, np.uint8), 0, np.full((1, 600), 125, np.int8), np.array([0])


def _nothing(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([[9, 9]], np.uint8), 9, np.array([[4, -5]], np.int8), np.array([2])
    z = int(rng.integers(1, 200))
    _, q_w = _codes(rng, 1, 3, 4)
    yield np.full((2, 4), z, np.uint8), z, q_w, rng.integers(-9, 9, 3)


def _exact(
    got: np.ndarray, q_x: np.ndarray, z_x: int, q_w: np.ndarray, z_w: np.ndarray
) -> str | None:
    x = q_x.astype(object) - z_x
    right = x @ (q_w.astype(object) - z_w.astype(object)[:, None]).T
    acc = np.asarray(got)
    if acc.shape != right.shape:
        return f"sums of shape {right.shape}"
    wrong = np.argwhere(acc != right.astype(np.int64))
    if not len(wrong):
        return None
    n, o = wrong[0]
    return f"{right[n, o]} for input {n} and output {o}"


def _integers(got: np.ndarray, *_: object) -> str | None:
    kind = np.asarray(got).dtype
    good = kind.kind in "iu" and kind.itemsize >= 4
    return None if good else "an array of integers of 32 bits or more"


def _expanded(
    q_x: np.ndarray, z_x: int, q_w: np.ndarray, z_w: np.ndarray, corner: int
) -> np.ndarray:
    """Equation 7 of the paper, with so many times its last term."""
    x, w = q_x.astype(np.int32), q_w.astype(np.int32)
    sums = x @ w.T - z_x * w.sum(axis=1) - x.sum(axis=1)[:, None] * z_w
    return np.asarray(sums + corner * x.shape[1] * z_x * z_w)


def _crossed(q_x: np.ndarray, z_x: int, q_w: np.ndarray, z_w: np.ndarray) -> np.ndarray:
    """Expand with each zero point beside its own codes' sum."""
    x, w = q_x.astype(np.int32), q_w.astype(np.int32)
    sums = x @ w.T - z_x * x.sum(axis=1)[:, None] - z_w * w.sum(axis=1)
    return np.asarray(sums + x.shape[1] * z_x * z_w)


MATMUL = Exercise(
    name="integer.integer_matmul",
    lab="06",
    title="A matrix product of codes",
    reference=integer_matmul,
    properties=(
        Property("with zero points 0 it is the product of the codes", _plain, _exact),
        Property("the zero point of the inputs is taken off", _shifted_inputs, _exact),
        Property(
            "each output takes the zero point of its own weights off", _shifted_weights, _exact
        ),
        Property("and both together", _both, _exact),
        Property("inputs that mean 0 add nothing", _nothing, _exact),
        Property("the largest codes do not wrap around", _long, _exact),
        Property("a sum is an integer of 32 bits or more", _both, _integers),
    ),
    mutants=(
        Mutant(
            "inputs_not_widened",
            lambda q_x, z_x, q_w, z_w: integer_matmul(q_x - np.uint8(z_x), 0, q_w, z_w),
            "You took z_x off in uint8: below zero it wraps around, 2 − 7 is 251. Widen first.",
        ),
        Mutant(
            "weights_not_widened",
            lambda q_x, z_x, q_w, z_w: integer_matmul(
                q_x, z_x, q_w - z_w[:, None].astype(np.int8), np.zeros_like(z_w)
            ),
            "You took z_w off in int8: −100 − 60 wraps around. Widen first.",
        ),
        Mutant(
            "sums_of_16_bits",
            lambda q_x, z_x, q_w, z_w: (
                integer_matmul(q_x, z_x, q_w, z_w).astype(np.int16).astype(np.int32)
            ),
            "Your sums wrap around in 16 bits: two products of 255 · 127 are too many already.",
        ),
        Mutant(
            "no_input_zero_point",
            lambda q_x, z_x, q_w, z_w: integer_matmul(q_x, 0, q_w, z_w),
            "You left z_x out: a code is not the value; q_x − z_x is, in steps.",
        ),
        Mutant(
            "no_weight_zero_point",
            lambda q_x, z_x, q_w, z_w: integer_matmul(q_x, z_x, q_w, 0 * z_w),
            "You left z_w out. It is 0 for symmetric weights only.",
        ),
        Mutant(
            "one_weight_zero_point",
            lambda q_x, z_x, q_w, z_w: integer_matmul(q_x, z_x, q_w, np.full_like(z_w, z_w[0])),
            "You took the zero point of the first output for all of them.",
        ),
        Mutant(
            "corner_forgotten",
            lambda q_x, z_x, q_w, z_w: _expanded(q_x, z_x, q_w, z_w, 0),
            "You expanded the product and left its last term out: + N z_x z_w, once for each of "
            "the N inputs.",
        ),
        Mutant(
            "corner_once",
            lambda q_x, z_x, q_w, z_w: _expanded(q_x, z_x, q_w, z_w, 0) + z_x * z_w,
            "You added z_x z_w once; it stands in every one of the N products.",
        ),
        Mutant(
            "corner_minus",
            lambda q_x, z_x, q_w, z_w: _expanded(q_x, z_x, q_w, z_w, -1),
            "The last term of the expanded product is + N z_x z_w: minus times minus.",
        ),
        Mutant(
            "crossed",
            _crossed,
            "You multiplied each zero point by the sum of its own codes; z_x goes with the sum of "
            "the weights, z_w with that of the inputs.",
        ),
        Mutant(
            "in_float32",
            lambda q_x, z_x, q_w, z_w: integer_matmul(q_x, z_x, q_w, z_w).astype(np.float32),
            "You returned floats. float32 counts to 2^24 and then skips numbers; a sum needs more.",
        ),
    ),
    hints=(
        "What does the code z_x mean, and what must it add to the sum?",
        "q − z is the value in steps. Take it off before you multiply, and before that make the "
        "codes wide enough: uint8 has no −5.",
        "x = q_x.astype(np.int32) − z_x, w = q_w.astype(np.int32) − z_w[:, None], then x @ w.T.",
    ),
    difficulty="first steps",
    importance="core",
    minutes=10,
)


def bias_codes(bias: np.ndarray, s_x: float, s_w: np.ndarray) -> np.ndarray:
    """Biases in the unit of the accumulator: equation 2.

    Parameters
    ----------
    bias
        Real numbers, (out,).
    s_x
        The scale of the inputs.
    s_w
        The scales of the weights, (out,).

    Returns
    -------
    b
        (out,), int32.

    Examples
    --------
    >>> bias_codes(np.array([0.5, -0.31]), 0.1, np.array([0.02, 0.05]))
    array([250, -62], dtype=int32)
    """
    return np.rint(bias / (s_x * s_w)).astype(np.int32)


def _biases(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.5, -0.31]), 0.1, np.array([0.02, 0.02])
    n = int(rng.integers(3, 6))
    yield rng.normal(0, 0.4, n), float(rng.uniform(0.01, 0.05)), np.full(n, 0.013)


def _rows(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.5, 0.5]), 0.1, np.array([0.02, 0.05])
    n = int(rng.integers(3, 6))
    yield rng.normal(0, 0.4, n), float(rng.uniform(0.01, 0.05)), rng.uniform(0.002, 0.03, n)


def _fractions(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.18, -0.18]), 0.1, np.array([1.0, 1.0])  # 1.8 steps
    yield rng.uniform(-3, 3, 6), 0.25, np.full(6, 0.5)


def _many(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.9, -0.9]), 0.004, np.array([0.002, 0.002])  # 112,500 steps
    yield rng.uniform(1, 2, 3), 0.003, rng.uniform(0.0004, 0.0006, 3)


def _steps(got: np.ndarray, bias: np.ndarray, s_x: float, s_w: np.ndarray) -> str | None:
    b = np.asarray(got)
    if b.shape != bias.shape:
        return f"an array of shape {bias.shape}"
    exact = bias.astype(np.float64) / (s_x * s_w.astype(np.float64))
    wrong = np.flatnonzero(~(np.abs(b - exact) <= 0.5 + SLACK * np.abs(exact)))
    if not len(wrong):
        return None
    o = wrong[0]
    return f"{round(exact[o])} for a bias of {bias[o]:.6g}: {exact[o]:.6g} steps of s_x·s_w"


def _of_32_bits(got: np.ndarray, *_: object) -> str | None:
    good = np.asarray(got).dtype.kind in "iu" and np.asarray(got).dtype.itemsize >= 4
    return None if good else "an array of integers of 32 bits"


BIAS = Exercise(
    name="integer.bias_codes",
    lab="06",
    title="A bias in steps of the accumulator",
    reference=bias_codes,
    properties=(
        Property("a bias is counted in steps of s_x·s_w", _biases, _steps),
        Property("each output has its own scale of weights", _rows, _steps),
        Property("steps are rounded to the nearest", _fractions, _steps),
        Property("a bias of many steps keeps all of them", _many, _steps),
        Property("it is an integer of 32 bits", _biases, _of_32_bits),
    ),
    mutants=(
        Mutant(
            "scale_of_the_weights",
            lambda bias, s_x, s_w: np.rint(bias / s_w).astype(np.int32),
            "You divided by s_w alone, as for a weight. The bias is added to products, whose unit "
            "is s_x·s_w.",
        ),
        Mutant(
            "scale_of_the_inputs",
            lambda bias, s_x, s_w: np.rint(bias / s_x).astype(np.int32),
            "You divided by s_x alone; the unit of the sum is s_x·s_w.",
        ),
        Mutant(
            "multiplied",
            lambda bias, s_x, s_w: np.rint(bias * (s_x * s_w)).astype(np.int32),
            "You multiplied by the unit instead of dividing: nearly every bias becomes 0.",
        ),
        Mutant(
            "added_scales",
            lambda bias, s_x, s_w: np.rint(bias / (s_x + s_w)).astype(np.int32),
            "You added the two scales; a product has the product of its units.",
        ),
        Mutant(
            "first_scale",
            lambda bias, s_x, s_w: np.rint(bias / (s_x * s_w[0])).astype(np.int32),
            "You took the scale of the first output for all of them.",
        ),
        Mutant(
            "truncated",
            lambda bias, s_x, s_w: (bias / (s_x * s_w)).astype(np.int32),
            "You cast without rounding: that cuts off toward zero.",
        ),
        Mutant(
            "eight_bits",
            lambda bias, s_x, s_w: np.clip(np.rint(bias / (s_x * s_w)), -128, 127).astype(np.int32),
            "You clipped the bias to 8 bits, like a weight. Its steps are far smaller than a "
            "weight's, so it takes many of them: 32 bits.",
        ),
        Mutant(
            "sixteen_bits",
            lambda bias, s_x, s_w: (
                np.rint(bias / (s_x * s_w)).astype(np.int32).astype(np.int16).astype(np.int32)
            ),
            "Your bias wraps around in 16 bits; there are more steps than 32,767.",
        ),
        Mutant(
            "not_rounded",
            lambda bias, s_x, s_w: np.rint(bias / (s_x * s_w)),
            "You returned floats. They are whole, but the accumulator adds int32.",
        ),
    ),
    hints=(
        "The sum counts products (q_x − z_x)(q_w − z_w). What is one of them worth as a real "
        "number?",
        "One count is worth s_x·s_w. How many of them is the bias?",
        "np.rint(bias / (s_x * s_w)).astype(np.int32)",
    ),
    difficulty="first steps",
    importance="core",
    minutes=6,
)

EXERCISES = (MATMUL, BIAS)
