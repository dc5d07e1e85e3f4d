"""Settings of the Quantize instrument worth looking at, and what each teaches."""

from qlab.live.instrument import Preset

PRESETS = (
    Preset(
        "8 bits are free",
        {"bits": 8},
        "A quarter of the bytes and the same accuracy, within noise: 255 levels are more "
        "than these weights need. That is why 8 bits is where everyone starts.",
    ),
    Preset(
        "2 bits and the outlier",
        {"bits": 2},
        "One scale must reach the largest weight, so with three levels nearly all others "
        "round to zero. Look at the levels: the bell is under the middle one.",
    ),
    Preset(
        "2 bits, clipped",
        {"bits": 2, "method": "mse"},
        "The same two bits, but the range is chosen for the smallest squared error: a few "
        "large weights are clipped, the many small ones get levels. Compare the accuracy.",
    ),
    Preset(
        "2 bits, a scale a row",
        {"bits": 2, "granularity": "axis"},
        "Each output neuron gets a scale that fits its own weights. The price is in the "
        "bytes: 4 more for each row. Does it help as much as clipping?",
    ),
    Preset(
        "Rounding down",
        {"bits": 5, "rounding": "floor"},
        "Floor errs in one direction only: the mean error is not zero but half a step, and "
        "a sum over hundreds of inputs adds it up. Set it to nearest and compare.",
    ),
    Preset(
        "2 bits, repaired",
        {"bits": 2, "method": "mse", "repair": "gptq"},
        "Same bits and bytes as clipped, half of its mistakes, and a worse SQNR: GPTQ rounds a "
        "column at a time and lets the columns to come make up for what the outputs lost. Set the "
        "repair to AdaRound, and to none.",
    ),
    Preset(
        "A table instead of steps",
        {"grid": "kmeans", "bits": 3},
        "Eight levels that stand where the weights are, the best eight there are. The table is 32 "
        "bytes a layer. Set the grid to affine: the same bits, a third of the decibels.",
    ),
    Preset(
        "One bit a weight",
        {"grid": "xnor", "granularity": "own"},
        "A sign for each weight, and one mean magnitude a row. Rounding a trained network to it "
        "is not enough, whatever the scale: this grid has to be trained for.",
    ),
    Preset(
        "Activations too",
        {"bits": 8, "activation_bits": 2},
        "Weights at 8 bits, but what enters each layer has only four values. Integer hardware "
        "needs both. Give the weights these 2 bits instead, and leave the activations float: "
        "which half of this network is the harder one?",
    ),
    Preset(
        "A range for each image",
        {"bits": 8, "activation_bits": 2, "input_range": "row"},
        "The same two bits of activations, but nothing was calibrated: each image brings its own "
        "range. Set the range to calibrated: the largest of 1,024 images then makes the steps of "
        "all, and there are four times the mistakes. Per batch lies between.",
    ),
    Preset(
        "SmoothQuant",
        {"bits": 8, "activation_bits": 2, "repair": "smoothquant"},
        "The same two bits, calibrated. A few hidden neurons are far larger than the rest and take "
        "all the levels; their weights take over what they are divided by. Less than half of the "
        "mistakes stay. Set the activations to float, the weights to 2 bits, the range to MSE: "
        "there it does harm.",
    ),
    Preset(
        "The whole model at 8 bits",
        {"bits": 8, "activation_bits": 8, "whole": True},
        "Weights, what enters each layer, biases and outputs: 8 bits each, and still within noise. "
        "Give the outputs 2 bits: four values for ten classes, and many images have two winners.",
    ),
)
