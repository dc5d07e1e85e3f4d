"""W9 and W11: what least squares is, and what a correction costs.

    min over s of Σ (x − s·clip(round(x/s)))²          the range that minimises squared error
    x_c = x_q + α·(x − x_q)                            needs x, so it is no compression

Source: Nagel et al. 2021, arXiv:2106.08295, section 3.1 (range by squared error) and section 3.3
(corrections that stay on the grid).
"""

import functools

import numpy as np
from matplotlib.figure import Figure

from qlab import core, data, metrics, networks, plots, ranges
from qlab.core import QuantSpec
from qlab.course.clinic.exhibit import Exhibit, Measurement, Outcome, bits, number, stand
from qlab.live.readout import Value
from qlab.live.settings import Real
from qlab.networks import Network, Quantized

NETWORK = "mlp_784_128_10"
CLIPPED = "x_q = np.sign(x) * np.minimum(np.abs(x), high - low)"
CORRECTED = "x_c = x_q + alpha * (x - x_q)"


def _weights() -> np.ndarray:
    return networks.load(NETWORK).weights["fc1"]


def _w9_stands() -> Outcome:
    x_q = stand(CLIPPED, np=np, x=np.array([0.6, -0.3, 300.0]), low=-128, high=127)[0]["x_q"]
    W = _weights()
    moved = int(np.count_nonzero(stand(CLIPPED, np=np, x=W, low=-128, high=127)[0]["x_q"] != W))
    return Outcome(
        says=f"0.6, −0.3, 300 give {x_q[0]:g}, {x_q[1]:g}, {x_q[2]:g}. Of the {W.size:,} weights "
        f"of a trained layer it changes {moved}.",
        values={"x_q": x_q.tolist(), "moved": moved},
    )


def _w9(bits: int = 4) -> Measurement:
    W, spec = _weights(), QuantSpec(bits=bits)
    theirs = stand(CLIPPED, np=np, x=W, low=-128, high=127)[0]["x_q"]
    widest, least = ranges.minmax(W, spec), ranges.METHODS["mse"](W, spec)
    ours = {q: core.fake_quantize(W, q) for q in (widest, least)}
    end = float(np.abs(W).max())
    x = np.linspace(-end, end, 801)

    def draw(figure: Figure) -> None:
        ax = plots.style.dress(figure.add_axes((0.13, 0.17, 0.85, 0.8)), "weight", "what is left")
        ax.plot(x, x, color=plots.style.ERROR, ls="--", lw=1.2, label="as claimed")
        for q, color, name in (
            (widest, plots.style.GREEN, "range: the extremes"),
            (least, plots.style.AFTER, "range: least squares"),
        ):
            ax.plot(x, core.fake_quantize(x, q), color=color, lw=1.4, label=name)
        ax.legend(frameon=False, fontsize=plots.style.TEXT)

    return Measurement(
        values=(
            number(
                "moved",
                "Weights changed, as claimed",
                int(np.count_nonzero(theirs != W)),
                form="count",
            ),
            number("values", "Different values, as claimed", len(np.unique(theirs)), form="count"),
            number(
                "levels", "Different values, quantized", len(np.unique(ours[least])), form="count"
            ),
            number("widest", "Squared error, range of the extremes", metrics.mse(W, ours[widest])),
            number("least", "Squared error, least squares", metrics.mse(W, ours[least])),
        ),
        says="The claimed formula leaves every weight as it is. Least squares gives up the few "
        "largest weights, so that all others get a finer step.",
        draw=draw,
        alt="The claimed formula is the diagonal; the quantizers are staircases, that of least "
        "squares finer and clipped at both ends.",
    )


@functools.lru_cache(16)
def _small(bits: int) -> Quantized:
    return networks.quantize_weights(networks.load(NETWORK), QuantSpec(bits=bits))


def _corrected(net: Network, small: Quantized, alpha: float) -> Network:
    fixed = {
        name: stand(CORRECTED, x=W, x_q=small.network.weights[name], alpha=np.float32(alpha))[0][
            "x_c"
        ]
        for name, W in net.weights.items()
    }
    return net.with_weights(fixed)


def _w11_stands() -> Outcome:
    x_c = stand(CORRECTED, x=0.6, x_q=0, alpha=0.2)[0]["x_c"]
    return Outcome(
        says=f"0.6, quantized to 0, is corrected to {x_c:g}. That is no integer, and it took the "
        "0.6 to find it.",
        values={"x_c": x_c},
    )


def _w11(alpha: float = 0.2, bits: int = 3) -> Measurement:
    net, small = networks.load(NETWORK), _small(bits)
    fixed = _corrected(net, small, alpha)
    W, W_q, W_c = (n.weights["fc1"] for n in (net, small.network, fixed))
    found = metrics.accuracy(fixed, data.load("mnist").test)
    packed = metrics.bytes_packed(net, small.qparams).total
    floats = 4 * sum(w.size for w in net.weights.values())
    return Measurement(
        values=(
            number("before", "Squared error, quantized", metrics.mse(W, W_q)),
            number("after", "Squared error, corrected", metrics.mse(W, W_c)),
            number("values", "Different values in fc1", len(np.unique(W_c)), form="count"),
            number(
                "bytes",
                "Bytes that it needs",
                packed + (floats if alpha > 0 else 0),
                "derived",
                form="bytes",
            ),
            Value.of("accuracy", "Accuracy", found, form="percent"),
        ),
        says="The error falls because the float weights are mixed in again, and these must be kept "
        "for it."
        if alpha > 0
        else "At 0 nothing is corrected, and only the codes are kept.",
    )


EXHIBITS = (
    Exhibit(
        number="W9",
        theme="corrections",
        title="Least squares without a square",
        claim="Least-squares quantization keeps the sign of x and limits its size to the width of "
        "the range of codes.",
        file="article 002, §4.2.1",
        fragment=CLIPPED,
        as_it_stands=_w9_stands,
        controls={"bits": bits(4, 2)},
        measure=_w9,
        truth="That is a clip: no scale, no rounding, no squares. Least squares chooses the scale "
        "for which the sum of the squared errors is smallest.",
        reading="Nagel et al. 2021, arXiv:2106.08295, section 3.1.",
    ),
    Exhibit(
        number="W11",
        theme="corrections",
        title="A correction that needs the original",
        claim="The quantized integer is corrected by a share α of its error: 0 becomes 0.12.",
        file="article 002, §4.2.2 and §4.3",
        fragment=CORRECTED,
        as_it_stands=_w11_stands,
        controls={
            "alpha": Real(0.2, 0, 1, 0.05, label="α", help="Share of the error that is put back."),
            "bits": bits(3, 2),
        },
        measure=_w11,
        truth="It needs the float weight at run time, the result is no integer, and α = 1 returns "
        "the original. Corrections that cost nothing move the rounding or the bias.",
        reading="Nagel et al. 2019, arXiv:1906.04721, section 4.2 (bias correction).",
    ),
)
