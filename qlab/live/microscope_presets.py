"""What the Microscope shows first to whoever asks: six weights, each with its lesson."""

from qlab.live.instrument import Preset

PRESETS = (
    Preset(
        "One row sets the step",
        {"row": 75, "column": 301},
        "The largest weight of the layer lies in row 36, and its scale holds for all rows. In "
        "row 75 no weight is larger than 0.081, and a step is 0.048: two weights of three "
        "become 0, and of 15 levels five are used.",
    ),
    Preset(
        "A scale for this row",
        {"row": 75, "column": 301, "granularity": "row"},
        "The same row with a scale of its own: steps of 0.0115 instead of 0.048. It costs four "
        "bytes a row. Row 36 keeps its step: it never paid.",
    ),
    Preset(
        "Groups of 16",
        {"row": 75, "column": 301, "granularity": "group16"},
        "Sixteen neighbours share a scale. The step is finer still, and a float32 scale for 16 "
        "weights is two more bits for each: 4 bits have become 6.",
    ),
    Preset(
        "A negative code",
        {"row": 36, "column": 213},
        "Two's complement: the first bit counts −8, the others 4, 2 and 1. Take the code, less "
        "the zero point, times the scale: that is all a reader of the file has to do.",
    ),
    Preset(
        "A zero point at work",
        {
            "layer": "fc3",
            "row": 9,
            "column": 54,
            "symmetric": False,
            "bits": 3,
            "granularity": "row",
        },
        "The weights of this row reach from −0.53 to 0.19. Without symmetry its eight levels "
        "follow, and the code that means zero is 1. Tick symmetric: three of seven levels then "
        "stand where the row has hardly a weight.",
    ),
    Preset(
        "A filter",
        {"network": "lenet_5", "layer": "conv1", "row": 1, "column": 12, "granularity": "row"},
        "Of a convolution a row is a filter: 25 weights here, one scale. It is multiplied by "
        "every patch of the image; shown is the one to which it answers most strongly.",
    ),
)
