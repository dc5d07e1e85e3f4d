"""The register that a sum of products lives in: how wide it must be, and what a narrow one does.

    low = −2^(b−1) … high = 2^(b−1) − 1                                                    (1)
    wrap        a ← the low b bits of a + w·x, in two's complement                         (2)
    saturate    a ← clip(a + w·x, low, high), after each product                           (3)

Wrapping is arithmetic modulo 2^b: what overflows on the way comes back, and only the last sum
decides. Saturating forgets: a sum that touched an end stays wrong, so the order of the products
matters, and (3) has to be taken one product after the other. Both begin with the bias.

Processors wrap (a plain add) or saturate (QADD of Arm, vqadd of Neon).
"""

import numpy as np
from jaxtyping import Int, Int64, Integer

OVERFLOWS = ("wrap", "saturate")


def limits(bits: int) -> tuple[int, int]:
    """Return the ends of a register, eq. (1).

    Parameters
    ----------
    bits
        At least 1.

    Examples
    --------
    >>> limits(8)
    (-128, 127)
    """
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def bits_for(lowest: int, highest: int) -> int:
    """Return the bits of the smallest register that holds both, and 0.

    Parameters
    ----------
    lowest, highest
        The sums that were, or can be, farthest out.

    Examples
    --------
    >>> bits_for(-128, 127), bits_for(0, 128), bits_for(0, 0)
    (8, 9, 1)
    """
    return max(highest, ~lowest, 0).bit_length() + 1


def extremes(
    steps: Integer[np.ndarray, "out inputs"],
    low: int,
    high: int,
    bias: Integer[np.ndarray, " out"],
) -> tuple[Int64[np.ndarray, " out"], Int64[np.ndarray, " out"]]:
    """Return the lowest and the highest sum that any input can bring about, for each output.

    Parameters
    ----------
    steps
        q_w − z_w.
    low, high
        Ends of q_x − z_x, with 0 between them.
    bias
        In steps of s_x·s_w.

    Returns
    -------
    lowest, highest
        Each is reached by some input. A sum on the way never leaves what lies between them and 0
        either, where low ≤ 0 ≤ high.

    Examples
    --------
    >>> lowest, highest = extremes(np.array([[3, -2]]), 0, 255, np.array([10]))
    >>> lowest, highest
    (array([-500]), array([775]))
    """
    W = steps.astype(np.int64)
    up = np.maximum(W, 0).sum(axis=1)
    down = np.minimum(W, 0).sum(axis=1)
    b = bias.astype(np.int64)
    return up * low + down * high + b, up * high + down * low + b


def wrapped(sums: Int[np.ndarray, "..."], bits: int) -> Int64[np.ndarray, "..."]:
    """Return what a register that wraps holds of finished sums, eq. (2).

    Parameters
    ----------
    sums
        As they are without a limit; at most 63 bits.
    bits
        1 to 63.

    Examples
    --------
    >>> wrapped(np.array([127, 128, -129]), 8)
    array([ 127, -128,  127])
    """
    half = 1 << (bits - 1)
    return ((sums.astype(np.int64) + half) & (2 * half - 1)) - half


def saturated(
    steps: Integer[np.ndarray, "out inputs"],
    columns: Integer[np.ndarray, "inputs n"],
    bias: Integer[np.ndarray, " out"],
    bits: int,
) -> Integer[np.ndarray, "out n"]:
    """Return what a register that saturates holds after all products, eq. (3).

    Parameters
    ----------
    steps
        q_w − z_w, at most 9 bits.
    columns
        q_x − z_x, at most 9 bits; summed from the first row to the last.
    bias
        What the register begins with.
    bits
        2 to 32.

    Examples
    --------
    >>> up, down = np.array([[100, -100]]), np.array([[-100, 100]])
    >>> one, none = np.array([[1], [1]]), np.array([60])
    >>> saturated(up, one, none, 8).item(), saturated(down, one, none, 8).item()  # 160 → 127
    (27, 60)
    """
    low, high = limits(bits)
    kind = np.int32 if bits < 32 else np.int64  # of 31 bits, one more product still fits in 32
    acc = np.empty((len(steps), columns.shape[1]), kind)
    acc[:] = np.clip(bias, low, high)[:, None]
    product = np.empty_like(acc)
    W, X = (np.ascontiguousarray(a, kind) for a in (steps.T, columns))  # a row after the other
    for w, x in zip(W, X, strict=True):
        if not x.any():
            continue  # adds nothing
        np.multiply(w[:, None], x, out=product)
        acc += product
        np.clip(acc, low, high, out=acc)
    return acc


def walk(
    bias: int, products: Int[np.ndarray, " inputs"], bits: int, overflow: str
) -> Int64[np.ndarray, " inputs_and_1"]:
    """Return what the register holds at the beginning and after each product.

    Parameters
    ----------
    bias
        What it begins with.
    products
        In their order.
    bits
        1 to 62; with more than the sum needs it is the running sum.
    overflow
        One of `OVERFLOWS`.

    Raises
    ------
    ValueError
        If `overflow` is none of them.

    Examples
    --------
    >>> walk(60, np.array([100, -100]), 8, "wrap")
    array([ 60, -96,  60])
    >>> walk(60, np.array([100, -100]), 8, "saturate")
    array([ 60, 127,  27])
    """
    if overflow not in OVERFLOWS:
        raise ValueError(f"walk: overflow must be one of {', '.join(OVERFLOWS)}, got {overflow!r}.")
    along = np.concatenate([[bias], products]).astype(np.int64)
    if overflow == "wrap":
        return wrapped(np.cumsum(along), bits)
    low, high = limits(bits)
    held = [min(max(int(along[0]), low), high)]
    for product in along[1:].tolist():
        held.append(min(max(held[-1] + product, low), high))
    return np.array(held, np.int64)
