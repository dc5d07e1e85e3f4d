"""W20, W23, W24: accuracy and its gap, compared with the network that was not quantized.

    d_i = accuracy(quantized)_i − accuracy(float)_i          paired over the seeds i
    gap = accuracy on the training images − accuracy on the test images

Source: ``paired.py`` for the intervals; Hastie, Tibshirani and Friedman 2009, "The Elements of
Statistical Learning", section 7.2, for the gap.
"""

import functools
from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qlab import data, metrics, networks, plots
from qlab.course.clinic import measured, protocol
from qlab.course.clinic.exhibit import Exhibit, Measurement, Outcome
from qlab.course.clinic.paired import Paired, mean_of
from qlab.live.readout import Value
from qlab.live.settings import Choice, Whole
from qlab.metrics import Measured

NETWORK = "mlp_784_128_10"
PRINTED, BATCHES, DEFAULT_BATCH = 0.886, 5, 32
PAIRED = "Paired over ten seeds by `python -m benchmarks.clinic`; the file beside this code."


def ladder(default: str = "4") -> Choice:
    """Return a fresh control over the precisions that were measured on all seeds."""
    options = {b: f"{b} bits" for b in measured.LADDER}
    return Choice(default, options, label="Bits", help="Of weights and activations.")


@functools.lru_cache(8)
def live(bits: str) -> Measured:
    """Measure the zoo's network now: "float", or so many bits, on all test images."""
    net, mnist = networks.load(NETWORK), data.load("mnist")
    used = net if bits == "float" else protocol.quantized(net, int(bits), mnist.calibration)
    return metrics.accuracy(used, mnist.test)


def zoo_numbers(bits: str) -> tuple[Value, Value]:
    """Return the zoo's accuracies now, float and quantized."""
    return (
        Value.of("zoo_float", "The zoo's network, float", live("float"), form="percent"),
        Value.of("zoo", f"The zoo's network, {bits} bits", live(bits), form="percent"),
    )


def ladder_picture(
    rows: Mapping[str, Callable[[str], Paired]], now: str, label: str
) -> Callable[[Figure], None]:
    """Draw differences against bits with their intervals, one mark for each row.

    Parameters
    ----------
    rows
        Name to a function from bits to the comparison.
    now
        The precision that is looked at.
    label
        Of the y axis.
    """

    def draw(figure: Figure) -> None:
        ax: Axes = plots.style.dress(figure.add_axes((0.15, 0.17, 0.83, 0.8)), "bits", label)
        ax.axhline(0, color=plots.style.GREY, lw=0.9, ls=(0, (4, 3)))
        places = np.arange(len(measured.LADDER))
        looks = zip((plots.style.AFTER, plots.style.ERROR), "os", strict=True)
        for k, ((name, row), (color, mark)) in enumerate(zip(rows.items(), looks, strict=False)):
            found = [row(b) for b in measured.LADDER]
            mean = np.array([100 * p.mean for p in found])
            reach = np.array([100 * (p.high - p.mean) for p in found])
            ax.errorbar(
                places + 0.12 * k, mean, reach, fmt=mark, color=color, capsize=3, label=name
            )
        ax.axvline(measured.LADDER.index(now), color=plots.style.MIST, lw=8, zorder=0)
        ax.set_xticks(places, measured.LADDER)
        ax.set_yscale("symlog", linthresh=1)
        ax.set_ylim(-110, 6)
        ax.set_yticks([-80, -10, -3, -1, 0, 1, 3], ["−80", "−10", "−3", "−1", "0", "1", "3"])
        ax.minorticks_off()
        if len(rows) > 1:
            ax.legend(frameon=False, fontsize=plots.style.TEXT)

    return draw


def _possible() -> list[tuple[int, int]]:
    """Right answers and images, in five batches of 32, that would be printed as 0.8860."""
    most = BATCHES * DEFAULT_BATCH
    images = range(most - DEFAULT_BATCH + 1, most + 1)
    return [(k, n) for n in images for k in range(n + 1) if f"{k / n:.4f}" == f"{PRINTED:.4f}"]


def _w20_stands() -> Outcome:
    possible = len(_possible())
    found = metrics.wilson(142, 160)
    return Outcome(
        says="The log shows five batches. At the default of 32 these are 129 to 160 images, and "
        f"{possible} counts of right answers out of so many print as 0.8860. With 160 images the "
        f"interval would reach from {100 * found.low:.0f} to {100 * found.high:.0f} %. The network "
        "that it is compared with has no number at all.",
        values={"possible": possible, "low": found.low, "high": found.high},
    )


def _w20(images: int = 160) -> Measurement:
    told = metrics.wilson(round(PRINTED * images), images)
    seen = measured.against_float("all", "8", "clean", 1)
    return Measurement(
        values=(
            Value.of("told", "0.886, as nearly as so many images can", told, form="percent"),
            *zoo_numbers("8"),
            measured.stored("difference", "8 bits − float, over seeds", seen, "points"),
        ),
        says=f"On {images:,} images 0.886 is compatible with anything in an interval of "
        f"{100 * (told.high - told.low):.1f} points. With the original measured beside it, on the "
        "same images and over ten trainings, the difference of 8 bits is "
        f"{100 * seen.mean:+.3f} points ({10_000 * seen.mean:+.1f} of 10,000 images): "
        f"{_said(seen)}.",
    )


def _said(p: Paired) -> str:
    """Say in words what an interval shows."""
    if p.verdict == "no effect seen":
        return "no effect seen"
    return f"{p.verdict}, its interval {100 * p.low:+.3f} to {100 * p.high:+.3f} leaves 0 out"


def _w23_stands() -> Outcome:
    return Outcome(
        says="Nothing to measure is named: no network, no number of bits, no accuracy.",
        nothing=True,
    )


def _w23(bits: str = "4") -> Measurement:
    seen = measured.against_float("all", bits, "clean", len(measured.LADDER))
    return Measurement(
        values=(
            measured.stored("difference", f"{bits} bits − float, over seeds", seen, "points"),
            *zoo_numbers(bits),
        ),
        says=f"{bits} bits, over ten trainings: {_said(seen)}. The interval is wide enough for all "
        "four comparisons together.",
        draw=ladder_picture(
            {"test": lambda b: measured.against_float("all", b, "clean", 4)}, bits, "points"
        ),
        alt="Differences from float in points, at 8, 4, 3 and 2 bits: near 0, then falling.",
    )


def _w24_stands() -> Outcome:
    return Outcome(
        says="No experiment is given, neither a gap nor a comparison.",
        nothing=True,
    )


def _w24(bits: str = "4", regime: str = "few") -> Measurement:
    m = measured.GAPS
    seen = measured.against_float(regime, bits, "gap", m)
    test = measured.against_float(regime, bits, "clean", m)
    gaps = {p: mean_of(measured.numbers(regime, p, "gap")) for p in ("float", bits)}
    rows = {
        "gap": lambda b: measured.against_float(regime, b, "gap", m),
        "test accuracy": lambda b: measured.against_float(regime, b, "clean", m),
    }
    verdict = "no effect on the gap seen"
    if seen.verdict == "lower":
        lost = test.verdict == "lower"
        verdict = "the gap is smaller" + (
            ", because the network answers worse on both sides" if lost else ""
        )
    if seen.verdict == "higher":
        verdict = "the gap is larger"
    return Measurement(
        values=(
            measured.stored("float_gap", "Gap, float", gaps["float"], "points"),
            measured.stored("gap", f"Gap, {bits} bits", gaps[bits], "points"),
            measured.stored("difference", "Difference of the gaps", seen, "points"),
            measured.stored("test", "Difference on the test images", test, "points"),
        ),
        says=f"Trained on {measured.REGIMES[regime]}, at {bits} bits: {verdict}. Generalising "
        "better would mean a higher accuracy on the test images; that is "
        f"{'not seen' if test.verdict != 'higher' else 'seen'}.",
        draw=ladder_picture(rows, bits, "points"),
        alt="Differences of the gap and of the test accuracy from float, at 8, 4, 3 and 2 bits.",
    )


EXHIBITS = (
    Exhibit(
        number="W20",
        theme="evidence",
        title="0.886, comparable to the original",
        claim="Quantized, the network reaches an accuracy of 0.8860, comparable to the original.",
        file="article 002, §5.4",
        as_it_stands=_w20_stands,
        controls={
            "images": Whole(160, 30, 10_000, label="Test images", help="That 0.886 was seen on.")
        },
        measure=_w20,
        truth="No original was measured and no interval given, so nothing is comparable. Measure "
        "both, on the same images, over several seeds, and give the interval of the difference.",
        reading=PAIRED,
    ),
    Exhibit(
        number="W23",
        theme="evidence",
        title="Without affecting performance",
        claim="Quantization and pruning save work without affecting the network's performance.",
        file="article 004, the opening",
        as_it_stands=_w23_stands,
        controls={"bits": ladder()},
        measure=_w23,
        truth="It depends on the bits. The article says the same at its end: there may be a loss.",
        reading=PAIRED,
    ),
    Exhibit(
        number="W24",
        theme="evidence",
        title="A cure for overfitting",
        claim="Quantization and compression prevent overfitting and improve generalisation.",
        file="article 000, core concepts",
        as_it_stands=_w24_stands,
        controls={
            "bits": ladder(),
            "regime": Choice("few", measured.REGIMES, label="Trained on", help="How much data."),
        },
        measure=_w24,
        truth="For quantization after training no such effect was seen here: at few bits the gap "
        "closes only as the network forgets what it knew. Training with quantization inside is "
        "another experiment.",
        reading=PAIRED,
    ),
)
