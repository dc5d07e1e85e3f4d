"""Settings of the Train quantized instrument that are worth looking at, and what they teach."""

from qlab.live.instrument import Preset

PRESETS = (
    Preset(
        "Two bits: rounding fails, training mends",
        {"method": "lsq", "weight_bits": 2},
        "Three levels. Rounded after training with minmax ranges the network guesses; with the "
        "best ranges it is still far off. Trained on its three levels it is near float "
        "again: the other weights move to where they make up for the rounding.",
    ),
    Preset(
        "A step that covers the largest weight",
        {"method": "straight_through", "weight_bits": 2},
        "Straight-through training on a minmax grid lets every gradient pass, but almost all "
        "weights stand on 0. Set the method to LSQ: a smaller step blocks some weights and "
        "errs less.",
    ),
    Preset(
        "A step too large wants to shrink",
        {"method": "lsq", "weight_bits": 3, "factor": 2.4},
        "The dashed curve is what each weight says to the step: most of all those that are "
        "clipped, then those halfway between two levels. Here the slope of the squared error is "
        "above 0, so a descent makes the step smaller. Drag it to 0.8: between 0.9 and 0.8 the "
        "sign turns, and there the SQNR is highest.",
    ),
    Preset(
        "PACT: who is clipped decides",
        {"method": "pact", "activation_bits": "2", "side": "activations"},
        "The clip α hears only from what lies beyond it: 0 below α, 1 above. What is rounded "
        "says nothing, so α alone would grow; the loss and a decay hold it back.",
    ),
    Preset(
        "One bit: the slope of another function",
        {"method": "bnn", "side": "weights"},
        "The sign is flat but for one jump. Training pretends it was hard tanh, of slope 1 "
        "from −1 to 1, and clips the weights there. All trained weights lie inside.",
    ),
    Preset(
        "DoReFa's levels do not lie on the weights",
        {"method": "dorefa", "weight_bits": 2},
        "tanh squeezes the weights and the levels span −1 to 1, none of them 0. The scale "
        "comes from the normalisation behind, so the histogram and the levels do not match, "
        "and need not.",
    ),
    Preset(
        "A codebook that learns",
        {"method": "learned_codebook", "weight_bits": 3},
        "Here no weight moves: each keeps its code, and its level collects the gradients of "
        "all weights that share it. The pretended slope of a weight is 0 everywhere.",
    ),
)
