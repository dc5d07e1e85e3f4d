"""One sum of one layer, product by product, and the five steps from there to a code.

    a₀ = b    aₖ = aₖ₋₁ + (q_x[k] − z_x)(q_w[k] − z_w)    in the register                    (1)
    r = round(m · a_K / 2^(31 − e))    q_y = clip(r + z_y, low, high)                        (2)

Everything is read off the layer itself: the last register is its accumulator, q_y its code.

Source: Jacob et al. 2018, arXiv:1712.05877, eqs. 4 to 7.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, Integer

from qlab.networks.accumulator import bits_for, walk
from qlab.networks.integer_layers import IntegerLayer
from qlab.networks.requantize import REQUANTIZATIONS, Multiplier


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Walk:
    """How one output of one layer came about, eqs. (1) and (2).

    Parameters
    ----------
    layer, output, place
        Which sum: of a convolution, the place (row, column), else ().
    products
        (q_x − z_x)(q_w − z_w), in the order of the inputs.
    sums
        The bias and the sums after each product, without a limit.
    registers
        The same as the register holds them.
    m, e
        The multiplier: m·2^(e − 31).
    rescaled
        r of eq. (2).
    zero_point, low, high
        z_y, and the ends that r + z_y is clipped to.
    code
        q_y.
    """

    layer: str
    output: int
    place: tuple[int, ...]
    products: Int64[np.ndarray, " inputs"]
    sums: Int64[np.ndarray, " inputs_and_1"]
    registers: Int64[np.ndarray, " inputs_and_1"]
    m: int
    e: int
    rescaled: int
    zero_point: int
    low: int
    high: int
    code: int

    @property
    def bits(self) -> int:
        """Bits that hold the true sum at the end."""
        return bits_for(int(self.sums[-1]), int(self.sums[-1]))


def follow(
    layer: IntegerLayer,
    q: Integer[np.ndarray, "n *inputs"],
    output: int,
    place: tuple[int, ...] | None = None,
) -> Walk:
    """Follow one sum of one image, eqs. (1) and (2).

    Parameters
    ----------
    layer
        Whose sum.
    q
        What enters it, for one image: (1, …).
    output
        A row of its weights.
    place
        (row, column) of a convolution's output; None takes the one farthest from 0.

    Returns
    -------
    Walk
        Its code is that of `layer.forward(q)`.

    Raises
    ------
    ValueError
        If there is not one image, or no such output or place.

    Examples
    --------
    >>> import qlab
    >>> mnist, net = qlab.data.load("mnist"), qlab.networks.load("mlp_784_128_10")
    >>> small = qlab.networks.IntegerNetwork.from_calibration(net, mnist.calibration)
    >>> q = small.encode(mnist.test[:1].images).reshape(1, -1)
    >>> found = follow(small.integer_layers[0], q, output=5)
    >>> found.code == int(small.integer_layers[0].forward(q)[0, 5])
    True
    """
    if len(q) != 1:
        raise ValueError(f"follow: q must hold one image, got {len(q)}.")
    if not 0 <= output < len(layer.steps):
        raise ValueError(f"follow: output must be 0 to {len(layer.steps) - 1}, got {output}.")
    columns = layer.columns(q).astype(np.int64)
    w, b = layer.steps[output].astype(np.int64), int(layer.bias[output])
    side = layer.trace(q).codes.shape[2:]  # (rows, columns), or ()
    if place is None:
        k = int(np.abs(w @ columns + b).argmax())
    elif len(place) == len(side) and all(0 <= i < n for i, n in zip(place, side, strict=True)):
        k = int(np.ravel_multi_index(place, side)) if side else 0
    else:
        raise ValueError(f"follow: place must lie within {side}, got {place}.")
    products = w * columns[:, k]
    registers = walk(b, products, layer.accumulator_bits, layer.overflow)
    multiplier = _of(layer, output)
    rescaled = REQUANTIZATIONS[layer.requantization](registers[-1:], multiplier)
    z, high = int(layer.leaving.zero_point), layer.leaving.spec.quant_max
    return Walk(
        layer=layer.name,
        output=output,
        place=tuple(int(i) for i in np.unravel_index(k, side)) if side else (),
        products=products,
        sums=np.cumsum(np.concatenate([[b], products])),
        registers=registers,
        m=int(multiplier.m),
        e=int(multiplier.e),
        rescaled=int(rescaled[0]),
        zero_point=z,
        low=layer.lowest,
        high=high,
        code=min(max(int(rescaled[0]) + z, layer.lowest), high),
    )


def _of(layer: IntegerLayer, output: int) -> Multiplier:
    """Return the multiplier of one output."""
    m, e = (
        np.broadcast_to(a.ravel(), len(layer.codes))
        for a in (layer.multiplier.m, layer.multiplier.e)
    )
    return Multiplier(np.array(m[output]), np.array(e[output]))
