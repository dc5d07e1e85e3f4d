"""A grid of the Grids instrument as the lines of Python that make it, and print its numbers."""

from qlab.core import packed_bytes
from qlab.live.grids_state import FLOATS, TABLES, GridsState
from qlab.live.grids_tables import NETWORK

MX = {"mxfp4": 4, "mxfp6": 6, "mxfp8": 8}


def made(s: GridsState) -> str:
    """Write the grid, or the coded weights, as the line of Python that makes it."""
    if s.format in TABLES:
        return _coded(s)
    if s.format == "fixed":
        m, n = s.bits - 1 - s.fraction_bits, s.fraction_bits
        return f"core.FixedPoint(integer_bits={m}, fraction_bits={n})"
    if s.format in FLOATS:
        plain = f"core.{s.format.upper()}"
        return f"{plain}.scaled_to({max(-s.low, s.high)})" if s.scaled else plain
    spec = s.spec()
    said = f"bits={spec.bits}, signed={spec.signed}, symmetric={spec.symmetric}"
    return f"core.qparams_between({s.low}, {s.high}, core.QuantSpec({said}))"


def side_bytes(s: GridsState) -> int:
    """Bytes that an even grid or a float keeps beside its codes: a scale, a zero point."""
    if s.format == "fixed" or (s.format in FLOATS and not s.scaled):
        return 0
    return 4 + (packed_bytes(1, s.bits) if s.format == "asymmetric" else 0)


def program(s: GridsState) -> str:
    """Write the lines of qlab that print the numbers on screen."""
    if s.format in TABLES:
        return f"""import numpy as np, qlab
from qlab import codebooks, core
W = qlab.networks.load("{NETWORK}").weights["{s.layer}"]
coded = {made(s)}
W_hat, s = coded.dequantize(), np.ones(()) if coded.scale is None else coded.scale
levels, S = np.unique(coded.levels) * s.max(), core.spread(s, coded.granularity, W.shape)
print("codes", 2**coded.bits, "\\nlevels", len(levels), "\\nlargest", float(levels[-1]))
print("smallest", float(levels[levels > 0].min(initial=np.inf)))
outside = (W < coded.levels[0] * S) | (W > coded.levels[-1] * S)
print("zeros", qlab.metrics.sparsity(W_hat), "\\nclipped", outside.mean())
print("sqnr", qlab.metrics.sqnr(W, W_hat), "\\nside", coded.bytes.total - coded.bytes.codes)
print("bits_a_weight", 8 * coded.bytes.total / W.size)
"""
    return f"""import numpy as np, qlab
from qlab import core
W = qlab.networks.load("{NETWORK}").weights["{s.layer}"]
grid, side = {made(s)}, {side_bytes(s)}  # side: bytes of scale and zero point
levels, W_hat = core.levels(grid), core.round_to(W, grid)
bits = {"grid.spec.bits" if s.format not in FLOATS and s.format != "fixed" else "grid.bits"}
print("codes", 2**bits, "\\nlevels", len(levels), "\\nlargest", float(levels[-1]))
print("smallest", float(levels[levels > 0].min(initial=np.inf)))
print("gap_at_1", core.gap(grid, 1.0), "\\nzeros", qlab.metrics.sparsity(W_hat))
print("clipped", ((W < levels[0]) | (W > levels[-1])).mean())
print("sqnr", qlab.metrics.sqnr(W, W_hat), "\\nside", side)
print("bits_a_weight", 8 * (core.packed_bytes(W.size, bits) + side) / W.size)
"""


def _coded(s: GridsState) -> str:
    given = "".join(
        f", {name}={f'core.{value!r}' if name == 'granularity' else value}"
        for name, value in s.options().items()
    )
    match s.format:
        case "kmeans":
            return f"codebooks.kmeans(W, bits={s.code_bits})"
        case "lloyd":
            start = f'codebooks.STARTS["{s.start}"]'
            return f"codebooks.lloyd(W, bits={s.code_bits}, start={start})"
        case "mxfp4" | "mxfp6" | "mxfp8":
            return f"codebooks.mx(W, bits={MX[s.format]})"
        case "binary":
            return f"codebooks.xnor(W{given})"
    return f"codebooks.{s.format}(W{given})"
