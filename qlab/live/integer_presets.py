"""Settings of the Integer instrument worth looking at, and what they teach."""

from qlab.live.instrument import Preset

PRESETS = (
    Preset(
        "32 bits, as processors have",
        {"accumulator_bits": 32},
        "784 products of 8 by 8 bits need 24 bits at the very worst, so in int32 the register ends "
        "far above the picture. Nothing overflows, and integers are as good as floats.",
    ),
    Preset(
        "20 bits, wrapping",
        {"accumulator_bits": 20},
        "A sum that is too large comes back at the other end with the wrong sign. Few sums do, and "
        "accuracy already falls: a wrapped sum is not a little wrong but as wrong as can be.",
    ),
    Preset(
        "20 bits, saturating",
        {"accumulator_bits": 20, "overflow": "saturate"},
        "The same register stays at its end instead. More sums are wrong than with wrapping, but a "
        "sum cut off is still large and has the right sign: compare the accuracy.",
    ),
    Preset(
        "4 bits fit in 16",
        {"weight_bits": 4, "activation_bits": 4, "accumulator_bits": 16},
        "Products of 4 by 4 bits are small: even the worst image fits in 15 bits. Half "
        "the register means twice the sums in one instruction.",
    ),
    Preset(
        "A shift alone",
        {"multiplier_bits": 1, "accumulator_bits": 32},
        "With one bit the multiplier is a power of two: no product is needed, only a shift, and "
        "each scale is up to a third wrong. Compare the logits: what became of the accuracy?",
    ),
    Preset(
        "A channel that saturates its codes",
        {"network": "lenet_5", "layer": "conv1", "neuron": 1, "accumulator_bits": 32},
        "A convolution's channel has a sum for each of 24 × 24 places; the one farthest from 0 "
        "is followed. Codes are clipped where an image goes beyond what calibration saw.",
    ),
)
