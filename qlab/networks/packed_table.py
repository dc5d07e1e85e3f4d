"""What a packed file holds of weights that mean levels of a table.

    NAME.codes     uint8, ⌈n·b/8⌉: positions in the table, `core.pack`
    NAME.levels    float32, (k,) or (blocks, k); of two slopes (1,), their breakpoint; a table that
                   the format fixes, such as NF4's, stands in the header and takes no bytes here
    NAME.scale     float32, one a block, or uint8: 2^(e − 127), E8M0 of the MX formats         (1)

Source of (1): OCP Microscaling Formats (MX) 1.0, section 5.4.1.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float32, Int32, Shaped, UInt8

from qlab import core
from qlab.codebooks import Coded
from qlab.codebooks.piecewise_linear import BITS as SLOPE_BITS
from qlab.codebooks.piecewise_linear import breakpoint_of, two_slopes
from qlab.core import Granularity

MOST_BITS = 16
MOST_IN_HEADER = 256  # levels
_BIAS = 127

Arrays = dict[str, Shaped[np.ndarray, "..."]]
Take = Callable[[str, type], Shaped[np.ndarray, "..."]]


def described_table(name: str, coded: Coded) -> tuple[dict[str, Any], Arrays]:
    """Return what the header says of coded weights, granularity apart, and their arrays."""
    if coded.bits > MOST_BITS or coded.scale_bits not in (8, 32):
        raise ValueError(
            f"save_packed: codes must have at most {MOST_BITS} bits and scales 8 or 32, got "
            f"{coded.bits} and {coded.scale_bits} (name={name!r}). Leave the layer in floats."
        )
    entry: dict[str, Any] = {"bits": coded.bits, "table": coded.table}
    arrays: Arrays = {"codes": core.pack(coded.codes, coded.bits, signed=False)}
    if coded.table == 1:
        arrays["levels"] = _breakpoint(name, coded)
    elif coded.table is None or coded.levels.ndim > 1 or coded.levels.size > MOST_IN_HEADER:
        arrays["levels"] = coded.levels
    else:  # the repr of a float32 as a float64 is exact
        entry["levels"] = [float(level) for level in coded.levels]
    if coded.scale is not None:
        entry["scale_bits"] = coded.scale_bits
        arrays["scale"] = _exponents(name, coded.scale) if coded.scale_bits == 8 else coded.scale
    return entry, arrays


def parsed_table(
    name: str,
    entry: dict[str, Any],
    granularity: Granularity,
    codes: Int32[np.ndarray, "..."],
    take: Take,
) -> Coded:
    """Return coded weights; ``entry`` loses what is taken from it, `Coded` refuses the rest."""
    table = entry.pop("table")
    if table is not None and not (type(table) is int and 0 <= table <= MOST_IN_HEADER):
        raise ValueError(f"its layer {name!r} has a table of {str(table)[:40]}")
    bits, scale, scale_bits = entry.pop("bits"), None, 32
    if "levels" in entry:
        held = entry.pop("levels")
        if not isinstance(held, list) or not all(type(level) is float for level in held):
            raise ValueError(f"its layer {name!r} has levels that are no numbers")
        with np.errstate(over="ignore"):  # beyond float32 it is infinite, which `Coded` refuses
            levels = np.array(held, np.float64).astype(np.float32)
    else:
        levels = take("levels", np.float32)
        if table == 1:
            levels = _slopes(name, bits, levels)
    if "scale_bits" in entry:
        scale_bits = entry.pop("scale_bits")
        if type(scale_bits) is not int or scale_bits not in (8, 32):
            raise ValueError(f"its layer {name!r} has scales of {str(scale_bits)[:40]} bits")
        scale = _scales(take("scale", np.uint8)) if scale_bits == 8 else take("scale", np.float32)
    return Coded(
        codes=codes,
        levels=levels,
        bits=bits,
        scale=scale,
        granularity=granularity,
        scale_bits=scale_bits,
        table=table,
    )


def _breakpoint(name: str, coded: Coded) -> Float32[np.ndarray, " 1"]:
    """Return the one number that a table of two slopes follows from."""
    if coded.bits in SLOPE_BITS and coded.levels.shape == (2**coded.bits - 1,):
        r = breakpoint_of(coded.levels)
        if 0 < r < 1 and np.array_equal(coded.levels, _slopes(name, coded.bits, np.array([r]))):
            return np.array([r])
    raise ValueError(
        f"save_packed: a table that follows from one number must be two slopes (name={name!r}). "
        "With table=None all of it is stored."
    )


def _slopes(
    name: str, bits: int, held: Float32[np.ndarray, "..."]
) -> Float32[np.ndarray, " levels"]:
    """Return the levels of a breakpoint; `two_slopes` refuses one outside 0 … 1."""
    if bits not in SLOPE_BITS or held.shape != (1,):
        raise ValueError(f"its layer {name!r} has no breakpoint of two slopes")
    return two_slopes(bits, float(held[0])).astype(np.float32)


def _exponents(name: str, scale: Float32[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
    """Equation 1, from scales to bytes."""
    e = np.asarray(np.rint(np.log2(scale)) + _BIAS)
    if not ((e >= 0) & (e < 255) & (np.exp2(e - _BIAS) == scale)).all():
        raise ValueError(
            f"save_packed: scales of 8 bits must be powers of two, 2^-127 to 2^127 (name={name!r})."
        )
    return e.astype(np.uint8)


def _scales(e: UInt8[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
    """Equation 1, from bytes to scales; 255 is no number."""
    if (e == 255).any():
        raise ValueError("a scale of 8 bits is no number")
    return np.asarray(np.exp2(e.astype(np.float64) - _BIAS), np.float32)
