"""W6 and W8: what goes there must come back by the same numbers.

    q = round(x/s) + z,   x̂ = (q − z)·s          scale and zero point of the data, in both

Source: Jacob et al. 2018, arXiv:1712.05877, equation 1.
"""

import numpy as np
from matplotlib.figure import Figure

from qlab import core, metrics, plots
from qlab.core import QuantSpec
from qlab.course.clinic.exhibit import Exhibit, Measurement, Outcome, bits, failed, number, stand
from qlab.live.settings import Real

JACOB = "Jacob et al. 2018, arXiv:1712.05877, equation 1."
THERE_AND_BACK = """\
x_q = np.round(x / step) * step
x_hat = np.round(x_q / step) * step + x.min()"""


def _w6_stands() -> Outcome:
    x = np.array([2.0, 3.0, 4.0])
    x_hat = stand(THERE_AND_BACK, np=np, x=x, step=0.5)[0]["x_hat"]
    return Outcome(
        says=f"2, 3, 4 come back as {x_hat[0]:g}, {x_hat[1]:g}, {x_hat[2]:g}: each too large by "
        "the minimum, which was added and never taken off.",
        values={"x_hat": x_hat.tolist()},
    )


def _w6(low: float = 2.0, bits: int = 8) -> Measurement:
    x = np.linspace(low, low + 4, 401)
    theirs = stand(THERE_AND_BACK, np=np, x=x, step=4 / (2**bits - 1))[0]["x_hat"]
    spec = QuantSpec(bits=bits, signed=False, symmetric=False)
    qparams = core.qparams_between(low, low + 4, spec)
    ours = core.fake_quantize(x, qparams)

    def draw(figure: Figure) -> None:
        ax = plots.style.dress(figure.add_axes((0.13, 0.17, 0.85, 0.8)), "x", "x̂")
        plots.staircase(ax, x, theirs, plots.style.ERROR, "--", "as claimed")
        plots.staircase(ax, x, ours, label="qlab")
        ax.legend(frameon=False, fontsize=plots.style.TEXT)

    return Measurement(
        values=(
            number("claimed_error", "Largest error, as claimed", metrics.max_error(x, theirs)),
            number("error", "Largest error, qlab", metrics.max_error(x, ours)),
            number("half", "Half a step of qlab's grid", float(qparams.scale) / 2, "derived"),
        ),
        says=f"Data that begin at {low:g} come back {low:+g} away. The mistake hides only where "
        "the minimum is 0.",
        draw=draw,
        alt=f"Two staircases, {abs(low):g} apart; the one of qlab lies on the diagonal.",
    )


FROM_THE_CODES = """\
reach = codes.max() - codes.min()
step = reach / 2**bits
x_hat = np.round(codes / step) * step + codes.min()"""


def _w8_stands() -> Outcome:
    codes = np.array([1, 2, 3, 4, 5])
    _, error = stand(FROM_THE_CODES, np=np, codes=codes)
    x_hat = stand(FROM_THE_CODES, np=np, codes=codes, bits=8)[0]["x_hat"]
    return failed(
        error,
        f"With 8 bits put in, the codes 1 to 5 come back as {x_hat[0]:g} to {x_hat[-1]:g}, "
        "whatever they stood for.",
    )


def _w8(reach: float = 1.0, bits: int = 8) -> Measurement:
    x = reach * np.linspace(-1, 1, 5)
    qparams = core.qparams_between(-reach, reach, QuantSpec(bits=bits))
    codes = core.quantize(x, qparams)
    theirs = stand(FROM_THE_CODES, np=np, codes=codes, bits=bits)[0]["x_hat"]
    ours = core.dequantize(codes, qparams)
    return Measurement(
        values=(
            number("largest", "Largest value that was quantized", reach, "derived"),
            number("code", "Its code", int(codes.max()), form="count"),
            number("claimed", "Comes back, as claimed", float(theirs.max()), form="plain"),
            number("back", "Comes back by its scale", float(ours.max()), form="plain"),
        ),
        says="Change the reach: the codes stay, and what they give without their scale.",
    )


EXHIBITS = (
    Exhibit(
        number="W6",
        theme="steps",
        title="There without an offset, back with one",
        claim="Quantize by rounding x/step; dequantize by multiplying again and adding the "
        "minimum.",
        file="article 003, §3.4.1 and §3.4.3",
        fragment=THERE_AND_BACK,
        as_it_stands=_w6_stands,
        controls={
            "low": Real(2, -5, 5, 0.1, label="Minimum", help="Where the data begin."),
            "bits": bits(8, 2),
        },
        measure=_w6,
        truth="The two are not inverse to each other. The zero point is in both, or in neither; "
        "then the error is at most half a step.",
        reading=JACOB,
    ),
    Exhibit(
        number="W8",
        theme="steps",
        title="The range of the codes",
        claim="To dequantize, take minimum, maximum and step from the codes.",
        file="article 003, §4.3",
        fragment=FROM_THE_CODES,
        as_it_stands=_w8_stands,
        controls={
            "reach": Real(
                1, 0.1, 100, 0.05, label="Reach of the data", help="They are in ± this.", log=True
            ),
            "bits": bits(8, 2),
        },
        measure=_w8,
        truth="Codes do not know what they stand for. Scale and zero point come from the data that "
        "were quantized, and are stored beside the codes.",
        reading=JACOB,
    ),
)
