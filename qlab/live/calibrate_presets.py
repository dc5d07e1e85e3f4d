"""Settings of the Calibrate instrument worth looking at, and what they teach."""

from qlab.live.instrument import Preset

PRESETS = (
    Preset(
        "The largest value sets the step",
        {"bits": 2},
        "Nothing is clipped, and the few largest values decide how coarse all others are rounded. "
        "Drag the clip point to the left: the dotted error falls, the dashed one comes up, and "
        "their sum has a minimum in between.",
    ),
    Preset(
        "Two thirds of the range cut away",
        {"bits": 2, "clip": 33},
        "Same layer, same two bits. A few values lose much, all others gain a little, and both "
        "the sum of the errors and the accuracy are better.",
    ),
    Preset(
        "The largest of 64 images",
        {"bits": 2, "method": "minmax"},
        "Minmax stands at the largest value that it has seen: other images, another range, and "
        "with more of them it only grows. Move the draw, then the number of images: percentile "
        "and MSE move too, but less, and they settle.",
    ),
    Preset(
        "More bits, wider range",
        {"bits": 8, "method": "mse"},
        "With 255 steps rounding costs so little that hardly anything should be clipped. Set the "
        "bits to 2 and watch the minimum move to the left: a good clip point belongs to its bits.",
    ),
    Preset(
        "A formula instead of a search",
        {"bits": 3, "method": "aciq"},
        "ACIQ reads one number from the data, their mean magnitude, and takes them for a Laplace "
        "distribution. How far it stands from the minimum shows how far these data are from one.",
    ),
    Preset(
        "Least error, not best accuracy",
        {"kind": "weights", "layer": "fc1", "bits": 2, "method": "mse"},
        "The squared error is smallest here, and the accuracy is not best: KL and ACIQ clip less, "
        "err more, and the network answers better. The error of a layer only stands for what is "
        "wanted.",
    ),
)
