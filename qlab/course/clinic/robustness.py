"""W25: what quantization does to robustness; accuracy under noise and shift, flips, calibration.

    d = accuracy(quantized, disturbed) − accuracy(float, disturbed)          paired over seeds
    flips_c = share of the test images of class c whose answer changed

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261 (accuracy under disturbances); Hooker et
al. 2020, arXiv:2010.03058 (compression touches some classes more); Guo et al. 2017,
arXiv:1706.04599 (calibration).
"""

import functools

import numpy as np
from matplotlib.figure import Figure

from qlab import data, metrics, networks, plots
from qlab.course.clinic import measured, protocol
from qlab.course.clinic.accuracy import NETWORK, PAIRED, ladder
from qlab.course.clinic.exhibit import Exhibit, Measurement, Outcome
from qlab.course.clinic.paired import mean_of
from qlab.live.readout import Value
from qlab.live.settings import Choice
from qlab.metrics import Measured

DISTURBED = {
    "noise 0.1": "noise, deviation 0.1",
    "noise 0.2": "noise, deviation 0.2",
    "shift 1": "shift by 1 pixel",
    "shift 2": "shift by 2 pixels",
}
COMPARISONS = measured.DISTURBANCES


def _w25_stands() -> Outcome:
    return Outcome(
        says="Article 002 says that compact numbers make a network easier to interpret; article "
        "001 lists interpretability and robustness as open challenges. Neither says how one would "
        "measure them.",
        nothing=True,
    )


@functools.lru_cache(32)
def _live(bits: str, stress: str) -> Measured:
    net, mnist = networks.load(NETWORK), data.load("mnist")
    used = net if bits == "float" else protocol.quantized(net, int(bits), mnist.calibration)
    images, labels = mnist.test[:2000]
    disturbed = protocol.conditions()[stress](images)
    return metrics.accuracy(used.predict(disturbed), labels, "estimated")


def by_class(bits: str) -> list[Measured]:
    """Return the share of changed answers of each class, averaged over the seeds.

    Parameters
    ----------
    bits
        One of ``measured.LADDER``.
    """
    return [mean_of(shares) for shares in zip(*measured.measured()["flips"][bits], strict=True)]


def _w25(bits: str = "4", stress: str = "noise 0.2") -> Measurement:
    seen = measured.against_float("all", bits, stress, COMPARISONS)
    ece = measured.against_float("all", bits, "ece", COMPARISONS)
    shares = by_class(bits)
    most = max(range(10), key=lambda c: shares[c].value)
    least = min(range(10), key=lambda c: shares[c].value)

    def draw(figure: Figure) -> None:
        ax = plots.style.dress(
            figure.add_axes((0.13, 0.17, 0.85, 0.8)), "class", "answers changed (%)"
        )
        mean = np.array([100 * s.value for s in shares])
        reach = np.array([100 * (s.high - s.value) for s in shares])
        ax.bar(np.arange(10), mean, yerr=reach, color=plots.style.AFTER, capsize=2)
        ax.set_xticks(np.arange(10))
        ax.set_ylim(0)

    return Measurement(
        values=(
            measured.stored(
                "difference", f"{bits} bits − float, {DISTURBED[stress]}", seen, "points"
            ),
            measured.stored("ece", "Difference of the calibration error", ece, "points"),
            measured.stored("most", f"Flips, digit {most}", shares[most], "percent"),
            measured.stored("least", f"Flips, digit {least}", shares[least], "percent"),
            Value.of(
                "zoo_float", "The zoo's network now, float", _live("float", stress), form="percent"
            ),
            Value.of(
                "zoo", f"The zoo's network now, {bits} bits", _live(bits, stress), form="percent"
            ),
        ),
        says=f"Under {DISTURBED[stress]}, {bits} bits against float: {seen.verdict}. Calibration "
        f"error: {ece.verdict}. Answers change most for the digit {most}, least for {least}. The "
        f"intervals are wide enough for all {COMPARISONS} comparisons together.",
        draw=draw,
        alt=f"Changed answers by class at {bits} bits; most for {most}, fewest for {least}.",
    )


EXHIBITS = (
    Exhibit(
        number="W25",
        theme="evidence",
        title="Easier to interpret, and robust",
        claim="A quantized network is easier to interpret, and robust.",
        file="article 002, §2.3 and §3.3; article 001, §5",
        as_it_stands=_w25_stands,
        controls={
            "bits": ladder(),
            "stress": Choice("noise 0.2", DISTURBED, label="Disturbance", help="Of the images."),
        },
        measure=_w25,
        truth="No gain in robustness was seen here at any number of bits; at few bits there is a "
        "loss, and some classes pay more of it. For interpretability no measure was proposed, so "
        "there is nothing to confirm.",
        reading=PAIRED,
    ),
)
