"""W1, W7, W10: a map onto a range of integers is not yet an integer.

    y = (x − a)/(b − a) · (q_max − q_min) + q_min          a rescaling: W1
    q = clip(round(x/s) + z, q_min, q_max)                 a quantizer

Source: Jacob et al. 2018, arXiv:1712.05877, equation 1.
"""

import functools

import numpy as np
from matplotlib.figure import Figure

from qlab import core, data, metrics, networks, plots
from qlab.core import QuantSpec
from qlab.course.clinic.exhibit import Exhibit, Measurement, Outcome, bits, number, stand
from qlab.live.readout import Value
from qlab.live.settings import Flag, Real

JACOB = "Jacob et al. 2018, arXiv:1712.05877, section 2.1."
RESCALED = """\
y = (x - a) / (b - a) * (q_max - q_min) + q_min
y = min(max(y, q_min), q_max)"""


def _w1_stands() -> Outcome:
    names, _ = stand(RESCALED, x=0.3, a=-1.0, b=1.0, q_min=-128, q_max=127)
    y = names["y"]
    return Outcome(
        says=f"0.3 out of [−1, 1] into −128 … 127 gives {y:g}. That is no integer.",
        values={"y": y},
    )


def _w1(bits: int = 4, x: float = 0.3) -> Measurement:
    spec = QuantSpec(bits=bits)
    qparams = core.qparams_between(-1.0, 1.0, spec)
    inputs = np.linspace(-1, 1, 1001)
    given = {"a": -1.0, "b": 1.0, "q_min": spec.quant_min, "q_max": spec.quant_max}
    theirs = np.array([stand(RESCALED, x=one, **given)[0]["y"] for one in inputs])
    ours = core.quantize(inputs, qparams)
    y = stand(RESCALED, x=x, **given)[0]["y"]
    code = core.quantize(np.array([x]), qparams)[0]

    def draw(figure: Figure) -> None:
        ax = plots.style.dress(figure.add_axes((0.13, 0.17, 0.85, 0.8)), "x", "what comes out")
        ax.plot(inputs, theirs, color=plots.style.ERROR, ls="--", lw=1.2, label="as claimed")
        ax.step(inputs, ours, where="mid", color=plots.style.AFTER, lw=1.5, label="rounded: codes")
        ax.legend(frameon=False, fontsize=plots.style.TEXT)

    return Measurement(
        values=(
            number("claimed", "x, as claimed", float(y)),
            number("code", "x, quantized", int(code), form="count"),
            number(
                "claimed_levels", "Outputs of 1,001 inputs", len(np.unique(theirs)), form="count"
            ),
            number("levels", "Codes of 1,001 inputs", len(np.unique(ours)), form="count"),
            number("codes", "Codes there are", spec.levels, "derived", form="count"),
        ),
        says="Without round, each input keeps an output of its own: nothing was made smaller.",
        draw=draw,
        alt=f"A straight line as claimed, and a staircase of {len(np.unique(ours))} codes.",
    )


NORMALISED = "y = (x - x.min()) / ((x.max() - x.min()) / 2)"


def _w7_stands() -> Outcome:
    names, _ = stand(NORMALISED, x=np.array([0.0, 50.0, 100.0]))
    y = names["y"]
    return Outcome(
        says=f"0, 50, 100 become {y[0]:g}, {y[1]:g}, {y[2]:g}: an interval from 0 to 2.",
        values={"low": float(y.min()), "high": float(y.max())},
    )


def _w7(low: float = 0.0, reach: float = 100.0, subtract: float = 0.0) -> Measurement:
    x = np.linspace(low, low + reach, 11)
    y = stand(NORMALISED, x=x)[0]["y"] - subtract
    inside = bool(np.all(np.abs(y) <= 1 + 1e-12))
    return Measurement(
        values=(
            number("low", "Smallest", float(y.min())),
            number("high", "Largest", float(y.max())),
            number("centre", "Middle of the interval", float(y.max() + y.min()) / 2),
        ),
        says=f"[−1, 1] is {'kept' if inside else 'left'}. Whatever the data are, only "
        "subtracting 1 brings it home.",
    )


CAST = "q = x.astype('int8')"


def _w10_stands() -> Outcome:
    formula = np.sign(0.6) * min(abs(0.6), 127)
    names, _ = stand(CAST, x=np.array([0.6]))
    return Outcome(
        says=f"The formula gives {formula:g}, which is no integer; to become one it is cast, and "
        f"the cast gives {names['q'][0]}.",
        values={"formula": float(formula), "code": int(names["q"][0])},
    )


@functools.lru_cache(16)
def _w10_accuracies(bits: int) -> tuple[metrics.Measured, metrics.Measured]:
    net, test = networks.load("mlp_784_128_10"), data.load("mnist").test
    spec = QuantSpec(bits=bits)
    ends = spec.quant_min, spec.quant_max
    cast = {name: np.clip(np.trunc(W), *ends) for name, W in net.weights.items()}
    scaled = networks.quantize_weights(net, spec).network
    return metrics.accuracy(net.with_weights(cast), test), metrics.accuracy(scaled, test)


def _w10(x: float = 0.6, bits: int = 8, scaled: bool = True) -> Measurement:
    spec = QuantSpec(bits=bits)
    qparams = core.qparams_between(-1.0, 1.0, spec)
    if not scaled:
        qparams = core.QParams(np.ones(()), np.zeros((), int), spec)
    rounding = core.nearest if scaled else core.toward_zero
    code = core.quantize(np.array([x]), qparams, rounding)
    back = float(core.dequantize(code, qparams)[0])
    cast, good = _w10_accuracies(bits)
    return Measurement(
        values=(
            number("scale", "Scale", float(qparams.scale), "derived"),
            number("code", "Code", int(code[0]), form="count"),
            number("back", "Comes back as", back),
            Value.of("cast", "Accuracy, weights cast", cast, form="percent"),
            Value.of("accuracy", "Accuracy, weights scaled", good, form="percent"),
        ),
        says=f"{x:g} becomes the code {code[0]} and returns as {back:.3g}.",
    )


EXHIBITS = (
    Exhibit(
        number="W1",
        theme="steps",
        title="Rescaled, never rounded",
        claim="Linear quantization maps x to an integer by shifting and stretching [a, b] onto "
        "[q_min, q_max] and clipping.",
        file="article 000, on linear quantization",
        fragment=RESCALED,
        as_it_stands=_w1_stands,
        controls={
            "bits": bits(4, 2),
            "x": Real(0.3, -1, 1, 0.01, label="x", help="One number out of [−1, 1]."),
        },
        measure=_w1,
        truth="Nothing in that formula rounds. Without round it is a rescaling; the rounding is "
        "the quantization.",
        reading=JACOB,
    ),
    Exhibit(
        number="W7",
        theme="steps",
        title="Normalised to the wrong interval",
        claim="Subtract the minimum and divide by half the range: the result lies in [−1, 1]. "
        "The example says that 100 becomes 2.",
        file="article 003, §3.2 and §3.4.2",
        fragment=NORMALISED,
        as_it_stands=_w7_stands,
        controls={
            "low": Real(0, -100, 100, 1, label="Minimum", help="Where the data begin."),
            "reach": Real(100, 1, 200, 1, label="Range", help="How far the data reach."),
            "subtract": Real(0, 0, 2, 0.05, label="Subtract", help="What is taken off at the end."),
        },
        measure=_w7,
        truth="It lies in [0, 2], as the article's own example shows; subtract 1 to reach [−1, 1].",
        reading="Arithmetic: (max − min)/((max − min)/2) = 2.",
    ),
    Exhibit(
        number="W10",
        theme="steps",
        title="To int8 without a scale",
        claim="Weights of [−1, 1] are quantized into −128 … 127 as they are; 0.6 becomes 0.",
        file="article 002, §4.3",
        fragment=CAST,
        as_it_stands=_w10_stands,
        controls={
            "x": Real(0.6, -1, 1, 0.01, label="Weight", help="One weight of [−1, 1]."),
            "bits": bits(8, 2),
            "scaled": Flag(True, label="With a scale", help="Divide by the step before rounding."),
        },
        measure=_w10,
        truth="The scale is 1/127: 0.6 becomes 76 and returns as 0.598. Without it nearly all "
        "weights become 0, and the network answers at chance.",
        reading=JACOB,
    ),
)
