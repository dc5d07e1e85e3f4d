"""W2 to W5: how many steps lie between the codes of b bits.

    s = (high − low)/(2^b − 1)          2^b codes have 2^b − 1 steps between them

Source: Krishnamoorthi 2018, arXiv:1806.08342, section 2.
"""

import numpy as np
from matplotlib.figure import Figure

from qlab import core, metrics, plots
from qlab.core import QParams, QuantSpec
from qlab.course.clinic.exhibit import Exhibit, Measurement, Outcome, bits, failed, number, stand
from qlab.live.settings import Real

KRISHNAMOORTHI = "Krishnamoorthi 2018, arXiv:1806.08342, section 2."
BY_BITS = "step = (high - low) / bits"
BY_POWER = "step = (high - low) / 2**bits"


def _grid(high: float, bits: int) -> QParams:
    """Lay the grid of b bits over 0 … high, as qlab does."""
    return core.qparams_between(0.0, high, QuantSpec(bits=bits, signed=False, symmetric=False))


def _largest_error(x: np.ndarray, step: float, top: float | int) -> float:
    """Of rounding to multiples of a step, nothing beyond ``top`` steps."""
    return metrics.max_error(x, np.minimum(np.rint(x / step), top) * step)


def _w2_stands() -> Outcome:
    step = stand(BY_BITS, low=0, high=100, bits=8)[0]["step"]
    levels = int(100 / step) + 1
    return Outcome(
        says=f"A range of 100 and 8 bits give a step of {step:g}: {levels} levels of 256.",
        values={"step": step, "levels": levels},
    )


def _w2(bits: int = 8, reach: float = 100.0) -> Measurement:
    step = stand(BY_BITS, low=0, high=reach, bits=bits)[0]["step"]
    qparams = _grid(reach, bits)
    x = np.linspace(0, reach, 10_001)
    theirs = _largest_error(x, step, np.inf)
    ours = metrics.max_error(x, core.fake_quantize(x, qparams))

    def draw(figure: Figure) -> None:
        ax = plots.style.dress(figure.add_axes((0.15, 0.17, 0.83, 0.8)), "bits", "half a step")
        b = np.arange(1, 9)
        ax.plot(b, reach / b / 2, "o--", color=plots.style.ERROR, label="range / bits")
        ax.plot(
            b, reach / (2.0**b - 1) / 2, "s-", color=plots.style.AFTER, label="range / (2^b − 1)"
        )
        ax.axvline(bits, color=plots.style.GREY, lw=0.8)
        ax.set_yscale("log")
        ax.legend(frameon=False, fontsize=plots.style.TEXT)

    return Measurement(
        values=(
            number("claimed_step", "Step, as claimed", step),
            number("step", "Step of qlab's grid", float(qparams.scale)),
            number("claimed_error", "Largest error, as claimed", theirs),
            number("error", "Largest error, qlab", ours),
            number("steps", "Steps there are, 2^b − 1", 2**bits - 1, "derived", form="count"),
        ),
        says="The two agree at one bit only."
        if bits > 1
        else "At one bit there is one step, and both are right.",
        draw=draw,
        alt="Half a step against bits: one curve falls slowly, the other halves with each bit.",
    )


def _w3_stands() -> Outcome:
    step = stand(BY_POWER, low=0.0, high=1.0, bits=2)[0]["step"]
    codes = np.unique(np.rint(np.linspace(0, 1, 101) / step))
    return Outcome(
        says=f"Two bits over [0, 1] give a step of {step:g} and {len(codes)} levels, 0 to "
        f"{codes.max():g}. Two bits hold four.",
        values={"step": step, "levels": len(codes)},
    )


def _w3(bits: int = 2) -> Measurement:
    step = stand(BY_POWER, low=0.0, high=1.0, bits=bits)[0]["step"]
    x = np.linspace(0, 1, 10_001)
    levels = len(np.unique(np.rint(x / step)))
    top = 2**bits - 1
    clipped = _largest_error(x, step, top)
    qparams = _grid(1.0, bits)
    ours = core.fake_quantize(x, qparams)

    def draw(figure: Figure) -> None:
        ax = plots.style.dress(figure.add_axes((0.13, 0.17, 0.85, 0.8)), "x", "x̂")
        plots.staircase(
            ax,
            x,
            np.minimum(np.rint(x / step), top) * step,
            plots.style.ERROR,
            "--",
            "range / 2^b, clipped",
        )
        plots.staircase(ax, x, ours, label="range / (2^b − 1)")
        ax.legend(frameon=False, fontsize=plots.style.TEXT)

    return Measurement(
        values=(
            number("claimed_levels", "Levels, as claimed", levels, form="count"),
            number("levels", "Levels of qlab's grid", len(np.unique(ours)), form="count"),
            number("clipped", "Largest error once clipped", clipped),
            number("error", "Largest error, qlab", metrics.max_error(x, ours)),
        ),
        says=f"{levels} levels do not fit into {bits} bits. Clipped to {2**bits}, the top of the "
        "range is off by a whole step instead of half a one.",
        draw=draw,
        alt="Two staircases over [0, 1]; the claimed one, clipped, ends below 1.",
    )


CIRCLE = """\
range = high - low
bits = int(np.log2(range / step))
step = range / 2**bits"""


def _w4_stands() -> Outcome:
    _, error = stand(CIRCLE, np=np, high=5.0, low=1.0)
    after, _ = stand(CIRCLE, np=np, high=5.0, low=1.0, step=0.1)
    try:
        after["range"](3)
    except TypeError as shadow:
        then = str(shadow)
    return failed(
        error,
        "The step is needed for the bits and the bits for the step. Where a step is given it runs, "
        f"and range is no longer Python's: “{then}”.",
    )


def _w4(bits: int = 8, reach: float = 4.0) -> Measurement:
    step = float(_grid(reach, bits).scale)
    names, _ = stand(CIRCLE, np=np, high=reach, low=0.0, step=step)
    again = int(np.rint(np.log2(reach / step + 1)))
    return Measurement(
        values=(
            number("step", "Step of b bits", step),
            number("claimed_bits", "Bits, by the formula", names["bits"], form="count"),
            number("bits", "Bits, log₂(range/step + 1)", again, form="count"),
        ),
        says=f"Started with the right step of {bits} bits, the formula finds {names['bits']}: "
        "it loses one each time round.",
    )


ROUNDED = "code = int(x + 0.5)"


def _w5_stands() -> Outcome:
    code = stand(ROUNDED, x=12.5)[0]["code"]
    return Outcome(
        says=f"12.5 rounded is {code}: the number was rounded, the step was never used. As a code, "
        f"{code} steps of 12.5 mean {code * 12.5:g}.",
        values={"code": code, "means": code * 12.5},
    )


def _w5(x: float = 12.5, step: float = 12.5) -> Measurement:
    theirs = stand(ROUNDED, x=x)[0]["code"]
    qparams = QParams(np.array(step), np.array(0), QuantSpec(bits=8, signed=False))
    code = core.quantize(np.array([x]), qparams)
    back = float(core.dequantize(code, qparams)[0])
    return Measurement(
        values=(
            number("claimed_code", "Code, as claimed", theirs, form="count"),
            number("claimed_value", "That code means", theirs * step, "derived", form="plain"),
            number("code", "Code", int(code[0]), form="count"),
            number("value", "That code means", back, form="plain"),
            number("error", "Error", abs(back - x)),
        ),
        says=f"{x:g} divided by the step is {x / step:.3g}: code {code[0]}, value {back:g}.",
    )


EXHIBITS = (
    Exhibit(
        number="W2",
        theme="steps",
        title="Step = range / bits",
        claim="The step is the range divided by the number of bits: 100 / 8 = 12.5.",
        file="article 003, §3.1",
        fragment=BY_BITS,
        as_it_stands=_w2_stands,
        controls={
            "bits": bits(),
            "reach": Real(100, 1, 200, 1, label="Range", help="Largest minus smallest value."),
        },
        measure=_w2,
        truth="The step is range / (2^bits − 1): eight bits give 255 steps, not 8.",
        reading=KRISHNAMOORTHI,
    ),
    Exhibit(
        number="W3",
        theme="steps",
        title="Step = range / 2^bits",
        claim="The step is the range divided by 2^bits.",
        file="article 003, §3.4",
        fragment=BY_POWER,
        as_it_stands=_w3_stands,
        controls={"bits": bits(2)},
        measure=_w3,
        truth="2^bits codes have 2^bits − 1 steps between them. Dividing by 2^bits makes one level "
        "too many, or clips the top.",
        reading=KRISHNAMOORTHI,
    ),
    Exhibit(
        number="W4",
        theme="steps",
        title="Bits from a step from bits",
        claim="The bits are log₂(range / step), and the step follows from the bits.",
        file="article 003, §3.4.1 and §4.1",
        fragment=CIRCLE,
        as_it_stands=_w4_stands,
        controls={
            "bits": bits(8, 2),
            "reach": Real(4, 0.5, 100, 0.5, label="Range", help="Largest minus smallest value."),
        },
        measure=_w4,
        truth="The number of bits is a decision. The step follows from it and from the range.",
        reading=KRISHNAMOORTHI,
    ),
    Exhibit(
        number="W5",
        theme="steps",
        title="12.5 becomes 13",
        claim="With a step of 12.5, the value 12.5 is quantized to 13.",
        file="article 003, §3.1",
        fragment=ROUNDED,
        as_it_stands=_w5_stands,
        controls={
            "x": Real(12.5, 0, 100, 0.5, label="Value", help="The number to be quantized."),
            "step": Real(12.5, 0.5, 25, 0.5, label="Step", help="The distance between two levels."),
        },
        measure=_w5,
        truth="12.5 is one step: the code is 1, and the code 1 means 12.5.",
        reading=KRISHNAMOORTHI,
    ),
)
