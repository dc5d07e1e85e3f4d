"""The lines of qlab that print what the Train quantized instrument shows."""

from qlab.live.qat_quantizers import Quantized
from qlab.live.qat_state import NETWORK, SAMPLE, QatResult, QatState


def code_of(s: QatState, r: QatResult, made: Quantized, training: str) -> str:
    """Write them.

    Parameters
    ----------
    s, r, made
        What is shown.
    training
        Lines that make ``trained``, where a network of this setting was trained here.
    """
    lines = [
        "import numpy as np, qlab",
        "from qlab import codebooks, core, ranges",
        "from qlab.core import QuantSpec, surrogate",
        f'net, mnist = qlab.networks.load("{NETWORK}"), qlab.data.load("mnist")',
        f"x = {_values(s, 'net')}",
        *made.lines.splitlines(),
    ]
    if r.held.size:
        lines += [
            f"row, on = {'x[0], x_hat[0]' if made.row else 'x, x_hat'}",
            'print("levels", len(np.unique(x_hat)))',
            'print("gap", float(np.diff(np.unique(on)).min()))' if r.gap else 'print("gap", 0.0)',
        ]
    lines += [
        'print("blocked", (slope == 0).mean())',
        'print("zeros", qlab.metrics.sparsity(x_hat))',
    ]
    if made.scaled:
        lines += [
            "y = x_hat.astype(float)",
            "x_hat = (y * (np.vdot(x.astype(float), y) / np.vdot(y, y))).astype(np.float32)",
        ]
    lines.append('print("sqnr", qlab.metrics.sqnr(x, x_hat))')
    if r.learned is not None:
        name = "s" if r.learned[0].startswith("step") else "alpha"
        lines += [
            f'print("learned", {name})',
            'print("pull", surrogate.squared_error_slope(x, x_hat, by))',
        ]
    if r.g is not None:
        n = "x.size" if s.side == "weights" else "x[0].size"
        lines.append(f'print("g", surrogate.lsq_gradient_scale({n}, grid.spec))')
    if r.crossing is not None:
        lines += [
            "far = abs(row.reshape(-1, 1) - surrogate.risers(row, on)).min(axis=1)",
            f'print("crossing", np.median(far) / {s.lr!r})',
        ]
    return "\n".join([*lines, *_measured(r), *_trained(s, r, training)]) + "\n"


def _values(s: QatState, net: str) -> str:
    """Write what gives a network's weights, or activations, of the layer that is looked at."""
    if s.side == "weights":
        return f'{net}.weights["{s.layer}"]'
    return f'qlab.networks.activations({net}, mnist.train[:{SAMPLE}].images)["{s.layer}"]'


def _measured(r: QatResult) -> list[str]:
    method = "dorefa" if r.method == "pact" and r.activations is None else r.method
    names = {"trained": method, "mse": "mse", "minmax": "minmax"}
    lines = ["runs = qlab.networks.quantized_table().runs"]
    for name in r.errors:
        at = (names[name], r.bits, r.activations)
        lines += [
            "at = [run.error for run in runs",
            f"      if (run.method, run.weight_bits, run.activation_bits) == {at}]",
            f'print("error_{name}", qlab.networks.mean_of(at).value)',
        ]
    return [*lines, f'print("error_float", 1 - qlab.networks.card("{NETWORK}")["test"]["value"])']


def _trained(s: QatState, r: QatResult, training: str) -> list[str]:
    if not training:
        return []
    test = "qlab.metrics.accuracy(trained.network, mnist.test)"
    lines = [*training.splitlines(), f'print("error_own", 1 - {test}.value)']
    if r.trained is None:
        return lines
    gap = f"float(np.diff(np.unique(own{'[0]' if r.trained.by_row else ''})).min())"
    return [
        *lines,
        f"own = {_values(s, 'trained.network')}",
        'print("own_levels", len(np.unique(own)))',
        f'print("own_gap", {gap if r.trained.gap else 0.0})',
        'print("own_zeros", qlab.metrics.sparsity(own))',
    ]
