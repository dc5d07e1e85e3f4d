"""Lab 01: fixed point, and what the bits of a small float mean.

    x̂ = clip(round(x · 2^n), −2^(m+n), 2^(m+n) − 1) / 2^n                             (1)
    x̂ = ± 2^(E − bias) · (1 + M/2^m)     E > 0                                        (2)
    x̂ = ± 2^(1 − bias) · M/2^m           E = 0                                        (3)

Everything here is a whole number times a power of two, so float64 computes it exactly.

Source: Micikevicius et al. 2022, arXiv:2209.05433 (2 and 3).
"""

from collections.abc import Callable, Iterator

import numpy as np

from qlab.course.compare import agrees
from qlab.course.exercise import Case, Exercise, Mutant, Property


def fixed_point(x: np.ndarray, integer_bits: int, fraction_bits: int) -> np.ndarray:
    """Round to signed fixed point Qm.n, equation 1, and return the values.

    Parameters
    ----------
    x
        Real numbers, any shape.
    integer_bits, fraction_bits
        m and n; with the sign 1 + m + n bits.

    Returns
    -------
    x_hat
        The shape of x: multiples of 2^(−n) from −2^m to 2^m − 2^(−n).

    Examples
    --------
    >>> fixed_point(np.array([0.3, -0.2, 9.0, -9.0]), 1, 2)
    array([ 0.25, -0.25,  1.75, -2.  ])
    """
    steps = 2.0**fraction_bits  # in one unit
    codes = 2 ** (integer_bits + fraction_bits)  # on each side of zero
    return np.clip(np.rint(x * steps), -codes, codes - 1) / steps


def float_value(bits: np.ndarray, exponent_bits: int, mantissa_bits: int, bias: int) -> float:
    """Return what the bits of a small float mean: equations 2 and 3.

    Parameters
    ----------
    bits
        0 and 1: the sign, then the exponent, then the mantissa, highest bit first.
    exponent_bits, mantissa_bits
        How many of each.
    bias
        What the exponent's bits are ahead of the exponent.

    Returns
    -------
    value
        A float. No code of ours means infinity or NaN.

    Examples
    --------
    >>> float_value(np.array([0, 0, 1, 1, 1, 1, 0, 0]), 4, 3, 7)
    1.5
    """
    places = 2.0 ** np.arange(exponent_bits)[::-1]
    E = float(bits[1 : 1 + exponent_bits] @ places)
    M = float(bits[1 + exponent_bits :] @ 2.0 ** -np.arange(1, mantissa_bits + 1))  # M/2^m
    size = 2.0 ** (E - bias) * (1 + M) if E > 0 else 2.0 ** (1 - bias) * M
    return -size if bits[0] else size


# ---------------------------------------------------------------- fixed point


def _inside(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.5, -0.5]), 2, 1
    yield np.array([0.3, -0.2]), 0, 3
    yield rng.uniform(-3.9, 3.9, (2, 3)), 2, 5
    yield rng.uniform(-100, 100, 6), 7, 0


def _ties(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([0.125, 0.375]), 1, 2
    yield (np.arange(-6, 6) + 0.5) / 8, 2, 3


def _outside(rng: np.random.Generator) -> Iterator[Case]:
    yield np.array([9.0, -9.0]), 1, 2
    yield np.array([1.0, -1.0]), 0, 3
    yield np.array([4.0, -4.25, rng.uniform(5, 9), -rng.uniform(5, 9)]), 2, 4


def _half_a_step(got: np.ndarray, x: np.ndarray, m: int, n: int) -> str | None:
    if (np.abs(got - x) <= 2.0**-n / 2).all():
        return None
    return f"at most {2.0**-n / 2:g} from x: {fixed_point(x, m, n)}"


def _multiples(got: np.ndarray, x: np.ndarray, m: int, n: int) -> str | None:
    steps = got * 2.0**n
    return None if (steps == np.rint(steps)).all() else f"multiples of {2.0**-n:g}"


def _ends(got: np.ndarray, x: np.ndarray, m: int, n: int) -> str | None:
    expected = fixed_point(x, m, n)
    if (got == expected).all():
        return None
    return f"{expected}: the range ends at {-(2.0**m):g} and {2.0**m - 2.0**-n:g}"


def _fixed(
    rounded: Callable[[np.ndarray], np.ndarray] = np.rint,
    low: Callable[[int, int], float] = lambda m, n: -(2.0**m),
    high: Callable[[int, int], float] = lambda m, n: 2.0**m - 2.0**-n,
) -> Callable[[np.ndarray, int, int], np.ndarray]:
    """Make equation 1 with another rounding or other ends."""
    return lambda x, m, n: np.clip(rounded(x * 2.0**n) / 2.0**n, low(m, n), high(m, n))


def _wrapped(x: np.ndarray, m: int, n: int) -> np.ndarray:
    codes = 2.0 ** (m + n)
    return ((np.rint(x * 2.0**n) + codes) % (2 * codes) - codes) / 2.0**n


def _clipped(x_hat: np.ndarray, m: int, n: int) -> np.ndarray:
    return np.clip(x_hat, -(2.0**m), 2.0**m - 2.0**-n)


FIXED_POINT = Exercise(
    name="grids.fixed_point",
    lab="01",
    title="Fixed point Qm.n",
    reference=fixed_point,
    properties=(
        Property("the result is a multiple of the step 2^(−n)", _inside, _multiples),
        Property("inside the range the error is at most half a step", _inside, _half_a_step),
        agrees("halves go to the even neighbour", _ties, fixed_point),
        Property("beyond the range it stops at −2^m and 2^m − 2^(−n)", _outside, _ends),
    ),
    mutants=(
        Mutant(
            "truncated",
            _fixed(np.trunc),
            "You cut the fraction off, so that errors reach a whole step; round to the nearest.",
        ),
        Mutant(
            "floor",
            _fixed(np.floor),
            "You rounded down, as a shift of the bits does; round to the nearest.",
        ),
        Mutant(
            "half_up",
            _fixed(lambda y: np.floor(y + 0.5)),
            "Your halves all go up; `np.rint` sends them to the even neighbour, without bias.",
        ),
        Mutant(
            "wraps",
            _wrapped,
            "Beyond the end your codes wrap around to the other sign, as an integer's cast does. "
            "Clip before.",
        ),
        Mutant(
            "unbounded",
            lambda x, m, n: np.rint(x * 2.0**n) / 2.0**n,
            "You did not clip: m integer bits end at 2^m.",
        ),
        Mutant(
            "top_too_high",
            _fixed(high=lambda m, n: 2.0**m),
            "You let 2^m in: it would need the code 2^(m+n), one more than two's complement has.",
        ),
        Mutant(
            "sign_within_m",
            _fixed(low=lambda m, n: -(2.0 ** (m - 1)), high=lambda m, n: 2.0 ** (m - 1) - 2.0**-n),
            "You counted the sign as one of the m integer bits (some makers do); here it is a bit "
            "of its own.",
        ),
        Mutant(
            "decimals",
            lambda x, m, n: _clipped(np.asarray(np.round(x, n)), m, n),
            "np.round(x, n) keeps n decimal digits; n fraction bits are steps of 2^(−n).",
        ),
        Mutant(
            "code",
            lambda x, m, n: np.clip(np.rint(x * 2.0**n), -(2.0 ** (m + n)), 2.0 ** (m + n) - 1),
            "You returned the code; multiply it by the step 2^(−n) to get the value.",
        ),
        Mutant(
            "rounded_value",
            lambda x, m, n: _clipped(np.rint(x), m, n),
            "You rounded the value and not the number of steps: the fraction bits are lost.",
        ),
        Mutant(
            "step_upside_down",
            lambda x, m, n: _clipped(np.rint(x / 2.0**n) * 2.0**n, m, n),
            "Your step is 2^n; n bits behind the point make it 2^(−n).",
        ),
    ),
    hints=(
        "How large is one step, if n bits stand behind the point?",
        "Count in steps: x · 2^n, round, clip the codes, and go back by dividing.",
        "The codes end at −2^(m+n) and 2^(m+n) − 1: np.clip(np.rint(x * 2.0**n), …) / 2.0**n.",
    ),
    difficulty="practised",
    importance="useful",
    minutes=8,
)


# ---------------------------------------------------------------- the bits of a float

E4M3, E5M2, E2M1 = (4, 3, 7), (5, 2, 15), (2, 1, 1)  # exponent bits, mantissa bits, bias


def _bits(*fields: int) -> np.ndarray:
    return np.array(fields)


def _drawn(rng: np.random.Generator, format: tuple[int, int, int], normal: bool) -> np.ndarray:
    """Draw a sign, an exponent and a mantissa that is neither 0 nor a palindrome where it can."""
    exponent_bits, mantissa_bits, _ = format
    E = int(rng.integers(1, 2**exponent_bits - 1)) if normal else 0
    M = int(rng.integers(1, 2 ** (mantissa_bits - 1)))
    words = f"{rng.integers(2)}{E:0{exponent_bits}b}{M:0{mantissa_bits}b}"
    return np.array([int(bit) for bit in words])


def _normal(rng: np.random.Generator) -> Iterator[Case]:
    yield _bits(0, 1, 0, 1), *E2M1  # 3
    yield _bits(0, 0, 1, 1, 1, 0, 0, 0), *E4M3  # 1
    yield _drawn(rng, E4M3, True), *E4M3
    yield _drawn(rng, E5M2, True), *E5M2


def _negative(rng: np.random.Generator) -> Iterator[Case]:
    yield _bits(1, 0, 1, 0), *E2M1  # −1
    yield _bits(1, 0, 1, 0, 1, 1, 0, 1), *E4M3  # −0.40625


def _subnormal(rng: np.random.Generator) -> Iterator[Case]:
    yield _bits(0, 0, 0, 1), *E2M1  # 0.5
    yield _bits(0, 0, 0, 0, 0, 0, 0, 1), *E4M3  # 2^−9
    yield _drawn(rng, E4M3, False), *E4M3


def _zero(rng: np.random.Generator) -> Iterator[Case]:
    yield _bits(0, 0, 0, 0), *E2M1
    yield _bits(0, 0, 0, 0, 0, 0, 0, 0), *E5M2


def _parts(bits: np.ndarray, exponent_bits: int) -> tuple[float, int, int]:
    """Return sign, E and M."""
    sign = -1.0 if bits[0] else 1.0
    whole = [int("".join(map(str, part)), 2) for part in np.split(bits[1:], [exponent_bits])]
    return sign, whole[0], whole[1]


def _value(
    bits: np.ndarray, e: int, m: int, bias: int, *, hidden: bool = True, least: int = 1
) -> float:
    """Return equations 2 and 3 with changes: the hidden 1, and the exponent where E = 0."""
    sign, E, M = _parts(bits, e)
    one = 1.0 if hidden and E > 0 else 0.0
    return sign * 2.0 ** ((E if E > 0 else least) - bias) * (one + M / 2**m)


def _always_hidden(bits: np.ndarray, e: int, m: int, bias: int) -> float:
    sign, E, M = _parts(bits, e)
    return sign * 2.0 ** (E - bias) * (1 + M / 2**m)


def _whole_mantissa(bits: np.ndarray, e: int, m: int, bias: int) -> float:
    sign, E, M = _parts(bits, e)
    return sign * (2.0 ** (E - bias) * (1 + M) if E else 2.0 ** (1 - bias) * M)


def _lowest_first(bits: np.ndarray, e: int, m: int, bias: int) -> float:
    turned = np.concatenate([bits[:1], bits[e:0:-1], bits[:e:-1]])
    return _value(turned, e, m, bias)


FLOAT_VALUE = Exercise(
    name="grids.float_value",
    lab="01",
    title="What the bits of a float mean",
    reference=float_value,
    properties=(
        agrees("a normal number is 2^(E − bias) · (1 + M/2^m)", _normal, float_value),
        agrees("the sign bit turns the sign", _negative, float_value),
        agrees(
            "without an exponent there is no hidden 1: 2^(1 − bias) · M/2^m",
            _subnormal,
            float_value,
        ),
        agrees("all bits 0 mean 0", _zero, float_value),
    ),
    mutants=(
        Mutant(
            "no_hidden_one",
            lambda bits, e, m, bias: _value(bits, e, m, bias, hidden=False),
            "You left the hidden 1 out: a normal number is 1 + M/2^m times its power of two.",
        ),
        Mutant(
            "always_hidden_one",
            _always_hidden,
            "You added the hidden 1 where E = 0, too: then no code means zero. Those are the "
            "subnormal numbers, without it.",
        ),
        Mutant(
            "subnormal_exponent",
            lambda bits, e, m, bias: _value(bits, e, m, bias, least=0),
            "Where E = 0 the exponent is 1 − bias, not −bias: the subnormal numbers carry on "
            "below the smallest normal one with the same gap.",
        ),
        Mutant(
            "no_bias",
            lambda bits, e, m, bias: _value(bits, e, m, 0),
            "You left the bias out; the exponent is E − bias, so that small numbers exist, too.",
        ),
        Mutant(
            "bias_added",
            lambda bits, e, m, bias: _value(bits, e, m, -bias),
            "You added the bias; E is ahead of the exponent by it, so subtract it.",
        ),
        Mutant(
            "whole_mantissa",
            _whole_mantissa,
            "You took M as a whole number; it stands behind the point: M/2^m.",
        ),
        Mutant(
            "lowest_bit_first",
            _lowest_first,
            "You read exponent and mantissa from the wrong end; the highest bit comes first.",
        ),
        Mutant(
            "no_sign",
            lambda bits, e, m, bias: abs(_value(bits, e, m, bias)),
            "You left the first bit out: 1 there makes the number negative.",
        ),
    ),
    hints=(
        "Cut the bits into three: bits[0], bits[1:1 + exponent_bits], and the rest.",
        "E is a whole number in binary, M/2^m is a sum of 1/2, 1/4, 1/8 … Use 2.0 ** k: NumPy's "
        "integers refuse negative powers.",
        "If E > 0: 2.0**(E - bias) * (1 + M / 2**mantissa_bits), else 2.0**(1 - bias) * M / "
        "2**mantissa_bits; negative where bits[0] is 1.",
    ),
    difficulty="demanding",
    importance="useful",
    minutes=12,
)

EXERCISES = (FIXED_POINT, FLOAT_VALUE)
