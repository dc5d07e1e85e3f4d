"""Lab 08, repairing post-training quantization: before it and after it."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from qlab import ptq, ranges
from qlab.core import QuantSpec
from qlab.course.quiz import Ask, Item, Number
from qlab.ptq import Repaired

SQNR = ["higher", "the same within 1 dB", "lower"]  # of the weights, after GPTQ
CLIPPED = 6.35  # dB at 2 bits, range MSE, LeNet-300-100


def sqnr_moved(instrument: Any) -> str:
    """Tell where the SQNR of the weights went, against the clipped range without repair."""
    moved = instrument.values["sqnr"].value - CLIPPED
    return SQNR[1] if abs(moved) <= 1 else SQNR[0 if moved > 0 else 2]


AT = {"bits": 2, "method": "mse"}
BIAS: dict[str, Any] = {
    "question": "Now the 410 biases are corrected on 256 training images. How many does it get "
    "right?",
    "at": AT | {"repair": "bias_correction"},
}
GPTQ: dict[str, Any] = {
    "question": "GPTQ instead: higher accuracy. And the SQNR of the weights, against 6.35 dB "
    "without?",
    "at": AT | {"repair": "gptq"},
    "reads": sqnr_moved,
    "choices": SQNR,
}


def _nearest(W: np.ndarray, X: object, spec: QuantSpec) -> Repaired:
    """Round to nearest over the range that all others start from: no repair, the first rung."""
    return ptq.rounded(W, ranges.mse(W, spec))


LADDER: dict[str, Callable[..., Repaired]] = {  # each in a second, so that a class can wait
    "nearest": _nearest,
    "least_squares": ptq.METHODS["least_squares"],
    "hqq": functools.partial(ptq.METHODS["hqq"], method=ranges.mse),
    "awq": ptq.awq,
    "bias_correction": ptq.bias_correction,
    "gptq": ptq.gptq,
    "adaround": functools.partial(ptq.adaround, iterations=100),
}


WARM_UP = (
    Item(
        question="Two weights of 0.4 meet inputs that are always equal. The grid has 0 and 1. What "
        "should become of them?",
        options={
            "Both become 0.": "Each errs least, and the output loses 0.8 of every input.",
            "One becomes 0, the other 1.": "Each may err more, but the output errs by 0.2 of the "
            "input instead of 0.8. What counts is what the layer says, not what its weights are.",
            "Both become 1.": "Then the output gains 1.2 of every input.",
        },
        right="One becomes 0, the other 1.",
    ),
    Number(
        question="A weight of 0.3 became 0. Its input is 2 on average. What has to be added to the "
        "bias, so that the output is on average what it was?",
        right=0.6,
        tolerance=0.001,
        explanation="(0.3 − 0)·2 = 0.6. The input varies around 2; that part is not repaired.",
    ),
    Item(
        question="A repair looks at images. Which ones may it look at?",
        options={
            "Those of the test set: it wants their accuracy.": "Then their accuracy says how well "
            "it was fitted to them. `repair` refuses a test split.",
            "Some of the training file, set aside for calibration.": "256 of them are enough here. "
            "Their labels are not even needed.",
            "None, only the weights.": "Least squares and HQQ do so. GPTQ, AdaRound and the "
            "correction of the bias need to know what enters a layer.",
        },
        right="Some of the training file, set aside for calibration.",
    ),
)

EXPLAIN = (
    Item(
        question="At 2 bits GPTQ lowers the SQNR of the weights from 6.35 to 2.7 dB and raises "
        "the accuracy from 90.91 to about 95 %. How?",
        options={
            "An accident; the intervals overlap.": "They are 4 points apart, and each interval is "
            "about a point wide.",
            "It moves weights away from their floats so that errors cancel in the outputs.": "SQNR "
            "adds up the errors of the weights one by one. Outputs are sums, and in a sum errors "
            "can cancel: that is what the later columns are moved for.",
            "It leaves out weights that do not matter.": "Every weight keeps its code; many codes "
            "are others.",
        },
        right="It moves weights away from their floats so that errors cancel in the outputs.",
    ),
    Number(
        question="How many bytes does the correction of the bias add to the packed network?",
        right=0,
        tolerance=0.5,
        unit="bytes",
        explanation="Each output has a float32 bias already; only its value changes. AWQ's factors "
        "are 4 bytes an input, 4,736 in all, unless the layers before take them over.",
    ),
    Number(
        question="Codes 1, 1, 2 stand for the weights 0.9, 1.1, 2.2. Which scale errs least?",
        right=6.4 / 6,
        tolerance=0.0005,
        explanation="⟨w, q⟩/⟨q, q⟩ = (0.9 + 1.1 + 4.4)/(1 + 1 + 4) = 6.4/6 = 1.067.",
    ),
    Item(
        question="Cross-layer equalization makes this network a little worse at 2 bits. What does "
        "that say of the method?",
        options={
            "It does not work.": "Scale the rows of a layer apart by hand, and it brings back what "
            "rounding lost: see the cell on it.",
            "It mends channels of very unlike ranges, and these are not.": "It was made for "
            "networks whose folded normalization leaves ranges a hundred times apart. A repair is "
            "as good as the damage is the one that it repairs.",
            "It needs more images.": "It looks at none.",
        },
        right="It mends channels of very unlike ranges, and these are not.",
    ),
    Ask(
        question="A colleague wants to ship x_c = x_q + α(x − x_q) with α = ½, because it halves "
        "the error. What do you say?",
        model="It does halve it, and at α = 1 the error is gone, for then x_c is x itself. The "
        "formula needs the float x wherever it is used, so the float has to be shipped along; and "
        "x_c is no value of the grid, so it cannot be stored in the codes. A repair has to be "
        "computed once, before shipping, and end on the grid or in the bias.",
    ),
)
