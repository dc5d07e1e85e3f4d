"""Settings of the Grids instrument worth looking at, and what each of them teaches."""

from qlab.live.instrument import Preset

PRESETS = (
    Preset(
        "Eight bits are 255 steps",
        {"bits": 8},
        "2^8 = 256 codes have 255 gaps between them, so a range of 1 has steps of 1/255. "
        "Dividing by 8, the number of bits, or by 256, the number of codes, misses the ends.",
    ),
    Preset(
        "A range eight times too wide",
        {"bits": 8, "low": -4.0, "high": 4.0},
        "An even grid pays for range with its step: eight times the range is three bits, 18 "
        "decibels. Set the format to E4M3, which does not ask, and compare.",
    ),
    Preset(
        "Fixed point without a range",
        {"format": "fixed", "bits": 8, "fraction_bits": 4},
        "Q3.4 has the range of −8 to 8 whether the weights need it or not, and its step "
        "of 1/16 is larger than most of them. Move the point with the fraction bits.",
    ),
    Preset(
        "Float8 spends its codes near zero",
        {"format": "e4m3", "axis": "symlog"},
        "E4M3 reaches 448, and half of its levels lie between −2 and 2. Nobody chose "
        "a range for these weights, and still few become zero.",
    ),
    Preset(
        "Four bits as a float",
        {"format": "e2m1", "scaled": True, "low": -0.34, "high": 0.34},
        "A float of four bits, scaled to the weights: fine near zero, where most of them are, "
        "coarse outside. Set the format to symmetric integers of 4 bits and compare.",
    ),
    Preset(
        "A table made for these weights",
        {"format": "kmeans", "code_bits": 4},
        "Weight sharing: 16 levels put where the weights are, by exact k-means, and 64 bytes for "
        "the table. Compare with symmetric integers of 4 bits, and with E2M1.",
    ),
    Preset(
        "Lloyd's iterations got stuck",
        {"format": "lloyd", "code_bits": 6},
        "From even steps the iterations end where nothing moves any more, and still far from the "
        "best table: set the format to exact k-means. Other starts end elsewhere.",
    ),
    Preset(
        "NF4, as it is used",
        {"format": "nf4", "block": "64"},
        "The levels are quantiles of a normal distribution and cost no table, but every 64 weights "
        "have a scale of 32 bits: half a bit more for each weight. What does a scale a row cost?",
    ),
    Preset(
        "Powers of two: more bits, hardly any better",
        {"format": "power_of_two", "code_bits": 6},
        "A product becomes a shift. But more bits add only ever smaller levels near zero; the gaps "
        "between the large ones stay. Go down to 4 bits and watch the SQNR, then try APoT.",
    ),
    Preset(
        "Three values",
        {"format": "twn"},
        "Zero up to 0.7 times the mean magnitude, and one size beyond. The optimum has another "
        "threshold and gains little: the rule is good, three values are few.",
    ),
    Preset(
        "One bit",
        {"format": "binary"},
        "The sign, and the mean magnitude of all. No weight is zero any more, and all are equally "
        "large. Without the mean (BNN) they are far too large as well.",
    ),
    Preset(
        "No sign, no negative weights",
        {"format": "unsigned", "bits": 8},
        "Unsigned codes begin at zero: every negative weight is clipped there. They are meant "
        "for what is never negative, such as activations behind a ReLU.",
    ),
)
