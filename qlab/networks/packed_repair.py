"""What a packed file holds of repaired weights beside codes, scales and zero points.

    NAME.offset         float32, o, one a block                 HQQ
    NAME.input_scale    float32, t > 0, one an input            SmoothQuant, AWQ
    Ŵ = ((q − z)·s + o) / t                                                         (1)

Other methods need neither. What a repair adds to the bias is part of the bias.

Source of (1): see `qlab.ptq.repaired`.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Int32, Shaped

from qlab.core import QParams
from qlab.ptq import Repaired
from qlab.ptq.arguments import check_spec

Arrays = dict[str, Shaped[np.ndarray, "..."]]
Take = Callable[[str, type], Shaped[np.ndarray, "..."]]
PARTS = ("offset", "input_scale")


def described_repair(repaired: Repaired | None) -> Arrays:
    """Return the arrays that equation 1 needs beside codes, scales and zero points."""
    held = {} if repaired is None else {part: getattr(repaired, part) for part in PARTS}
    return {part: array for part, array in held.items() if array is not None}


def parsed_repair(
    name: str,
    codes: Int32[np.ndarray, "..."],
    qparams: QParams,
    held: set[str],
    take: Take,
) -> Repaired:
    """Return what the parts that are ``held`` say; nothing of them is trusted."""
    q = codes.reshape(len(codes), -1)
    check_spec("packed", qparams.spec, q.shape[1])
    o = take("offset", np.float32) if "offset" in held else None
    t = take("input_scale", np.float32) if "input_scale" in held else None
    for part, array, shape in (("offset", o, qparams.scale.shape), ("input_scale", t, q.shape[1:])):
        if array is not None and array.shape != shape:
            raise ValueError(f"its array {name}.{part} must be {shape}, got {array.shape}")
    if o is not None and not np.isfinite(o).all():
        raise ValueError(f"the offsets of its layer {name!r} must be finite")
    if t is not None and not (np.isfinite(t) & (t > 0)).all():
        raise ValueError(f"the factors of its layer {name!r} must be finite and positive")
    return Repaired(q, qparams, np.zeros(len(q), np.float32), o, t)


def repaired_weights(repaired: Repaired, shape: tuple[int, ...]) -> Float32[np.ndarray, "..."]:
    """Return Ŵ, equation 1; beyond float32 it is infinite, which no layer accepts."""
    with np.errstate(over="ignore"):
        return repaired.dequantize().reshape(shape)
