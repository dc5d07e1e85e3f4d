"""Lab 05, a whole model after training: before it and after it."""

from typing import Any

from qlab.course.quiz import Ask, Item, Number

EIGHT: dict[str, Any] = {
    "question": "Weights and activations in 8 bits: how many of the test images does it still get "
    "right?",
    "at": {"bits": 8, "activation_bits": 8},
}
TWO: dict[str, Any] = {
    "question": "Weights in 8 bits, activations in 2: what enters each layer has four values. "
    "Accuracy?",
    "at": {"bits": 8, "activation_bits": 2},
}

WARM_UP = (
    Item(
        question="The weights of a network lie in a file. Where does the range of what *enters* "
        "its second layer come from?",
        options={
            "From the second layer's weights.": "They say nothing of their inputs. An article "
            "rounds weights and calls it activation quantization.",
            "From images that run through the network, set aside for that.": "A calibration split: "
            "neither trained on, nor tested on.",
            "From the test images, to be exact.": "Then the test has been chosen on, and its "
            "number means less. `qlab` refuses it.",
        },
        right="From images that run through the network, set aside for that.",
    ),
    Item(
        question="Behind a rectifier, which grid wastes no code?",
        options={
            "Symmetric, around zero.": "Half of its codes stand for numbers that never occur.",
            "Unsigned, zero point 0.": "0 is the lowest input and the lowest code.",
            "Signed, with a zero point in the middle.": "The same waste in other words.",
        },
        right="Unsigned, zero point 0.",
    ),
    Number(
        question="Pixels from 0 to 1 in 4 unsigned bits. How large is a step?",
        right=1 / 15,
        tolerance=0.0005,
        explanation="16 codes have 15 steps between them: 1/15 = 0.0667.",
    ),
)

EXPLAIN = (
    Number(
        question="The 784-128-10 network: how many bytes do its weights take in 8 bits, packed, "
        "symmetric, with one float32 scale a layer, and its 138 biases in float32?",
        right=101_632 + 2 * 4 + 138 * 4,
        tolerance=4,
        unit="bytes",
        explanation="784·128 + 128·10 = 101,632 codes of a byte, 8 bytes of scales, 552 bytes of "
        "biases: 102,192. In float32 it was 407,080.",
    ),
    Item(
        question="With weights of 8 bits, activations of 2 still give 94 %. With activations of 8, "
        "weights of 2 give 17 %. Are weights always the harder half?",
        options={
            "Yes: a network lives in its weights.": "With the MSE range the 2-bit weights of this "
            "network give 70 %; see task 4.",
            "No: here the range from smallest to largest is what fails, not the two bits.": "One "
            "scale reaches the largest weight, and nearly all others round to 0.",
            "No: 2 bits of activations are 4 bits of weights.": "Bits of different things are not "
            "exchanged at a rate.",
        },
        right="No: here the range from smallest to largest is what fails, not the two bits.",
    ),
    Item(
        question="An article reports 0.886 for its uint8 network and calls it comparable to the "
        "original. What is missing?",
        options={
            "More decimals.": "Three are more than most test sets can tell.",
            "The original's accuracy on the same images, and an interval.": "Without them 0.886 "
            "may be ten points too low, or none.",
            "A second network.": "It would be nice, and it would not say what this one lost.",
        },
        right="The original's accuracy on the same images, and an interval.",
    ),
    Ask(
        question="A network has batch normalization behind every convolution. A colleague "
        "quantizes the convolutions' weights and leaves the normalization in float. What do you "
        "suggest, and why?",
        model="Fold it first: at inference it is a factor and a shift for each output, so it can "
        "become part of weights and bias, and one operation is gone. What is quantized afterwards "
        "is what will be multiplied. The factors differ from row to row, so the folded weights "
        "often need a scale for each row.",
    ),
)
