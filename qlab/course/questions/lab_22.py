"""Lab 22, the claims clinic: before it, before its measurements, and after it.

What was measured over ten seeds is read from the clinic's file: a new measurement changes the
questions and their answers together.
"""

import math

from qlab import metrics
from qlab.course.clinic import measured
from qlab.course.clinic.paired import Paired, t_quantile
from qlab.course.quiz import Ask, Item, Number

_correct, _of = 142, 160  # of W20: the count that comes nearest to 0.886 in five batches of 32
_seeds = len(measured.measured()["seeds"])
_t = t_quantile(_seeds - 1, 0.95)  # of one comparison
_verdicts = {
    "higher": "The whole interval would lie above 0: a gain in robustness.",
    "lower": "The whole interval would lie below 0: a loss that these seeds can tell from chance.",
    "no effect seen": "The interval would hold 0, with a gain on one side and a loss on the other.",
}


def points(difference: float, digits: int = 2) -> str:
    """Write a difference of two shares in percentage points.

    Parameters
    ----------
    difference
        As a fraction.
    digits
        Behind the point.

    Examples
    --------
    >>> points(-0.00384), points(0.5, digits=0)
    ('−0.38', '+50')
    """
    return f"{100 * difference:+.{digits}f}".replace("-", "−")


def ends(found: Paired, digits: int = 2) -> str:
    """Write an interval in percentage points.

    Parameters
    ----------
    found
        A comparison.
    digits
        Behind the point.
    """
    return f"{points(found.low, digits)} to {points(found.high, digits)}"


def reach(found: Paired) -> float:
    """Return how far an interval reaches on either side, in percentage points.

    Parameters
    ----------
    found
        A comparison.
    """
    return 100 * (found.high - found.low) / 2


_seen = metrics.wilson(_correct, _of)
_eight, _four, _three = (
    measured.against_float("all", b, "clean", len(measured.LADDER)) for b in ("8", "4", "3")
)
_alone = measured.against_float("all", "4", "clean", 1)
_deviation = reach(_alone) * math.sqrt(_seeds) / _t  # of the differences, equation 1 turned round
_noise = measured.against_float("all", "4", "noise 0.2", measured.DISTURBANCES)
_told = f" Measured: {points(_noise.mean)} points, {ends(_noise)}."
_gap, _test, _train = (
    measured.against_float("few", "2", name, measured.GAPS) for name in ("gap", "clean", "train")
)
_images = f"{measured.measured()['recipe']['test_images']:,}"

WARM_UP = (
    Item(
        question="An article gives a quantized network 0.8860, “comparable to the original”. The "
        "log shows five batches of at most 32 images, and no number for the original. What do you "
        "know about the loss?",
        options={
            "It is small.": "That is what the sentence wants to say. Nothing in it was compared.",
            "It is 11.4 points.": "That is the distance to 100 %. The original is not perfect "
            "either, and nobody says how far from it it was.",
            "Nothing.": f"There is no second number, and the first is wide: {_correct} of {_of} "
            f"images have an interval from {100 * _seen.low:.0f} to {100 * _seen.high:.0f} %.",
        },
        right="Nothing.",
    ),
    Number(
        question="The range from 0 to 1 is written with 2 bits. How large is the step?",
        right=1 / 3,
        tolerance=0.005,
        explanation="Two bits give four levels, and between four levels lie three steps. 1/2² = "
        "0.25 would need a fifth level, and 1/2 is range/bits.",
    ),
    Item(
        question="Ten networks were measured before and after a change. The interval of the mean "
        "difference holds 0. What may you write?",
        options={
            "The change has no effect.": "Ten networks cannot say that. A small effect would look "
            "just like this.",
            "No effect was seen, and so far does the interval reach.": "Whoever reads it knows how "
            "large an effect may still hide.",
            "The effect is the mean difference.": "Zero explains the ten differences as well as "
            "their mean does.",
        },
        right="No effect was seen, and so far does the interval reach.",
    ),
)

PREDICT = (
    Number(
        question=f"{_seeds} networks of the same shape were trained from {_seeds} seeds. Weights "
        "and activations get 3 bits. By how many points does their accuracy change on average? A "
        "loss is below 0.",
        right=100 * _three.mean,
        tolerance=reach(_three),
        unit="points",
        explanation=f"The interval reaches from {ends(_three)} points, and any answer within it "
        "counts as right. One network more is one case more: that of the instrument lies far "
        "outside. It was trained for longer, and it is another network.",
    ),
    Item(
        question="“Quantized networks are robust.” The test images get noise of deviation 0.2. "
        f"Accuracy with 4 bits against float, over the {_seeds} seeds, with an interval that is "
        f"wide enough for all {measured.DISTURBANCES} comparisons of W25:",
        options={
            verdict: f"{why}{_told if verdict == _noise.verdict else ''}"
            for verdict, why in _verdicts.items()
        },
        right=_noise.verdict,
    ),
)

EXPLAIN = (
    Number(
        question=f"The table judges the 4 bits of W23 together with {len(measured.LADDER) - 1} "
        f"other comparisons. Judge them alone: the {_seeds} differences have a standard deviation "
        f"of {_deviation:.3f} points, and t is {_t:.3f}. How far does the interval reach on either "
        "side of the mean?",
        right=reach(_alone),
        tolerance=0.005,
        unit="points",
        explanation=f"{_t:.3f} · {_deviation:.3f}/√{_seeds} = {reach(_alone):.2f} points, so from "
        f"{ends(_alone)}. Judged as one of {len(measured.LADDER)} it is {ends(_four)}: who asks "
        "more often must allow for more chance.",
    ),
    Item(
        question="W24, networks trained on 1,000 images, at 2 bits: the gap between training and "
        f"test images changes by {points(_gap.mean)} points, {ends(_gap)}. What happened?",
        options={
            "Quantizing cured the overfitting.": "Then the test images would have gained. Their "
            f"accuracy changes by {points(_test.mean)} points.",
            "The networks forgot: both accuracies fell.": "On the training images by "
            f"{points(_train.mean)} points, on the test images by {points(_test.mean)}. Who knows "
            "nothing has no gap.",
            "Chance: the interval holds 0.": "It does not, although it is wide enough for all "
            f"{measured.GAPS} comparisons of the exhibit.",
        },
        right="The networks forgot: both accuracies fell.",
    ),
    Ask(
        question="Choose one claim. What was claimed, what did you measure at which setting, and "
        "what would you write in its place?",
        model="For instance W23. Claimed in article 004: quantizing does not affect the "
        "performance. Measured: 784-128-10, weights and activations of 4 bits, "
        f"{_seeds} trainings, {_images} test images: {points(_four.mean)} points, interval "
        f"{ends(_four)}. At 8 bits it is {ends(_eight, 3)}: {_eight.verdict}. I would write: on "
        "this network 4 bits cost some tenths of a point; at 8 bits we see no effect, and one of a "
        "few hundredths of a point could still be there.",
    ),
)
